# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a capture, against packets whose story is known."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._capture.flows import Flows
from ansible_collections.kubedebug.core.plugins.module_utils._capture.pcapng import CaptureError
from ansible_collections.kubedebug.core.plugins.module_utils._capture.summary import (
    summarize,
    time_text,
)
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._capture.frames import (
    ACK,
    CLIENT,
    RST,
    SERVER,
    SLL2,
    SYN,
    Record,
    back,
    enhanced,
    ethernet,
    exchange,
    interface,
    ipv4,
    ipv6,
    pcap,
    section,
    sll2,
    tcp,
    udp,
    written,
)

START = 1_700_000_000 * 10**9
MS = 1_000_000
GET = b"GET /index?token=secret HTTP/1.1\r\nHost: web\r\nCookie: secret\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def of(folder: Path, records: list[Record], **keywords: Any) -> dict[str, Any]:
    return summarize(written(folder, pcap(records, **keywords)))


def there(*segments: bytes, start: int = START, step: int = 10 * MS) -> list[Record]:
    """Segments of the client, one after the other."""
    return [(start + step * n, ethernet(ipv4(segment))) for n, segment in enumerate(segments)]


def test_the_whole_of_an_exchange(tmp_path: Path) -> None:
    records = exchange(GET, OK, start=START)
    found = of(tmp_path, records)
    size = sum(len(frame) for _time, frame in records)
    to_server = sum(len(records[n][1]) for n in (0, 2, 3, 5))
    conversation = found.pop("conversations")[0]
    assert conversation == {
        "protocol": "tcp",
        "client": CLIENT,
        "server": SERVER,
        "port": 80,
        "packets": 6,
        "bytes": size,
        "packets_to_server": 4,
        "packets_to_client": 2,
        "bytes_to_server": to_server,
        "bytes_to_client": size - to_server,
        "begins_at": 0.0,
        "seconds": 0.005004,
        "connections": 1,
        "refused": 0,
        "unanswered": 0,
        "resets": 0,
        "retransmissions": 0,
        "out_of_order": 0,
        "zero_windows": 0,
    }
    http = found.pop("http")
    assert http.pop("exchanges") == [
        {
            "at": 0.000003,
            "client": f"{CLIENT}:40000",
            "server": f"{SERVER}:80",
            "method": "GET",
            "host": "web",
            "path": "/index",
            "query": True,
            "status": 200,
            "ms": 5.0,
        }
    ]
    assert http.pop("paths") == [
        {
            "method": "GET",
            "host": "web",
            "path": "/index",
            "requests": 1,
            "unanswered": 0,
            "statuses": {"200": 1},
            "avg_ms": 5.0,
            "max_ms": 5.0,
        }
    ]
    assert http == {
        "requests": 1,
        "responses": 1,
        "unanswered": 0,
        "statuses": {"200": 1},
        "other_paths": {"paths": 0, "requests": 0},
        "other_exchanges": 0,
        "http2_connections": 0,
    }
    nothing = {"queries": 0, "answers": 0, "results": {}, "names": []}
    assert found == {
        "file": str(tmp_path / "one.pcap"),
        "format": "pcap",
        "whole": True,
        "problem": None,
        "packets": 6,
        "bytes": size,
        "captured_bytes": size,
        "truncated_packets": 0,
        "repeated_packets": 0,
        "first_packet": "2023-11-14T22:13:20.000000Z",
        "last_packet": "2023-11-14T22:13:20.005004Z",
        "seconds": 0.005004,
        "linktypes": ["EN10MB"],
        "interfaces": [],
        "protocols": [{"protocol": "tcp", "packets": 6, "bytes": size}],
        "other_conversations": {"conversations": 0, "packets": 0, "bytes": 0},
        "tcp": {
            "connections": 1,
            **dict.fromkeys(("refused", "unanswered", "resets"), 0),
            **dict.fromkeys(("retransmissions", "out_of_order", "zero_windows"), 0),
        },
        "dns": {**nothing, "others": {"names": 0, "queries": 0}},
        "tls": {"rows": [], "others": 0},
        "icmp": {"rows": [], "others": 0},
    }


