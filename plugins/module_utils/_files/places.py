# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Where the files of each target are read from: a debugger in its pod, or an agent on its node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._agent.model import (
    Agent,
    AgentPlan,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import (
    AGENT_SPEC,
    MODE_SPEC,
    AgentOptions,
    ModeOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.preflight import kin
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
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    OptionError,
    TargetOptions,
    WaitOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat, Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import Refused
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import pid_shared_by_all
from ansible_collections.kubedebug.core.plugins.module_utils._pods.targets import resolve

__all__ = ["PLACE_SPEC", "Opened", "Origin", "open_places"]

PLACE_SPEC = MODE_SPEC

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
    mode = ModeOptions.from_params(params)
    given = [name for name in _NOT_OF_A_JOB if params[name]]
    if mode.mode == "job" and given:
        raise OptionError(f"{', '.join(given)} is for a debugger: leave it out with mode=job.")
    if mode.mode == "ephemeral" and mode.agent_namespace:
        raise OptionError("agent_namespace is for mode=job: leave it out.")
    chosen = resolve(client, TargetOptions.from_params(params))
    work = _Opening(client=client, params=params, needs=needs, check_mode=check_mode)
    if mode.mode == "job":
        opened = work.jobs(chosen.targets, {})
    elif mode.mode == "ephemeral":
        opened = work.debuggers(chosen.targets, told=False)
    elif given:
        opened = work.debuggers(chosen.targets, why=f"{', '.join(given)} is for a debugger")
    else:
        opened = work.either(chosen.targets)
    return replace(opened, warnings=(*chosen.warnings, *opened.warnings))


@dataclass(frozen=True, kw_only=True)
class _Opening:
    """What is opened beside targets, as a task describes it."""

    client: Client
    params: Mapping[str, Any]
    needs: float
    check_mode: bool

    def debuggers(
        self, targets: Sequence[Target], *, told: bool = True, why: str | None = None
    ) -> Opened:
        """Debuggers in the targets' pods. Raises DebugError before any is added."""
        sessions, warnings = self._sessions(targets, check_mode=self.check_mode)
        origins = [_of_session(each, reasons=_said(each, why) if told else ()) for each in sessions]
        return Opened(origins=origins, diff=session_diff(sessions), warnings=warnings)

    def jobs(self, targets: Sequence[Target], refused: Mapping[str, str]) -> Opened:
        """Agents on the targets' nodes; *refused* says by UID why no debugger will do.

        Raises DebugError before any is made.
        """
        agents = [
            replace(agent, reasons=(refused[agent.target.uid], f"job: {_state(agent.action)}"))
            if agent.target.uid in refused
            else agent
            for agent in open_agents(self.client, targets, self._plan(check_mode=self.check_mode))
        ]
        return Opened(
            origins=[_of_agent(agent) for agent in agents],
            diff=agent_diff(agents),
            warnings=tuple(text for agent in agents for text in agent.warnings),
        )

    def either(self, targets: Sequence[Target]) -> Opened:
        """A debugger beside each target, or a Job where none is allowed.

        Raises Refused where a target can have neither, and then nothing was made.
        """
        try:
            return self.debuggers(targets)
        except Refused:
            refused = self._refused(targets)
            if not refused:
                raise
        apart = [target for target in targets if target.uid in refused]
        beside = [target for target in targets if target.uid not in refused]
        try:
            if beside:
                open_agents(self.client, apart, self._plan(check_mode=True))
                opened = [self.debuggers(beside), self.jobs(apart, refused)]
            else:
                opened = [self.jobs(apart, refused)]
        except Refused as error:
            why = refused[apart[0].uid].rstrip(".")
            raise Refused(f"{apart[0].ref} can have no agent: {why}; job: {error.msg}") from error
        origins = {each.target.uid: each for one in opened for each in one.origins}
        return Opened(
            origins=[origins[target.uid] for target in targets],
            diff=tuple(each for one in opened for each in one.diff),
            warnings=tuple(each for one in opened for each in one.warnings),
        )

    def _refused(self, targets: Sequence[Target]) -> dict[str, str]:
        """Why a target can have no debugger, by its UID; pods of one controller are alike."""
        groups: dict[str, list[Target]] = {}
        for target in targets:
            groups.setdefault(f"{target.namespace} {kin(target)}", []).append(target)
        outcomes = fan_out(
            lambda group: self._sessions(group, check_mode=True),
            list(groups.values()),
            limit=self.params["concurrency"],
        )
        refused: dict[str, str] = {}
        for group, outcome in zip(groups.values(), outcomes, strict=True):
            if isinstance(outcome.error, Refused):
                refused |= {each.uid: f"ephemeral: {outcome.error.msg}" for each in group}
            elif outcome.error is not None:
                raise outcome.error
        return refused

    def _sessions(
        self, targets: Sequence[Target], *, check_mode: bool
    ) -> tuple[list[Session], tuple[str, ...]]:
        return sessions_for(
            self.client, self.params, check_mode=check_mode, needs=self.needs, targets=targets
        )

    def _plan(self, *, check_mode: bool) -> AgentPlan:
        params = self.params
        shared = {name: params[name] for name in AGENT_SPEC if name in params}
        options = AgentOptions.from_params({**shared, "capabilities": _CAPABILITIES})
        targets = TargetOptions.from_params(params)
        mode = ModeOptions.from_params(params)
        return AgentPlan(
            options=options,
            mode=replace(mode, mode="job"),
            owner=options.owner or whoami(self.client),
            wait=WaitOptions.from_params({"wait": True, "wait_timeout": params["wait_timeout"]}),
            check_mode=check_mode,
            concurrency=targets.concurrency,
            label_selectors=targets.label_selectors,
            # As with a debugger: a lifetime that is shorter than the work is the user's to choose.
            min_remaining=min(self.needs, options.lifetime / 2),
            execs=True,
        )


def _said(session: Session, why: str | None) -> tuple[str, ...]:
    return (f"ephemeral: {why or _state(session.action)}",)


def _state(action: str) -> str:
    return "it runs already" if action == "reused" else "nothing speaks against it"


def _of_session(session: Session, *, reasons: tuple[str, ...]) -> Origin:
    return Origin(
        target=session.target,
        place=_place(session),
        result={
            **session_result(session),
            "mode": "ephemeral",
            "reasons": list(reasons),
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


def _of_agent(agent: Agent) -> Origin:
    told = agent_result(agent)
    names = ("mode", "reasons", "agent", "agent_namespace", "exec_command", "error")
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
            **{key: told[key] for key in names},
        },
        changed=agent.changed,
        error=agent.error,
    )
