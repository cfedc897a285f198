# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What the cluster would refuse of an agent's Job, found out before it is made, with a way out.

Pod Security and quotas judge pods and never Jobs, so a dry run of the Job alone would let pass what
then never gets a pod. Who may create pods has one tried, too; for all others the Job's own events
tell (see ``waiting``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ansible_collections.kubedebug.core.plugins.module_utils._agent.manifest import pod_of
from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import AgentOptions
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import (
    explain_pod_security,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.preflight import (
    exec_rules,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import (
    Rule,
    missing_rules,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    BadRequest,
    DebugError,
    Forbidden,
    Invalid,
    NotFound,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import (
    Refused,
    missing_text,
    pod_rules,
)

__all__ = [
    "LevelRefused",
    "Proposal",
    "agent_rules",
    "end_rules",
    "event_rules",
    "explain",
    "jobs_path",
    "kin",
    "refusal_text",
    "refusals",
    "trial_rules",
]

_REASON_LIMIT = 512


class LevelRefused(Refused):
    """Pod Security refuses it; ``level`` is that of the namespace."""

    def __init__(self, msg: str, *, level: str) -> None:
        super().__init__(msg)
        self.level = level


@dataclass(frozen=True)
class Proposal:
    """A Job that is about to be made."""

    target: Target
    job: Mapping[str, Any]


def jobs_path(namespace: str, name: str = "") -> str:
    """The API path of a namespace's Jobs, or of one."""
    path = f"/apis/batch/v1/namespaces/{quote(namespace, safe='')}/jobs"
    return f"{path}/{quote(name, safe='')}" if name else path


def _job_rules(namespace: str, verbs: Sequence[str]) -> list[Rule]:
    return [Rule(verb=verb, group="batch", resource="jobs", namespace=namespace) for verb in verbs]


def agent_rules(namespace: str, *, execs: bool = False) -> list[Rule]:
    """The RBAC that making an agent's Job in *namespace* and waiting for it needs.

    To delete is among it: a Job that cannot start is taken away again.
    """
    log = Rule(verb="get", group="", resource="pods", subresource="log", namespace=namespace)
    return [
        *_job_rules(namespace, ("create", "delete", "get", "list", "watch")),
        *pod_rules(namespace),
        log,
        *(exec_rules(namespace) if execs else ()),
    ]


def end_rules(namespace: str) -> list[Rule]:
    """The RBAC that ending agents in *namespace*, and seeing their pods go, needs."""
    return [*_job_rules(namespace, ("delete", "list")), *pod_rules(namespace)[1:]]


def event_rules(namespace: str) -> list[Rule]:
    """The RBAC by which a Job that gets no pod is told at once."""
    return [
        Rule(verb=verb, group="", resource="events", namespace=namespace)
        for verb in ("list", "watch")
    ]


def trial_rules(namespace: str) -> list[Rule]:
    """The RBAC by which what admission says of the agent's pod is known beforehand."""
    return [Rule(verb="create", group="", resource="pods", namespace=namespace)]


def refusals(
    client: Client,
    proposals: Sequence[Proposal],
    options: AgentOptions,
    *,
    execs: bool,
    every_pod: bool,
    concurrency: int,
) -> list[DebugError | None]:
    """Why each Job would be refused; None where nothing speaks against it.

    The pods of one controller are alike to admission, and so are their agents: one of them speaks
    for all, unless *every_pod* asks for each.
    """
    lacking: dict[str, Refused] = {}
    tries_pods: dict[str, bool] = {}
    for namespace in dict.fromkeys(_namespace(each) for each in proposals):
        missing = missing_rules(client, agent_rules(namespace, execs=execs))
        if missing:
            lacking[namespace] = Refused(missing_text(missing))
        tries_pods[namespace] = not missing_rules(client, trial_rules(namespace))
    asked: dict[str, Proposal] = {}
    for proposal in proposals:
        if _namespace(proposal) not in lacking:
            asked.setdefault(_key(proposal, every_pod), proposal)
    outcomes = fan_out(
        lambda proposal: _dry_run(
            client, proposal, options, with_pod=tries_pods[_namespace(proposal)]
        ),
        list(asked.values()),
        limit=concurrency,
    )
    told = dict(zip(asked, (outcome.error for outcome in outcomes), strict=True))
    return [lacking.get(_namespace(each)) or told.get(_key(each, every_pod)) for each in proposals]


def _namespace(proposal: Proposal) -> str:
    return str(proposal.job["metadata"]["namespace"])


def _key(proposal: Proposal, every_pod: bool) -> str:
    target = proposal.target
    return target.uid if every_pod else f"{_namespace(proposal)} {kin(target)}"


def kin(target: Target) -> str:
    """Tell pods apart by the controller that made them; a bare pod stands for itself."""
    for owner in target.pod.get("metadata", {}).get("ownerReferences") or []:
        if owner.get("controller"):
            return str(owner["uid"])
    return target.uid


def _dry_run(client: Client, proposal: Proposal, options: AgentOptions, *, with_pod: bool) -> None:
    namespace = _namespace(proposal)
    # Else a misspelt field in overrides would be left out in silence.
    params = {"dryRun": "All", "fieldValidation": "Strict", "fieldManager": "kubedebug.core"}
    try:
        client.post(jobs_path(namespace), proposal.job, params, idempotent=True)
        if with_pod:
            path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods"
            client.post(path, pod_of(proposal.job), params, idempotent=True)
    except ApiError as error:
        raise explain(proposal.target, namespace, options, error) from error


def explain(target: Target, namespace: str, options: AgentOptions, error: ApiError) -> DebugError:
    """Say in the user's terms why the API server refused a Job or its pod, and what to do."""
    if isinstance(error, Forbidden):
        text = f"{target.ref}: {refusal_text(namespace, options, error.message_full)}"
        violation = explain_pod_security(error.message_full)
        return Refused(text) if violation is None else LevelRefused(text, level=violation.level)
    if isinstance(error, NotFound):
        return Refused(
            f"{target.ref}: namespace {namespace} for the agent does not exist. Correct "
            "agent_namespace, or create it first."
        )
    if isinstance(error, (Invalid, BadRequest)):
        hint = " Look at overrides first." if options.overrides else ""
        return Refused(
            f"{target.ref}: the API server refuses the agent's Job: "
            f"{clean(error.message_full, limit=_REASON_LIMIT)}.{hint}"
        )
    return Refused(f"{target.ref}: the agent could not be made: {error.msg}")


def refusal_text(namespace: str, options: AgentOptions, message: str) -> str:
    """What admission said of an agent's pod, and the way out; also for the text of an event."""
    violation = explain_pod_security(message)
    if violation is not None:
        needs = " hostPID, which an agent in a Job needs, is for level privileged only."
        least = needs if options.host_pid else ""
        return (
            f"Pod Security level {violation.level} of namespace {namespace} refuses the agent's "
            f"pod: {violation.text}.{least} Set agent_namespace to a namespace that allows it, or "
            "mode=ephemeral."
        )
    text = clean(message, limit=_REASON_LIMIT).rstrip(".")
    if "exceeded quota" in message or "must specify" in message or "maximum " in message:
        return (
            f"a quota or limit of namespace {namespace} refuses the agent's pod: {text}. Set "
            "resources to what fits, or agent_namespace to another namespace."
        )
    return (
        f"the cluster refuses the agent in namespace {namespace}: {text}. Set agent_namespace to a "
        "namespace that allows it, or mode=ephemeral."
    )
