# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS messages, the name in a TLS ClientHello, ICMP."""

from __future__ import annotations

import random
import ssl
import struct

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._capture.application import (
    dns_message,
    icmp_text,
    tls_server_name,
)


def dns(name: bytes, *, kind: int = 1, flags: int = 0x0100, number: int = 77) -> bytes:
    labels = b"".join(bytes([len(label)]) + label for label in name.split(b".") if label)
    return struct.pack("!6H", number, flags, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, kind, 1)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(dns(b"web.shop.svc"), (77, "web.shop.svc", "A", None), id="query"),
        pytest.param(dns(b"web", kind=28), (77, "web", "AAAA", None), id="aaaa"),
        pytest.param(dns(b"web", kind=999), (77, "web", "TYPE999", None), id="unknown-type"),
        pytest.param(dns(b"w", flags=0x8180), (77, "w", "A", "NOERROR"), id="answer"),
        pytest.param(dns(b"w", flags=0x8183), (77, "w", "A", "NXDOMAIN"), id="nxdomain"),
        pytest.param(dns(b"w", flags=0x818F), (77, "w", "A", "RCODE15"), id="unknown-result"),
        pytest.param(dns(b""), (77, ".", "A", None), id="root"),
        pytest.param(dns(b"a\x1b[2Jb"), (77, "ab", "A", None), id="escapes"),
        pytest.param(dns(b"w", flags=0x2800), None, id="update"),
        pytest.param(dns(b"w")[:-1], None, id="cut"),
        pytest.param(dns(b"w").replace(b"\0\1\0\0", b"\0\2\0\0", 1), None, id="two-questions"),
        pytest.param(bytes(12) + b"\xc0\x0c" + bytes(8), None, id="compressed"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_dns_message(data: bytes, expected: tuple[int, str, str, str | None] | None) -> None:
    found = dns_message(b"head" + data, 4)
    got = found and (found.number, found.name, found.type, found.result)
    assert got == expected


def hello(name: str | None) -> bytes:
    """What a real client sends first."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_the_name_that_a_real_client_asks_for() -> None:
    assert tls_server_name(b"before" + hello("web.shop.svc"), 6) == "web.shop.svc"


def test_a_client_that_names_no_server() -> None:
    assert tls_server_name(hello(None), 0) == ""


def test_what_is_no_hello_has_no_name() -> None:
    assert tls_server_name(b"\x16\x03\x03" + bytes(100), 0) is None
    assert tls_server_name(b"", 0) is None


@pytest.mark.parametrize(
    ("kind", "code", "version", "text"),
    [
        (8, 0, 4, "echo request"),
        (3, 3, 4, "port unreachable"),
        (3, 77, 4, "unreachable"),
        (99, 0, 4, "type 99"),
        (128, 0, 6, "echo request"),
        (2, 0, 6, "packet too big"),
        (1, 4, 6, "port unreachable"),
    ],
)
def test_icmp_text(kind: int, code: int, version: int, text: str) -> None:
    assert icmp_text(kind, code, version=version) == text


def test_no_bytes_raise() -> None:
    source = random.Random(11)
    seeds = (dns(b"web.shop.svc.cluster.local"), hello("web.shop.svc"))
    for _round in range(4000):
        seed = source.choice(seeds)
        data = bytearray(seed[: source.randint(0, len(seed))])
        for _flip in range(source.randint(0, 6)):
            if data:
                data[source.randrange(len(data))] = source.randrange(256)
        message = dns_message(bytes(data), 0)
        name = tls_server_name(bytes(data), 0)
        assert message is None or len(message.name) <= 255
        assert name is None or len(name) <= 255