def test_no_query_and_no_cookie_is_kept(tmp_path: Path) -> None:
    assert "secret" not in str(of(tmp_path, exchange(GET, OK)))


def test_no_packet_is_a_summary_as_well(tmp_path: Path) -> None:
    found = of(tmp_path, [])
    assert (found["packets"], found["seconds"], found["whole"]) == (0, 0.0, True)
    assert (found["first_packet"], found["last_packet"]) == (None, None)
    assert found["linktypes"] == ["EN10MB"]


def test_a_snaplen_cuts_packets_and_is_counted(tmp_path: Path) -> None:
    records = exchange(GET, OK)
    found = of(tmp_path, records, snaplen=90)
    assert found["truncated_packets"] == 2
    assert found["captured_bytes"] < found["bytes"] == sum(len(frame) for _time, frame in records)
    # What there is of the heads is enough for the method, the path and the status.
    assert [
        (item["method"], item["path"], item["status"]) for item in found["http"]["exchanges"]
    ] == [("GET", "/index", 200)]


@pytest.mark.parametrize(
    ("segments", "counts"),
    [
        pytest.param([tcp(b"a", seq=1), tcp(b"b", seq=2)], {}, id="in-order"),
        pytest.param([tcp(b"ab", seq=1), tcp(b"ab", seq=1)], {"retransmissions": 1}, id="again"),
        pytest.param(
            [tcp(b"ab", seq=1), tcp(b"cd", seq=3), tcp(b"abcd", seq=1)],
            {"retransmissions": 1},
            id="again-in-one",
        ),
        pytest.param(
            [tcp(b"ab", seq=0xFFFFFFFE), tcp(b"cd", seq=0), tcp(b"ab", seq=0xFFFFFFFE)],
            {"retransmissions": 1},
            id="around-zero",
        ),
        pytest.param([tcp(b"ab", seq=1), tcp(b"b", seq=2)], {}, id="keep-alive"),
        pytest.param([tcp(b"ab", seq=1), tcp(b"", seq=1)], {}, id="no-data"),
        pytest.param(
            [tcp(flags=SYN, seq=9), tcp(flags=SYN, seq=9), tcp(flags=SYN, seq=9)],
            {"connections": 1, "retransmissions": 2, "unanswered": 1},
            id="unanswered",
        ),
        pytest.param(
            [tcp(flags=SYN, seq=9), tcp(flags=SYN, seq=500)],
            {"connections": 2, "unanswered": 2},
            id="port-used-again",
        ),
        pytest.param([tcp(flags=RST)], {"resets": 1}, id="reset"),
        pytest.param(
            [tcp(window=0), tcp(window=0), tcp(window=5)], {"zero_windows": 2}, id="zero-window"
        ),
        pytest.param([tcp(window=0, flags=RST)], {"resets": 1}, id="a-reset-has-no-window"),
    ],
)
def test_what_tcp_had_to_repair(
    tmp_path: Path, segments: list[bytes], counts: dict[str, int]
) -> None:
    found = of(tmp_path, there(*segments))
    wanted = dict.fromkeys(found["tcp"], 0) | {"connections": 1} | counts
    assert found["tcp"] == wanted
    assert {name: found["conversations"][0][name] for name in wanted} == wanted


def test_a_segment_that_was_overtaken_was_not_sent_again(tmp_path: Path) -> None:
    segments = (tcp(b"ab", seq=1), tcp(b"ef", seq=5), tcp(b"cd", seq=3))
    found = of(tmp_path, there(*segments, step=MS))
    assert (found["tcp"]["out_of_order"], found["tcp"]["retransmissions"]) == (1, 0)
    found = of(tmp_path, there(*segments, step=5 * MS))
    assert (found["tcp"]["out_of_order"], found["tcp"]["retransmissions"]) == (0, 1)


