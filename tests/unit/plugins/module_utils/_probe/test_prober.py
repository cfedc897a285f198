# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that measures, against real peers on the loopback interface."""

from __future__ import annotations

import ast
import base64
import inspect
import ipaddress
import os
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._probe import prober


def _options(**given: Any) -> dict[str, Any]:
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    return {
        "method": "http",
        "host": "127.0.0.1",
        "port": 80,
        "scheme": "http",
        "verify": True,
        "request": base64.b64encode(request).decode(),
        "count": 2,
        "interval": 0.0,
        "timeout": 5.0,
        "resolve": 5.0,
        **given,
    }


def _measure(**given: Any) -> dict[str, Any]:
    return prober.measure(_options(**given))


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        pytest.param("ok", "200", b"hello", id="ok"),
        pytest.param("until closed", "200", b"hello", id="without-a-length"),
        pytest.param("chunked", "200", b"hello", id="chunked"),
        pytest.param("long", "200", b"x" * 200, id="of-a-long-answer-the-beginning"),
        pytest.param("error", "503", b"busy", id="an-error-is-an-answer"),
        pytest.param("no content", "204", b"", id="no-content"),
        pytest.param("redirect", "302", b"", id="a-redirect-is-not-followed"),
    ],
)
def test_http_answers(
    peer: Callable[..., Any], behaviours: dict[str, Any], name: str, status: str, body: bytes
) -> None:
    found = _measure(port=peer(behaviours[name]).port)
    assert found["statuses"] == {status: 2}
    assert base64.b64decode(found["body"]) == body
    assert found["reasons"] == []
    assert [type(sample) for sample in found["samples"]] == [float, float]
    assert found["address"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("garbage", "no valid HTTP answer (BadStatusLine)", id="garbage"),
        pytest.param("silence", "timed out", id="silence"),
        pytest.param("drip", "timed out", id="a-byte-now-and-then-does-not-prolong"),
        pytest.param("reset", "connection reset by peer", id="reset"),
        pytest.param("hang up", "connection closed without an answer", id="hang-up"),
    ],
)
def test_http_losses(
    peer: Callable[..., Any], behaviours: dict[str, Any], name: str, reason: str
) -> None:
    found = _measure(port=peer(behaviours[name]).port, timeout=0.1)
    assert found["samples"] == [None, None]
    assert found["reasons"] == [reason, reason]
    assert found["statuses"] == {}
    assert found["body"] is None


def test_tcp_needs_no_answer(peer: Callable[..., Any], behaviours: dict[str, Any]) -> None:
    found = _measure(method="tcp", port=peer(behaviours["silence"]).port)
    assert None not in found["samples"]
    assert (found["statuses"], found["body"]) == ({}, None)


@pytest.mark.parametrize("method", ["http", "tcp"])
def test_closed_port(closed_port: int, method: str) -> None:
    found = _measure(method=method, port=closed_port, count=3)
    assert found["samples"] == [None] * 3
    assert found["reasons"] == ["connection refused"] * 3
    assert found["address"] is None


@pytest.mark.parametrize("method", ["http", "tcp", "ping"])
def test_name_that_does_not_resolve(method: str) -> None:
    # A label of more than 63 bytes is refused without a question to a server.
    found = _measure(method=method, host="a" * 64 + ".invalid")
    assert found["samples"] == [None, None]
    assert len(set(found["reasons"])) == 1
    assert found["reasons"][0].startswith("name resolution failed")


def test_resolver_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: answers.wait(30))
    found = _measure(resolve=0.01)
    answers.set()
    assert found["reasons"] == ["name resolution timed out"] * 2


