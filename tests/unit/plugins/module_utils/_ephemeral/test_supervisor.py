# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor and the stopper in real shells: as PID 1, and beside an application."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.supervisor import (
    EXTENDER,
    STOPPER,
    SUPERVISOR,
)

# The same with half a second between TERM and HUP, where the length is not what is tested.
_QUICK = SUPERVISOR.replace("grace=50", "grace=5")
_DRIVER = Path(__file__).parent / "pid_namespace.py"
_FAR = "99999999999"
_OVER = "kubedebug: the lifetime of {} s is over"

# Commands that say when they are there, and then stay.
_ENDS_WITH_5 = ["sh", "-c", 'exec 2>/dev/null; trap "exit 5" TERM; echo ready; sleep 1000 & wait']
_DEAF = ["sh", "-c", 'trap "" TERM HUP; echo ready; exec sleep 1000']
_HEEDS_HUP = ["sh", "-c", 'trap "" TERM; echo ready; exec sleep 1000']
_PLAIN = ["sh", "-c", "echo ready; exec sleep 1000"]


def _environ(lifetime: str = "1000", expires_at: str = _FAR) -> dict[str, str]:
    return {**os.environ, "KUBEDEBUG_LIFETIME": lifetime, "KUBEDEBUG_EXPIRES_AT": expires_at}


def _argv(shell: list[str], *argv: str) -> list[str]:
    return [*shell, "-c", _QUICK, "kubedebug-supervisor", *argv]


