# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cleanup removes, what it leaves alone, and that nobody's application notices."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.leftovers import (
    agent_job,
    budget,
    entry,
    own_pod,
    plant,
    settled,
    watched,
    workload,
)
from e2ekit.playbooks import Playbooks, TaskResult

__all__: list[str] = []

_OURS = {"app.kubernetes.io/managed-by": "kubedebug.core"}
_SECRET = "open sesame"


@pytest.fixture
def space(new_space: NewSpace) -> Space:
    """A namespace whose service account has the capability ``cleanup`` and nothing else."""
    return new_space(rules=manifests.CLEANUP_RULES)


def _args(space: Space, state: str, **more: Any) -> dict[str, Any]:
    return {
        "namespaces": [space.name],
        "state": state,
        "grace_period": 1,
        "wait_timeout": 60,
        "rate": 100,
        **more,
    }


def _task(name: str, args: dict[str, Any], **keywords: Any) -> dict[str, Any]:
    return {"name": name, "kubedebug.core.debug_cleanup": args, **keywords}


def _members(space: Space, app: str, count: int) -> list[str]:
    """The names of a workload's pods, once all of them are ready."""
    kind = space.kubectl("get", "deployment,statefulset", "-o", "name").split()
    (found,) = [each for each in kind if each.endswith(f"/{app}")]
    space.kubectl("rollout", "status", found, "--timeout=60s", timeout=70)
    names = [
        pod["metadata"]["name"]
        for pod in space.cluster.get("pods", "-n", space.name, "-l", f"app={app}")["items"]
        if not pod["metadata"].get("deletionTimestamp")
    ]
    assert len(names) == count, names
    return sorted(names)


def _told(task: TaskResult) -> dict[tuple[str, str | None], tuple[str, str, str]]:
    return {
        (each["name"], each["container"]): (each["action"], each["code"], each["status"])
        for each in task["findings"]
    }


def _finished(space: Space, name: str, *, owner: str | None = "alice") -> dict[str, Any]:
    secret = [{"name": "PASSWORD", "value": _SECRET}]
    command = ("sh", "-c", "echo last words; exit 3")
    return entry(name, space.cluster.toolbox, *command, owner=owner, env=secret)


def _running(space: Space, name: str, **keywords: Any) -> dict[str, Any]:
    # Beside the application's first process; the first one of all takes no signal from inside.
    return entry(name, space.cluster.toolbox, "sleep", "600", target="web", **keywords)


def test_a_mess_half_of_which_is_not_ours(space: Space, play: Playbooks, tmp_path: Path) -> None:
    image, metrics = space.cluster.toolbox, tmp_path / "kubedebug.prom"
    space.create(
        workload("Deployment", "shop", space.cluster.web, replicas=2),
        agent_job("ours", image, labels={**_OURS, "kubedebug.core/role": "agent"}),
        agent_job("mirrord-agent-abc", image, labels={"app": "mirrord"}),
        own_pod("node-debugger-n-abcde", image, role="node-debugger", labels=_OURS),
        own_pod("copied", image, role="pod-copy", labels=_OURS),
        own_pod("node-debugger-n-bcdfg", image, role=None, labels={}),
        own_pod("stranger", image, role=None, labels=_OURS),
    )
    space.web("bare")
    application = space.web_status("bare")
    first, second = _members(space, "shop", 2)
    plant(space, first, _finished(space, "done"), _finished(space, "theirs", owner=None))
    plant(space, second, _finished(space, "theirs", owner=None))
    plant(
        space,
        "bare",
        _running(space, "overdue"),
        _running(space, "busy", over=False),
        _running(space, "debugger-bcdfg", owner=None),
    )
    settled(space, first, "done", "theirs", state="terminated")
    settled(space, second, "theirs", state="terminated")
    settled(space, "bare", "overdue", "busy", "debugger-bcdfg", state="running")
    for pod in ("node-debugger-n-abcde", "copied", "node-debugger-n-bcdfg"):
        space.wait(f"pod/{pod}", "condition=Ready")

    args = _args(space, "recycled", evidence_dir=str(tmp_path / "kept"), metrics_file=str(metrics))
    before = _state_of(space)
    run = play.play(
        play.write(
            [
                _task("Report", {**args, "state": "reported"}),
                _task("Check", args, check_mode=True, diff=True),
                _task("Real", args, diff=True),
                _task("Again", args),
            ]
        )
    )
    report, check, real, again = (run.task(each) for each in ("Report", "Check", "Real", "Again"))

    acted = {
        (first, "done"): ("recycle", "finished", "done"),
        ("bare", "overdue"): ("stop", "expired", "done"),
        ("ours", None): ("delete", "expired", "done"),
        ("node-debugger-n-abcde", None): ("delete", "expired", "done"),
        ("copied", None): ("delete", "expired", "done"),
    }
    kept = {
        (first, "theirs"): ("none", "not_ours", "kept"),
        (second, "theirs"): ("none", "not_ours", "kept"),
        ("bare", "busy"): ("none", "in_use", "kept"),
        ("bare", "debugger-bcdfg"): ("none", "not_ours", "kept"),
        ("mirrord-agent-abc", None): ("none", "not_ours", "kept"),
        ("node-debugger-n-bcdfg", None): ("none", "not_ours", "kept"),
    }
    assert _told(real) == acted | kept
    assert _told(check) == {
        key: (action, code, "planned" if status == "done" else status)
        for key, (action, code, status) in (acted | kept).items()
    }
    assert check["diff"] == real["diff"]
    possible = {(each["name"], each["container"]): each["possible"] for each in report["findings"]}
    assert possible == {key: action for key, (action, _code, _status) in (acted | kept).items()}
    assert (report["changed"], check["changed"], real["changed"]) == (False, True, True)
    assert again["changed"] is False
    assert {each["status"] for each in again["findings"]} == {"kept"}
    assert _told(again)["bare", "overdue"] == ("none", "bare_pod", "kept")
    _check_what_is_there(space, before, first)
    assert space.web_status("bare") == application
    _check_evidence(tmp_path / "kept", space, first)
    _check_metrics(metrics)


