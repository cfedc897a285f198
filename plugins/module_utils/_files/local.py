# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Where a target's files go on this machine: whole or not at all, and never through a link."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._files.folders import (
    READ_ONLY,
    Held,
    LocalError,
    NoPlace,
    failed,
    folder_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.model import (
    Entry,
    FilesOptions,
    local_parts,
    told,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target

__all__ = ["PARKED", "Arriving", "Store"]

PARKED = ".kubedebug-partial"
"""Folder of large files that are on their way, beside those of the containers: none of them has a
name that begins with a dot, so nothing of a target can have a name in it."""

_CHUNK = 1024 * 1024
# Bits that would give a program of the target power here.
_KEPT_BITS = 0o777


@dataclass
class Arriving:
    """A file on its way: hidden beside its place until it is whole."""

    entry: Entry
    store: Store
    folder: int
    temporary: str
    file: int
    size: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        """The hash of what has arrived."""
        return str(self._digest.hexdigest())

    def write(self, data: bytes) -> None:
        """Take a part, zeros as a hole; raises LocalError, as for a full disk."""
        self._digest.update(data)
        try:
            if data.strip(b"\0"):
                rest, at = memoryview(data), self.size
                while rest:
                    count = os.pwrite(self.file, rest, at)
                    rest, at = rest[count:], at + count
        except OSError as error:
            raise self.store.failed(self.entry, error) from error
        self.size += len(data)

    def finish(self) -> bool:
        """Let it appear in its place; False where that very content was there already."""
        try:
            os.ftruncate(self.file, self.size)
            if self._is_there():
                return self.store.adjust(self.entry)
            self.store.give_attributes(self.file, self.entry)
            os.fsync(self.file)
            self.store.put(self.entry, self.temporary, self.folder, self.folder)
        except OSError as error:
            raise self.store.failed(self.entry, error) from error
        finally:
            self.drop()
        return True

    def _is_there(self) -> bool:
        with self.store.opened(self.entry) as found:
            return (
                found is not None
                and os.fstat(found).st_size == self.size
                and _sha256(found) == self.sha256
            )

    def drop(self) -> None:
        """Leave nothing of it, where it has not got its place."""
        if self.file < 0:
            return
        with suppress(OSError):
            os.unlink(self.temporary, dir_fd=self.folder)
        os.close(self.file)
        os.close(self.folder)
        self.file = self.folder = -1


@dataclass(frozen=True)
class Store:
    """The folder of one target: ``dest/NAMESPACE/POD/CONTAINER``, or that of dest when flat."""

    options: FilesOptions
    target: Target
    _written: set[tuple[int, int]] = field(default_factory=set)
    _held: list[Held] = field(default_factory=list)

    @property
    def base(self) -> Path:
        return self._top.joinpath(*self._above)

    def place(self, entry: Entry) -> Path:
        """Where a file of the target belongs, for messages and results."""
        return self._top.joinpath(*self._names(entry))

    def failed(self, entry: Entry, error: OSError) -> LocalError:
        """The user's words for what the system said of the place of *entry*."""
        return failed(self.place(entry), error)

    def make_folder(self, entry: Entry) -> None:
        """Have a folder of the target; raises LocalError where something else is in the way."""
        with self._folder(self._names(entry)):
            pass

    def has_folder(self, entry: Entry) -> bool:
        """Whether a folder of the target is here."""
        with suppress(LocalError), self._folder(self._names(entry), create=False):
            return True
        return False

    def begin(self, entry: Entry) -> Arriving:
        """Make room for a file; raises LocalError."""
        name = f".kubedebug-{secrets.token_hex(8)}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._folder(self._names(entry)[:-1]) as folder:
            self._check_free(entry, folder)
            try:
                file = os.open(name, flags, 0o600, dir_fd=folder)
            except OSError as error:
                raise self.failed(entry, error) from error
            return Arriving(entry, self, folder=os.dup(folder), temporary=name, file=file)

    def park(self, entry: Entry) -> str:
        """The path at which a large file grows; its place is looked at first. Raises LocalError."""
        with self._folder(self._names(entry)[:-1]) as folder:
            self._check_free(entry, folder)
        if self.options.flat:
            return str(self.place(entry))
        with self._folder(self._parking):
            digest = hashlib.sha256(entry.path.encode("utf-8", "surrogateescape")).hexdigest()
            return str(self._top.joinpath(*self._parking, f"{self.target.container}-{digest[:32]}"))

    def unpark(self, entry: Entry, path: str) -> None:
        """Give a parked file that is whole its attributes and its place. Raises LocalError."""
        if self.options.flat:
            self.adjust(entry)
            return
        name = Path(path).name
        with (
            self._folder(self._parking) as parked,
            self._folder(self._names(entry)[:-1]) as folder,
        ):
            try:
                file = os.open(name, READ_ONLY, dir_fd=parked)
                try:
                    self.give_attributes(file, entry)
                finally:
                    os.close(file)
                self.put(entry, name, parked, folder)
            except OSError as error:
                raise self.failed(entry, error) from error

    def tidy(self) -> None:
        """Close what is open, and remove the parking folder unless a part is left for the next run.

        To be called at the end.
        """
        self._keep()
        with suppress(OSError):
            self._top.joinpath(*self._parking).rmdir()

    def put(self, entry: Entry, name: str, source: int, folder: int) -> None:
        """Rename a whole file to its place. Raises LocalError and OSError."""
        self._check_free(entry, folder)
        place = self._names(entry)[-1]
        os.rename(name, place, src_dir_fd=source, dst_dir_fd=folder)
        status = os.stat(place, dir_fd=folder, follow_symlinks=False)
        self._written.add((status.st_dev, status.st_ino))

    def give_attributes(self, file: int, entry: Entry) -> None:
        """The target's mode and time; none of the bits that make a program another user's."""
        if self.options.preserve:
            os.fchmod(file, entry.mode & _KEPT_BITS)
            # A file system without such a time takes the next that it has.
            with suppress(OverflowError):
                os.utime(file, ns=(entry.mtime_ns, entry.mtime_ns))

    def differs(self, file: int, entry: Entry) -> bool:
        """Whether an open copy has another mode or time than it should."""
        status = os.fstat(file)
        wanted = (entry.mode & _KEPT_BITS, entry.mtime_ns)
        there = (stat.S_IMODE(status.st_mode), status.st_mtime_ns)
        return self.options.preserve and there != wanted

    def adjust(self, entry: Entry, *, check_mode: bool = False) -> bool:
        """Give a file that is here the target's mode and time; True where it had others."""
        with self.opened(entry) as file:
            if file is None or not self.differs(file, entry):
                return False
            if check_mode:
                return True
            before = os.fstat(file)
            try:
                self.give_attributes(file, entry)
            except OSError as error:
                raise self.failed(entry, error) from error
            after = os.fstat(file)
        # A file system with coarser times never has the target's.
        return (before.st_mode, before.st_mtime_ns) != (after.st_mode, after.st_mtime_ns)

    def present(self, entries: Mapping[str, Entry]) -> dict[str, str]:
        """Path in the target -> hash of the copy that is here and has the same size."""
        found = {}
        for key, entry in entries.items():
            with self.opened(entry) as file:
                if file is not None and os.fstat(file).st_size == entry.size:
                    found[key] = _sha256(file)
        return found

    @contextmanager
    def opened(self, entry: Entry) -> Iterator[int | None]:
        """The copy of a file that is here, for reading; None where there is none."""
        file = None
        names = self._names(entry)
        with (
            suppress(OSError, LocalError),
            self._folder(names[:-1], create=False) as folder,
        ):
            file = os.open(names[-1], READ_ONLY, dir_fd=folder)
        try:
            yield file if file is not None and stat.S_ISREG(os.fstat(file).st_mode) else None
        finally:
            if file is not None:
                os.close(file)

    @property
    def _top(self) -> Path:
        dest = Path(self.options.dest)
        return dest.parent if self.options.flat else dest

    @property
    def _above(self) -> list[str]:
        if self.options.flat:
            return []
        return [self.target.namespace, self.target.name, self.target.container]

    @property
    def _parking(self) -> list[str]:
        return [*self._above[:2], PARKED]

    def _names(self, entry: Entry) -> list[str]:
        if self.options.flat:
            return [Path(self.options.dest).name]
        return [*self._above, *local_parts(entry.path)]

    @contextmanager
    def _folder(self, names: Sequence[str], *, create: bool = True) -> Iterator[int]:
        """A folder, made where it is missing. Raises LocalError.

        The last one is kept open, for the next file is there or below it as a rule.
        """
        held = next((each for each in self._held if each.leads_to(names)), None)
        with folder_of(
            self._top, names, fixed=len(self._above), create=create, start=held
        ) as folder:
            self._keep(Held(tuple(names), os.dup(folder)))
            yield folder

    def _keep(self, *folders: Held) -> None:
        for each in self._held:
            os.close(each.fd)
        self._held[:] = folders

    def _check_free(self, entry: Entry, folder: int) -> None:
        """A former copy is replaced; a folder, a link, or what this run has written is not."""
        try:
            status = os.stat(self._names(entry)[-1], dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self.failed(entry, error) from error
        where = told(str(self.place(entry)))
        if not stat.S_ISREG(status.st_mode):
            raise NoPlace(
                f"dest: {where} exists and is no file. Move it away, or choose another dest."
            )
        if (status.st_dev, status.st_ino) in self._written:
            raise NoPlace(
                f"dest: {where} is another file of the target already, since the file system here "
                "takes their names for the same. Choose another dest."
            )


def _sha256(file: int) -> str:
    """The hash of an open file, in constant memory."""
    digest, at = hashlib.sha256(), 0
    while data := os.pread(file, _CHUNK, at):
        digest.update(data)
        at += len(data)
    return digest.hexdigest()
