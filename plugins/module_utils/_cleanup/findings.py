# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""From a raw pod or Job to what a cleanup has found in it; pure.

What is ours says so by labels and annotations that agree with each other and with its name, or by a
mark in its environment where the API allows no label: a copy of such a pod inherits labels, and
annotations, and is somebody else's. What others left behind is told by the labels and the generated
names of their tools; a copy of a pod that ``kubectl debug --copy-to`` made has no sign at all and
is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.model import (
    Finding,
    Host,
    Kind,
    owner_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import (
    State,
    entries,
    failure,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.spec import MANAGED_BY
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import (
    epoch,
    is_deleting,
    is_static,
)

__all__ = ["MANAGED_LABEL", "POD_MARKS", "is_ready", "job_finding", "pod_findings"]

MANAGED_LABEL = "app.kubernetes.io/managed-by"
PREFIX = "kubedebug.core/"
_AGENT = "agent"
_KIND_OF_ROLE: dict[str, Kind] = {
    "node-debugger": "node_debugger",
    "pod-copy": "pod_copy",
}
# Source: k8s.io/kubectl, pkg/cmd/debug/debug.go (generateNodeDebugPod); the label is of 1.34.
_KUBECTL_LABEL = "kubectl-debug"
_KUBECTL_NODE = re.compile(r"node-debugger-.+-[bcdfghjklmnpqrstvwxz2456789]{5}")
# Source: github.com/metalbear-co/mirrord, mirrord/kube (the job's name and its label).
_MIRRORD_JOB = re.compile(r"mirrord-agent-[a-z0-9-]+")
_MARK_LIMIT = 512
_TEN_DIGITS = 11

# What a pod holds in its bytes that a cleanup has to look at, as API servers write it. A name of
# kubectl's may also be that of a container, which costs a look and no more.
POD_MARKS: dict[str, tuple[bytes, ...]] = {
    "ephemeral_container": (b'"ephemeralContainers"',),
    "node_debugger": (
        f'"{MANAGED_LABEL}":"{MANAGED_BY}"'.encode(),
        f'"{MANAGED_LABEL}":"{_KUBECTL_LABEL}"'.encode(),
        b'"name":"node-debugger-',
    ),
    "pod_copy": (f'"{MANAGED_LABEL}":"{MANAGED_BY}"'.encode(),),
}


def pod_findings(pod: Mapping[str, Any]) -> Iterator[Finding]:
    """What a pod is, where debugging made it as a whole, else its ephemeral entries."""
    kind = _kind_of_pod(pod)
    if kind is not None:
        yield _whole_pod(pod, kind)
        return
    owner = owner_of(pod)
    # The pods of an agent go with its Job.
    if owner is None or owner.kind != "Job" or not _is_ours(pod):
        yield from _entries(pod)


def _kind_of_pod(pod: Mapping[str, Any]) -> Kind | None:
    metadata = pod["metadata"]
    if owner_of(pod) is not None:
        return None
    label = (metadata.get("labels") or {}).get(MANAGED_LABEL)
    if label == MANAGED_BY:
        marks = metadata.get("annotations") or {}
        own = marks.get(f"{PREFIX}name") == metadata["name"]
        return _KIND_OF_ROLE.get(_role(pod)) if own else None
    if label == _KUBECTL_LABEL or _KUBECTL_NODE.fullmatch(metadata["name"]):
        return "node_debugger"
    return None


def _role(item: Mapping[str, Any]) -> str:
    """What the collection made an object for; "" where its marks do not belong together."""
    labels = item["metadata"].get("labels") or {}
    annotations = item["metadata"].get("annotations") or {}
    identity = labels.get(f"{PREFIX}identity")
    if not identity or annotations.get(f"{PREFIX}identity") != identity:
        return ""
    return str(labels.get(f"{PREFIX}role") or "")


def _is_ours(item: Mapping[str, Any]) -> bool:
    return bool((item["metadata"].get("labels") or {}).get(MANAGED_LABEL) == MANAGED_BY)


def _entries(pod: Mapping[str, Any]) -> Iterator[Finding]:
    metadata = pod["metadata"]
    host = Host(
        owner=owner_of(pod),
        static=is_static(pod),
        phase=str((pod.get("status") or {}).get("phase") or "Unknown"),
        ready=is_ready(pod),
        labels=metadata.get("labels") or {},
    )
    for entry in entries(pod):
        problem = failure(entry) if entry.state == "waiting" else None
        yield Finding(
            kind="ephemeral_container",
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            version=str(metadata.get("resourceVersion") or ""),
            container=entry.name,
            image=clean(entry.image, limit=_MARK_LIMIT),
            state=entry.state,
            stuck=problem[0] if problem is not None else "",
            leaving=is_deleting(pod),
            exit_code=entry.exit_code,
            tool=entry.tool,
            managed=entry.managed,
            identity=_mark(entry.identity),
            owner=entry.owner if entry.managed else None,
            reason_given=entry.reason_text,
            ticket=entry.ticket,
            node=pod["spec"].get("nodeName"),
            started=epoch(entry.started_at),
            finished=epoch(entry.finished_at),
            expires=entry.expires_at if entry.managed else None,
            labels=host.labels,
            host=host,
            entry=entry,
        )


def _whole_pod(pod: Mapping[str, Any], kind: Kind) -> Finding:
    status, spec = pod.get("status") or {}, pod["spec"]
    ended = list(_ended(status))
    phases: dict[str, State] = {
        "Pending": "waiting",
        "Running": "running",
        "Succeeded": "finished",
        "Failed": "finished",
    }
    started = epoch(status.get("startTime")) or epoch(pod["metadata"].get("creationTimestamp"))
    state = phases.get(str(status.get("phase")), "unknown")
    return _marked(
        pod,
        kind=kind,
        spec=spec,
        state=state,
        tool="kubedebug" if _is_ours(pod) else "kubectl debug",
        started=started,
        finished=max((at for at, _code in ended if at), default=None)
        if state == "finished"
        else None,
        exit_code=next((code for _at, code in ended), None) if state == "finished" else None,
        deadline=spec.get("activeDeadlineSeconds"),
    )


def job_finding(job: Mapping[str, Any]) -> Finding | None:
    """The agent that a Job is; None for any other Job.

    A Job that a controller made is none, whatever it wears: a scheduled cleanup is one itself.
    """
    if owner_of(job) is not None:
        return None
    ours = _is_ours(job) and _role(job) == _AGENT
    labels = job["metadata"].get("labels") or {}
    mirrord = _MIRRORD_JOB.fullmatch(job["metadata"]["name"]) or labels.get("app") == "mirrord"
    if not ours and not mirrord:
        return None
    status, spec = job.get("status") or {}, job["spec"]
    ended = next(
        (
            each
            for each in status.get("conditions") or ()
            if each.get("type") in ("Complete", "Failed") and each.get("status") == "True"
        ),
        None,
    )
    state: State = "finished" if ended else "running" if status.get("active") else "waiting"
    created = epoch(job["metadata"].get("creationTimestamp"))
    finished = epoch(status.get("completionTime") or (ended or {}).get("lastTransitionTime"))
    return _marked(
        job,
        kind="agent_job",
        spec=spec["template"]["spec"],
        state=state,
        tool="kubedebug" if ours else "mirrord",
        started=epoch(status.get("startTime")) or created,
        finished=finished if ended else None,
        exit_code=None,
        deadline=spec.get("activeDeadlineSeconds"),
    )


def _marked(
    item: Mapping[str, Any],
    *,
    kind: Kind,
    spec: Mapping[str, Any],
    state: State,
    tool: str,
    started: float | None,
    finished: float | None,
    exit_code: int | None,
    deadline: int | None,
) -> Finding:
    """A whole object, with its marks; its expiry is the mark, or else what the API enforces."""
    metadata = item["metadata"]
    # A mark on what is not ours is a coincidence, or a copy of one.
    marks = (metadata.get("annotations") or {}) if tool == "kubedebug" else {}
    containers: Sequence[Mapping[str, Any]] = spec.get("containers") or ()
    expires = _moment(marks.get(f"{PREFIX}expires-at"))
    if expires is None and deadline and started is not None:
        expires = started + deadline
    return Finding(
        kind=kind,
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        version=str(metadata.get("resourceVersion") or ""),
        image=clean(str(containers[0].get("image", "")), limit=_MARK_LIMIT) if containers else "",
        state=state,
        leaving=is_deleting(item),
        exit_code=exit_code,
        tool=tool,
        managed=tool == "kubedebug",
        identity=_mark(marks.get(f"{PREFIX}identity")),
        owner=_mark(marks.get(f"{PREFIX}owner")),
        reason_given=_mark(marks.get(f"{PREFIX}reason")),
        ticket=_mark(marks.get(f"{PREFIX}ticket")),
        node=spec.get("nodeName"),
        started=started,
        finished=finished,
        expires=expires,
        labels=metadata.get("labels") or {},
    )


def _ended(status: Mapping[str, Any]) -> Iterator[tuple[float | None, int | None]]:
    for each in status.get("containerStatuses") or ():
        terminated = (each.get("state") or {}).get("terminated")
        if terminated:
            yield epoch(terminated.get("finishedAt")), terminated.get("exitCode")


def _mark(text: object) -> str | None:
    return clean(str(text), limit=_MARK_LIMIT) if text else None


def _moment(text: object) -> float | None:
    """A mark that says when: seconds since 1970, or RFC 3339. Others can write what they like."""
    known = str(text or "")
    if known.isdecimal() and len(known) <= _TEN_DIGITS:
        return float(known)
    try:
        return epoch(known)
    except (OverflowError, ValueError):
        return None


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether the pod serves: it is Ready and nobody has asked for it to go."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    ready = any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)
    return ready and not is_deleting(pod)
