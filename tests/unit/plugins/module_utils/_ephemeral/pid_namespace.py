# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PID 1 of a PID namespace that an application and its debuggers share; run by test_supervisor.

The application is this process and a child of it. A debugger is a process tree in a mount namespace
of its own, as the runtime makes it for an ephemeral container with a target. Reads a JSON object
from standard input, writes one to standard output.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def _status(pid: int, key: str) -> str:
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    return next((row.split()[1] for row in text.splitlines() if row.startswith(key + ":")), "")


def _until(reached: Any) -> None:
    deadline = time.monotonic() + 30
    while not reached():
        if time.monotonic() > deadline:
            raise SystemExit("the awaited state was not reached")
        time.sleep(0.01)


def _catches_term(pid: int) -> bool:
    caught = _status(pid, "SigCgt")
    return bool(caught) and bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def _zombies(mine: set[int]) -> list[str]:
    """Children of the application that it never started: what a debugger left it to reap."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [
        _status(pid, "Name")
        for pid in pids
        if pid not in mine and _status(pid, "PPid") == "1" and _status(pid, "State") == "Z"
    ]


class Debugger:
    """An ephemeral container by hand: the supervisor, and sessions in its mount namespace."""

    def __init__(self, task: dict[str, Any], argv: list[str]) -> None:
        self.uid = task.get("uid")
        self.main = self._start(
            ["unshare", "--mount"],
            [*task["shell"], "-c", task["supervisor"], "kubedebug-supervisor", *argv],
            task["env"],
        )
        _until(lambda: _catches_term(self.main.pid))

    def session(self, argv: list[str]) -> subprocess.Popen[str]:
        """Start argv as ``kubectl exec`` would: in the container, but no child of its main."""
        return self._start(["nsenter", f"--mount=/proc/{self.main.pid}/ns/mnt"], argv, {})

    def _start(
        self, namespace: list[str], argv: list[str], env: dict[str, str]
    ) -> subprocess.Popen[str]:
        user = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        return subprocess.Popen(
            [*namespace, *(user if self.uid else []), *argv],
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def _sessions(task: dict[str, Any], debugger: Debugger) -> list[subprocess.Popen[str]]:
    sessions = [debugger.session(argv) for argv in task["sessions"]]
    for session in sessions:
        assert session.stdout is not None
        assert session.stdout.readline() == "ready\n"
    return sessions


def _supervisor_ends(task: dict[str, Any], debugger: Debugger) -> dict[str, Any]:
    sessions = _sessions(task, debugger)
    if task["signal"]:
        debugger.main.send_signal(signal.Signals[task["signal"]])
    output, _none = debugger.main.communicate(timeout=60)
    return {
        "rc": debugger.main.returncode,
        "output": output,
        "sessions": [session.wait(timeout=60) for session in sessions],
    }


def _stopper_ends(task: dict[str, Any], debugger: Debugger) -> dict[str, Any]:
    sessions = _sessions(task, debugger)
    stopper = debugger.session([*task["shell"], "-c", task["stopper"], "kubedebug-stop", "1"])
    # The node's side of the container: what it started, it reaps.
    ended = [session.wait(timeout=60) for session in sessions]
    main = debugger.main.wait(timeout=60)
    output, _none = stopper.communicate(timeout=60)
    return {"rc": stopper.returncode, "output": output, "sessions": ended, "main": main}


def main() -> None:
    """Run one task, and say what became of the application."""
    task = json.load(sys.stdin)
    application = subprocess.Popen(["sleep", "1000"])
    debugger = Debugger(task, task["argv"])
    run = _stopper_ends if task["way"] == "stopper" else _supervisor_ends
    result = run(task, debugger)
    result["application"] = "runs" if application.poll() is None else "ended"
    result["zombies"] = _zombies({application.pid, debugger.main.pid})
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