def _state_of(space: Space) -> dict[str, str]:
    """UIDs of the pods and Jobs by their names, but for those that are about to go."""
    found = [each["metadata"] for each in space.cluster.get("pods,jobs", "-n", space.name)["items"]]
    return {each["name"]: each["uid"] for each in found if "deletionTimestamp" not in each}


def _check_what_is_there(space: Space, before: dict[str, str], replaced: str) -> None:
    now = _state_of(space)
    gone = {name for name, uid in before.items() if now.get(name) != uid}
    assert {name for name in gone if not name.startswith("ours-")} == {
        *(replaced, "ours", "node-debugger-n-abcde", "copied"),
    }
    states = space.states("bare")
    assert {name for name, state in states.items() if "running" in state} == {
        *("busy", "debugger-bcdfg"),
    }
    assert len(_members(space, "shop", 2)) == 2


def _check_evidence(folder: Path, space: Space, pod: str) -> None:
    (place,) = (folder / space.name).glob(f"{pod}-*")
    log = (place / f"{pod}.done.log").read_text(encoding="utf-8")
    assert log == "last words\n"
    text = (place / "evidence.json").read_text(encoding="utf-8")
    document = json.loads(text)
    assert [each["exit_code"] for each in document["removed"]] == [3]
    assert "KUBEDEBUG_OWNER" in text
    assert _SECRET not in text
    names = {path.parent.name.rpartition("-")[0] for path in folder.glob("*/*/evidence.json")}
    assert names == {pod, "ours", "node-debugger-n-abcde", "copied"}


def _check_metrics(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert (
        'kubedebug_leftovers{kind="ephemeral_container",state="running",owner="alice"} 1' in lines
    )
    assert "kubedebug_leftovers_overdue 0" in lines
    assert "kubedebug_cleanup_failed 0" in lines
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in path.parent.glob(".*")] == []


def test_what_is_not_ours_when_the_task_says_so(space: Space, play: Playbooks) -> None:
    space.web("bare")
    plant(
        space,
        "bare",
        _running(space, "debugger-bcdfg", owner=None),
        _running(space, "debugger-cdfgh", owner=None),
    )
    settled(space, "bare", "debugger-bcdfg", "debugger-cdfgh", state="running")
    args = _args(space, "stopped", in_use="stop")

    chosen = "tool == 'kubectl debug' && container == 'debugger-bcdfg'"
    run = play.play(
        play.write(
            [
                _task("Own", args),
                _task("Busy", {**args, "ownership": "any", "in_use": "keep"}),
                _task("Named", {**args, "where": chosen}),
            ]
        )
    )
    own, busy, named = (run.task(each) for each in ("Own", "Busy", "Named"))

    assert {each["code"] for each in own["findings"]} == {"not_ours"}
    assert {each["code"] for each in busy["findings"]} == {"in_use"}
    assert (own["changed"], busy["changed"], named["changed"]) == (False, False, True)
    states = space.states("bare")
    assert "terminated" in states["debugger-bcdfg"]
    assert "running" in states["debugger-cdfgh"]


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
        _members(space, "db", 2),
        _members(space, "firm", 2),
        _members(space, "lone", 1),
    )
    entered = [*databases, firm[0], lone[0]]
    for pod in entered:
        plant(space, pod, _finished(space, "done"))
    for pod in entered:
        settled(space, pod, "done", state="terminated")
    before = _state_of(space)
    path = play.write([{"name": "Task", "kubedebug.core.debug_cleanup": _args(space, "recycled")}])

    with watched(space, "db", whole=2) as readiness:
        both = [play.start(path), play.start(path)]
        runs = [each.wait() for each in both]

    assert [run.rc for run in runs] == [0, 0], [run.failure for run in runs]
    told = [_told(run.task("Task")) for run in runs]
    # A cleanup that begins when the other is at work finds the workload busy, and leaves it alone.
    done = [
        sum(each.get((pod, "done"), ("", "", ""))[2] == "done" for each in told)
        for pod in databases
    ]
    assert done == [1, 1], told
    assert readiness.fewest == 1
    assert len(readiness.seen) == 4, "each of the two pods was replaced, and once"
    now = _state_of(space)
    assert [now[pod] == before[pod] for pod in entered] == [False, False, True, True]
    assert told[0][firm[0], "done"] == ("none", "pdb_blocks", "kept")
    assert told[0][lone[0], "done"] == ("none", "too_few", "kept")
    assert all(space.entries(pod) == [] for pod in databases)


