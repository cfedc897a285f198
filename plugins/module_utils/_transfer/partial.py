# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The side of the controller: a destination that is only ever there whole, and the part before it.

`<destination>.partial` holds what has come, `<destination>.partial.json` says what it is a part of.
The part is locked while a process works on it. Nothing here follows a symbolic link, and nothing
that this collection did not write is replaced without `force`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError, clean
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.plan import CHUNK, Note

__all__ = ["Digest", "DiskError", "Partial", "destination_sum"]

_READ = 1024 * 1024
_NOTE_LIMIT = 64 * 1024
_CLOSED = os.O_CLOEXEC | os.O_NOFOLLOW


class Digest(Protocol):
    """What is used of a hash."""

    def update(self, data: bytes | memoryview, /) -> None: ...

    def hexdigest(self) -> str: ...


class DiskError(DebugError):
    """The destination cannot be written."""


def _failure(error: OSError | ValueError, path: str, doing: str) -> DiskError:
    """Make the user's error of what the system said about a file of the controller."""
    shown = clean(path)
    if not isinstance(error, OSError):
        return DiskError(f"{shown!r} is no name of a file. Give another destination.")
    folder = clean(str(Path(path).parent))
    ways = {
        errno.ENOENT: f"the folder {folder} does not exist. Create it first",
        errno.ENOTDIR: f"{folder} is no folder. Give a destination in one",
        errno.EACCES: f"{folder} may not be written to. Give another destination, or its rights",
        errno.EPERM: f"{folder} may not be written to. Give another destination, or its rights",
        errno.EROFS: f"{folder} is mounted read-only. Give another destination",
        errno.ELOOP: "it is a symbolic link, which is never followed. Remove it, or give another "
        "destination",
        errno.EISDIR: "it is a folder. Give the path of a file",
        errno.ENOSPC: f"the disk of {folder} is full. Make room and run this again: it goes on "
        "from what has come",
        errno.EDQUOT: f"the quota of {folder} is used up. Make room and run this again: it goes on "
        "from what has come",
        errno.EFBIG: "the file system or a limit of the process allows no file of this size. Give "
        "another destination",
        errno.ENAMETOOLONG: "the name is too long. Give a shorter destination",
    }
    reason = ways.get(error.errno or 0, clean(error.strerror or "unknown failure"))
    return DiskError(f"{shown} cannot be {doing}: {reason}.")