def test_second_address_is_tried_and_then_comes_first(
    peer: Callable[..., Any], behaviours: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = peer(behaviours["ok"]).port
    tried: list[Any] = []

    class Recorded(socket.socket):
        def connect(self, address: Any) -> None:
            tried.append(address[0])
            super().connect(address)

    both = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
        for address in ("127.0.0.2", "127.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: both)
    monkeypatch.setattr(socket, "socket", Recorded)
    found = _measure(host="both.test", port=port)
    assert None not in found["samples"]
    assert found["address"] == "127.0.0.1"
    assert tried == ["127.0.0.2", "127.0.0.1", "127.0.0.1"]


def test_tls_refuses_a_peer_that_speaks_none(
    peer: Callable[..., Any], behaviours: dict[str, Any]
) -> None:
    found = _measure(port=peer(behaviours["garbage"]).port, scheme="https", timeout=0.5)
    assert found["samples"] == [None, None]
    assert "timed out" in found["reasons"][0] or "TLS" in found["reasons"][0]


@pytest.mark.parametrize(
    ("verify", "statuses", "reason"),
    [
        pytest.param(False, {"200": 2}, None, id="unverified"),
        pytest.param(True, {}, "the peer's certificate does not verify: self", id="self-signed"),
    ],
)
def test_https(
    *,
    peer: Callable[..., Any],
    behaviours: dict[str, Any],
    tls_server: ssl.SSLContext,
    verify: bool,
    statuses: dict[str, int],
    reason: str | None,
) -> None:
    def behave(connection: socket.socket, ended: threading.Event) -> None:
        with tls_server.wrap_socket(connection, server_side=True) as secured:
            behaviours["ok"](secured, ended)

    found = _measure(port=peer(behave).port, scheme="https", verify=verify)
    assert found["statuses"] == statuses
    assert all(reason is not None and reason in each for each in found["reasons"])
    assert found["samples"].count(None) == (2 if reason else 0)


def test_verification_of_tls_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ssl.SSLContext] = []
    create = ssl.create_default_context

    def remember() -> ssl.SSLContext:
        made.append(create())
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", remember)
    _measure(scheme="https", host="a" * 64, verify=True)
    _measure(scheme="https", host="a" * 64, verify=False)
    assert [context.verify_mode for context in made] == [ssl.CERT_REQUIRED, ssl.CERT_NONE]
    assert [context.check_hostname for context in made] == [True, False]


class _IcmpSocket:
    """What the kernel gives to a socket for echo requests, for kernels that give none to us."""

    refused: tuple[int, ...] = ()
    replies: Callable[[bytes], list[bytes]]
    sent: list[bytes]

    def __init__(self, _family: int, kind: int, _protocol: int) -> None:
        if kind in self.refused:
            raise PermissionError(1, "Operation not permitted")
        self._inbox: list[bytes] = []

    def connect(self, address: Any) -> None:
        """Nothing to do."""

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def send(self, packet: bytes) -> None:
        type(self).sent.append(packet)
        self._inbox = type(self).replies(packet)

    def recv(self, size: int) -> bytes:
        if not self._inbox:
            raise TimeoutError("timed out")
        return self._inbox.pop(0)[:size]

    def close(self) -> None:
        """Nothing to do."""


def _reply(packet: bytes, kind: int = 0) -> bytes:
    return bytes([kind]) + packet[1:]


_IP_HEADER = b"\x45" + b"\0" * 19


def _ping(
    monkeypatch: pytest.MonkeyPatch,
    replies: Callable[[bytes], list[bytes]],
    refused: tuple[int, ...] = (),
    host: str = "127.0.0.1",
) -> dict[str, Any]:
    sent: list[bytes] = []
    members = {"replies": staticmethod(replies), "refused": refused, "sent": sent}
    monkeypatch.setattr(socket, "socket", type("Fake", (_IcmpSocket,), members))
    found = _measure(method="ping", host=host, port=None)
    return {**found, "sent": sent}


@pytest.mark.parametrize(
    ("replies", "refused", "answered"),
    [
        pytest.param(lambda p: [_reply(p)], (), True, id="reply"),
        pytest.param(
            lambda p: [_IP_HEADER + _reply(p)],
            (socket.SOCK_DGRAM,),
            True,
            id="raw-socket-has-the-ip-header",
        ),
        pytest.param(
            lambda p: [_IP_HEADER + p, _IP_HEADER + _reply(p)],
            (socket.SOCK_DGRAM,),
            True,
            id="own-request-on-loopback-is-no-reply",
        ),
        pytest.param(lambda p: [p], (), False, id="request-alone"),
        pytest.param(lambda _: [b"", b"\0", b"\0" * 7], (), False, id="too-short"),
        pytest.param(lambda p: [_reply(p[:8])], (), False, id="reply-without-the-mark"),
        pytest.param(
            lambda p: [_reply(p[:6] + b"\xff\xff" + p[8:])], (), False, id="another-number"
        ),
        pytest.param(lambda p: [_reply(p[:8] + b"\1" * 56)], (), False, id="another-program's"),
        pytest.param(lambda _: [], (), False, id="nothing"),
    ],
)
def test_ping_replies(
    monkeypatch: pytest.MonkeyPatch,
    replies: Callable[[bytes], list[bytes]],
    refused: tuple[int, ...],
    answered: bool,
) -> None:
    found = _ping(monkeypatch, replies, refused)
    assert [sample is not None for sample in found["samples"]] == [answered, answered]
    assert found["reasons"] == ([] if answered else ["timed out", "timed out"])


def test_ping_hears_of_an_unreachable_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_packet: bytes) -> list[bytes]:
        raise ConnectionRefusedError(111, "Connection refused")

    assert _ping(monkeypatch, refuse)["reasons"] == ["port unreachable"] * 2


def test_ping_of_ipv6_has_its_own_types(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _ping(monkeypatch, lambda p: [_reply(p, 129)], host="::1")
    assert found["sent"][0][0] == 128
    assert None not in found["samples"]


def test_ping_requests_are_numbered_and_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = _ping(monkeypatch, lambda p: [_reply(p)])["sent"]
    assert [struct.unpack("!H", packet[6:8])[0] for packet in sent] == [1, 2]
    for packet in sent:
        # RFC 1071: the sum of all words of a sound packet, carries added, has all bits set.
        total = sum(struct.unpack("!32H", packet))
        while total > 0xFFFF:
            total = (total & 0xFFFF) + (total >> 16)
        assert total == 0xFFFF


def test_ping_that_is_not_allowed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _ping(monkeypatch, lambda p: [p], (socket.SOCK_DGRAM, socket.SOCK_RAW))
    assert found["unsupported"] == "it may not open an ICMP socket"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_ping_of_this_machine(host: str) -> None:
    if ipaddress.ip_address(host).version == 6 and not os.path.exists("/proc/net/if_inet6"):  # noqa: PTH110
        pytest.skip("this kernel has no IPv6")
    found = _measure(method="ping", host=host, port=None)
    if "unsupported" in found or "cannot assign requested address" in found["reasons"]:
        pytest.skip("this user or machine may not ping itself")
    assert None not in found["samples"]
    assert found["address"] == host


def test_program_keeps_to_the_standard_library_and_an_old_python() -> None:
    tree = ast.parse(inspect.getsource(prober), feature_version=(3, 7))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    names = {alias.name for node in imported for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names
