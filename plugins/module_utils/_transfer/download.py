# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""A file of a container brought to this machine, whole and verified, or kept as far as it came.

The bytes come through one exec stream and go straight to `<destination>.partial`; a stream that
breaks is followed by one that begins at the block where it broke. Both sides sum up the whole file
as it passes. Only where the sums differ are the checksums of its chunks compared, and only the
chunks that differ are fetched again. The destination gets its name at the very end.

What is fetched is the file as it was at the start: when it only grows meanwhile, its first bytes
are verified and complete; when it is cut or replaced, that is an error.

Not done, since it does not pay: several streams at once (on one node they share its processors),
and compression (gzip is slower than the stream, and Python has no faster method).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    ExecError,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.partial import (
    Digest,
    DiskError,
    Partial,
    destination_sum,
)
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.plan import (
    CHUNK,
    Facts,
    Note,
    bad_chunks,
    parse_sums,
    resume_at,
)
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.remote import (
    BLOCK,
    CHUNK_BLOCKS,
    send_argv,
    sums_argv,
)
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.stream import (
    Broken,
    Late,
    Program,
    is_passing,
)

__all__ = ["RETRIES", "Source", "Transferred", "download"]

RETRIES = 12
"""Failures in a row, with no block of progress between them, before a transfer is given up."""

_REPAIRS = 3
"""Rounds in which chunks that differ are fetched again."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file inside a seat. `reader` is the argv that the remote side is run under, as nsenter."""

    path: str
    reader: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Transferred:
    """What came of a download.

    `path` is the destination, or `<destination>.partial` where it is not whole. `expected` is the
    size of the source, as soon as that is known, and `resumed` counts the bytes that an earlier run
    had left. `retries` counts the streams that broke, `seconds` is the time of all of it.
    `unchanged` tells that the destination had that very content before. `set_aside` names what an
    earlier run had left of another file: it was moved there.
    """

    path: str
    size: int
    sha256: str | None
    whole: bool
    expected: int | None
    resumed: int
    retries: int
    seconds: float
    error: DebugError | None
    unchanged: bool = False
    set_aside: str | None = None


def download(
    client: Client,
    seat: Seat,
    source: Source,
    destination: str,
    *,
    timeout: float,
    retries: int = RETRIES,
    mode: int = 0o600,
    force: bool = False,
) -> Transferred:
    """Fetch a file; see the module's text.

    `timeout` bounds all of it, in seconds. `force` allows to replace a file at the destination
    whose content differs. Returns with `error` set when something came but not all (a next call
    goes on from there); raises DebugError when nothing did.
    """
    begin = time.monotonic()
    with Partial(destination, force=force) as part:
        work = _Download(client, seat, source, part, deadline=begin + timeout, retries=retries)
        error: DebugError | None = None
        unchanged = work.is_there(force=force)
        try:
            if not unchanged:
                work.fetch(mode)
        except DebugError as failure:
            error = work.explained(failure, timeout)
            if not part.size:
                raise error from None
        return Transferred(
            path=part.path if error else destination,
            size=work.at if work.facts else part.size,
            sha256=None if error else work.sha256,
            whole=error is None,
            expected=work.facts.size if work.facts else None,
            resumed=work.resumed,
            retries=work.retried,
            seconds=time.monotonic() - begin,
            error=error,
            unchanged=unchanged,
            set_aside=work.set_aside,
        )