@contextlib.contextmanager
def _told(path: str, doing: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise _failure(error, path, doing) from None


def _kind(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def _refuse_other(path: str, found: os.stat_result) -> None:
    """Raise for what is no plain file; `force` does not help, for it could be anything."""
    if stat.S_ISREG(found.st_mode):
        return
    if stat.S_ISLNK(found.st_mode):
        raise DiskError(
            f"{clean(path)} is a symbolic link, which is never followed. Remove it, or give "
            "another destination."
        )
    what = "a folder" if stat.S_ISDIR(found.st_mode) else "no plain file"
    raise DiskError(f"{clean(path)} is {what}. Give the path of a file as destination.")


def destination_sum(path: str) -> tuple[int, str] | None:
    """Size and SHA-256 of what is at the destination; None for nothing. Raises DiskError."""
    with _told(path, "read"):
        found = _kind(path)
        if found is None:
            return None
        _refuse_other(path, found)
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _CLOSED)
        try:
            digest = hashlib.sha256()
            size = _feed(number, digest, 0, None)
        finally:
            os.close(number)
    return size, digest.hexdigest()


def _feed(number: int, digest: Digest, start: int, length: int | None) -> int:
    """Sum up a range of a file (all that there is without a length); returns its bytes."""
    buffer = memoryview(bytearray(_READ))
    done = 0
    while length is None or done < length:
        most = _READ if length is None else min(_READ, length - done)
        count = os.preadv(number, [buffer[:most]], start + done)
        if not count:
            break
        digest.update(buffer[:count])
        done += count
    return done


class Partial:
    """The part of one destination, locked by this process; close it, or use it in a `with`.

    `note` says what the bytes are of that an earlier run has left, None where there are none.
    Raises DiskError when the destination cannot be begun.
    """

    def __init__(self, destination: str, *, force: bool) -> None:
        if destination.rpartition("/")[2] in {"", ".", ".."}:
            raise DiskError(
                f"{clean(destination)!r} is no name of a file. Give the path of a file as "
                "destination."
            )
        self.destination = destination
        self.path = f"{destination}.partial"
        self._note_path = f"{self.path}.json"
        self._force = force
        with _told(self.path, "written"):
            self._number = self._open()
        try:
            with _told(self.path, "read"):
                self.size = os.fstat(self._number).st_size
                self.note = self._read_note()
            self._refuse_foreign()
        except BaseException:
            os.close(self._number)
            raise

    def __enter__(self) -> Partial:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the lock back; what has come stays, but for a part of nothing."""
        if self._number < 0:
            return
        if self.size == 0:
            self._unlink(self._note_path, self.path)
        os.close(self._number)
        self._number = -1

    def claim(self, note: Note) -> None:
        """Say what the bytes are of from now on. Raises DiskError."""
        fresh = f"{self._note_path}.new"
        with _told(self._note_path, "written"):
            self._unlink(fresh)
            number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOSED, 0o600)
            with os.fdopen(number, "wb") as file:
                file.write(note.dump())
            Path(fresh).replace(self._note_path)
        self.note = note

    def cut(self, size: int) -> None:
        """Leave only the first `size` bytes. Raises DiskError."""
        with _told(self.path, "written"):
            os.ftruncate(self._number, size)
        self.size = min(self.size, size)

    def write(self, data: bytes, at: int) -> None:
        """Put bytes in their place; past the end, zeros become a hole. Raises DiskError."""
        if at >= self.size and data[0] == 0 and data[-1] == 0 and not data.strip(b"\0"):
            return
        rest = memoryview(data)
        try:
            while rest:
                count = os.pwrite(self._number, rest, at)
                at += count
                self.size = max(self.size, at)
                rest = rest[count:]
        except OSError as error:
            raise _failure(error, self.path, "written") from None

    def feed(self, digest: Digest, size: int) -> None:
        """Sum up the first `size` bytes. Raises DiskError."""
        with _told(self.path, "read"):
            _feed(self._number, digest, 0, size)

    def sums(self, size: int) -> list[str]:
        """The checksum of each chunk of the first `size` bytes. Raises DiskError."""
        made = []
        with _told(self.path, "read"):
            for start in range(0, size, CHUNK):
                digest = hashlib.sha256()
                _feed(self._number, digest, start, min(CHUNK, size - start))
                made.append(digest.hexdigest())
        return made

    def room(self) -> int:
        """Bytes that are free on the disk for this user."""
        with _told(self.path, "read"):
            found = os.fstatvfs(self._number)
        return found.f_bavail * found.f_frsize

    def extend(self, size: int) -> None:
        """Let a hole at the end count as well. Raises DiskError."""
        if self.size < size:
            with _told(self.path, "written"):
                os.ftruncate(self._number, size)
            self.size = size

    def finish(self, mode: int) -> None:
        """Make it the destination, durably and in one step. Raises DiskError."""
        with _told(self.destination, "written"):
            os.fchmod(self._number, mode)
            os.fsync(self._number)
            if self._force:
                found = _kind(self.destination)
                if found is not None:
                    _refuse_other(self.destination, found)
                Path(self.path).replace(self.destination)
            else:
                self._place()
            self._sync_folder()
        self._unlink(self._note_path)
        os.close(self._number)
        self._number = -1

    def discard_if_same(self) -> None:
        """Remove the part if it is the destination itself: its run ended between two steps."""
        found = _kind(self.destination)
        if found is not None and os.path.samestat(found, os.fstat(self._number)):
            self._unlink(self._note_path, self.path)

    def set_aside(self) -> str:
        """Move what an earlier run has left to a name of its own, and begin with nothing.

        Returns that name. Raises DiskError.
        """
        number = 1
        while _kind(f"{self.path}.{number}") is not None:
            number += 1
        aside = f"{self.path}.{number}"
        with _told(self.path, "moved away"):
            Path(self.path).rename(aside)
            fresh = self._open()
        os.close(self._number)
        self._number = fresh
        self.size = 0
        self.note = None
        return aside

    def _place(self) -> None:
        """Give it its name without taking one from another file: rename would."""
        try:
            os.link(self.path, self.destination, follow_symlinks=False)
        except FileExistsError:
            raise DiskError(
                f"{clean(self.destination)} was made by somebody else meanwhile. The whole file is "
                f"{clean(self.path)}; rename it, or run this again with another destination."
            ) from None
        except OSError:
            # A file system without hard links.
            if _kind(self.destination) is not None:
                raise
            Path(self.path).rename(self.destination)
            return
        self._unlink(self.path)

    def _open(self) -> int:
        """Open and lock the part: the file that has the name when the lock is taken."""
        while True:
            number = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | _CLOSED, 0o600)
            try:
                if not stat.S_ISREG(os.fstat(number).st_mode):
                    _refuse_other(self.path, os.fstat(number))
                try:
                    fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise DiskError(
                        f"{clean(self.path)} is being written by another run. Wait for its end, or "
                        "give another destination."
                    ) from None
                named = _kind(self.path)
                if named is not None and os.path.samestat(named, os.fstat(number)):
                    return number
            except BaseException:
                os.close(number)
                raise
            os.close(number)

    def _read_note(self) -> Note | None:
        try:
            number = os.open(self._note_path, os.O_RDONLY | os.O_NONBLOCK | _CLOSED)
        except FileNotFoundError:
            return None
        with os.fdopen(number, "rb") as file:
            return Note.parse(file.read(_NOTE_LIMIT))

    def _refuse_foreign(self) -> None:
        if self.size and self.note is None and not self._force:
            raise DiskError(
                f"{clean(self.path)} is there and not a part that this collection left. Move it "
                "away, give another destination, or set force."
            )

    def _sync_folder(self) -> None:
        number = os.open(Path(self.destination).parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(number)
        finally:
            os.close(number)

    @staticmethod
    def _unlink(*paths: str) -> None:
        for path in paths:
            with contextlib.suppress(OSError):
                Path(path).unlink()
