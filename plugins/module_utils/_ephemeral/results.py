# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""How debuggers look in a module's result: plain data of one shape, whatever happened."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import Entry
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.session import Session
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.spec import masked_entry
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import rfc3339
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import Result

__all__ = [
    "entry_result",
    "exec_command",
    "pod_result",
    "raise_failures",
    "session_diff",
    "session_result",
]

_MOST_REASONS = 3


def pod_result(target: Target) -> dict[str, Any]:
    """The fields that say which pod and container an item is about."""
    return {
        "namespace": target.namespace,
        "name": target.name,
        "uid": target.uid,
        "node": target.node,
        "container": target.container,
        "ports": _ports(target),
    }


def _ports(target: Target) -> list[int]:
    """The TCP ports that the container declares, in its order: what a probe may ask."""
    spec = target.pod.get("spec", {})
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return [
        int(port["containerPort"])
        for container in containers
        if container.get("name") == target.container
        for port in container.get("ports") or ()
        if port.get("protocol", "TCP") == "TCP"
    ]


def entry_result(entry: Entry) -> dict[str, Any]:
    """One ephemeral entry; times are RFC 3339 in UTC, null where the API has none."""
    return {
        "name": entry.name,
        "image": entry.image,
        "state": entry.state,
        "reason": entry.reason,
        "message": entry.message,
        "exit_code": entry.exit_code,
        "started_at": entry.started_at,
        "finished_at": entry.finished_at,
        "target_container": entry.target_container,
        "managed": entry.managed,
        "tool": entry.tool,
        "identity": entry.identity,
        "owner": entry.owner,
        "reason_given": entry.reason_text,
        "ticket": entry.ticket,
        "expires_at": rfc3339(entry.expires_at),
    }


def session_result(session: Session) -> dict[str, Any]:
    """A debugger that a task opened or used again on one pod."""
    return {
        **pod_result(session.target),
        "action": session.action,
        "changed": session.changed,
        "debugger": session.debugger,
        "entry": entry_result(session.entry) if session.entry is not None else None,
        "exec_command": exec_command(session.target.namespace, session.target.name, session.entry),
        "error": session.error.msg if session.error is not None else None,
    }


def exec_command(namespace: str, pod: str, entry: Entry | None) -> str | None:
    """The line with which a person goes on by hand; None where nothing runs to go on in."""
    if entry is None or entry.state != "running":
        return None
    argv = ["kubectl", "exec", "-it", "-n", namespace, pod, "-c", entry.name]
    return shlex.join([*argv, "--", "sh"])


def session_diff(sessions: Sequence[Session]) -> tuple[Mapping[str, Any], ...]:
    """What was added, or would be, with the values of the environment masked."""
    return tuple(
        {
            "before_header": f"{session.target.ref} ephemeralContainers",
            "after_header": f"{session.target.ref} ephemeralContainers",
            "before": {},
            "after": masked_entry(session.added),
        }
        for session in sessions
        if session.added is not None
    )


def raise_failures(
    errors: Sequence[DebugError | None], result: Result, *, what: str, each: str = "pods"
) -> None:
    """Fail the task when a pod failed, with the first reasons; *result* stays, warnings too.

    *each* is the plural of what *errors* has one item for.
    """
    failed = [error for error in errors if error is not None]
    if not failed:
        return
    # The same reason on many pods is told once for each pod, but only so many times.
    reasons = " / ".join(error.msg for error in failed[:_MOST_REASONS])
    if len(errors) > 1:
        reasons = f"{what} failed on {len(failed)} of {len(errors)} {each}: {reasons}"
    if len(failed) > _MOST_REASONS:
        reasons += f" / and {len(failed) - _MOST_REASONS} more, see pods in the result."
    warnings = {"warnings": list(result.warnings)} if result.warnings else {}
    raise DebugError(reasons, facts={**result.as_dict(), **warnings})
