# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions about everything that may be found, as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.model import (
    Budget,
    Decision,
    Facts,
    Finding,
    Host,
    Owner,
    Workload,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.options import (
    CleanupOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.policy import (
    by_pod,
    candidates,
    decide,
    duration,
)

__all__: list[str] = []

_NOW = 1_800_000_000.0
_HOUR = 3600.0
_SET = Owner(kind="ReplicaSet", name="web-1", uid="rs")
_TOP = Workload(kind="Deployment", name="web", uid="top", wanted=2, ready=2)
_WHOLE = Workload(kind="ReplicaSet", name="web-1", uid="rs", wanted=2, ready=2, top=_TOP)
_FACTS = Facts(workloads={"rs": _WHOLE})
_LABELS = {"app": "web"}


def _host(**changed: Any) -> Host:
    known: dict[str, Any] = {
        "owner": _SET,
        "static": False,
        "phase": "Running",
        "ready": True,
        "labels": _LABELS,
    }
    return Host(**{**known, **changed})


def _entry(**changed: Any) -> Finding:
    """A finished entry of ours that is an hour old, of a pod of a whole deployment."""
    known: dict[str, Any] = {
        "kind": "ephemeral_container",
        "namespace": "shop",
        "name": "web-1-abc",
        "uid": "pod",
        "container": "kubedebug-1",
        "image": "toolbox:1",
        "state": "finished",
        "exit_code": 0,
        "tool": "kubedebug",
        "managed": True,
        "started": _NOW - 2 * _HOUR,
        "finished": _NOW - _HOUR,
        "expires": _NOW - _HOUR,
        "host": _host(),
    }
    return Finding(**{**known, **changed})


def _running(**changed: Any) -> Finding:
    return _entry(**{"state": "running", "exit_code": None, "finished": None, **changed})


def _foreign(**changed: Any) -> Finding:
    return _running(
        **{"managed": False, "tool": "kubectl debug", "expires": None, "container": "x", **changed}
    )


def _job(**changed: Any) -> Finding:
    return _running(
        **{"kind": "agent_job", "container": None, "name": "agent", "host": None, **changed}
    )


def _decide(
    *findings: Finding,
    others: tuple[Finding, ...] = (),
    facts: Facts = _FACTS,
    **options: Any,
) -> list[Decision]:
    wanted = CleanupOptions(**{"want": "recycled", **options})
    return decide(findings, others, wanted, facts, _NOW)


_IN_A_MINUTE = _NOW + 60
_ANY = {"any_ownership": True}


@pytest.mark.parametrize(
    ("finding", "options", "action", "code"),
    [
        # Entries that have finished.
        pytest.param(_entry(), {}, "recycle", "finished", id="finished"),
        pytest.param(_entry(), {"want": "stopped"}, "none", "irremovable", id="finished-stopped"),
        pytest.param(_entry(expires=None), {}, "recycle", "finished", id="finished-no-expiry"),
        pytest.param(_entry(expires=_IN_A_MINUTE), {}, "recycle", "finished", id="finished-early"),
        pytest.param(_entry(managed=False), {}, "none", "not_ours", id="finished-foreign"),
        pytest.param(_entry(managed=False), _ANY, "recycle", "finished", id="finished-any"),
        # Entries that run.
        pytest.param(_running(), {}, "recycle", "expired", id="overdue"),
        pytest.param(_running(), {"want": "stopped"}, "stop", "expired", id="overdue-stopped"),
        pytest.param(_running(expires=_NOW), {}, "recycle", "expired", id="expires-now"),
        pytest.param(_running(expires=_IN_A_MINUTE), {}, "none", "in_use", id="in-use"),
        pytest.param(
            _running(expires=_IN_A_MINUTE),
            {"min_age": 60},
            "none",
            "in_use",
            id="in-use-though-old",
        ),
        pytest.param(
            _running(expires=_IN_A_MINUTE),
            {"keep_in_use": False, "want": "stopped"},
            "stop",
            "old",
            id="in-use-not-kept",
        ),
        pytest.param(_running(expires=None), {}, "none", "in_use", id="no-lifetime"),
        pytest.param(
            _running(expires=None), {"min_age": 7000}, "recycle", "old", id="no-lifetime-old"
        ),
        pytest.param(
            _running(expires=None), {"min_age": 7200}, "recycle", "old", id="no-lifetime-just-old"
        ),
        pytest.param(
            _running(expires=None), {"min_age": 7201}, "none", "in_use", id="no-lifetime-young"
        ),
        pytest.param(_foreign(), {}, "none", "not_ours", id="foreign"),
        pytest.param(_foreign(), _ANY, "none", "in_use", id="foreign-in-use"),
        pytest.param(_foreign(), {**_ANY, "min_age": 60}, "recycle", "old", id="foreign-old"),
        pytest.param(
            _foreign(),
            {**_ANY, "min_age": 60, "want": "stopped"},
            "stop",
            "old",
            id="foreign-old-stopped",
        ),
        # Entries that wait.
        pytest.param(
            _running(state="waiting", started=None, expires=_IN_A_MINUTE),
            {},
            "none",
            "in_use",
            id="waiting",
        ),
        pytest.param(
            _running(state="unknown", started=None, expires=None), {}, "none", "in_use", id="unseen"
        ),
        pytest.param(
            _running(state="unknown", started=None, expires=None),
            {"min_age": 1},
            "none",
            "in_use",
            id="unseen-without-an-age",
        ),
        pytest.param(
            _running(state="waiting", started=None, stuck="ErrImagePull", expires=_IN_A_MINUTE),
            {},
            "recycle",
            "stuck",
            id="cannot-start",
        ),
        pytest.param(
            _running(state="waiting", started=None, stuck="ErrImagePull"),
            {"want": "stopped"},
            "none",
            "irremovable",
            id="cannot-start-stopped",
        ),
        pytest.param(
            _running(state="waiting", started=None, stuck="ErrImagePull"),
            {"min_age": 1},
            "none",
            "too_young",
            id="never-started-has-no-age",
        ),
        # Ages and expiry as the task wants them.
        pytest.param(_entry(), {"min_age": 7200}, "recycle", "finished", id="age-reached"),
        pytest.param(_entry(), {"min_age": 7201}, "none", "too_young", id="age-not-reached"),
        pytest.param(_entry(), {"min_finished_age": 3600}, "recycle", "finished", id="end-reached"),
        pytest.param(_entry(), {"min_finished_age": 3601}, "none", "too_young", id="end-too-near"),
        pytest.param(
            _entry(finished=None), {"min_finished_age": 1}, "none", "too_young", id="end-unknown"
        ),
        pytest.param(
            _running(), {"min_finished_age": 9999}, "recycle", "expired", id="end-of-a-running-one"
        ),
        pytest.param(_entry(), {"expired_only": True}, "recycle", "finished", id="expired-only"),
        pytest.param(
            _entry(expires=_IN_A_MINUTE),
            {"expired_only": True},
            "none",
            "not_expired",
            id="finished-before-its-expiry",
        ),
        pytest.param(
            _entry(expires=None),
            {"expired_only": True},
            "none",
            "not_expired",
            id="no-expiry-at-all",
        ),
        # Where nothing is done.
        pytest.param(
            _entry(namespace="kube-system"), {}, "none", "protected_namespace", id="protected"
        ),
        pytest.param(
            _job(namespace="kube-system"),
            {**_ANY, "keep_in_use": False},
            "none",
            "protected_namespace",
            id="protected-whatever",
        ),
        pytest.param(
            _entry(namespace="kube-system"),
            {"protected": ()},
            "recycle",
            "finished",
            id="not-protected-any-more",
        ),
        # Pods that no eviction is for.
        pytest.param(_entry(host=_host(owner=None)), {}, "none", "bare_pod", id="bare"),
        pytest.param(_running(host=_host(owner=None)), {}, "stop", "expired", id="bare-running"),
        pytest.param(_entry(host=_host(static=True)), {}, "none", "static_pod", id="static"),
        # What goes by itself; a second run must not find it again as something to be done.
        pytest.param(_entry(leaving=True), {}, "none", "leaving", id="leaving"),
        pytest.param(_running(leaving=True), {}, "none", "leaving", id="leaving-overdue"),
        pytest.param(
            _running(leaving=True, host=_host(owner=None)), {}, "none", "leaving", id="leaving-bare"
        ),
        pytest.param(_job(leaving=True), {}, "none", "leaving", id="leaving-job"),
        pytest.param(
            _foreign(leaving=True), {}, "none", "not_ours", id="leaving-and-not-ours-anyway"
        ),
        pytest.param(
            _entry(host=_host(phase="Succeeded")), {}, "none", "pod_finished", id="succeeded"
        ),
        pytest.param(_entry(host=_host(phase="Failed")), {}, "none", "pod_finished", id="failed"),
        pytest.param(
            _entry(host=_host(owner=Owner(kind="DaemonSet", name="d", uid="d"))),
            {},
            "none",
            "daemonset",
            id="daemonset",
        ),
        pytest.param(
            _entry(host=_host(owner=Owner(kind="Job", name="j", uid="j"))),
            {},
            "none",
            "job_pod",
            id="job-of-an-application",
        ),
        pytest.param(
            _entry(host=_host(owner=Owner(kind="Database", name="d", uid="d"))),
            {},
            "none",
            "workload_kind",
            id="kind-of-an-operator",
        ),
        # Whole objects.
        pytest.param(_job(), {}, "delete", "expired", id="job-overdue"),
        pytest.param(_job(), {"want": "stopped"}, "delete", "expired", id="job-overdue-stopped"),
        pytest.param(_job(expires=_IN_A_MINUTE), {}, "none", "in_use", id="job-in-use"),
        pytest.param(
            _job(state="finished", finished=_NOW - 5, expires=_IN_A_MINUTE),
            {},
            "delete",
            "finished",
            id="job-finished",
        ),
        pytest.param(
            _job(managed=False, tool="mirrord", expires=None), {}, "none", "not_ours", id="mirrord"
        ),
        pytest.param(
            _job(managed=False, tool="mirrord", expires=None),
            {**_ANY, "min_age": 60},
            "delete",
            "old",
            id="mirrord-old",
        ),
        pytest.param(_job(kind="node_debugger"), {}, "delete", "expired", id="node-debugger"),
        pytest.param(_job(kind="pod_copy"), {}, "delete", "expired", id="pod-copy"),
        pytest.param(_job(kind="pod_copy", expires=None), {}, "none", "in_use", id="copy-for-ever"),
    ],
)
def test_one_finding(finding: Finding, options: dict[str, Any], action: str, code: str) -> None:
    (decided,) = _decide(finding, **options)

    assert (decided.action, decided.code) == (action, code), decided.why
    assert decided.finding is finding
    assert decided.why.endswith(".")
    assert ("Kept" in decided.why) == (action == "none"), "what is not touched is said to be kept"


@pytest.mark.parametrize("finding", [_entry(), _running(), _job(), _foreign()])
def test_a_report_says_what_could_be_done_and_does_nothing(finding: Finding) -> None:
    (real,) = _decide(finding)
    (report,) = _decide(finding, want="reported")

    assert report == replace(real, action="none", possible=real.action)


def _with(**changed: Any) -> Facts:
    """The facts with another ReplicaSet and, where given, another deployment."""
    top = replace(_TOP, **changed.pop("top", {}))
    return Facts(workloads={"rs": replace(_WHOLE, top=top, **changed)})


def _budgeted(*budgets: Budget) -> Facts:
    return replace(_FACTS, budgets=budgets)


def _budget(name: str = "web", **changed: Any) -> Budget:
    known: dict[str, Any] = {
        "namespace": "shop",
        "selector": {"matchLabels": _LABELS},
        "allowed": 1,
        "healthy": 2,
        "desired": 1,
    }
    return Budget(name=name, **{**known, **changed})


@pytest.mark.parametrize(
    ("facts", "options", "code"),
    [
        pytest.param(_FACTS, {}, "", id="whole"),
        pytest.param(Facts(), {}, "workload_gone", id="not-found"),
        pytest.param(_with(missing=True), {}, "workload_gone", id="gone"),
        pytest.param(_with(ready=1), {}, "workload_unhealthy", id="unhealthy"),
        pytest.param(
            _with(top={"busy": "is in the middle of a rollout"}), {}, "workload_busy", id="rollout"
        ),
        pytest.param(_with(wanted=1, ready=1), {}, "too_few", id="the-only-pod"),
        pytest.param(
            _with(wanted=1, ready=1), {"min_available": 0}, "", id="the-only-pod-and-allowed"
        ),
        pytest.param(_FACTS, {"min_available": 2}, "too_few", id="fewer-than-wanted"),
        pytest.param(
            _FACTS, {"workload_kinds": ("ReplicaSet",)}, "workload_kind", id="top-not-wanted"
        ),
        pytest.param(_FACTS, {"workload_kinds": ("Deployment",)}, "", id="the-top-is-what-counts"),
        pytest.param(
            Facts(workloads={"rs": replace(_WHOLE, top=None)}),
            {"workload_kinds": ("Deployment",)},
            "workload_kind",
            id="a-set-without-a-top",
        ),
        pytest.param(_budgeted(_budget()), {}, "", id="budget-allows"),
        pytest.param(_budgeted(_budget(allowed=0)), {}, "pdb_blocks", id="budget-refuses"),
        pytest.param(
            _budgeted(_budget(allowed=0, namespace="else")),
            {},
            "",
            id="budget-of-another-namespace",
        ),
        pytest.param(
            _budgeted(_budget(allowed=0, selector={"matchLabels": {"app": "x"}})),
            {},
            "",
            id="budget-of-others",
        ),
        pytest.param(
            _budgeted(_budget(allowed=0, selector={})), {}, "pdb_blocks", id="budget-of-all"
        ),
        pytest.param(_budgeted(_budget(allowed=0, selector=None)), {}, "", id="budget-of-none"),
        pytest.param(_budgeted(_budget(), _budget("b")), {}, "pdb_several", id="two-budgets"),
        pytest.param(_FACTS, {"rollout": True}, "", id="restart"),
        pytest.param(_with(wanted=1, ready=1), {"rollout": True}, "", id="restart-of-one"),
        pytest.param(
            _budgeted(_budget(allowed=0)), {"rollout": True}, "", id="restart-asks-no-budget"
        ),
        pytest.param(
            _with(top={"ready": 1}), {"rollout": True}, "workload_unhealthy", id="restart-unhealthy"
        ),
        pytest.param(
            replace(_FACTS, crowded={"top": "shop/web-1-xyz, container y"}),
            {"rollout": True},
            "in_use",
            id="restart-with-a-debugger-elsewhere",
        ),
    ],
)
def test_a_pod_of_a_workload(facts: Facts, options: dict[str, Any], code: str) -> None:
    (decided,) = _decide(_entry(), facts=facts, **options)

    wanted = ("none", code) if code else ("recycle", "finished")
    assert (decided.action, decided.code) == wanted, decided.why


def test_a_pod_that_is_not_ready_is_not_made_fewer() -> None:
    (decided,) = _decide(_entry(host=_host(ready=False)))

    assert decided.code == "workload_unhealthy"


def test_the_only_pod_of_a_stateful_set_is_not_restarted() -> None:
    owner = Owner(kind="StatefulSet", name="db", uid="db")
    facts = Facts(
        workloads={"db": Workload(kind="StatefulSet", name="db", uid="db", wanted=1, ready=1)}
    )

    (decided,) = _decide(_entry(host=_host(owner=owner)), facts=facts, rollout=True)

    assert decided.code == "too_few"


def test_the_pods_of_a_daemon_set_do_not_stand_in_for_each_other() -> None:
    owner = Owner(kind="DaemonSet", name="log", uid="log")
    facts = Facts(
        workloads={"log": Workload(kind="DaemonSet", name="log", uid="log", wanted=1, ready=1)}
    )

    (decided,) = _decide(
        _entry(host=_host(owner=owner)), facts=facts, workload_kinds=("DaemonSet",)
    )

    assert decided.action == "recycle"


@pytest.mark.parametrize(
    ("other", "is_chosen", "code"),
    [
        pytest.param(_running(container="b", expires=_IN_A_MINUTE), True, "in_use", id="ours"),
        pytest.param(_running(container="b", expires=_IN_A_MINUTE), False, "in_use", id="filtered"),
        pytest.param(_foreign(container="b"), True, "in_use", id="foreign"),
        pytest.param(_foreign(container="b"), False, "in_use", id="foreign-and-filtered"),
        pytest.param(_running(container="b"), False, "", id="overdue-and-filtered"),
        pytest.param(_entry(container="b", managed=False), True, "", id="foreign-and-finished"),
        pytest.param(
            _running(container="b", stuck="ErrImagePull", state="waiting", managed=False),
            True,
            "",
            id="foreign-and-never-started",
        ),
    ],
)
def test_another_entry_of_the_pod(other: Finding, is_chosen: bool, code: str) -> None:
    findings = (_entry(), other) if is_chosen else (_entry(),)

    decided = _decide(*findings, others=() if is_chosen else (other,))

    wanted = ("none", code) if code else ("recycle", "finished")
    assert (decided[0].action, decided[0].code) == wanted, decided[0].why


def test_an_entry_that_is_to_be_read_still_keeps_its_pod() -> None:
    young = _entry(container="b", finished=_NOW - 1)

    old, new = _decide(_entry(), young, min_finished_age=60)

    assert (old.action, old.code) == ("none", "too_young")
    assert (new.action, new.code) == ("none", "too_young")


def test_a_pod_goes_once_with_all_of_its_entries() -> None:
    decided = _decide(_entry(), _entry(container="b"), _running(container="c"))

    assert [each.action for each in decided] == ["recycle"] * 3
    assert [len(each) for each in by_pod(decided).values()] == [3]


def test_what_could_not_be_looked_at_is_said_in_a_report() -> None:
    (decided,) = _decide(_entry(), want="reported", facts=Facts(unknown="It was not looked at."))

    assert decided.possible == "recycle"
    assert decided.why.endswith("It was not looked at.")


def test_only_pods_that_may_be_replaced_are_looked_at() -> None:
    found = [_entry(), _entry(host=_host(owner=None)), _foreign(), _job()]

    assert candidates(found, CleanupOptions(), _NOW) == [found[0]]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3661, "1 h 1 min"),
        (90000, "1 d 1 h"),
        (86400, "1 d"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
