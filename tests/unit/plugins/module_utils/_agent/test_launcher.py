# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The launcher in each shell of this machine; the targets are processes of the tests' own.

Which processes are in a container's cgroup cannot be arranged without being root, so the script
reads the cgroups in a folder instead, and everything else in the real /proc.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._agent.launcher import (
    LAUNCHER,
    LISTENING,
    NO_SOCKET,
    NO_TARGET,
    RUNNING,
    Found,
    launch_argv,
    parse_target,
)
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._ephemeral.conftest import (
    shell,
)

__all__ = ["shell"]

_ID = "4f" * 32
_BOUND = 60


class Stage:
    """Targets, and launchers that look for them."""

    def __init__(self, shell: list[str], folder: Path) -> None:
        self._shell = shell
        self._folder = folder
        self._processes: list[subprocess.Popen[str]] = []

    def target(self, container_id: str = _ID) -> subprocess.Popen[str]:
        """A process that counts as one of the container."""
        process = subprocess.Popen(["sleep", "600"], text=True)
        self._processes.append(process)
        self.join(process.pid, container_id)
        return process

    def join(self, pid: int, container_id: str) -> None:
        folder = self._folder / str(pid)
        folder.mkdir()
        text = f"2:cpu:/\n0::/../cri-containerd-{container_id}.scope\n"
        (folder / "cgroup").write_text(text, encoding="utf-8")

    def launch(
        self,
        *argv: str,
        lifetime: int = 600,
        started: int | None = None,
        port: int | None = None,
        sockets: Sequence[str] = (),
        linger: int = 0,
    ) -> subprocess.Popen[str]:
        words = launch_argv(argv, container_id=_ID, port=port, sockets=sockets, linger=linger)
        script = LAUNCHER.replace('"/proc/$1/cgroup"', f'"{self._folder}/$1/cgroup"')
        assert script != LAUNCHER
        expires = (int(time.time()) if started is None else started) + lifetime
        process = subprocess.Popen(
            [*self._shell, "-c", script, *words[3:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                **os.environ,
                "KUBEDEBUG_LIFETIME": str(lifetime),
                "KUBEDEBUG_EXPIRES_AT": str(expires),
            },
        )
        self._processes.append(process)
        return process

    def close(self) -> None:
        for process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
        for process in self._processes:
            try:
                process.communicate(timeout=_BOUND)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


@pytest.fixture
def stage(shell: list[str], tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(shell, tmp_path)
    yield stage
    stage.close()


def _lines(process: subprocess.Popen[str]) -> list[str]:
    output, _none = process.communicate(timeout=_BOUND)
    return output.splitlines()


def _until(process: subprocess.Popen[str], wanted: Callable[[str], bool]) -> str:
    """Read lines until one is as wanted; the end of the output fails the test."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if wanted(line.rstrip("\n")):
            return line.rstrip("\n")
    raise AssertionError(f"the launcher ended: {seen}")


def test_it_finds_the_first_process_and_ends_with_it(stage: Stage) -> None:
    first = stage.target()
    # Starts are told apart by ticks of a hundredth of a second.
    time.sleep(0.05)
    stage.target()
    stage.target("e0" * 32)
    launcher = stage.launch()

    found = parse_target(_until(launcher, lambda line: "target" in line))
    assert found is not None
    assert found.pid == first.pid
    first.kill()
    first.wait()

    assert "kubedebug: its target has ended" in _lines(launcher)
    assert launcher.returncode == 0


def test_words_reach_the_command_as_they_are(stage: Stage) -> None:
    target = stage.target()
    words = ["{pid}", "a{pid}b{pid}", "$(id) `id` {x} '\"", "", "two  words", "*", "{socket}", "-n"]

    lines = _lines(stage.launch("printf", "<%s>\\n", *words))

    pid = target.pid
    assert [line for line in lines if line.startswith("<")] == [
        *(f"<{pid}>", f"<a{pid}b{pid}>", "<$(id) `id` {x} '\">", "<>", "<two  words>"),
        *("<*>", "<>", "<-n>"),
    ]


def test_the_exit_code_is_the_command_s(stage: Stage) -> None:
    stage.target()
    launcher = stage.launch("sh", "-c", "exit 7")

    lines = _lines(launcher)

    assert launcher.returncode == 7
    assert RUNNING not in lines


def test_a_command_that_stays_is_told_and_ends_with_the_target(stage: Stage) -> None:
    target = stage.target()
    launcher = stage.launch("sh", "-c", "sleep 601 & echo mine $$ $!; wait")

    mine = _until(launcher, lambda line: line.startswith("mine")).split()[1:]
    _until(launcher, lambda line: line == RUNNING)
    target.kill()
    target.wait()

    _lines(launcher)
    assert launcher.returncode == 0
    assert not [pid for pid in mine if _alive(int(pid))]


def _alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(") ")[2][0] not in "ZX"


@pytest.mark.parametrize(("argv", "code"), [([], 0), (["sleep", "601"], 124)])
def test_its_lifetime_ends_it(stage: Stage, argv: list[str], code: int) -> None:
    stage.target()
    launcher = stage.launch(*argv, lifetime=3)

    assert "kubedebug: the lifetime of 3 s is over" in _lines(launcher)
    assert launcher.returncode == code


def test_after_its_lifetime_it_runs_nothing(stage: Stage) -> None:
    stage.target()
    launcher = stage.launch("echo", "again", started=1)

    assert _lines(launcher) == ["kubedebug: the lifetime of 600 s is over; nothing is run"]
    assert launcher.returncode == 0


def test_no_process_and_no_socket(stage: Stage, tmp_path: Path) -> None:
    lost = stage.launch("echo", "run")
    assert _lines(lost) == [f"kubedebug: no process of container {_ID} is there"]
    assert lost.returncode == NO_TARGET

    stage.target()
    none = stage.launch("echo", "run", sockets=[f"{tmp_path}/a.sock", f"{tmp_path}/b.sock"])
    assert "a.sock" in _lines(none)[0]
    assert none.returncode == NO_SOCKET


def test_the_first_socket_that_is_there(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.target()
    (tmp_path / "file.sock").touch()
    # Not by its full path, which may be too long for the address of a socket.
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("real.sock")
        paths = [f"{tmp_path}/{name}.sock" for name in ("none", "file", "real")]

        lines = _lines(stage.launch("echo", "unix://{socket}", sockets=paths))

    # A shell may have a word of its own, as "Terminated" of a watch that it ends.
    assert f"unix://{paths[2]}" in lines
    assert parse_target(lines[0]) is not None


def test_a_signal_ends_it_with_its_command(stage: Stage) -> None:
    stage.target()
    launcher = stage.launch("sleep", "601")
    _until(launcher, lambda line: line == RUNNING)

    launcher.send_signal(signal.SIGTERM)

    _lines(launcher)
    assert launcher.returncode == 128 + signal.SIGTERM


def test_a_port_that_something_listens_on(stage: Stage) -> None:
    stage.target()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = (
        "import socket, sys, time; s = socket.socket(); "
        "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
        "s.bind(('127.0.0.1', int(sys.argv[1]))); sys.stdin.read(); s.listen(); time.sleep(600)"
    )
    launcher = stage.launch(sys.executable, "-c", server, str(port), port=port)

    _until(launcher, lambda line: line == LISTENING)


def test_it_lingers_where_its_files_are_to_be_fetched(stage: Stage) -> None:
    target = stage.target()
    launcher = stage.launch(linger=600)
    _until(launcher, lambda line: "target pid" in line)
    target.kill()
    target.wait()

    _until(launcher, lambda line: line == "kubedebug: its target has ended")
    assert launcher.poll() is None


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("kubedebug: target pid=7 start=99 socket=", Found(pid=7, start=99, socket=None)),
        ("kubedebug: target pid=7 start=9 socket=/a", Found(pid=7, start=9, socket="/a")),
        ("kubedebug: target pid=7 start=9 socket=/a /b", None),
        ("kubedebug: target pid=x start=9 socket=", None),
        ("so: kubedebug: target pid=7 start=9 socket=", None),
    ],
)
def test_what_the_launcher_says_is_read_strictly(line: str, found: Found | None) -> None:
    assert parse_target(line) == found
