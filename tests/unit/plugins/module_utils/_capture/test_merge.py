# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures of many pods in one file; that Wireshark reads it as well is an end-to-end test."""

from __future__ import annotations

import hashlib
import io
import random
import resource
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._capture.merge import (
    MergeInput,
    MergeResult,
    merge,
    merge_to_file,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.pcapng import (
    CaptureError,
    CaptureReader,
    Packet,
)
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._capture.frames import (
    SLL2,
    Record,
    enhanced,
    interface,
    pcap,
    section,
    written,
)

START = 1_700_000_000_000_000_000


def at(*offsets: int, mark: bytes = b"p") -> list[Record]:
    """Packets at so many microseconds; each says its own."""
    return [(START + offset * 1000, mark + b"%d" % offset) for offset in offsets]


def of(path: str, pod: str = "shop/web-0", **keywords: Any) -> MergeInput:
    return MergeInput(path=path, pod=pod, **keywords)


def merged(*inputs: MergeInput) -> tuple[MergeResult, CaptureReader, list[Packet], bytes]:
    out = io.BytesIO()
    result = merge(inputs, out)
    reader = CaptureReader([out.getvalue()])
    packets = list(reader.packets())
    assert not reader.truncated
    return result, reader, packets, out.getvalue()


def test_packets_of_all_inputs_in_the_order_of_time(tmp_path: Path) -> None:
    one = written(tmp_path, pcap(at(0, 20, 40), linktype=1), "one")
    two = written(tmp_path, pcap(at(10, 20, 30), linktype=SLL2, order=">"), "two")
    result, reader, packets, content = merged(
        of(one, "shop/web-0", node="a", ips=("10.0.0.1", "fd00::1"), received=9, dropped=2),
        of(two, "shop/web-1", node="b", ips=("10.0.0.2",), filter="port 80"),
    )
    assert [(number, data) for number, _time, _length, data in packets] == [
        *((0, b"p0"), (1, b"p10"), (0, b"p20"), (1, b"p20"), (1, b"p30"), (0, b"p40")),
    ]
    assert [time for _number, time, *_rest in packets] == [
        START + offset * 1000 for offset in (0, 10, 20, 20, 30, 40)
    ]
    found = [(item.name, item.description, item.linktype) for item in reader.interfaces]
    assert found == [
        ("shop/web-0", "node a, 10.0.0.1, fd00::1", 1),
        ("shop/web-1", "node b, 10.0.0.2", SLL2),
    ]
    assert reader.interfaces[1].filter == "port 80"
    assert [(item.received, item.dropped) for item in reader.interfaces] == [(9, 2), (None, None)]
    assert reader.names == {
        "10.0.0.1": ("web-0.shop",),
        "fd00::1": ("web-0.shop",),
        "10.0.0.2": ("web-1.shop",),
    }
    assert result == MergeResult(
        packets=6,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        interfaces=("shop/web-0", "shop/web-1"),
        first=START,
        last=START + 40_000,
        unordered=0,
        notes=(),
    )


def test_nanoseconds_are_kept(tmp_path: Path) -> None:
    path = written(tmp_path, pcap([(START + 7, b"x")], nano=True))
    assert merged(of(path))[2] == [(0, START + 7, 1, b"x")]


def test_packets_that_are_a_little_late_get_their_place(tmp_path: Path) -> None:
    path = written(tmp_path, pcap(at(0, 30, 40, 50, 60, 10, 20, 70)))
    result, _reader, packets, _content = merged(of(path))
    assert [data for *_rest, data in packets] == [b"p%d" % n for n in (0, *range(10, 80, 10))]
    assert result.unordered == 0


def test_packets_that_are_too_late_are_counted_and_kept(tmp_path: Path) -> None:
    path = written(tmp_path, pcap(at(*range(100, 200), 0)))
    result, _reader, packets, _content = merged(of(path))
    assert len(packets) == 101
    assert result.unordered == 1
    assert result.first == START


def test_files_of_one_pod_have_one_interface(tmp_path: Path) -> None:
    ring = [written(tmp_path, pcap(at(n * 10)), f"ring{n}") for n in range(3)]
    result, reader, packets, _content = merged(*(of(path, received=50, dropped=1) for path in ring))
    assert result.interfaces == ("shop/web-0",)
    assert {number for number, *_rest in packets} == {0}
    assert (reader.interfaces[0].received, reader.interfaces[0].dropped) == (50, 1)


def test_a_pcapng_with_several_interfaces_keeps_them(tmp_path: Path) -> None:
    content = section() + interface(1, [(2, b"eth0"), (9, b"\x09")])
    content += enhanced(START, b"one")
    # Described only after a packet, as a writer may.
    content += interface(SLL2, [(2, b"any"), (9, b"\x09")])
    content += enhanced(START + 1, b"two", number=1)
    result, reader, packets, _content = merged(of(written(tmp_path, content)))
    assert result.interfaces == ("shop/web-0/eth0", "shop/web-0/any")
    assert [item.linktype for item in reader.interfaces] == [1, SLL2]
    assert [number for number, *_rest in packets] == [0, 1]


def test_a_pod_without_a_packet_is_there_as_well(tmp_path: Path) -> None:
    result, reader, packets, _content = merged(of(written(tmp_path, pcap([])), received=0))
    assert packets == []
    assert (result.first, result.last) == (None, None)
    assert [item.name for item in reader.interfaces] == ["shop/web-0"]


def test_an_input_that_is_not_whole_gives_what_it_has_and_is_told(tmp_path: Path) -> None:
    cut = written(tmp_path, pcap(at(0, 20))[:-1], "cut")
    whole = written(tmp_path, pcap(at(10)), "whole")
    result, _reader, packets, content = merged(
        of(cut, "shop/cut", comment="The transfer broke"), of(whole, "shop/whole")
    )
    assert [data for *_rest, data in packets] == [b"p0", b"p10"]
    assert len(result.notes) == 1
    assert result.notes[0].startswith("shop/cut: ")
    assert "ends in the middle of a packet" in result.notes[0]
    # In the file too, for whoever gets nothing but the file.
    assert b"The transfer broke" in content
    assert b"ends in the middle of a packet" in content


@pytest.mark.parametrize("content", [None, b"", b"<html></html>" * 10], ids=["none", "empty", "no"])
def test_an_input_that_is_no_capture_does_not_lose_the_others(
    tmp_path: Path, content: bytes | None
) -> None:
    path = str(tmp_path / "bad")
    if content is not None:
        written(tmp_path, content, "bad")
    good = written(tmp_path, pcap(at(1)), "good")
    result, _reader, packets, _content = merged(of(path, "shop/bad"), of(good, "shop/good"))
    assert [data for *_rest, data in packets] == [b"p1"]
    assert [note.partition(":")[0] for note in result.notes] == ["shop/bad"]
    assert result.interfaces == ("shop/good",)


def test_no_capture_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="cannot be read"):
        merge([of(str(tmp_path / "none"))], io.BytesIO())


