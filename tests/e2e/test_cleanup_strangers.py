# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attempts to have a cleanup remove what is not the collection's, is in use, or goes by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import ACCOUNT, Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.leftovers import (
    OURS,
    OVER,
    agent_job,
    cleanup_args,
    entry,
    objects,
    own_pod,
    plant,
    told,
)
from e2ekit.playbooks import Playbooks

__all__: list[str] = []

_AGENT = {**OURS, "kubedebug.core/role": "agent"}
_HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eeciva\n" + "x" * 2000
_TEMPLATE = "{{ 1000 + 24 }}"
_NOWHERE = {"schedulerName": "none"}
_DAYS = 20
# A clock that is wrong by so many days, for whatever Python code asks it.
_WRONG_CLOCK = f"""
import time
right = time.time
time.time = lambda: right() + {_DAYS} * 86400
"""


@pytest.fixture
def space(new_space: NewSpace) -> Space:
    """A namespace whose service account has the capability ``cleanup`` and nothing else."""
    return new_space(rules=manifests.CLEANUP_RULES)


def _made(space: Space, name: str, **spec: Any) -> dict[str, Any]:
    """A copy of ours that is overdue."""
    pod = own_pod(name, space.cluster.toolbox, role="pod-copy", labels=OURS)
    pod["spec"] |= spec
    return pod


def _owned(item: dict[str, Any], owner: dict[str, Any], **more: Any) -> dict[str, Any]:
    metadata = owner["metadata"]
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": metadata["name"],
        "uid": metadata["uid"],
        **more,
    }
    item["metadata"]["ownerReferences"] = [reference]
    return item


def test_what_wears_the_marks_of_the_collection(space: Space, play: Playbooks) -> None:
    """A copy that kubectl made of ours, the Jobs and pods of a controller, and hostile text."""
    image = space.cluster.toolbox
    space.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "controller"}},
        _made(space, "ours"),
    )
    space.wait("pod/ours", "condition=Ready")
    space.kubectl("debug", "ours", "--copy-to=theirs", "--keep-labels", "--set-image=*=" + image)
    controller = space.cluster.get("configmap", "controller", "-n", space.name)
    inherited = _made(space, "inherited", **_NOWHERE)
    del inherited["metadata"]["annotations"]["kubedebug.core/identity"]
    hostile = _made(space, "hostile", **_NOWHERE)
    hostile["metadata"]["annotations"] |= {
        f"kubedebug.core/{key}": _HOSTILE for key in ("owner", "reason", "ticket")
    }
    hostile["metadata"]["annotations"]["kubedebug.core/expires-at"] = "99999-01-01T00:00:00Z"
    hostile["spec"]["containers"][0]["image"] = "evil\x1b[2J/\u202e:[*"
    space.create(
        _owned(agent_job("scheduled", image, labels=_AGENT), controller, controller=True),
        _owned(_made(space, "adopted", **_NOWHERE), controller, controller=True),
        inherited,
        hostile,
    )
    before = objects(space)
    args = cleanup_args(space, "recycled")

    images = {"images": ["evil/*", "[", "**", "*" * 100, "EVIL*"], "state": "reported"}
    run = play.play(
        play.write(
            [
                {"name": "Images", "kubedebug.core.debug_cleanup": {**args, **images}},
                {"name": "Task", "kubedebug.core.debug_cleanup": args},
            ]
        ),
        "-vv",
    )

    assert told(run.task("Task")) == {
        ("ours", None): ("delete", "expired", "done"),
        ("hostile", None): ("none", "in_use", "kept"),
    }
    assert "hostile" in {each["name"] for each in run.task("Images")["findings"]}
    for unsafe in ("\x1b", "\x9b", "\u202e", "\x07"):
        assert unsafe not in run.output
    assert "x" * 600 not in run.output
    now = objects(space)
    assert {name for name in before if now.get(name) != before[name]} == {"ours"}


