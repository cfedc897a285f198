# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Pods that debug are made, found again and deleted; each refusal with its reason and a way out."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._agent.waiting import pods_path
from ansible_collections.kubedebug.core.plugins.module_utils._copies.model import (
    Made,
    MadeFailed,
    MadePlan,
    label,
    mark,
)
from ansible_collections.kubedebug.core.plugins.module_utils._copies.spec import MARKS
from ansible_collections.kubedebug.core.plugins.module_utils._copies.waiting import (
    wait_until_gone,
    wait_until_running,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import (
    explain_pod_security,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.spec import MANAGED_BY
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import (
    Rule,
    missing_rules,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    Conflict,
    DebugError,
    Forbidden,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import (
    Refused,
    missing_text,
    pod_rules,
    require,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import (
    is_deleting,
    is_finished,
)

__all__ = ["delete_rules", "delete_uid", "find_made", "make", "make_rules", "remove"]

_REQUEST = f"{MARKS}request"
_FIELD_MANAGER = "kubedebug.core"
_STRICT = {"fieldValidation": "Strict", "fieldManager": _FIELD_MANAGER}


def make_rules(namespace: str) -> list[Rule]:
    """The RBAC that making such a pod and waiting for it needs."""
    create = Rule(verb="create", group="", resource="pods", namespace=namespace)
    return [*pod_rules(namespace), create]


def delete_rules(namespace: str, name: str = "") -> list[Rule]:
    """The RBAC that deleting one needs."""
    return [Rule(verb="delete", group="", resource="pods", namespace=namespace, name=name)]


def find_made(client: Client, namespaces: Sequence[str], *, role: str) -> list[dict[str, Any]]:
    """The pods of that role, which the collection has made, in the order of the API."""
    selector = f"app.kubernetes.io/managed-by={MANAGED_BY},{MARKS}role={role}"

    def listed() -> Iterator[dict[str, Any]]:
        for namespace in dict.fromkeys(namespaces):
            path = pods_path(namespace)
            yield from client.list(path, {"labelSelector": selector})

    return list(listed())


def make(client: Client, drafts: Sequence[Made], plan: MadePlan) -> list[Made]:
    """Make the pods of *drafts* and wait until they run; failures stay with their draft.

    Raises DebugError when the first of each namespace is refused: then none was made.
    """
    fresh = [draft for draft in drafts if draft.added is not None and draft.error is None]
    first = {draft.namespace: draft for draft in reversed(fresh)}
    require(client, [rule for namespace in first for rule in make_rules(namespace)])
    trials = fresh if plan.check_mode else list(first.values())
    for outcome in fan_out(lambda draft: _try(client, draft, plan), trials, limit=plan.concurrency):
        outcome.unwrap()
    if plan.check_mode:
        return [
            replace(draft, action="planned") if draft.added is not None else draft
            for draft in drafts
        ]
    outcomes = fan_out(lambda draft: _create(client, draft, plan), drafts, limit=plan.concurrency)
    made = [
        outcome.unwrap()
        if outcome.ok
        else replace(draft, action="failed", added=None, error=outcome.error)
        for draft, outcome in zip(drafts, outcomes, strict=True)
    ]
    if not plan.wait.wait:
        return made
    waited = wait_until_running(
        client, made, role=plan.role, timeout=plan.wait.timeout, concurrency=plan.concurrency
    )
    settled = fan_out(lambda one: _settle(client, one), waited, limit=plan.concurrency)
    return [outcome.unwrap() for outcome in settled]


def _try(client: Client, draft: Made, plan: MadePlan) -> None:
    """Let the API server judge a pod without making it."""
    try:
        client.post(_pods(draft), draft.added, {**_STRICT, "dryRun": "All"}, idempotent=True)
    except Conflict as error:
        # The name is taken, which is right where it is by what another run has made just now.
        _taken(client, draft, error)
    except ApiError as error:
        raise _explained(client, draft, plan, error) from error


def _create(client: Client, draft: Made, plan: MadePlan) -> Made:
    if draft.added is None or draft.error is not None:
        return draft
    # Tells the answer to a request that was repeated from that of another run.
    request = secrets.token_hex(4)
    metadata = draft.added["metadata"]
    stamped = {**metadata["annotations"], _REQUEST: request}
    body = {**draft.added, "metadata": {**metadata, "annotations": stamped}}
    try:
        pod = client.post(_pods(draft), body, _STRICT, idempotent=True)
    except Conflict as error:
        pod = _taken(client, draft, error)
        if mark(pod, "request") != request:
            return replace(draft, action="reused", added=None, pod=pod, uid=pod["metadata"]["uid"])
    except ApiError as error:
        raise _explained(client, draft, plan, error) from error
    return replace(draft, pod=pod, uid=pod["metadata"]["uid"])


def _taken(client: Client, draft: Made, error: Conflict) -> dict[str, Any]:
    """The pod that has the name, where it is what another run has just made of the same draft."""
    wanted = (draft.added or {})["metadata"]["labels"][f"{MARKS}identity"]
    try:
        pod = client.get(draft.path)
    except NotFound:
        raise MadeFailed(
            f"{draft.ref}: another pod had that name until now ({error.message}). Run the task "
            "again."
        ) from error
    if label(pod, "identity") == wanted:
        _check_lives(draft, pod)
        return pod
    raise MadeFailed(
        f"{draft.ref}: there is a pod of that name already, and it is not what the task describes. "
        "Choose another name, or end it first by state=absent where it is the collection's."
    ) from error


def _check_lives(draft: Made, pod: Mapping[str, Any]) -> None:
    """Raise MadeFailed for one that is of the same description, and of no use any more."""
    if is_deleting(pod):
        raise MadeFailed(f"{draft.ref}: it is being deleted. Run the task again when it is gone.")
    if is_finished(pod):
        raise MadeFailed(
            f"{draft.ref}: it has ended, and keeps its name until it is deleted. Run the task with "
            "state=absent first, or leave copy_name out: then the next one gets another name."
        )


def _settle(client: Client, made: Made) -> Made:
    """Delete what this run has made and what can never start; what has ended is evidence."""
    state = ((made.pod or {}).get("status") or {}).get("phase")
    if made.error is None or made.added is None or state != "Pending":
        return made
    if is_deleting(made.pod or {}):
        return made
    try:
        delete_uid(client, made, grace=0)
    except DebugError:
        text = f"{made.error.msg} The pod could not be deleted again; its lifetime bounds it."
    else:
        text = f"{made.error.msg} The pod was deleted again."
    return replace(made, error=MadeFailed(text, facts=made.error.facts))


def remove(client: Client, doomed: Sequence[Made], plan: MadePlan) -> list[Made]:
    """Delete the very pods, and wait until they are gone."""
    require(client, [rule for one in doomed for rule in delete_rules(one.namespace)])
    outcomes = fan_out(
        lambda one: delete_uid(client, one, check_mode=plan.check_mode),
        doomed,
        limit=plan.concurrency,
    )
    deleted = [
        replace(one, action="failed", error=outcome.error)
        if outcome.error is not None
        else replace(one, action="planned" if plan.check_mode else "deleted")
        for one, outcome in zip(doomed, outcomes, strict=True)
    ]
    if plan.check_mode or not plan.wait.wait:
        return deleted
    return wait_until_gone(client, deleted, role=plan.role, timeout=plan.wait.timeout)


def delete_uid(
    client: Client, made: Made, *, check_mode: bool = False, grace: int | None = None
) -> None:
    """Delete a pod by its UID; one that is gone, or whose name another has by now, is no error."""
    body: dict[str, Any] = {"preconditions": {"uid": made.uid}}
    if grace is not None:
        body["gracePeriodSeconds"] = grace
    if check_mode:
        # Not a parameter of the query: the API server ignores those where there is a body.
        body["dryRun"] = ["All"]
    try:
        client.delete(made.path, body)
    except (NotFound, Conflict):
        return


def _pods(made: Made) -> str:
    return pods_path(made.namespace)


def _explained(client: Client, draft: Made, plan: MadePlan, error: ApiError) -> DebugError:
    if isinstance(error, Forbidden):
        violation = explain_pod_security(error.message_full)
        if violation is not None:
            return Refused(
                f"{draft.subject}: Pod Security level {violation.level} of namespace "
                f"{draft.namespace} refuses the pod (profile={plan.profile}): {violation.text}. "
                "Choose a profile that asks for less (baseline, restricted), or another namespace."
            )
        missing = missing_rules(client, make_rules(draft.namespace))
        if missing:
            return Refused(missing_text(missing))
        if "exceeded quota" in error.message_full or "must specify" in error.message_full:
            return Refused(
                f"{draft.subject}: a quota of namespace {draft.namespace} refuses the pod: "
                f"{error.message}. Way out: delete pods that are not needed, have the quota "
                "raised, or give the container what it asks for by custom (resources)."
            )
        return Refused(f"{draft.subject}: an admission rule refuses the pod: {error.message}")
    if isinstance(error, NotFound):
        return Refused(f"namespace={draft.namespace} does not exist: {error.message}")
    return Refused(f"{draft.subject}: the API server refuses the pod: {error.message}")
