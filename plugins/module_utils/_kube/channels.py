# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A websocket whose messages begin with the number of a channel, as exec and attach use it.

The socket does not block and one thread serves both directions, so that neither side can wait for
the other for ever, and a TLS socket is never used by two threads at once.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._kube.answers import request_target
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client, Headers
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import KubeError
from ansible_collections.kubedebug.core.plugins.module_utils._kube.failures import (
    connection_failure,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.websocket import (
    Answer,
    Decoder,
    Frame,
    Opcode,
    ProtocolError,
    encode,
    handshake_request,
    parse_answer,
    verify_answer,
)

__all__ = ["ChannelSocket", "Message", "connect"]

Message = tuple[int, bytes]

_HEAD_LIMIT = 64 * 1024
_BODY_LIMIT = 64 * 1024
_RECV = 256 * 1024
_RECV_TLS = 16 * 1024
"""Bytes of one read: with TLS it gives one record, which has no more."""

_RECV_ROUND = 1024 * 1024
"""Bytes read in one go before they are taken apart, and the caller gets them."""

_PING_PERIOD = 20.0
"""Seconds of silence after which a ping keeps a load balancer from dropping the connection."""

_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class ChannelSocket:
    """An open websocket, for one thread.

    `ended` turns true when the server has closed it, or the connection is gone; `problem` says
    why when that was no clean close. `writable` turns false when the server reads no more.

    `step` serves a caller with one connection. One with many has a selector of its own: it takes
    `fileno`, `buffered` and `queued` to know when `receive` and `flush` have something to do.
    `pongs` counts the answers to `ping`.
    """

    def __init__(self, sock: socket.socket, protocol: str, *, where: str, received: bytes) -> None:
        self.protocol = protocol
        self.ended = False
        self.writable = True
        self.problem: str | None = None
        self.pongs = 0
        self._sock = sock
        self._where = where
        self._decoder = Decoder()
        self._channel: int | None = None
        self._outgoing: deque[memoryview] = deque()
        self._queued = 0
        self._last_traffic = time.monotonic()
        self._most = _RECV_TLS if isinstance(sock, ssl.SSLSocket) else _RECV
        sock.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._key = self._selector.register(sock, selectors.EVENT_READ)
        # What came together with the answer of the handshake.
        self._received = received

    @property
    def queued(self) -> int:
        """Bytes that wait to be sent; a producer stops when they get many."""
        return self._queued

    @property
    def buffered(self) -> bool:
        """Whether bytes have arrived that a selector does not know of."""
        return bool(self._received) or self._has_decrypted()

    def fileno(self) -> int:
        return self._sock.fileno()

    def queue(self, payload: bytes) -> None:
        """Take a message for sending; `step` sends it."""
        self._queue(Opcode.BINARY, payload)

    def ping(self) -> None:
        """Ask for an answer, which comes after the server has taken what was sent before."""
        self._queue(Opcode.PING, b"")

    def keep_alive(self) -> None:
        """Send a sign of life after a silence; to be called now and then."""
        self._keep_alive()

    def flush(self) -> None:
        """Send what is possible at once."""
        self._last_traffic = time.monotonic()
        self._send()

    def receive(self) -> list[Message]:
        """Return what has arrived, without waiting."""
        self._last_traffic = time.monotonic()
        if self._received:
            received, self._received = self._received, b""
            return self._decode(received)
        return self._receive()

    def step(self, timeout: float | None) -> list[Message]:
        """Send and receive what is possible, waiting for at most `timeout` seconds.

        Returns what has arrived, in the order of arrival; it may be nothing, also before the
        time is over.
        """
        if self._received:
            received, self._received = self._received, b""
            return self._decode(received)
        if self.ended:
            return []
        wait = _PING_PERIOD if timeout is None else min(timeout, _PING_PERIOD)
        if self._has_decrypted():
            wait = 0.0
        mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outgoing else 0)
        if mask != self._key.events:
            self._key = self._selector.modify(self._sock, mask)
        ready = self._selector.select(wait)
        if not ready and not self._has_decrypted():
            self._keep_alive()
            return []
        self._last_traffic = time.monotonic()
        if self._outgoing:
            self._send()
        return self._receive()

    def close(self) -> None:
        """Say goodbye when that is possible at once, and close. It may be called twice."""
        if self._sock.fileno() < 0:
            return
        if not self.ended:
            self._queue(Opcode.CLOSE, (1000).to_bytes(2, "big"))
            self._send()
        self.ended = True
        self._selector.close()
        self._sock.close()

    def _has_decrypted(self) -> bool:
        """Tell of bytes that TLS has read already: the selector does not know them."""
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def _keep_alive(self) -> None:
        if time.monotonic() - self._last_traffic >= _PING_PERIOD and not self._outgoing:
            self._last_traffic = time.monotonic()
            # No answer is asked for: a server whose container does not read its input cannot
            # give one. TCP's own keepalive finds a dead peer.
            self._queue(Opcode.PING, b"")

    def _queue(self, opcode: Opcode, payload: bytes) -> None:
        if not self.writable:
            return
        frame = encode(opcode, payload)
        self._outgoing.append(memoryview(frame))
        self._queued += len(frame)

    def _send(self) -> None:
        while self._outgoing:
            head = self._outgoing[0]
            try:
                sent = self._sock.send(head)
            except _WOULD_BLOCK:
                return
            except OSError:
                # The other side reads no more, as when the command has ended before its input
                # has. What it sent is still to be read; the end shows there.
                self.writable = False
                self._outgoing.clear()
                self._queued = 0
                return
            self._queued -= sent
            if sent == len(head):
                self._outgoing.popleft()
            else:
                self._outgoing[0] = head[sent:]

    def _receive(self) -> list[Message]:
        chunks: list[bytes] = []
        size = 0
        problem: str | None = None
        while size < _RECV_ROUND and problem is None:
            try:
                data = self._sock.recv(self._most)
            except _WOULD_BLOCK:
                break
            except OSError as error:
                problem = connection_failure(error, where=self._where, timeout=0.0).msg
                break
            if not data:
                problem = "the connection ended without a close"
            size += len(data)
            chunks.append(data)
        messages = self._decode(*chunks)
        if problem is not None and not self.ended:
            self._end(problem)
        return messages

    def _decode(self, *chunks: bytes) -> list[Message]:
        messages: list[Message] = []
        try:
            for frame in self._decoder.feed(*chunks):
                if frame.opcode <= Opcode.BINARY:
                    messages += self._messages(frame)
                elif frame.opcode == Opcode.PING:
                    self._queue(Opcode.PONG, bytes(frame.payload))
                elif frame.opcode == Opcode.PONG:
                    self.pongs += 1
                elif frame.opcode == Opcode.CLOSE:
                    self._closed_by(frame)
                    break
        except ProtocolError as error:
            self._end(str(error))
        return messages

    def _messages(self, frame: Frame) -> list[Message]:
        """Take the channel off; the parts of one message are handed on one by one."""
        payload = frame.payload
        if frame.opcode != Opcode.CONTINUATION:
            if not payload:
                return []
            self._channel, payload = payload[0], payload[1:]
        if self._channel is None:
            raise ProtocolError("a message goes on that never began")
        return [(self._channel, bytes(payload))]

    def _closed_by(self, frame: Frame) -> None:
        code = int.from_bytes(frame.payload[:2], "big") if len(frame.payload) >= 2 else 1005
        # 1000 and 1005 are a clean end, 1001 is a server that goes away by design.
        text = bytes(frame.payload[2:]).decode("utf-8", "replace")
        clean_end = code in (1000, 1001, 1005)
        self._end(None if clean_end else f"the server closed it with code {code} {text}".rstrip())

    def _end(self, problem: str | None) -> None:
        self.ended = True
        self.writable = False
        self.problem = problem


