# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What stands around pods that may be replaced: workloads, budgets, other debuggers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.budgets import budget_of
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.findings import (
    POD_MARKS,
    pod_findings,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.model import (
    Budget,
    Facts,
    Finding,
    Owner,
    Workload,
    owner_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.options import (
    CleanupOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.policy import is_live
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.scan import pods_path
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import Rule
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    Forbidden,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import (
    Refused,
    explain_forbidden,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.workload import (
    selector_text,
)

__all__ = ["PLURALS", "crowd", "entered", "gather", "read_workload", "workload_path"]

PLURALS = {
    "DaemonSet": "daemonsets",
    "Deployment": "deployments",
    "ReplicaSet": "replicasets",
    "StatefulSet": "statefulsets",
}


def workload_path(namespace: str, kind: str, name: str) -> str:
    """The API path of a workload of the group apps."""
    place = f"/apis/apps/v1/namespaces/{quote(namespace, safe='')}"
    return f"{place}/{PLURALS[kind]}/{quote(name, safe='')}"


def gather(
    client: Client, pods: Sequence[Finding], options: CleanupOptions, *, concurrency: int
) -> Facts:
    """Look at the workloads and budgets of *pods*.

    Raises Refused with the missing rule where RBAC hides them, but for a report: that says so.
    """
    if not pods or options.want == "stopped":
        return Facts()
    try:
        return _gather(client, pods, options, concurrency)
    except (Forbidden, Refused) as error:
        if options.want != "reported":
            raise
        return Facts(
            unknown="Whether its workload and a PodDisruptionBudget let it go was not looked at: "
            f"{error.msg}"
        )


def _gather(
    client: Client, pods: Sequence[Finding], options: CleanupOptions, concurrency: int
) -> Facts:
    owners: dict[str, tuple[str, Owner]] = {
        each.host.owner.uid: (each.namespace, each.host.owner)
        for each in pods
        if each.host is not None and each.host.owner is not None
    }
    places = sorted({each.namespace for each in pods})
    with explain_forbidden(client, _rules(places, options)):
        read = fan_out(
            lambda item: read_workload(client, item[0], item[1], rollout=options.rollout),
            list(owners.values()),
            limit=concurrency,
        )
        workloads = {uid: outcome.unwrap() for uid, outcome in zip(owners, read, strict=True)}
        budgets: list[Budget] = []
        if not options.rollout:
            listed = fan_out(lambda place: _budgets(client, place), places, limit=concurrency)
            budgets = [budget for outcome in listed for budget in outcome.unwrap()]
        crowded: dict[str, str] = {}
        if options.rollout:
            tops = {
                (workload.top or workload).uid: (owners[uid][0], workload.top or workload)
                for uid, workload in workloads.items()
                if not workload.missing
            }
            looked = fan_out(
                lambda item: crowd(client, item[0], item[1]), list(tops.values()), limit=concurrency
            )
            crowded = {uid: outcome.unwrap() for uid, outcome in zip(tops, looked, strict=True)}
    return Facts(workloads=workloads, budgets=budgets, crowded=crowded)


def _rules(places: Iterable[str], options: CleanupOptions) -> list[Rule]:
    rules = []
    for place in places:
        rules += [
            Rule(verb="get", group="apps", resource=plural, namespace=place)
            for plural in PLURALS.values()
        ]
        if not options.rollout:
            rules.append(
                Rule(
                    verb="list",
                    group="policy",
                    resource="poddisruptionbudgets",
                    namespace=place,
                )
            )
    return rules


def _budgets(client: Client, namespace: str) -> list[Budget]:
    path = f"/apis/policy/v1/namespaces/{quote(namespace, safe='')}/poddisruptionbudgets"
    return [budget_of(item) for item in client.list(path)]


def read_workload(client: Client, namespace: str, owner: Owner, *, rollout: bool) -> Workload:
    """A pod's controller as it is now, with the deployment behind a ReplicaSet.

    ``missing`` where it is gone or another one has its name. Kinds of other groups are told by
    their name only.
    """
    if owner.kind not in PLURALS:
        return Workload(kind=owner.kind, name=owner.name, uid=owner.uid, counted=False)
    try:
        raw = client.get(workload_path(namespace, owner.kind, owner.name))
    except NotFound:
        raw = {}
    if (raw.get("metadata") or {}).get("uid") != owner.uid:
        return Workload(kind=owner.kind, name=owner.name, uid=owner.uid, missing=True)
    above = owner_of(raw)
    top = None
    if owner.kind == "ReplicaSet" and above is not None and above.kind == "Deployment":
        top = read_workload(client, namespace, above, rollout=rollout)
    return _workload(raw, owner, top, rollout=rollout)


def _workload(
    raw: Mapping[str, Any], owner: Owner, top: Workload | None, *, rollout: bool
) -> Workload:
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    if owner.kind == "DaemonSet":
        wanted, ready = status.get("desiredNumberScheduled"), status.get("numberReady")
    else:
        wanted, ready = spec.get("replicas", 1), status.get("readyReplicas")
    return Workload(
        kind=owner.kind,
        name=owner.name,
        uid=owner.uid,
        version=str(raw["metadata"].get("resourceVersion") or ""),
        wanted=int(wanted or 0),
        ready=int(ready or 0),
        selector=selector_text(spec.get("selector")),
        busy=_busy(raw, owner.kind, rollout=rollout),
        top=top,
    )


def _busy(raw: Mapping[str, Any], kind: str, *, rollout: bool) -> str:
    """Why a workload must be left alone now, as a clause about it."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    if raw["metadata"].get("deletionTimestamp"):
        return "is being deleted"
    if int(status.get("observedGeneration") or 0) < int(raw["metadata"].get("generation") or 0):
        return "has a change that its controller has not seen yet"
    wanted = int(spec.get("replicas", 1) or 0)
    updated = {
        "Deployment": int(status.get("updatedReplicas") or 0) < wanted
        or int(status.get("replicas") or 0) > wanted,
        "DaemonSet": int(status.get("updatedNumberScheduled") or 0)
        < int(status.get("desiredNumberScheduled") or 0),
    }
    if updated.get(kind):
        return "is in the middle of a rollout"
    if not rollout:
        return ""
    strategy = (spec.get("strategy") or spec.get("updateStrategy") or {}).get("type")
    if spec.get("paused"):
        return "is paused, so that a restart would not begin"
    if strategy == "OnDelete":
        return "has the strategy OnDelete, so that a restart replaces no pod"
    if strategy == "Recreate":
        return "has the strategy Recreate, so that a restart ends all its pods at once"
    return ""


def entered(client: Client, namespace: str, workload: Workload) -> Iterator[dict[str, Any]]:
    """The pods of a workload that have ephemeral entries."""
    # The selector finds all pods of a deployment, whichever of its ReplicaSets made them.
    params = {"labelSelector": workload.selector} if workload.selector else {}
    marks = POD_MARKS["ephemeral_container"]
    yield from client.list(pods_path(namespace), params, containing=marks)


def crowd(client: Client, namespace: str, workload: Workload) -> str:
    """A debugger that lives in any pod of a workload, by its name; "" for none."""
    now = client.server_time()
    for pod in entered(client, namespace, workload):
        for finding in pod_findings(pod):
            if is_live(finding) and (finding.expires is None or finding.expires > now):
                return finding.ref
    return ""
