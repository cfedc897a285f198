# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""kubectl's debugging profiles and its ``--custom``, for ephemeral containers, pure.

Source: k8s.io/kubectl v0.37.2, pkg/cmd/debug/profiles.go (the ``ephemeral`` branch of each
profile's Apply) and debug.go (applyCustomProfileEphemeral).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    OptionError,
    Profile,
)

__all__ = ["MARK_PREFIX", "Container", "apply_custom", "apply_profile", "check_custom"]

Container: TypeAlias = dict[str, Any]

MARK_PREFIX = "KUBEDEBUG_"

# The lists that strategic merge joins, with the key that tells their items apart; all other lists
# are replaced. Source: patchStrategy and patchMergeKey in k8s.io/api/core/v1/types.go
_MERGED_LISTS = {"env": "name", "volumeMounts": "mountPath", "ports": "containerPort"}

# What a partial container may set: the API's own list for ephemeral containers
# (kubernetes, pkg/apis/core/validation/validation.go, allowedEphemeralContainerFields) without what
# kubectl refuses and what options of the collection say.
_ALLOWED = (
    "env",
    "envFrom",
    "imagePullPolicy",
    "securityContext",
    "stdin",
    "stdinOnce",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeMounts",
    "workingDir",
)
_REFUSED = {
    "name": "the collection gives the name",
    "image": "use the option image",
    "command": "use the option command",
    "args": "use the options command or args",
    "targetContainerName": "use the options container and target_container",
}


def apply_profile(container: Container, profile: Profile) -> Container:
    """A copy of the container with the security context that the profile gives it."""
    changed = copy.deepcopy(container)
    _PROFILES[profile](changed)
    return changed


def _general(container: Container) -> None:
    _add_capabilities(container, "SYS_PTRACE")


def _baseline(container: Container) -> None:
    container.pop("securityContext", None)


