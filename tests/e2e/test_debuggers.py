# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debuggers: opened, used again, renewed, ended."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.playbooks import Playbooks

__all__: list[str] = []


@pytest.mark.parametrize("target_container", [True, False])
def test_a_session_on_a_pod_without_a_shell(
    space: Space, play: Playbooks, target_container: bool
) -> None:
    space.web()

    play.play("session", kd_target_container=target_container)

    (entry,) = space.entries("web")
    assert entry.get("targetContainerName") == ("web" if target_container else None)


@pytest.mark.parametrize("shell", ["interpreter", "async"])
def test_a_session_by_the_module_shell(
    space: Space, new_play: NewPlay, tmp_path: Path, shell: str
) -> None:
    """The same task where it can't run in the controller's process."""
    space.web()
    play = new_play(space)
    # The same interpreter by another path counts as another one.
    other = tmp_path / "bin" / "python3"
    other.parent.mkdir()
    other.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n', encoding="utf-8")
    other.chmod(0o755)
    keywords = (
        {"vars": {"ansible_python_interpreter": str(other)}}
        if shell == "interpreter"
        else {"async": 60, "poll": 1}
    )

    answer = play.task(
        "ephemeral_command",
        {
            "namespace": space.name,
            "name": "web",
            "image": space.cluster.toolbox,
            "argv": ["wget", "-qO-", "http://localhost:80"],
        },
        **keywords,
    )

    assert answer["changed"] is True
    assert answer.pod["action"] == "created"
    assert "OK - GET: Request completed" in answer.pod["stdout"]


def test_check_real_again_check(space: Space, play: Playbooks) -> None:
    space.web()

    run = play.play("idempotence", "--diff")

    assert len(space.entries("web")) == 2
    assert "shown-by-nobody" not in run.output


def test_a_debugger_that_ended_is_renewed(space: Space, play: Playbooks) -> None:
    space.web()

    play.play("renewed")

    assert len(space.entries("web")) == 4


def test_a_debugger_ends_by_itself(space: Space, play: Playbooks) -> None:
    space.web()
    container = space.web_status("web")

    run = play.play("lifetime")

    for task, exit_code in (
        ("In the process namespace of the application", 0),
        ("In a process namespace of its own", 0),
        ("With a command that would run longer", 124),
    ):
        ended = space.wait_finished("web", run.task(task).pod["debugger"], timeout=30)
        assert ended["exitCode"] == exit_code, task
    assert space.web_status("web") == container


def test_a_session_is_found_joined_and_extended(space: Space, play: Playbooks) -> None:
    space.web()
    container = space.web_status("web")

    run = play.play("extended")

    extended, other = (
        each["pods"][0]["debugger"]
        for each in run.task("Open two debuggers that end soon")["results"]
    )
    # Both would have ended at the same time.
    assert space.wait_finished("web", other)["exitCode"] == 0
    where = {"namespace": space.name, "name": "web"}
    joined = ["kubectl", "exec", "-n", space.name, "web", "-c", extended, "--", "id", "-u"]
    assert space.cluster.kubectl(*joined[1:]).strip() == "0"
    stopped = play.task("ephemeral_container", {**where, "state": "stopped", "debugger": extended})
    assert stopped.pod["action"] == "stopped"
    assert space.web_status("web") == container


@pytest.mark.parametrize("target_container", [True, False])
def test_stopping_ends_the_debugger_and_never_the_application(
    space: Space, play: Playbooks, target_container: bool
) -> None:
    space.web()
    container = space.web_status("web")
    space.kubectl_debug("web", "by-kubectl", "sleep", "600", options=["--target=web"])
    space.wait_running("web")

    play.play("stopped", kd_target_container=target_container, kd_foreign="by-kubectl")

    assert space.web_status("web") == container


def test_two_controllers_share_one_debugger(space: Space, play: Playbooks) -> None:
    space.web()

    started = [play.start("debugger") for _controller in range(2)]
    runs = [each.wait() for each in started]

    assert [run.rc for run in runs] == [0, 0], [run.output for run in runs]
    (entry,) = space.entries("web")
    pods = [run.task("Have a debugger").pod for run in runs]
    assert [pod["debugger"] for pod in pods] == [entry["name"]] * 2
    assert [pod["entry"]["state"] for pod in pods] == ["running"] * 2
    assert "created" in [pod["action"] for pod in pods]


def test_what_is_in_several_namespaces(
    space: Space, new_space: NewSpace, play: Playbooks, everywhere: None
) -> None:
    other = new_space()
    for each in (space, other):
        each.web()
    space.web("bare")
    space.kubectl_debug("web", "by-kubectl", "sh", "-c", "exit 7")
    space.wait_finished("web", "by-kubectl")

    play.play("info", kd_namespaces=[space.name, other.name], kd_foreign="by-kubectl")
