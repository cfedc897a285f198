# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""pcap and pcapng read. Pure: bytes in, packets out; blocks.py writes.

The formats are those of draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng. A file comes from a
pod, so it is a stranger's: each length in it is checked before it is used, and what is read ahead
is bounded by the greatest block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from struct import Struct
from typing import Literal, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    clean,
)

__all__ = [
    "NANOSECONDS",
    "CaptureError",
    "CaptureReader",
    "Interface",
    "Packet",
]

NANOSECONDS = 1_000_000_000
"""Of a second; all times of a packet are whole nanoseconds since 1970."""

Packet: TypeAlias = tuple[int, int, int, bytes]
"""Index of the interface, time, length on the wire, and the bytes that were kept of it.

A plain tuple, since there are millions of them.
"""

_MOST_PACKET = 262_144
"""Bytes of one packet: libpcap's own limit (MAXIMUM_SNAPLEN)."""
_MOST_BLOCK = 16 * 1024 * 1024
"""Bytes of one block, as in Wireshark."""
_MOST_INTERFACES = 65_536
_MOST_NAMES = 65_536

# Magic number of a pcap as its first four bytes -> byte order, nanoseconds of a fraction's unit.
_PCAP = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
_SECTION = 0x0A0D0D0A
_INTERFACE, _SIMPLE_PACKET, _NAMES, _STATISTICS, _PACKET = 1, 3, 4, 5, 6
_OLD_PACKET = 2
_SECTION_MAGIC = b"\x0a\x0d\x0d\x0a"
_ORDER_MAGIC = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}


class CaptureError(DebugError):
    """A file that is no capture, or damaged at a place that cannot be stepped over."""


@dataclass(kw_only=True)
class Interface:
    """Where packets come from. ``resolution`` is in ticks a second, ``offset`` in seconds."""

    linktype: int
    snaplen: int = 0
    resolution: int = 1_000_000
    offset: int = 0
    name: str = ""
    description: str = ""
    filter: str = ""
    os: str = ""
    received: int | None = None
    dropped: int | None = None


