# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets and capture files made by hand, from their formats' texts and not from our own code."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from pathlib import Path

CLIENT, SERVER = "10.1.0.5", "10.1.0.9"
SYN, RST, ACK, FIN, PSH = 2, 4, 16, 1, 8
ETHERNET, SLL2 = 1, 276


def tcp(
    payload: bytes = b"",
    *,
    ports: tuple[int, int] = (40000, 80),
    seq: int = 1000,
    flags: int = ACK,
    window: int = 500,
) -> bytes:
    return struct.pack("!HHIIBBHHH", *ports, seq, 0, 0x50, flags, window, 0, 0) + payload


def udp(payload: bytes = b"", *, ports: tuple[int, int] = (40000, 53)) -> bytes:
    return struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload


def ipv4(
    payload: bytes,
    *,
    protocol: int = 6,
    source: str = CLIENT,
    destination: str = SERVER,
    fragment: int = 0,
    options: bytes = b"",
    total: int | None = None,
) -> bytes:
    head = 20 + len(options)
    length = head + len(payload) if total is None else total
    return (
        struct.pack("!BBHHHBBH", 0x40 | head // 4, 0, length, 1, fragment, 64, protocol, 0)
        + ip_address(source).packed
        + ip_address(destination).packed
        + options
        + payload
    )


def ipv6(
    payload: bytes,
    *,
    protocol: int = 6,
    source: str = "fd00::5",
    destination: str = "fd00::9",
    length: int | None = None,
) -> bytes:
    return (
        struct.pack("!IHBB", 0x60000000, len(payload) if length is None else length, protocol, 64)
        + ip_address(source).packed
        + ip_address(destination).packed
        + payload
    )


def ethernet(payload: bytes, kind: int = 0x0800) -> bytes:
    return b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02" + struct.pack("!H", kind) + payload


def sll2(payload: bytes, kind: int = 0x0800, *, interface: int = 2) -> bytes:
    return struct.pack("!HHIHBB8s", kind, 0, interface, 1, 0, 6, b"\2\0\0\0\0\1") + payload


def back(segment: bytes) -> bytes:
    """The IPv4 packet of a TCP segment from the server; its ports have to be the server's too."""
    return ipv4(segment, source=SERVER, destination=CLIENT)


Record = tuple[int, bytes]
"""Nanoseconds and the frame."""


def pcap(
    records: Iterable[Record],
    *,
    linktype: int = ETHERNET,
    order: str = "<",
    nano: bool = False,
    snaplen: int = 262144,
) -> bytes:
    parts = [
        struct.pack(
            order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, snaplen, linktype
        )
    ]
    for time, frame in records:
        kept = frame[:snaplen]
        fraction = time % 10**9 // (1 if nano else 1000)
        parts.append(struct.pack(order + "IIII", time // 10**9, fraction, len(kept), len(frame)))
        parts.append(kept)
    return b"".join(parts)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += b"\0" * (-len(body) % 4)
    total = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + total + body + total


def options(pairs: Sequence[tuple[int, bytes]], order: str = "<") -> bytes:
    return b"".join(
        struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)
        for code, value in (*pairs, (0, b""))
    )


def section(order: str = "<", *, version: int = 1) -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, version, 0, -1), order)


def interface(
    linktype: int = ETHERNET,
    pairs: Sequence[tuple[int, bytes]] = (),
    order: str = "<",
    *,
    snaplen: int = 0,
) -> bytes:
    head = struct.pack(order + "HHI", linktype, 0, snaplen)
    return block(1, head + (options(pairs, order) if pairs else b""), order)


def enhanced(
    ticks: int, frame: bytes, order: str = "<", *, number: int = 0, wire: int | None = None
) -> bytes:
    head = struct.pack(
        order + "IIIII",
        number,
        ticks >> 32,
        ticks & 0xFFFFFFFF,
        len(frame),
        len(frame) if wire is None else wire,
    )
    return block(6, head + frame, order)


def written(folder: Path, content: bytes, name: str = "one.pcap") -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def exchange(
    request: bytes,
    response: bytes,
    *,
    start: int = 10**18,
    ports: tuple[int, int] = (40000, 80),
    taken: int = 5_000_000,
) -> list[Record]:
    """A connection of one request and one response, from its first packet to its last."""
    other = (ports[1], ports[0])
    there = [
        (start, ipv4(tcp(ports=ports, seq=999, flags=SYN))),
        (start + 1000, back(tcp(ports=other, seq=4999, flags=SYN | ACK))),
        (start + 2000, ipv4(tcp(ports=ports, seq=1000))),
        (start + 3000, ipv4(tcp(request, ports=ports, seq=1000, flags=PSH | ACK))),
        (start + 3000 + taken, back(tcp(response, ports=other, seq=5000, flags=PSH | ACK))),
        (
            start + 4000 + taken,
            ipv4(tcp(ports=ports, seq=1000 + len(request), flags=FIN | ACK)),
        ),
    ]
    return [(time, ethernet(packet)) for time, packet in there]