class _Download:
    """The state of one transfer: `at` is the number of bytes that are here, without a gap."""

    def __init__(
        self,
        client: Client,
        seat: Seat,
        source: Source,
        part: Partial,
        *,
        deadline: float,
        retries: int,
    ) -> None:
        self.at = 0
        self.facts: Facts | None = None
        self.sha256: str | None = None
        self.resumed = 0
        self.retried = 0
        self.set_aside: str | None = None
        self._client = client
        self._seat = seat
        self._source = source
        self._part = part
        self._deadline = deadline
        self._retries = retries
        self._digest: Digest = hashlib.sha256()
        self._theirs: str | None = None
        self._skip = 0

    def is_there(self, *, force: bool) -> bool:
        """Whether the destination has the content already; raises DiskError if it has another."""
        found = destination_sum(self._part.destination)
        if found is None:
            return False
        size, digest = found
        facts, sums = self._ask(self._send_argv(0, count=0, with_sum=True), 1)
        if (facts.size, sums) == (size, [digest]):
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
            self._persist(self._pull, lambda: self._complete)
            if self._digest.hexdigest() == self._theirs:
                self.sha256 = self._theirs
            else:
                self._repair()
        finally:
            if self.facts is not None:
                self._part.extend(self.at)
        self._part.finish(mode)

    def explained(self, error: DebugError, timeout: float) -> DebugError:
        """The error with what is kept and the way out."""
        text = error.msg.rstrip(".")
        if isinstance(error, Late):
            text = (
                f"{self._seat.ref}: {clean(self._source.path)} did not come within {timeout:g} "
                "seconds"
            )
        kept = self._part.size
        if not kept:
            way = "" if not isinstance(error, Broken | Late) else ". Nothing has come; try again"
            return ExecError(f"{text}{way}.") if way else error
        of = f" of {self.facts.size}" if self.facts else ""
        return ExecError(
            f"{text}. {kept}{of} bytes are kept in {clean(self._part.path)}; run this again and it "
            "goes on from there."
        )

    @property
    def _complete(self) -> bool:
        return self.facts is not None and self.at == self.facts.size and self._theirs is not None

    def _persist(self, work: Callable[[], None], done: Callable[[], bool]) -> None:
        """Work until it is done, through what passes; raises what does not."""
        failures = 0
        while not done():
            before = self.at
            try:
                work()
            except DebugError as error:
                if not is_passing(error, begun=self.facts is not None):
                    raise
                if self.facts is None and not isinstance(error, Broken):
                    # It was tried again already; somebody waits to hear of it.
                    raise
                failures = 0 if self.at - before >= BLOCK else failures + 1
                if failures > self._retries:
                    raise
                self.retried += 1
                policy = self._client.retry
                pause = policy.delay(max(1, failures), getattr(error, "retry_after", None))
                left = self._deadline - time.monotonic()
                if left <= 0:
                    raise Late(error.msg) from None
                policy.sleep(min(pause, left))

    def _pull(self) -> None:
        """One stream from where we are to the end."""
        known = self.facts
        if known is None:
            first = self._part.size // BLOCK if self._part.note else 0
        else:
            first = self.at // BLOCK
            self._skip = self.at - first * BLOCK
        only_sum = known is not None and self.at == known.size
        program = self._program(
            self._send_argv(first, count=0 if only_sum else None, with_sum=self._theirs is None),
            take=self._take,
            on_header=lambda facts: self._header(facts, first),
            stop=lambda: self._heard_all(program),
        )
        try:
            program.run()
        except _Anew:
            return
        finally:
            self._heard_sum(program)

    def _send_argv(self, first: int, *, count: int | None, with_sum: bool) -> list[str]:
        return send_argv(
            self._source.path,
            reader=self._source.reader,
            first=first,
            count=count,
            with_sum=with_sum,
            seconds=max(1.0, self._deadline - time.monotonic()),
        )

    def _program(
        self,
        argv: list[str],
        *,
        take: Callable[[bytes], None],
        on_header: Callable[[Facts], None],
        stop: Callable[[], bool],
    ) -> Program:
        return Program(
            client=self._client,
            seat=self._seat,
            path=self._source.path,
            argv=argv,
            deadline=self._deadline,
            take=take,
            on_header=on_header,
            stop=stop,
        )

    def _header(self, facts: Facts, first: int) -> None:
        if self.facts is not None:
            self._check(facts)
            return
        start = self._begin(facts)
        if start != first:
            raise _Anew

    def _begin(self, facts: Facts) -> int:
        """Take up what an earlier run has left; returns the block to go on from."""
        note = Note(
            namespace=self._seat.namespace,
            pod=self._seat.pod,
            path=self._source.path,
            facts=facts,
        )
        left = self._part.note
        start = 0
        if left is not None and self._part.size:
            if left.is_of(note):
                start = resume_at(self._part.size, left.facts, facts)
            if not (left.is_of(note) and facts.continues(left.facts)):
                self.set_aside = self._part.set_aside()
        missing = min(facts.size, facts.allocated) - self._part.size
        room = self._part.room()
        if missing > room:
            raise DiskError(
                f"{clean(self._part.path)} needs {missing} more bytes and the disk has {room}. "
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
                f"{self._seat.ref}: {clean(self._source.path)} has changed while it was fetched: "
                f"{facts.difference(self.facts)}. Run this again when nothing writes to it."
            )

    def _take(self, data: bytes) -> None:
        if self._skip:
            dropped = min(self._skip, len(data))
            self._skip -= dropped
            data = data[dropped:]
        if self.facts is None or not data:
            return
        data = data[: self.facts.size - self.at] if self.facts.size - self.at < len(data) else data
        if data:
            self._part.write(data, self.at)
            self._digest.update(data)
            self.at += len(data)

    def _heard_all(self, program: Program) -> bool:
        if self.facts is None or self.at != self.facts.size:
            return False
        self._heard_sum(program)
        return self._theirs is not None

    def _heard_sum(self, program: Program) -> None:
        if self._theirs is None:
            sums = parse_sums(bytes(program.stderr))
            self._theirs = sums[0] if sums else None

    def _ask(self, argv: list[str], count: int) -> tuple[Facts, list[str]]:
        """Run a script that gives `count` checksums and no bytes."""
        heard: list[Facts] = []
        said = bytearray()
        sums: list[str] = []

        def work() -> None:
            said.clear()
            heard.clear()
            program = self._program(
                argv, take=said.extend, on_header=heard.append, stop=lambda: enough(program)
            )
            program.run()

        def enough(program: Program) -> bool:
            sums[:] = parse_sums(bytes(said) + bytes(program.stderr))
            return len(sums) >= count

        self._persist(work, lambda: len(sums) >= count)
        return heard[0], sums

    def _repair(self) -> None:
        """Find the chunks that differ and fetch only them; raises ExecError if that is in vain."""
        if self.facts is None:
            return
        size = self.facts.size
        self._part.extend(size)
        argv = sums_argv(self._source.path, reader=self._source.reader, size=size)
        bad: list[int] = []
        for round_ in range(_REPAIRS + 1):
            facts, theirs = self._ask(argv, (size + CHUNK - 1) // CHUNK)
            self._check(facts)
            bad = bad_chunks(self._part.sums(size), theirs)
            if not bad:
                digest = hashlib.sha256()
                self._part.feed(digest, size)
                self.sha256 = digest.hexdigest()
                return
            if round_ < _REPAIRS:
                for number in bad:
                    self._fetch_chunk(number, size)
        raise ExecError(
            f"{self._seat.ref}: {len(bad)} chunks of {clean(self._source.path)} differ on both "
            f"sides, also after they were fetched {_REPAIRS} times. Something writes to the file, "
            "or the memory or the disk of one side is broken"
        )

    def _fetch_chunk(self, number: int, size: int) -> None:
        end = min(size, (number + 1) * CHUNK)
        at = number * CHUNK

        def work() -> None:
            nonlocal at
            at = number * CHUNK
            argv = self._send_argv(number * CHUNK_BLOCKS, count=CHUNK_BLOCKS, with_sum=False)
            self._program(argv, take=take, on_header=self._check, stop=lambda: at == end).run()

        def take(data: bytes) -> None:
            nonlocal at
            data = data[: end - at]
            if data:
                self._part.write(data, at)
                at += len(data)

        self._persist(work, lambda: at == end)


class _Anew(Exception):
    """The stream began at another place than what was found out asks for."""
