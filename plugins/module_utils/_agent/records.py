# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What the Jobs of agents, and the pods that are made of them, say of themselves; pure.

A Job can be written by anybody who may create Jobs: whatever does not look as expected is left
out, and never fails a list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import MARKS
from ansible_collections.kubedebug.core.plugins.module_utils._agent.presets import SHAPES
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import (
    Entry,
    failure,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.spec import MANAGED_BY
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import (
    epoch,
    is_deleting,
    is_finished,
    pod_problem,
)

__all__ = [
    "Record",
    "State",
    "agent_status",
    "container_of",
    "is_over",
    "job_of",
    "job_problem",
    "mark",
    "newest_pod",
    "pod_failure",
    "record",
]

State: TypeAlias = Literal["waiting", "running", "finished", "failed", "ending"]

_LIMIT = 512
_SHORT = 64
_CONTAINERS = tuple(shape.container for shape in SHAPES.values())


@dataclass(frozen=True, kw_only=True)
class Record:
    """One agent, from its Job and its pod; times are the API's RFC 3339 text.

    Owner, reason and target come from annotations, which anybody who may change Jobs can write:
    they inform, and authorize nothing.
    """

    namespace: str
    name: str
    uid: str
    state: State
    reason: str | None
    message: str | None
    exit_code: int | None
    pod: str | None
    node: str | None
    image: str
    target: str | None
    target_uid: str | None
    target_container: str | None
    container_id: str | None
    identity: str | None
    namespaces: tuple[str, ...]
    preset: str | None
    managed: bool
    owner: str | None
    reason_given: str | None
    ticket: str | None
    created_at: str | None
    started_at: str | None
    finished_at: str | None
    expires_at: str | None


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _text(value: Any, limit: int = _LIMIT) -> str | None:
    return clean(str(value), limit=limit) if value else None


def mark(job: Mapping[str, Any], name: str) -> str | None:
    """One of the collection's annotations of a Job, cleaned."""
    return _text(_map(_map(job.get("metadata")).get("annotations")).get(MARKS + name))


def _label(job: Mapping[str, Any], name: str) -> str | None:
    return _text(_map(_map(job.get("metadata")).get("labels")).get(name), _SHORT)


def job_of(pod: Mapping[str, Any]) -> str | None:
    """The UID of the Job that a pod is of."""
    owners = _list(_map(pod.get("metadata")).get("ownerReferences"))
    return next((str(each.get("uid")) for each in owners if each.get("kind") == "Job"), None)


def newest_pod(pods: Iterable[Mapping[str, Any]], uid: str) -> Mapping[str, Any] | None:
    """The pod of a Job that was made last."""
    mine = [pod for pod in pods if job_of(pod) == uid]
    return max(
        mine, key=lambda pod: str(_map(pod.get("metadata")).get("creationTimestamp")), default=None
    )


def container_of(job: Mapping[str, Any]) -> Mapping[str, Any]:
    """The agent's container in the Job's template; its first where none has the name."""
    template = _map(_map(job.get("spec")).get("template"))
    found = _list(_map(template.get("spec")).get("containers"))
    named = (each for each in found if each.get("name") in _CONTAINERS)
    return next(named, found[0] if found else {})


def agent_status(pod: Mapping[str, Any], container: str) -> Mapping[str, Any]:
    """The status of the agent's container; empty before the kubelet has one."""
    statuses = _list(_map(pod.get("status")).get("containerStatuses"))
    return next((each for each in statuses if each.get("name") == container), {})


def is_over(job: Mapping[str, Any]) -> bool:
    """Whether a Job has ended or is being deleted, so that its agent serves nobody any more."""
    return _condition(job) is not None or bool(_map(job.get("metadata")).get("deletionTimestamp"))


def _condition(job: Mapping[str, Any]) -> Mapping[str, Any] | None:
    wanted = ("Complete", "Failed", "FailureTarget")
    conditions = _list(_map(job.get("status")).get("conditions"))
    return next(
        (
            each
            for each in conditions
            if each.get("type") in wanted and each.get("status") == "True"
        ),
        None,
    )


def job_problem(job: Mapping[str, Any]) -> str | None:
    """Why a Job has no running agent and will have none, as a clause; None while there is hope."""
    condition = _condition(job)
    if condition is None:
        return None
    if condition.get("type") == "Complete":
        return "it ended at once, with exit code 0"
    reason, message = _text(condition.get("reason")), _text(condition.get("message"))
    return f"its Job has failed ({': '.join(filter(None, (reason, message)))})"


def _entry(pod: Mapping[str, Any], container: str) -> Entry:
    """The agent's container in the terms of debuggers, whose rules for failures it shares."""
    status = agent_status(pod, container)
    state = _map(status.get("state"))
    names = {"running": "running", "terminated": "finished", "waiting": "waiting"}
    key = next((each for each in names if state.get(each) is not None), None)
    details = _map(state.get(key)) if key else {}
    told: Any = names[key] if key else "unknown"
    code = details.get("exitCode")
    return Entry(
        name=container,
        image=str(status.get("image") or ""),
        state=told,
        reason=_text(details.get("reason"), _SHORT),
        message=_text(details.get("message")),
        exit_code=code if isinstance(code, int) else None,
        started_at=_text(details.get("startedAt"), _SHORT),
        finished_at=_text(details.get("finishedAt"), _SHORT),
    )


def pod_failure(pod: Mapping[str, Any], container: str) -> tuple[str, str] | None:
    """Why an agent's pod will not come to serve, as reason and message; None while it may."""
    entry = _entry(pod, container)
    found = failure(entry)
    if found is not None:
        return found
    if entry.state == "finished":
        return "ended at once with exit code 0", entry.message or ""
    if is_deleting(pod) or is_finished(pod):
        return pod_problem(pod) or "", ""
    for condition in _list(_map(pod.get("status")).get("conditions")):
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return "Unschedulable", _text(condition.get("message")) or ""
    return None


def record(job: Mapping[str, Any], pod: Mapping[str, Any] | None) -> Record:
    """An agent as far as its Job and its pod tell; *pod* is None where there is none."""
    metadata, container = _map(job.get("metadata")), container_of(job)
    entry = _entry(pod or {}, str(container.get("name") or ""))
    template = _map(_map(_map(job.get("spec")).get("template")).get("spec"))
    pod_spec = _map((pod or {}).get("spec"))
    state, reason, message = _state(job, entry)
    expires = mark(job, "expires-at")
    return Record(
        namespace=str(metadata.get("namespace") or ""),
        name=str(metadata.get("name") or ""),
        uid=str(metadata.get("uid") or ""),
        state=state,
        reason=reason,
        message=message,
        exit_code=entry.exit_code,
        pod=_text(_map((pod or {}).get("metadata")).get("name")),
        node=_text(pod_spec.get("nodeName") or template.get("nodeName")),
        image=_text(container.get("image")) or "",
        target=mark(job, "target"),
        target_uid=_label(job, f"{MARKS}target-uid"),
        target_container=mark(job, "container"),
        container_id=mark(job, "container-id"),
        identity=_label(job, f"{MARKS}identity"),
        namespaces=tuple(filter(None, (mark(job, "namespaces") or "").split(","))),
        preset=mark(job, "preset"),
        managed=_label(job, "app.kubernetes.io/managed-by") == MANAGED_BY,
        owner=mark(job, "owner"),
        reason_given=mark(job, "reason"),
        ticket=mark(job, "ticket"),
        created_at=_text(metadata.get("creationTimestamp"), _SHORT),
        started_at=entry.started_at,
        finished_at=entry.finished_at
        or _text(_map(job.get("status")).get("completionTime"), _SHORT),
        expires_at=expires if epoch(expires) is not None else None,
    )


def _state(job: Mapping[str, Any], entry: Entry) -> tuple[State, str | None, str | None]:
    condition = _condition(job)
    if condition is not None and condition.get("type") != "Complete":
        reason = _text(condition.get("reason"), _SHORT)
        return "failed", reason or entry.reason, _text(condition.get("message")) or entry.message
    if _map(job.get("metadata")).get("deletionTimestamp"):
        return "ending", entry.reason, entry.message
    if condition is not None:
        return "finished", entry.reason, entry.message
    if entry.state == "running":
        return "running", None, None
    return "waiting", entry.reason, entry.message
