# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The use case of ``agent_job``: agents are there and ready, or are gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._agent import preflight
from ansible_collections.kubedebug.core.plugins.module_utils._agent.closing import close_agents
from ansible_collections.kubedebug.core.plugins.module_utils._agent.job import find_jobs
from ansible_collections.kubedebug.core.plugins.module_utils._agent.model import (
    Agent,
    AgentPlan,
    Closed,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import (
    AGENT_SPEC,
    LAUNCH_SPEC,
    MARKS,
    MODE_SPEC,
    AgentOptions,
    ModeOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.records import (
    mark,
    record,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.results import (
    agent_diff,
    agent_result,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.session import open_agents
from ansible_collections.kubedebug.core.plugins.module_utils._agent.spec import debugger_options
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral import spec
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import entries
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.preflight import (
    exec_rules_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.results import (
    pod_result,
    raise_failures,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.session import Session
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import whoami
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    SELECT_SPEC,
    TARGET_SPEC,
    WAIT_SPEC,
    OptionError,
    Spec,
    TargetOptions,
    WaitOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import (
    Seat,
    Target,
    TargetError,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import (
    explain_forbidden,
    require,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.scan import require_namespace
from ansible_collections.kubedebug.core.plugins.module_utils._pods.targets import resolve
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
    open_client,
)

__all__ = ["AGENT_JOB"]

_SPEC = Spec.compose(
    SELECT_SPEC,
    TARGET_SPEC,
    WAIT_SPEC,
    AGENT_SPEC,
    LAUNCH_SPEC,
    {**MODE_SPEC, "mode": {**MODE_SPEC["mode"], "default": "job"}},
    {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "agent": {"type": "list", "elements": "str", "default": []},
    },
)


def _run(params: Params, context: Context) -> Result:
    targets = TargetOptions.from_params(params)
    options = AgentOptions.from_params(params)
    mode = ModeOptions.from_params(params)
    wait = WaitOptions.from_params(params)
    names = tuple(name for name in params["agent"] if name)
    if names and params["state"] != "absent":
        raise OptionError(
            "agent names Jobs for state=absent; with state=present the collection gives the name. "
            "Leave it out."
        )
    with open_client(params, context) as client:
        plan = AgentPlan(
            options=options,
            mode=mode,
            owner=options.owner or whoami(client),
            wait=wait,
            check_mode=context.check_mode,
            concurrency=targets.concurrency,
            label_selectors=targets.label_selectors,
            offers_copy=True,
        )
        if params["state"] == "absent":
            return _absent(client, targets, plan, names)
        chosen = resolve(client, targets)
        return _present(client, chosen.targets, plan, chosen.warnings)


def _present(
    client: Client, targets: Sequence[Target], plan: AgentPlan, warnings: tuple[str, ...]
) -> Result:
    agents = open_agents(client, targets, plan)
    result = Result(
        changed=any(agent.changed for agent in agents),
        data={"pods": [agent_result(agent) for agent in agents]},
        diff=agent_diff(agents),
        warnings=(*warnings, *(text for agent in agents for text in agent.warnings)),
    )
    raise_failures([agent.error for agent in agents], result, what="The agent")
    return result


def _absent(
    client: Client, options: TargetOptions, plan: AgentPlan, names: tuple[str, ...]
) -> Result:
    """End the named agents of each target, or all that the owner has there.

    A debugger tells nothing of being an agent, so of those only the one that the task describes is
    ended.
    """
    targets = _targets(client, options)
    agents: list[Agent] = []
    if plan.mode.mode != "ephemeral":
        gone = _refs(client, options) - {target.ref for target in targets}
        agents += _jobs_of(client, targets, plan, names=names, gone=gone)
    if plan.mode.mode != "job":
        agents += _debuggers_of(targets, plan)
    require(client, _rules(agents))
    closed = close_agents(
        client,
        agents,
        timeout=plan.wait.timeout,
        concurrency=plan.concurrency,
        check_mode=plan.check_mode,
    )
    diff = tuple(_end_diff(one.agent) for one in closed if one.changed)
    data = {"pods": _end_results(targets, closed, plan)}
    result = Result(changed=bool(diff), data=data, diff=diff)
    raise_failures([one.error for one in closed], result, what="Ending", each="agents")
    return result


def _targets(client: Client, options: TargetOptions) -> list[Target]:
    """The pods that are meant, also those that no agent could work beside any more.

    A pod that is named and gone is no error: its agents are to be gone, too.
    """
    if not options.name:
        return resolve(client, options, need_running=False).targets
    found = []
    for name in dict.fromkeys(options.name):
        try:
            chosen = resolve(client, replace(options, name=(name,)), need_running=False)
        except TargetError:
            # Another namespace that does not exist, or another mistake, is told all the same.
            require_namespace(client, options.namespace or client.default_namespace)
            continue
        found += chosen.targets
    return sorted(found, key=lambda target: (target.namespace, target.name))


def _refs(client: Client, options: TargetOptions) -> set[str]:
    namespace = options.namespace or client.default_namespace
    return {f"{namespace}/{name}" for name in options.name}


def _rules(agents: Sequence[Agent]) -> list[Any]:
    spaces = dict.fromkeys(str(agent.namespace) for agent in agents if agent.mode == "job")
    return [
        *(rule for namespace in spaces for rule in preflight.end_rules(namespace)),
        *exec_rules_of([agent.target for agent in agents if agent.mode == "ephemeral"]),
    ]


def _jobs_of(
    client: Client,
    targets: Sequence[Target],
    plan: AgentPlan,
    *,
    names: tuple[str, ...],
    gone: set[str],
) -> Iterator[Agent]:
    """The Jobs to end; *gone* are named pods that are there no more, as namespace/name."""
    by_uid = {target.uid: target for target in targets}
    refs = [target.namespace for target in targets] + [ref.partition("/")[0] for ref in gone]
    namespaces = list(dict.fromkeys(plan.mode.agent_namespace or each for each in refs))
    rules = [rule for namespace in namespaces for rule in preflight.end_rules(namespace)]
    with explain_forbidden(client, rules):
        found = find_jobs(client, namespaces)
    for job in found.jobs:
        metadata = job["metadata"]
        target = by_uid.get(str((metadata.get("labels") or {}).get(f"{MARKS}target-uid")))
        if target is None and mark(job, "target") in gone:
            target = _former_target(job)
        mine = metadata["name"] in names if names else (mark(job, "owner") or "") == plan.owner
        if target is not None and mine:
            yield Agent(
                target=target,
                mode="job",
                action="reused",
                name=metadata["name"],
                namespace=metadata["namespace"],
                uid=metadata["uid"],
            )


def _former_target(job: Mapping[str, Any]) -> Target:
    """The target of an agent as its Job has it, since there is no such pod any more."""
    namespace, _slash, name = (mark(job, "target") or "").partition("/")
    found = record(job, None)
    return Target(
        namespace=namespace,
        name=name,
        uid=found.target_uid or "",
        node=found.node or "",
        container=found.target_container or "",
        pod={},
    )


def _debuggers_of(targets: Sequence[Target], plan: AgentPlan) -> Iterator[Agent]:
    for target in targets:
        options = debugger_options(plan.options, target)
        hashed = spec.identity(options, owner=plan.owner, container=target.container)
        for entry in entries(target.pod):
            if entry.managed and entry.identity == hashed and entry.state == "running":
                session = Session(target=target, action="reused", debugger=entry.name, entry=entry)
                yield Agent(
                    target=target,
                    mode="ephemeral",
                    action="reused",
                    name=entry.name,
                    namespace=target.namespace,
                    seat=Seat(namespace=target.namespace, pod=target.name, container=entry.name),
                    session=session,
                )


def _end_results(
    targets: Sequence[Target], closed: Sequence[Closed], plan: AgentPlan
) -> list[dict[str, Any]]:
    """One item for each agent that was ended, and one for each pod that had none."""
    results = [_end_result(one, plan) for one in closed]
    had = {one.agent.target.uid for one in closed}
    results += [_none(target) for target in targets if target.uid not in had]
    return sorted(results, key=lambda item: (item["namespace"], item["name"], item["agent"] or ""))


def _end_result(one: Closed, plan: AgentPlan) -> dict[str, Any]:
    action = "planned" if plan.check_mode else "ended"
    agent = replace(one.agent, error=one.error, seat=None)
    return {
        **agent_result(agent, action="failed" if one.error else action if one.changed else "none"),
        "changed": one.changed,
    }


def _none(target: Target) -> dict[str, Any]:
    empty = agent_result(Agent(target=target, mode="job", action="reused"), action="none")
    return {**empty, **pod_result(target), "mode": None}


def _end_diff(agent: Agent) -> Mapping[str, Any]:
    job = agent.mode == "job"
    header = f"{'Job' if job else 'Ephemeral container'} {agent.namespace}/{agent.name}"
    return {
        "before_header": header,
        "after_header": header,
        "before": {"state": "present" if job else "running"},
        "after": {"state": "absent" if job else "finished"},
    }


AGENT_JOB = UseCase(
    name="agent_job",
    spec=_SPEC,
    run=_run,
)
