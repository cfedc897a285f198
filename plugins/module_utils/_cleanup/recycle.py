# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Replacing pods that carry entries which nothing else removes, without harm to their workload.

Within a workload the pods go in the order of their names, at most ``max_unavailable`` at once, and
the next ones only when all of the workload is Ready again. So a second cleanup at the same time
meets the same pod first, finds it gone, and waits as well. The first sign of harm in any workload
ends the whole run: what makes new pods fail is seldom a matter of one workload.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.act import (
    Gone,
    Left,
    Run,
    Sent,
    attempt,
    end_debugger,
    in_doubt,
    persist,
    read,
    save,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.facts import (
    crowd,
    entered,
    read_workload,
    workload_path,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.findings import (
    pod_findings,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.health import (
    Members,
    settle,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.model import (
    Decision,
    Facts,
    Outcome,
    Owner,
    Workload,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.policy import (
    by_pod,
    in_use,
    is_live,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.scan import pods_path
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    Conflict,
    ConnectionFailed,
    DebugError,
    NotFound,
    TooManyRequests,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._kube.retry import is_transient
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import rfc3339

__all__ = ["RESTARTED_AT", "recycle"]

# What kubectl rollout restart sets: k8s.io/kubectl, pkg/polymorphichelpers/objectrestarter.go.
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
_MOST_CONFLICTS = 5


class _Group:
    """The pods of one workload that are to be replaced, with the decisions about each."""

    def __init__(self, namespace: str, workload: Workload) -> None:
        self.namespace = namespace
        self.workload = workload
        self.pods: list[list[Decision]] = []


def recycle(run: Run, decisions: Sequence[Decision], facts: Facts) -> list[Outcome]:
    """Replace the pods of *decisions*, workload by workload, several workloads side by side."""
    groups: dict[str, _Group] = {}
    pods = by_pod(decisions)
    for uid in sorted(pods, key=lambda uid: pods[uid][0].finding.key):
        first = pods[uid][0].finding
        if first.host is None or first.host.owner is None:
            continue
        owner = facts.workloads[first.host.owner.uid]
        workload = (owner.top or owner) if run.options.rollout else owner
        group = groups.setdefault(workload.uid, _Group(first.namespace, workload))
        group.pods.append(pods[uid])
    work = _restart if run.options.rollout else _evict_all
    done = fan_out(
        lambda group: work(run, group), list(groups.values()), limit=run.limits.concurrency
    )
    return [one for outcome in done for one in outcome.unwrap()]


def _evict_all(run: Run, group: _Group) -> list[Outcome]:
    """Evict the pods of one workload by lots, each after the last has been replaced."""
    workload, outcomes = group.workload, []
    size = _lot(run, workload)
    for begin in range(0, len(group.pods), size):
        lot = group.pods[begin : begin + size]
        members = Members(run.client, group.namespace, workload)
        done = _evict_lot(run, lot, members)
        outcomes += done
    return outcomes


def _lot(run: Run, workload: Workload) -> int:
    """How many pods may be away at once."""
    if workload.kind == "DaemonSet" or not workload.counted:
        return run.limits.max_unavailable
    spare = workload.ready - run.options.min_available
    return max(1, min(run.limits.max_unavailable, spare))


def _evict_lot(run: Run, lot: Sequence[list[Decision]], members: Members) -> list[Outcome]:
    every = [each for pod in lot for each in pod]
    if run.halt.reason:
        return attempt(run, every, lambda: "")
    try:
        members.until_whole(run.limits.wait_timeout)
    except DebugError as error:
        return [Outcome(decision=each, status="left", note=error.msg) for each in every]
    outcomes = [one for pod in lot for one in attempt(run, pod, partial(_evict, run, pod))]
    gone = {each.decision.finding.uid for each in outcomes if each.status == "done"}
    if not gone:
        return outcomes
    return settle(run.halt, outcomes, lambda: members.until_replaced(gone, run.limits.wait_timeout))


def _fresh(run: Run, decisions: Sequence[Decision]) -> dict[str, Any]:
    """The pod as it is now; raises Gone, and Left where somebody has begun to use it."""
    finding = decisions[0].finding
    pod = read(run, _path(decisions), finding)
    if _end_expired(run, pod):
        pod = read(run, _path(decisions), finding)
    expected = {each.finding.key for each in decisions}
    for each in pod_findings(pod):
        if each.key not in expected:
            used = is_live(each)
        else:
            # One that could not start may have been helped meanwhile.
            now = run.client.server_time()
            used = run.options.keep_in_use and in_use(each, run.options, now) is not None
        if used:
            raise Left(f"{each.ref} runs by now, so that its pod is not replaced.")
    return pod


def _end_expired(run: Run, pod: dict[str, Any]) -> bool:
    """Stop what runs past its lifetime, which tells whether somebody has extended that.

    Raises Left where that is so: only the debugger itself knows.
    """
    now = run.client.server_time()
    over = [
        each
        for each in pod_findings(pod)
        if each.state == "running" and each.managed and each.expires and each.expires <= now
    ]
    for each in over:
        try:
            end_debugger(run, each)
        except Left:
            raise
        except DebugError:
            # It has ended by itself, or takes no signal: it goes with the pod then.
            continue
    return bool(over)


def _path(decisions: Sequence[Decision]) -> str:
    finding = decisions[0].finding
    return f"{pods_path(finding.namespace)}/{quote(finding.name, safe='')}"


def _evict(run: Run, decisions: Sequence[Decision]) -> str:
    """Ask for the eviction of one pod until it is granted or the time is over."""
    finding, path = decisions[0].finding, _path(decisions)
    deadline = time.monotonic() + run.limits.evict_timeout
    sent, tries, saved = Sent(), 0, ""
    while True:
        tries += 1
        try:
            pod = _fresh(run, decisions)
        except Gone:
            if sent.perhaps:
                return saved
            raise
        saved = save(run, decisions, pod, [pod])
        run.pace.wait()
        try:
            _post(run, path, pod, sent)
        except NotFound:
            raise Gone(f"{finding.ref} is gone already.") from None
        except Conflict as error:
            pause = 0.0
            if tries >= _MOST_CONFLICTS:
                raise Left(
                    f"pod {finding.namespace}/{finding.name} changes all the time, so that it "
                    "cannot be judged."
                ) from error
        except ApiError as error:
            if not is_transient(error, idempotent=True, granted=True):
                raise
            pause = run.client.retry.delay(tries, error.retry_after)
            if time.monotonic() + pause > deadline:
                raise _not_granted(run, finding.namespace, finding.name, error) from error
        else:
            return saved
        run.client.retry.sleep(pause)


def _post(run: Run, path: str, pod: dict[str, Any], sent: Sent) -> None:
    metadata = pod["metadata"]
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        "deleteOptions": {
            "preconditions": {
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            }
        },
    }
    # A 429 is the budget's answer here, which has a bound of its own.
    policy = replace(run.client.retry, attempts=1)
    persist(
        sent,
        policy,
        lambda once: run.client.post(f"{path}/eviction", body, idempotent=True, retry=once),
        deed=f"pod {metadata['namespace']}/{metadata['name']} was evicted",
    )


def _not_granted(run: Run, namespace: str, name: str, error: ApiError) -> DebugError:
    if isinstance(error, TooManyRequests):
        return DebugError(
            f"pod {namespace}/{name} was not evicted: its PodDisruptionBudget did not allow it "
            f"within evict_timeout={run.limits.evict_timeout:g} s ({error.message})."
        )
    return DebugError(f"pod {namespace}/{name} was not evicted: {error.msg}")


def _restart(run: Run, group: _Group) -> list[Outcome]:
    """Restart one workload's rollout for all of its pods that carry entries, and see it through."""
    members = Members(run.client, group.namespace, group.workload)
    ready: list[list[Decision]] = []
    early: list[Outcome] = []
    saved: dict[str, str] = {}

    def look(pod: Sequence[Decision]) -> str:
        item = _fresh(run, pod)
        saved[pod[0].finding.uid] = save(run, pod, item, [item])
        return ""

    for pod in group.pods:
        looked = attempt(run, pod, partial(look, pod))
        if looked[0].status == "done":
            ready.append(pod)
        else:
            early += looked
    if not ready or any(each.status in ("failed", "left") for each in early):
        # A restart replaces all of the pods, also one that must stay.
        return [
            *early,
            *(
                Outcome(decision=each, status="left", note=_with_others(early))
                for pod in ready
                for each in pod
            ),
        ]
    asked = [each for pod in ready for each in pod]
    outcomes = attempt(run, asked, lambda: _patch(run, group, members))
    outcomes = [
        replace(each, evidence=saved.get(each.decision.finding.uid) or None)
        if each.status == "done"
        else each
        for each in outcomes
    ]
    gone = {each.decision.finding.uid for each in outcomes if each.status == "done"}
    if gone:
        outcomes = settle(
            run.halt, outcomes, lambda: members.until_replaced(gone, run.limits.wait_timeout)
        )
    return [*early, *outcomes]


def _with_others(early: Sequence[Outcome]) -> str:
    reason = next(
        (each.error or each.note for each in early if each.status in ("failed", "left")), ""
    )
    return f"A restart would replace all pods of the workload, and one has to stay: {reason}"


def _patch(run: Run, group: _Group, members: Members) -> str:
    """Restart the rollout of the very workload that was judged."""
    path = workload_path(group.namespace, group.workload.kind, group.workload.name)
    owner = Owner(kind=group.workload.kind, name=group.workload.name, uid=group.workload.uid)
    stamp = {RESTARTED_AT: rfc3339(run.client.server_time())}
    for _try in range(_MOST_CONFLICTS):
        now = read_workload(run.client, group.namespace, owner, rollout=True)
        if now.missing:
            raise Gone(f"{now.ref} in namespace {group.namespace} is gone already.")
        if now.busy or now.ready < now.wanted:
            raise Left(
                f"{now.ref} in namespace {group.namespace} "
                f"{now.busy or 'has pods that are not ready'}."
            )
        for pod in entered(run.client, group.namespace, now):
            _end_expired(run, pod)
        crowded = crowd(run.client, group.namespace, now)
        if crowded:
            raise Left(f"{crowded} runs by now, so that its workload is not restarted.")
        members.begin()
        run.pace.wait()
        body = {
            "metadata": {"resourceVersion": now.version},
            "spec": {"template": {"metadata": {"annotations": stamp}}},
        }
        try:
            run.client.patch(path, body)
        except Conflict:
            # After a lost answer, it is our own change that was in the way.
            if not _bears(run.client.get(path), stamp):
                continue
        except ConnectionFailed as error:
            deed = f"{owner.ref} in namespace {group.namespace} was restarted"
            raise in_doubt(deed, error) from error
        return ""
    raise Left(f"{owner.ref} in namespace {group.namespace} changes all the time.")


def _bears(workload: dict[str, Any], stamp: dict[str, str | None]) -> bool:
    """Whether the pods of a workload are made with these annotations."""
    metadata = workload["spec"]["template"].get("metadata") or {}
    return stamp.items() <= (metadata.get("annotations") or {}).items()
