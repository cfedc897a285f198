# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""One transfer from its first header to the name at its end."""

from __future__ import annotations

import hashlib

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    ExecError,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.line import Line
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.partial import (
    Digest,
    DiskError,
    Partial,
    destination_sum,
)
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.plan import (
    Facts,
    Note,
    parse_sums,
    resume_at,
)
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.repair import repair
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.scripts import BLOCK
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.stream import (
    Broken,
    Late,
    Program,
)

__all__ = ["Transfer"]


class Transfer:
    """The state: `at` is the number of bytes that are here, without a gap."""

    def __init__(self, line: Line, part: Partial) -> None:
        self.at = 0
        self.facts: Facts | None = None
        self.sha256: str | None = None
        self.resumed = 0
        self.set_aside: str | None = None
        self._line = line
        self._part = part
        self._digest: Digest = hashlib.sha256()
        self._theirs: str | None = None
        self._skip = 0

    def is_there(self, *, force: bool) -> bool:
        """Whether the destination has the content already; raises DiskError if it has another."""
        found = destination_sum(self._part.destination)
        if found is None:
            return False
        size, digest = found
        facts, theirs = self._line.whole_sum()
        if (facts.size, theirs) == (size, digest):
            self.facts, self.sha256, self.at = facts, digest, size
            self._part.discard_if_same()
            return True
        if not force:
            raise DiskError(
                f"{clean(self._part.destination)} is there with another content. Remove it, give "
                "another destination, or set force."
            )
        return False

    def fetch(self, mode: int) -> None:
        """Fetch what is missing, verify, and put it in its place."""
        try:
            self._line.persist(self._pull, lambda: self._complete, come=lambda: self.at)
            self._verify()
        finally:
            if self.facts is not None:
                self._part.extend(self.at)
        self._part.finish(mode)

    def explained(self, error: DebugError, timeout: float) -> DebugError:
        """The error with what is kept and the way out."""
        text = error.msg.rstrip(".")
        if isinstance(error, Late):
            text = (
                f"{self._line.seat.ref}: {clean(self._line.source.path)} did not come within "
                f"{timeout:g} seconds"
            )
        kept = self._part.size
        if kept:
            of = f" of {self.facts.size}" if self.facts else ""
            return ExecError(
                f"{text}. {kept}{of} bytes are kept in {clean(self._part.path)}; run this again "
                "and it goes on from there."
            )
        if isinstance(error, Broken | Late):
            return ExecError(f"{text}. Nothing has come; try again later, or raise timeout.")
        return error

    @property
    def _complete(self) -> bool:
        return self.facts is not None and self.at == self.facts.size and self._theirs is not None

    def _verify(self) -> None:
        if self.facts is None:
            return
        if self._digest.hexdigest() != self._theirs:
            self._part.extend(self.at)
            repair(self._line, self._part, self.at, check=self._check)
            self._digest = hashlib.sha256()
            self._part.feed(self._digest, self.at)
        self.sha256 = self._digest.hexdigest()

    def _pull(self) -> None:
        """One stream from where we are to the end."""
        known = self.facts
        if known is None:
            first = self._part.size // BLOCK if self._part.note else 0
        else:
            first = self.at // BLOCK
        self._skip = 0 if known is None else self.at - first * BLOCK
        only_sum = known is not None and self.at == known.size

        def headed(facts: Facts) -> None:
            if self.facts is not None:
                self._check(facts)
            elif self._begin(facts) != first:
                raise _Anew

        try:
            self._line.send(
                first,
                count=0 if only_sum else None,
                with_sum=self._theirs is None,
                take=self._take,
                on_header=headed,
                stop=self._heard_all,
            )
        except _Anew:
            return

    def _begin(self, facts: Facts) -> int:
        """Take up what an earlier run has left; returns the block to go on from."""
        seat = self._line.seat
        note = Note(
            namespace=seat.namespace, pod=seat.pod, path=self._line.source.path, facts=facts
        )
        left = self._part.note
        start = 0
        if left is not None and self._part.size:
            if left.is_of(note) and facts.continues(left.facts):
                start = resume_at(self._part.size, facts)
            else:
                self.set_aside = self._part.set_aside()
        missing = min(facts.size, facts.allocated) - self._part.size
        room = self._part.room()
        if missing > room:
            raise DiskError(
                f"{clean(self._part.path)} needs {missing} more bytes and its disk has {room}. "
                "Make room, or give another destination."
            )
        self._part.cut(start * BLOCK)
        self._part.claim(note)
        self._part.feed(self._digest, start * BLOCK)
        self.at = self.resumed = start * BLOCK
        self.facts = facts
        return start

    def _check(self, facts: Facts) -> None:
        if self.facts is not None and not facts.continues(self.facts):
            raise ExecError(
                f"{self._line.seat.ref}: {clean(self._line.source.path)} has changed while it was "
                f"fetched: {facts.difference(self.facts)}. Run this again when nothing writes to "
                "it."
            )

    def _take(self, data: bytes) -> None:
        if self._skip:
            dropped = min(self._skip, len(data))
            self._skip -= dropped
            data = data[dropped:]
        if self.facts is None:
            return
        wanted = self.facts.size - self.at
        if len(data) > wanted:
            data = data[:wanted]
        if data:
            self._part.write(data, self.at)
            self._digest.update(data)
            self.at += len(data)

    def _heard_all(self, program: Program) -> bool:
        """Whether nothing more is needed; it also looks for the checksum, which may come first."""
        if self._theirs is None and program.stderr:
            sums = parse_sums(bytes(program.stderr))
            self._theirs = sums[0] if sums else None
        return self._complete


class _Anew(Exception):
    """The stream began at another place than what was found out asks for."""
