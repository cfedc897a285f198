# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What one packet's payload says by itself: DNS, the server's name of TLS, ICMP. Pure.

Nothing here raises; what cannot be read is None.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean

__all__ = ["DnsMessage", "dns_message", "icmp_text", "tls_server_name"]

_RESULTS = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
_TYPES = {
    **{1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA"},
    **{33: "SRV", 35: "NAPTR", 41: "OPT", 64: "SVCB", 65: "HTTPS", 255: "ANY"},
}
_MOST_NAME = 255

_ICMP = {
    **{(3, 0): "network unreachable", (3, 1): "host unreachable", (3, 2): "protocol unreachable"},
    **{(3, 3): "port unreachable", (3, 4): "fragmentation needed", (3, 13): "prohibited"},
    **{(3, 9): "network prohibited", (3, 10): "host prohibited", (3, 6): "network unknown"},
    **{(11, 0): "time to live exceeded", (11, 1): "reassembly time exceeded"},
}
_ICMP_TYPES = {0: "echo reply", 3: "unreachable", 5: "redirect", 8: "echo request"}
_ICMP6 = {
    **{(1, 0): "no route", (1, 1): "prohibited", (1, 3): "host unreachable"},
    **{(1, 4): "port unreachable", (3, 0): "time to live exceeded"},
}
_ICMP6_TYPES = {
    **{1: "unreachable", 2: "packet too big", 3: "time exceeded", 128: "echo request"},
    **{129: "echo reply", 133: "router solicitation", 134: "router advertisement"},
    **{135: "neighbour solicitation", 136: "neighbour advertisement", 143: "multicast report"},
}


@dataclass(frozen=True, kw_only=True)
class DnsMessage:
    """A question, and the result where it is an answer."""

    number: int
    name: str
    type: str
    result: str | None


def dns_message(data: bytes, at: int) -> DnsMessage | None:
    """The first question of a DNS message that begins at *at*."""
    if len(data) < at + 17 or data[at + 4 : at + 6] != b"\0\1":
        return None
    # Only queries, of the opcodes, concern anybody here.
    if data[at + 2] & 0x78:
        return None
    labels, place, length = [], at + 12, 0
    while place < len(data) and (size := data[place]):
        # No name is compressed in the first question, as there is nothing to refer to.
        if size > 63 or length > _MOST_NAME or place + 1 + size > len(data):
            return None
        labels.append(data[place + 1 : place + 1 + size].decode("utf-8", "replace"))
        place, length = place + 1 + size, length + 1 + size
    if len(data) < place + 5:
        return None
    kind = data[place + 1] << 8 | data[place + 2]
    result = data[at + 3] & 15
    answer = data[at + 2] & 0x80
    return DnsMessage(
        number=data[at] << 8 | data[at + 1],
        name=clean(".".join(labels), limit=_MOST_NAME) or ".",
        type=_TYPES.get(kind, f"TYPE{kind}"),
        result=_RESULTS.get(result, f"RCODE{result}") if answer else None,
    )


def tls_server_name(data: bytes, at: int) -> str | None:
    """The server's name of a ClientHello whose record begins at *at*; "" where it names none.

    None where it is no ClientHello. One that goes on in the next segment is read as far as it is
    here.
    """
    if len(data) < at + 44 or data[at] != 22 or data[at + 1] != 3 or data[at + 5] != 1:
        return None
    place = at + 43
    place += 1 + data[place]
    place += 2 + int.from_bytes(data[place : place + 2], "big")
    if place >= len(data):
        return ""
    place += 1 + data[place]
    stop = place + 2 + int.from_bytes(data[place : place + 2], "big")
    place += 2
    while place + 4 <= min(stop, len(data)):
        kind = int.from_bytes(data[place : place + 2], "big")
        size = int.from_bytes(data[place + 2 : place + 4], "big")
        if kind == 0 and size > 5:
            name = data[place + 9 : place + 4 + size]
            return clean(name.decode("ascii", "replace"), limit=_MOST_NAME)
        place += 4 + size
    return ""


def icmp_text(kind: int, code: int, *, version: int = 4) -> str:
    """What an ICMP message of a type and a code says."""
    exact, types = (_ICMP, _ICMP_TYPES) if version == 4 else (_ICMP6, _ICMP6_TYPES)
    return exact.get((kind, code)) or types.get(kind) or f"type {kind}"
