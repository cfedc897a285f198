# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The relay between real local connections and a websocket server that echoes."""

from __future__ import annotations

import hashlib
import os
import select
import socket
import struct
import threading
import time
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube import (
    errors,
    port_forward,
    relay,
)

PATH = "/api/v1/namespaces/shop/pods/web/portforward"
LONG = 60.0


@pytest.fixture
def start(client):
    """Run a relay in a thread; it is ended, and has to end, after the test."""
    begun: list[Any] = []

    def make(opener=None, *, lifetime=LONG, on_failure=None):
        listener = relay.listen(0)
        address = listener.getsockname()

        def open_():
            return port_forward.open_port(
                client, namespace="shop", pod="web", port=80, timeout=LONG
            )

        deadline = time.monotonic() + lifetime
        running = relay.Relay(
            listener, opener or open_, deadline=lambda: deadline, on_failure=on_failure
        )
        reasons: list[str] = []
        thread = threading.Thread(target=lambda: reasons.append(running.run()))
        thread.start()
        begun.append((running, thread))
        return running, address, thread, reasons

    yield make
    for running, thread in begun:
        running.end("the test is over")
        thread.join(LONG)
        assert not thread.is_alive()


def serve(api: Any, talk: Any) -> None:
    def respond(exchange):
        sock = exchange.websocket()
        for channel in (0, 1):
            sock.send(channel, struct.pack("<H", 80))
        talk(sock, exchange)

    api.on("GET", PATH, respond)


def echo(sock, _exchange):
    while True:
        opcode, payload = sock.receive()
        if opcode == 9:
            sock.frame(10, payload)
        elif opcode == 8:
            return
        else:
            sock.send(0, payload[1:])


def connect(address) -> socket.socket:
    sock = socket.create_connection(address, LONG)
    sock.settimeout(LONG)
    return sock


