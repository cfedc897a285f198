# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What raw pods and Jobs are taken for, whatever others wrote into them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.findings import (
    POD_MARKS,
    job_finding,
    pod_findings,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import rfc3339

__all__: list[str] = []

_OURS = {"app.kubernetes.io/managed-by": "kubedebug.core"}
_CONTROLLER = [{"kind": "CronJob", "name": "hourly", "uid": "c", "controller": True}]


def _pod(name: str = "web", *, entries: tuple[dict[str, Any], ...] = (), **metadata: Any) -> Any:
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", **metadata},
        "spec": {
            "containers": [{"name": "web", "image": "web:1"}],
            **({"ephemeralContainers": list(entries)} if entries else {}),
        },
        "status": {"phase": "Running", "startTime": "2026-11-25T10:00:00Z"},
    }


def _job(
    name: str = "agent", *, status: Any = None, deadline: int | None = None, **metadata: Any
) -> Any:
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", **metadata},
        "spec": {
            "template": {"spec": {"containers": [{"name": "agent", "image": "agent:1"}]}},
            **({"activeDeadlineSeconds": deadline} if deadline else {}),
        },
        "status": status or {"active": 1, "startTime": "2026-11-25T10:00:00Z"},
    }


def _made(role: str, *, identity: str | None = "1a2b3c4d5e", **marks: str) -> dict[str, Any]:
    """The metadata of what the collection made; *identity* is what the annotation says."""
    known = {"identity": identity, **marks} if identity is not None else marks
    return {
        "labels": {
            **_OURS,
            "kubedebug.core/role": role,
            "kubedebug.core/identity": "1a2b3c4d5e",
        },
        "annotations": {f"kubedebug.core/{key}": value for key, value in known.items()},
    }


@pytest.mark.parametrize(
    ("pod", "kinds"),
    [
        pytest.param(_pod(), [], id="an-application"),
        pytest.param(
            _pod(entries=({"name": "a"}, {"name": "b"})), ["ephemeral_container"] * 2, id="entries"
        ),
        pytest.param(_pod("copied", **_made("pod-copy", name="copied")), ["pod_copy"], id="copy"),
        pytest.param(_pod("x", **_made("node-debugger", name="x")), ["node_debugger"], id="node"),
        pytest.param(_pod("node-debugger-n-abcde", labels=_OURS), [], id="ours-without-a-role"),
        pytest.param(
            _pod("x", **_made("schedule", name="x")), [], id="a-role-that-nothing-is-made-for"
        ),
        pytest.param(
            _pod("x", **_made("pod-copy", identity=None, name="x")),
            [],
            id="a-copy-that-kept-the-labels",
        ),
        pytest.param(
            _pod("x", **_made("node-debugger", identity="0", name="x")),
            [],
            id="marks-of-two-things",
        ),
        pytest.param(
            _pod("x", **_made("pod-copy", name="y")), [], id="a-copy-that-kept-the-annotations-too"
        ),
        pytest.param(_pod("x", **_made("agent", name="x")), [], id="an-agent-s-pod-without-a-job"),
        pytest.param(_pod("node-debugger-n-bcdfg"), ["node_debugger"], id="kubectl-by-its-name"),
        pytest.param(_pod("node-debugger-n-aeiou"), [], id="a-name-that-kubectl-makes-none-of"),
        pytest.param(
            _pod("x", labels={"app.kubernetes.io/managed-by": "kubectl-debug"}),
            ["node_debugger"],
            id="kubectl-by-its-label",
        ),
        pytest.param(
            _pod("copied", **_made("pod-copy", name="copied"), ownerReferences=_CONTROLLER),
            [],
            id="a-controller-s-pod-is-no-copy",
        ),
        pytest.param(
            _pod(
                "agent-x",
                **_made("agent"),
                entries=({"name": "a"},),
                ownerReferences=[{**_CONTROLLER[0], "kind": "Job"}],
            ),
            [],
            id="a-pod-of-an-agent",
        ),
    ],
)
def test_pods(pod: Any, kinds: list[str]) -> None:
    assert [each.kind for each in pod_findings(pod)] == kinds


@pytest.mark.parametrize(
    ("job", "tool"),
    [
        pytest.param(_job(**_made("agent")), "kubedebug", id="ours"),
        pytest.param(_job(labels=_OURS), None, id="a-job-without-a-role"),
        pytest.param(_job(**_made("agent", identity=None)), None, id="labels-alone"),
        pytest.param(
            _job(**_made("agent"), ownerReferences=_CONTROLLER), None, id="a-scheduled-cleanup"
        ),
        pytest.param(_job(**_made("cleanup")), None, id="another-role"),
        pytest.param(_job("mirrord-agent-ab12"), "mirrord", id="mirrord-by-its-name"),
        pytest.param(_job("x", labels={"app": "mirrord"}), "mirrord", id="mirrord-by-its-label"),
        pytest.param(_job("backup"), None, id="anybody-s-job"),
        pytest.param(
            _job(
                **_made("agent"),
                ownerReferences=[{"kind": "Pod", "name": "web-0", "uid": "p"}],
            ),
            "kubedebug",
            id="owned-by-its-target",
        ),
    ],
)
def test_jobs(job: Any, tool: str | None) -> None:
    finding = job_finding(job)

    assert (finding.tool if finding is not None else None) == tool


