# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""From a task's words to an entry of ``spec.ephemeralContainers``; pure.

An entry has neither labels nor annotations, and annotations of the pod would change the target. So
what the collection must know of its own entries later stands in their environment, where it cannot
be changed afterwards: the marks, all of which begin with KUBEDEBUG_.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.profiles import (
    MARK_PREFIX,
    Container,
    apply_custom,
    apply_profile,
    check_custom,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.supervisor import (
    SUPERVISOR,
    SUPERVISOR_NAME,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import DebuggerOptions
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target

__all__ = [
    "MANAGED_BY",
    "Built",
    "build_entry",
    "entry_name",
    "identity",
    "literal",
    "masked_entry",
    "patch_body",
    "stamped",
]

MANAGED_BY = "kubedebug.core"

_IDENTITY_LENGTH = 10
_MASK = "********"


@dataclass(frozen=True, kw_only=True)
class Built:
    """An entry, and what of the wish could not be put into it."""

    entry: Container
    warnings: tuple[str, ...] = ()


def identity(options: DebuggerOptions, *, owner: str, container: str) -> str:
    """The hash of everything that makes one debugger another, ten hexadecimal digits.

    Why it was started (reason, ticket) does not make another debugger; whose it is does, since the
    owner may stop it, and *container* where the debugger takes anything from it.
    """
    shape = {
        "args": options.args,
        "command": options.command,
        "container": container if options.target_container or options.inherit else None,
        "custom": options.custom,
        "env": dict(options.env),
        "image": options.image,
        "image_pull_policy": options.image_pull_policy,
        "inherit": sorted(options.inherit),
        "lifetime": options.lifetime,
        "owner": owner,
        "profile": options.profile,
        "stdin": options.stdin,
        "target_container": options.target_container,
        "tty": options.tty,
    }
    text = json.dumps(shape, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:_IDENTITY_LENGTH]


def entry_name(identity_hash: str, taken: Collection[str]) -> str:
    """A name for an entry of that identity that no entry of the pod has.

    It depends on nothing else, so that two runs that start at once take the same one, and the API
    server lets only one of them have it.
    """
    base = f"kubedebug-{identity_hash}"
    if base not in taken:
        return base
    number = 2
    while f"{base}-{number}" in taken:
        number += 1
    return f"{base}-{number}"


def literal(text: str) -> str:
    """Text that Kubernetes leaves as it is: it expands ``$(NAME)`` and ``$$`` in argv and env.

    Source: k8s.io/kubernetes, third_party/forked/golang/expansion/expand.go.
    """
    return text.replace("$", "$$")


def build_entry(
    options: DebuggerOptions,
    target: Target,
    *,
    name: str,
    identity: str,
    owner: str,
    now: float,
) -> Built:
    """The entry that *options* describe for *target*; *now* is the cluster's time (epoch, s).

    Raises OptionError for a ``custom`` that an ephemeral container cannot take.
    """
    volumes = [str(volume["name"]) for volume in target.pod["spec"].get("volumes") or []]
    check_custom(options.custom, volumes)
    inherited, warnings = _inherited(options, target)
    entry: Container = {
        "name": name,
        "image": options.image,
        **_process(options),
        **inherited,
    }
    if options.image_pull_policy is not None:
        entry["imagePullPolicy"] = options.image_pull_policy
    if options.target_container:
        entry["targetContainerName"] = target.container
    for flag, given in (("stdin", options.stdin), ("tty", options.tty)):
        if given:
            entry[flag] = True
    # The order is kubectl's: what the options say, the profile, and custom last.
    entry["env"] = _overridden(entry.get("env") or [], options.env)
    entry = apply_profile(entry, options.profile)
    user = _inherited_user(options, target)
    if user:
        entry = apply_custom(entry, {"securityContext": user})
    entry = apply_custom(entry, options.custom)
    marks = _marks(options, identity=identity, owner=owner, now=now)
    entry["env"] = [*marks, *entry["env"]]
    return Built(entry=entry, warnings=(*warnings, *_powerless(entry, target)))


def _overridden(items: Sequence[Mapping[str, Any]], env: Mapping[str, str]) -> list[Any]:
    """The environment with the task's own values: last, so that they can refer to the others."""
    kept = [item for item in items if item["name"] not in env]
    return [*kept, *({"name": key, "value": value} for key, value in env.items())]


def _powerless(entry: Container, target: Target) -> list[str]:
    """Capabilities of a user other than root have no effect; kubectl warns of the same.

    Source: k8s.io/kubectl, pkg/cmd/debug/debug.go (displayWarning).
    """
    context = entry.get("securityContext") or {}
    pod = target.pod["spec"].get("securityContext") or {}
    user = context.get("runAsUser", pod.get("runAsUser"))
    added = (context.get("capabilities") or {}).get("add")
    if not user or not (added or context.get("privileged")):
        return []
    return [
        f"the debugger runs as user {user}, so that what the profile allows may have no effect; "
        "custom: {securityContext: {runAsUser: 0}} makes it root"
    ]


def _process(options: DebuggerOptions) -> dict[str, Any]:
    """What the container runs: under the supervisor, unless it shall not be bounded."""
    command = [literal(word) for word in options.command]
    if options.lifetime:
        return {"command": ["sh", "-c", literal(SUPERVISOR), SUPERVISOR_NAME, *command]}
    args = [literal(word) for word in options.args]
    return {**({"command": command} if command else {}), **({"args": args} if args else {})}


def _marks(
    options: DebuggerOptions, *, identity: str, owner: str, now: float
) -> list[dict[str, str]]:
    marks = {
        "MANAGED_BY": MANAGED_BY,
        "IDENTITY": identity,
        "OWNER": owner,
        "REASON": options.reason,
        "TICKET": options.ticket,
    }
    if options.lifetime:
        marks["LIFETIME"] = str(options.lifetime)
        marks["EXPIRES_AT"] = str(int(now) + options.lifetime)
    return [
        {"name": MARK_PREFIX + key, "value": literal(value)}
        for key, value in marks.items()
        if value
    ]


def _inherited(options: DebuggerOptions, target: Target) -> tuple[Container, tuple[str, ...]]:
    """Environment and mounts of the target container, as far as an entry may have them."""
    source = _container_of(target)
    result: Container = {}
    warnings: list[str] = []
    if "env" in options.inherit:
        foreign = [
            _inherited_variable(item, target.container)
            for item in source.get("env") or []
            if not str(item["name"]).startswith(MARK_PREFIX)
        ]
        result |= {
            key: value
            for key, value in (("env", foreign), ("envFrom", source.get("envFrom")))
            if value
        }
    if "mounts" in options.inherit:
        mounts = source.get("volumeMounts") or []
        whole = [
            mount for mount in mounts if not (mount.get("subPath") or mount.get("subPathExpr"))
        ]
        if whole:
            result["volumeMounts"] = [_inherited_mount(mount) for mount in whole]
        warnings += [
            f"the mount at {mount['mountPath']} is not inherited: the API forbids subPath for "
            "ephemeral containers"
            for mount in mounts
            if mount not in whole
        ]
    return result, tuple(warnings)


def _inherited_variable(item: Mapping[str, Any], container: str) -> dict[str, Any]:
    """A variable that tells a container its own limits goes on telling those of the target."""
    reference = (item.get("valueFrom") or {}).get("resourceFieldRef")
    if reference is None:
        return dict(item)
    return {**item, "valueFrom": {"resourceFieldRef": {"containerName": container, **reference}}}


def _inherited_mount(mount: Mapping[str, Any]) -> dict[str, Any]:
    """The target's mount without the right to mount onto the node, which needs a privileged one."""
    if mount.get("mountPropagation") == "Bidirectional":
        return {**mount, "mountPropagation": "HostToContainer"}
    return dict(mount)


def _inherited_user(options: DebuggerOptions, target: Target) -> dict[str, Any]:
    """The user that the target container runs as; its own context wins over the pod's."""
    if "user" not in options.inherit:
        return {}
    pod = target.pod["spec"].get("securityContext") or {}
    own = _container_of(target).get("securityContext") or {}
    keys = ("runAsUser", "runAsGroup", "runAsNonRoot")
    return {key: {**pod, **own}[key] for key in keys if {**pod, **own}.get(key) is not None}


def _container_of(target: Target) -> Mapping[str, Any]:
    spec = target.pod["spec"]
    every = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    return next((each for each in every if each["name"] == target.container), {})


def stamped(entry: Mapping[str, Any], request: str) -> Container:
    """The entry with a mark that no other run's has.

    Two runs that describe the same debugger within one second would otherwise send the same patch,
    and the second would be told that it had added what the first one had.
    """
    mark = {"name": f"{MARK_PREFIX}REQUEST", "value": request}
    return {**entry, "env": [*(entry.get("env") or []), mark]}


def patch_body(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A strategic merge patch: it names new entries only, so two writers do not collide.

    A bare list or entry would be accepted by the API server, and silently add nothing.
    """
    return {"spec": {"ephemeralContainers": [dict(entry) for entry in entries]}}


def masked_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry as a diff may show it: marks are shown, every other value may be a secret.

    The supervisor's text is a constant of the collection and would hide what differs.
    """
    shown = dict(entry)
    shown["env"] = [_masked(item) for item in entry.get("env") or []]
    command = list(entry.get("command") or [])
    if literal(SUPERVISOR) in command:
        shown["command"] = ["(supervised)", *command[command.index(SUPERVISOR_NAME) + 1 :]]
    return shown


def _masked(item: Mapping[str, Any]) -> dict[str, Any]:
    if "value" not in item or str(item["name"]).startswith(MARK_PREFIX):
        return dict(item)
    return {**item, "value": _MASK}
