# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Local TCP connections, each relayed to a stream of its own, by one thread and a selector.

Neither side can fill the memory: what one side does not take is not read from the other, which
TCP then tells its sender. Opening a stream takes a while and blocks, so a few threads do that.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._kube.port_forward import PortStream

__all__ = ["LOOPBACK", "ListenError", "Relay", "Totals", "listen"]

LOOPBACK = "127.0.0.1"

_MOST_LINKS = 256
"""Connections at a time; further ones wait in the backlog. Each takes three descriptors."""

_DIALERS = 8
_RECV = 64 * 1024
_HIGH_WATER = 256 * 1024
"""Bytes that wait for one side, from which on nothing is read from the other."""

_LINGER = 10.0
"""Seconds that the pod may be silent after the local side has ended its own direction."""

_TICK = 1.0
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes a close a reset: the local side must not take it for a good end."""

_WOULD_BLOCK = (BlockingIOError, InterruptedError)
_ACCEPT_LATER = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class ListenError(DebugError):
    """The local port cannot be had."""


@dataclass
class Totals:
    """What has been relayed. `failed` counts connections that did not end in good order."""

    connections: int = 0
    failed: int = 0
    bytes_to_pod: int = 0
    bytes_from_pod: int = 0
    last_error: str | None = None


def listen(port: int) -> socket.socket:
    """Listen on a port of the loopback address, 0 for any that is free; raises ListenError."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Without it, a port could not be had again for a minute after its last connection.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((LOOPBACK, port))
        sock.listen(128)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise ListenError(
                f"local_port={port} is in use by another process: choose another one, or leave "
                "local_port out to get one that is free."
            ) from None
        if error.errno == errno.EACCES:
            raise ListenError(
                f"local_port={port} may not be opened by this user: choose one from 1024 on."
            ) from None
        raise ListenError(f"local_port={port} cannot be opened: {error.strerror}.") from None
    return sock


