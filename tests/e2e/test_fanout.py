# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task on many pods, and the guard against too many."""

from __future__ import annotations

from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.playbooks import Playbooks

__all__: list[str] = []

_PODS = 20


def test_many_pods_by_workload_labels_where_and_name(space: Space, play: Playbooks) -> None:
    space.create(manifests.deployment("many", space.cluster.web, replicas=_PODS))
    space.web("stranger", labels={"app": "other"})
    space.wait("deployment/many", "condition=Available")

    refused = play.task(
        "ephemeral_container",
        {
            "namespace": space.name,
            "workload": "deployment/many",
            "image": space.cluster.toolbox,
            "max_pods": _PODS - 1,
        },
        ok=False,
    )
    assert f"matches {_PODS} pods, more than max_pods={_PODS - 1}" in refused.msg
    assert "raise max_pods" in refused.msg
    assert _entries(space) == {}

    run = play.play("fanout")

    assert {name: len(entries) for name, entries in _entries(space).items()} == {
        pod["name"]: 1 for pod in run.task("Ask all of them")["pods"]
    }


def test_what_fails_on_one_pod_leaves_the_others_their_results(
    space: Space, play: Playbooks
) -> None:
    for name in ("good", "bad"):
        space.web(name, labels={"app": "mixed"})
    nowhere = {"nodeSelector": {"nope": "nope"}}
    space.create(manifests.pod("later", space.cluster.web, labels={"app": "mixed"}, spec=nowhere))
    script = 'test "$(hostname)" = good || { echo the disk is full; exit 9; }'

    failed = play.task(
        "ephemeral_container",
        {
            "namespace": space.name,
            "label_selectors": ["app=mixed"],
            "image": space.cluster.toolbox,
            "command": ["sh", "-c", script],
            "wait_for": "finished",
            "wait_timeout": 600,
        },
        ok=False,
    )

    assert f"failed on 1 of 2 pods: {space.name}/bad: debugger kubedebug-" in failed.msg
    assert "exit code 9" in failed.msg
    assert "Its last output: the disk is full" in failed.msg
    bad, good = failed["pods"]
    assert (bad["name"], bad["action"], bad["entry"]["exit_code"]) == ("bad", "failed", 9)
    assert (good["name"], good["action"], good["error"]) == ("good", "created", None)
    assert good["entry"]["exit_code"] == 0
    # The warnings of a task that fails are no less worth.
    assert f"1 matching pod was left out: {space.name}/later: " in play.runs[-1].text
    assert space.entries("later") == []


def _entries(space: Space) -> dict[str, list[str]]:
    pods = space.cluster.get("pods", "-n", space.name)["items"]
    return {
        pod["metadata"]["name"]: [each["name"] for each in pod["spec"]["ephemeralContainers"]]
        for pod in pods
        if pod["spec"].get("ephemeralContainers")
    }
