# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from kdcluster.report import errors_of, event_lines, pod_lines, tail
from kdcluster.settings import Settings


def test_errors_of_keeps_the_last_of_the_same_with_its_count() -> None:
    lines = [
        "I0101 12:00:00.1 1 a.go:1] fine",
        "E0101 12:00:01.1 1 b.go:2] try 1 of 0fac4141 failed",
        "E0101 12:00:02.1 1 c.go:3] other",
        "E0101 12:00:03.1 1 b.go:2] try 2 of eb3acbac failed",
        '{"level":"error","msg":"etcd"}',
        'time="2026-01-01" level=error msg="containerd"',
        "panic: nil",
    ]
    assert errors_of(lines) == [
        "E0101 12:00:02.1 1 c.go:3] other",
        "E0101 12:00:03.1 1 b.go:2] try 2 of eb3acbac failed (2 times)",
        '{"level":"error","msg":"etcd"}',
        'time="2026-01-01" level=error msg="containerd"',
        "panic: nil",
    ]


def test_errors_of_is_bounded() -> None:
    lines = [f"E0101 1 x.go:1] {chr(97 + number) * 1000}" for number in range(26)]
    found = errors_of(lines)
    assert len(found) == 15
    assert max(map(len, found)) == 300


def pod(phase: str, **status: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "n", "name": "p"}, "status": {"phase": phase, **status}}


def container(**state: Any) -> list[dict[str, Any]]:
    return [{"name": "c", "state": state}]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(pod("Running", containerStatuses=container(running={})), [], id="runs"),
        pytest.param(pod("Pending"), ["n/p Pending"], id="not-scheduled"),
        pytest.param(
            pod(
                "Pending",
                containerStatuses=container(
                    waiting={"reason": "ErrImagePull", "message": "no\n such"}
                ),
            ),
            ["n/p Pending c: ErrImagePull no such"],
            id="image",
        ),
        pytest.param(
            pod(
                "Running",
                ephemeralContainerStatuses=container(
                    terminated={"reason": "Error", "exitCode": 127}
                ),
            ),
            ["n/p Running c: Error"],
            id="a-debugger-failed",
        ),
        pytest.param(
            pod("Running", containerStatuses=container(terminated={"exitCode": 0})),
            [],
            id="a-container-ended-well",
        ),
    ],
)
def test_pod_lines(item: dict[str, Any], expected: list[str]) -> None:
    assert pod_lines([item]) == expected


def test_pod_lines_are_bounded() -> None:
    lines = pod_lines([pod("Pending")] * 50)
    assert lines[-1] == "... and 10 more"
    assert len(lines) == 41


def test_event_lines_are_in_the_order_of_time() -> None:
    def event(time: str, reason: str) -> dict[str, Any]:
        return {
            "metadata": {},
            "lastTimestamp": time,
            "type": "Normal",
            "reason": reason,
            "message": "a\nb",
            "involvedObject": {"namespace": "n", "kind": "Pod", "name": "p"},
        }

    assert event_lines([event("2", "B"), event("1", "A")]) == [
        "1 Normal A n/Pod/p: a b",
        "2 Normal B n/Pod/p: a b",
    ]


def test_tail(settings: Settings) -> None:
    settings.logs.mkdir(parents=True)
    (settings.logs / "etcd.log").write_text("1\n2\n3\n", encoding="ascii")
    assert tail(settings, "etcd", 2) == ["2", "3"]
    assert tail(settings, "kubelet", 2) == []