class CaptureReader:
    """The packets of one file, given as chunks of bytes.

    ``truncated`` is true once the end of the file turned out to be in the middle of a packet or a
    block, as that of a capture whose writer was killed; all packets before it are good.

    Raises CaptureError here where the head is no capture's, and from ``packets`` at damage.
    """

    def __init__(self, chunks: Iterable[bytes], *, name: str = "The file") -> None:
        self._chunks = iter(chunks)
        self._name = name
        self._data = b""
        self._at = 0
        self._base = 0
        self._order = "<"
        self._unit = 1000
        self._section_start = 0
        self.interfaces: list[Interface] = []
        self.names: dict[str, tuple[str, ...]] = {}
        self.truncated = False
        self.format: Literal["pcap", "pcapng"] = "pcap"
        self._head()

    def packets(self) -> Iterator[Packet]:
        """Yield them in the order of the file; once."""
        return self._pcap() if self.format == "pcap" else self._pcapng()

    def _more(self, need: int) -> bool:
        """Have *need* bytes after the current place; False where the file ends before."""
        rest = self._data[self._at :]
        parts, have = [rest], len(rest)
        while have < need:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            parts.append(chunk)
            have += len(chunk)
        self._base += self._at
        self._data, self._at = b"".join(parts), 0
        return have >= need

    def _damaged(self, what: str) -> CaptureError:
        return CaptureError(
            f"{clean(self._name)} is damaged at byte {self._base + self._at}: {what}. The packets "
            "before it can be read; fetch the file again, or capture again."
        )

    def _head(self) -> None:
        if not self._more(24):
            have = len(self._data)
            what = "is empty" if not have else f"ends after {have} bytes, within its head"
            raise CaptureError(
                f"{clean(self._name)} {what}: it holds no capture. Fetch it again, or look at what "
                "tcpdump said."
            )
        magic = self._data[:4]
        if magic == _SECTION_MAGIC:
            self.format = "pcapng"
            return
        if magic not in _PCAP:
            raise CaptureError(
                f"{clean(self._name)} begins with the bytes {magic.hex()}: it is neither a pcap "
                "nor a pcapng file."
            )
        self._order, self._unit = _PCAP[magic]
        head = Struct(self._order + "HHiIII").unpack_from(self._data, 4)
        if head[0] != 2:
            raise CaptureError(
                f"{clean(self._name)} is a pcap file of version {head[0]}.{head[1]}, of which "
                "nothing is known here; 2.4 is what tcpdump writes."
            )
        self._at = 24
        # The upper bits tell of a frame check sequence.
        self.interfaces.append(
            Interface(
                linktype=head[5] & 0xFFFF, snaplen=head[4], resolution=NANOSECONDS // self._unit
            )
        )

    def _pcap(self) -> Iterator[Packet]:
        unpack, unit = Struct(self._order + "IIII").unpack_from, self._unit
        data, at = self._data, self._at
        while True:
            size, need = len(data), 16
            while at + 16 <= size:
                seconds, fraction, captured, length = unpack(data, at)
                if captured > _MOST_PACKET:
                    self._at = at
                    raise self._damaged(f"a packet of {captured} bytes, at most {_MOST_PACKET}")
                stop = at + 16 + captured
                if stop > size:
                    need = 16 + captured
                    break
                yield 0, seconds * NANOSECONDS + fraction * unit, length, data[at + 16 : stop]
                at = stop
            self._at = at
            if not self._more(need):
                self.truncated = bool(self._data)
                return
            data, at = self._data, self._at

    def _pcapng(self) -> Iterator[Packet]:
        last = 0
        while len(self._data) - self._at >= 12 or self._more(12):
            kind, total = self._block_head()
            if len(self._data) - self._at < total and not self._more(total):
                break
            at, stop = self._at, self._at + total - 4
            if self._data[stop : stop + 4] != self._data[at + 4 : at + 8]:
                raise self._damaged("a block whose two lengths differ")
            if kind in {_PACKET, _OLD_PACKET}:
                packet = self._packet(kind, at, stop)
                last = packet[1]
                yield packet
            elif kind == _SIMPLE_PACKET:
                yield self._simple_packet(at, stop, last)
            else:
                self._other(kind, at, stop)
            self._at = stop + 4
        self.truncated = len(self._data) > self._at

    def _block_head(self) -> tuple[int, int]:
        """The type and the length of the block at the current place, both checked."""
        data, at = self._data, self._at
        if data[at : at + 4] == _SECTION_MAGIC:
            order = _ORDER_MAGIC.get(data[at + 8 : at + 12])
            if order is None:
                raise self._damaged("a section of an unknown byte order")
            self._order = order
        kind, total = _HEAD[self._order].unpack_from(data, at)
        if total < 12 or total % 4 or total > _MOST_BLOCK:
            raise self._damaged(f"a block of {total} bytes")
        return kind, total

    def _packet(self, kind: int, at: int, stop: int) -> Packet:
        if stop - at < 28:
            raise self._damaged("a packet's block that is too short")
        number, high, low, captured, length = _PACKET_HEAD[self._order].unpack_from(
            self._data, at + 8
        )
        if kind == _OLD_PACKET:
            number = number & 0xFFFF if self._order == "<" else number >> 16
        index = self._section_start + number
        if index >= len(self.interfaces):
            raise self._damaged(f"a packet of interface {number}, which was not described")
        if captured > _MOST_PACKET or at + 28 + captured > stop:
            raise self._damaged(f"a packet of {captured} bytes")
        interface = self.interfaces[index]
        ticks = high << 32 | low
        if interface.resolution == 1_000_000:
            time = ticks * 1000
        elif interface.resolution == NANOSECONDS:
            time = ticks
        else:
            time = ticks * NANOSECONDS // interface.resolution
        if interface.offset:
            time += interface.offset * NANOSECONDS
        return index, time, length, self._data[at + 28 : at + 28 + captured]

    def _simple_packet(self, at: int, stop: int, last: int) -> Packet:
        """One without a time of its own: it gets that of the packet before it."""
        if stop - at < 12:
            raise self._damaged("a packet's block that is too short")
        if self._section_start >= len(self.interfaces):
            raise self._damaged("a packet before any interface was described")
        (length,) = _WORD[self._order].unpack_from(self._data, at + 8)
        snaplen = self.interfaces[self._section_start].snaplen or _MOST_PACKET
        captured = min(length, snaplen, _MOST_PACKET, stop - at - 12)
        return self._section_start, last, length, self._data[at + 12 : at + 12 + captured]

    def _other(self, kind: int, at: int, stop: int) -> None:
        """Take what is of use from a block without a packet; skip what is not known."""
        body = self._data[at + 8 : stop]
        if kind == _SECTION:
            if len(body) < 16:
                raise self._damaged("a section's head that is too short")
            if (version := _VERSION[self._order].unpack_from(body, 4)[0]) != 1:
                raise self._damaged(f"a section of version {version}, of which nothing is known")
            self._section_start = len(self.interfaces)
        elif kind == _INTERFACE:
            if len(body) < 8 or len(self.interfaces) >= _MOST_INTERFACES:
                raise self._damaged("an interface that is cut short, or one too many")
            self.interfaces.append(_interface(body, self._order))
        elif kind == _STATISTICS and len(body) >= 12:
            self._statistics(body)
        elif kind == _NAMES:
            self._names(body)

    def _statistics(self, body: bytes) -> None:
        index = self._section_start + _WORD[self._order].unpack_from(body)[0]
        if index < len(self.interfaces):
            interface, number = self.interfaces[index], _LONG[self._order]
            for code, value in _options(body, 12, self._order):
                if code == 4 and len(value) == 8:
                    interface.received = number.unpack(value)[0]
                elif code == 5 and len(value) == 8:
                    interface.dropped = number.unpack(value)[0]

    def _names(self, body: bytes) -> None:
        # Its records are laid out like options: an address and names that end in a zero byte.
        for code, value in _options(body, 0, self._order):
            width = {1: 4, 2: 16}.get(code)
            if width and len(value) > width and len(self.names) < _MOST_NAMES:
                texts = [_text(name) for name in value[width:].split(b"\0") if name]
                self.names[str(ip_address(value[:width]))] = tuple(texts[:16])


