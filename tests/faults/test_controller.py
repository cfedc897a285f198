# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller dies in the middle: what it has begun ends by itself."""

from __future__ import annotations

import pytest
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay
from e2ekit.playbooks import Playbooks

__all__: list[str] = []


@pytest.fixture
def play(new_play: NewPlay, space: Space) -> Playbooks:
    """These need no proxy: killing the controller is fault enough."""
    return new_play(space)


def test_a_debugger_ends_without_its_controller(space: Space, play: Playbooks) -> None:
    space.web()
    path = play.write(
        [
            {
                "name": "Wait for the end of what takes long",
                "kubedebug.core.ephemeral_container": {
                    "namespace": space.name,
                    "name": "web",
                    "image": space.cluster.toolbox,
                    "command": ["sh", "-c", "sleep 600 & sleep 601"],
                    "wait_for": "finished",
                    "wait_timeout": 600,
                    "lifetime": 8,
                },
            }
        ]
    )

    started = play.start(path)
    space.wait_running("web")
    started.kill()

    (entry,) = space.entries("web")
    ended = space.wait_finished("web", entry["name"], timeout=30)
    assert ended["exitCode"] == 124


def test_a_command_ends_without_its_controller(space: Space, play: Playbooks) -> None:
    space.web()
    path = play.write(
        [
            {
                "name": "Run what takes long",
                "kubedebug.core.ephemeral_command": {
                    "namespace": space.name,
                    "name": "web",
                    "image": space.cluster.toolbox,
                    "argv": ["sh", "-c", "touch /tmp/begun; sleep 47110; touch /tmp/ended"],
                    "timeout": 5,
                },
            }
        ]
    )

    started = play.start(path)
    space.wait_running("web")
    (entry,) = space.entries("web")
    _in(space, entry["name"], "until [ -e /tmp/begun ]; do sleep 0.1; done")
    started.kill()

    # The pattern must not find the very command that looks for it.
    running = "grep -q 'sleep.4711[0]' /proc/[0-9]*/cmdline"
    _in(space, entry["name"], f"while {running}; do sleep 0.1; done")
    _in(space, entry["name"], "! [ -e /tmp/ended ]")
    assert "running" in space.states("web")[entry["name"]]


def _in(space: Space, container: str, script: str) -> None:
    space.kubectl("exec", "web", "-c", container, "--", "sh", "-c", script, timeout=30)
