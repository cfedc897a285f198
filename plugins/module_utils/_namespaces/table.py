# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""From inodes and the pod's specification to what debugger and target share. Pure.

Equal inodes are the proof. Where the target's cannot be read, the pod's specification decides, for
those namespaces alone that the API is definite about; the rest is left open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._namespaces.reading import (
    NAMES,
    Reading,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import pid_shared_by_all

__all__ = ["Evidence", "Row", "Sight", "build_table", "why_unread"]

Evidence: TypeAlias = Literal["inode", "pod spec", "unknown"]

_HOST_FIELDS = {"net": "hostNetwork", "ipc": "hostIPC", "pid": "hostPID"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One namespace; the inodes are None where they were not readable."""

    name: str
    target: int | None
    debugger: int | None
    shared: bool | None
    evidence: Evidence
    note: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The row as plain data."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Sight:
    """A debugger's view of a target: whose process namespace it joined, and what it has read.

    ``joined`` is the container that the debugger's entry names as its target. ``problem`` is why
    the target has no process at all, or None.
    """

    pod: Mapping[str, Any]
    container: str
    joined: str | None
    reading: Reading
    problem: str | None = None

    @property
    def spec(self) -> Mapping[str, Any]:
        """The pod's specification."""
        spec: Mapping[str, Any] = self.pod.get("spec") or {}
        return spec


def build_table(sight: Sight) -> list[Row]:
    """One row for each namespace, always in the same order."""
    return [_row(sight, name) for name in NAMES]


def _row(sight: Sight, name: str) -> Row:
    theirs, own = sight.reading.target.get(name), sight.reading.own.get(name)
    if theirs is not None and own is not None:
        return Row(
            name=name,
            target=theirs,
            debugger=own,
            shared=theirs == own,
            evidence="inode",
            note=_of_the_node(sight, name),
        )
    if own is None and sight.reading.own:
        why = f"the node's kernel has no {name} namespaces, or does not show them"
        return Row(
            name=name, target=theirs, debugger=None, shared=None, evidence="unknown", note=why
        )
    shared, reason = _by_specification(sight, name)
    return Row(
        name=name,
        target=theirs,
        debugger=own,
        shared=shared,
        evidence="unknown" if shared is None else "pod spec",
        note=reason or why_unread(sight),
    )


def _of_the_node(sight: Sight, name: str) -> str | None:
    option = _HOST_FIELDS.get(name)
    return f"the node's own ({option}: true)" if option and sight.spec.get(option) else None


def _by_specification(sight: Sight, name: str) -> tuple[bool | None, str | None]:
    """What the API promises of a namespace, and in which words; None where it promises nothing."""
    node = _of_the_node(sight, name)
    if node is not None:
        return True, node
    if name in ("ipc", "net", "uts"):
        return True, "all containers of a pod share it"
    if name == "user":
        if sight.spec.get("hostUsers") is False:
            return True, "all containers of a pod share it (hostUsers: false)"
        return True, "the node's own (hostUsers is not false)"
    if name == "mnt":
        return False, "each container has its own"
    if name == "pid":
        return _pid(sight)
    return None, None


def _pid(sight: Sight) -> tuple[bool | None, str | None]:
    if sight.spec.get("shareProcessNamespace"):
        return True, "all containers of the pod share it (shareProcessNamespace: true)"
    if sight.joined is None:
        return False, "each container has its own, and the debugger joined no other's"
    if sight.joined != sight.container:
        return False, f"the debugger joined that of container {sight.joined}"
    if sight.reading.target_pid is not None:
        return True, f"the debugger was opened in that of container {sight.joined}"
    # The runtime may have ignored the wish (Kubernetes allows that): no process, no proof.
    return None, None


def why_unread(sight: Sight) -> str | None:
    """Why the target's inodes are missing, with the way to get them; None where they are not."""
    reading = sight.reading
    if reading.target:
        return None
    if sight.problem is not None:
        return sight.problem
    if reading.target_gone:
        return "the target's process ended during the reading; run the task again"
    if not reading.own:
        return "the debugger's image has neither readlink nor ls"
    if reading.target_pid is not None:
        return _why_refused(reading)
    if sight.joined is None and not pid_shared_by_all(sight.pod):
        return (
            "the target's process is not visible from the debugger's own process namespace: open "
            "one with target_container=true"
        )
    if sight.joined not in (None, sight.container) and not pid_shared_by_all(sight.pod):
        return f"only the processes of container {sight.joined} are visible to the debugger"
    return (
        "no process of the target is visible, though one should be: the node's runtime may ignore "
        "targetContainerName, or show no container in /proc/PID/cgroup"
    )


def _why_refused(reading: Reading) -> str:
    me = "the debugger" if reading.uid is None else f"the debugger (user {reading.uid})"
    text = f"{me} may not look at process {reading.target_pid} of the target"
    if reading.sys_ptrace:
        return f"{text} although it has SYS_PTRACE"
    if reading.uid in (0, None):
        return f"{text}: that needs SYS_PTRACE, which profile=general gives"
    return (
        f"{text}: that needs SYS_PTRACE, which profile=general gives to root alone (custom: "
        "{securityContext: {runAsUser: 0}})"
    )
