# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of the collection really make is found and removed; kubectl's is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.leftovers import cleanup_args, objects, settled, told

__all__: list[str] = []

_SLEEP = ["sleep", "600"]


@pytest.fixture
def space(new_space: NewSpace) -> Space:
    """A namespace whose service account has the capability ``cleanup`` and nothing else."""
    return new_space(rules=manifests.CLEANUP_RULES)


def _make(space: Space, node: str, *, lifetime: int, owner: str) -> list[dict[str, Any]]:
    """One of each kind, by the modules; their results are registered by the names of the tasks."""
    common = {
        "namespace": space.name,
        "image": space.cluster.toolbox,
        "lifetime": lifetime,
        "owner": owner,
        "reason": "Requests hang",
        # One that ends so soon is perhaps over before anybody has seen it run.
        "wait": False,
    }
    copied = {"name": "web", "command": _SLEEP}
    agent = {"name": "web", "ttl": 600, "mode": "job"}
    kinds: dict[str, dict[str, Any]] = {
        "pod_copy": {**common, **copied},
        "node_debugger": {**common, "node": [node], "command": _SLEEP},
        "agent_job": {**common, **agent},
        "ephemeral_container": {**common, "name": "web", "target_container": True},
    }
    return [
        {"name": f"{owner} {kind}", f"kubedebug.core.{kind}": args} for kind, args in kinds.items()
    ]


def _by_kubectl(space: Space, node: str) -> str:
    """One of each kind that kubectl debug has; returns the name of its node debugger."""
    image = f"--image={space.cluster.toolbox}"
    space.kubectl("debug", "web", "--copy-to=theirs", image, "-c", "debugger", "--", *_SLEEP)
    space.kubectl("debug", f"node/{node}", image, "--profile=general", "--", *_SLEEP)
    space.kubectl_debug("web", "debugger-bcdfg", *_SLEEP, options=["--target=web"])
    (pod,) = [name for name in objects(space) if name.startswith(f"node-debugger-{node}-")]
    settled(space, "web", "debugger-bcdfg", state="running")
    space.wait(f"pod/{pod}", "condition=Ready")
    return pod


def test_what_the_modules_made_and_what_kubectl_made(space: Space, new_play: NewPlay) -> None:
    space.web()
    application = space.web_status("web")
    node = space.pod("web")["spec"]["nodeName"]
    theirs = _by_kubectl(space, node)
    maker = new_play(space, K8S_AUTH_KUBECONFIG=str(space.cluster.kubeconfig))
    tasks = [
        *_make(space, node, lifetime=10, owner="alice"),
        *_make(space, node, lifetime=3600, owner="bob"),
    ]
    made = maker.play(maker.write(tasks), timeout=240)

    def named(owner: str) -> dict[str, str]:
        copied, debugger, agent, entry = (
            made.task(f"{owner} {kind}")
            for kind in ("pod_copy", "node_debugger", "agent_job", "ephemeral_container")
        )
        return {
            "copy": copied.pod["name"],
            "node": debugger.result["pods"][0]["name"],
            "agent": agent.pod["agent"],
            "entry": entry.pod["debugger"],
        }

    over, live = named("alice"), named("bob")
    for key in ("copy", "node"):
        space.wait(f"pod/{over[key]}", "jsonpath={.status.phase}=Failed")
        space.wait(f"pod/{live[key]}", "condition=Ready")
    space.wait(f"job/{over['agent']}", "condition=Complete")
    space.wait_finished("web", over["entry"])
    settled(space, "web", live["entry"], state="running")

    play = new_play(space)
    args = cleanup_args(space, "recycled")
    task = {"name": "Check", "kubedebug.core.debug_cleanup": args, "check_mode": True}
    old = {**args, "ownership": "any", "min_age": 1}
    run = play.play(
        play.write(
            [
                task,
                {**task, "name": "Own", "check_mode": False},
                {**task, "name": "Again", "check_mode": False},
                {"name": "Any", "kubedebug.core.debug_cleanup": old},
            ]
        ),
        timeout=240,
    )
    check, own, again, everything = (run.task(name) for name in ("Check", "Own", "Again", "Any"))

    removed = {
        (over["copy"], None): ("delete", "finished", "done"),
        (over["node"], None): ("delete", "finished", "done"),
        (over["agent"], None): ("delete", "finished", "done"),
    }
    used = {
        (live["copy"], None): ("none", "in_use", "kept"),
        (live["node"], None): ("none", "in_use", "kept"),
        (live["agent"], None): ("none", "in_use", "kept"),
        ("web", live["entry"]): ("none", "in_use", "kept"),
        ("web", over["entry"]): ("none", "bare_pod", "kept"),
    }
    foreign = {
        (theirs, None): ("none", "not_ours", "kept"),
        ("web", "debugger-bcdfg"): ("none", "not_ours", "kept"),
    }
    assert told(own) == removed | used | foreign
    assert told(check) == told(own) | {
        key: (*value[:2], "planned") for key, value in removed.items()
    }
    assert (again["changed"], told(again)) == (False, used | foreign)
    assert told(everything) == used | {
        (theirs, None): ("delete", "old", "done"),
        ("web", "debugger-bcdfg"): ("stop", "old", "done"),
    }
    owners = {(each["name"], each["container"]): each["owner"] for each in own["findings"]}
    assert {owners[key] for key in removed} == {"alice"}
    assert {owners[key] for key in foreign} == {None}
    kept = {live["copy"], live["node"], live["agent"], "theirs", "web"}
    left = objects(space)
    assert {name for name in left if not name.startswith(f"{live['agent']}-")} == kept
    assert "running" in space.states("web")[live["entry"]]
    assert space.web_status("web") == application
