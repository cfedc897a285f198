# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks inside a debugger while the network, the debugger or the controller fails."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay
from e2ekit.hosts import HOSTS_PATIENCE, inventory, on_pods
from e2ekit.playbooks import Playbooks, Started
from e2ekit.proxy import Answer, Cut, FaultProxy

__all__: list[str] = []

_MIB = 1024 * 1024
_OPEN: dict[str, Any] = {"name": "Open", "ansible.builtin.raw": "true"}
# Each run of it leaves a line, so that two can be told from one.
_ONCE = "echo ran >>/tmp/runs; echo half-way; sleep 2; echo whole"
_LONG = "touch /tmp/begun; sleep 47110; touch /tmp/ended"
# The pattern must not find the very command that looks for it.
_RUNS = "grep -qs 'sleep.4711[0]' /proc/[0-9]*/cmdline"
_BUSY = Answer.of_status(
    429, "TooManyRequests", "too many requests, please try again later", Retry_After="1"
)


def _debugger(space: Space) -> str:
    (entry,) = space.entries("web")
    return str(entry["name"])


def _sh(space: Space, script: str) -> str:
    argv = ["exec", "web", "-c", _debugger(space), "--", "sh", "-c", script]
    return space.kubectl(*argv, timeout=120)


def _long(space: Space, play: Playbooks, tmp_path: Path, **more: Any) -> Started:
    """Start a play whose second task takes long, and wait until it runs."""
    listed = inventory(space, tmp_path, {"web": {}}, **more)
    tasks = [_OPEN, {"name": "Long", "ansible.builtin.raw": _LONG}]
    started = play.start(on_pods(play, tasks), "-i", listed)
    space.wait_running("web")
    _sh(space, "until [ -e /tmp/begun ]; do sleep 0.1; done")
    return started


@pytest.mark.parametrize(
    "marker",
    [
        pytest.param(b"", id="no answer comes"),
        pytest.param(b"HTTP/1.1 101", id="it has begun"),
        pytest.param(b"half-way\n", id="within the output"),
    ],
)
@pytest.mark.parametrize("task", ["raw", "pipelined module"])
def test_a_command_whose_connection_is_cut_is_not_run_twice(  # noqa: PLR0917
    space: Space, play: Playbooks, proxy: FaultProxy, tmp_path: Path, marker: bytes, task: str
) -> None:
    space.web()
    listed = inventory(space, tmp_path, {"web": {}}, ansible_pipelining=True)
    action: dict[str, Any] = {"ansible.builtin.raw": _ONCE}
    request = r"/exec\?.*half-way"
    if task != "raw":
        # Its input holds the command, and its output no half of it: it answers at its end.
        marker = b"HTTP/1.1 101" if marker else marker
        action = {"ansible.builtin.shell": _ONCE}
        request = r"/exec\?.*stdin=(1|[Tt]rue)"
    fault = proxy.inject(request, Cut(marker=marker))

    run = play.play(
        on_pods(play, [_OPEN, {"name": "Once", **action}]),
        "-i",
        listed,
        ok=False,
        timeout=HOSTS_PATIENCE,
    )

    once = run.task("Once")
    assert fault.met == 1, proxy.requests
    assert once.status == "unreachable"
    assert f"{space.name}/web" in once.msg
    assert "unknown" in once.msg
    assert "run it again if it is safe to" in once.msg
    assert "Traceback" not in run.output
    assert _sh(space, "cat /tmp/runs 2>/dev/null || true").split() in ([], ["ran"])


def test_a_busy_server_before_a_task_is_waited_for(
    space: Space, play: Playbooks, proxy: FaultProxy, tmp_path: Path
) -> None:
    space.web()
    listed = inventory(space, tmp_path, {"web": {}})
    fault = proxy.inject(r"/exec\?.*half-way", _BUSY, times=2)

    path = on_pods(play, [_OPEN, {"name": "Once", "ansible.builtin.raw": _ONCE}])
    run = play.play(path, "-i", listed, timeout=HOSTS_PATIENCE)

    assert fault.met == fault.times
    assert run.task("Once")["stdout_lines"] == ["half-way", "whole"]
    assert _sh(space, "cat /tmp/runs").split() == ["ran"]


