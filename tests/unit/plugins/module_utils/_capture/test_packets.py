# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of each link type, down to the transport's header."""

from __future__ import annotations

import random
import struct
from ipaddress import ip_address

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._capture.packets import (
    BROKEN,
    LINKTYPES,
    address_text,
    decoder,
    endpoints,
    protocol_name,
    reverse,
)
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._capture.frames import (
    CLIENT,
    SERVER,
    ethernet,
    ipv4,
    ipv6,
    sll2,
    tcp,
    udp,
)

V4 = ipv4(tcp(b"data"))
V6 = ipv6(tcp(b"data"))
SLL = struct.pack("!HHH8sH", 0, 1, 6, bytes(8), 0x0800)
SLL6 = struct.pack("!HHH8sH", 0, 1, 6, bytes(8), 0x86DD)
EXTENSION = b"\x06\0" + bytes(6)


def told(linktype: int, frame: bytes) -> tuple[str, str, bytes]:
    """Protocol, sockets and the data after the transport's header is begun, for a table."""
    protocol, flow, at, end = decoder(linktype)(frame)
    if not flow:
        return protocol_name(protocol), "", b""
    source, source_port, destination, port = endpoints(flow)
    sockets = f"{address_text(source)}:{source_port}>{address_text(destination)}:{port}"
    return protocol_name(protocol), sockets, frame[at:end] if at >= 0 else b""


FLOW4 = f"{CLIENT}:40000>{SERVER}:80"
FLOW6 = "fd00::5:40000>fd00::9:80"


@pytest.mark.parametrize(
    ("linktype", "frame", "expected"),
    [
        pytest.param(1, ethernet(V4), ("tcp", FLOW4, tcp(b"data")), id="ethernet"),
        pytest.param(1, ethernet(V6, 0x86DD), ("tcp", FLOW6, tcp(b"data")), id="ethernet-v6"),
        pytest.param(
            1, ethernet(V4 + b"padding"), ("tcp", FLOW4, tcp(b"data")), id="padding-is-no-data"
        ),
        pytest.param(
            1,
            ethernet(b"\0\x05\x08\0" + V4, 0x8100),
            ("tcp", FLOW4, tcp(b"data")),
            id="vlan",
        ),
        pytest.param(
            1,
            ethernet(b"\0\x05\x81\0\0\x06\x86\xdd" + V6, 0x88A8),
            ("tcp", FLOW6, tcp(b"data")),
            id="two-vlans",
        ),
        pytest.param(113, SLL + V4, ("tcp", FLOW4, tcp(b"data")), id="sll"),
        pytest.param(113, SLL6 + V6, ("tcp", FLOW6, tcp(b"data")), id="sll-v6"),
        pytest.param(276, sll2(V4), ("tcp", FLOW4, tcp(b"data")), id="sll2"),
        pytest.param(276, sll2(V6, 0x86DD), ("tcp", FLOW6, tcp(b"data")), id="sll2-v6"),
        pytest.param(101, V4, ("tcp", FLOW4, tcp(b"data")), id="raw"),
        pytest.param(12, V6, ("tcp", FLOW6, tcp(b"data")), id="raw-v6"),
        pytest.param(228, V4, ("tcp", FLOW4, tcp(b"data")), id="ipv4"),
        pytest.param(0, b"\2\0\0\0" + V4, ("tcp", FLOW4, tcp(b"data")), id="null-little"),
        pytest.param(0, b"\0\0\0\2" + V4, ("tcp", FLOW4, tcp(b"data")), id="null-big"),
        pytest.param(108, b"\0\0\0\x1e" + V6, ("tcp", FLOW6, tcp(b"data")), id="loop-v6"),
        pytest.param(
            101,
            ipv4(tcp(b"data"), options=b"\1\1\1\1"),
            ("tcp", FLOW4, tcp(b"data")),
            id="ipv4-options",
        ),
        pytest.param(
            101,
            ipv4(tcp(b"data"), total=0),
            ("tcp", FLOW4, tcp(b"data")),
            id="length-left-to-the-network-card",
        ),
        pytest.param(
            101,
            ipv6(EXTENSION + tcp(b"data"), protocol=0),
            ("tcp", FLOW6, tcp(b"data")),
            id="hop-by-hop",
        ),
        pytest.param(
            101,
            ipv6(b"\x33\0" + bytes(6) + b"\x06\1" + bytes(10) + tcp(b"data"), protocol=60),
            ("tcp", FLOW6, tcp(b"data")),
            id="destination-then-authentication",
        ),
        pytest.param(
            101,
            ipv6(b"\x06\0\0\1" + bytes(4) + tcp(b"data"), protocol=44),
            ("tcp", FLOW6, tcp(b"data")),
            id="first-fragment-v6",
        ),
        pytest.param(
            101,
            ipv6(b"\x06\0\0\x09" + bytes(4) + tcp(b"data"), protocol=44),
            ("tcp", "fd00::5:0>fd00::9:0", b""),
            id="later-fragment-v6",
        ),
        pytest.param(
            101, ipv4(tcp(b"data"), fragment=0x2000), ("tcp", FLOW4, tcp(b"data")), id="fragment"
        ),
        pytest.param(
            101,
            ipv4(tcp(b"data"), fragment=0x00B9),
            ("tcp", f"{CLIENT}:0>{SERVER}:0", b""),
            id="later-fragment",
        ),
        pytest.param(
            101,
            ipv4(udp(b"q"), protocol=17),
            ("udp", f"{CLIENT}:40000>{SERVER}:53", udp(b"q")),
            id="udp",
        ),
        pytest.param(
            101,
            ipv4(b"\x08\0rest", protocol=1),
            ("icmp", f"{CLIENT}:0>{SERVER}:0", b"\x08\0rest"),
            id="icmp",
        ),
        pytest.param(
            101,
            ipv6(b"\x80\0rest", protocol=58),
            ("icmpv6", "fd00::5:0>fd00::9:0", b"\x80\0rest"),
            id="icmpv6",
        ),
        pytest.param(
            101, ipv4(b"", protocol=253), ("ip-253", f"{CLIENT}:0>{SERVER}:0", b""), id="ip-253"
        ),
        pytest.param(1, ethernet(bytes(28), 0x0806), ("arp", "", b""), id="arp"),
        pytest.param(1, ethernet(b"x", 0x1234), ("ethertype-0x1234", "", b""), id="ethertype"),
        pytest.param(1, b"short", ("unreadable", "", b""), id="short-ethernet"),
        pytest.param(1, ethernet(V4[:19]), ("unreadable", "", b""), id="short-ipv4"),
        pytest.param(1, ethernet(V6[:39], 0x86DD), ("unreadable", "", b""), id="short-ipv6"),
        pytest.param(1, ethernet(V6), ("unreadable", "", b""), id="another-version"),
        pytest.param(1, ethernet(b"\x41" + V4[1:]), ("unreadable", "", b""), id="header-of-four"),
        pytest.param(1, ethernet(b"\0", 0x8100), ("unreadable", "", b""), id="short-vlan"),
        pytest.param(276, sll2(b"")[:10], ("unreadable", "", b""), id="short-sll2"),
        pytest.param(113, SLL[:15], ("unreadable", "", b""), id="short-sll"),
        pytest.param(0, b"\2\0", ("unreadable", "", b""), id="short-null"),
        pytest.param(147, V4, ("unreadable", "", b""), id="link-type-of-a-user"),
        pytest.param(
            101, V4[:24], ("tcp", FLOW4, b""), id="ports-of-a-header-that-was-not-captured"
        ),
        pytest.param(101, V4[:20], ("tcp", f"{CLIENT}:0>{SERVER}:0", b""), id="no-header-captured"),
    ],
)
def test_decode(linktype: int, frame: bytes, expected: tuple[str, str, bytes]) -> None:
    assert told(linktype, frame) == expected


