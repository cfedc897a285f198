# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner and the killer of commands in real shells.

What has ended is told by a pipe: a process that still runs holds its end open, and the read of the
other end would not come back.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.supervisor import (
    KILLER,
    RUNNER,
)

# Chosen anew for each process: a killer looks through the whole machine, and another run of these
# tests may be there.
_TOKEN = secrets.token_hex(8)
_OTHER = secrets.token_hex(8)
_OPEN = 'for fd in /proc/$$/fd/*; do [ -e "$fd" ] && echo "${fd##*/}"; done; exit 0'


@pytest.fixture
def contained(shell: list[str], own_mounts: list[str]) -> list[str]:
    """The argv of a shell in a mount namespace of its own."""
    return [*own_mounts, *shell]


def _argv(shell: list[str], limit: str, *argv: str, token: str = _TOKEN) -> list[str]:
    return [*shell, "-c", RUNNER, "kubedebug-run", limit, token, *argv]


def _run(argv: list[str], stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    # The session of its own is what a container runtime gives to an exec.
    done = subprocess.run(
        argv, input=stdin, capture_output=True, timeout=60, check=False, start_new_session=True
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("argv", "stdin", "expected"),
    [
        pytest.param(["true"], b"", (0, b"", b""), id="success"),
        pytest.param(["sh", "-c", "exit 42"], b"", (42, b"", b""), id="exit-code"),
        pytest.param(["sh", "-c", "exit 124"], b"", (124, b"", b""), id="124-of-its-own"),
        pytest.param(["sh", "-c", "kill -KILL $$"], b"", (137, b"", b""), id="killed-silently"),
        pytest.param(["sh", "-c", "kill -TERM $$"], b"", (143, b"", b""), id="ended-silently"),
        pytest.param(["sh", "-c", "echo o; echo e >&2"], b"", (0, b"o\n", b"e\n"), id="streams"),
        pytest.param(["cat"], bytes(range(256)) * 4096, None, id="binary"),
        pytest.param(
            ["printf", "<%s>", "a b", "$(id)", "`id`", "'", '"', "*", "", "-x"],
            b"",
            (0, b"<a b><$(id)><`id`><'><\"><*><><-x>", b""),
            id="literal-arguments",
        ),
        pytest.param(["sh", "-c", 'echo "$KUBEDEBUG_RUN"'], b"", None, id="token"),
        pytest.param(["sh", "-c", _OPEN], b"", (0, b"0\n1\n2\n", b""), id="no-leaks"),
    ],
)
def test_command(
    contained: list[str],
    argv: list[str],
    stdin: bytes,
    expected: tuple[int, bytes, bytes] | None,
) -> None:
    if argv == ["cat"]:
        expected = (0, stdin, b"")
    elif "KUBEDEBUG_RUN" in argv[-1]:
        expected = (0, _TOKEN.encode() + b"\n", b"")
    assert _run(_argv(contained, "1000", *argv), stdin) == expected


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["no-such-command"], id="not-found"),
        pytest.param(["strike", ""], id="no-function-of-the-script"),
        pytest.param(["exit", "3"], id="no-command-of-the-shell"),
    ],
)
def test_command_not_found(contained: list[str], argv: list[str]) -> None:
    rc, stdout, stderr = _run(_argv(contained, "1000", *argv))
    assert (rc, stdout) == (127, b"")
    assert argv[0].encode() in stderr


def test_command_not_executable(contained: list[str], tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n", encoding="utf-8")
    rc, _stdout, stderr = _run(_argv(contained, "1000", str(script)))
    assert rc == 126
    assert str(script).encode() in stderr


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("exec sleep 1000", id="command"),
        pytest.param("sleep 1000 & sleep 1000", id="child"),
        pytest.param("setsid sleep 1000 & sleep 1000", id="child-in-another-session"),
        pytest.param("(setsid sleep 1000 &); sleep 1000", id="orphan-in-another-session"),
        pytest.param("(env -i sleep 1000 &); sleep 1000", id="orphan-without-environment"),
        pytest.param("env -i setsid sh -c 'sleep 1000'", id="child-with-nothing"),
        pytest.param('trap "" TERM; sleep 1000', id="deaf"),
    ],
)
def test_timeout_ends_every_process(contained: list[str], script: str) -> None:
    assert _run(_argv(contained, "0.2", "sh", "-c", script)) == (124, b"", b"")


def test_timeout_keeps_the_output_so_far(contained: list[str]) -> None:
    script = "echo begun; echo odd >&2; exec sleep 1000"
    assert _run(_argv(contained, "0.5", "sh", "-c", script)) == (124, b"begun\n", b"odd\n")


def test_timeout_needs_no_controller(contained: list[str]) -> None:
    reader, writer = os.pipe()
    controller = ["sh", "-c", '"$@" >/dev/null 2>&1 & echo started', "sh"]
    started = subprocess.check_output(
        [*controller, *_argv(contained, "0.2", "sleep", "1000")], pass_fds=[writer], text=True
    )
    os.close(writer)
    assert started == "started\n"
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_nothing_is_left_of_the_clock(contained: list[str]) -> None:
    reader, writer = os.pipe()
    done = subprocess.run(_argv(contained, "1000", "true"), pass_fds=[writer], check=False)
    os.close(writer)
    assert done.returncode == 0
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_what_the_command_leaves_behind_is_the_users(contained: list[str]) -> None:
    script = "sleep 1000 >/dev/null 2>&1 & echo $!"
    rc, stdout, _stderr = _run(_argv(contained, "1000", "sh", "-c", script))
    assert rc == 0
    # Raises when there is no such process.
    os.kill(int(stdout), signal.SIGKILL)


@pytest.mark.parametrize(
    ("script", "rc"),
    [
        pytest.param("echo ready; exec sleep 1000", 143, id="command"),
        pytest.param('trap "" TERM; echo ready; exec sleep 1000', 137, id="deaf"),
        pytest.param("echo ready; setsid sleep 1000", 143, id="another-session"),
    ],
)
def test_killer_ends_one_run(shell: list[str], own_mounts: list[str], script: str, rc: int) -> None:
    with subprocess.Popen(
        [*own_mounts, "sh", "-c", "echo ready; read line"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as container:
        assert container.stdout is not None
        assert container.stdout.readline() == b"ready\n"
        enter = ["nsenter", f"--target={container.pid}", "--mount"]
        if "--user" in own_mounts:
            enter += ["--user", "--preserve-credentials"]
        runs = {
            token: subprocess.Popen(
                _argv([*enter, *shell], "1000", "sh", "-c", script, token=token),
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            for token in (_TOKEN, _OTHER)
        }
        for run in runs.values():
            assert run.stdout is not None
            assert run.stdout.readline() == b"ready\n"
        killer = [*enter, *shell, "-c", KILLER, "kubedebug-kill"]
        assert _run([*killer, _TOKEN]) == (0, b"", b"")
        runs[_TOKEN].communicate(timeout=60)
        assert runs[_TOKEN].returncode == rc
        assert runs[_OTHER].poll() is None
        assert _run([*killer, _OTHER]) == (0, b"", b"")
        runs[_OTHER].communicate(timeout=60)


def test_killer_of_a_run_that_has_ended(contained: list[str]) -> None:
    assert _run([*contained, "-c", KILLER, "kubedebug-kill", _TOKEN]) == (0, b"", b"")
