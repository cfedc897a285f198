# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The way to one file in a seat: scripts that are run again until they have done their part."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.plan import (
    Facts,
    Source,
    parse_sums,
)
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.scripts import (
    BLOCK,
    send_argv,
    sums_argv,
)
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.stream import (
    Broken,
    Late,
    Program,
    is_passing,
)

__all__ = ["Line"]


@dataclass(kw_only=True)
class Line:
    """`deadline` is by the monotonic clock; `retries` bounds the failures in a row that bring
    nothing on, `retried` counts all.

    `begun` turns true with the first header: until then a failure of the connection is told at
    once, for it was tried again already.
    """

    client: Client
    seat: Seat
    source: Source
    deadline: float
    retries: int
    retried: int = 0
    begun: bool = False

    def send(
        self,
        first: int,
        *,
        count: int | None,
        with_sum: bool,
        take: Callable[[bytes], None],
        on_header: Callable[[Facts], None],
        stop: Callable[[Program], bool],
    ) -> None:
        """Run the script that sends `count` blocks from `first` on; raises as `Program.run`."""
        argv = send_argv(
            self.source.path,
            reader=self.source.reader,
            first=first,
            count=count,
            with_sum=with_sum,
            seconds=max(1.0, self.deadline - time.monotonic()),
        )
        self._run(argv, take=take, on_header=on_header, stop=stop)

    def whole_sum(self) -> tuple[Facts, str]:
        """The checksum of the file as it is now."""
        facts, sums = self._ask(
            lambda take, on_header, stop: self.send(
                0, count=0, with_sum=True, take=take, on_header=on_header, stop=stop
            ),
            1,
        )
        return facts, sums[0]

    def chunk_sums(self, size: int, count: int) -> tuple[Facts, list[str]]:
        """The checksums of the chunks of the first `size` bytes."""
        argv = sums_argv(self.source.path, reader=self.source.reader, size=size)
        return self._ask(
            lambda take, on_header, stop: self._run(
                argv, take=take, on_header=on_header, stop=stop
            ),
            count,
        )

    def persist(
        self, work: Callable[[], None], done: Callable[[], bool], *, come: Callable[[], int]
    ) -> None:
        """Work until it is done, through what passes; raises what does not.

        `come` gives the bytes that have come, by which progress is told.
        """
        failures = 0
        while not done():
            before = come()
            try:
                work()
            except DebugError as error:
                if not is_passing(error, begun=self.begun):
                    raise
                if not self.begun and not isinstance(error, Broken):
                    raise
                failures = 0 if come() - before >= BLOCK else failures + 1
                if failures > self.retries:
                    raise
                self.retried += 1
                self._pause(error, failures)

    def _pause(self, error: DebugError, failures: int) -> None:
        policy = self.client.retry
        pause = policy.delay(max(1, failures), getattr(error, "retry_after", None))
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Late(error.msg) from None
        policy.sleep(min(pause, left))

    def _run(
        self,
        argv: list[str],
        *,
        take: Callable[[bytes], None],
        on_header: Callable[[Facts], None],
        stop: Callable[[Program], bool],
    ) -> None:
        def headed(facts: Facts) -> None:
            self.begun = True
            on_header(facts)

        Program(
            client=self.client,
            seat=self.seat,
            path=self.source.path,
            argv=argv,
            deadline=self.deadline,
            take=take,
            on_header=headed,
            stop=stop,
        ).run()

    def _ask(
        self,
        run: Callable[
            [
                Callable[[bytes], None],
                Callable[[Facts], None],
                Callable[[Program], bool],
            ],
            None,
        ],
        count: int,
    ) -> tuple[Facts, list[str]]:
        """Run a script that gives `count` checksums, on either stream."""
        heard: list[Facts] = []
        said = bytearray()
        sums: list[str] = []

        def enough(program: Program) -> bool:
            sums[:] = parse_sums(bytes(said) + bytes(program.stderr))
            return len(sums) >= count

        def work() -> None:
            said.clear()
            heard.clear()
            run(said.extend, heard.append, enough)

        self.persist(work, lambda: len(sums) >= count, come=lambda: 0)
        return heard[0], sums[:count]
