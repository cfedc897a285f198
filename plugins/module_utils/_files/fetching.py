# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Bringing a target's files home: many small ones in one stream, large ones each restartable."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.kubedebug.core.plugins.module_utils._files.folders import (
    LocalError,
    NoPlace,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.local import (
    Arriving,
    Store,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.model import (
    Entry,
    Problem,
    Received,
    told,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.program import (
    sender_argv,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.remote import (
    FileOutcome,
    FilesError,
    Place,
    stream_files,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.download import (
    Source,
    download,
)

__all__ = ["Fetched", "compare", "fetch"]

# From this size on a file has a connection of its own, which goes on where it broke.
LARGE = 8 * 1024 * 1024
# Broken connections in a row without a file between them that came.
_RETRIES = 5
_PAUSE = 0.5


@dataclass
class Fetched:
    """What came of one target's files; ``error`` is what ended it before all of them were tried."""

    files: list[Received] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    error: DebugError | None = None


class _Work:
    """The files of one target on their way."""

    def __init__(self, client: Client, place: Place, store: Store) -> None:
        self.client = client
        self.place = place
        self.store = store
        self.done = Fetched()
        self._deadline = time.monotonic() + store.options.timeout
        self._arriving: Arriving | None = None
        self._refused: Entry | None = None
        # What says that it has no bytes may have some; together they stay within the bound.
        self._room = store.options.max_bytes

    def left(self) -> int:
        """Seconds that there are; raises FilesError when there are none."""
        left = int(self._deadline - time.monotonic())
        if left < 1:
            raise FilesError(
                f"{self.place.target.ref}: timeout={self.store.options.timeout} s was over before "
                "all files were here. Raise it, or name fewer files; those that came are kept."
            )
        return left

    def unchanged(self, entries: Sequence[Entry]) -> dict[str, str]:
        """Path -> hash of those whose copy here is what the target has."""
        here = self.store.present({each.path: each for each in entries})
        same: dict[str, str] = {}

        def on_data(entry: Entry, data: bytes) -> None:
            raise FilesError(f"{self.place.target.ref}: {len(data)} bytes of {told(entry.path)}")

        def on_end(entry: Entry, outcome: FileOutcome) -> None:
            if outcome.sha256 == here[entry.path]:
                same[entry.path] = here[entry.path]

        compared = [each for each in entries if each.path in here]
        self._stream(compared, content=False, on_data=on_data, on_end=on_end)
        return same

    def small(self, entries: Sequence[Entry]) -> None:
        """Stream files one after the other."""
        self._stream(entries, content=True, on_data=self._data, on_end=self._end)

    def _stream(
        self,
        entries: Sequence[Entry],
        *,
        content: bool,
        on_data: Callable[[Entry, bytes], None],
        on_end: Callable[[Entry, FileOutcome], None],
    ) -> None:
        """Read files in order; after a broken connection it goes on with the one that broke."""
        left = list(entries)
        failures = 0

        def ended(entry: Entry, outcome: FileOutcome) -> None:
            on_end(entry, outcome)
            left.remove(entry)

        while left:
            before = len(left)
            try:
                stream_files(
                    self.client,
                    self.place,
                    tuple(left),
                    content=content,
                    timeout=self.left(),
                    on_data=on_data,
                    on_end=ended,
                )
            except LocalError:
                raise
            except DebugError:
                failures = failures + 1 if len(left) == before else 1
                if failures > _RETRIES:
                    raise
                time.sleep(_PAUSE * failures)
            finally:
                if self._arriving is not None:
                    self._arriving.drop()
                    self._arriving = None

    def _data(self, entry: Entry, data: bytes) -> None:
        if self._refused is entry:
            return
        self._room -= len(data)
        if self._room < 0:
            raise LocalError(
                f"{self.place.target.ref}: the files have more bytes than they had when they were "
                f"listed, more than max_bytes={self.store.options.max_bytes}. Those that came are "
                "kept; raise it, or name fewer."
            )
        try:
            if self._arriving is None:
                self._arriving = self.store.begin(entry)
            self._arriving.write(data)
        except NoPlace as error:
            self._refuse(entry, error)

    def _end(self, entry: Entry, outcome: FileOutcome) -> None:
        """A file's stream has ended: it appears in its place if it is what the seat has read."""
        if self._refused is entry:
            return
        if outcome.reason is not None:
            self._problem(entry, outcome.reason)
            if self._arriving is not None:
                self._arriving.drop()
                self._arriving = None
            return
        try:
            arrived = self._arriving or self.store.begin(entry)
            self._arriving = None
            if (arrived.sha256, arrived.size) != (outcome.sha256, outcome.size):
                arrived.drop()
                raise FilesError(f"{self.place.target.ref}: a file arrived changed by the way.")
            self._received(entry, outcome.sha256, changed=arrived.finish())
        except NoPlace as error:
            self._refuse(entry, error)
            return
        if outcome.size < entry.size:
            self._problem(entry, f"it has shrunk to {outcome.size} bytes meanwhile")
        elif outcome.torn:
            self._problem(entry, "it was written to while it was read: parts are of two moments")

    def _refuse(self, entry: Entry, error: NoPlace) -> None:
        """What has no place here is told, and the others come."""
        self._refused = entry
        self._problem(entry, error.msg)

    def folders(self, entries: Sequence[Entry]) -> None:
        """Have the target's folders."""
        for entry in entries:
            try:
                self.store.make_folder(entry)
            except NoPlace as error:
                self._refuse(entry, error)

    def keep(self, same: Mapping[str, str], entries: Sequence[Entry]) -> None:
        """Take what is here as it is, but for its mode and time."""
        for entry in entries:
            if entry.path in same:
                self._received(entry, same[entry.path], changed=self.store.adjust(entry))

    def large(self, entry: Entry) -> None:
        """Bring one file over a connection of its own."""
        try:
            path = self.store.park(entry)
            self._download(entry, path)
        except NoPlace as error:
            self._refuse(entry, error)

    def _download(self, entry: Entry, path: str) -> None:
        source = Source(
            path=told(entry.path),
            sender=sender_argv(
                container_id=self.place.target.container_id,
                pid=self.place.pid,
                first=self.place.first,
                path=entry.path,
                device=entry.device,
                inode=entry.inode,
            ),
        )
        got = download(
            self.client,
            self.place.seat,
            source,
            path,
            timeout=float(self.left()),
            force=True,
        )
        if not got.whole:
            self.done.files.append(
                Received(entry=entry, dest=got.path, sha256=None, changed=True, whole=False)
            )
            self._problem(entry, got.error.msg if got.error is not None else "it is not whole")
            return
        self.store.unpark(entry, path)
        self._received(entry, got.sha256, changed=True)

    def _received(self, entry: Entry, sha256: str | None, *, changed: bool) -> None:
        dest = str(self.store.place(entry))
        self.done.files.append(Received(entry=entry, dest=dest, sha256=sha256, changed=changed))

    def _problem(self, entry: Entry, reason: str) -> None:
        self.done.problems.append(Problem(path=entry.path, reason=reason))


def fetch(client: Client, place: Place, store: Store, entries: Sequence[Entry]) -> Fetched:
    """Bring all files among *entries* home, and have the folders; what came stays in any case."""
    work = _Work(client, place, store)
    files = [each for each in entries if each.type == "file"]
    try:
        if not store.options.flat:
            work.folders([each for each in entries if each.type == "directory"])
        same = work.unchanged(files)
        work.keep(same, files)
        wanted = [each for each in files if each.path not in same]
        work.small([each for each in wanted if each.size < LARGE])
        for entry in wanted:
            if entry.size >= LARGE:
                work.large(entry)
    except DebugError as error:
        work.done.error = error
    store.tidy()
    work.done.files.sort(key=lambda each: each.entry.path)
    return work.done


def compare(client: Client, place: Place, store: Store, entries: Sequence[Entry]) -> bool:
    """Whether `fetch` would change anything here; nothing is changed now. Raises DebugError."""
    work = _Work(client, place, store)
    files = [each for each in entries if each.type == "file"]
    folders = [each for each in entries if each.type == "directory"]
    try:
        if not store.options.flat and not all(store.has_folder(each) for each in folders):
            return True
        same = work.unchanged(files)
        return any(
            each.path not in same or store.adjust(each, check_mode=True)
            for each in files
            # What says that it has no bytes has to be read to know.
            if each.size or each.path in same
        )
    finally:
        store.tidy()