def test_a_connection_that_is_refused(tmp_path: Path) -> None:
    records = [
        (START, ethernet(ipv4(tcp(flags=SYN, seq=1)))),
        (START + MS, ethernet(back(tcp(ports=(80, 40000), flags=RST | ACK)))),
    ]
    found = of(tmp_path, records)["tcp"]
    assert (found["connections"], found["refused"], found["unanswered"]) == (1, 1, 0)


@pytest.mark.parametrize("port", [80, 50000], ids=["greater-port", "lower-port"])
def test_who_sends_the_syn_is_the_client(tmp_path: Path, port: int) -> None:
    records = exchange(GET, OK, ports=(40000, port))
    line = of(tmp_path, records)["conversations"][0]
    assert (line["client"], line["server"], line["port"]) == (CLIENT, SERVER, port)
    # Without the SYN, its answer tells.
    line = of(tmp_path, records[1:])["conversations"][0]
    assert (line["client"], line["server"], line["port"]) == (CLIENT, SERVER, port)


def test_a_connection_from_before_the_capture_is_of_the_greater_port(tmp_path: Path) -> None:
    records = exchange(GET, OK)[3:]
    line = of(tmp_path, list(reversed(records)))["conversations"][0]
    assert (line["client"], line["port"], line["connections"]) == (CLIENT, 80, 1)


def test_connections_of_one_client_to_one_port_are_one_line(tmp_path: Path) -> None:
    records = [
        record
        for n in range(50)
        for record in exchange(GET, OK, start=START + n * 100 * MS, ports=(40000 + n, 80))
    ]
    found = of(tmp_path, records)
    assert [(line["packets"], line["connections"]) for line in found["conversations"]] == [
        (300, 50)
    ]
    assert found["http"]["paths"][0]["requests"] == 50
    assert len(found["http"]["exchanges"]) == 20
    assert found["http"]["other_exchanges"] == 30


def test_a_request_without_an_answer(tmp_path: Path) -> None:
    found = of(tmp_path, exchange(GET, OK)[:4])["http"]
    assert (found["requests"], found["responses"], found["unanswered"]) == (1, 0, 1)
    assert (found["exchanges"][0]["status"], found["exchanges"][0]["ms"]) == (None, None)
    assert found["paths"][0]["unanswered"] == 1


def test_answers_belong_to_requests_in_their_order(tmp_path: Path) -> None:
    ask = b"GET /%d HTTP/1.1\r\n\r\n"
    bad = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 no\r\nContent-Length: 0\r\n\r\n"
    found = of(tmp_path, exchange(ask % 1 + ask % 2, OK + bad))["http"]
    assert [(item["path"], item["status"]) for item in found["exchanges"]] == [
        ("/1", 200),
        ("/2", 503),
    ]
    assert found["statuses"] == {"200": 1, "503": 1}


def test_the_answer_to_head_has_no_body(tmp_path: Path) -> None:
    ask = b"HEAD /%d HTTP/1.1\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"
    found = of(tmp_path, exchange(ask % 1 + ask % 2, answer + answer))["http"]
    assert found["statuses"] == {"200": 2}


def dns(number: int, name: bytes, flags: int) -> bytes:
    return struct.pack("!6H", number, flags, 1, 0, 0, 0) + bytes([len(name)]) + name + b"\0\0\1\0\1"


def test_dns(tmp_path: Path) -> None:
    def ask(number: int, name: bytes) -> bytes:
        return ethernet(ipv4(udp(dns(number, name, 0x0100)), protocol=17))

    def answer(number: int, name: bytes, result: int) -> bytes:
        data = udp(dns(number, name, 0x8180 | result), ports=(53, 40000))
        return ethernet(ipv4(data, protocol=17, source=SERVER, destination=CLIENT))

    records = [
        (START, ask(1, b"web")),
        (START + 2 * MS, answer(1, b"web", 0)),
        (START + 3 * MS, ask(2, b"web")),
        (START + 10 * MS, answer(2, b"web", 3)),
        (START + 11 * MS, ask(3, b"lost")),
    ]
    found = of(tmp_path, records)["dns"]
    assert found["names"] == [
        {
            "name": "web",
            "type": "A",
            "queries": 2,
            "unanswered": 0,
            "results": {"NOERROR": 1, "NXDOMAIN": 1},
            "max_ms": 7.0,
        },
        {
            "name": "lost",
            "type": "A",
            "queries": 1,
            "unanswered": 1,
            "results": {},
            "max_ms": None,
        },
    ]
    assert (found["queries"], found["answers"]) == (3, 2)