def test_a_controller_with_a_wrong_clock(space: Space, play: Playbooks, tmp_path: Path) -> None:
    """The server's time counts; the controller's is twenty days ahead."""
    busy = _made(space, "busy", **_NOWHERE)
    busy["metadata"]["annotations"]["kubedebug.core/expires-at"] = "2100-01-01T00:00:00Z"
    young = _made(space, "young", **_NOWHERE)
    space.create(busy, young)
    (tmp_path / "sitecustomize.py").write_text(_WRONG_CLOCK, encoding="utf-8")
    environ = {"PYTHONPATH": str(tmp_path)}

    args = cleanup_args(space, "stopped", min_age=86400)
    kept = play.task("debug_cleanup", args, environ=environ)

    assert told(kept) == {
        ("busy", None): ("none", "in_use", "kept"),
        ("young", None): ("none", "too_young", "kept"),
    }
    assert set(objects(space)) == {"busy", "young"}


def test_what_is_on_its_way_out_is_left_to_go(space: Space, play: Playbooks) -> None:
    """Held by a finalizer, in each run alike; a Job as well as pods with a debugger in them."""
    finalizer = "kubedebug.core/test"
    job = agent_job("agent", space.cluster.toolbox, labels=_AGENT)
    job["spec"]["suspend"] = True
    copied, bare = _made(space, "copied", **_NOWHERE), manifests.pod("bare", space.cluster.web)
    bare["spec"] |= _NOWHERE
    for each in (job, copied, bare):
        each["metadata"]["finalizers"] = [finalizer]
    space.create(job, copied, bare)
    plant(space, "bare", entry("overdue", space.cluster.toolbox, "true"))
    args = cleanup_args(space, "stopped", wait_timeout=2, kinds=["pod_copy"])
    try:
        held = play.task("debug_cleanup", args, ok=False)
        space.kubectl("delete", "job/agent", "pod/bare", "--wait=false")
        task = {"kubedebug.core.debug_cleanup": cleanup_args(space, "recycled")}
        path = play.write([{"name": "Check", "check_mode": True, **task}, {"name": "Real", **task}])
        run = play.play(path)
    finally:
        for each in ("job/agent", "pod/copied", "pod/bare"):
            space.kubectl("patch", each, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')

    assert f"a finalizer holds it ({finalizer})" in held.msg
    assert held["changed"] is True
    for name in ("Check", "Real"):
        assert run.task(name)["changed"] is False
        assert told(run.task(name)) == {
            ("agent", None): ("none", "leaving", "kept"),
            ("bare", "overdue"): ("none", "leaving", "kept"),
            ("copied", None): ("none", "leaving", "kept"),
        }


def test_thousands_of_entries_in_one_pod(space: Space, play: Playbooks) -> None:
    """More than a run may stop: nothing is done, and the message stays readable."""
    bare = manifests.pod("bare", space.cluster.web)
    bare["spec"] |= _NOWHERE
    space.create(bare)
    names = [f"kubedebug-{number:04}" for number in range(1500)]
    plant(space, "bare", *(entry(name, "toolbox", "sleep", "9") for name in names))
    running = {"running": {"startedAt": OVER}}
    status = [
        {
            "name": name,
            "state": running,
            "ready": False,
            "restartCount": 0,
            "image": "toolbox",
            "imageID": "",
        }
        for name in names
    ]
    patch = {"status": {"phase": "Running", "ephemeralContainerStatuses": status}}
    path = space.kubeconfig.with_suffix(".patch")
    path.write_text(json.dumps(patch), encoding="utf-8")
    space.kubectl(
        "patch", "pod", "bare", "--subresource=status", "--type=merge", f"--patch-file={path}"
    )

    run = play.play(
        play.write(
            [
                {
                    "name": "Report",
                    "kubedebug.core.debug_cleanup": cleanup_args(space, "reported"),
                },
                {
                    "name": "Real",
                    "kubedebug.core.debug_cleanup": cleanup_args(space, "recycled"),
                    "ignore_errors": True,
                },
            ]
        )
    )

    assert run.task("Report")["counts"]["total"] == 1500
    assert {each["possible"] for each in run.task("Report")["findings"]} == {"stop"}
    assert "1500 things, more than max_actions=100" in run.task("Real").msg
    assert len(run.task("Real").msg) < 1000


@pytest.fixture
def protected(space: Space) -> Iterator[str]:
    """An overdue copy of ours in kube-system, where the account may delete pods."""
    cluster, name = space.cluster, f"copied-{space.name}"
    grant = manifests.cluster_access(
        space.name, ACCOUNT, space.name, run=cluster.run, rules=manifests.CLEANUP_RULES
    )
    pod = _made(space, name, **_NOWHERE)
    pod["metadata"]["namespace"] = "kube-system"
    pod["metadata"]["annotations"]["kubedebug.core/owner"] = _TEMPLATE
    try:
        cluster.create([*grant, pod])
        yield name
    finally:
        gone = ("--ignore-not-found", "--wait=false")
        cluster.kubectl("delete", "pod", name, "-n", "kube-system", *gone)
        cluster.kubectl("delete", "clusterrole,clusterrolebinding", space.name, *gone)


def test_a_survey_that_was_left_empty_protects_as_before(
    space: Space, play: Playbooks, protected: str
) -> None:
    empty = ("protected_namespaces", "workload_kinds", "owners", "images", "label_selectors")
    survey = [
        "cleanup_namespaces=kube-system",
        "cleanup_state=recycled",
        *(f"cleanup_{name}=" for name in empty),
    ]

    run = play.play("kubedebug.core.cleanup", *[word for each in survey for word in ("-e", each)])

    result = told(run.task("Look, decide and do what was decided"))
    assert result[protected, None] == ("none", "protected_namespace", "kept")
    assert {status for _action, _code, status in result.values()} == {"kept"}
    assert space.cluster.get("pod", protected, "-n", "kube-system")["metadata"]["name"] == protected
    told_of = f"kube-system/{protected}, waiting pod_copy of {_TEMPLATE}. namespace kube-system is"
    assert told_of in run.output


@pytest.fixture
def dead_node(space: Space) -> Iterator[str]:
    """A node whose kubelet has never said a word; nothing else may be scheduled to it."""
    name = f"zz-{space.name}"
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {
            "unschedulable": True,
            "taints": [
                {"key": "kubedebug.core/test", "effect": "NoSchedule"},
                {"key": "kubedebug.core/test", "effect": "NoExecute"},
            ],
        },
    }
    space.cluster.create([node])
    yield name
    space.kubectl("delete", "pods", "--all", "--grace-period=0", "--force")
    space.cluster.kubectl("delete", "node", name)


