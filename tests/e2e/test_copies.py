# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of pods and debuggers of nodes: made, bounded, marked, removed, and refused."""

from __future__ import annotations

from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.playbooks import Playbooks

__all__: list[str] = []

_NOWHERE = {"nodeSelector": {"nope": "nope"}}
_MARKS = "kubedebug.core/"


@pytest.fixture
def space(new_space: NewSpace) -> Space:
    """A namespace whose service account may make and delete pods, and nothing else."""
    return new_space(rules=manifests.MAKE_RULES)


@pytest.fixture
def play(new_play: NewPlay, space: Space) -> Playbooks:
    return new_play(space)


def _pods(space: Space) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = space.cluster.get("pods", "-n", space.name)["items"]
    return found


def test_a_copy_is_made_used_again_and_deleted(space: Space, play: Playbooks) -> None:
    space.web(labels={"app": "web"})
    before = space.pod("web")
    copy = {
        "namespace": space.name,
        "name": "web",
        "image": space.cluster.toolbox,
        "env": {"SECRET": "shown-by-nobody"},
        "ticket": "INC-1",
        "same_node": True,
    }
    tasks = [
        {"name": "Check", "kubedebug.core.pod_copy": copy, "check_mode": True},
        {"name": "Make", "kubedebug.core.pod_copy": copy},
        {"name": "Again", "kubedebug.core.pod_copy": copy},
    ]

    run = play.play(play.write(tasks), "--diff")

    check, make, again = (run.task(name) for name in ("Check", "Make", "Again"))
    assert [each["changed"] for each in (check, make, again)] == [True, True, False]
    actions = [each.pod["action"] for each in (check, make, again)]
    assert actions == ["planned", "created", "reused"]
    assert "shown-by-nobody" not in run.output
    name = make.pod["name"]
    assert again.pod["name"] == check.pod["name"] == name
    made = space.pod(name)
    assert made["metadata"]["annotations"][f"{_MARKS}ticket"] == "INC-1"
    assert "app" not in made["metadata"]["labels"]
    assert made["spec"]["nodeName"] == before["spec"]["nodeName"]
    # The processes of the copy are seen from the toolbox.
    seen = space.kubectl("exec", name, "-c", "debugger", "--", "sh", "-c", "cat /proc/*/comm")
    assert "web" in seen.split()

    absent = {"namespace": space.name, "name": "web", "state": "absent"}
    run = play.play(
        play.write(
            [
                {"name": "Check", "kubedebug.core.pod_copy": absent, "check_mode": True},
                {"name": "Delete", "kubedebug.core.pod_copy": absent},
                {"name": "Again", "kubedebug.core.pod_copy": absent},
            ]
        )
    )

    assert run.task("Check").pod["action"] == "planned"
    assert run.task("Delete").pod["action"] == "deleted"
    assert run.task("Again")["changed"] is False
    (left,) = _pods(space)
    assert left["metadata"]["uid"] == before["metadata"]["uid"]


def test_a_copy_takes_the_place_of_its_pod(space: Space, play: Playbooks) -> None:
    space.web()
    options = {
        "namespace": space.name,
        "name": "web",
        "image": space.cluster.toolbox,
        "replace": True,
    }

    run = play.play(
        play.write(
            [
                {"name": "Replace", "kubedebug.core.pod_copy": options},
                {"name": "Again", "kubedebug.core.pod_copy": options},
            ]
        )
    )

    assert run.task("Replace").pod["action"] == "created"
    assert run.task("Again").pod["action"] == "reused"
    assert run.task("Again")["changed"] is False
    space.wait("pod/web", "delete")
    (copy,) = _pods(space)
    assert copy["metadata"]["name"] == run.task("Replace").pod["name"]


def test_a_copy_that_cannot_start_says_why_and_goes(space: Space, play: Playbooks) -> None:
    space.web()
    options = {"namespace": space.name, "name": "web", "wait_timeout": 600, "replace": True}

    failed = play.task(
        "pod_copy",
        {**options, "image": "localhost/kubedebug/none:dev", "image_pull_policy": "Never"},
        ok=False,
    )

    assert "container debugger: ErrImageNeverPull" in failed.msg
    assert "load the image onto the node" in failed.msg
    assert "The pod was deleted again." in failed.msg
    space.wait(f"pod/{failed.pod['name']}", "delete")
    (left,) = _pods(space)
    assert left["metadata"]["name"] == "web"


def test_a_pod_that_was_made_ends_by_itself(space: Space, play: Playbooks) -> None:
    space.web()

    made = play.task(
        "pod_copy",
        {"namespace": space.name, "name": "web", "image": space.cluster.toolbox, "lifetime": 10},
    )

    space.wait(f"pod/{made.pod['name']}", "jsonpath={.status.reason}=DeadlineExceeded")