def receive(sock: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = sock.recv(1 << 16)
        if not part:
            break
        data += part
    return bytes(data)


def settle(condition) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_many_connections_side_by_side_keep_apart_what_they_carry(api, start):
    serve(api, echo)
    running, address, _thread, _reasons = start()
    wrong: list[int] = []

    def talk(number):
        data = os.urandom(200_000)
        with connect(address) as sock:
            sender = threading.Thread(target=sock.sendall, args=(data,))
            sender.start()
            back = receive(sock, len(data))
            sender.join()
        if hashlib.sha256(back).digest() != hashlib.sha256(data).digest():
            wrong.append(number)

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert wrong == []
    assert running.totals.connections == 20
    assert running.totals.bytes_to_pod == running.totals.bytes_from_pod == 20 * 200_000
    assert running.totals.failed == 0


def test_a_pod_that_reads_nothing_holds_the_sender_up(api, start):
    serve(api, lambda _sock, exchange: exchange.hang())
    running, address, _thread, _reasons = start()
    with connect(address) as sock:
        sock.setblocking(False)
        chunk = bytes(1 << 16)
        sent = 0
        idle = 0
        while idle < 20:
            if select.select([], [sock], [], 0.1)[1]:
                sent += sock.send(chunk)
                idle = 0
            else:
                idle += 1
            assert sent < 64 << 20, "the relay takes what the pod does not"
        (link,) = running._links
        assert link.stream.queued <= relay._HIGH_WATER + relay._RECV + 1024


def test_a_client_that_reads_nothing_holds_the_pod_up(api, start):
    sent = []
    parts = 1024

    def flood(sock, _exchange):
        for _part in range(parts):
            sock.send(0, bytes(1 << 16))
            sent.append(1)
        sock.frame(8, struct.pack("!H", 1000))

    serve(api, flood)
    running, address, _thread, _reasons = start()
    with connect(address) as sock:
        settle(lambda: sent)
        before = -1
        while before != len(sent):
            before = len(sent)
            # Neither side can be asked whether it is done; silence for a second is.
            time.sleep(1.0)
        assert len(sent) < parts, "the relay takes what the client does not"
        (link,) = running._links
        assert link.waiting <= relay._HIGH_WATER + (2 << 20)
        assert len(receive(sock, parts << 16)) == parts << 16


def test_the_end_of_the_pods_side_comes_after_its_last_byte(api, start):
    def talk(sock, _exchange):
        sock.send(0, b"x" * 1_000_000)
        sock.frame(8, struct.pack("!H", 1000))

    serve(api, talk)
    running, address, _thread, _reasons = start()
    with connect(address) as sock:
        assert len(receive(sock, 2_000_000)) == 1_000_000
        assert sock.recv(1) == b""
    assert running.totals.failed == 0


def test_an_answer_still_comes_after_a_half_close(api, start):
    def talk(sock, _exchange):
        _opcode, payload = sock.receive()
        time.sleep(0.2)
        sock.send(0, payload[1:].upper())
        sock.frame(8, struct.pack("!H", 1000))

    serve(api, talk)
    _running, address, _thread, _reasons = start()
    with connect(address) as sock:
        sock.sendall(b"question")
        sock.shutdown(socket.SHUT_WR)
        assert receive(sock, 100) == b"QUESTION"


def test_a_client_that_has_gone_is_not_kept(api, start, monkeypatch):
    monkeypatch.setattr(relay, "_LINGER", 0.1)
    serve(api, echo)
    running, address, _thread, _reasons = start()
    with connect(address) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
    settle(lambda: not running._links)
    assert running.totals.failed == 0


@pytest.mark.parametrize("told", [True, False], ids=["told", "torn"])
def test_an_end_in_bad_order_is_a_reset(api, start, told):
    def talk(sock, exchange):
        sock.send(0, b"half")
        if told:
            sock.send(1, b"error forwarding port 80: connection reset by peer")
            sock.frame(8, struct.pack("!H", 1000))
        else:
            exchange.drop()

    serve(api, talk)
    failures: list[errors.DebugError] = []
    running, address, _thread, _reasons = start(on_failure=failures.append)
    with connect(address) as sock, pytest.raises(ConnectionResetError):
        while sock.recv(100):
            pass
    settle(lambda: failures)
    assert running.totals.failed == 1
    assert running.totals.last_error == failures[0].msg


def test_a_connection_that_cannot_be_opened_ends_alone(api, start):
    def refuse():
        raise errors.ConnectionFailed("No answer from there.")

    running, address, _thread, reasons = start(refuse)
    for _try in range(2):
        # The end may come before connect() has returned.
        with pytest.raises(ConnectionResetError), connect(address) as sock:
            sock.recv(1)
    settle(lambda: running.totals.failed == 2)
    assert running.totals.last_error == "No answer from there."
    assert reasons == []


def test_it_ends_at_its_deadline_with_all_connections(api, start):
    serve(api, echo)
    _running, address, thread, reasons = start(lifetime=1.0)
    with connect(address) as sock, pytest.raises(ConnectionResetError):
        sock.sendall(b"x")
        while sock.recv(1):
            pass
    thread.join(LONG)
    assert reasons == ["its time was over"]
    with pytest.raises(OSError):
        socket.create_connection(address, LONG)


def test_it_ends_with_a_descriptor(api, start):
    serve(api, echo)
    reader, writer = os.pipe()
    try:
        listener = relay.listen(0)
        running = relay.Relay(
            listener, lambda: None, deadline=lambda: time.monotonic() + LONG
        )  # fmt: skip
        running.end_with(reader, "the other end has gone")
        os.close(writer)
        assert running.run() == "the other end has gone"
    finally:
        os.close(reader)


def test_more_connections_than_it_takes_wait_for_their_turn(api, start, monkeypatch):
    monkeypatch.setattr(relay, "_MOST_LINKS", 4)
    monkeypatch.setattr(relay, "_LINGER", 0.0)
    serve(api, echo)
    running, address, _thread, _reasons = start()
    socks = [connect(address) for _number in range(8)]
    try:
        for number, sock in enumerate(socks):
            sock.sendall(b"%d" % number)
        settle(lambda: len(running._links) == 4)
        for number, sock in enumerate(socks):
            assert sock.recv(1) == b"%d" % number
            sock.close()
    finally:
        for sock in socks:
            sock.close()
    assert running.totals.connections == 8


def test_a_port_that_is_in_use():
    with relay.listen(0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(relay.ListenError, match=f"local_port={port} is in use"):
            relay.listen(port)
