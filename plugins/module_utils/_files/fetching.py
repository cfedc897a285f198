# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Bringing a target's files home: many small ones in one stream, large ones each restartable."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ansible_collections.kubedebug.core.plugins.module_utils._files.local import (
    Arriving,
    LocalError,
    Store,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.model import (
    Entry,
    Problem,
    Received,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.program import (
    OPENED,
    opener_argv,
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

__all__ = ["Fetched", "fetch"]

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

    def left(self) -> int:
        """Seconds that there are; raises FilesError when there are none."""
        left = int(self._deadline - time.monotonic())
        if left < 1:
            raise FilesError(
                f"{self.place.target.ref}: timeout={self.store.options.timeout} s was over before "
                "all files were here. Raise it, or name fewer files; those that came are kept."
            )
        return left

    def unchanged(self, entries: Sequence[Entry]) -> set[str]:
        """Those whose copy here is what the target has; they are not sent again."""
        here = self.store.present({each.path: each for each in entries})
        same: set[str] = set()
        if not here:
            return same

        def on_data(entry: Entry, data: bytes) -> None:
            del entry, data

        def on_end(entry: Entry, outcome: FileOutcome) -> None:
            if outcome.sha256 == here[entry.path]:
                same.add(entry.path)
                changed = self.store.adjust(entry)
                self._received(entry, outcome.sha256, changed=changed)

        compared = [each for each in entries if each.path in here]
        stream_files(
            self.client,
            self.place,
            compared,
            content=False,
            timeout=self.left(),
            on_data=on_data,
            on_end=on_end,
        )
        return same

    def small(self, entries: Sequence[Entry]) -> None:
        """Stream files one after the other; a broken connection goes on with the next."""
        left = list(entries)
        failures = 0
        while left:
            before = len(left)
            try:
                stream_files(
                    self.client,
                    self.place,
                    tuple(left),
                    content=True,
                    timeout=self.left(),
                    on_data=self._data,
                    on_end=lambda entry, outcome: self._end(left, entry, outcome),
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
        if self._arriving is None:
            self._arriving = self.store.begin(entry)
        self._arriving.write(data)

    def _end(self, left: list[Entry], entry: Entry, outcome: FileOutcome) -> None:
        """A file's stream has ended: it appears in its place if it is what the seat has read."""
        if outcome.reason is None and self._arriving is None:
            self._arriving = self.store.begin(entry)
        arrived, self._arriving = self._arriving, None
        if outcome.reason is not None or arrived is None:
            if arrived is not None:
                arrived.drop()
            self._problem(entry, outcome.reason or "nothing came")
        elif (arrived.sha256, arrived.size) != (outcome.sha256, outcome.size):
            arrived.drop()
            raise FilesError(f"{self.place.target.ref}: a file arrived changed by the way.")
        else:
            arrived.finish()
            self._received(entry, outcome.sha256, changed=True)
            if outcome.size < entry.size:
                self._problem(entry, f"it has shrunk to {outcome.size} bytes meanwhile")
        left.remove(entry)

    def large(self, entry: Entry) -> None:
        """Bring one file over a connection of its own."""
        path = self.store.ready(entry)
        source = Source(
            path=OPENED,
            reader=opener_argv(
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
            str(path),
            timeout=float(self.left()),
            force=True,
        )
        if not got.whole:
            self.done.files.append(
                Received(entry=entry, dest=got.path, sha256=None, changed=True, whole=False)
            )
            self._problem(entry, got.error.msg if got.error is not None else "it is not whole")
            return
        self.store.adjust(entry)
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
            for folder in (each for each in entries if each.type == "directory"):
                store.make_folder(store.place(folder))
        same = work.unchanged(files)
        wanted = [each for each in files if each.path not in same]
        work.small([each for each in wanted if each.size < LARGE])
        for entry in wanted:
            if entry.size >= LARGE:
                work.large(entry)
    except DebugError as error:
        work.done.error = error
    work.done.files.sort(key=lambda each: each.entry.path)
    return work.done
