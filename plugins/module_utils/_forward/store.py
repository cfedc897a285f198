# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What is known of each forward, in files that only this user can read: no secret is in them.

The process writes its file when it listens and once more at its end, with what it has relayed; the
task that stops it reads that and removes the file. A file whose process is gone without a word
(killed) is recognised by the process's ID and start.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TextIO

from ansible_collections.kubedebug.core.plugins.module_utils._forward.processes import Process
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError

__all__ = ["Record", "Store", "StoreError"]

_VERSION = 1
_FOLDER = "kubedebug-forward"
_KEPT = 24 * 3600.0
"""Seconds for which the last word of a process is kept for a task that asks."""

_PAUSE = 0.05


class StoreError(DebugError):
    """The folder of the files cannot be used."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One forward. `expires` and `ended_at` are seconds since 1970.

    `port_name` is the port as the task gave it, and `controller_pid` is 0 for a forward that no
    playbook's end ends. `ended` is why the process has ended; it is None while it runs, and when
    it could not say so any more.
    """

    id: str
    selection: str
    server: str
    namespace: str
    pod: str
    uid: str
    node: str
    container: str
    port: int
    port_name: str
    local_port: int
    expires: float
    controller_pid: int = 0
    controller_began: str = ""
    pid: int = 0
    began: str = ""
    ended: str | None = None
    ended_at: float = 0.0
    connections: int = 0
    failed: int = 0
    bytes_to_pod: int = 0
    bytes_from_pod: int = 0
    last_error: str | None = None

    @property
    def process(self) -> Process:
        return Process(pid=self.pid, began=self.began)

    @property
    def controller(self) -> Process | None:
        """The playbook whose end ends it."""
        if not self.controller_pid:
            return None
        return Process(pid=self.controller_pid, began=self.controller_began)

    @property
    def runs(self) -> bool:
        return self.ended is None and self.process.runs


class Store:
    """The records of this user."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def open(cls, environ: Mapping[str, str]) -> Store:
        """The folder of this user and of this boot where there is one; raises StoreError."""
        runtime = environ.get("XDG_RUNTIME_DIR")
        if runtime and Path(runtime).is_absolute() and Path(runtime).is_dir():
            folder = Path(runtime) / _FOLDER
        else:
            base = environ.get("TMPDIR") or tempfile.gettempdir()
            folder = Path(base) / f"{_FOLDER}-{os.getuid()}"
        _make_private(folder)
        return cls(folder)

    def records(self) -> list[Record]:
        """All records that can be read, in a stable order."""
        found = [self._load(path) for path in sorted(self._folder.glob("*.json"))]
        return sorted(
            (record for record in found if record is not None),
            key=lambda record: (record.namespace, record.pod, record.port, record.id),
        )

    def get(self, number: str) -> Record | None:
        return self._load(self._path(number))

    def write(self, record: Record) -> None:
        """Write at once as a whole, so that a reader sees the old or the new one."""
        text = json.dumps({"version": _VERSION, **asdict(record)})
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=".", suffix=".tmp")
        path = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            path.replace(self._path(record.id))
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def remove(self, number: str) -> None:
        self._path(number).unlink(missing_ok=True)

    def prune(self) -> None:
        """Remove what nobody will ask for any more: it has ended, and so has its playbook."""
        for record in self.records():
            if record.runs:
                continue
            asker = record.controller
            old = time.time() - max(record.ended_at, record.expires - _KEPT) > _KEPT
            if old or (asker is not None and not asker.runs):
                self.remove(record.id)

    @contextlib.contextmanager
    def lock(self, numbers: Sequence[str], *, timeout: float) -> Iterator[None]:
        """Keep other tasks from starting the same forwards; raises StoreError after a while.

        They are ranges of one file, which the system gives back with the process, and which no
        fork of it has.
        """
        deadline = time.monotonic() + timeout
        with (self._folder / "lock").open("a", encoding="utf-8") as file:
            for offset in sorted({int(number[:7], 16) for number in numbers}):
                while not _lock_range(file, offset):
                    if time.monotonic() >= deadline:
                        raise StoreError(
                            f"Another task has been starting the same forward for {timeout:g} "
                            "seconds. Try again, or raise timeout."
                        )
                    time.sleep(_PAUSE)
            # Closing the file gives them all back.
            yield

    def _path(self, number: str) -> Path:
        return self._folder / f"{number}.json"

    def _load(self, path: Path) -> Record | None:
        """What is no record of this version is none of ours to read."""
        try:
            data: Any = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(data, dict) or data.pop("version", None) != _VERSION:
            return None
        if data.keys() != {each.name for each in fields(Record)}:
            return None
        return Record(**data)


def _lock_range(file: TextIO, offset: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True


def _make_private(folder: Path) -> None:
    """Make the folder, or see that it is this user's alone: in /tmp anybody can make one first."""
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be made: {error.strerror}. Set XDG_RUNTIME_DIR to a folder of yours."
        ) from None
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not private or stat.S_IMODE(found.st_mode) & 0o077:
        raise StoreError(
            f"{folder} is not a folder of this user alone: remove it, or set XDG_RUNTIME_DIR to a "
            "folder of yours."
        )
