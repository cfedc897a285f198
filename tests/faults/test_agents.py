# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Agents that cannot start, end early, or lose their target: told at once, and nothing stays."""

from __future__ import annotations

from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.playbooks import Playbooks

__all__: list[str] = []

# Far above the bound of a run: a wait in vain fails the test.
_FOREVER = 600


@pytest.fixture
def space(new_space: NewSpace) -> Space:
    """A namespace with the documented RBAC of agents and debuggers, and a pod."""
    space = new_space(rules=[*manifests.DEBUG_RULES, *manifests.AGENT_RULES])
    space.web()
    return space


@pytest.fixture
def play(new_play: NewPlay, space: Space) -> Playbooks:
    """These need no proxy: the cluster itself gives the faults."""
    return new_play(space)


def _args(space: Space, **args: Any) -> dict[str, Any]:
    common = {
        "namespace": space.name,
        "name": "web",
        "image": space.cluster.toolbox,
        "wait_timeout": _FOREVER,
    }
    return {**common, **args}


def _no_jobs(space: Space) -> None:
    space.kubectl("wait", "--for=delete", "job", "--all", "--timeout=60s", check=False)
    assert space.kubectl("get", "jobs", "-o", "name") == ""


def test_an_image_that_is_missing(space: Space, play: Playbooks) -> None:
    image = {"image": "localhost/kubedebug/none:1", "image_pull_policy": "Never"}

    failed = play.task("agent_job", _args(space, **image), ok=False)

    for text in ("ErrImageNeverPull", "localhost/kubedebug/none:1", "load the image", "deleted"):
        assert text in failed.msg
    assert failed["changed"] is False
    _no_jobs(space)


@pytest.mark.parametrize("mode", ["job", "ephemeral"])
def test_an_agent_that_ends_early(space: Space, play: Playbooks, mode: str) -> None:
    command = {"mode": mode, "command": ["sh", "-c", "echo the reason; exit 3"]}

    failed = play.task("agent_job", _args(space, **command), ok=False)

    assert "exit code 3" in failed.msg
    assert "the reason" in failed.msg
    assert failed.pod["action"] == "failed"


def test_an_agent_that_ends_before_it_is_ready(space: Space, play: Playbooks) -> None:
    command = {"command": ["sh", "-c", "echo nearly; sleep 2; exit 0"], "ready_log": "^ready$"}

    failed = play.task("agent_job", _args(space, **command), ok=False)

    assert "exit code 0" in failed.msg
    assert "nearly" in failed.msg


@pytest.mark.parametrize("started", [True, False])
def test_a_target_that_is_deleted_while_its_agent_starts(
    space: Space, play: Playbooks, started: bool
) -> None:
    args = _args(space, command=["sleep", "600"], ready_log="^never$")
    if not started:
        first = {
            "name": "first",
            "image": space.cluster.toolbox,
            "command": ["sleep", "600"],
        }
        args["overrides"] = {"spec": {"template": {"spec": {"initContainers": [first]}}}}
    run = play.start(play.write([{"name": "Task", "kubedebug.core.agent_job": args}]))
    chosen = "kubedebug.core/role=agent"
    space.kubectl("wait", "--for=create", "pod", "-l", chosen, "--timeout=60s")
    if started:
        space.kubectl("wait", "--for=condition=Ready", "pod", "-l", chosen, "--timeout=60s")

    space.kubectl("delete", "pod", "web", "--wait=false")

    failed = run.wait()
    assert failed.rc != 0
    task = failed.task("Task")
    assert f"{space.name}/web: agent " in task.msg
    assert "deleted" in task.msg or "ended early" in task.msg or "gone" in task.msg
    assert "Traceback" not in failed.output
    _no_jobs(space)
