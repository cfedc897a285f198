# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Agents as Jobs: found again, or made, and taken away where they cannot start."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._agent import preflight
from ansible_collections.kubedebug.core.plugins.module_utils._agent.manifest import (
    SCRATCH,
    SELECTOR,
    build_job,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.model import (
    Action,
    Agent,
    AgentFailed,
    AgentPlan,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import MARKS
from ansible_collections.kubedebug.core.plugins.module_utils._agent.records import (
    is_over,
    mark,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.runtime import (
    check_container_id,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.spec import (
    identity,
    job_name,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.waiting import (
    container_log,
    wait_for_jobs,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    Conflict,
    DebugError,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import epoch

__all__ = ["Found", "delete_job", "draft_jobs", "find_jobs", "launch_jobs", "proposal_of"]

# Another controller may win the race for a name each time; more than this is not a race.
_MOST_RACES = 5
_REQUEST = f"{MARKS}request"


@dataclass(frozen=True, kw_only=True)
class Found:
    """The agents' Jobs of the namespaces that a plan uses, as they were when they were listed."""

    jobs: tuple[Mapping[str, Any], ...] = ()

    def names(self, namespace: str) -> list[str]:
        """The names that are taken by agents there."""
        return [
            str(job["metadata"]["name"])
            for job in self.jobs
            if job["metadata"].get("namespace") == namespace
        ]

    def reusable(
        self, plan: AgentPlan, target: Target, hashed: str, now: float
    ) -> Mapping[str, Any] | None:
        """A Job of that identity for the very container, that has not ended and stays a while."""
        for job in self.jobs:
            metadata = job["metadata"]
            labels = metadata.get("labels") or {}
            expires = epoch(mark(job, "expires-at"))
            if (
                metadata.get("namespace") == plan.namespace_of(target)
                and labels.get(f"{MARKS}identity") == hashed
                and labels.get(f"{MARKS}target-uid") == target.uid
                and mark(job, "container-id") == target.container_id
                and not is_over(job)
                and (expires is None or expires - now >= plan.min_remaining)
            ):
                return job
        return None


def find_jobs(client: Client, namespaces: Sequence[str]) -> Found:
    """List the agents of *namespaces*; raises ApiError where that is not allowed."""

    def listed() -> Iterator[Mapping[str, Any]]:
        for namespace in dict.fromkeys(namespaces):
            yield from client.list(preflight.jobs_path(namespace), {"labelSelector": SELECTOR})

    return Found(jobs=tuple(listed()))


def draft_jobs(
    targets: Sequence[Target], plan: AgentPlan, found: Found, *, now: float
) -> list[Agent]:
    """For each target the agent that is there already, or the one to make (``added``)."""
    return [_draft(target, plan, found, now) for target in targets]


def _draft(target: Target, plan: AgentPlan, found: Found, now: float) -> Agent:
    namespace = plan.namespace_of(target)
    problem = target.container_problem
    if problem is None and not check_container_id(target.container_id):
        problem = f"container {target.container} has no ID yet"
    if problem is None and not target.node:
        problem = "the pod is on no node yet"
    if problem is not None:
        error = AgentFailed(
            f"{target.ref}: an agent needs a running process of its target: {problem}. Choose "
            "another container, or run the task again when it is there."
        )
        return Agent(target=target, mode="job", action="failed", error=error)
    hashed = identity(plan.options, owner=plan.owner, container=target.container)
    there = found.reusable(plan, target, hashed, now)
    if there is not None:
        return Agent(target=target, mode="job", action="reused", **_names(there))
    job = build_job(
        plan.options,
        target,
        namespace=namespace,
        name=job_name(plan.options, hashed, target, found.names(namespace)),
        identity=hashed,
        owner=plan.owner,
        now=now,
    )
    action: Action = "planned" if plan.check_mode else "created"
    return Agent(target=target, mode="job", action=action, added=job, **_names(job))


def _names(job: Mapping[str, Any]) -> dict[str, Any]:
    metadata = job["metadata"]
    return {
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "uid": metadata.get("uid"),
        "scratch": SCRATCH,
        "expires_at": epoch(mark(job, "expires-at")),
    }


def proposal_of(agent: Agent) -> preflight.Proposal:
    """The Job of a draft, for the preflight."""
    return preflight.Proposal(agent.target, dict(agent.added or {}))


def launch_jobs(client: Client, drafts: Sequence[Agent], plan: AgentPlan) -> list[Agent]:
    """Make the Jobs of *drafts* and wait until their agents run; failures stay with their target.

    A Job that this run has made and that cannot start is deleted again. One that has ended stays
    for its ttl: its log is evidence.
    """
    outcomes = fan_out(lambda draft: _create(client, draft, plan), drafts, limit=plan.concurrency)
    agents = [
        outcome.unwrap()
        if outcome.ok
        else replace(draft, action="failed", added=None, error=outcome.error)
        for draft, outcome in zip(drafts, outcomes, strict=True)
    ]
    if not plan.wait.wait:
        return agents
    waiting = [agent for agent in agents if agent.error is None]
    waited = wait_for_jobs(client, waiting, plan.options, timeout=plan.wait.timeout)
    settled = fan_out(
        lambda one: _settle(client, one.agent, stuck=one.stuck), waited, limit=plan.concurrency
    )
    results = {
        id(before): outcome.unwrap() for before, outcome in zip(waiting, settled, strict=True)
    }
    return [results.get(id(agent), agent) for agent in agents]


def _create(client: Client, draft: Agent, plan: AgentPlan) -> Agent:
    """Send the Job; where another run has taken the name meanwhile, look again."""
    for _race in range(_MOST_RACES):
        if draft.added is None or draft.error is not None:
            return draft
        # Tells the answer to a request that was repeated from that of another run.
        request = secrets.token_hex(4)
        job = dict(draft.added)
        metadata = job["metadata"]
        marks = {**metadata["annotations"], _REQUEST: request}
        job["metadata"] = {**metadata, "annotations": marks}
        path = preflight.jobs_path(str(draft.namespace))
        try:
            made = client.post(path, job, {"fieldManager": "kubedebug.core"}, idempotent=True)
        except Conflict as error:
            there = _get(client, draft)
            if there is not None and mark(there, "request") == request:
                return replace(draft, uid=there["metadata"]["uid"])
            if error.reason != "AlreadyExists":
                raise preflight.explain(
                    draft.target, str(draft.namespace), plan.options, error
                ) from error
            found = find_jobs(client, [str(draft.namespace)])
            draft = _draft(draft.target, plan, found, client.server_time())
        except ApiError as error:
            raise preflight.explain(
                draft.target, str(draft.namespace), plan.options, error
            ) from error
        else:
            return replace(draft, uid=made["metadata"]["uid"])
    raise AgentFailed(
        f"{draft.ref}: other runs took the name of the Job {_MOST_RACES} times in a row. Run the "
        "task again when they have ended."
    )


def _get(client: Client, agent: Agent) -> Mapping[str, Any] | None:
    try:
        return client.get(preflight.jobs_path(str(agent.namespace), str(agent.name)))
    except NotFound:
        return None


def _settle(client: Client, agent: Agent, *, stuck: bool) -> Agent:
    """Add the last lines of its log to a failed agent's error, and clear a stuck Job away."""
    error = agent.error
    if error is None:
        return agent
    lines = container_log(client, agent.seat) if agent.seat is not None else []
    text = f"{error.msg} Its last output: {' | '.join(lines)}" if lines else error.msg
    added = agent.added
    if stuck and added is not None:
        try:
            delete_job(client, agent, check_mode=False)
        except DebugError:
            text += " Its Job could not be deleted; it ends by itself."
        else:
            text += " Its Job was deleted again."
            added = None
    return replace(agent, added=added, error=AgentFailed(text, facts=error.facts))


def delete_job(client: Client, agent: Agent, *, check_mode: bool) -> bool:
    """Delete the very Job, its pod after it; False where it is gone already."""
    body: dict[str, Any] = {
        "preconditions": {"uid": agent.uid},
        "propagationPolicy": "Background",
    }
    if check_mode:
        # Not a parameter of the query: the API server ignores those where there is a body.
        body["dryRun"] = ["All"]
    try:
        client.delete(preflight.jobs_path(str(agent.namespace), str(agent.name)), body)
    except NotFound:
        return False
    except Conflict:
        # Another Job has the name by now.
        return False
    return True
