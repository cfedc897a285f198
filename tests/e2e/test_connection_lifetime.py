# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays that take longer than the debugger that they began in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from e2ekit.cluster import Space
from e2ekit.hosts import HOSTS_PATIENCE, inventory, locally, on_pods
from e2ekit.playbooks import Playbooks

__all__: list[str] = []

# Longer than the debugger would stay, and than the connection waits beyond that.
_OUTLAST = """
until [ "$(date +%s)" -gt $((KUBEDEBUG_EXPIRES_AT + 35)) ]; do sleep 1; done
echo "outlasted in $KUBEDEBUG_LIFETIME"
"""
_LIFETIME = 60


def test_a_debugger_that_was_extended_goes_on_being_used(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    """The mark in the pod, which nothing can change, says that it is over."""
    space.web()
    listed = inventory(space, tmp_path, {"web": {}}, kubedebug_lifetime=_LIFETIME)
    where = {"namespace": space.name, "name": "web"}
    same: dict[str, Any] = {**where, "image": space.cluster.toolbox, "lifetime": _LIFETIME}
    present = {"kubedebug.core.ephemeral_container": same}
    tasks: list[dict[str, Any]] = [
        {"name": "Open", "ansible.builtin.raw": "echo mine >/tmp/mine"},
        locally(
            {
                "name": "Extend",
                "kubedebug.core.ephemeral_container": {
                    **where,
                    "state": "extended",
                    "lifetime": 600,
                },
            }
        ),
        {"name": "Outlast", "ansible.builtin.raw": _OUTLAST},
        {"name": "Go on", "ansible.builtin.raw": "cat /tmp/mine"},
        locally({"name": "Look", **present, "check_mode": True}),
        locally({"name": "Have", **present}),
        locally(
            {
                "name": "Run",
                "kubedebug.core.ephemeral_command": {**same, "argv": ["cat", "/tmp/mine"]},
            }
        ),
    ]

    run = play.play(on_pods(play, tasks), "-i", listed, timeout=HOSTS_PATIENCE)
    later = play.task("ephemeral_command", {**same, "argv": ["cat", "/tmp/mine"]})

    (entry,) = space.entries("web")
    assert run.task("Outlast")["stdout"].strip() == f"outlasted in {_LIFETIME}"
    assert run.task("Go on")["stdout"].strip() == "mine"
    for name in ("Look", "Have"):
        pod = run.task(name).pod
        assert (pod["action"], pod["changed"]) == ("reused", False), name
        assert pod["debugger"] == entry["name"]
        assert pod["entry"]["expires_at"] == run.task("Extend").pod["entry"]["expires_at"], name
    assert run.task("Run").pod["stdout"] == "mine\n"
    assert later.pod["stdout"] == "mine\n"
    assert "ends soon" not in run.text


def test_a_lifetime_that_ends_in_mid_play(space: Space, play: Playbooks, tmp_path: Path) -> None:
    """The task that ran is lost, the next one has a new debugger, and both are said."""
    space.web()
    listed = inventory(space, tmp_path, {"web": {}}, kubedebug_lifetime=_LIFETIME)
    tasks: list[dict[str, Any]] = [
        {"name": "Open", "ansible.builtin.raw": "echo mine >/tmp/mine"},
        {"name": "Outlast", "ansible.builtin.raw": _OUTLAST, "ignore_unreachable": True},
        {"name": "Go on", "ansible.builtin.raw": "test ! -e /tmp/mine"},
    ]

    run = play.play(on_pods(play, tasks), "-i", listed, timeout=HOSTS_PATIENCE)

    lost = run.task("Outlast")
    assert lost["unreachable"] is True
    assert "the debugger ended while a command ran in it: its lifetime is over" in lost.msg
    assert "raise kubedebug_lifetime" in lost.msg
    assert run.task("Go on").status == "ok"
    assert "is gone or ends soon, and the tasks go on in kubedebug-" in run.text
    states = sorted(next(iter(state)) for state in space.states("web").values())
    assert states == ["running", "terminated"]