def test_protocols_icmp_and_http2(tmp_path: Path) -> None:
    records = [
        (START, ethernet(ipv4(b"\x03\x03" + bytes(6), protocol=1))),
        (START, ethernet(ipv6(b"\x87\0" + bytes(6), protocol=58), 0x86DD)),
        (START, ethernet(bytes(28), 0x0806)),
        (START, ethernet(ipv4(tcp(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))),
        (START, b"short"),
    ]
    found = of(tmp_path, records)
    assert {item["protocol"]: item["packets"] for item in found["protocols"]} == dict.fromkeys(
        ("icmp", "icmpv6", "arp", "tcp", "unreadable"), 1
    )
    assert found["icmp"]["rows"] == [
        {"message": "neighbour solicitation", "packets": 1},
        {"message": "port unreachable", "packets": 1},
    ]
    assert found["http"]["http2_connections"] == 1


def test_a_packet_that_passes_two_interfaces_counts_in_its_conversation_once(
    tmp_path: Path,
) -> None:
    # As a capture of `any` on the node's network: on the pod's end, then on the bridge.
    records = [
        (time + n * 1000, sll2(frame[14:], interface=2 + n))
        for time, frame in exchange(GET, OK)
        for n in range(2)
    ]
    found = of(tmp_path, records, linktype=SLL2)
    assert (found["packets"], found["repeated_packets"]) == (12, 6)
    assert found["conversations"][0]["packets"] == 6
    assert (found["tcp"]["retransmissions"], found["http"]["requests"]) == (0, 1)


def test_two_pods_that_talk_to_each_other_in_a_merged_file(tmp_path: Path) -> None:
    content = section() + interface(1, [(2, b"shop/a"), (9, b"\x09")])
    content += interface(1, [(2, b"shop/b"), (9, b"\x09")])
    for place, (time, frame) in enumerate(exchange(GET, OK)):
        # What the server sends is seen at the server's interface first.
        order = (0, 1) if place in {0, 2, 3, 5} else (1, 0)
        for late, number in enumerate(order):
            content += enhanced(time + late * 5000, frame, number=number)
    found = summarize(written(tmp_path, content, "both.pcapng"))
    assert (found["format"], found["interfaces"]) == ("pcapng", ["shop/a", "shop/b"])
    assert (found["packets"], found["repeated_packets"]) == (12, 6)
    assert found["conversations"][0]["packets"] == 6
    # Both times are those of the client's interface.
    assert found["http"]["exchanges"][0]["ms"] == 5.005


def test_a_capture_that_ended_before_the_other_one(tmp_path: Path) -> None:
    content = section() + interface(1, [(9, b"\x09")]) + interface(1, [(9, b"\x09")])
    first, second = exchange(GET, OK, start=START), exchange(GET, OK, start=START + 5 * 10**9)
    for number, records in ((0, first), (1, first), (1, second)):
        for time, frame in records:
            content += enhanced(time, frame, number=number)
    found = summarize(written(tmp_path, content, "both.pcapng"))
    assert found["conversations"][0]["packets"] == 12
    assert found["repeated_packets"] == 6


@pytest.mark.parametrize("cut", [1, 20, 40])
def test_a_file_that_ends_in_a_packet_is_told(tmp_path: Path, cut: int) -> None:
    found = summarize(written(tmp_path, pcap(exchange(GET, OK))[:-cut]))
    assert found["whole"] is False
    assert "ends in the middle of a packet" in found["problem"]
    assert found["packets"] == 5


def test_damage_ends_the_summary_where_it_is(tmp_path: Path) -> None:
    content = pcap(exchange(GET, OK)) + struct.pack("<IIII", 1, 1, 0x7FFFFFFF, 1)
    found = summarize(written(tmp_path, content))
    assert found["whole"] is False
    assert "is damaged at byte" in found["problem"]
    assert found["packets"] == 6
    assert found["http"]["requests"] == 1


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"none\.pcap cannot be read: No such file"):
        summarize(str(tmp_path / "none.pcap"))
    with pytest.raises(CaptureError, match="is no file"):
        summarize(str(tmp_path))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(CaptureError, match="is no file"):
        summarize(str(fifo))
    with pytest.raises(CaptureError, match="is empty"):
        summarize(written(tmp_path, b""))


