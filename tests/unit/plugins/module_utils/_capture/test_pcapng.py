# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of both formats, in both byte orders, whole, cut and hostile."""

from __future__ import annotations

import random
import struct

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._capture import blocks
from ansible_collections.kubedebug.core.plugins.module_utils._capture.pcapng import (
    CaptureError,
    CaptureReader,
    Interface,
    Packet,
)
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._capture import frames

START = 1_700_000_000_123_456_789
FRAMES = [bytes([n & 255]) * n for n in (1, 60, 61, 62, 63, 1500)]
RECORDS = [(START + n * 1000, frame) for n, frame in enumerate(FRAMES)]


def read(content: bytes, *, size: int = 1 << 20) -> tuple[CaptureReader, list[Packet]]:
    chunks = (content[at : at + size] for at in range(0, len(content), size))
    reader = CaptureReader(chunks, name="one.pcap")
    return reader, list(reader.packets())


def damage(content: bytes) -> tuple[int, str]:
    """How many packets come before the damage, and what is said of it."""
    reader = CaptureReader([content], name="one.pcap")
    count = 0
    with pytest.raises(CaptureError) as caught:
        for _packet in reader.packets():
            count += 1
    return count, caught.value.msg


@pytest.mark.parametrize("size", [1, 7, 1 << 20], ids=["bytes", "odd-chunks", "one-chunk"])
@pytest.mark.parametrize("nano", [False, True], ids=["micro", "nano"])
@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
def test_pcap(order: str, nano: bool, size: int) -> None:
    reader, packets = read(frames.pcap(RECORDS, order=order, nano=nano, linktype=276), size=size)
    assert reader.format == "pcap"
    assert not reader.truncated
    assert [(item.linktype, item.snaplen) for item in reader.interfaces] == [(276, 262144)]
    unit = 1 if nano else 1000
    assert packets == [(0, time // unit * unit, len(frame), frame) for time, frame in RECORDS]


def test_pcap_with_a_snaplen_tells_the_length_on_the_wire() -> None:
    _reader, packets = read(frames.pcap(RECORDS, snaplen=62))
    assert [(length, len(data)) for _index, _time, length, data in packets] == [
        (len(frame), min(62, len(frame))) for frame in FRAMES
    ]


def test_the_upper_bits_of_a_linktype_are_not_part_of_it() -> None:
    content = bytearray(frames.pcap([]))
    content[20:24] = struct.pack("<I", 0x14000001)
    reader, _packets = read(bytes(content))
    assert reader.interfaces[0].linktype == 1


@pytest.mark.parametrize("size", [1, 7, 1 << 20], ids=["bytes", "odd-chunks", "one-chunk"])
@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize(
    ("resolution", "ticks_a_second"),
    [
        pytest.param(b"", 10**6, id="default"),
        pytest.param(b"\x06", 10**6, id="micro"),
        pytest.param(b"\x09", 10**9, id="nano"),
        pytest.param(b"\x03", 10**3, id="milli"),
        pytest.param(b"\x00", 1, id="seconds"),
        pytest.param(b"\x8a", 2**10, id="power-of-two"),
    ],
)
def test_pcapng(order: str, resolution: bytes, ticks_a_second: int, size: int) -> None:
    pairs = [(2, b"eth0"), (3, b"the first"), *([(9, resolution)] if resolution else [])]
    ticks = [time * ticks_a_second // 10**9 for time, _frame in RECORDS]
    content = frames.section(order) + frames.interface(1, pairs, order)
    for tick, frame in zip(ticks, FRAMES, strict=True):
        content += frames.enhanced(tick, frame, order)
        content += frames.block(0x0BAD, b"unknown, to be skipped", order)
    reader, packets = read(content, size=size)
    assert reader.format == "pcapng"
    assert not reader.truncated
    assert (reader.interfaces[0].name, reader.interfaces[0].description) == ("eth0", "the first")
    assert packets == [
        (0, tick * 10**9 // ticks_a_second, len(frame), frame)
        for tick, frame in zip(ticks, FRAMES, strict=True)
    ]


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
def test_pcapng_blocks_that_tell_more(order: str) -> None:
    long = order + "Q"
    names = struct.pack(order + "HH", 1, 4 + 9) + bytes([10, 0, 0, 1]) + b"web.shop\0" + b"\0" * 3
    names += struct.pack(order + "HH", 2, 16 + 4) + bytes(15) + b"\1" + b"me6\0"
    content = b"".join(
        (
            frames.section(order),
            frames.interface(
                113,
                [
                    (11, b"\0port 80"),
                    (12, b"Linux 6.1"),
                    (14, struct.pack(order + "q", -5)),
                ],
                order,
                snaplen=96,
            ),
            frames.block(4, names + b"\0\0\0\0", order),
            # The simple packet has no time: it gets the one before.
            frames.enhanced(7_000_000, b"abc", order),
            frames.block(3, struct.pack(order + "I", 100) + b"x" * 96, order),
            # The obsolete packet's block.
            frames.block(
                2, struct.pack(order + "HHIIII", 0, 9, 0, 8_000_000, 3, 3) + b"old", order
            ),
            frames.block(
                5,
                struct.pack(order + "III", 0, 0, 0)
                + frames.options([(4, struct.pack(long, 77)), (5, struct.pack(long, 3))], order),
                order,
            ),
        )
    )
    reader, packets = read(content)
    found = reader.interfaces[0]
    assert (found.linktype, found.snaplen, found.filter) == (113, 96, "port 80")
    assert (found.os, found.offset, found.received, found.dropped) == ("Linux 6.1", -5, 77, 3)
    assert reader.names == {"10.0.0.1": ("web.shop",), "::1": ("me6",)}
    assert packets == [
        (0, 2_000_000_000, 3, b"abc"),
        (0, 2_000_000_000, 100, b"x" * 96),
        (0, 3_000_000_000, 3, b"old"),
    ]


def test_each_section_counts_its_interfaces_anew() -> None:
    content = b"".join(
        (
            frames.section(),
            frames.interface(1, [(2, b"a")]),
            frames.interface(1, [(2, b"b")]),
            frames.enhanced(1, b"one", number=1),
            frames.section(">"),
            frames.interface(113, [(2, b"c")], ">"),
            frames.enhanced(2, b"two", ">"),
        )
    )
    reader, packets = read(content)
    assert [item.name for item in reader.interfaces] == ["a", "b", "c"]
    assert [(index, data) for index, _time, _length, data in packets] == [(1, b"one"), (2, b"two")]


def test_names_in_a_file_lose_what_a_terminal_would_obey() -> None:
    content = frames.section() + frames.interface(1, [(2, b"eth\x1b[31m0\x00\x07"), (3, b"\xff")])
    reader, _packets = read(content)
    assert reader.interfaces[0].name == "eth0"
    assert reader.interfaces[0].description == "�"


PCAP = frames.pcap(RECORDS)
PCAPNG = (
    frames.section()
    + frames.interface(1, [(2, b"eth0"), (9, b"\x09")])
    + b"".join(frames.enhanced(time, frame) for time, frame in RECORDS)
)


def boundaries(first: int, sizes: list[int]) -> list[int]:
    """Where the file ends well: after its head, and after each packet."""
    return [first + sum(sizes[:n]) for n in range(len(sizes) + 1)]


@pytest.mark.parametrize(
    ("content", "well", "alone"),
    [
        pytest.param(PCAP, boundaries(24, [16 + len(one) for one in FRAMES]), set(), id="pcap"),
        pytest.param(
            PCAPNG,
            boundaries(
                len(PCAPNG) - sum(len(frames.enhanced(*one)) for one in RECORDS),
                [len(frames.enhanced(*one)) for one in RECORDS],
            ),
            {len(frames.section())},
            id="pcapng",
        ),
    ],
)
def test_every_truncation_gives_the_packets_before_it(
    content: bytes, well: list[int], alone: set[int]
) -> None:
    everything = read(content)[1]
    for size in range(24, len(content) + 1):
        reader, packets = read(content[:size])
        assert packets == everything[: len([end for end in well[1:] if end <= size])], size
        assert reader.truncated == (size not in {*well, *alone}), size
    for size in range(24):
        with pytest.raises(CaptureError, match="no capture"):
            read(content[:size])


@pytest.mark.parametrize("content", [PCAP, PCAPNG], ids=["pcap", "pcapng"])
def test_flipped_bytes_raise_nothing_but_the_documented_error(content: bytes) -> None:
    source = random.Random(20261125)
    read_well = refused = 0
    for _round in range(3000):
        broken = bytearray(content)
        for _flip in range(source.randint(1, 6)):
            broken[source.randrange(len(broken))] = source.randrange(256)
        try:
            _reader, packets = read(bytes(broken), size=source.choice((64, 4096)))
        except CaptureError as error:
            refused += 1
            assert "\x1b" not in error.msg
            continue
        read_well += 1
        # Nothing is made up: there are no more bytes of packets than bytes in the file.
        assert sum(len(data) for *_rest, data in packets) <= len(content)
    # Both ways were taken, or the test would show nothing.
    assert read_well > 100
    assert refused > 100


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\xd4\xc3\xb2\xa1\x02", "ends after 5 bytes, within its head", id="short"),
        pytest.param(b"<html>" + b" " * 100, "neither a pcap nor a pcapng", id="html"),
        pytest.param(b"\x1f\x8b" + bytes(100), "begins with the bytes 1f8b0000", id="gzip"),
        pytest.param(
            frames.pcap([]).replace(b"\x02\0\x04\0", b"\x07\0\x01\0"), "version 7.1", id="version"
        ),
    ],
)
def test_what_is_no_capture_is_told_by_its_beginning(content: bytes, text: str) -> None:
    with pytest.raises(CaptureError, match=text):
        read(content)


HEAD = frames.section() + frames.interface()
ONE = frames.enhanced(1, b"good")


@pytest.mark.parametrize(
    ("content", "before", "text"),
    [
        pytest.param(
            frames.pcap(RECORDS[:1]) + struct.pack("<IIII", 1, 1, 0x7FFFFFFF, 0x7FFFFFFF),
            1,
            "a packet of 2147483647 bytes",
            id="pcap-packet-of-2-gib",
        ),
        pytest.param(
            HEAD + ONE + struct.pack("<II", 6, 0x7FFFFFFC) + bytes(64),
            1,
            "a block of 2147483644 bytes",
            id="block-of-2-gib",
        ),
        pytest.param(
            HEAD + ONE + struct.pack("<II", 6, 0) + bytes(64), 1, "a block of 0 bytes", id="no-end"
        ),
        pytest.param(
            HEAD + ONE + struct.pack("<II", 6, 33) + bytes(64), 1, "a block of 33 bytes", id="odd"
        ),
        pytest.param(
            HEAD + ONE + ONE[:-4] + struct.pack("<I", 44), 1, "lengths differ", id="two-lengths"
        ),
        pytest.param(HEAD + frames.enhanced(1, b"x", number=1), 0, "interface 1", id="interface"),
        pytest.param(
            HEAD + frames.block(6, struct.pack("<IIIII", 0, 0, 1, 5000, 5000) + b"x"),
            0,
            "a packet of 5000 bytes",
            id="packet-outside-of-its-block",
        ),
        pytest.param(HEAD + frames.block(6, b"short"), 0, "too short", id="short-packet"),
        pytest.param(HEAD + frames.block(3, b""), 0, "too short", id="short-simple-packet"),
        pytest.param(
            frames.section() + frames.block(3, b"\1\0\0\0x"), 0, "before any", id="no-interface"
        ),
        pytest.param(HEAD + frames.section(version=9), 0, "version 9", id="version"),
        pytest.param(
            HEAD + frames.block(0x0A0D0D0A, b"\1\2\3\4" + bytes(12)), 0, "byte order", id="order"
        ),
        pytest.param(frames.section() + frames.block(1, b""), 0, "cut short", id="short-interface"),
    ],
)
def test_hostile_lengths_are_refused_where_they_stand(
    content: bytes, before: int, text: str
) -> None:
    count, message = damage(content)
    assert count == before
    assert text in message
    assert "damaged at byte" in message


def test_a_hostile_number_of_interfaces_is_refused() -> None:
    count, message = damage(frames.section() + frames.interface() * 70_000)
    assert count == 0
    assert "one too many" in message


def test_options_that_lead_out_of_their_block_are_left() -> None:
    bad = struct.pack("<HHI", 1, 0, 0) + struct.pack("<HH", 2, 60_000) + b"eth0"
    reader, packets = read(frames.section() + frames.block(1, bad) + ONE)
    assert reader.interfaces == [Interface(linktype=1)]
    assert len(packets) == 1


def test_what_is_written_reads_the_same() -> None:
    described = Interface(
        linktype=276,
        snaplen=96,
        resolution=10**9,
        name="shop/web-1",
        description="node a, 10.0.0.1",
        filter="port 80",
        os="Linux",
    )
    content = b"".join(
        (
            blocks.section_block(application="a test", comment="of ours"),
            blocks.interface_block(described, comment="none", ips=("10.0.0.1", "fd00::1")),
            blocks.name_block([("10.0.0.1", "web-1.shop"), ("fd00::1", "web-1.shop")]),
            *(blocks.packet_block(0, time, len(frame) + 9, frame) for time, frame in RECORDS),
            blocks.statistics_block(0, time=START, received=10, dropped=0, comment="x" * 70_000),
        )
    )
    reader, packets = read(content)
    assert packets == [(0, time, len(frame) + 9, frame) for time, frame in RECORDS]
    assert reader.names == {"10.0.0.1": ("web-1.shop",), "fd00::1": ("web-1.shop",)}
    described.received, described.dropped = 10, 0
    assert reader.interfaces == [described]
    assert not reader.truncated


def test_counts_that_are_not_known_are_not_written() -> None:
    content = b"".join(
        (
            blocks.section_block(application="a"),
            blocks.interface_block(Interface(linktype=1)),
            blocks.statistics_block(0, time=1, received=None, dropped=None),
        )
    )
    reader, _packets = read(content)
    assert (reader.interfaces[0].received, reader.interfaces[0].dropped) == (None, None)
