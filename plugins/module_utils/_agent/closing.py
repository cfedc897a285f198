# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Ending agents, and proof that they are gone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._agent import preflight
from ansible_collections.kubedebug.core.plugins.module_utils._agent.job import delete_job
from ansible_collections.kubedebug.core.plugins.module_utils._agent.model import (
    Agent,
    AgentFailed,
    Closed,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.waiting import (
    pods_path,
    wait_until_gone,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.stopping import (
    stop_debuggers,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import (
    explain_forbidden,
)

__all__ = ["close_agents"]


def close_agents(
    client: Client,
    agents: Sequence[Agent],
    *,
    timeout: float,
    concurrency: int = 16,
    grace: int = 5,
    check_mode: bool = False,
) -> list[Closed]:
    """End each agent and see that it is gone: a Job is deleted, a debugger is signalled.

    *timeout* bounds the waiting, *grace* is between the two signals, both in seconds. Agents that
    never came to be (without a name) are handed back unchanged.
    """
    jobs = [agent for agent in agents if agent.mode == "job" and agent.uid is not None]
    closed = dict(
        zip(
            map(id, jobs),
            _close_jobs(client, jobs, timeout, concurrency, check_mode=check_mode),
            strict=True,
        )
    )
    debuggers = [
        agent
        for agent in agents
        if agent.session is not None
        and agent.session.entry is not None
        and agent.session.entry.state == "running"
    ]
    ended = _close_debuggers(
        client, debuggers, timeout, grace, concurrency=concurrency, check_mode=check_mode
    )
    closed |= dict(zip(map(id, debuggers), ended, strict=True))
    return [closed.get(id(agent), Closed(agent=agent, changed=False)) for agent in agents]


def _close_jobs(
    client: Client, agents: Sequence[Agent], timeout: float, limit: int, *, check_mode: bool
) -> list[Closed]:
    """Delete the Jobs, each with its pod; the pods are looked up before, to see them go."""
    pods = [] if check_mode else _pods_of(client, agents)
    outcomes = fan_out(partial(delete_job, client, check_mode=check_mode), agents, limit=limit)
    left = {
        str(owner.get("uid"))
        for pod in wait_until_gone(client, pods, timeout=timeout)
        for owner in pod["metadata"].get("ownerReferences") or []
    }
    results = []
    for agent, outcome in zip(agents, outcomes, strict=True):
        error = outcome.error
        if error is None and agent.uid in left:
            error = AgentFailed(
                f"{agent.ref}: its Job is deleted, and its pod is there yet after {timeout:g} s. "
                f"Look at node {agent.target.node or '(unknown)'}, or raise wait_timeout."
            )
        results.append(Closed(agent=agent, changed=bool(outcome.value), error=error))
    return results


def _pods_of(client: Client, agents: Sequence[Agent]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    uids = {agent.uid for agent in agents}
    for namespace in sorted({str(agent.namespace) for agent in agents}):
        names = sorted({str(a.name) for a in agents if a.namespace == namespace})
        chosen = {"labelSelector": f"batch.kubernetes.io/job-name in ({','.join(names)})"}
        rules = preflight.end_rules(namespace)
        with explain_forbidden(client, rules):
            for pod in client.list(pods_path(namespace), chosen):
                owners = pod["metadata"].get("ownerReferences") or []
                if uids & {owner.get("uid") for owner in owners}:
                    found.append(pod)
    return found


def _close_debuggers(
    client: Client,
    agents: Sequence[Agent],
    timeout: float,
    grace: int,
    *,
    concurrency: int,
    check_mode: bool,
) -> list[Closed]:
    if check_mode or not agents:
        return [Closed(agent=agent, changed=True) for agent in agents]
    pairs = [
        (agent.target, agent.session.entry)
        for agent in agents
        if agent.session is not None and agent.session.entry is not None
    ]
    stopped = stop_debuggers(client, pairs, grace=grace, timeout=timeout, concurrency=concurrency)
    return [
        Closed(agent=agent, changed=done.error is None, error=done.error)
        for agent, done in zip(agents, stopped, strict=True)
    ]
