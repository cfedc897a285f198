# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that carry finished entries are replaced, and their workloads do not notice."""

from __future__ import annotations

import re
from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewSpace
from e2ekit.leftovers import (
    budget,
    cleanup_args,
    finished,
    members,
    objects,
    plant,
    settled,
    told,
    watched,
    workload,
)
from e2ekit.playbooks import Playbooks

__all__: list[str] = []


@pytest.fixture
def space(new_space: NewSpace) -> Space:
    """A namespace whose service account has the capability ``cleanup`` and nothing else."""
    return new_space(rules=manifests.CLEANUP_RULES)


def _task(name: str, args: dict[str, Any], **keywords: Any) -> dict[str, Any]:
    return {"name": name, "kubedebug.core.debug_cleanup": args, **keywords}


def _enter(space: Space, *pods: str) -> None:
    """Leave an entry that has finished in each of these pods."""
    for pod in pods:
        plant(space, pod, finished(space, "done"))
    for pod in pods:
        settled(space, pod, "done", state="terminated")


def test_two_cleanups_at_once_never_take_a_workload_below_its_minimum(
    space: Space, play: Playbooks
) -> None:
    space.create(
        workload("StatefulSet", "db", space.cluster.web, replicas=2),
        budget("db", least=1),
        workload("Deployment", "firm", space.cluster.web, replicas=2),
        budget("firm", least=2),
        workload("Deployment", "lone", space.cluster.web, replicas=1),
    )
    databases, firm, lone = (
        members(space, "db", 2),
        members(space, "firm", 2),
        members(space, "lone", 1),
    )
    entered = [*databases, firm[0], lone[0]]
    _enter(space, *entered)
    before = objects(space)
    path = play.write(
        [{"name": "Task", "kubedebug.core.debug_cleanup": cleanup_args(space, "recycled")}]
    )

    with watched(space, "db", whole=2) as readiness:
        both = [play.start(path), play.start(path)]
        runs = [each.wait() for each in both]

    assert [run.rc for run in runs] == [0, 0], [run.failure for run in runs]
    results = [told(run.task("Task")) for run in runs]
    # A cleanup that begins when the other is at work finds the workload busy, and leaves it alone.
    done = [
        sum(each.get((pod, "done"), ("", "", ""))[2] == "done" for each in results)
        for pod in databases
    ]
    assert done == [1, 1], results
    assert readiness.fewest == 1
    assert len(readiness.seen) == 4, "each of the two pods was replaced, and once"
    now = objects(space)
    assert [now[pod] == before[pod] for pod in entered] == [False, False, True, True]
    assert results[0][firm[0], "done"] == ("none", "pdb_blocks", "kept")
    assert results[0][lone[0], "done"] == ("none", "too_few", "kept")
    assert all(space.entries(pod) == [] for pod in databases)


_KINDS = {"Deployment": "front", "StatefulSet": "db", "DaemonSet": "log"}


@pytest.mark.parametrize("way", ["evict", "rollout"])
def test_each_kind_of_workload_is_replaced(space: Space, play: Playbooks, way: str) -> None:
    """A DaemonSet only where the task names it; twice, and the second time nothing is to do."""
    sizes = {"front": 2, "db": 2, "log": 1}
    space.create(
        *(
            workload(kind, name, space.cluster.web, replicas=sizes[name])
            for kind, name in _KINDS.items()
        )
    )
    pods = {name: members(space, name, size) for name, size in sizes.items()}
    entered = [pods["front"][0], *pods["db"], *pods["log"]]
    _enter(space, *entered)
    before = objects(space)
    args = cleanup_args(space, "recycled", recycle_by=way)
    named = {**args, "workload_kinds": list(_KINDS)}
    first = [_task("Unnamed", {**args, "workload_kinds": ["DaemonSets"]}, check_mode=True)]
    tasks = [_task("Check", named, check_mode=True), _task("Real", named), _task("Again", named)]

    with watched(space, "front", whole=2) as front, watched(space, "db", whole=2) as db:
        run = play.play(play.write(first + tasks), timeout=300)

    unnamed, check, real, again = (run.task(name) for name in ("Unnamed", "Check", "Real", "Again"))
    assert told(unnamed)[pods["log"][0], "done"] == ("none", "daemonset", "kept")
    assert unnamed["changed"] is False
    wanted = {(pod, "done"): ("recycle", "finished", "done") for pod in entered}
    assert told(real) == wanted
    assert told(check) == {key: (*value[:2], "planned") for key, value in wanted.items()}
    assert (again["changed"], again["findings"]) == (False, [])
    # A rollout makes the new pod of a Deployment first; the others have no room for that.
    assert (front.fewest, db.fewest) == (2 if way == "rollout" else 1, 1)
    assert len(db.seen) == 4, "each of the two pods was replaced, and once"
    for name, size in sizes.items():
        assert all(space.entries(pod) == [] for pod in members(space, name, size))
    now = objects(space)
    spared = pods["front"][1]
    assert (now.get(spared) == before[spared]) is (way == "evict"), "it had no entry"