def test_tables_are_bounded_and_their_sums_stay_true(tmp_path: Path) -> None:
    records = []
    for n in range(500):
        request = b"GET /%d HTTP/1.1\r\n\r\n" % n
        for _time, frame in exchange(request, OK):
            # A client of its own for each.
            packet = bytearray(frame)
            side = 26 if packet[26:30] == b"\x0a\x01\0\x05" else 30
            packet[side : side + 4] = struct.pack("!I", 0x0A020000 + n)
            records.append((START + len(records) * MS, bytes(packet)))
    whole = of(tmp_path, records)
    assert (len(whole["conversations"]), whole["other_conversations"]["conversations"]) == (20, 480)
    assert whole["other_conversations"]["packets"] == 480 * 6
    shown = sum(line["bytes"] for line in whole["conversations"])
    assert shown + whole["other_conversations"]["bytes"] == whole["bytes"]
    assert whole["http"]["other_paths"] == {"paths": 480, "requests": 480}


def test_flows_and_conversations_are_folded_where_there_are_too_many() -> None:
    flows = Flows(most=64, most_conversations=10)
    for n in range(1000):
        key = b"\x11" + struct.pack("!I", n) + b"\x0a\0\0\1" + struct.pack("!HH", 5000, 53)
        flow = flows.open(key, 0, b"", n)
        flow.packets, flow.bytes, flow.last = 1, 100 + n % 7, n
        assert len(flows.known) <= 64
        assert len(flows.conversations) <= 10 + 64
    flows.finish()
    lines, others = flows.table(5, 0)
    assert len(lines) == 5
    assert others["conversations"] == 995
    assert others["packets"] == 995
    assert sum(line["bytes"] for line in lines) + others["bytes"] == sum(
        100 + n % 7 for n in range(1000)
    )


def test_flipped_bytes_are_a_summary_or_the_documented_error(tmp_path: Path) -> None:
    source = random.Random(99)
    records = [
        *exchange(GET, OK),
        (START, ethernet(ipv4(udp(dns(1, b"web", 0x0100)), protocol=17))),
        (START, ethernet(ipv6(b"\x87\0" + bytes(6), protocol=58), 0x86DD)),
    ]
    files = (pcap(records), section() + interface() + b"".join(enhanced(*one) for one in records))
    refused = damaged = 0
    for _round in range(1500):
        broken = bytearray(source.choice(files))
        for _flip in range(source.randint(1, 10)):
            broken[source.randrange(len(broken))] = source.randrange(256)
        try:
            found = summarize(written(tmp_path, bytes(broken[: source.randint(1, len(broken))])))
        except CaptureError:
            refused += 1
            continue
        damaged += not found["whole"]
        assert sum(item["packets"] for item in found["protocols"]) == found["packets"]
    assert refused > 50
    assert damaged > 50


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (None, None),
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456Z"),
        (-1_000_000_000, "1969-12-31T23:59:59.000000Z"),
        (10**30, None),
        (-(10**30), None),
    ],
)
def test_time_text(nanoseconds: int | None, text: str | None) -> None:
    assert time_text(nanoseconds) == text
