# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Finds the parts of a file that arrived other than they were sent, and fetches only those."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import ExecError, clean
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.line import Line
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.partial import Partial
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.plan import (
    CHUNK,
    Facts,
    bad_chunks,
)
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.scripts import CHUNK_BLOCKS

__all__ = ["repair"]

_ROUNDS = 3


def repair(line: Line, part: Partial, size: int, *, check: Callable[[Facts], None]) -> None:
    """Make the first `size` bytes those of the source, which `check` looks at each time.

    Raises ExecError when they differ in the end, and as `Line` and `Partial` do.
    """
    count = (size + CHUNK - 1) // CHUNK
    bad = _differing(line, part, size, count, check)
    for _round in range(_ROUNDS):
        for number in bad:
            _fetch(line, part, number, min(size, (number + 1) * CHUNK), check)
        if bad:
            bad = _differing(line, part, size, count, check)
    if bad:
        raise ExecError(
            f"{line.seat.ref}: {len(bad)} of {count} chunks of {clean(line.source.path)} differ "
            f"on both sides, also after they were fetched {_ROUNDS} times more. Something writes "
            "to the file, or the memory or the disk of one side is broken."
        )


def _differing(
    line: Line, part: Partial, size: int, count: int, check: Callable[[Facts], None]
) -> list[int]:
    facts, theirs = line.chunk_sums(size, count)
    check(facts)
    return bad_chunks(part.sums(size), theirs)


def _fetch(
    line: Line, part: Partial, number: int, end: int, check: Callable[[Facts], None]
) -> None:
    """Fetch one chunk; one that breaks begins anew, since it is small."""
    begin = at = number * CHUNK

    def work() -> None:
        nonlocal at
        at = begin
        line.send(
            number * CHUNK_BLOCKS,
            count=CHUNK_BLOCKS,
            with_sum=False,
            take=take,
            on_header=check,
            stop=lambda _program: at == end,
        )

    def take(data: bytes) -> None:
        nonlocal at
        data = data[: end - at]
        if data:
            part.write(data, at)
            at += len(data)

    line.persist(work, lambda: at == end, come=lambda: 0)