def _ended(kind: str) -> Any:
    return {
        "startTime": "2026-11-25T10:00:00Z",
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": "2026-11-25T10:10:00Z"}
        ],
    }


@pytest.mark.parametrize(
    ("status", "state", "finished"),
    [
        ({}, "running", None),
        ({"ready": 0}, "waiting", None),
        (_ended("Complete"), "finished", "2026-11-25T10:10:00Z"),
        (_ended("Failed"), "finished", "2026-11-25T10:10:00Z"),
        ({"active": 1, "conditions": [{"type": "Failed", "status": "False"}]}, "running", None),
    ],
)
def test_the_state_of_a_job(status: Any, state: str, finished: str | None) -> None:
    finding = job_finding(_job(**_made("agent"), status=status))

    assert finding is not None
    assert (finding.state, rfc3339(finding.finished)) == (state, finished)


@pytest.mark.parametrize(
    ("marks", "deadline", "expires"),
    [
        pytest.param(
            {"expires-at": "2026-11-25T11:00:00Z"}, None, "2026-11-25T11:00:00Z", id="rfc"
        ),
        pytest.param({"expires-at": "1795604400"}, None, "2026-11-25T11:00:00Z", id="seconds"),
        pytest.param({}, 3600, "2026-11-25T11:00:00Z", id="what-the-api-enforces"),
        pytest.param({}, None, None, id="none"),
        pytest.param({"expires-at": "tomorrow"}, None, None, id="words"),
        pytest.param({"expires-at": "9" * 40}, None, None, id="digits"),
        pytest.param({"expires-at": "2026-11-25 11:00"}, None, None, id="without-a-zone"),
    ],
)
def test_the_expiry_of_a_job(
    marks: dict[str, str], deadline: int | None, expires: str | None
) -> None:
    finding = job_finding(_job(**_made("agent", **marks), deadline=deadline))

    assert finding is not None
    assert rfc3339(finding.expires) == expires


def test_marks_of_strangers_are_data() -> None:
    owner = "a\x1b[31mlice\n" + "x" * 5000

    finding = job_finding(_job(**_made("agent", owner=owner)))

    assert finding is not None
    assert finding.owner is not None
    assert finding.owner.startswith("alice x")
    assert len(finding.owner) <= 512


def test_the_marks_of_what_is_not_ours_do_not_count() -> None:
    annotations = {"kubedebug.core/expires-at": "2020-01-01T00:00:00Z", "kubedebug.core/owner": "x"}
    env = [
        {"name": "KUBEDEBUG_EXPIRES_AT", "value": "1"},
        {"name": "KUBEDEBUG_OWNER", "value": "x"},
    ]

    job = job_finding(_job("mirrord-agent-ab12", annotations=annotations))
    (entry,) = pod_findings(_pod(entries=({"name": "a", "env": env},)))

    assert job is not None
    for each in (job, entry):
        assert (each.expires, each.owner, each.managed) == (None, None, False)


def test_a_time_that_no_calendar_has() -> None:
    assert rfc3339(99_999_999_999.0 * 1e6) is None


@pytest.mark.parametrize(
    ("pod", "kind"),
    [
        (_pod(entries=({"name": "a"},)), "ephemeral_container"),
        (_pod("copied", **_made("pod-copy", name="copied")), "pod_copy"),
        (_pod("x", **_made("node-debugger", name="x")), "node_debugger"),
        (_pod("node-debugger-n-bcdfg"), "node_debugger"),
        (_pod("x", labels={"app.kubernetes.io/managed-by": "kubectl-debug"}), "node_debugger"),
    ],
)
def test_what_is_found_has_a_mark_in_its_bytes(pod: Any, kind: str) -> None:
    """Otherwise the scan would pass it by without parsing it."""
    (finding,) = pod_findings(pod)
    text = json.dumps(pod, separators=(",", ":")).encode()

    assert finding.kind == kind
    assert any(mark in text for mark in POD_MARKS[kind])
    assert not any(mark in json.dumps(_pod()).encode() for mark in POD_MARKS[kind])


def test_an_owner_s_name_is_any_text_that_somebody_wrote() -> None:
    owner = {"kind": "Replica\x1b[2JSet", "name": "../\n\u202ex", "uid": "u", "controller": True}

    (entry,) = pod_findings(_pod(entries=({"name": "a"},), ownerReferences=[owner]))

    assert entry.host is not None
    assert entry.host.owner is not None
    assert entry.host.owner.ref == "ReplicaSet/../ x"


@pytest.mark.parametrize("deleted", [None, "2026-11-25T10:00:00Z"])
def test_what_is_being_deleted_says_so(deleted: str | None) -> None:
    when = {"deletionTimestamp": deleted} if deleted else {}
    job = job_finding(_job(**_made("agent"), **when))
    (copy,) = pod_findings(_pod(**_made("pod-copy", name="web"), **when))
    (entry,) = pod_findings(_pod(entries=({"name": "a"},), **when))

    assert job is not None
    assert [each.leaving for each in (job, copy, entry)] == [bool(deleted)] * 3
