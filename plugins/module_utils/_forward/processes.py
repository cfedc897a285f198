# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Processes told apart for certain: by their ID and the moment they began.

An ID alone is used again by the system. The moment is known on Linux (/proc); elsewhere an ID is
all there is, and the controlling playbook is not found.
"""

from __future__ import annotations

import os
import re
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Process", "controller", "current", "process"]

_PROC = Path("/proc")
_ANSIBLE = re.compile(r"^ansible(?:-playbook|-console|-pull)?$")
_MOST_ANCESTORS = 64
_PAUSE = 0.05


@dataclass(frozen=True, kw_only=True)
class Process:
    """`began` is the boot and the tick of its start, or "" where the system does not tell."""

    pid: int
    began: str = ""

    @property
    def runs(self) -> bool:
        """Whether it is still there; one that only waits for its parent has ended."""
        if not _PROC.joinpath("self").exists():
            return _answers(self.pid)
        return bool(self.began) and _began(self.pid) == self.began

    def open(self) -> int | None:
        """A descriptor that becomes readable at its end; None where the system has none.

        It is of this very process: the ID is compared once more after the opening.
        """
        if not hasattr(os, "pidfd_open"):
            return None
        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            return None
        if not self.runs:
            os.close(descriptor)
            return None
        return descriptor

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it is gone."""
        try:
            if self.runs:
                os.kill(self.pid, number)
        except ProcessLookupError:
            return

    def wait(self, seconds: float) -> bool:
        """Wait for its end; returns whether it has come."""
        deadline = time.monotonic() + seconds
        descriptor = self.open()
        if descriptor is not None:
            try:
                select.select([descriptor], [], [], seconds)
            finally:
                os.close(descriptor)
        # Without such a descriptor there is nothing to wait for but the next look.
        while self.runs and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        return not self.runs


def process(pid: int) -> Process:
    """The process that has this ID now."""
    return Process(pid=pid, began=_began(pid))


def current() -> Process:
    return process(os.getpid())


def controller() -> Process | None:
    """The `ansible-playbook` (or `ansible`, ...) that this process works for, if it is one's.

    A task runs in a fork of it, or in a module below such a fork: so it is the outermost of the
    ancestors that have one and the same command line, the nearest that is Ansible's.
    """
    pid: int | None = os.getpid()
    found: int | None = None
    argv: list[bytes] = []
    for _step in range(_MOST_ANCESTORS):
        if pid is None or pid <= 1:
            break
        words = _argv(pid)
        if found is not None and words != argv:
            break
        if found is not None or _is_ansible(words):
            found, argv = pid, words
        pid = _parent(pid)
    return process(found) if found is not None else None


def _is_ansible(argv: list[bytes]) -> bool:
    # The interpreter, perhaps with an option, comes before the script.
    names = [os.fsdecode(word).rpartition("/")[2] for word in argv[:3]]
    if b"-m" in argv[1:3]:
        return os.fsdecode(b" ".join(argv[2:4])).startswith("ansible ")
    return any(_ANSIBLE.match(name) for name in names)


def _argv(pid: int) -> list[bytes]:
    try:
        return _PROC.joinpath(str(pid), "cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on: the name before may hold anything."""
    try:
        text = _PROC.joinpath(str(pid), "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _parent(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[1]) if len(fields) > 1 else None


def _began(pid: int) -> str:
    fields = _stat(pid)
    if len(fields) < 20 or fields[0] in "ZX":
        return ""
    try:
        boot = _PROC.joinpath("sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return f"{boot[:8]}.{fields[19]}"


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
