# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods as variables of hosts."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._inventory import facts


def pod(**metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "web-0",
            "namespace": "shop",
            "uid": "u",
            "creationTimestamp": "2026-11-25T16:00:00Z",
            "labels": {"app": "web"},
            **metadata,
        },
        "spec": {
            "nodeName": "node-1",
            "serviceAccountName": "default",
            "containers": [
                {"name": "istio-proxy", "image": "proxy:1"},
                {"name": "web", "image": "web:2"},
            ],
            "initContainers": [
                {"name": "setup", "image": "setup:1"},
                {"name": "logger", "image": "logger:1", "restartPolicy": "Always"},
            ],
            "ephemeralContainers": [{"name": "debugger-bcdfg", "image": "box"}],
        },
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.1",
            "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}],
            "hostIP": "192.0.2.1",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [
                {
                    "name": "web",
                    "ready": True,
                    "restartCount": 2,
                    "state": {"running": {"startedAt": "x"}},
                    "containerID": "containerd://1",
                },
                {"name": "istio-proxy", "ready": False, "restartCount": 1, "state": {}},
            ],
            "ephemeralContainerStatuses": [
                {"name": "debugger-bcdfg", "state": {"running": {"startedAt": "x"}}}
            ],
        },
    }


def test_a_pod_is_one_host_with_its_application_as_the_container() -> None:
    (host,) = facts.hosts_of(pod(), containers=False)

    assert sorted(host) == list(facts.FACTS)
    assert host["kubedebug_container"] == "web"
    assert host["kubedebug_container_image"] == "web:2"
    assert host["kubedebug_container_state"] == "running"
    assert host["kubedebug_pod_ips"] == ["10.0.0.1", "fd00::1"]
    assert host["kubedebug_ready"] is True
    assert host["kubedebug_restarts"] == 3
    assert host["kubedebug_images"] == ["logger:1", "proxy:1", "web:2"]
    (entry,) = host["kubedebug_ephemeral_containers"]
    assert (entry["name"], entry["state"], entry["tool"]) == (
        "debugger-bcdfg",
        "running",
        "kubectl debug",
    )
    assert facts.host_name(host, containers=False) == "web-0.shop"


def test_each_container_that_runs_on_is_a_host() -> None:
    hosts = facts.hosts_of(pod(), containers=True)

    assert [facts.host_name(host, containers=True) for host in hosts] == [
        "istio-proxy.web-0.shop",
        "web.web-0.shop",
        "logger.web-0.shop",
    ]
    assert {tuple(sorted(host)) for host in hosts} == {facts.FACTS}
    assert hosts[2]["kubedebug_container_state"] == "unknown"


def test_a_pod_that_has_not_begun_has_the_same_variables() -> None:
    raw = pod()
    raw["status"] = {}
    del raw["spec"]["nodeName"], raw["metadata"]["labels"]

    (host,) = facts.hosts_of(raw, containers=False)

    assert sorted(host) == list(facts.FACTS)
    assert host["kubedebug_phase"] == "Unknown"
    assert host["kubedebug_node"] is None
    assert host["kubedebug_ready"] is False
    assert host["kubedebug_labels"] == {}


def test_what_was_applied_is_not_repeated() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{secret}", "a": "b"}
    (host,) = facts.hosts_of(pod(annotations=annotations), containers=False)
    assert host["kubedebug_annotations"] == {"a": "b"}


def _owned(kind: str, name: str, **labels: str) -> dict[str, Any]:
    owner = {"kind": kind, "name": name, "controller": True}
    return pod(labels=labels, ownerReferences=[{"kind": "Other", "name": "x"}, owner])


@pytest.mark.parametrize(
    ("raw", "workload"),
    [
        pytest.param(pod(), None, id="a bare pod"),
        pytest.param(
            _owned("ReplicaSet", "my-web-5d4f", **{"pod-template-hash": "5d4f"}),
            "deployment/my-web",
            id="a deployment",
        ),
        pytest.param(
            _owned("ReplicaSet", "my-web", app="x"), "replicaset/my-web", id="a replica set"
        ),
        pytest.param(
            _owned("ReplicaSet", "my-web", **{"pod-template-hash": "5d4f"}),
            "replicaset/my-web",
            id="a replica set with a label of another",
        ),
        pytest.param(
            _owned("ReplicaSet", "my-web-", **{"pod-template-hash": ""}),
            "replicaset/my-web-",
            id="an empty hash",
        ),
        pytest.param(_owned("StatefulSet", "db"), "statefulset/db", id="a stateful set"),
        pytest.param(_owned("Job", "once"), "job/once", id="a job"),
        pytest.param(_owned("Rollout", "canary"), "rollout/canary", id="a kind of somebody else"),
    ],
)
def test_the_workload_of_a_pod(raw: dict[str, Any], workload: str | None) -> None:
    assert facts.workload_of(raw) == workload


def test_no_variable_means_something_else_to_the_connection_plugin() -> None:
    """Text of the cluster must not choose an image, a command's owner or an API server."""
    from ansible_collections.kubedebug.core.plugins.connection import ephemeral
    from ansible_collections.kubedebug.core.plugins.doc_fragments import plugin_auth

    text = ephemeral.DOCUMENTATION + plugin_auth.ModuleDocFragment.DOCUMENTATION
    read = {line.split()[-1] for line in text.splitlines() if "- name: kubedebug_" in line}
    assert read & set(facts.FACTS) == {
        "kubedebug_namespace",
        "kubedebug_pod",
        "kubedebug_container",
    }
