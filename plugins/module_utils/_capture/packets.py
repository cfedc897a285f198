# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""From a link's frame to the transport's header: what flow a packet belongs to. Pure.

Nothing here raises, whatever the bytes are: what cannot be read is BROKEN. There are millions of
packets, so that a flow is told by a slice of the packet's own bytes, and addresses become text only
for what is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from struct import Struct
from typing import TypeAlias

__all__ = [
    "BROKEN",
    "LINKTYPES",
    "TCP",
    "UDP",
    "Decoded",
    "Decoder",
    "address_text",
    "decoder",
    "endpoints",
    "protocol_name",
    "reverse",
]

Decoded: TypeAlias = tuple[int, bytes, int, int]
"""Protocol, flow, where the transport's header begins, where its data ends on the wire.

The protocol is IP's number, an Ethernet type plus 0x10000, or BROKEN. The flow is empty where there
is no IP, else protocol, source, destination and both ports (zero where there are none). The header
is -1 where it is not there, as in later fragments, and where too little of it was captured. The end
may lie after the captured bytes.
"""

Decoder: TypeAlias = Callable[[bytes], Decoded]

BROKEN = -1
TCP, UDP = 6, 17
_ETHERTYPE = 0x10000
_NO_PORTS = b"\0\0\0\0"
_NOTHING: Decoded = (BROKEN, b"", -1, -1)

_PROTOCOLS = {
    BROKEN: "unreadable",
    0: "hop-by-hop",
    1: "icmp",
    2: "igmp",
    4: "ip-in-ip",
    TCP: "tcp",
    UDP: "udp",
    41: "ipv6-in-ip",
    47: "gre",
    50: "esp",
    51: "ah",
    58: "icmpv6",
    132: "sctp",
    _ETHERTYPE + 0x0806: "arp",
    _ETHERTYPE + 0x8035: "rarp",
    _ETHERTYPE + 0x8847: "mpls",
    _ETHERTYPE + 0x88CC: "lldp",
}
_TAGS = frozenset({0x8100, 0x88A8, 0x9100, 0x9200})
_MOST_TAGS = 4
# IPv6 extension headers whose length is in units of eight bytes.
_EXTENSIONS = frozenset({0, 43, 60, 135, 139, 140})
_AUTHENTICATION, _FRAGMENT = 51, 44
_MOST_EXTENSIONS = 8
# What a socket's address family is in the NULL header: that of any system that writes such files.
_FAMILIES = {2: 0x0800, 10: 0x86DD, 24: 0x86DD, 28: 0x86DD, 30: 0x86DD}

_IPV4 = Struct("!BxHxxHxB").unpack_from
_IPV6 = Struct("!HB").unpack_from


def protocol_name(protocol: int) -> str:
    """The name of a ``Decoded``'s protocol."""
    known = _PROTOCOLS.get(protocol)
    if known is not None:
        return known
    if protocol >= _ETHERTYPE:
        return f"ethertype-0x{protocol - _ETHERTYPE:04x}"
    return f"ip-{protocol}"


def reverse(flow: bytes) -> bytes:
    """The flow of the packets in the other direction."""
    width = (len(flow) - 5) // 2
    middle = 1 + width
    ports = middle + width
    return b"".join(
        (
            flow[:1],
            flow[middle:ports],
            flow[1:middle],
            flow[ports + 2 :],
            flow[ports : ports + 2],
        )
    )


def endpoints(flow: bytes) -> tuple[bytes, int, bytes, int]:
    """Source address and port, destination address and port."""
    width = (len(flow) - 5) // 2
    ports = 1 + 2 * width
    return (
        flow[1 : 1 + width],
        flow[ports] << 8 | flow[ports + 1],
        flow[1 + width : ports],
        flow[ports + 2] << 8 | flow[ports + 3],
    )


def address_text(address: bytes) -> str:
    """An address as people write it; an IPv4 one that is mapped into IPv6 as IPv4."""
    if len(address) == 16 and address[:12] == b"\0" * 10 + b"\xff\xff":
        address = address[12:]
    return str(ip_address(address))


def _ipv4(data: bytes, at: int) -> Decoded:
    size = len(data)
    if size < at + 20:
        return _NOTHING
    first, total, fragment, protocol = _IPV4(data, at)
    header = (first & 15) * 4
    if first >> 4 != 4 or header < 20:
        return _NOTHING
    transport = at + header
    # Zero is what a packet has that the network card cuts to size after tcpdump saw it.
    end = at + total if total else size
    flow = data[at + 9 : at + 10] + data[at + 12 : at + 20]
    if fragment & 0x1FFF:
        return protocol, flow + _NO_PORTS, -1, end
    return _transport(data, protocol, flow, transport, end)


