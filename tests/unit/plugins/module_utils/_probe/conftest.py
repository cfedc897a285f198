# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real peers on 127.0.0.1, good ones and bad ones."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest

Behaviour = Callable[[socket.socket, threading.Event], None]


class Peer:
    """A server that does one thing with each connection; ``ended`` is set when the test is over."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.ended = threading.Event()
        self.requests: list[bytes] = []
        self._behaviour = behaviour
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def _serve(self) -> None:
        while True:
            connection, _address = self._listener.accept()
            if self.ended.is_set():
                connection.close()
                return
            worker = threading.Thread(target=self._talk, args=(connection,), daemon=True)
            self._threads.append(worker)
            worker.start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._behaviour(connection, self.ended)
            except OSError:
                # The prober gave up on this connection, which is what many tests are about.
                return

    def close(self) -> None:
        self.ended.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()


@pytest.fixture
def peer() -> Iterator[Callable[[Behaviour], Peer]]:
    """Start a peer with a behaviour."""
    started: list[Peer] = []

    def start(behaviour: Behaviour) -> Peer:
        started.append(Peer(behaviour))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture(scope="session")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """The server's side of TLS with a certificate that nobody vouches for."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "cert.pem"
    if shutil.which("openssl") is None:
        pytest.skip("this machine has no openssl to make a certificate with")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", "/CN=localhost", "-days", "1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.fixture
def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def answer(response: bytes) -> Behaviour:
    """Read a request, then say *response*."""

    def behave(connection: socket.socket, _ended: threading.Event) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            part = connection.recv(65536)
            if not part:
                return
            received += part
        connection.sendall(response)

    return behave


def silence(connection: socket.socket, ended: threading.Event) -> None:
    """Take the connection and say nothing."""
    del connection
    ended.wait(30)


def drip(connection: socket.socket, ended: threading.Event) -> None:
    """Say a byte of a header now and then, without an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not ended.wait(0.01):
        connection.sendall(b"y")


def reset(connection: socket.socket, _ended: threading.Event) -> None:
    """Hang up with a reset."""
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def hang_up(connection: socket.socket, _ended: threading.Event) -> None:
    """Hang up without a word."""
    connection.recv(65536)


@pytest.fixture
def behaviours() -> dict[str, Behaviour]:
    """The peers that the tests name."""
    return {
        "ok": answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        "until closed": answer(b"HTTP/1.0 200 OK\r\n\r\nhello"),
        "chunked": answer(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
        ),
        "long": answer(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300_000),
        "error": answer(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"),
        "no content": answer(b"HTTP/1.1 204 No Content\r\n\r\n"),
        "redirect": answer(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"),
        "garbage": answer(b"\x1b[31mSSH-2.0-OpenSSH\r\n\r\n"),
        "silence": silence,
        "drip": drip,
        "reset": reset,
        "hang up": hang_up,
    }