def test_the_clocks_are_told_and_not_applied(tmp_path: Path) -> None:
    path = written(tmp_path, pcap(at(5)))
    _result, _reader, packets, content = merged(of(path, clock_offset=-1.25))
    assert b"was 1.250 s behind that of the controller" in content
    assert packets[0][1] == START + 5000


def test_an_offset_within_its_uncertainty_is_none(tmp_path: Path) -> None:
    path = written(tmp_path, pcap(at(5)))
    content = merged(of(path, clock_offset=0.3, clock_uncertainty=0.4))[3]
    assert b"agreed, as far as could be known (within 0.400 s)" in content
    assert b"ahead" not in content


def test_an_address_that_pods_share_is_the_nodes(tmp_path: Path) -> None:
    path = written(tmp_path, pcap(at(5)))
    keywords = {"ips": ("192.0.2.1", "not an address")}
    _result, reader, *_rest = merged(
        of(path, "shop/a", node="n1", **keywords), of(path, "shop/b", node="n1", **keywords)
    )
    assert reader.names == {"192.0.2.1": ("n1",)}


def test_names_of_a_stranger_are_cleaned(tmp_path: Path) -> None:
    path = written(tmp_path, pcap(at(5)))
    _result, reader, _packets, content = merged(
        of(path, node="a\x1b[31m\nb", comment="\x1b]0;x\x07")
    )
    assert reader.interfaces[0].description == "node a b"
    assert b"\x1b" not in content


def test_random_files_are_merged_as_sorting_would(tmp_path: Path) -> None:
    source = random.Random(7)
    everything, inputs = [], []
    for number in range(20):
        offsets = sorted(source.randrange(10**6) for _n in range(source.randrange(200)))
        records = at(*offsets, mark=b"%d:" % number)
        everything += records
        inputs.append(of(written(tmp_path, pcap(records), str(number)), f"shop/{number}"))
    result, _reader, packets, _content = merged(*inputs)
    assert result.unordered == 0
    assert [time for _number, time, *_rest in packets] == sorted(time for time, _data in everything)
    assert sorted(data for *_rest, data in packets) == sorted(data for _time, data in everything)


@pytest.fixture
def few_files() -> Iterator[None]:
    """Allow about twenty more open files than there are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 20, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_files")
def test_hundreds_of_inputs_need_no_descriptor_each(tmp_path: Path) -> None:
    inputs = [
        of(written(tmp_path, pcap(at(n, n + 1000)), str(n)), f"shop/web-{n}") for n in range(400)
    ]
    result = merge_to_file(inputs, str(tmp_path / "all.pcapng"))
    assert (result.packets, len(result.interfaces), result.notes) == (800, 400, ())


def test_the_file_is_whole_private_and_of_the_told_sum(tmp_path: Path) -> None:
    target = tmp_path / "all.pcapng"
    result = merge_to_file([of(written(tmp_path, pcap(at(1))))], str(target))
    content = target.read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (result.size, result.sha256)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(item.name for item in tmp_path.iterdir()) == ["all.pcapng", "one.pcap"]


def test_a_file_that_exists_is_overwritten_only_where_that_is_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "all.pcapng"
    target.write_text("theirs")
    inputs = [of(written(tmp_path, pcap(at(1))))]
    with pytest.raises(CaptureError, match="exists and is not overwritten"):
        merge_to_file(inputs, str(target))
    assert target.read_text() == "theirs"
    merge_to_file(inputs, str(target), force=True)
    assert target.read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"


def test_an_input_is_never_the_result(tmp_path: Path) -> None:
    path = written(tmp_path, pcap(at(1)))
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(CaptureError, match="is one of the files to merge"):
        merge_to_file([of(path)], str(link), force=True)


@pytest.mark.parametrize("content", [b"", pcap(at(1))], ids=["no-input", "no-folder"])
def test_nothing_is_left_where_it_fails(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, content)
    folder = tmp_path / "out"
    if not content:
        folder.mkdir()
    with pytest.raises(CaptureError):
        merge_to_file([of(path)], str(folder / "all.pcapng"))
    assert not folder.exists() or not list(folder.iterdir())


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, pcap(at(*range(5000))))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(CaptureError, match=r"cannot be written: .*make room"):
            merge_to_file([of(path)], str(tmp_path / "all.pcapng"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [item.name for item in tmp_path.iterdir()] == ["one.pcap"]
