# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""How agents look in a module's result: plain data of one shape, whatever happened."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._agent.manifest import masked_job
from ansible_collections.kubedebug.core.plugins.module_utils._agent.model import Agent
from ansible_collections.kubedebug.core.plugins.module_utils._agent.records import Record
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.results import pod_result
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.spec import masked_entry
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import rfc3339

__all__ = ["agent_diff", "agent_result", "record_result"]


def agent_result(agent: Agent, *, action: str | None = None) -> dict[str, Any]:
    """An agent that a task made, used again or ended beside one pod."""
    seat = agent.seat
    return {
        **pod_result(agent.target),
        "action": action or agent.action,
        "changed": agent.changed,
        "mode": agent.mode,
        "reasons": list(agent.reasons),
        "agent": agent.name,
        "agent_namespace": agent.namespace,
        "agent_pod": seat.pod if seat is not None else None,
        "agent_container": seat.container if seat is not None else None,
        "pid": agent.pid,
        "socket": agent.socket,
        "expires_at": rfc3339(agent.expires_at),
        "exec_command": _exec_command(seat) if agent.error is None else None,
        "error": agent.error.msg if agent.error is not None else None,
    }


def _exec_command(seat: Seat | None) -> str | None:
    if seat is None:
        return None
    argv = ["kubectl", "exec", "-it", "-n", seat.namespace, seat.pod, "-c", seat.container]
    return shlex.join([*argv, "--", "sh"])


def agent_diff(agents: Sequence[Agent]) -> tuple[Mapping[str, Any], ...]:
    """What was added, or would be, with the values of the environment masked."""
    diffs = []
    for agent in agents:
        if agent.added is None:
            continue
        job = agent.mode == "job"
        header = f"Job {agent.namespace}/{agent.name}" if job else ""
        header = header or f"{agent.target.ref} ephemeralContainers"
        diffs.append(
            {
                "before_header": header,
                "after_header": header,
                "before": {},
                "after": masked_job(agent.added) if job else masked_entry(agent.added),
            }
        )
    return tuple(diffs)


def record_result(record: Record) -> dict[str, Any]:
    """One agent's Job as an item of a list."""
    return {
        "namespace": record.namespace,
        "name": record.name,
        "uid": record.uid,
        "state": record.state,
        "reason": record.reason,
        "message": record.message,
        "exit_code": record.exit_code,
        "pod": record.pod,
        "node": record.node,
        "image": record.image,
        "target": record.target,
        "target_uid": record.target_uid,
        "target_container": record.target_container,
        "target_container_id": record.container_id,
        "namespaces": list(record.namespaces),
        "preset": record.preset,
        "managed": record.managed,
        "identity": record.identity,
        "owner": record.owner,
        "reason_given": record.reason_given,
        "ticket": record.ticket,
        "created_at": record.created_at,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "expires_at": record.expires_at,
    }
