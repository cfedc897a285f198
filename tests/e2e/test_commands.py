# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands in debuggers: streams, bounds and text that is not meant well."""

from __future__ import annotations

import base64

import pytest
from e2ekit.cluster import Space
from e2ekit.playbooks import Playbooks

__all__: list[str] = []

_ESCAPE, _BELL = "\x1b", "\x07"
_RAW, _END = "{% raw %}", "{% endraw %}"
# The kubelet would replace references to variables, and a shell much else.
_WORDS = [
    "a b", "it's", '"quoted"', "$(id)", "$HOME", "$$", "$(KUBEDEBUG_LIFETIME)", "$$(PATH)", "`id`",
    "*", "a\nb", "", "-n", "\\", "é", "{{ 7 * 7 }}",
]  # fmt: skip


def test_streams_input_output_and_argv(space: Space, play: Playbooks) -> None:
    space.web()

    run = play.play("command")

    encoded = run.task("All bytes").pod["stdout_base64"]
    assert base64.b64decode(encoded) == bytes(range(256))
    assert "5000000 bytes of output were more than max_output" in run.text


def test_a_command_that_does_not_end_is_killed_in_the_pod(space: Space, play: Playbooks) -> None:
    space.web()

    play.play("timeout")


def test_hostile_output_stays_data(space: Space, play: Playbooks) -> None:
    space.web()

    run = play.play("hostile", ok=False)

    assert run.task("Fail with it").status == "failed"
    assert "ended with exit code 1" in run.task("Fail with it").msg
    assert _ESCAPE not in run.output
    assert _BELL not in run.output
    assert "1337" not in run.output


def test_the_argv_of_a_debugger_arrives_literally(space: Space, play: Playbooks) -> None:
    space.web()

    debugger = play.task(
        "ephemeral_container",
        {
            "namespace": space.name,
            "name": "web",
            "image": space.cluster.toolbox,
            "command": ["printf", "<%s>", *(f"{_RAW}{word}{_END}" for word in _WORDS)],
            "wait_for": "finished",
        },
    ).pod["debugger"]

    assert space.kubectl("logs", "web", "-c", debugger) == f"<{'><'.join(_WORDS)}>"


@pytest.mark.parametrize("lifetime", [0, 600])
def test_a_command_that_the_image_does_not_have(
    space: Space, play: Playbooks, lifetime: int
) -> None:
    space.web()
    common = {"namespace": space.name, "name": "web", "image": space.cluster.toolbox}

    failed = play.task(
        "ephemeral_container",
        {
            **common,
            "command": ["no-such-tool", "x"],
            "wait_for": "finished",
            "lifetime": lifetime,
            "wait_timeout": 600,
        },
        ok=False,
    )

    assert f"{space.name}/web" in failed.msg
    assert "no-such-tool" in failed.msg
    assert "not found" in failed.msg
    if lifetime:
        failed = play.task("ephemeral_command", {**common, "argv": ["no-such-tool", "x"]}, ok=False)
        assert "no-such-tool ended with exit code 127" in failed.msg
        assert "Choose another image, or give the full path" in failed.msg
