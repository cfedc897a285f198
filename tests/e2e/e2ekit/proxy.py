# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of the API server that fails on purpose.

It ends TLS with a certificate of the tests' own authority, passes everything on as it is (the
client's token included), and does what a `Fault` says to the requests that the fault matches.
"""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from e2ekit.certificates import Authority

__all__ = ["Answer", "Cut", "Fault", "FaultProxy", "Held", "Paused", "Slow"]

_CHUNK = 65536
# Seconds without a byte after which a relay ends; nothing here is silent for so long.
_SILENCE = 120.0
# Seconds that a pause lasts when the test forgets it.
_PAUSE = 900.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Answer in the API server's place, which never sees the request."""

    status: int
    body: bytes | dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_status(cls, status: int, reason: str, message: str, **headers: str) -> Answer:
        """A Status object, as the API server itself sends them."""
        body = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": status,
            "reason": reason,
            "message": message,
        }
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status=status, body=body, headers=names)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Pass on what the API server sends until *marker* has come, then reset the connection.

    An empty marker loses the whole answer: the server has done its work, and the client does not
    know.
    """

    marker: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Slow:
    """Pass the request on after so many seconds."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Held:
    """Pass the request on when the test says so, which hears by `reached` that it has come."""

    reached: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, kw_only=True)
class Paused:
    """Pass on what the API server sends until *marker* has come, then nothing more until the test
    says so, which hears by `reached` that it has come.
    """

    marker: bytes
    reached: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)


Does: TypeAlias = Answer | Cut | Held | Paused | Slow


@dataclass(kw_only=True)
class Fault:
    """What to do to requests whose ``METHOD path?query`` *matches* finds; *times* of them."""

    matches: str
    does: Does
    times: int = 1_000_000
    met: int = 0


class FaultProxy:
    """Listens on a free port of the loopback; ``requests`` has each request's first line."""

    def __init__(self, upstream: str, upstream_ca: bytes, folder: Path) -> None:
        split = urlsplit(upstream)
        self._upstream = (split.hostname or "", split.port or 443)
        self._to_server = ssl.create_default_context(cadata=upstream_ca.decode())
        self.authority = Authority()
        self._from_client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._from_client.load_cert_chain(self.authority.server(folder))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closed = threading.Event()
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def inject(self, matches: str, does: Does, *, times: int = 1_000_000) -> Fault:
        """Add a fault; the first that matches a request is the one that it meets."""
        fault = Fault(matches=matches, does=does, times=times)
        self.faults.append(fault)
        return fault

    def seen(self, matches: str) -> int:
        """How many requests there were of that kind."""
        with self._lock:
            return sum(1 for line in self.requests if re.search(matches, line))

    def close(self) -> None:
        """End all connections and threads."""
        self._closed.set()
        # shutdown wakes accept, which close alone does not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for each in list(self._open):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                raw, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    @contextlib.contextmanager
    def _kept(self, connection: socket.socket) -> Iterator[socket.socket]:
        with self._lock:
            self._open.add(connection)
        try:
            yield connection
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _serve(self, raw: socket.socket) -> None:
        # A client that hangs up, or a server that does, is what this proxy is for.
        with contextlib.suppress(OSError), self._kept(raw):
            raw.settimeout(_SILENCE)
            client = self._from_client.wrap_socket(raw, server_side=True)
            with self._kept(client):
                self._handle(client)

    def _handle(self, client: ssl.SSLSocket) -> None:
        request = _read_request(client)
        if request is None:
            return
        head, body = request
        line = head.split(b"\r\n", 1)[0].decode("latin-1").removesuffix(" HTTP/1.1")
        does = self._fault_of(line)
        if isinstance(does, Answer):
            client.sendall(_render(does))
            with contextlib.suppress(OSError):
                client.unwrap()
            return
        if isinstance(does, Slow):
            self._closed.wait(does.seconds)
        if isinstance(does, Held):
            does.reached.set()
            does.release.wait(_SILENCE)
        with self._kept(socket.create_connection(self._upstream, timeout=_SILENCE)) as plain:
            server = self._to_server.wrap_socket(plain, server_hostname=self._upstream[0])
            with self._kept(server):
                server.sendall(_one_request(head) + body)
                self._relay(client, server, does if isinstance(does, Cut | Paused) else None)

    def _fault_of(self, line: str) -> Does | None:
        with self._lock:
            self.requests.append(line)
            for fault in self.faults:
                if fault.met < fault.times and re.search(fault.matches, line):
                    fault.met += 1
                    return fault.does
        return None

    def _relay(
        self, client: ssl.SSLSocket, server: ssl.SSLSocket, does: Cut | Paused | None
    ) -> None:
        """Both directions in one thread, since a TLS connection is not for two at once."""
        tail = b""
        while True:
            for source, sink in ((server, client), (client, server)):
                chunk = _available(source)
                if chunk == b"":
                    # ValueError: its TLS has ended already, as when the client was killed.
                    with contextlib.suppress(OSError, ValueError):
                        client.unwrap()
                    return
                if chunk is None:
                    continue
                if source is server and does is not None:
                    tail = (tail + chunk)[-_CHUNK:]
                    if does.marker in tail and isinstance(does, Paused):
                        does.reached.set()
                        does.release.wait(_PAUSE)
                        does = None
                    elif does.marker in tail:
                        if does.marker:
                            _send(sink, chunk)
                        return
                _send(sink, chunk)
            if not server.pending() and not client.pending():
                ready = select.select([server, client], [], [], _SILENCE)[0]
                if not ready:
                    return


def _available(source: ssl.SSLSocket) -> bytes | None:
    """What has arrived; None for nothing yet, b"" for the end."""
    source.settimeout(0)
    try:
        return source.recv(_CHUNK)
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return None
    except (ssl.SSLEOFError, ConnectionError):
        return b""


def _send(sink: ssl.SSLSocket, chunk: bytes) -> None:
    sink.settimeout(_SILENCE)
    sink.sendall(chunk)


def _read_request(client: ssl.SSLSocket) -> tuple[bytes, bytes] | None:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = client.recv(_CHUNK)
        if not chunk:
            return None
        data += chunk
    head, _separator, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"(?im)^content-length:\s*(\d+)", head)
    wanted = int(found[1]) if found else 0
    while len(body) < wanted:
        chunk = client.recv(_CHUNK)
        if not chunk:
            return None
        body += chunk
    return head, body


def _one_request(head: bytes) -> bytes:
    """The head such that the server closes after its answer; an upgrade stays as it is."""
    if not re.search(rb"(?im)^upgrade:", head):
        head = re.sub(rb"(?im)^connection:[^\r\n]*\r\n", b"", head + b"\r\n").rstrip(b"\r\n")
        head += b"\r\nConnection: close"
    return head + b"\r\n\r\n"


def _render(answer: Answer) -> bytes:
    body = (
        answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode() + b"\n"
    )
    headers = {
        "Content-Type": "text/html" if isinstance(answer.body, bytes) else "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **answer.headers,
    }
    lines = [f"HTTP/1.1 {answer.status} Injected", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