def test_a_node_that_does_not_answer(
    space: Space, dead_node: str, new_play: NewPlay, tmp_path: Path
) -> None:
    """What runs there cannot be stopped, what is deleted does not go: each is said, and once."""
    play = new_play(space)
    there = {"nodeName": dead_node, "tolerations": [{"operator": "Exists"}]}
    bare = manifests.pod("bare", space.cluster.web)
    bare["spec"] |= there
    space.create(_made(space, "copied", **there), bare)
    plant(space, "bare", entry("overdue", space.cluster.toolbox, "sleep", "600", target="web"))
    state = {"name": "overdue", "state": {"running": {"startedAt": OVER}}, "ready": False}
    status = {**state, "restartCount": 0, "image": "toolbox", "imageID": ""}
    for name, more in (("bare", {"ephemeralContainerStatuses": [status]}), ("copied", {})):
        patch = json.dumps({"status": {"phase": "Running", **more}})
        space.kubectl("patch", "pod", name, "--subresource=status", "--type=merge", "-p", patch)
    args = cleanup_args(space, "stopped", wait_timeout=2)

    kept = play.task("debug_cleanup", {**args, "evidence_dir": str(tmp_path)}, ok=False)
    failed = play.task("debug_cleanup", args, ok=False)
    again = play.task("debug_cleanup", args, ok=False)

    assert "its evidence could not be saved" in kept.msg
    assert told(kept)["copied", None] == ("delete", "expired", "failed")
    assert f"its node {dead_node} has not said that it ended" in failed.msg
    assert told(failed)["bare", "overdue"] == ("stop", "expired", "failed")
    assert failed["changed"] is True
    assert told(again)["copied", None] == ("none", "leaving", "kept")
    assert "running" in space.states("bare")["overdue"]