def test_a_restart_of_the_rollout(space: Space, play: Playbooks) -> None:
    space.create(workload("Deployment", "lone", space.cluster.web, replicas=1))
    (pod,) = _members(space, "lone", 1)
    plant(space, pod, _finished(space, "done"))
    settled(space, pod, "done", state="terminated")

    with watched(space, "lone", whole=1) as readiness:
        play.task("debug_cleanup", _args(space, "recycled", recycle_by="rollout"))

    assert readiness.fewest == 1
    (new,) = _members(space, "lone", 1)
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
    )
    pods = _members(space, "frail", 2)
    for pod in pods:
        plant(space, pod, _finished(space, "done"))
    for pod in pods:
        settled(space, pod, "done", state="terminated")
    space.kubectl("patch", "configmap", "map", "--type=merge", "-p", '{"data": {"key": null}}')
    before = _state_of(space)

    failed = play.task("debug_cleanup", _args(space, "recycled"), ok=False)

    assert "The cleanup failed in part" in failed.msg
    assert re.search(r"the new pod frail-\S+ (crashes|cannot start)", failed.msg), failed.msg
    assert [_told(failed)[pod, "done"][2] for pod in pods] == ["failed", "left"]
    assert failed["changed"] is True
    now = _state_of(space)
    assert [now.get(pod) == before[pod] for pod in pods] == [False, True]


def test_what_a_report_needs_and_what_the_rest_is_refused(
    new_space: NewSpace, new_play: NewPlay
) -> None:
    space = new_space(
        rules=[
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
            {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list"]},
        ]
    )
    play = new_play(space)
    space.create(workload("Deployment", "shop", space.cluster.web, replicas=2))
    pod = _members(space, "shop", 2)[0]
    plant(space, pod, _finished(space, "done"))
    settled(space, pod, "done", state="terminated")

    survey = [
        f"cleanup_namespaces={space.name}",
        "cleanup_min_age=",
        "cleanup_where=",
        "cleanup_kinds=",
    ]
    report = play.play(
        "kubedebug.core.cleanup", *[word for each in survey for word in ("-e", each)]
    )
    refused = play.task("debug_cleanup", _args(space, "recycled"), ok=False)
    many = play.play(
        "kubedebug.core.cleanup", "-e", survey[0], "-e", "cleanup_min_age=a day", ok=False
    )

    told = report.task("Look, decide and do what was decided")
    assert [each["possible"] for each in told["findings"]] == ["recycle"]
    assert "was not looked at" in report.text
    assert "RBAC does not allow this" in refused.msg
    assert '"replicasets"' in refused.msg
    assert "min_age" in many.text
    assert space.entries(pod) != []


def test_a_bound_on_an_accident_and_bad_input(space: Space, play: Playbooks) -> None:
    space.web("bare")
    plant(space, "bare", _running(space, "one"), _running(space, "two"))
    settled(space, "bare", "one", "two", state="running")

    tasks = {
        "Bound": _args(space, "stopped", max_actions=1),
        "Nowhere": _args(space, "reported", namespaces=["kd-there-is-none"]),
        "Metrics": _args(space, "reported", metrics_file="/tmp/x"),
    }
    run = play.play(
        play.write([_task(name, args, ignore_errors=True) for name, args in tasks.items()])
    )
    bound, nowhere, metrics = (run.task(each) for each in tasks)

    assert "more than max_actions=1" in bound.msg
    assert all("running" in state for state in space.states("bare").values())
    assert "kd-there-is-none" in nowhere.msg
    assert "end in .prom" in metrics.msg
