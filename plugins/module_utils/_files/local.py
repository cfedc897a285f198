# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Where a target's files go on this machine: whole or not at all, and never through a link."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ansible_collections.kubedebug.core.plugins.module_utils._files.model import (
    Entry,
    FilesOptions,
    local_parts,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target

__all__ = ["Arriving", "LocalError", "Store", "sha256_of"]

_CHUNK = 1024 * 1024
# Bits that would give a program of the target power here.
_KEPT_BITS = 0o777


class LocalError(DebugError):
    """This machine cannot take a file."""


def sha256_of(path: Path) -> str:
    """The hash of a file, in constant memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(_CHUNK):
            digest.update(data)
    return digest.hexdigest()


@dataclass
class Arriving:
    """A file on its way: hidden beside its place until it is whole."""

    entry: Entry
    path: Path
    temporary: Path
    file: BinaryIO
    preserve: bool
    size: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        """The hash of what has arrived."""
        return str(self._digest.hexdigest())

    def write(self, data: bytes) -> None:
        """Take a part; raises LocalError, as for a full disk."""
        self._digest.update(data)
        self.size += len(data)
        try:
            self.file.write(data)
        except OSError as error:
            raise _failed(self.path, error) from error

    def finish(self) -> None:
        """Let it appear in its place, with the target's mode and time if that is asked for."""
        try:
            self.file.flush()
            set_attributes(self.file.fileno(), self.entry, preserve=self.preserve)
            os.fsync(self.file.fileno())
            self.file.close()
            self.temporary.replace(self.path)
        except OSError as error:
            self.drop()
            raise _failed(self.path, error) from error

    def drop(self) -> None:
        """Leave nothing of it."""
        with suppress(OSError):
            self.file.close()
        with suppress(OSError):
            self.temporary.unlink()


def set_attributes(fd: int, entry: Entry, *, preserve: bool) -> None:
    """Mode and time of the target's file; none of the bits that make a program another user's."""
    if preserve:
        os.fchmod(fd, entry.mode & _KEPT_BITS)
        os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))


@dataclass(frozen=True)
class Store:
    """The folder of one target: ``dest/NAMESPACE/POD/CONTAINER``, or dest itself when flat."""

    options: FilesOptions
    target: Target

    @property
    def base(self) -> Path:
        dest = Path(self.options.dest)
        if self.options.flat:
            return dest.parent
        return dest / self.target.namespace / self.target.name / self.target.container

    def place(self, entry: Entry) -> Path:
        """Where a file of the target belongs."""
        if self.options.flat:
            return Path(self.options.dest)
        return self.base.joinpath(*local_parts(entry.path))

    def make_folder(self, path: Path) -> None:
        """Have a folder for files; raises LocalError where something else stands in the way."""
        try:
            Path(self.options.dest if not self.options.flat else self.base).mkdir(
                parents=True, exist_ok=True
            )
            below = self.base
            below.mkdir(mode=0o700, parents=True, exist_ok=True)
            for part in path.relative_to(self.base).parts:
                below /= part
                with suppress(FileExistsError):
                    below.mkdir(mode=0o700)
                if not stat.S_ISDIR(below.lstat().st_mode):
                    raise LocalError(
                        f"dest: {clean(str(below))} is no folder, and nothing is written through "
                        "it. Move it away, or choose another dest."
                    )
        except OSError as error:
            raise _failed(path, error) from error

    def ready(self, entry: Entry) -> Path:
        """The place of a file, which nothing is in the way of; raises LocalError."""
        path = self.place(entry)
        self.make_folder(path.parent)
        self.check_free(path)
        return path

    def adjust(self, entry: Entry) -> bool:
        """Give a file that is here the target's mode and time; True where it had others."""
        if not self.options.preserve:
            return False
        path = self.place(entry)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise _failed(path, error) from error
        try:
            status = os.fstat(fd)
            wanted = (entry.mode & _KEPT_BITS, entry.mtime_ns)
            if (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == wanted:
                return False
            set_attributes(fd, entry, preserve=True)
        except OSError as error:
            raise _failed(path, error) from error
        finally:
            os.close(fd)
        return True

    def begin(self, entry: Entry) -> Arriving:
        """Make room for a file; raises LocalError."""
        path = self.ready(entry)
        try:
            fd, name = tempfile.mkstemp(prefix=".kubedebug-", dir=path.parent)
        except OSError as error:
            raise _failed(path, error) from error
        return Arriving(
            entry=entry,
            path=path,
            temporary=Path(name),
            file=os.fdopen(fd, "wb", buffering=_CHUNK),
            preserve=self.options.preserve,
        )

    def check_free(self, path: Path) -> None:
        """A former copy is replaced; a folder or a link is not. Raises LocalError."""
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            return
        except OSError as error:
            raise _failed(path, error) from error
        if not stat.S_ISREG(mode):
            raise LocalError(
                f"dest: {clean(str(path))} exists and is no file. Move it away, or choose another "
                "dest."
            )

    def present(self, entries: Mapping[str, Entry]) -> dict[str, str]:
        """Path in the target -> hash of the copy that is here and has the same size."""
        found = {}
        for key, entry in entries.items():
            path = self.place(entry)
            try:
                status = path.lstat()
                if stat.S_ISREG(status.st_mode) and status.st_size == entry.size:
                    found[key] = sha256_of(path)
            except OSError:
                continue
        return found


def _failed(path: Path, error: OSError) -> LocalError:
    reason = error.strerror or type(error).__name__
    return LocalError(
        f"dest: {clean(str(path))} cannot be written: {reason}. Files that were whole before it "
        "are kept; make room or choose another dest, and run the task again."
    )
