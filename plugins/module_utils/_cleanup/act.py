# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Stopping and deleting: each thing is read again, judged again, saved, removed and verified.

A removal carries the UID and the version of what was judged, so that neither another object of the
same name nor one that somebody began to use meanwhile is met.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup import evidence
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.filters import Keeps
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.findings import (
    job_finding,
    pod_findings,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.model import (
    Decision,
    Finding,
    Outcome,
    owner_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.options import (
    CleanupOptions,
    Limits,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.policy import spared
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.rate import Pace
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.scan import (
    jobs_path,
    pods_path,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.stopping import (
    stop_debuggers,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    Conflict,
    ConnectionFailed,
    DebugError,
    KubeError,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._kube.retry import RetryPolicy
from ansible_collections.kubedebug.core.plugins.module_utils._kube.watch import Stream, Watch
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import rfc3339

__all__ = [
    "Gone",
    "Halt",
    "Left",
    "Run",
    "Sent",
    "Unfinished",
    "delete",
    "end_debugger",
    "in_doubt",
    "persist",
    "read",
    "stop",
]

_MOST_CONFLICTS = 5


class Gone(DebugError):
    """Somebody else was faster; the message says what was found."""


class Left(DebugError):
    """What was found does not allow the action any more."""


class Unfinished(DebugError):
    """Something was removed and does not go, or may have been removed."""


class Halt:
    """The first reason not to begin anything further, for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reason = ""

    def because(self, reason: str) -> None:
        """Stop what has not begun; the first reason counts."""
        with self._lock:
            self.reason = self.reason or reason


@dataclass(frozen=True, kw_only=True)
class Run:
    """What all actions of one cleanup share."""

    client: Client
    options: CleanupOptions
    keeps: Keeps
    limits: Limits
    pace: Pace
    halt: Halt = field(default_factory=Halt)


@dataclass(kw_only=True)
class Sent:
    """Whether a request whose answer was lost may have been carried out."""

    perhaps: bool = False


def persist(
    sent: Sent, policy: RetryPolicy, call: Callable[[RetryPolicy], Any], *, deed: str
) -> None:
    """Send a request that is safe to repeat until it is answered, and note what is in doubt.

    Raises Unfinished where no answer ever came, with *deed* in its text: a clause about what the
    server may have done.
    """
    once = replace(policy, connect_attempts=1)
    for attempt in range(1, policy.connect_attempts + 1):
        try:
            call(once)
        except ConnectionFailed as error:
            sent.perhaps = sent.perhaps or error.sent
            if attempt == policy.connect_attempts:
                if sent.perhaps:
                    raise in_doubt(deed, error) from error
                raise
            policy.sleep(policy.delay(attempt))
        else:
            return


def in_doubt(deed: str, error: ConnectionFailed) -> Unfinished:
    """The error for a request that the server may have carried out."""
    return Unfinished(f"It is not known whether {deed}, as the next run will tell: {error.msg}")


def attempt(run: Run, decisions: Sequence[Decision], work: Callable[[], str]) -> list[Outcome]:
    """The outcomes of work on one object; *work* returns the folder of its evidence, or ""."""
    if run.halt.reason:
        return [
            Outcome(decision=each, status="left", note=f"Not begun: {run.halt.reason}")
            for each in decisions
        ]
    try:
        saved = work()
    except Gone as error:
        return [Outcome(decision=each, status="gone", note=error.msg) for each in decisions]
    except Left as error:
        return [Outcome(decision=each, status="left", note=error.msg) for each in decisions]
    except DebugError as error:
        if isinstance(error, ConnectionFailed) or isinstance(error.__cause__, ConnectionFailed):
            run.halt.because("the API server does not answer any more.")
        text = error.msg
        ref = decisions[0].finding.ref
        text = text if f"{decisions[0].finding.namespace}/" in text else f"{ref}: {text}"
        acted = isinstance(error, Unfinished)
        return [
            Outcome(decision=each, status="failed", error=text, acted=acted) for each in decisions
        ]
    return [Outcome(decision=each, status="done", evidence=saved or None) for each in decisions]


def read(run: Run, path: str, finding: Finding) -> dict[str, Any]:
    """The object as it is now; raises Gone."""
    try:
        item = run.client.get(path)
    except NotFound:
        raise Gone(f"{finding.ref} is gone already.") from None
    if item["metadata"]["uid"] != finding.uid:
        raise Gone(f"{finding.ref} is gone already; another one has its name.")
    if item["metadata"].get("deletionTimestamp"):
        raise Gone(f"{finding.ref} is being deleted already.")
    return item


def stop(run: Run, decisions: Sequence[Decision]) -> list[Outcome]:
    """End running debuggers by a signal to their own processes, and see them end."""
    outcomes = fan_out(
        lambda each: attempt(run, [each], lambda: end_debugger(run, each.finding)),
        decisions,
        limit=run.limits.concurrency,
    )
    return [one for outcome in outcomes for one in outcome.unwrap()]


def end_debugger(run: Run, finding: Finding) -> str:
    """Stop one debugger; raises Gone, and Left where somebody has extended its lifetime."""
    pod = read(run, f"{pods_path(finding.namespace)}/{quote(finding.name, safe='')}", finding)
    now = next((each for each in pod_findings(pod) if each.key == finding.key), None)
    if now is None or now.entry is None or now.state != "running":
        raise Gone(f"{finding.ref} has ended by itself.")
    target = Target(
        namespace=finding.namespace,
        name=finding.name,
        uid=finding.uid,
        node=finding.node or "",
        container=now.entry.name,
        pod=pod,
    )
    run.pace.wait()
    (stopped,) = stop_debuggers(
        run.client,
        [(target, now.entry)],
        grace=run.limits.grace_period,
        timeout=run.limits.wait_timeout,
        concurrency=1,
        spare_extended=run.options.keep_in_use,
    )
    if stopped.extended_until is not None:
        until = rfc3339(stopped.extended_until)
        raise Left(f"Kept: {finding.ref} is in use, somebody has extended it until {until}.")
    if stopped.error is not None:
        raise _unstoppable(stopped.error, now)
    return ""


def _unstoppable(error: DebugError, finding: Finding) -> DebugError:
    """What is known of a debugger that took no notice.

    The kernel lets no process of a PID namespace signal its first one, KILL included, unless that
    one handles the signal; see pid_namespaces(7).
    """
    if finding.managed or (finding.entry is not None and finding.entry.target_container):
        return error
    return DebugError(
        f"{error.msg} It is the first process of a process namespace of its own, which takes no "
        "signal from inside that it does not handle: state=recycled replaces its pod, where that "
        "is possible, and else it ends with the pod."
    )


def delete(run: Run, decisions: Sequence[Decision]) -> list[Outcome]:
    """Delete Jobs, node debuggers and copies, and see them and their pods go."""
    outcomes = fan_out(
        lambda each: attempt(run, [each], lambda: _delete(run, each)),
        decisions,
        limit=run.limits.concurrency,
    )
    return [one for outcome in outcomes for one in outcome.unwrap()]


def _delete(run: Run, decision: Decision) -> str:
    finding = decision.finding
    is_job = finding.kind == "agent_job"
    base = jobs_path(finding.namespace) if is_job else pods_path(finding.namespace)
    path = f"{base}/{quote(finding.name, safe='')}"
    sent, saved = Sent(), ""
    for _try in range(_MOST_CONFLICTS):
        try:
            item = read(run, path, finding)
        except Gone:
            if sent.perhaps:
                break
            raise
        _judge_again(run, item, finding)
        pods = _pods_of_job(run, finding) if is_job else [item]
        if run.options.evidence_dir is not None:
            saved = save(run, [decision], item, pods)
        run.pace.wait()
        try:
            _send(run, path, item, sent, f"{finding.ref} was deleted")
        except Conflict:
            # It has changed since it was judged.
            continue
        except NotFound:
            if not sent.perhaps:
                raise Gone(f"{finding.ref} is gone already.") from None
        break
    else:
        raise Left(f"{finding.ref} changes all the time, so that it cannot be judged.")
    try:
        _wait_gone(run, base, finding, [pod["metadata"] for pod in pods] if is_job else [])
    except KubeError as error:
        raise Unfinished(
            f"{finding.ref} was deleted, but whether it has gone was not seen: {error.msg}"
        ) from error
    return saved


def _send(run: Run, path: str, item: Mapping[str, Any], sent: Sent, deed: str) -> None:
    metadata = item["metadata"]
    body = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
    }
    persist(
        sent,
        run.client.retry,
        lambda policy: run.client.delete(path, body, retry=policy),
        deed=deed,
    )


def _judge_again(run: Run, item: Mapping[str, Any], finding: Finding) -> None:
    """Raise Left where the object has become another than was decided about."""
    now = (
        job_finding(item)
        if finding.kind == "agent_job"
        else next((each for each in pod_findings(item) if each.key == finding.key), None)
    )
    time = run.client.server_time()
    if now is None:
        raise Left(f"{finding.ref}: it does not look like one of these any more.")
    if (barrier := spared(now, run.options, time)) is not None:
        raise Left(f"{finding.ref}: {barrier[1]}.")
    if not run.keeps(now, time):
        raise Left(f"{finding.ref}: it has changed, and is not among what the task selects.")


def _pods_of_job(run: Run, finding: Finding) -> list[dict[str, Any]]:
    # Anybody can give a pod that label.
    return [
        pod
        for pod in run.client.list(pods_path(finding.namespace), _of_job(finding))
        if (owner := owner_of(pod)) is not None and owner.uid == finding.uid
    ]


def _of_job(finding: Finding) -> dict[str, str]:
    # Source: k8s.io/api/batch/v1/types.go (ControllerUidLabel)
    return {"labelSelector": f"batch.kubernetes.io/controller-uid={finding.uid}"}


def save(
    run: Run,
    decisions: Sequence[Decision],
    item: Mapping[str, Any],
    pods: Sequence[Mapping[str, Any]],
) -> str:
    """Save the evidence; returns its folder. Raises EvidenceFailed, and then nothing is removed."""
    if run.options.evidence_dir is None:
        return ""
    now = rfc3339(run.client.server_time()) or ""
    folder = run.options.evidence_dir
    return str(evidence.save(run.client, folder, decisions, item, pods, now=now))


def _wait_gone(run: Run, base: str, finding: Finding, pods: Sequence[Mapping[str, Any]]) -> None:
    """See the object go, and the pods of a Job; raises DebugError where they stay."""
    waiting = {finding.uid: finding.ref}
    known = [{"metadata": {"uid": finding.uid}}]
    streams = [Stream(base, {"fieldSelector": f"metadata.name={finding.name}"}, known)]
    if pods:
        waiting |= {pod["uid"]: f"pod {finding.namespace}/{pod['name']}" for pod in pods}
        names = [{"metadata": {"uid": pod["uid"]}} for pod in pods]
        streams.append(Stream(pods_path(finding.namespace), _of_job(finding), names))
    seconds = run.limits.wait_timeout
    held: dict[str, list[str]] = {}
    with Watch(run.client, streams, deadline_seconds=seconds) as watch:
        for event in watch:
            metadata = event.object.get("metadata") or {}
            if event.type == "DELETED":
                waiting.pop(str(metadata.get("uid")), None)
            else:
                held[str(metadata.get("uid"))] = metadata.get("finalizers") or []
            if not waiting:
                return
    finalizers = sorted({name for uid in waiting for name in held.get(uid, [])})
    if finalizers:
        reason = f", since a finalizer holds it ({', '.join(finalizers)})"
    elif finding.node:
        reason = f": its node {finding.node} has not said that it ended, and is perhaps not Ready"
    else:
        reason = ""
    raise Unfinished(
        f"{', '.join(sorted(waiting.values()))} was deleted but is still there after {seconds:g} s"
        f"{reason}. Look at it with kubectl describe, or raise wait_timeout."
    )
