# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to ports over a real websocket: what is carried, and how they end."""

from __future__ import annotations

import struct
import time
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube import (
    errors,
    port_forward,
)

PATH = "/api/v1/namespaces/shop/pods/web/portforward"
LONG = 30.0
REFUSED = (
    "error forwarding port 80 to pod 4f0c, uid : failed to execute portforward in network "
    'namespace "/run/netns/cni-1": failed to connect to localhost:80 inside namespace "4f0c", '
    "IPv4: dial tcp4 127.0.0.1:80: connect: connection refused IPv6 dial tcp6: address localhost: "
    "no suitable address found"
)


def serve(api: Any, *talks: Any) -> None:
    def responder(talk):
        def respond(exchange):
            sock = exchange.websocket()
            for channel in (0, 1):
                sock.send(channel, struct.pack("<H", 80))
            talk(sock, exchange)

        return respond

    api.on("GET", PATH, *(responder(talk) for talk in talks))


def open_(client: Any) -> port_forward.PortStream:
    return port_forward.open_port(client, namespace="shop", pod="web", port=80, timeout=LONG)


def read_all(stream: port_forward.PortStream) -> bytes:
    data = b""
    deadline = time.monotonic() + LONG
    while not stream.ended and time.monotonic() < deadline:
        data += stream.step(1.0)
    assert stream.ended
    return data


def bye(sock, code=1000):
    sock.frame(8, struct.pack("!H", code))


def take(sock):
    """The next message that is no ping; pings are answered as a server must."""
    while True:
        opcode, payload = sock.receive()
        if opcode == 9:
            sock.frame(10, payload)
        else:
            return opcode, payload


def probe(client: Any, timeout: float = LONG) -> None:
    port_forward.probe(client, namespace="shop", pod="web", port=80, timeout=timeout)


def test_both_directions_and_a_clean_end(api, client):
    def talk(sock, _exchange):
        opcode, payload = take(sock)
        assert (opcode, payload[:1]) == (2, b"\0")
        sock.send(0, payload[1:].upper())
        bye(sock)

    serve(api, talk)
    stream = open_(client)
    stream.write(b"hello")
    assert read_all(stream) == b"HELLO"
    assert stream.failure is None
    stream.close()
    (request,) = api.requests
    assert request.query == {"ports": ["80"]}
    assert request.header("Sec-WebSocket-Protocol") == "v4.channel.k8s.io"


def test_large_data_is_sent_in_parts_and_whole(api, client):
    data = bytes(range(256)) * 4000

    def talk(sock, _exchange):
        got = b""
        while len(got) < len(data):
            _opcode, payload = take(sock)
            assert len(payload) <= 32 * 1024 + 1
            got += payload[1:]
        sock.send(0, got[::-1])
        bye(sock)

    serve(api, talk)
    stream = open_(client)
    stream.write(data)
    assert read_all(stream) == data[::-1]


@pytest.mark.parametrize("first", [b"", b"\x50"], ids=["apart", "split"])
def test_the_ports_number_is_taken_off_wherever_it_is_cut(api, client, first):
    def respond(exchange):
        sock = exchange.websocket()
        rest = struct.pack("<H", 80)[len(first) :]
        if first:
            sock.send(0, first)
        sock.send(0, rest + b"data")
        bye(sock)

    api.on("GET", PATH, respond)
    assert read_all(open_(client)) == b"data"


def test_another_port_than_the_one_asked_for_is_no_data(api, client):
    def respond(exchange):
        sock = exchange.websocket()
        sock.send(0, struct.pack("<H", 8080) + b"secret of another port")
        bye(sock)

    api.on("GET", PATH, respond)
    stream = open_(client)
    read_all(stream)
    assert "another port" in stream.failure.msg


def test_a_failure_after_data_is_told_with_its_reason_alone(api, client):
    def talk(sock, _exchange):
        sock.send(0, b"half")
        sock.send(1, b"error forwarding port 80 to pod 4f0c, uid : read: connection reset\x1b[2J")
        bye(sock)

    serve(api, talk)
    stream = open_(client)
    assert read_all(stream) == b"half"
    assert "connection reset" in stream.failure.msg
    assert "\x1b" not in stream.failure.msg
    assert stream.failure.msg.startswith("shop/web: ")


def test_an_end_without_a_close_is_a_failure(api, client):
    def talk(sock, exchange):
        sock.send(0, b"half")
        exchange.drop()

    serve(api, talk)
    stream = open_(client)
    read_all(stream)
    assert stream.failure is not None


def test_a_long_reason_is_bounded(api, client):
    def talk(sock, _exchange):
        for _part in range(100):
            sock.send(1, b"x" * 10_000)
        bye(sock)

    serve(api, talk)
    stream = open_(client)
    read_all(stream)
    assert len(stream.failure.msg) < 1000


def answer_pings(sock, _exchange):
    while True:
        opcode, payload = sock.receive()
        if opcode == 9:
            sock.frame(10, payload)
        elif opcode == 8:
            return
        else:
            assert payload == b"\0", "a probe must not send data to the pod"


def test_the_probe_takes_the_pong_for_a_connection(api, client):
    serve(api, answer_pings)
    probe(client)
    assert len(api.requests) == 1


def test_the_probe_tells_that_nothing_listens(api, client):
    def talk(sock, _exchange):
        sock.send(1, REFUSED.encode())
        bye(sock)

    serve(api, talk)
    with pytest.raises(port_forward.PortClosed) as caught:
        probe(client)
    assert "shop/web: nothing listens on port 80" in caught.value.msg
    assert "netns" not in caught.value.msg


def test_a_pong_that_overtakes_the_failure_does_not_hide_it(api, client):
    def talk(sock, _exchange):
        take_one = sock.receive()
        assert take_one[0] == 2
        opcode, payload = sock.receive()
        assert opcode == 9
        sock.frame(10, payload)
        sock.send(1, REFUSED.encode())
        bye(sock)

    serve(api, talk)
    with pytest.raises(port_forward.PortClosed):
        probe(client)


def test_a_reason_that_was_torn_away_is_asked_for_once_more(api, client):
    def torn(sock, exchange):
        sock.receive()
        exchange.drop()

    def told(sock, _exchange):
        sock.send(1, REFUSED.encode())
        bye(sock)

    serve(api, torn, told)
    with pytest.raises(port_forward.PortClosed):
        probe(client)
    assert len(api.requests) == 2


def test_a_connection_that_is_always_torn(api, client):
    def torn(_sock, exchange):
        exchange.drop()

    serve(api, torn)
    with pytest.raises(port_forward.PortForwardError, match="cut off each time"):
        probe(client)


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0\r\n"], ids=["hangs up", "talks first"])
def test_a_service_that_talks_or_hangs_up_by_itself_is_there(api, client, greeting):
    def talk(sock, exchange):
        if greeting:
            sock.send(0, greeting)
            exchange.hang()
        else:
            bye(sock)

    serve(api, talk)
    probe(client)


def test_a_node_that_does_not_answer_is_told_in_time(api, client):
    serve(api, lambda _sock, exchange: exchange.hang())
    with pytest.raises(port_forward.PortForwardError, match="was not connected within 1 seconds"):
        probe(client, timeout=1.0)


def test_a_refusal_of_the_api_is_its_own_error(api, client):
    status = {"kind": "Status", "reason": "Forbidden", "message": "no", "code": 403}
    api.on("GET", PATH, lambda exchange: exchange.reply(403, status))
    with pytest.raises(errors.Forbidden):
        probe(client)