_HEAD = {order: Struct(order + "II") for order in "<>"}
_PACKET_HEAD = {order: Struct(order + "IIIII") for order in "<>"}
_WORD = {order: Struct(order + "I") for order in "<>"}
_LONG = {order: Struct(order + "Q") for order in "<>"}
_SIGNED = {order: Struct(order + "q") for order in "<>"}
_VERSION = {order: Struct(order + "HH") for order in "<>"}


def _text(value: bytes) -> str:
    return clean(value.decode("utf-8", "replace"), limit=1024)


def _options(body: bytes, at: int, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield code and value; the list ends early where a length leads out of it."""
    unpack = _VERSION[order].unpack_from
    while at + 4 <= len(body):
        code, length = unpack(body, at)
        if code == 0 or at + 4 + length > len(body):
            return
        yield code, body[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4


def _interface(body: bytes, order: str) -> Interface:
    linktype, snaplen = Struct(order + "HxxI").unpack_from(body)
    interface = Interface(linktype=linktype, snaplen=snaplen)
    for code, value in _options(body, 8, order):
        if code == 2:
            interface.name = _text(value)
        elif code == 3:
            interface.description = _text(value)
        elif code == 9 and value:
            power = value[0] & 0x7F
            interface.resolution = 2**power if value[0] & 0x80 else 10**power
        elif code == 11 and value[:1] == b"\0":
            interface.filter = _text(value[1:])
        elif code == 12:
            interface.os = _text(value)
        elif code == 14 and len(value) == 8:
            interface.offset = _SIGNED[order].unpack(value)[0]
    return interface