class _Link:
    """A local connection and its stream, which is None until it is open."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.stream: PortStream | None = None
        self.opening: Future[PortStream] | None = None
        self.outgoing: deque[memoryview] = deque()
        self.waiting = 0
        self.local_ended: float | None = None
        """When the local side had sent its last byte, or the pod its last one after that."""

    @property
    def is_lingering(self) -> bool:
        """Whether all that is left is an answer that the pod may still give."""
        idle = self.stream is not None and not self.stream.queued and not self.waiting
        return self.local_ended is not None and idle


class Relay:
    """Relays until `end` is called; `run` returns why.

    `opener` opens a stream to the pod, in a thread; what it raises ends that connection alone.
    `on_failure` is told of each connection that failed, and may call `end`.
    """

    def __init__(
        self,
        listener: socket.socket,
        opener: Callable[[], PortStream],
        *,
        deadline: Callable[[], float],
        on_failure: Callable[[DebugError], None] | None = None,
    ) -> None:
        self.totals = Totals()
        self._listener = listener
        self._opener = opener
        self._deadline = deadline
        self._on_failure = on_failure
        self._links: set[_Link] = set()
        self._reason: str | None = None
        self._selector = selectors.DefaultSelector()
        self._waker, self._wakened = socket.socketpair()
        for sock in (self._waker, self._wakened):
            sock.setblocking(False)
        self._watched: dict[int, str] = {}
        self._dialers = ThreadPoolExecutor(_DIALERS, thread_name_prefix="kubedebug-dial")
        self._accepting = False
        self._next_tick = 0.0

    def end(self, reason: str) -> None:
        """End the relay, from any thread or a signal handler; the first reason counts."""
        if self._reason is None:
            self._reason = reason
        self.wake()

    def wake(self) -> None:
        """Let the relay look at its deadline again."""
        # A full pipe wakes as well.
        with contextlib.suppress(OSError):
            self._waker.send(b"x")

    def end_with(self, descriptor: int, reason: str) -> None:
        """End the relay when a descriptor becomes readable, as a pidfd does."""
        self._watched[descriptor] = reason
        self._selector.register(descriptor, selectors.EVENT_READ, None)

    def run(self) -> str:
        """Relay until the end, and return its reason. All connections are closed then."""
        self._selector.register(self._wakened, selectors.EVENT_READ, None)
        self._accept_if_there_is_room()
        try:
            while self._reason is None:
                self._round()
            return self._reason
        finally:
            for link in list(self._links):
                self._drop(link, reset=True)
            self._listener.close()
            self._dialers.shutdown(wait=False, cancel_futures=True)
            self._selector.close()

    def _round(self) -> None:
        remaining = self._deadline() - time.monotonic()
        if remaining <= 0:
            self.end("its time was over")
            return
        busy = any(self._has_hidden(link) for link in self._links)
        # With nothing to look after, nothing has to be looked at.
        patience = min(_TICK, remaining) if self._links or not self._accepting else remaining
        ready = self._selector.select(0.0 if busy else patience)
        for key, mask in ready:
            if key.data is not None:
                self._serve(key.data, key.fileobj, mask)
            elif key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._wakened:
                with contextlib.suppress(OSError):
                    self._wakened.recv(4096)
            else:
                self.end(self._watched[key.fd])
        if busy:
            for link in [link for link in self._links if self._has_hidden(link)]:
                self._from_pod(link)
        self._take_opened()
        self._now_and_then()

    def _has_hidden(self, link: _Link) -> bool:
        stream = link.stream
        return stream is not None and stream.buffered and link.waiting < _HIGH_WATER

    def _accept(self) -> None:
        while len(self._links) < _MOST_LINKS:
            try:
                sock, _peer = self._listener.accept()
            except _WOULD_BLOCK:
                break
            except OSError as error:
                if error.errno in _ACCEPT_LATER:
                    self._stop_accepting()
                break
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = _Link(sock)
            self.totals.connections += 1
            self._links.add(link)
            link.opening = self._dialers.submit(self._opener)
            link.opening.add_done_callback(lambda _future: self.wake())
        if len(self._links) >= _MOST_LINKS:
            for link in [link for link in self._links if link.is_lingering]:
                self._drop(link)
        if len(self._links) >= _MOST_LINKS:
            self._stop_accepting()

    def _accept_if_there_is_room(self) -> None:
        if not self._accepting and len(self._links) < _MOST_LINKS:
            self._accepting = True
            self._selector.register(self._listener, selectors.EVENT_READ, None)

    def _stop_accepting(self) -> None:
        if self._accepting:
            self._accepting = False
            self._selector.unregister(self._listener)

    def _take_opened(self) -> None:
        for link in [link for link in self._links if link.opening is not None]:
            if link.opening is None or not link.opening.done():
                continue
            error = link.opening.exception()
            if isinstance(error, DebugError):
                self._fail(link, error)
                continue
            link.stream = link.opening.result()
            link.opening = None
            self._register(link)

    def _now_and_then(self) -> None:
        now = time.monotonic()
        if now < self._next_tick:
            return
        self._next_tick = now + _TICK
        for link in list(self._links):
            if link.stream is None:
                continue
            if link.is_lingering and now - (link.local_ended or now) > _LINGER:
                self._drop(link)
                continue
            if link.local_ended is not None and not link.is_lingering:
                link.local_ended = now
            link.stream.keep_alive()
            self._register(link)
        self._accept_if_there_is_room()

    def _serve(self, link: _Link, side: object, mask: int) -> None:
        if link not in self._links or link.stream is None:
            return
        if side is link.sock:
            if mask & selectors.EVENT_WRITE:
                self._to_local(link)
            if mask & selectors.EVENT_READ and link in self._links:
                self._from_local(link)
        else:
            if mask & selectors.EVENT_WRITE:
                link.stream.flush()
            if mask & selectors.EVENT_READ:
                self._from_pod(link)
        if link in self._links:
            self._register(link)

    def _from_local(self, link: _Link) -> None:
        stream = link.stream
        if stream is None:
            return
        try:
            data = link.sock.recv(_RECV)
        except _WOULD_BLOCK:
            return
        except OSError:
            # The local side is gone; nobody is left to be told.
            self._drop(link)
            return
        if data:
            self.totals.bytes_to_pod += len(data)
            stream.write(data)
        else:
            link.local_ended = time.monotonic()

    def _from_pod(self, link: _Link) -> None:
        stream = link.stream
        if stream is None:
            return
        data = stream.read()
        if data:
            self.totals.bytes_from_pod += len(data)
            link.outgoing.append(memoryview(data))
            link.waiting += len(data)
            if link.local_ended is not None:
                link.local_ended = time.monotonic()
        self._to_local(link)

    def _to_local(self, link: _Link) -> None:
        """Hand on what has come from the pod, and its end after the last byte."""
        while link.outgoing:
            head = link.outgoing[0]
            try:
                sent = link.sock.send(head)
            except _WOULD_BLOCK:
                return
            except OSError:
                self._drop(link)
                return
            link.waiting -= sent
            if sent == len(head):
                link.outgoing.popleft()
            else:
                link.outgoing[0] = head[sent:]
        if link.stream is not None and link.stream.ended:
            failure = link.stream.failure
            if failure is None:
                self._drop(link)
            else:
                self._fail(link, failure)

    def _fail(self, link: _Link, error: DebugError) -> None:
        self.totals.failed += 1
        self.totals.last_error = error.msg
        self._drop(link, reset=True)
        if self._on_failure is not None:
            self._on_failure(error)

    def _drop(self, link: _Link, *, reset: bool = False) -> None:
        self._links.discard(link)
        self._unregister(link.sock)
        if reset:
            with contextlib.suppress(OSError):
                link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        link.sock.close()
        if link.stream is not None:
            self._unregister(link.stream)
            link.stream.close()
        elif link.opening is not None:
            link.opening.add_done_callback(_close_late)
        self._accept_if_there_is_room()

    def _register(self, link: _Link) -> None:
        """Tell the selector what this link can go on with."""
        stream = link.stream
        if stream is None:
            return
        reads = link.local_ended is None and stream.writable and stream.queued < _HIGH_WATER
        local = selectors.EVENT_READ if reads else 0
        local |= selectors.EVENT_WRITE if link.outgoing else 0
        remote = selectors.EVENT_READ if link.waiting < _HIGH_WATER and not stream.ended else 0
        remote |= selectors.EVENT_WRITE if stream.queued else 0
        self._set(link.sock, local, link)
        self._set(stream, remote, link)

    def _set(self, side: socket.socket | PortStream, mask: int, link: _Link) -> None:
        known = self._selector.get_map().get(side)
        if known is None:
            if mask:
                self._selector.register(side, mask, link)
        elif not mask:
            self._selector.unregister(side)
        elif known.events != mask:
            self._selector.modify(side, mask, link)

    def _unregister(self, side: socket.socket | PortStream) -> None:
        if side.fileno() >= 0 and self._selector.get_map().get(side) is not None:
            self._selector.unregister(side)


def _close_late(future: Future[PortStream]) -> None:
    """Close a stream that opened after its local side had gone."""
    if not future.cancelled() and future.exception() is None:
        future.result().close()
