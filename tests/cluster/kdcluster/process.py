# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long-running processes that outlive this one, and the proof that a process is still ours.

A process ID alone says nothing: it is used again. So the ID is recorded together with the start
time that the kernel keeps (field 22 of /proc/PID/stat, in clock ticks since the boot, proc(5));
with the boot's own ID (random(4)) the three name one process for ever.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Identity", "boot_id", "find", "is_alive", "kill", "parse_stat", "read_pid", "spawn"]

# The child writes its own record before it becomes the component: no moment exists at which a
# component runs unrecorded, whenever this program is killed. exec keeps the ID and the start time.
_LAUNCHER = """
read -r stat < /proc/$$/stat && read -r boot < /proc/sys/kernel/random/boot_id || exit 125
printf '%s\\n%s\\n' "$stat" "$boot" > "$1.new" && mv "$1.new" "$1" || exit 125
shift
exec "$@"
"""
_STATE_FIELD = 0
_THREADS_FIELD = 17
_START_FIELD = 19


@dataclass(frozen=True)
class Identity:
    """`started` is in clock ticks since the boot."""

    pid: int
    started: int


def parse_stat(text: str) -> tuple[Identity, str] | None:
    """The process and its state letter from a line of /proc/PID/stat; None when it is no such line.

    The name in parentheses may itself hold blanks and parentheses, so the last one counts. The
    state is that of the first thread, which is Z as soon as that has ended; as long as others have
    not, the process still holds its ports, and its letter is D here.
    """
    head, closed, tail = text.rpartition(")")
    fields = tail.split()
    pid = head.split(" ", 1)[0]
    if not closed or len(fields) <= _START_FIELD or not pid.isdigit():
        return None
    started = fields[_START_FIELD]
    if not started.isdigit():
        return None
    state = fields[_STATE_FIELD]
    if state == "Z" and fields[_THREADS_FIELD] not in {"0", "1"}:
        state = "D"
    return Identity(int(pid), int(started)), state


def _stat_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def is_alive(identity: Identity, stat_of: Callable[[int], str] = _stat_of) -> bool:
    """Whether that very process runs. One that only waits to be reaped (Z, X) does not."""
    parsed = parse_stat(stat_of(identity.pid))
    return parsed is not None and parsed[0] == identity and parsed[1] not in {"Z", "X"}


def read_pid(path: Path, boot: str | None = None) -> Identity | None:
    """The identity that `spawn` let the process record there; None when there is none of this boot
    (`boot` is that one's ID, for tests)."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace").rstrip("\n")
    except OSError:
        return None
    stat, _newline, recorded = text.rpartition("\n")
    parsed = parse_stat(stat)
    if parsed is None or recorded != (boot or boot_id()):
        return None
    return parsed[0]


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def spawn(
    argv: Sequence[str],
    *,
    pid_file: Path,
    log: Path,
    environ: Mapping[str, str],
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a process in a session of its own, so that a Ctrl-C at the terminal spares it, and
    returns when it has recorded itself (or has ended)."""
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    pid_file.unlink(missing_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _LAUNCHER, "launcher", str(pid_file), *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            cwd=cwd or "/",
            start_new_session=True,
        )
    while not pid_file.exists() and process.poll() is None:
        time.sleep(0.002)
    return process


def kill(identities: Sequence[Identity], *, grace: float = 0.0) -> list[Identity]:
    """Ends these processes: by SIGTERM when a grace period in seconds is given, then by SIGKILL.

    Returns those that still run 5 s after that (in an uninterruptible wait of the kernel).
    """
    alive = [identity for identity in identities if is_alive(identity)]
    if grace > 0:
        alive = _signal_and_wait(alive, signal.SIGTERM, grace)
    return _signal_and_wait(alive, signal.SIGKILL, 5.0)


def _signal_and_wait(
    alive: list[Identity], number: signal.Signals, seconds: float
) -> list[Identity]:
    for identity in alive:
        try:
            os.kill(identity.pid, number)
        except ProcessLookupError:
            continue
    deadline = time.monotonic() + seconds
    while alive and time.monotonic() < deadline:
        alive = [identity for identity in alive if is_alive(identity)]
        if alive:
            time.sleep(0.02)
    return alive


def find(matches: Callable[[list[str]], bool]) -> list[Identity]:
    """The processes whose command line satisfies a predicate; for what containerd starts itself."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            raw = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        argv = [part.decode(errors="replace") for part in raw.split(b"\0") if part]
        parsed = parse_stat(_stat_of(int(entry.name))) if matches(argv) else None
        if parsed:
            found.append(parsed[0])
    return found
