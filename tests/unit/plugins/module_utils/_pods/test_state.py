# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import (
    container_identity,
    container_problem,
    epoch,
    pod_problem,
)

MakePod = Callable[..., dict[str, Any]]


def _waiting(reason: str, message: str = "", name: str = "app") -> dict[str, Any]:
    return {"name": name, "state": {"waiting": {"reason": reason, "message": message}}}


def _ended(code: int, reason: str = "Error", name: str = "app") -> dict[str, Any]:
    return {"name": name, "state": {"terminated": {"exitCode": code, "reason": reason}}}


_UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available",
}


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        pytest.param({}, None, id="runs"),
        pytest.param(
            {"metadata": {"deletionTimestamp": "2026-01-02T03:04:05Z"}},
            "the pod is being deleted (since 2026-01-02T03:04:05Z)",
            id="deleting",
        ),
        pytest.param(
            {"status": {"phase": "Succeeded", "containerStatuses": []}},
            "the pod has finished (Succeeded)",
            id="succeeded",
        ),
        pytest.param(
            {"status": {"phase": "Failed", "reason": "Evicted", "message": "disk\x1b[31m full"}},
            "the pod has finished (Failed: Evicted: disk full)",
            id="evicted",
        ),
        pytest.param(
            {"status": {"phase": "Failed", "containerStatuses": [_ended(137, "OOMKilled")]}},
            "the pod has finished (Failed: container app: OOMKilled: exit code 137)",
            id="failed",
        ),
        pytest.param(
            {"annotations": {"kubernetes.io/config.mirror": "hash"}},
            "the pod is static (it comes from a file of its node), and the API allows no ephemeral "
            "containers there; debug its node instead",
            id="static",
        ),
        pytest.param(
            {"spec": {"os": {"name": "windows"}}},
            "the pod runs on Windows, and debuggers are made for Linux",
            id="windows",
        ),
        pytest.param(
            {"spec": {"nodeSelector": {"kubernetes.io/os": "windows"}}},
            "the pod runs on Windows, and debuggers are made for Linux",
            id="windows-by-node",
        ),
        pytest.param({"spec": {"os": {"name": "linux"}}}, None, id="linux"),
        pytest.param(
            {"status": {"phase": "Pending", "conditions": [_UNSCHEDULABLE]}},
            "the pod is not running (Pending: Unschedulable: 0/3 nodes are available)",
            id="unschedulable",
        ),
        pytest.param(
            {"status": {"phase": "Pending", "containerStatuses": [_waiting("ContainerCreating")]}},
            "the pod is not running (Pending: ContainerCreating)",
            id="starting",
        ),
        pytest.param(
            {
                "status": {
                    "phase": "Pending",
                    "containerStatuses": [
                        _waiting("ContainerCreating", name="first"),
                        _waiting("ImagePullBackOff", "Back-off pulling"),
                    ],
                }
            },
            "the pod is not running (Pending: container app: ImagePullBackOff: Back-off pulling)",
            id="cannot-pull",
        ),
        pytest.param(
            {
                "status": {
                    "phase": "Pending",
                    "initContainerStatuses": [_ended(3, name="migrate")],
                    "containerStatuses": [_waiting("PodInitializing")],
                }
            },
            "the pod is not running (Pending: container migrate: Error: exit code 3)",
            id="init-failed",
        ),
        pytest.param({"status": {"phase": ""}}, "the pod is not running (Unknown)", id="unknown"),
    ],
)
def test_pod_problem(make_pod: MakePod, parts: dict[str, Any], problem: str | None) -> None:
    assert pod_problem(make_pod(**parts)) == problem


def test_pod_without_status() -> None:
    pod = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "app"}]}}
    assert pod_problem(pod) == "the pod is not running (Unknown)"


@pytest.mark.parametrize(
    ("container_id", "identity"),
    [
        pytest.param("containerd://0123abc", ("containerd", "0123abc"), id="containerd"),
        pytest.param("cri-o://0123abc", ("cri-o", "0123abc"), id="cri-o"),
        pytest.param("", ("", ""), id="never-started"),
        pytest.param(None, ("", ""), id="absent"),
        pytest.param("0123abc", ("", ""), id="no-runtime"),
    ],
)
def test_container_identity(
    make_pod: MakePod, container_id: str | None, identity: tuple[str, str]
) -> None:
    status = {"containerStatuses": [{"name": "app", "containerID": container_id}]}
    assert container_identity(make_pod(status=status), "app") == identity


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        pytest.param({"name": "app", "state": {"running": {}}}, None, id="runs"),
        pytest.param(
            _waiting("CrashLoopBackOff", "back-off 5m0s"),
            "container app is waiting: CrashLoopBackOff: back-off 5m0s",
            id="waits",
        ),
        pytest.param(_ended(1), "container app has ended: Error: exit code 1", id="ended"),
        pytest.param({"name": "app"}, "container app is waiting: not started yet", id="no-state"),
        pytest.param(
            {"name": "other", "state": {"running": {}}},
            "container app is waiting: not started yet",
            id="no-status",
        ),
    ],
)
def test_container_problem(make_pod: MakePod, status: dict[str, Any], problem: str | None) -> None:
    pod = make_pod(status={"containerStatuses": [status]})
    assert container_problem(pod, "app") == problem


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [
        pytest.param("1970-01-01T00:01:00Z", 60.0, id="utc"),
        pytest.param("1970-01-01T01:01:00+01:00", 60.0, id="offset"),
        pytest.param("1970-01-01T00:01:00.500000Z", 60.5, id="micro-time"),
        pytest.param("1970-01-01T00:01:00", None, id="no-zone"),
        pytest.param("yesterday", None, id="no-time"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="none"),
    ],
)
def test_epoch(timestamp: str | None, seconds: float | None) -> None:
    assert epoch(timestamp) == seconds