def test_the_debugger_of_a_node(space: Space, play: Playbooks) -> None:
    node = space.cluster.get("nodes")["items"][0]["metadata"]["name"]
    options = {"namespace": space.name, "node": [node], "image": space.cluster.toolbox}
    tasks = [
        {"name": "Make", "kubedebug.core.node_debugger": options},
        {"name": "Again", "kubedebug.core.node_debugger": options},
    ]

    run = play.play(play.write(tasks))

    assert run.task("Make").pod["action"] == "created"
    assert run.task("Again")["changed"] is False
    name = run.task("Make").pod["name"]
    look = "test -d /host/proc && cat /proc/1/comm"
    assert space.kubectl("exec", name, "--", "sh", "-c", look).strip()

    gone = play.task("node_debugger", {**options, "state": "absent"})
    assert gone.pod["action"] == "deleted"
    assert _pods(space) == []


@pytest.mark.parametrize("module", ["pod_copy", "node_debugger"])
def test_what_pod_security_refuses(new_space: NewSpace, new_play: NewPlay, module: str) -> None:
    space = new_space(level="restricted", rules=manifests.MAKE_RULES)
    restricted = {
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    }
    space.create(manifests.pod("web", space.cluster.web, container=restricted, spec=_NOWHERE))
    what = {"name": "web"} if module == "pod_copy" else {"node": ["any"]}

    failed = new_play(space).task(
        module, {"namespace": space.name, "image": space.cluster.toolbox, **what}, ok=False
    )

    assert "Pod Security level restricted of namespace" in failed.msg
    assert "profile=general" in failed.msg
    assert [pod["metadata"]["name"] for pod in _pods(space)] == ["web"]


def test_without_the_right_to_make_pods(new_space: NewSpace, new_play: NewPlay) -> None:
    space = new_space(rules=manifests.DEBUG_RULES)
    space.create(manifests.pod("web", space.cluster.web, spec=_NOWHERE))

    failed = new_play(space).task(
        "pod_copy",
        {"namespace": space.name, "name": "web", "image": space.cluster.toolbox},
        ok=False,
    )

    assert 'verbs ["create"] on resources ["pods"]' in failed.msg
    assert "kubedebug.core.rbac" in failed.msg


_BAD: list[Any] = [
    pytest.param("pod_copy", {}, "shows nothing new", id="nothing"),
    pytest.param("pod_copy", {"command": ["a"]}, "are for a container", id="no-container"),
    pytest.param("pod_copy", {"image": "A B"}, "is not the name of an image", id="image"),
    pytest.param(
        "pod_copy",
        {"set_image": {"nope": "a"}},
        "has no container nope. It has: web",
        id="set-image",
    ),
    pytest.param(
        "pod_copy",
        {"image": "a", "command": ["a"], "args": ["a"]},
        "command and args",
        id="both",
    ),
    pytest.param("pod_copy", {"image": "a", "lifetime": 0}, "lifetime=0", id="unbounded"),
    pytest.param("pod_copy", {"image": "a", "copy_name": "B"}, "copy_name='B'", id="copy-name"),
    pytest.param(
        "pod_copy", {"image": "a", "debugger_name": "web"}, "debugger_name=web", id="taken"
    ),
    pytest.param(
        "pod_copy",
        {"image": "a", "copy_name": "web"},
        "there is a pod of that name",
        id="taken-pod",
    ),
    pytest.param(
        "pod_copy", {"image": "a", "custom": {"lifecycle": {}}}, "custom: lifecycle", id="custom"
    ),
    pytest.param(
        "pod_copy", {"image": "a", "custom": {"imagee": "b"}}, "unknown field", id="misspelt"
    ),
    pytest.param(
        "pod_copy",
        {"state": "absent", "name": None, "label_selectors": ["a=b"]},
        "state=absent needs name",
        id="absent",
    ),
    pytest.param("node_debugger", {"name": None, "node": ["No"]}, "node='No'", id="node"),
    pytest.param("node_debugger", {"name": None, "node": []}, "node is empty", id="no-node"),
    pytest.param(
        "node_debugger",
        {"name": None, "node": ["a", "b"], "max_nodes": 1},
        "more than max_nodes=1",
        id="max-nodes",
    ),
]


def test_what_is_refused(space: Space, play: Playbooks) -> None:
    """All of them in one play, since none of them changes anything."""
    space.create(manifests.pod("web", space.cluster.web, spec=_NOWHERE))
    tasks = []
    for case in _BAD:
        module, args, _text = case.values
        wanted = {"namespace": space.name, "name": "web", "wait_timeout": 600, **args}
        tasks.append(
            {
                "name": str(case.id),
                f"kubedebug.core.{module}": {k: v for k, v in wanted.items() if v is not None},
                "ignore_errors": True,
            }
        )

    run = play.play(play.write(tasks))

    for case in _BAD:
        assert str(case.values[2]) in run.task(str(case.id)).msg, case.id
    assert "Traceback" not in run.output
    assert [pod["metadata"]["name"] for pod in _pods(space)] == ["web"]