def test_the_end_is_that_on_the_wire_also_where_less_was_captured() -> None:
    whole = ipv4(tcp(b"x" * 1000))
    _protocol, _flow, at, end = decoder(101)(whole[:60])
    assert (at, end) == (20, 1040)


@pytest.mark.parametrize("packet", [V4, V6], ids=["v4", "v6"])
def test_reverse_is_the_flow_of_the_answer(packet: bytes) -> None:
    flow = decoder(101)(packet)[1]
    answer = ipv4(tcp(ports=(80, 40000)), source=SERVER, destination=CLIENT)
    if packet is V6:
        answer = ipv6(tcp(ports=(80, 40000)), source="fd00::9", destination="fd00::5")
    assert reverse(flow) == decoder(101)(answer)[1]
    assert reverse(reverse(flow)) == flow


def test_a_mapped_address_is_written_as_the_ipv4_one_that_it_is() -> None:
    assert address_text(ip_address("::ffff:10.0.0.1").packed) == "10.0.0.1"
    assert address_text(ip_address("::1").packed) == "::1"


@pytest.mark.parametrize("linktype", [*LINKTYPES, 9999])
def test_no_bytes_raise(linktype: int) -> None:
    decode = decoder(linktype)
    source = random.Random(linktype)
    for seed in (
        ethernet(V4),
        ethernet(b"\0\x05\x81\0\0\x06\x86\xdd" + V6, 0x88A8),
        sll2(ipv6(EXTENSION + tcp(b"data"), protocol=0), 0x86DD),
        SLL + V4,
        V4,
        ipv6(b"\x06\0\0\1" + bytes(4) + tcp(b"data"), protocol=44),
    ):
        for _round in range(300):
            frame = bytearray(seed[: source.randint(0, len(seed))])
            for _flip in range(source.randint(0, 8)):
                if frame:
                    frame[source.randrange(len(frame))] = source.randrange(256)
            protocol, flow, at, end = decode(bytes(frame))
            assert protocol >= BROKEN
            assert len(flow) in {0, 13, 37}
            assert at == -1 or (0 < at <= end and at < len(frame))