def test_as_many_at_once_as_the_task_and_the_minimum_allow(space: Space, play: Playbooks) -> None:
    space.create(workload("Deployment", "wide", space.cluster.web, replicas=4))
    pods = members(space, "wide", 4)
    _enter(space, *pods)

    with watched(space, "wide", whole=4) as readiness:
        done = play.task(
            "debug_cleanup",
            cleanup_args(space, "recycled", max_unavailable=3, min_available=2),
            timeout=180,
        )

    assert {status for _action, _code, status in told(done).values()} == {"done"}
    assert readiness.fewest == 2, "two of the four at once, and not three"
    assert len(readiness.seen) == 8
    assert len(members(space, "wide", 4)) == 4


def test_the_only_pod_of_a_deployment_by_its_rollout(space: Space, play: Playbooks) -> None:
    """Its replacement comes first, so that no moment is without a pod."""
    space.create(workload("Deployment", "lone", space.cluster.web, replicas=1))
    (pod,) = members(space, "lone", 1)
    _enter(space, pod)

    with watched(space, "lone", whole=1) as readiness:
        play.task("debug_cleanup", cleanup_args(space, "recycled", recycle_by="rollout"))

    assert readiness.fewest == 1
    (new,) = members(space, "lone", 1)
    assert new != pod
    assert space.entries(new) == []


def test_the_first_harm_ends_the_run(space: Space, play: Playbooks) -> None:
    """Pods that need a key of a map run; once the key is gone, what replaces them crashes."""
    space.create(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "map"},
            "data": {"key": "1"},
        },
        workload(
            "Deployment",
            "frail",
            space.cluster.toolbox,
            replicas=2,
            container={
                "command": ["sh", "-c", "[ -e /map/key ] && exec sleep 600"],
                "volumeMounts": [{"name": "map", "mountPath": "/map"}],
            },
            spec={"volumes": [{"name": "map", "configMap": {"name": "map"}}]},
        ),
        workload("StatefulSet", "safe", space.cluster.web, replicas=1),
    )
    pods = members(space, "frail", 2)
    (other,) = members(space, "safe", 1)
    _enter(space, *pods, other)
    space.kubectl("patch", "configmap", "map", "--type=merge", "-p", '{"data": {"key": null}}')
    before = objects(space)

    args = cleanup_args(space, "recycled", concurrency=1, min_available=0)
    failed = play.task("debug_cleanup", args, ok=False)

    assert "The cleanup failed in part" in failed.msg
    assert re.search(r"the new pod frail-\S+ (crashes|cannot start)", failed.msg), failed.msg
    shown = {each["name"]: each for each in failed["findings"]}
    assert [shown[pod]["status"] for pod in (*pods, other)] == ["failed", "left", "left"]
    assert failed["changed"] is True
    for pod in (pods[1], other):
        assert shown[pod]["note"].startswith("Not begun: ReplicaSet/frail-")
    (warning,) = failed["warnings"]
    assert warning.startswith("2 of what was decided was left undone")
    now = objects(space)
    assert [now.get(pod) == before[pod] for pod in (*pods, other)] == [False, True, True]
