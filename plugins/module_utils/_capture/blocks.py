# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The blocks of a pcapng file, written: little endian, times in nanoseconds. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from struct import Struct

from ansible_collections.kubedebug.core.plugins.module_utils._capture.pcapng import Interface

__all__ = [
    "interface_block",
    "name_block",
    "packet_block",
    "section_block",
    "statistics_block",
]

_SECTION = 0x0A0D0D0A
_INTERFACE, _NAMES, _STATISTICS, _PACKET = 1, 4, 5, 6

_EPB = Struct("<IIIIIII").pack
_TRAILER = tuple(b"\0" * pad for pad in (0, 3, 2, 1))


def packet_block(interface: int, time: int, length: int, data: bytes) -> bytes:
    """An Enhanced Packet Block, of a packet with *length* bytes on the wire."""
    captured = len(data)
    pad = -captured % 4
    total = 32 + captured + pad
    head = _EPB(
        _PACKET, total, interface, time >> 32 & 0xFFFFFFFF, time & 0xFFFFFFFF, captured, length
    )
    return b"".join((head, data, _TRAILER[captured % 4], total.to_bytes(4, "little")))


def section_block(*, application: str, comment: str = "") -> bytes:
    """The head of the file. Its length is left open, as the packets are still to come."""
    body = b"\x4d\x3c\x2b\x1a" + Struct("<HHq").pack(1, 0, -1)
    return _block(_SECTION, body + _option_list([(1, comment), (4, application)]))


def interface_block(interface: Interface, *, comment: str = "", ips: Sequence[str] = ()) -> bytes:
    """An Interface Description Block; ``resolution`` and ``offset`` are not taken over."""
    addresses = [ip_address(ip).packed for ip in ips]
    options: list[tuple[int, str | bytes]] = [
        (1, comment),
        (2, interface.name),
        (3, interface.description),
        *((4, ip + b"\xff" * 4) for ip in addresses if len(ip) == 4),
        *((5, ip + b"\x80") for ip in addresses if len(ip) == 16),
        (9, b"\x09"),
        (11, b"\0" + interface.filter.encode() if interface.filter else b""),
        (12, interface.os),
    ]
    body = Struct("<HHI").pack(interface.linktype, 0, interface.snaplen)
    return _block(_INTERFACE, body + _option_list(options))


def name_block(names: Sequence[tuple[str, str]]) -> bytes:
    """A Name Resolution Block of pairs of address and name."""
    records = []
    for address, name in names:
        packed = ip_address(address).packed
        records.append((1 if len(packed) == 4 else 2, packed + name.encode() + b"\0"))
    return _block(_NAMES, _option_list(records) or b"\0" * 4)


def statistics_block(
    index: int, *, time: int, received: int | None, dropped: int | None, comment: str = ""
) -> bytes:
    """An Interface Statistics Block: what the kernel passed to tcpdump, and what it could not."""
    counts = [
        (code, count.to_bytes(8, "little"))
        for code, count in ((4, received), (5, dropped))
        if count is not None
    ]
    body = Struct("<III").pack(index, time >> 32 & 0xFFFFFFFF, time & 0xFFFFFFFF)
    return _block(_STATISTICS, body + _option_list([(1, comment), *counts]))


def _option_list(options: Sequence[tuple[int, str | bytes]]) -> bytes:
    """Options that have a value, and the end of them; nothing at all where none has one."""
    parts = []
    for code, value in options:
        raw = value.encode("utf-8", "replace") if isinstance(value, str) else value
        if raw:
            raw = raw[:65_532]
            parts.append(Struct("<HH").pack(code, len(raw)) + raw + b"\0" * (-len(raw) % 4))
    return b"".join((*parts, b"\0" * 4)) if parts else b""


def _block(kind: int, body: bytes) -> bytes:
    total = 12 + len(body)
    return Struct("<II").pack(kind, total) + body + total.to_bytes(4, "little")
