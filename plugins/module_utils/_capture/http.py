# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""HTTP/1 in the segments of a TCP connection: request lines and response statuses. Pure.

It is light on purpose: heads are put together across segments, out of order as well, bodies are
stepped over. What a head carries besides (credentials, cookies) is never kept, and of a path the
query is not, since tokens travel in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean

__all__ = ["STARTS", "Budget", "HttpStream", "Request", "Response", "parse_head"]

STARTS = frozenset(
    (b"GET ", b"POST", b"HEAD", b"PUT ", b"DELE", b"PATC", b"OPTI", b"CONN", b"TRAC", b"HTTP")
)
"""The first four bytes of whatever is looked at here."""

_REQUEST = re.compile(rb"([A-Z]{3,10}) ([^\s]{1,16000}) HTTP/1\.[01]\Z")
_RESPONSE = re.compile(rb"HTTP/1\.[01] ([1-9]\d\d)(?: |\Z)")
_HOST = re.compile(rb"^host:[ \t]*([^\s]{1,300})", re.IGNORECASE | re.MULTILINE)
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,18})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_CHUNKED = re.compile(rb"^transfer-encoding:", re.IGNORECASE | re.MULTILINE)

_MOST_HEAD = 16 * 1024
_MOST_HELD = 16
_MASK = 0xFFFFFFFF
_HALF = 0x80000000
_TEXT = 200


@dataclass(frozen=True, kw_only=True)
class Request:
    """``query`` tells that there was one; ``body`` is its length, None where it is not known."""

    method: str
    host: str | None
    path: str
    query: bool
    body: int | None


@dataclass(frozen=True, kw_only=True)
class Response:
    """``body`` as of a request. A status of 1xx but 101 is not the answer yet."""

    status: int
    body: int | None


class Budget:
    """What all connections of a file together may take: bytes that are held back, and streams."""

    def __init__(self, most: int, *, streams: int = 4096) -> None:
        self.left = most
        self.streams = streams


def parse_head(head: bytes) -> Request | Response | None:
    """What the head of a message says; None where it is none. It may be cut anywhere."""
    line, _newline, fields = head.partition(b"\r\n")
    length = _LENGTH.search(fields)
    body = None if _CHUNKED.search(fields) else int(length[1]) if length else 0
    response = _RESPONSE.match(line)
    if response is not None:
        status = int(response[1])
        if status < 200 or status in {204, 304}:
            body = 0
        elif length is None:
            # It goes on until the connection ends.
            body = None
        return Response(status=status, body=body)
    request = _REQUEST.match(line)
    if request is None:
        return None
    host = _HOST.search(fields)
    authority, path, query = _target(request[2].decode("utf-8", "replace"))
    name = host[1].decode("utf-8", "replace") if host else authority
    return Request(
        method=request[1].decode("ascii"),
        host=clean(name, limit=_TEXT) if name else None,
        path=clean(path, limit=_TEXT),
        query=query,
        body=body,
    )


def _target(target: str) -> tuple[str | None, str, bool]:
    """Host, path and whether there is a query, of a request's target in any form of RFC 9112."""
    host = None
    if "://" in target[:10]:
        try:
            parts = urlsplit(target)
            host, target = parts.hostname, (parts.path or "/") + ("?" if parts.query else "")
        except ValueError:
            return None, "(unreadable)", False
    path, query, _rest = target.partition("?")
    return host, path.partition("#")[0] or "/", bool(query)


def _may_begin(start: bytes) -> bool:
    """Tell whether a message may begin so; of less than four bytes it is not sure yet."""
    if len(start) == 4:
        return start in STARTS
    return any(known.startswith(start) for known in STARTS)


class HttpStream:
    """One direction of a connection; segments go in by ``push``, messages come out.

    Between two messages, and after a body of unknown length or a loss, the next message is looked
    for at the beginning of a segment, which is where nearly all begin.
    """

    __slots__ = ("_budget", "_expected", "_head", "_held", "_held_size", "_skip")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._expected: int | None = None
        self._head: bytearray | None = None
        self._skip = 0
        self._held: dict[int, tuple[bytes, int, int]] = {}
        self._held_size = 0
        budget.streams -= 1

    def close(self) -> None:
        """Give back what was taken; to be called once."""
        self._drop()
        self._budget.streams += 1

    def _drop(self) -> None:
        self._budget.left += self._held_size
        self._held, self._held_size, self._head, self._skip = {}, 0, None, 0

    def without_body(self) -> None:
        """The message that came last has no body whatever it says, as the answer to a HEAD."""
        self._skip = 0

    def push(
        self, sequence: int, payload: bytes, size: int, time: int
    ) -> Iterator[tuple[int, Request | Response]]:
        """Yield the messages whose heads are complete now, each with its time.

        *size* is the payload's length on the wire, of which *payload* may be less.
        """
        ahead = 0 if self._expected is None else (sequence - self._expected) & _MASK
        if ahead >= _HALF:
            return
        if ahead:
            if not self._hold(sequence, payload, size, time):
                yield from self._give_up(sequence, payload, size, time)
            return
        yield from self._take(sequence, payload, size, time)
        while self._held and self._expected in self._held:
            following = self._expected
            held = self._held.pop(following)
            self._held_size -= len(held[0])
            self._budget.left += len(held[0])
            yield from self._take(following, *held)

    def _hold(self, sequence: int, payload: bytes, size: int, time: int) -> bool:
        """Keep a segment that came before its time; False where that would be too much."""
        if len(self._held) >= _MOST_HELD or self._budget.left < len(payload):
            return False
        if sequence not in self._held:
            self._held[sequence] = (payload, size, time)
            self._held_size += len(payload)
            self._budget.left -= len(payload)
        return True

    def _give_up(
        self, sequence: int, payload: bytes, size: int, time: int
    ) -> Iterator[tuple[int, Request | Response]]:
        """Go on behind a segment that does not come any more, as one that the kernel dropped."""
        waiting = {**self._held, sequence: (payload, size, time)}
        self._drop()
        # In the order of the numbers, which wrap around; they are close to each other.
        for start in sorted(waiting, key=lambda number: (number - sequence + _HALF) & _MASK):
            if start != self._expected:
                self._head, self._skip = None, 0
            yield from self._take(start, *waiting[start])

    def _take(
        self, sequence: int, payload: bytes, size: int, time: int
    ) -> Iterator[tuple[int, Request | Response]]:
        """Read a segment that is next."""
        self._expected = (sequence + size) & _MASK
        at = self._step(0, size)
        while at < len(payload):
            if self._head is None:
                self._head = bytearray()
            before = len(self._head)
            self._head += payload[at : at + _MOST_HEAD]
            if not _may_begin(bytes(self._head[:4])):
                self._head = None
                return
            end = self._head.find(b"\r\n\r\n", max(0, before - 3))
            # What was not captured of a segment does not come any more: read what there is.
            if end < 0 and len(self._head) < _MOST_HEAD and size <= len(payload):
                return
            head = bytes(self._head if end < 0 else self._head[:end])
            self._head = None
            message = parse_head(head)
            if message is None:
                return
            self._skip = (message.body or 0) if end >= 0 else 0
            yield time, message
            at = self._step(at + end + 4 - before, size) if end >= 0 else len(payload)

    def _step(self, at: int, size: int) -> int:
        """Step over what is left of a body."""
        over = min(self._skip, size - at)
        self._skip -= over
        return at + over
