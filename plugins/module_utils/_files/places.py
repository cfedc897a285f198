# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Where the files of each target are read from: a debugger in its pod, or an agent on its node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._agent.model import Agent, AgentPlan
from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import (
    AGENT_SPEC,
    AgentOptions,
    ModeOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.results import (
    agent_diff,
    agent_result,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.session import open_agents
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.command import (
    sessions_for,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.results import (
    session_diff,
    session_result,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.session import Session
from ansible_collections.kubedebug.core.plugins.module_utils._files.remote import Place
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import whoami
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    OptionError,
    TargetOptions,
    WaitOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat, Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import pid_shared_by_all
from ansible_collections.kubedebug.core.plugins.module_utils._pods.targets import resolve

__all__ = ["PLACE_SPEC", "Opened", "Origin", "open_places"]

PLACE_SPEC: dict[str, dict[str, Any]] = {
    "mode": {"type": "str", "choices": ["ephemeral", "job"], "default": "ephemeral"},
    "agent_namespace": {"type": "str"},
}

# What reading the files of a process of any user takes, from the node's process namespace.
_CAPABILITIES = ["SYS_PTRACE", "DAC_READ_SEARCH"]
# What a debugger has and an agent's Job has not.
_NOT_OF_A_JOB = ("debugger", "inherit", "custom")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What the files of one target are read from; ``place`` is None where nothing runs (yet)."""

    target: Target
    place: Place | None
    result: Mapping[str, Any]
    changed: bool
    error: DebugError | None = None


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The origins in the order of the targets, and what opening them changed."""

    origins: list[Origin]
    diff: tuple[Mapping[str, Any], ...]
    warnings: tuple[str, ...]


def open_places(
    client: Client, params: Mapping[str, Any], *, needs: float, check_mode: bool
) -> Opened:
    """Have something to read from beside each target, for at least *needs* seconds."""
    if params["mode"] == "job":
        return _jobs(client, params, needs=needs, check_mode=check_mode)
    if params["agent_namespace"]:
        raise OptionError("agent_namespace is for mode=job: leave it out.")
    sessions, warnings = sessions_for(client, params, check_mode=check_mode, needs=needs)
    return Opened(
        origins=[_of_session(session) for session in sessions],
        diff=session_diff(sessions),
        warnings=warnings,
    )


def _of_session(session: Session) -> Origin:
    return Origin(
        target=session.target,
        place=_place(session),
        result={
            **session_result(session),
            "mode": "ephemeral",
            "agent": None,
            "agent_namespace": None,
        },
        changed=session.changed,
        error=session.error,
    )


def _place(session: Session) -> Place | None:
    target, entry = session.target, session.entry
    if session.error is not None or session.action == "planned" or session.debugger is None:
        return None
    joined = entry is not None and entry.target_container == target.container
    seat = Seat(namespace=target.namespace, pod=target.name, container=session.debugger)
    return Place(target=target, seat=seat, first=joined and not pid_shared_by_all(target.pod))


def _jobs(client: Client, params: Mapping[str, Any], *, needs: float, check_mode: bool) -> Opened:
    given = [name for name in _NOT_OF_A_JOB if params[name]]
    if given:
        raise OptionError(f"{', '.join(given)} is for a debugger: leave it out with mode=job.")
    shared = {name: params[name] for name in AGENT_SPEC if name in params}
    options = AgentOptions.from_params({**shared, "capabilities": _CAPABILITIES})
    targets = TargetOptions.from_params(params)
    chosen = resolve(client, targets)
    plan = AgentPlan(
        options=options,
        mode=ModeOptions.from_params(params),
        owner=options.owner or whoami(client),
        wait=WaitOptions.from_params({"wait": True, "wait_timeout": params["wait_timeout"]}),
        check_mode=check_mode,
        concurrency=targets.concurrency,
        label_selectors=targets.label_selectors,
        # As with a debugger: a lifetime that is shorter than the work is the user's to choose.
        min_remaining=min(needs, options.lifetime / 2),
        execs=True,
    )
    agents = open_agents(client, chosen.targets, plan)
    return Opened(
        origins=[_of_agent(agent) for agent in agents],
        diff=agent_diff(agents),
        warnings=(*chosen.warnings, *(text for agent in agents for text in agent.warnings)),
    )


def _of_agent(agent: Agent) -> Origin:
    told = agent_result(agent)
    kept = {key: told[key] for key in ("mode", "agent", "agent_namespace", "exec_command", "error")}
    place = None
    if agent.error is None and agent.seat is not None:
        place = Place(target=agent.target, seat=agent.seat, pid=agent.pid)
    return Origin(
        target=agent.target,
        place=place,
        result={
            **{
                key: told[key] for key in ("namespace", "name", "uid", "node", "container", "ports")
            },
            "action": agent.action,
            "changed": agent.changed,
            "debugger": None,
            "entry": None,
            **kept,
        },
        changed=agent.changed,
        error=agent.error,
    )
