# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What is to be done about each finding, and why, and why not; pure.

Findings and a clock go in, decisions come out, so that check mode decides what the real run does.

What "in use" means here is what the API can tell: something that lives and has not reached its
expiry, or that has none and no age was named at which it shall be over. That a person has a shell
open in it cannot be seen there, nor that somebody has extended it: ``act`` asks it when it comes to
stop it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.budgets import objection
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.model import (
    Decision,
    Facts,
    Finding,
    Host,
    Workload,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.options import (
    CleanupOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import rfc3339

__all__ = ["Verdict", "candidates", "decide", "duration", "in_use", "is_live", "spared"]

Verdict: TypeAlias = tuple[str, str]
"""A code and a clause that says why not."""

_APPEND_ONLY = "the API lets no ephemeral entry go from its pod"


def is_live(finding: Finding) -> bool:
    """Whether it runs, or may come to run; one that the kubelet cannot start does not."""
    return finding.state != "finished" and not finding.stuck


def in_use(finding: Finding, options: CleanupOptions, now: float) -> Verdict | None:
    """Why it has to be taken for being in use; None where it has not, or must not count."""
    if not is_live(finding) or (finding.expires is not None and finding.expires <= now):
        return None
    what = "runs" if finding.state == "running" else "is about to run"
    if finding.expires is not None:
        return "in_use", f"it {what}, and its lifetime ends at {rfc3339(finding.expires)}"
    if options.min_age and finding.started is not None:
        if now - finding.started >= options.min_age:
            return None
        return "in_use", f"it {what}, for {duration(now - finding.started)} by now"
    return "in_use", (
        f"it {what}, and nothing tells when it shall end: min_age says at which age it is over"
    )


def spared(finding: Finding, options: CleanupOptions, now: float) -> Verdict | None:
    """Why nothing may be done about a finding at all; None where something may."""
    if finding.namespace in options.protected:
        return "protected_namespace", f"namespace {finding.namespace} is protected"
    if not finding.managed and not options.any_ownership:
        return "not_ours", (
            f"kubedebug.core did not make it ({finding.tool}): ownership=any, or a where that "
            "looks at tool or managed, includes it"
        )
    if finding.leaving:
        return "leaving", (
            "it is being deleted already"
            if finding.host is None
            else "its pod is being deleted already, and its entries go with it"
        )
    if options.keep_in_use and (used := in_use(finding, options, now)) is not None:
        return used
    return _too_early(finding, options, now)


def _too_early(finding: Finding, options: CleanupOptions, now: float) -> Verdict | None:
    if options.expired_only and finding.expires is None:
        return "not_expired", "it has no expiry, and expired_only is set"
    if options.expired_only and finding.expires is not None and finding.expires > now:
        return "not_expired", f"its lifetime ends at {rfc3339(finding.expires)}"
    if options.min_age:
        # What was never started has no age of its own.
        begun = finding.started if finding.started is not None else finding.finished
        if begun is None:
            return "too_young", "it was never started, so that its age is not known"
        if now - begun < options.min_age:
            return "too_young", _younger("started", now - begun, options.min_age)
    if finding.state == "finished" and options.min_finished_age:
        if finding.finished is None:
            return "too_young", "when it finished is not known"
        if now - finding.finished < options.min_finished_age:
            return "too_young", _younger(
                "finished", now - finding.finished, options.min_finished_age
            )
    return None


def _younger(what: str, age: float, wanted: int) -> str:
    return f"it {what} {duration(age)} ago, less than {duration(wanted)}"


def candidates(findings: Iterable[Finding], options: CleanupOptions, now: float) -> list[Finding]:
    """The ephemeral entries for which the pod and its workload have to be known."""
    return [
        each
        for each in findings
        if each.host is not None
        and spared(each, options, now) is None
        and _of_pod(each, each.host, options) is None
    ]


def decide(
    findings: Sequence[Finding],
    others: Sequence[Finding],
    options: CleanupOptions,
    facts: Facts,
    now: float,
) -> list[Decision]:
    """A decision for each of *findings*, in their order.

    *others* are entries of the same pods that the task's filters leave out: nothing is decided
    about them, but one that lives keeps its pod from being replaced.
    """
    pods: dict[str, list[Finding]] = defaultdict(list)
    for each in (*findings, *others):
        if each.host is not None:
            pods[each.uid].append(each)
    chosen = {each.key for each in findings}
    verdicts: dict[str, Verdict | None] = {}
    decisions = []
    for finding in findings:
        barrier = spared(finding, options, now)
        if barrier is not None:
            decided = _kept(finding, barrier)
        elif finding.host is None:
            decided = _delete(finding, now)
        else:
            if finding.uid not in verdicts:
                verdicts[finding.uid] = _pod_verdict(pods[finding.uid], chosen, options, facts, now)
            decided = _entry(finding, verdicts[finding.uid], options, facts, now)
        decisions.append(_reported(decided) if options.want == "reported" else decided)
    return decisions


def _reported(decided: Decision) -> Decision:
    return replace(decided, action="none", possible=decided.action)


def _kept(finding: Finding, verdict: Verdict) -> Decision:
    code, why = verdict
    return Decision(finding=finding, action="none", code=code, why=f"Kept: {why}.")


def _delete(finding: Finding, now: float) -> Decision:
    what = "Job and its pods" if finding.kind == "agent_job" else "pod"
    return Decision(
        finding=finding,
        action="delete",
        code=_cause(finding, now),
        why=f"{_state_text(finding, now)}; the {what} can be deleted.",
    )


def _entry(
    finding: Finding,
    verdict: Verdict | None,
    options: CleanupOptions,
    facts: Facts,
    now: float,
) -> Decision:
    """What happens to an entry that something may be done about."""
    told, cause = _state_text(finding, now), _cause(finding, now)
    if options.want != "stopped" and verdict is None:
        doubt = f" {facts.unknown}" if facts.unknown else ""
        return Decision(
            finding=finding,
            action="recycle",
            code=cause,
            why=f"{told}; {_APPEND_ONLY}, so that its pod is to be replaced "
            f"{_by(finding, options)}.{doubt}",
        )
    stays = (
        f"{_APPEND_ONLY}; state=recycled replaces the pod where that is safe"
        if verdict is None or options.want == "stopped"
        else f"{_APPEND_ONLY}, and the pod is not replaced: {verdict[1]}"
    )
    if finding.state == "running":
        return Decision(
            finding=finding,
            action="stop",
            code=cause,
            why=f"{told}; it can be ended by signal. The entry stays: {stays}.",
        )
    code = "irremovable" if verdict is None or options.want == "stopped" else verdict[0]
    return Decision(finding=finding, action="none", code=code, why=f"{told}. Kept: {stays}.")


def _by(finding: Finding, options: CleanupOptions) -> str:
    owner = finding.host.owner if finding.host is not None else None
    way = "by a rollout restart of its workload" if options.rollout else "by eviction"
    return f"{way} ({owner.ref})" if owner is not None else way


def _pod_verdict(
    every: Sequence[Finding],
    chosen: set[tuple[str, str, str, str, str]],
    options: CleanupOptions,
    facts: Facts,
    now: float,
) -> Verdict | None:
    """Why a pod that has entries must not be replaced; None where it may be."""
    first = every[0]
    host = first.host
    if host is None:
        return None
    own = _of_pod(first, host, options)
    if own is not None:
        return own
    for each in every:
        barrier = spared(each, options, now) if each.key in chosen else ("", "")
        if barrier is None:
            continue
        if barrier[0] in ("too_young", "not_expired"):
            return barrier[0], f"container {each.container} would go with it, and {barrier[1]}"
        if is_live(each) and (each.expires is None or each.expires > now or not each.managed):
            return "in_use", f"container {each.container} of the same pod runs still"
    return None if facts.unknown else _of_workload(first, host, options, facts)


def _of_pod(finding: Finding, host: Host, options: CleanupOptions) -> Verdict | None:
    """Why a pod cannot be replaced, by what it says itself."""
    if host.static:
        return "static_pod", "it is static (it comes from a file of its node)"
    if host.phase in ("Succeeded", "Failed"):
        return "pod_finished", f"it has finished ({host.phase}), and its entries go with it"
    owner = host.owner
    if owner is None:
        return "bare_pod", "no controller would make it anew"
    kinds = options.workload_kinds
    # Whether there is a Deployment behind a ReplicaSet is known when that has been read.
    if owner.kind in kinds or (owner.kind == "ReplicaSet" and "Deployment" in kinds):
        return None
    if owner.kind == "DaemonSet":
        return "daemonset", (
            "it is the only pod of its DaemonSet on its node: workload_kinds says whether such "
            "pods may be replaced"
        )
    if owner.kind == "Job":
        return "job_pod", "it works for a Job, whose work would begin anew"
    return "workload_kind", f"a {owner.kind} is not among the workload_kinds"


def _of_workload(
    finding: Finding, host: Host, options: CleanupOptions, facts: Facts
) -> Verdict | None:
    """Why a pod must not be replaced now, by what its workload and the budgets are."""
    owner = facts.workloads.get(host.owner.uid) if host.owner is not None else None
    if owner is None or owner.missing:
        return "workload_gone", "its controller is gone, so that nothing would make it anew"
    top = owner.top or owner
    if top.kind not in options.workload_kinds:
        return "workload_kind", f"a {top.kind} is not among the workload_kinds"
    if top.busy:
        return "workload_busy", f"{top.ref} {top.busy}"
    if options.rollout:
        return _of_rollout(owner, top, options, facts)
    if not owner.counted:
        return objection(facts.budgets, finding.namespace, host.labels, ready=host.ready)
    if owner.ready < owner.wanted or not host.ready:
        return "workload_unhealthy", (
            f"{owner.ref} has {owner.ready} of {owner.wanted} pods ready already"
        )
    # The pods of a DaemonSet do not stand in for each other.
    if owner.kind != "DaemonSet" and owner.ready - 1 < options.min_available:
        return "too_few", (
            f"{owner.ref} would have {owner.ready - 1} pods ready meanwhile, less than "
            f"min_available={options.min_available}"
            + ("; recycle_by=rollout makes the new one first" if top.kind == "Deployment" else "")
        )
    return objection(facts.budgets, finding.namespace, host.labels, ready=host.ready)


def _of_rollout(
    owner: Workload, top: Workload, options: CleanupOptions, facts: Facts
) -> Verdict | None:
    if top.kind not in ("Deployment", "StatefulSet", "DaemonSet"):
        return "workload_kind", f"a {top.kind} has no rollout: recycle_by=evict replaces its pods"
    if top.ready < top.wanted:
        return "workload_unhealthy", (
            f"{top.ref} has {top.ready} of {top.wanted} pods ready already"
        )
    crowded = facts.crowded.get(top.uid)
    if crowded:
        return "in_use", f"a rollout would end {crowded} as well, which runs still"
    if top.kind == "StatefulSet" and top.wanted - 1 < options.min_available:
        return "too_few", (
            f"{top.ref} would have {top.wanted - 1} pods ready meanwhile, less than "
            f"min_available={options.min_available}"
        )
    return None


def _cause(finding: Finding, now: float) -> str:
    if finding.state == "finished":
        return "finished"
    if finding.stuck:
        return "stuck"
    if finding.expires is not None and finding.expires <= now:
        return "expired"
    return "old"


def _state_text(finding: Finding, now: float) -> str:
    """What it is, as the beginning of a sentence."""
    if finding.state == "finished":
        code = "" if finding.exit_code is None else f" with exit code {finding.exit_code}"
        ago = "" if finding.finished is None else f" {duration(now - finding.finished)} ago"
        return f"It finished{code}{ago}"
    if finding.stuck:
        return f"It cannot start ({finding.stuck})"
    if finding.expires is not None and finding.expires <= now:
        return f"Its lifetime ended {duration(now - finding.expires)} ago"
    if finding.started is not None:
        return f"It has been there for {duration(now - finding.started)}"
    return "It was never started"


def duration(seconds: float) -> str:
    """A span of time in its two largest units, as ``2 d 3 h``."""
    rest = max(0, int(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def by_pod(decisions: Iterable[Decision]) -> Mapping[str, list[Decision]]:
    """The entries that go with one replaced pod, by its UID."""
    pods: dict[str, list[Decision]] = defaultdict(list)
    for each in decisions:
        if each.action == "recycle":
            pods[each.finding.uid].append(each)
    return pods
