# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Agents on many pods: in which mode, used again or made, waited for, and ended."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ansible_collections.kubedebug.core.plugins.module_utils._agent import job, preflight
from ansible_collections.kubedebug.core.plugins.module_utils._agent.closing import (
    close_agents,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.manifest import SCRATCH
from ansible_collections.kubedebug.core.plugins.module_utils._agent.mode import (
    Verdict,
    copy_instead,
    judge_ephemeral,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.model import (
    Agent,
    AgentFailed,
    AgentPlan,
    Closed,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import (
    AgentOptions,
    NamespaceKind,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.ready import await_ready
from ansible_collections.kubedebug.core.plugins.module_utils._agent.spec import (
    debugger_options,
    ephemeral_obstacle,
    nsenter_flags,
    shared_in_pod,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral import spec
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import (
    find_reusable,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.preflight import (
    exec_rules_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.session import (
    Plan,
    Session,
    open_sessions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    Forbidden,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    OptionError,
    WaitOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat, Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import (
    Refused,
    explain_forbidden,
)

__all__ = [
    "SCRATCH",
    "Agent",
    "AgentPlan",
    "Closed",
    "close_agents",
    "enter_argv",
    "open_agents",
]

_MOST_REASONS = 3


def open_agents(client: Client, targets: Sequence[Target], plan: AgentPlan) -> list[Agent]:
    """Have an agent of the plan's identity beside each target; the order is that of *targets*.

    A failure of one target is its agent's ``error``. Raises DebugError where a preflight check
    refuses, or where a target has no mode that passes: then nothing was made.
    """
    deadline = time.monotonic() + plan.wait.timeout
    if plan.mode.mode == "ephemeral":
        obstacle = ephemeral_obstacle(plan.options)
        if obstacle is not None:
            raise OptionError(f"mode=ephemeral: {obstacle}. Use mode=job.")
        agents = _open_ephemeral(client, targets, {}, plan)
    elif plan.mode.mode == "job":
        drafts = _draft_jobs(client, targets, plan)
        for error in _job_refusals(client, drafts, plan):
            if error is not None:
                raise error
        agents = _launch(client, drafts, plan, deadline)
    else:
        agents = _negotiated(client, targets, plan, deadline)
    if plan.check_mode or not plan.wait.wait:
        return agents
    left = max(1.0, deadline - time.monotonic())
    return await_ready(client, agents, plan.options, timeout=left, limit=plan.concurrency)


def _negotiated(
    client: Client, targets: Sequence[Target], plan: AgentPlan, deadline: float
) -> list[Agent]:
    """Each target gets the first mode that passes, or what it has already."""
    chosen: dict[str, AgentOptions] = {}
    reasons: dict[str, tuple[str, ...]] = {}
    drafts = {agent.target.uid: agent for agent in _found_jobs(client, targets, plan)}
    for target in targets:
        options = _running_debugger(client, target, plan)
        if options is not None:
            chosen[target.uid] = options
            reasons[target.uid] = ("ephemeral: it runs already",)
        elif target.uid in drafts:
            reasons[target.uid] = ("job: it runs already",)
    open_targets = [target for target in targets if target.uid not in reasons]
    judged = judge_ephemeral(client, open_targets, plan) if open_targets else []
    verdicts = {target.uid: each for target, each in zip(open_targets, judged, strict=True)}
    for uid, verdict in verdicts.items():
        reasons[uid] = verdict.reasons
        if verdict.options is not None:
            chosen[uid] = verdict.options
            reasons[uid] += ("ephemeral: nothing speaks against it",)
    rest = [target for target in open_targets if target.uid not in chosen]
    if rest:
        made = _draft_jobs(client, rest, plan, lenient=True)
        _raise_refused(made, _job_refusals(client, made, plan), verdicts, plan)
        for agent in made:
            drafts[agent.target.uid] = agent
            reasons[agent.target.uid] += ("job: nothing speaks against it",)
    beside = [target for target in targets if target.uid in chosen]
    opened = {a.target.uid: a for a in _open_ephemeral(client, beside, chosen, plan)}
    apart = [drafts[target.uid] for target in targets if target.uid not in chosen]
    opened |= {a.target.uid: a for a in _launch(client, apart, plan, deadline)}
    return [replace(opened[t.uid], reasons=reasons[t.uid]) for t in targets]


def _raise_refused(
    drafts: Sequence[Agent],
    errors: Sequence[DebugError | None],
    verdicts: Mapping[str, Verdict],
    plan: AgentPlan,
) -> None:
    refused = [
        (draft.target, error)
        for draft, error in zip(drafts, errors, strict=True)
        if error is not None
    ]
    if not refused:
        return
    texts = []
    for target, error in refused[:_MOST_REASONS]:
        why = [text.rstrip(".") for text in (*verdicts[target.uid].reasons, f"job: {error.msg}")]
        texts.append(f"{target.ref} can have no agent: {'; '.join(why)}.")
    if len(refused) > _MOST_REASONS:
        texts.append(f"And {len(refused) - _MOST_REASONS} more pods.")
    if plan.offers_copy:
        target, error = refused[0]
        level = verdicts[target.uid].level
        if isinstance(error, preflight.LevelRefused) and not plan.mode.agent_namespace:
            level = level or error.level
        texts.append(copy_instead(target, plan.options, level))
    raise Refused(" ".join(texts))


def _running_debugger(client: Client, target: Target, plan: AgentPlan) -> AgentOptions | None:
    """The options by which a debugger of the target's pod is this agent already."""
    if ephemeral_obstacle(plan.options) is not None:
        return None
    candidates = [plan.options]
    if plan.fallback_capabilities is not None:
        candidates.append(replace(plan.options, capabilities=plan.fallback_capabilities))
    now = client.server_time()
    for options in candidates:
        debugger = debugger_options(options, target)
        hashed = spec.identity(debugger, owner=plan.owner, container=target.container)
        if find_reusable(target.pod, hashed, now=now, min_remaining=plan.min_remaining):
            return options
    return None


def _found_jobs(client: Client, targets: Sequence[Target], plan: AgentPlan) -> list[Agent]:
    """The agents that run as Jobs already; none where the credentials may not look."""
    try:
        drafts = _draft_jobs(client, targets, plan)
    except Refused:
        return []
    return [agent for agent in drafts if agent.action == "reused"]


def _draft_jobs(
    client: Client, targets: Sequence[Target], plan: AgentPlan, *, lenient: bool = False
) -> list[Agent]:
    namespaces = [plan.namespace_of(target) for target in targets]
    rules = [
        rule
        for namespace in dict.fromkeys(namespaces)
        for rule in preflight.agent_rules(namespace, execs=plan.execs)
    ]
    try:
        with explain_forbidden(client, rules):
            found = job.find_jobs(client, namespaces)
    except (Forbidden, Refused):
        if not lenient:
            raise
        # What is missing is among the refusals that follow.
        found = job.Found()
    return job.draft_jobs(targets, plan, found, now=client.server_time())


def _job_refusals(
    client: Client, drafts: Sequence[Agent], plan: AgentPlan
) -> list[DebugError | None]:
    """Why a Job would be refused, in the order of *drafts*; what exists is not asked about."""
    fresh = [draft for draft in drafts if draft.added is not None]
    errors = preflight.refusals(
        client,
        [job.proposal_of(draft) for draft in fresh],
        plan.options,
        execs=plan.execs,
        every_pod=plan.check_mode,
        concurrency=plan.concurrency,
    )
    told = dict(zip((draft.target.uid for draft in fresh), errors, strict=True))
    return [told.get(draft.target.uid) for draft in drafts]


def _launch(
    client: Client, drafts: Sequence[Agent], plan: AgentPlan, deadline: float
) -> list[Agent]:
    if plan.check_mode or not drafts:
        return list(drafts)
    left = max(1, int(deadline - time.monotonic()))
    wait = WaitOptions(wait=plan.wait.wait, timeout=left)
    return job.launch_jobs(client, drafts, replace(plan, wait=wait))


def _open_ephemeral(
    client: Client,
    targets: Sequence[Target],
    chosen: Mapping[str, AgentOptions],
    plan: AgentPlan,
) -> list[Agent]:
    if not targets:
        return []

    def options_for(target: Target) -> AgentOptions:
        return chosen.get(target.uid, plan.options)

    sessions = open_sessions(
        client,
        targets,
        Plan(
            options=debugger_options(options_for(targets[0]), targets[0]),
            for_target=lambda target: debugger_options(options_for(target), target),
            owner=plan.owner,
            wait=plan.wait,
            check_mode=plan.check_mode,
            concurrency=plan.concurrency,
            label_selectors=plan.label_selectors,
            min_remaining=plan.min_remaining,
            needed=exec_rules_of(targets) if plan.execs else (),
        ),
    )
    return [_of_session(session) for session in sessions]


def _of_session(session: Session) -> Agent:
    target, entry = session.target, session.entry
    name = session.debugger
    agent = Agent(
        target=target,
        mode="ephemeral",
        action=session.action,
        name=name,
        namespace=target.namespace,
        expires_at=entry.expires_at if entry is not None else None,
        warnings=session.warnings,
        added=session.added,
        error=session.error,
        session=session,
    )
    if name is None or entry is None:
        return agent
    if entry.state == "finished" and session.error is None:
        error = AgentFailed(
            f"{agent.ref} ended at once, with exit code {entry.exit_code}: give a command that "
            "stays, or none."
        )
        return replace(agent, action="failed", error=error)
    seat = Seat(namespace=target.namespace, pod=target.name, container=name)
    return replace(agent, seat=seat, pid=None if _shares_processes(target) else 1)


def _shares_processes(target: Target) -> bool:
    """Whether the target's first process is not process 1 of the namespace that it is in."""
    pod = target.pod.get("spec") or {}
    return bool(pod.get("shareProcessNamespace") or pod.get("hostPID"))


def enter_argv(agent: Agent, namespaces: Sequence[NamespaceKind]) -> tuple[str, ...]:
    """What to put before an argv in the agent's seat, so that it runs in the target's *namespaces*.

    Empty where the seat shares them already. Raises AgentFailed where the target's process is not
    known.
    """
    apart = [kind for kind in namespaces if agent.mode == "job" or not shared_in_pod(kind)]
    if not apart:
        return ()
    if agent.pid is None:
        raise AgentFailed(
            f"{agent.ref}: the target's process is not known, so its namespaces "
            f"({', '.join(apart)}) cannot be entered: name them in namespaces."
        )
    return ("nsenter", "-t", str(agent.pid), *nsenter_flags(apart), "--")