def test_a_file_on_its_way_to_the_debugger(
    space: Space, play: Playbooks, proxy: FaultProxy, tmp_path: Path
) -> None:
    """What is there under its name is whole, or nothing is, and no part of it stays."""
    space.web()
    payload = tmp_path / "payload"
    payload.write_bytes(random.Random(0).randbytes(20 * _MIB))
    listed = inventory(space, tmp_path, {"web": {}}, ansible_remote_tmp="/tmp/put")
    task = {"src": str(payload), "dest": "/tmp/payload"}
    path = on_pods(play, [_OPEN, {"name": "Copy", "ansible.builtin.copy": task}])
    fault = proxy.inject(r"/exec\?.*kubedebug-put", Cut(marker=b"HTTP/1.1 101"), times=1)

    cut = play.play(path, "-i", listed, ok=False, timeout=HOSTS_PATIENCE)

    assert fault.met == 1
    assert cut.task("Copy").status == "unreachable"
    assert "Traceback" not in cut.output
    assert _sh(space, "ls /tmp/payload 2>/dev/null || true") == ""
    _sh(space, "while ls /tmp/put/*/.kubedebug-* >/dev/null 2>&1; do sleep 0.1; done")

    again = play.play(path, "-i", listed, timeout=HOSTS_PATIENCE)

    assert again.task("Copy")["changed"] is True
    assert int(_sh(space, "wc -c </tmp/payload")) == 20 * _MIB
    assert len(space.entries("web")) == 1


def test_a_file_on_its_way_home_goes_on_after_a_cut(
    space: Space, play: Playbooks, proxy: FaultProxy, tmp_path: Path
) -> None:
    space.web()
    content, mark = bytes(range(256)) * 40000, b"<the middle>"
    listed = inventory(space, tmp_path, {"web": {}})
    write = (
        "import sys; part = bytes(range(256)) * 40000; "
        f"open('/tmp/big', 'wb').write(part + {mark!r} + part)"
    )
    fetch = {"src": "/tmp/big", "dest": str(tmp_path / "home"), "flat": True}
    tasks = [
        {"name": "Write", "ansible.builtin.command": {"argv": ["python3", "-c", write]}},
        {"name": "Fetch", "ansible.builtin.fetch": fetch},
    ]
    fault = proxy.inject(r"/exec\?.*kubedebug-transfer", Cut(marker=mark), times=1)

    play.play(on_pods(play, tasks), "-i", listed, timeout=HOSTS_PATIENCE)

    assert fault.met == 1, proxy.requests
    assert (tmp_path / "home").read_bytes() == content + mark + content


class TestWithoutAProxy:
    """The fault is in the cluster, or the controller is it."""

    @pytest.fixture
    def play(self, new_play: NewPlay, space: Space) -> Playbooks:
        return new_play(space)

    def test_a_debugger_that_is_killed(self, space: Space, play: Playbooks, tmp_path: Path) -> None:
        space.web()
        started = _long(space, play, tmp_path)
        kill = (
            "for p in /proc/[0-9]*; do "
            'tr "\\0" " " <"$p/cmdline" 2>/dev/null | grep -q "kubedebug-superviso[r]" '
            '&& kill -KILL "${p#/proc/}"; done; sleep 60'
        )
        argv = ["exec", "web", "-c", _debugger(space), "--", "sh", "-c", kill]
        space.cluster.kubectl("-n", space.name, *argv, check=False)

        run = started.wait()

        assert run.task("Long").status == "unreachable"
        assert "the debugger ended while a command ran in it: its end came from outside" in (
            run.task("Long").msg
        )
        assert "Traceback" not in run.output

    def test_a_command_that_a_signal_ends_is_no_lost_debugger(
        self, space: Space, play: Playbooks, tmp_path: Path
    ) -> None:
        space.web()
        listed = inventory(space, tmp_path, {"web": {}})
        path = on_pods(play, [{"name": "Killed", "ansible.builtin.raw": "kill -KILL $$"}])

        run = play.play(path, "-i", listed, ok=False)

        assert run.task("Killed").status == "failed"
        assert run.task("Killed")["rc"] == 137

    def test_a_pod_that_is_deleted(self, space: Space, play: Playbooks, tmp_path: Path) -> None:
        space.web()
        started = _long(space, play, tmp_path)

        space.kubectl("delete", "pod", "web", "--wait=false")
        run = started.wait()

        assert run.task("Long").status == "unreachable"
        assert f"{space.name}/web" in run.task("Long").msg
        assert "Traceback" not in run.output

    def test_a_controller_that_is_killed(
        self, space: Space, play: Playbooks, tmp_path: Path
    ) -> None:
        """The lifetime of the debugger ends what ran in it, and nothing has to come back."""
        space.web()
        started = _long(space, play, tmp_path, kubedebug_lifetime=60)
        started.kill()

        ended = space.wait_finished("web", _debugger(space), timeout=120)

        assert ended["exitCode"] == 0
        assert space.web_status("web")[1] == 0

    def test_a_controller_that_is_interrupted(
        self, space: Space, play: Playbooks, tmp_path: Path
    ) -> None:
        """Ctrl-C reaches the whole group; the debugger stays, and the next run uses it."""
        space.web()
        started = _long(space, play, tmp_path)

        os.killpg(started.process.pid, signal.SIGINT)
        run = started.wait(60)
        listed = inventory(space, tmp_path, {"web": {}})
        after = play.play(on_pods(play, [_OPEN]), "-i", listed)

        assert run.rc == 99, run.output
        assert "Traceback" not in run.output
        assert after.task("Open").status == "ok"
        assert len(space.entries("web")) == 1