def _transport(data: bytes, protocol: int, flow: bytes, at: int, end: int) -> Decoded:
    if protocol == TCP:
        if len(data) >= at + 20 and end >= at + 20:
            return protocol, flow + data[at : at + 4], at, end
    elif protocol == UDP:
        if len(data) >= at + 8 and end >= at + 8:
            return protocol, flow + data[at : at + 4], at, end
    elif len(data) >= at + 2 and end >= at + 2:
        return protocol, flow + _NO_PORTS, at, end
    return protocol, flow + data[at : at + 4].ljust(4, b"\0"), -1, max(end, at)


def _ipv6(data: bytes, at: int) -> Decoded:
    size = len(data)
    if size < at + 40 or data[at] >> 4 != 6:
        return _NOTHING
    length, protocol = _IPV6(data, at + 4)
    addresses = data[at + 8 : at + 40]
    transport = at + 40
    end = transport + length if length else size
    if protocol not in {TCP, UDP}:
        protocol, transport = _extensions(data, protocol, transport)
    flow = bytes((protocol,)) + addresses
    if transport < 0:
        return protocol, flow + _NO_PORTS, -1, end
    return _transport(data, protocol, flow, transport, end)


def _extensions(data: bytes, protocol: int, at: int) -> tuple[int, int]:
    """The protocol after IPv6's extension headers and where it begins; -1 in a later fragment."""
    for _count in range(_MOST_EXTENSIONS):
        if len(data) < at + 8:
            break
        if protocol in _EXTENSIONS:
            protocol, at = data[at], at + (data[at + 1] + 1) * 8
        elif protocol == _AUTHENTICATION:
            protocol, at = data[at], at + (data[at + 1] + 2) * 4
        elif protocol == _FRAGMENT:
            later = (data[at + 2] << 8 | data[at + 3]) >> 3
            protocol, at = data[at], at + 8
            if later:
                return protocol, -1
        else:
            break
    return protocol, at


def _by_type(data: bytes, kind: int, at: int) -> Decoded:
    """A payload of a type of Ethernet's, behind any VLAN tags."""
    for _count in range(_MOST_TAGS):
        if kind not in _TAGS:
            break
        if len(data) < at + 4:
            return _NOTHING
        kind, at = data[at + 2] << 8 | data[at + 3], at + 4
    if kind == 0x0800:
        return _ipv4(data, at)
    if kind == 0x86DD:
        return _ipv6(data, at)
    return _ETHERTYPE + kind, b"", -1, -1


def _ethernet(data: bytes) -> Decoded:
    kind = data[12:14]
    if kind == b"\x08\0":
        return _ipv4(data, 14)
    return _by_type(data, kind[0] << 8 | kind[1], 14) if len(kind) == 2 else _NOTHING


def _cooked(data: bytes) -> Decoded:
    kind = data[14:16]
    if kind == b"\x08\0":
        return _ipv4(data, 16)
    return _by_type(data, kind[0] << 8 | kind[1], 16) if len(kind) == 2 else _NOTHING


def _cooked2(data: bytes) -> Decoded:
    kind = data[:2]
    if kind == b"\x08\0":
        return _ipv4(data, 20)
    return _by_type(data, kind[0] << 8 | kind[1], 20) if len(data) >= 20 else _NOTHING


def _raw(data: bytes) -> Decoded:
    return _ipv6(data, 0) if data[:1] and data[0] >> 4 == 6 else _ipv4(data, 0)


def _null(data: bytes) -> Decoded:
    """BSD's loopback: the family in the byte order of whoever wrote the file, or in the network's.

    All families are small numbers, so the order shows.
    """
    if len(data) < 4:
        return _NOTHING
    family = int.from_bytes(data[:4], "big" if data[:2] == b"\0\0" else "little")
    return _by_type(data, _FAMILIES.get(family, 0), 4)


LINKTYPES: dict[int, tuple[str, Decoder]] = {
    0: ("NULL", _null),
    1: ("EN10MB", _ethernet),
    12: ("RAW", _raw),
    14: ("RAW", _raw),
    101: ("RAW", _raw),
    108: ("LOOP", _null),
    113: ("LINUX_SLL", _cooked),
    228: ("IPV4", _raw),
    229: ("IPV6", _raw),
    276: ("LINUX_SLL2", _cooked2),
}
"""Number in the file -> name as tcpdump gives it, and how such frames are read."""


def _unknown(data: bytes) -> Decoded:
    return _NOTHING


def decoder(linktype: int) -> Decoder:
    """How the frames of a link type are read; all are BROKEN where nothing is known of it."""
    known = LINKTYPES.get(linktype)
    return known[1] if known else _unknown
