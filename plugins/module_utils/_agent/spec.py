# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What an agent is by its options, in either mode, and the debugger that it is; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._agent.launcher import (
    launch_argv,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import (
    NAMESPACES,
    AgentOptions,
    NamespaceKind,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.presets import SHAPES
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    DebuggerOptions,
    Profile,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.namespaces import SHARING

__all__ = [
    "capabilities_of",
    "debugger_options",
    "ephemeral_obstacle",
    "filled",
    "identity",
    "is_launched",
    "job_name",
    "nsenter_flags",
    "shared_in_pod",
]

_FLAGS: Mapping[NamespaceKind, str] = {
    "net": "-n",
    "mnt": "-m",
    "pid": "-p",
    "ipc": "-i",
    "uts": "-u",
    "cgroup": "-C",
}
_IDENTITY_LENGTH = 10
_NOT_IDENTITY = {"reason", "ticket", "owner"}


def nsenter_flags(namespaces: Sequence[NamespaceKind]) -> list[str]:
    """One flag for each namespace, in a stable order."""
    return [_FLAGS[kind] for kind in NAMESPACES if kind in namespaces]


def shared_in_pod(kind: NamespaceKind) -> bool:
    """Whether a debugger in the target's pod is in this namespace of the target anyhow."""
    return SHARING[kind]["joined"] == "always"


def identity(options: AgentOptions, *, owner: str, container: str) -> str:
    """The hash of everything that makes one agent another, ten hexadecimal digits.

    As of debuggers: not why it was started, but whose it is.
    """
    shape = {key: each for key, each in asdict(options).items() if key not in _NOT_IDENTITY}
    shape |= {"owner": owner, "container": container}
    text = json.dumps(shape, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:_IDENTITY_LENGTH]


def job_name(
    options: AgentOptions, identity_hash: str, target: Target, taken: Collection[str] = ()
) -> str:
    """A name that depends on the agent's identity and on the very container that it is for.

    So two runs that start at once take the same one, and the API server lets only one have it. A
    finished Job keeps its name until its ttl is over; the next one gets a number.
    """
    text = f"{identity_hash} {target.uid} {target.container_id}"
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()[:_IDENTITY_LENGTH]
    base = f"{SHAPES[options.preset].prefix}-{digest}"
    number = 2
    name = base
    while name in taken:
        name = f"{base}-{number}"
        number += 1
    return name


def capabilities_of(options: AgentOptions, *, job: bool) -> tuple[str, ...]:
    """What is added: what the task says, else the least that its other options need.

    Entering a namespace takes SYS_ADMIN (setns(2)), a mount namespace SYS_CHROOT as well, and the
    files in /proc of another user's process SYS_PTRACE.
    """
    if options.privileged:
        return ()
    if options.capabilities is not None:
        shape = SHAPES[options.preset]
        if not job and shape.ephemeral_capabilities is not None:
            return tuple(
                name for name in options.capabilities if name in shape.ephemeral_capabilities
            )
        return options.capabilities
    entered = [kind for kind in options.namespaces if job or not shared_in_pod(kind)]
    needed = ["SYS_PTRACE"] if options.launcher and job else []
    if entered:
        needed += ["SYS_PTRACE", "SYS_ADMIN"]
    if "mnt" in entered:
        needed.append("SYS_CHROOT")
    if "net" in options.namespaces:
        needed += ["NET_ADMIN", "NET_RAW"]
    return tuple(sorted(dict.fromkeys(needed)))


def is_launched(options: AgentOptions, *, job: bool) -> bool:
    """Whether the agent runs under the launcher, which then tells the target's process ID.

    A debugger without a command is beside its target already: it needs the launcher only for what
    the pod does not share, and is one of the plain debuggers otherwise, which other tasks can use.
    """
    if job or not options.launcher:
        return options.launcher
    return bool(options.command) or any(not shared_in_pod(kind) for kind in options.namespaces)


def ephemeral_obstacle(options: AgentOptions) -> str | None:
    """Why this agent cannot be an ephemeral container whatever the cluster allows, or None."""
    if options.runtime_socket and SHAPES[options.preset].needs_socket:
        return (
            "an ephemeral container mounts nothing of the node, so it has no runtime_socket "
            f"({options.runtime_socket})"
        )
    if options.overrides:
        return "overrides is merged into a Job, and an ephemeral container is none"
    if options.ready_port is not None and not options.launcher:
        return (
            "the API takes no probe of an ephemeral container, so launcher=false has no ready_port"
        )
    return None


def filled(words: Sequence[str], target: Target) -> list[str]:
    """What the controller knows already; the launcher fills in the rest."""
    known = {"{container_id}": target.container_id, "{runtime}": target.runtime}
    filled = []
    for word in words:
        text = word
        for placeholder, value in known.items():
            text = text.replace(placeholder, value)
        filled.append(text)
    return filled


def debugger_options(options: AgentOptions, target: Target) -> DebuggerOptions:
    """The same agent as a debugger of its target's pod."""
    shape = SHAPES[options.preset]
    added = capabilities_of(options, job=False)
    profile, custom = _profile(added, privileged=options.privileged)
    if options.network_only and _is_no_root(target):
        context = {**custom.get("securityContext", {}), "runAsUser": 0, "runAsNonRoot": False}
        custom = {"securityContext": context}
    words = filled(shape.ephemeral_command or options.command, target)
    if is_launched(options, job=False):
        apart = [kind for kind in options.namespaces if not shared_in_pod(kind)]
        words = launch_argv(
            words,
            container_id=target.container_id,
            flags=nsenter_flags(apart),
            port=options.ready_port,
            linger=options.linger,
        )
    return DebuggerOptions(
        image=options.image,
        image_pull_policy=options.image_pull_policy,
        profile=profile,
        command=tuple(words),
        args=tuple(filled(options.args, target)) if not options.launcher else (),
        target_container=not options.network_only or is_launched(options, job=False),
        env=options.env,
        custom=custom,
        # Without sh there is nothing to bound it with.
        lifetime=options.lifetime if options.launcher else 0,
        owner=options.owner,
        reason=options.reason,
        ticket=options.ticket,
    )


def _is_no_root(target: Target) -> bool:
    """Whether what the pod says of all its containers would make a debugger another user."""
    context = (target.pod.get("spec") or {}).get("securityContext") or {}
    return bool(context.get("runAsUser") or context.get("runAsNonRoot"))


def _profile(added: Sequence[str], *, privileged: bool) -> tuple[Profile, dict[str, Any]]:
    """A profile of kubectl's where one is the same, so that other tasks' debuggers serve, too."""
    if privileged:
        return "sysadmin", {}
    same: dict[frozenset[str], Profile] = {
        frozenset(): "baseline",
        frozenset({"SYS_PTRACE"}): "general",
        frozenset({"NET_ADMIN", "NET_RAW"}): "netadmin",
    }
    profile = same.get(frozenset(added))
    if profile is not None:
        return profile, {}
    return "baseline", {"securityContext": {"capabilities": {"add": list(added)}}}
