# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What debugging left behind in a cluster, in one pass over its pods and one over its Jobs.

Pages are looked at as bytes; only pods that hold a mark of a debugger are parsed, and only findings
are kept, so that neither the time for other pods nor the memory grows with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.filters import keeps
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.findings import (
    POD_MARKS,
    job_finding,
    pod_findings,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.model import Finding
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.options import Selection
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import Rule
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import BadRequest
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import explain_forbidden
from ansible_collections.kubedebug.core.plugins.module_utils._pods.scan import require_namespace

__all__ = ["Scanned", "jobs_path", "pods_path", "scan"]

_SIDE_BY_SIDE = 8


@dataclass(frozen=True, kw_only=True)
class Scanned:
    """The findings that the task is about, in a stable order, and other entries of their pods."""

    findings: list[Finding] = field(default_factory=list)
    others: list[Finding] = field(default_factory=list)


def pods_path(namespace: str | None) -> str:
    """The list of pods of a namespace, or of all."""
    place = f"namespaces/{quote(namespace, safe='')}/" if namespace else ""
    return f"/api/v1/{place}pods"


def jobs_path(namespace: str | None) -> str:
    """The list of Jobs of a namespace, or of all."""
    place = f"namespaces/{quote(namespace, safe='')}/" if namespace else ""
    return f"/apis/batch/v1/{place}jobs"


def scan(client: Client, selection: Selection, *, concurrency: int) -> Scanned:
    """Find everything; raises OptionError, TargetError (no such namespace), Refused and ApiError.

    The time of ages is the server's, so that a controller with a wrong clock decides alike.
    """
    test = keeps(selection)
    places: list[str | None] = list(selection.namespaces) or [None]
    found: dict[tuple[str, ...], Finding] = {}
    outcomes = fan_out(
        lambda place: _scan_one(client, selection, place),
        places,
        limit=min(concurrency, _SIDE_BY_SIDE),
    )
    for outcome in outcomes:
        for each in outcome.unwrap():
            found[each.key] = each
    now = client.server_time()
    ordered = [found[key] for key in sorted(found)]
    chosen = [each for each in ordered if test(each, now)]
    keys = {each.key for each in chosen}
    pods = {each.uid for each in chosen if each.host is not None}
    return Scanned(
        findings=chosen,
        others=[each for each in ordered if each.uid in pods and each.key not in keys],
    )


def _scan_one(client: Client, selection: Selection, place: str | None) -> list[Finding]:
    rules = [
        Rule(verb="list", group="", resource="pods", namespace=place or ""),
    ]
    if "agent_job" in selection.kinds:
        rules.append(Rule(verb="list", group="batch", resource="jobs", namespace=place or ""))
    try:
        with explain_forbidden(client, rules):
            found = [*_of_pods(client, selection, place), *_of_jobs(client, selection, place)]
            if not found and place is not None:
                # An empty list is what the API answers for a namespace that does not exist, too.
                require_namespace(client, place)
            return found
    except BadRequest as error:
        if not selection.label_selectors:
            raise
        raise OptionError(
            f"label_selectors: {selection.selector['labelSelector']}: the API server does not "
            f"understand the selector: {error.message}. It is written as for kubectl get pods -l."
        ) from error


def _of_pods(client: Client, selection: Selection, place: str | None) -> Iterator[Finding]:
    marks = {mark for kind in selection.kinds for mark in POD_MARKS.get(kind, ())}
    if not marks:
        return
    listed = client.list(pods_path(place), selection.selector, containing=sorted(marks))
    for pod in listed:
        yield from pod_findings(pod)


def _of_jobs(client: Client, selection: Selection, place: str | None) -> Iterator[Finding]:
    if "agent_job" not in selection.kinds:
        return
    marks = (b'"app.kubernetes.io/managed-by"', b'"name":"mirrord-agent-', b'"app":"mirrord"')
    listed: Iterator[dict[str, Any]] = client.list(
        jobs_path(place), selection.selector, containing=marks
    )
    for job in listed:
        finding = job_finding(job)
        if finding is not None:
            yield finding
