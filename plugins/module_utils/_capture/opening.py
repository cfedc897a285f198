# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The containers that captures are made in: what runs already for a pod, and new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._agent import job
from ansible_collections.kubedebug.core.plugins.module_utils._agent.manifest import SELECTOR
from ansible_collections.kubedebug.core.plugins.module_utils._agent.model import (
    Agent,
    AgentPlan,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import (
    MARKS,
    AgentOptions,
    ModeOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.records import (
    agent_status,
    container_of,
    is_over,
    newest_pod,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.session import (
    SCRATCH,
    open_agents,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture import recorder
from ansible_collections.kubedebug.core.plugins.module_utils._capture.capture_options import (
    CaptureOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.model import Spot
from ansible_collections.kubedebug.core.plugins.module_utils._capture.session import Place
from ansible_collections.kubedebug.core.plugins.module_utils._capture.storage import (
    obstacle,
    quantity,
    way_out,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import entries
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import Forbidden
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat, Target

__all__ = ["LINGER", "agent_options", "jobs_of", "open_places", "place_of", "spots_beside"]

LINGER = 900
"""Seconds that a Job stays after its target's end, so that what it recorded can be fetched."""

_JOB_BASE = f"{SCRATCH}/capture"


def agent_options(params: Mapping[str, Any], capture: CaptureOptions) -> AgentOptions:
    """The agent of a capture, as the task describes it; raises OptionError."""
    options = replace(
        AgentOptions.from_params(params), namespaces=("net",), network_only=True, linger=LINGER
    )
    size = quantity(options.scratch_size)
    if size is not None and size < capture.max_bytes:
        raise OptionError(
            f"scratch_size={options.scratch_size} is less than max_bytes={capture.max_bytes}: "
            "raise it, or lower max_bytes."
        )
    return options


def open_places(
    client: Client, targets: Sequence[Target], plan: AgentPlan, capture: CaptureOptions
) -> list[Agent]:
    """Have a container to capture in for each target; a failure stays with its target.

    In mode auto a pod that a capture of this size could get evicted gets a Job. Raises DebugError
    where something refuses: then nothing was made.
    """
    reasons = {target.uid: obstacle(target, capture) for target in targets}
    if plan.mode.mode == "ephemeral":
        refused = next((target for target in targets if reasons[target.uid]), None)
        if refused is not None:
            raise OptionError(f"{reasons[refused.uid]}. {way_out(refused)}")
    apart = [t for t in targets if plan.mode.mode == "auto" and reasons[t.uid]]
    others = [t for t in targets if t not in apart]
    opened: dict[str, Agent] = {}
    if others:
        opened |= {agent.target.uid: agent for agent in open_agents(client, others, plan)}
    if apart:
        jobs = replace(
            plan, mode=ModeOptions(mode="job", agent_namespace=plan.mode.agent_namespace)
        )
        for agent in open_agents(client, apart, jobs):
            why = f"ephemeral: {reasons[agent.target.uid]}"
            opened[agent.target.uid] = replace(
                agent, reasons=(why, *agent.reasons, "job: nothing speaks against it")
            )
    return [opened[target.uid] for target in targets]


def place_of(agent: Agent) -> Place | None:
    """Where an agent lets captures be made; None where it does not run.

    A debugger is in the network namespace of its pod; a Job has to enter it.
    """
    if agent.seat is None:
        return None
    if agent.mode == "job":
        return Place(seat=agent.seat, ref=agent.target.ref, base=_JOB_BASE, pid=agent.pid)
    return Place(seat=agent.seat, ref=agent.target.ref, base=recorder.BASE)


def spots_beside(target: Target, jobs: Mapping[str, Sequence[Seat]]) -> list[Spot]:
    """Every running container of this collection for a target, as places to look into."""
    mine = [
        Spot(
            place=Place(
                seat=Seat(namespace=target.namespace, pod=target.name, container=entry.name),
                ref=target.ref,
            )
        )
        for entry in entries(target.pod)
        if entry.managed and entry.state == "running"
    ]
    agents = [
        Spot(place=Place(seat=seat, ref=target.ref, base=_JOB_BASE), mode="job")
        for seat in jobs.get(target.uid, ())
    ]
    return [*mine, *agents]


def jobs_of(client: Client, targets: Sequence[Target], mode: ModeOptions) -> dict[str, list[Seat]]:
    """The running agents of the targets that are Jobs, by the targets' UID.

    Empty where the credentials may not look, or the task wants none.
    """
    if mode.mode == "ephemeral":
        return {}
    namespaces = dict.fromkeys(mode.agent_namespace or target.namespace for target in targets)
    wanted = {target.uid for target in targets}
    seats: dict[str, list[Seat]] = {}
    for namespace in namespaces:
        try:
            found = job.find_jobs(client, [namespace]).jobs
            labelled = [(_target_uid(each), each) for each in found if not is_over(each)]
            mine = [(uid, each) for uid, each in labelled if uid in wanted]
            path = f"/api/v1/namespaces/{namespace}/pods"
            pods = list(client.list(path, {"labelSelector": SELECTOR})) if mine else []
        except Forbidden:
            continue
        for uid, each in mine:
            seat = _seat(each, newest_pod(pods, str(each["metadata"]["uid"])))
            if seat is not None:
                seats.setdefault(uid, []).append(seat)
    return seats


def _target_uid(found: Mapping[str, Any]) -> str:
    return str((found["metadata"].get("labels") or {}).get(f"{MARKS}target-uid") or "")


def _seat(found: Mapping[str, Any], pod: Mapping[str, Any] | None) -> Seat | None:
    container = str(container_of(found).get("name") or "")
    if pod is None or (agent_status(pod, container).get("state") or {}).get("running") is None:
        return None
    metadata = pod["metadata"]
    return Seat(namespace=metadata["namespace"], pod=metadata["name"], container=container)