def _run(argv: list[str], environ: dict[str, str], stdin: str = "") -> tuple[int, str, str]:
    done = subprocess.run(
        argv, input=stdin, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def _field(pid: int, key: str) -> str:
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return ""
    return next((row.split()[1] for row in text.splitlines() if row.startswith(key + ":")), "")


def _init_of(unshare: int) -> int:
    """PID 1 of the new namespace by its PID out here: the child of unshare; 0 before the fork."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return next((pid for pid in pids if _field(pid, "PPid") == str(unshare)), 0)


def _catches_term(pid: int) -> bool:
    caught = _field(pid, "SigCgt")
    return bool(caught) and bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def test_grace_is_what_the_contract_says() -> None:
    assert _QUICK != SUPERVISOR


# --- as PID 1 of its own PID namespace: a debugger without a target ---


@pytest.mark.parametrize(
    ("argv", "stdin", "rc", "stdout"),
    [
        pytest.param(["sh", "-c", "exit 7"], "", 7, "", id="exit-code"),
        pytest.param(["sh", "-c", 'kill -KILL "$$"'], "", 137, "", id="killed"),
        pytest.param(["cat"], "line\n", 0, "line\n", id="stdin"),
        pytest.param(
            ["printf", "<%s>", "a b", "$(id)", "`id`", "'", '"', "*", ""],
            "",
            0,
            "<a b><$(id)><`id`><'><\"><*><>",
            id="literal-arguments",
        ),
        pytest.param(["no-such-command"], "", 127, "", id="not-found"),
        pytest.param(["end_all", "1"], "", 127, "", id="no-function-of-the-script"),
        pytest.param(["exit", "3"], "", 127, "", id="no-command-of-the-shell"),
    ],
)
def test_command(
    *,
    shell: list[str],
    own_pid_namespace: list[str],
    argv: list[str],
    stdin: str,
    rc: int,
    stdout: str,
) -> None:
    got = _run([*own_pid_namespace, *_argv(shell, *argv)], _environ(), stdin)
    assert got[:2] == (rc, stdout)


@pytest.mark.parametrize(
    ("argv", "lifetime", "expires_at", "expected"),
    [
        pytest.param([], "1", _FAR, (0, "", _OVER), id="idle"),
        pytest.param(["sleep", "1000"], "1", _FAR, (124, "", _OVER), id="command"),
        pytest.param(_DEAF, "1", _FAR, (124, "ready\n", _OVER), id="command-deaf-to-hup"),
        pytest.param([], "9", "1", (0, "", _OVER + "; nothing is run"), id="idle-again"),
        pytest.param(["id"], "9", "1", (0, "", _OVER + "; nothing is run"), id="command-again"),
        pytest.param(["id"], "0", _FAR, (0, "", _OVER + "; nothing is run"), id="no-lifetime"),
    ],
)
def test_lifetime(
    *,
    shell: list[str],
    own_pid_namespace: list[str],
    argv: list[str],
    lifetime: str,
    expires_at: str,
    expected: tuple[int, str, str],
) -> None:
    rc, stdout, said = expected
    got = _run([*own_pid_namespace, *_argv(shell, *argv)], _environ(lifetime, expires_at))
    assert got == (rc, stdout, said.format(lifetime) + "\n")


def test_lifetime_counts_from_the_start_without_date(
    own_pid_namespace: list[str], tmp_path: Path
) -> None:
    for tool in ("sleep", "sh"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    unshare = str(shutil.which(own_pid_namespace[0]))
    environ = {**_environ("1", "1"), "PATH": str(tmp_path)}
    got = _run([unshare, *own_pid_namespace[1:], *_argv(["sh"], "sleep", "1000")], environ)
    assert got == (124, "", _OVER.format(1) + "\n")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
@pytest.mark.parametrize(
    ("argv", "rc"),
    [
        pytest.param([], 0, id="idle"),
        pytest.param(_ENDS_WITH_5, 5, id="command-that-ends-by-itself"),
        pytest.param(_PLAIN, 143, id="command-that-is-ended"),
    ],
)
def test_signal(
    *,
    shell: list[str],
    own_pid_namespace: list[str],
    until: Callable[[Callable[[], bool]], None],
    argv: list[str],
    rc: int,
    name: str,
) -> None:
    with subprocess.Popen(
        [*own_pid_namespace, *_argv(shell, *argv)],
        env=_environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        if argv:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        until(lambda: _catches_term(_init_of(process.pid)))
        os.kill(_init_of(process.pid), signal.Signals[name])
        _out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (rc, "")


@pytest.mark.parametrize(
    "argv", [pytest.param([], id="idle"), pytest.param(_PLAIN, id="with-a-command")]
)
def test_orphans_are_reaped(
    shell: list[str],
    own_pid_namespace: list[str],
    until: Callable[[Callable[[], bool]], None],
    argv: list[str],
) -> None:
    user = ["--user", "--preserve-credentials"] if "--user" in own_pid_namespace else []
    with subprocess.Popen(
        [*own_pid_namespace, *_argv(shell, *argv)], env=_environ(), stdout=subprocess.DEVNULL
    ) as process:
        until(lambda: _catches_term(_init_of(process.pid)))
        enter = ["nsenter", f"--target={_init_of(process.pid)}", "--mount", "--pid", *user]
        # A session that ends before what it started: the orphan goes to PID 1.
        orphan = subprocess.check_output(
            [*enter, "sh", "-c", "sleep 0.1 >/dev/null & echo $!"], text=True, timeout=60
        ).strip()
        there = [*enter, "test", "-e", f"/proc/{orphan}"]
        until(lambda: subprocess.run(there, check=False).returncode == 1)
        process.kill()


# --- on a terminal ---


def _on_terminal(argv: list[str], environ: dict[str, str]) -> tuple[subprocess.Popen[bytes], int]:
    controller, terminal = pty.openpty()
    process = subprocess.Popen(argv, env=environ, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    return process, controller


def _read_all(controller: int) -> str:
    output = b""
    try:
        while part := os.read(controller, 4096):
            output += part
    except OSError:
        # What Linux answers when the last process on the terminal has ended.
        pass
    os.close(controller)
    return output.decode()


def test_terminal_interrupts_the_command(shell: list[str], own_pid_namespace: list[str]) -> None:
    argv = [*own_pid_namespace, "setsid", "--ctty", "--wait", *_argv(shell, *_PLAIN)]
    process, controller = _on_terminal(argv, _environ())
    output = os.read(controller, 4096).decode()
    while "ready" not in output:
        output += os.read(controller, 4096).decode()
    os.write(controller, b"\x03")
    _read_all(controller)
    assert process.wait(timeout=60) == 128 + signal.SIGINT


def test_terminal_command_is_bounded(shell: list[str], own_pid_namespace: list[str]) -> None:
    argv = [*own_pid_namespace, "setsid", "--ctty", "--wait", *_argv(shell, *_HEEDS_HUP)]
    process, controller = _on_terminal(argv, _environ("1"))
    output = _read_all(controller)
    assert process.wait(timeout=60) == 124
    assert _OVER.format(1) in output


# --- in a PID namespace that the debugger shares with the application ---


def _drive(own_pid_namespace: list[str], **task: Any) -> dict[str, Any]:
    task = {"stopper": STOPPER, "supervisor": _QUICK, "signal": "", "uid": None, **task}
    done = subprocess.run(
        [*own_pid_namespace, sys.executable, str(_DRIVER)],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


_UNHARMED = {"application": "runs", "zombies": []}
_USERS = [pytest.param(None, id="root"), pytest.param(1000, id="other-user")]


def _needs_users(own_pid_namespace: list[str], uid: int | None) -> None:
    if uid is not None and "--user" in own_pid_namespace:
        pytest.skip("a user namespace of an unprivileged user has one user only")


@pytest.mark.parametrize("uid", _USERS)
@pytest.mark.parametrize(
    ("argv", "lifetime", "sent", "rc", "output"),
    [
        pytest.param([], "1000", "SIGTERM", 0, "", id="idle-signalled"),
        pytest.param(_PLAIN, "1000", "SIGTERM", 143, "ready\n", id="command-signalled"),
        pytest.param([], "1", "", 0, _OVER.format(1) + "\n", id="idle-over"),
        pytest.param(_PLAIN, "1", "", 124, f"ready\n{_OVER.format(1)}\n", id="command-over"),
        pytest.param(["sleep", "0.5"], "1000", "", 0, "", id="command-ended"),
    ],
)
def test_supervisor_ends_its_container_alone(
    *,
    shell: list[str],
    own_pid_namespace: list[str],
    argv: list[str],
    lifetime: str,
    sent: str,
    rc: int,
    output: str,
    uid: int | None,
) -> None:
    _needs_users(own_pid_namespace, uid)
    environ = {"KUBEDEBUG_LIFETIME": lifetime, "KUBEDEBUG_EXPIRES_AT": _FAR}
    sessions = [_PLAIN, _HEEDS_HUP, _DEAF] if sent else []
    got = _drive(
        own_pid_namespace,
        way="supervisor",
        shell=shell,
        argv=argv,
        env=environ,
        signal=sent,
        sessions=sessions,
        uid=uid,
    )
    ended = [-signal.SIGTERM, -signal.SIGHUP, -signal.SIGKILL][: len(sessions)]
    assert got == {**_UNHARMED, "rc": rc, "output": output, "sessions": ended}


@pytest.mark.parametrize("uid", _USERS)
@pytest.mark.parametrize(
    ("argv", "main"),
    [pytest.param([], 0, id="idle"), pytest.param(_PLAIN, 143, id="with-a-command")],
)
def test_stopper_ends_its_container_alone(
    shell: list[str], own_pid_namespace: list[str], argv: list[str], main: int, uid: int | None
) -> None:
    _needs_users(own_pid_namespace, uid)
    environ = {"KUBEDEBUG_LIFETIME": "1000", "KUBEDEBUG_EXPIRES_AT": _FAR}
    got = _drive(
        own_pid_namespace,
        way="stopper",
        supervisor=SUPERVISOR,
        shell=shell,
        argv=argv,
        env=environ,
        sessions=[_PLAIN, _HEEDS_HUP],
        uid=uid,
    )
    ended = [-signal.SIGTERM, -signal.SIGHUP]
    assert got == {**_UNHARMED, "rc": 0, "output": "", "sessions": ended, "main": main}


def test_stopper_says_what_is_left(shell: list[str], own_pid_namespace: list[str]) -> None:
    # PID 1 takes no signal from inside that it does not handle, not even KILL.
    script = 'sleep 1000 & "$@"; echo "rc $?"; kill $!'
    stopper = [*shell, "-c", STOPPER, "kubedebug-stop", "0"]
    rc, stdout, _err = _run(
        [*own_pid_namespace, "sh", "-c", script, "sh", *stopper], dict(os.environ)
    )
    assert (rc, stdout) == (1, "1 sh\nrc 1\n")


# --- a lifetime that is extended ---


def _extend(shell: list[str], seconds: str, *, left: str, check: str = "") -> str:
    """A script that has a supervisor of one second, extends it, and says when it ended."""
    supervisor, extender = _argv(shell), [*shell, "-c", EXTENDER, "kubedebug-extend"]
    return f"""
        import os, subprocess, sys, time
        env = {{**os.environ, "KUBEDEBUG_LIFETIME": "2",
               "KUBEDEBUG_EXPIRES_AT": str(int(time.time()) + {left})}}
        main = subprocess.Popen({supervisor!r}, env=env)
        begin = time.time()
        asked = subprocess.Popen({[*extender, seconds, check]!r}, env=env, stdout=subprocess.PIPE)
        word, until = asked.stdout.readline().decode().split()
        code = main.wait(60)
        print(word, code, main.returncode, int(time.time() >= min(int(until), begin + {seconds})),
              asked.poll() is None, flush=True)
        asked.kill()
    """


@pytest.mark.parametrize(
    ("seconds", "left", "check", "expected"),
    [
        # The process that extends is ended with the container, before its own time where it began.
        pytest.param("6", "2", "", "extended 0 0 1 False", id="extended"),
        pytest.param("600", "2", "check", "planned 0 0 0 False", id="check-mode"),
        pytest.param("600", "1000", "", "kept 0 0 0 False", id="long-enough"),
    ],
)
def test_a_lifetime_is_extended(
    *,
    shell: list[str],
    own_pid_namespace: list[str],
    seconds: str,
    left: str,
    check: str,
    expected: str,
) -> None:
    program = textwrap.dedent(_extend(shell, seconds, left=left, check=check))
    rc, stdout, _err = _run([*own_pid_namespace, sys.executable, "-c", program], dict(os.environ))
    assert (rc, stdout.strip()) == (0, expected)


def test_an_extended_debugger_is_spared(shell: list[str], own_pid_namespace: list[str]) -> None:
    extender = [*shell, "-c", EXTENDER, "kubedebug-extend", "600"]
    stopper = [*shell, "-c", STOPPER, "kubedebug-stop", "0"]
    program = f"""
import os, subprocess
env = {{**os.environ, "KUBEDEBUG_EXPIRES_AT": "1000"}}
asked = subprocess.Popen({extender!r}, env=env, stdout=subprocess.PIPE)
until = asked.stdout.readline().split()[1]
spared = subprocess.run({[*stopper, "spare"]!r}, capture_output=True)
print(spared.returncode, spared.stdout.split() == [b"extended", until], asked.poll())
subprocess.run({stopper!r}, capture_output=True)
print(asked.wait(60))
"""
    rc, stdout, _err = _run([*own_pid_namespace, sys.executable, "-c", program], dict(os.environ))
    assert (rc, stdout) == (0, "3 True None\n-15\n")


def test_without_a_clock_nothing_is_extended(own_pid_namespace: list[str], tmp_path: Path) -> None:
    (tmp_path / "sh").symlink_to(str(shutil.which("sh")))
    argv = ["sh", "-c", EXTENDER, "kubedebug-extend", "600"]
    unshare = str(shutil.which(own_pid_namespace[0]))
    environ = {"PATH": str(tmp_path), "KUBEDEBUG_EXPIRES_AT": "1000"}
    got = _run([unshare, *own_pid_namespace[1:], *argv], environ)
    assert got[:2] == (0, "clockless\n")
