# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cleanup removes, what it leaves alone, and that nobody's application notices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.leftovers import (
    OURS,
    agent_job,
    cleanup_args,
    finished,
    members,
    objects,
    own_pod,
    plant,
    running,
    settled,
    told,
    workload,
)
from e2ekit.playbooks import Playbooks

__all__: list[str] = []

_SECRET = "open sesame"


@pytest.fixture
def space(new_space: NewSpace) -> Space:
    """A namespace whose service account has the capability ``cleanup`` and nothing else."""
    return new_space(rules=manifests.CLEANUP_RULES)


def _task(name: str, args: dict[str, Any], **keywords: Any) -> dict[str, Any]:
    return {"name": name, "kubedebug.core.debug_cleanup": args, **keywords}


def _finished(space: Space, name: str, **keywords: Any) -> dict[str, Any]:
    secret = [{"name": "PASSWORD", "value": _SECRET}]
    return finished(space, name, env=secret, **keywords)


def test_a_mess_half_of_which_is_not_ours(space: Space, play: Playbooks, tmp_path: Path) -> None:
    image, metrics = space.cluster.toolbox, tmp_path / "kubedebug.prom"
    space.create(
        workload("Deployment", "shop", space.cluster.web, replicas=2),
        agent_job("ours", image, labels={**OURS, "kubedebug.core/role": "agent"}),
        agent_job("mirrord-agent-abc", image, labels={"app": "mirrord"}),
        own_pod("node-debugger-n-abcde", image, role="node-debugger", labels=OURS),
        own_pod("copied", image, role="pod-copy", labels=OURS),
        own_pod("node-debugger-n-bcdfg", image, role=None, labels={}),
        own_pod("stranger", image, role=None, labels=OURS),
    )
    space.web("bare")
    application = space.web_status("bare")
    first, second = members(space, "shop", 2)
    plant(space, first, _finished(space, "done"), _finished(space, "theirs", owner=None))
    plant(space, second, _finished(space, "theirs", owner=None))
    plant(
        space,
        "bare",
        running(space, "overdue"),
        running(space, "busy", over=False),
        running(space, "debugger-bcdfg", owner=None),
    )
    settled(space, first, "done", "theirs", state="terminated")
    settled(space, second, "theirs", state="terminated")
    settled(space, "bare", "overdue", "busy", "debugger-bcdfg", state="running")
    for pod in ("node-debugger-n-abcde", "copied", "node-debugger-n-bcdfg"):
        space.wait(f"pod/{pod}", "condition=Ready")

    args = cleanup_args(
        space, "recycled", evidence_dir=str(tmp_path / "kept"), metrics_file=str(metrics)
    )
    before = objects(space)
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
    assert told(real) == acted | kept
    assert told(check) == {
        key: (action, code, "planned" if status == "done" else status)
        for key, (action, code, status) in (acted | kept).items()
    }
    assert check["diff"] == real["diff"]
    possible = {(each["name"], each["container"]): each["possible"] for each in report["findings"]}
    assert possible == {key: action for key, (action, _code, _status) in (acted | kept).items()}
    assert (report["changed"], check["changed"], real["changed"]) == (False, True, True)
    assert again["changed"] is False
    assert {each["status"] for each in again["findings"]} == {"kept"}
    assert told(again)["bare", "overdue"] == ("none", "bare_pod", "kept")
    _check_what_is_there(space, before, first)
    assert space.web_status("bare") == application
    _check_evidence(tmp_path / "kept", space, first)
    _check_metrics(metrics)


def _check_what_is_there(space: Space, before: dict[str, str], replaced: str) -> None:
    now = objects(space)
    gone = {name for name, uid in before.items() if now.get(name) != uid}
    assert {name for name in gone if not name.startswith("ours-")} == {
        *(replaced, "ours", "node-debugger-n-abcde", "copied"),
    }
    states = space.states("bare")
    assert {name for name, state in states.items() if "running" in state} == {
        *("busy", "debugger-bcdfg"),
    }
    assert len(members(space, "shop", 2)) == 2


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
        running(space, "debugger-bcdfg", owner=None),
        running(space, "debugger-cdfgh", owner=None),
    )
    settled(space, "bare", "debugger-bcdfg", "debugger-cdfgh", state="running")
    args = cleanup_args(space, "stopped", in_use="stop")

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
    pod = members(space, "shop", 2)[0]
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
    refused = play.task("debug_cleanup", cleanup_args(space, "recycled"), ok=False)
    many = play.play(
        "kubedebug.core.cleanup", "-e", survey[0], "-e", "cleanup_min_age=a day", ok=False
    )

    shown = report.task("Look, decide and do what was decided")
    assert [each["possible"] for each in shown["findings"]] == ["recycle"]
    assert "was not looked at" in report.text
    assert "RBAC does not allow this" in refused.msg
    assert '"replicasets"' in refused.msg
    assert "min_age" in many.text
    assert space.entries(pod) != []


def test_a_bound_on_an_accident_and_bad_input(space: Space, play: Playbooks) -> None:
    space.web("bare")
    plant(space, "bare", running(space, "one"), running(space, "two"))
    settled(space, "bare", "one", "two", state="running")

    tasks = {
        "Bound": cleanup_args(space, "stopped", max_actions=1),
        "Nowhere": cleanup_args(space, "reported", namespaces=["kd-there-is-none"]),
        "Metrics": cleanup_args(space, "reported", metrics_file="/tmp/x"),
    }
    run = play.play(
        play.write([_task(name, args, ignore_errors=True) for name, args in tasks.items()])
    )
    bound, nowhere, metrics = (run.task(each) for each in tasks)

    assert "more than max_actions=1" in bound.msg
    assert all("running" in state for state in space.states("bare").values())
    assert "kd-there-is-none" in nowhere.msg
    assert "end in .prom" in metrics.msg
