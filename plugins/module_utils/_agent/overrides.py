# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The option ``overrides``: a part of a Job, merged over the one that is made, last; pure.

It is a strategic merge in the small: lists that Kubernetes tells apart by a key are joined by it,
all others are replaced; null removes a field.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError

__all__ = ["apply_overrides"]

# Source: patchMergeKey in k8s.io/api/core/v1/types.go, for the fields of a pod's specification.
_MERGED = {
    "containers": "name",
    "env": "name",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "ports": "containerPort",
    "volumeDevices": "devicePath",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
# What the collection finds its own Jobs by, and ends them by.
_FIXED = (
    ("apiVersion",),
    ("kind",),
    ("metadata", "name"),
    ("metadata", "namespace"),
    ("metadata", "generateName"),
    ("spec", "completions"),
    ("spec", "parallelism"),
    ("spec", "backoffLimit"),
    ("spec", "completionMode"),
    ("spec", "suspend"),
)


def apply_overrides(
    job: Mapping[str, Any], overrides: Mapping[str, Any], *, container: str, marks: str
) -> dict[str, Any]:
    """The Job with *overrides* laid over it.

    Raises OptionError for what would take away how the collection finds its Jobs again (the labels
    and annotations that begin with *marks*, the agent's own *container*) or ends them.
    """
    _check(overrides, marks)
    merged = _merge(job, overrides, "overrides")
    spec = merged["spec"]
    if not isinstance(spec.get("activeDeadlineSeconds"), int):
        raise OptionError(
            "overrides: spec.activeDeadlineSeconds bounds the agent when nobody is there to end "
            "it: give a number of seconds, or leave it as it is."
        )
    containers = spec["template"]["spec"].get("containers") or []
    if container not in [each.get("name") for each in containers]:
        raise OptionError(f"overrides cannot take away the agent's container {container}.")
    return merged


def _check(overrides: Mapping[str, Any], marks: str) -> None:
    for path in _FIXED:
        at: Any = overrides
        for key in path:
            at = at.get(key) if isinstance(at, Mapping) else None
        if at is not None:
            raise OptionError(
                f"overrides cannot set {'.'.join(path)}: the collection finds and ends its Jobs by "
                "it. Leave it out."
            )
    template = _at(_at(overrides, "spec"), "template")
    for metadata in (_at(overrides, "metadata"), _at(template, "metadata")):
        for kind in ("labels", "annotations"):
            taken = sorted(key for key in _at(metadata, kind) if str(key).startswith(marks))
            if taken:
                raise OptionError(
                    f"overrides cannot set {kind} {', '.join(taken)}: they are the collection's "
                    "own marks."
                )


def _at(value: Any, key: str) -> Mapping[str, Any]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _merge(base: Any, patch: Mapping[str, Any], where: str) -> dict[str, Any]:
    result = copy.deepcopy(dict(base)) if isinstance(base, Mapping) else {}
    for key, value in patch.items():
        place = f"{where}.{key}"
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            _same(result.get(key), Mapping, place)
            result[key] = _merge(result.get(key) or {}, value, place)
        elif key in _MERGED:
            _same(value, list, place)
            result[key] = _merge_list(result.get(key) or [], value, _MERGED[key], place)
        else:
            if isinstance(result.get(key), (Mapping, list)):
                _same(value, type(result[key]), place)
            result[key] = copy.deepcopy(value)
    return result


def _same(value: Any, wanted: type, place: str) -> None:
    if value is not None and not isinstance(value, wanted):
        words = "a list" if wanted is list else "a dictionary"
        raise OptionError(f"{place} must be {words}.")


def _merge_list(
    base: Sequence[Mapping[str, Any]], patch: Sequence[Any], key: str, place: str
) -> list[Any]:
    result = [copy.deepcopy(dict(item)) for item in base]
    for item in patch:
        if not isinstance(item, Mapping) or item.get(key) is None:
            raise OptionError(f"{place}: each item is a dictionary with {key}.")
        at = next((index for index, old in enumerate(result) if old.get(key) == item[key]), None)
        if at is None:
            result.append(_merge({}, item, place))
        else:
            result[at] = _merge(result[at], item, f"{place}[{item[key]}]")
    return result