def _restricted(container: Container) -> None:
    container["securityContext"] = {
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "allowPrivilegeEscalation": False,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _netadmin(container: Container) -> None:
    _add_capabilities(container, "NET_ADMIN", "NET_RAW")


def _sysadmin(container: Container) -> None:
    container.setdefault("securityContext", {})["privileged"] = True


def _add_capabilities(container: Container, *names: str) -> None:
    context = container.setdefault("securityContext", {})
    context.setdefault("capabilities", {}).setdefault("add", []).extend(names)


_PROFILES: Mapping[Profile, Callable[[Container], None]] = {
    "general": _general,
    "baseline": _baseline,
    "restricted": _restricted,
    "netadmin": _netadmin,
    "sysadmin": _sysadmin,
}


def check_custom(custom: Mapping[str, Any], volumes: Sequence[str]) -> None:
    """Raise OptionError for a partial container that an ephemeral one cannot take.

    *volumes* are the names of the pod's volumes: an entry can mount those and no others.
    """
    refused = sorted(set(custom) - set(_ALLOWED))
    if refused:
        hints = [f" ({_REFUSED[key]})" if key in _REFUSED else "" for key in refused]
        keys = ", ".join(key + hint for key, hint in zip(refused, hints, strict=True))
        raise OptionError(
            f"custom: an ephemeral container cannot take {keys}. It may hold {', '.join(_ALLOWED)}."
        )
    for key in ("env", "envFrom", "volumeMounts"):
        _check_list(custom, key, _MERGED_LISTS.get(key))
    for key in ("stdin", "stdinOnce", "tty"):
        _check_type(key, custom.get(key), bool, "true or false")
    for key in ("workingDir", "terminationMessagePath", "terminationMessagePolicy"):
        _check_type(key, custom.get(key), str, "a text")
    _check_type("imagePullPolicy", custom.get("imagePullPolicy"), str, "a text")
    _check_security_context(custom.get("securityContext"))
    for item in custom.get("env") or []:
        _check_type(
            f"env {item['name']}: value", item.get("value"), str, "a text: put it in quotes"
        )
    marks = [item["name"] for item in custom.get("env") or [] if _is_mark(item)]
    if marks:
        raise OptionError(
            f"custom: env {', '.join(marks)}: names that begin with {MARK_PREFIX} are the "
            "collection's own marks; choose another name."
        )
    for mount in custom.get("volumeMounts") or []:
        _check_mount(mount, volumes)


def _check_type(key: str, value: Any, wanted: type, words: str) -> None:
    """The API server's own words for a wrong type would quote the whole entry, its env too."""
    if value is not None and not isinstance(value, wanted):
        raise OptionError(f"custom: {key} must be {words}.")


def _check_security_context(context: Any) -> None:
    _check_type("securityContext", context, Mapping, "a dictionary")
    capabilities = (context or {}).get("capabilities")
    _check_type("securityContext.capabilities", capabilities, Mapping, "a dictionary")
    for key in ("add", "drop"):
        names = (capabilities or {}).get(key)
        _check_type(f"securityContext.capabilities.{key}", names, list, "a list")


def _is_mark(item: Mapping[str, Any]) -> bool:
    return str(item["name"]).startswith(MARK_PREFIX)


def _check_list(custom: Mapping[str, Any], key: str, merge_key: str | None) -> None:
    value = custom.get(key)
    if value is None:
        return
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise OptionError(f"custom: {key} must be a list of dictionaries.")
    if merge_key is None:
        return
    keys = [item.get(merge_key) for item in value]
    if not all(isinstance(each, str) and each for each in keys):
        raise OptionError(f"custom: each item of {key} needs {merge_key}.")
    twice = sorted({each for each in keys if keys.count(each) > 1})
    if twice:
        raise OptionError(f"custom: {key} names {', '.join(twice)} more than once.")


def _check_mount(mount: Mapping[str, Any], volumes: Sequence[str]) -> None:
    for key in ("subPath", "subPathExpr"):
        if mount.get(key):
            raise OptionError(
                f"custom: the mount at {mount['mountPath']} sets {key}, which the API forbids for "
                "ephemeral containers: mount the whole volume."
            )
    if mount.get("name") not in volumes:
        there = ", ".join(volumes) or "none"
        raise OptionError(
            f"custom: the mount at {mount['mountPath']} names volume {mount.get('name')!r}, and an "
            f"ephemeral container can mount only what the pod has already: {there}."
        )


def apply_custom(container: Container, custom: Mapping[str, Any]) -> Container:
    """Merge a checked partial container as kubectl does: strategically, after the profile.

    null and empty lists change nothing, since kubectl reads the file into its own type first, where
    they are the same as absent.
    """
    given = {key: value for key, value in custom.items() if value is not None and value != []}
    return _merged(container, given)


def _merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> Container:
    result = copy.deepcopy(dict(base))
    for key, value in patch.items():
        if key in _MERGED_LISTS:
            result[key] = _merged_list(result.get(key) or [], value, _MERGED_LISTS[key])
        elif isinstance(value, Mapping):
            inner = {name: each for name, each in value.items() if each is not None and each != []}
            result[key] = _merged(result.get(key) or {}, inner)
        else:
            result[key] = copy.deepcopy(value)
    return result


def _merged_list(
    base: Sequence[Mapping[str, Any]], patch: Sequence[Mapping[str, Any]], key: str
) -> list[Any]:
    """Join two lists by *key*, in the order that kubectl's library gives them.

    An item that only the patch has goes before the items that only the base has, unless a shared
    item holds it back. Source: apimachinery, pkg/util/strategicpatch/patch.go (mergeSortedSlice).
    """
    position = {item[key]: index for index, item in enumerate(base)}
    patched = {item[key] for item in patch}
    waiting = [item for item in base if item[key] not in patched]
    result: list[Any] = []
    for item in patch:
        old = position.get(item[key])
        while old is not None and waiting and position[waiting[0][key]] < old:
            result.append(copy.deepcopy(waiting.pop(0)))
        result.append(_merged_item(base[old] if old is not None else {}, item))
    return result + copy.deepcopy(waiting)


def _merged_item(old: Mapping[str, Any], new: Mapping[str, Any]) -> Container:
    # The API takes either of the two; kubectl would send both and be refused.
    other = {"value": "valueFrom", "valueFrom": "value"}
    dropped = {other[key] for key in new if key in other}
    return {**{key: value for key, value in old.items() if key not in dropped}, **new}
