# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bytes of RFC 6455, as far as an API server uses them: the handshake and the frames. Pure.

websocket-client is not used: its frames need a socket that blocks, so that a large input deadlocks
with a large output (the standard TLS socket may not be read and written by two threads), its
cookie jar is shared by all connections, and its errors quote headers and bodies.
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

__all__ = [
    "Answer",
    "Decoder",
    "Frame",
    "Opcode",
    "ProtocolError",
    "encode",
    "handshake_request",
    "parse_answer",
    "verify_answer",
]

_ACCEPT_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_LONGEST_FRAME = 16 * 1024 * 1024
"""Bytes of one frame; a kubelet sends 32 KiB at a time."""

_CONTROL_LIMIT = 125
_LENGTH_16 = 126
_LENGTH_64 = 127


class ProtocolError(Exception):
    """The other side does not speak the protocol; never leaves the package."""


class Opcode(IntEnum):
    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of the server. `payload` is valid as long as it is held."""

    opcode: int
    final: bool
    payload: memoryview


@dataclass(frozen=True)
class Answer:
    """The head of an HTTP answer; names of headers are in lower case."""

    status: int
    reason: str
    headers: dict[str, str] = field(default_factory=dict)


def handshake_request(
    target: str,
    *,
    host: str,
    headers: Sequence[tuple[str, str]],
    protocols: Sequence[str],
    key: str,
) -> bytes:
    """Build the request that asks for a websocket. No extension is offered: no compression."""
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
        f"Sec-WebSocket-Protocol: {', '.join(protocols)}",
        *(f"{name}: {value}" for name, value in headers),
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1")


def parse_answer(head: bytes) -> Answer:
    """Parse status line and headers; raises ProtocolError."""
    status_line, *lines = head.decode("latin-1").split("\r\n")
    version, _space, rest = status_line.partition(" ")
    code, _space, reason = rest.partition(" ")
    if not version.startswith("HTTP/1.") or not code.isdigit():
        raise ProtocolError("the answer is not HTTP")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return Answer(int(code), reason, headers)


def verify_answer(answer: Answer, *, key: str, protocols: Sequence[str]) -> str:
    """Return the protocol that the server chose; raises ProtocolError when it chose none."""
    digest = hashlib.sha1(key.encode() + _ACCEPT_SUFFIX).digest()
    if answer.headers.get("sec-websocket-accept") != base64.b64encode(digest).decode():
        raise ProtocolError("the server's handshake does not fit the request")
    chosen = answer.headers.get("sec-websocket-protocol", "")
    if chosen not in protocols:
        raise ProtocolError(f"the server speaks none of {', '.join(protocols)}")
    return chosen


def encode(opcode: Opcode, payload: bytes) -> bytes:
    """Build one masked frame, as a client must."""
    length = len(payload)
    if length < _LENGTH_16:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
    elif length < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | _LENGTH_16, length)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | _LENGTH_64, length)
    mask = os.urandom(4)
    # One XOR of two large numbers is a hundred times faster than a loop over the bytes.
    pattern = (mask * (length // 4 + 1))[:length]
    number = int.from_bytes(payload, "little") ^ int.from_bytes(pattern, "little")
    return head + mask + number.to_bytes(length, "little")


class Decoder:
    """Cuts what arrives into frames. Bytes are joined only once a frame is whole."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._have = 0
        self._need = 2

    def feed(self, *data: bytes) -> Iterator[Frame]:
        """Take bytes of the server and yield each frame that is whole; raises ProtocolError.

        Many pieces at once are cheaper than one by one: each byte is copied once.
        """
        self._chunks += data
        self._have += sum(map(len, data))
        if self._have < self._need:
            return
        view = memoryview(self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks))
        at, end = 0, len(view)
        self._chunks = []
        while True:
            self._need = self._size(view, at)
            if end - at < self._need:
                break
            yield self._frame(view[at : at + self._need])
            at += self._need
        self._have = end - at
        if self._have:
            self._chunks = [bytes(view[at:])]

    @staticmethod
    def _size(view: memoryview, at: int) -> int:
        """Return the bytes of the frame at `at`, or of its head as long as that is not whole."""
        available = len(view) - at
        if available < 2:
            return 2
        length = view[at + 1]
        if length & 0x80:
            raise ProtocolError("a frame of the server is masked")
        if length == _LENGTH_16:
            if available < 4:
                return 4
            return 4 + int.from_bytes(view[at + 2 : at + 4], "big")
        if length == _LENGTH_64:
            if available < 10:
                return 10
            size = int.from_bytes(view[at + 2 : at + 10], "big")
            if size > _LONGEST_FRAME:
                raise ProtocolError(f"a frame has more than {_LONGEST_FRAME} bytes")
            return 10 + size
        return 2 + length

    @staticmethod
    def _frame(view: memoryview) -> Frame:
        first, length = view[0], view[1]
        if first & 0x70:
            raise ProtocolError("a frame uses an extension that was not agreed upon")
        opcode = first & 0x0F
        head = {_LENGTH_16: 4, _LENGTH_64: 10}.get(length, 2)
        if opcode >= Opcode.CLOSE and (length > _CONTROL_LIMIT or not first & 0x80):
            raise ProtocolError("a control frame is too long or in parts")
        return Frame(opcode, bool(first & 0x80), view[head:])