def connect(
    client: Client,
    path: str,
    params: Mapping[str, Any],
    *,
    protocols: Sequence[str],
    timeout: float,
) -> ChannelSocket:
    """Open a websocket; raises ApiError, ConnectionFailed or KubeError. Nothing is retried.

    `timeout` is for the handshake, in seconds. Of the `protocols`, the server takes the first
    that it speaks.
    """
    target = client.transport.prefix + request_target(path, params)
    return client.authorized(
        lambda headers: _open(
            client, path, target, headers=headers, protocols=protocols, timeout=timeout
        )
    )


def _open(
    client: Client,
    path: str,
    target: str,
    *,
    headers: Headers,
    protocols: Sequence[str],
    timeout: float,
) -> ChannelSocket:
    key = base64.b64encode(os.urandom(16)).decode()
    transport = client.transport
    request = handshake_request(
        target, host=transport.where, headers=headers, protocols=protocols, key=key
    )
    sock = transport.connect()
    try:
        try:
            with transport.failures(timeout):
                sock.settimeout(timeout)
                sock.sendall(request)
                head, rest = _read_head(sock)
                answer = parse_answer(head)
                if answer.status != 101:
                    body = _read_body(sock, answer, rest)
                    raise _refusal(client, path, answer, body)
            chosen = verify_answer(answer, key=key, protocols=protocols)
        except ProtocolError as error:
            raise KubeError(
                f"No stream from {transport.where}: {error}. It needs an API server, or a proxy "
                "before one, that passes websockets on."
            ) from None
        return ChannelSocket(sock, chosen, where=transport.where, received=rest)
    except BaseException:
        sock.close()
        raise


def _read_head(sock: socket.socket) -> tuple[bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        data = sock.recv(_HEAD_LIMIT)
        if not data:
            raise ConnectionResetError("the connection ended before the answer")
        received += data
        if len(received) > _HEAD_LIMIT:
            raise ProtocolError("the head of the answer has no end")
    head, _end, rest = received.partition(b"\r\n\r\n")
    return head, rest


def _read_body(sock: socket.socket, answer: Answer, received: bytes) -> bytes:
    length = answer.headers.get("content-length", "")
    wanted = min(int(length), _BODY_LIMIT) if length.isdigit() else _BODY_LIMIT
    chunked = "chunked" in answer.headers.get("transfer-encoding", "").lower()
    while len(received) < wanted:
        if chunked and received.endswith(b"0\r\n\r\n"):
            break
        data = sock.recv(_BODY_LIMIT)
        if not data:
            break
        received += data
    return _unchunk(received) if chunked else received[:wanted]


def _unchunk(data: bytes) -> bytes:
    body = b""
    while data:
        size, _end, data = data.partition(b"\r\n")
        try:
            length = int(size.split(b";")[0], 16)
        except ValueError:
            break
        body += data[:length]
        data = data[length + 2 :]
    return body


def _refusal(client: Client, path: str, answer: Answer, body: bytes) -> KubeError:
    if answer.headers.get("content-type", "").startswith("text/plain"):
        # A kubelet answers in plain text, and its text is the only reason there is.
        text = body.decode("utf-8", "replace").strip()
        body = json.dumps({"kind": "Status", "message": text}).encode()
    return client.error(
        answer.status,
        body,
        retry_after=answer.headers.get("retry-after"),
        http_reason=answer.reason,
        method="GET",
        path=path,
    )
