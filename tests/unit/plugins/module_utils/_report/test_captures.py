# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures in the report: what is kept of a result, and how it reads on both surfaces."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._report.captures import (
    facts,
    file_facts,
    size_text,
    tables,
)
from ansible_collections.kubedebug.core.plugins.module_utils._report.document import Inputs, build
from ansible_collections.kubedebug.core.plugins.module_utils._report.page import render_html
from ansible_collections.kubedebug.core.plugins.module_utils._report.terminal import render_text

Item = dict[str, Any]

_TCP = {
    **dict.fromkeys(("refused", "unanswered", "resets", "out_of_order", "zero_windows"), 0),
    "connections": 3,
    "retransmissions": 0,
}
SUMMARY: Item = {
    "file": "captures/one.pcap",
    "packets": 42,
    "bytes": 1_234_567,
    "truncated_packets": 0,
    "repeated_packets": 0,
    "first_packet": "2026-11-25T16:00:00.000000Z",
    "last_packet": "2026-11-25T16:00:02.500000Z",
    "seconds": 2.5,
    "whole": True,
    "problem": None,
    "protocols": [{"protocol": "tcp", "packets": 40}, {"protocol": "udp", "packets": 2}],
    "conversations": [
        {
            **_TCP,
            "protocol": "tcp",
            "client": "10.0.0.1",
            "server": "fd00::1",
            "port": 80,
            "packets": 40,
            "bytes": 999,
        }
    ],
    "other_conversations": {"conversations": 7, "packets": 1, "bytes": 1},
    "tcp": _TCP,
    "http": {
        "requests": 3,
        "responses": 2,
        "unanswered": 1,
        "statuses": {"200": 1, "503": 1},
        "paths": [
            {
                "method": "GET",
                "host": "web",
                "path": "/a",
                "requests": 3,
                "unanswered": 1,
                "statuses": {"200": 1, "503": 1},
                "avg_ms": 1.5,
                "max_ms": 2.0,
            }
        ],
        "other_paths": {"paths": 0, "requests": 0},
    },
    "dns": {"queries": 2, "answers": 1, "results": {"NXDOMAIN": 1}},
    "tls": {"rows": [{"server_name": "api", "connections": 2}], "others": 0},
    "icmp": {"rows": [{"message": "port unreachable", "packets": 1}], "others": 0},
}
POD: Item = {
    "namespace": "shop",
    "name": "web-0",
    "node": "node-1",
    "container": "web",
    "error": None,
    "capture": "capture",
    "mode": "ephemeral",
    "reasons": ["ephemeral: nothing speaks against it"],
    "seat": {"namespace": "shop", "pod": "web-0", "container": "kubedebug-1"},
    "state": "fetched",
    "ended_by": "max_seconds",
    "started_at": "2026-11-25T16:00:00.000Z",
    "ended_at": "2026-11-25T16:00:10.000Z",
    "interface": "any",
    "filter": "tcp port 80",
    "link_type": "LINUX_SLL2",
    "packets": {"captured": 42, "received": 42, "dropped_kernel": 0, "dropped_interface": None},
    "bytes": 2000,
    "files": [{"path": "c/one.pcap", "size": 2000, "sha256": "abc", "whole": True, "error": None}],
    "partial": False,
    "partial_reason": None,
    "summary": SUMMARY,
    "clock": {"offset": 0.01, "uncertainty": 0.04},
    "earlier": [],
}
MERGED: Item = {
    "path": "c/all.pcapng",
    "size": 3000,
    "sha256": "def",
    "packets": 84,
    "interfaces": ["shop/web-0", "shop/web-1"],
    "notes": ["shop/web-1: it ends early"],
}


def document(*pods: Item, **more: Any) -> Item:
    return build(Inputs(title="Capture report", time="2026-11-25T17:00:00Z", captures=pods, **more))


def changed(**more: Any) -> Item:
    return {**copy.deepcopy(POD), **more}


def capture_of(pod: Item) -> Item:
    found: Item = document(pod)["pods"][0]["captures"][-1]
    return found


def told(pod: Item) -> dict[str, str]:
    return dict(facts(capture_of(pod)))


def test_the_facts_of_a_capture() -> None:
    assert told(POD) == {
        "capture": "tcp port 80 on any from 16:00:00Z for 10 s, ended by max_seconds",
        "recorded in": "the debugger kubedebug-1",
        "packets": "42 captured, 0 dropped by the kernel",
        "seen": "42 packets, 1.23 MB within 2.50 s: tcp 40, udp 2",
        "http": "3 requests, status 200 x1, 503 x1, 1 unanswered",
        "dns": "2 queries, NXDOMAIN x1",
        "tls": "encrypted, not read: api x2",
        "icmp": "port unreachable x1",
        "clock": "the node's and this machine's agree, as far as can be told (within 0.040 s)",
    }


@pytest.mark.parametrize(
    ("more", "label", "text"),
    [
        ({"filter": ""}, "capture", "all packets on any from 16:00:00Z for 10 s, ended by"),
        ({"ended_by": "stopped"}, "capture", "for 10 s, then stopped"),
        ({"ended_by": None, "ended_at": None}, "capture", "from 16:00:00Z, still running"),
        (
            {
                "mode": "job",
                "reasons": ["ephemeral: refused by restricted", "job: passes"],
                "seat": {"namespace": "ops", "pod": "agent-x", "container": "agent"},
            },
            "recorded in",
            "a Job's pod ops/agent-x (ephemeral: refused by restricted; job: passes)",
        ),
        ({"packets": {"captured": None}}, "packets", "tcpdump did not come to tell its counts"),
        (
            {"packets": {"captured": 1, "dropped_kernel": 5, "dropped_interface": 2}},
            "packets",
            "1 captured, 5 dropped by the kernel, 2 dropped by the interface",
        ),
        ({"partial": True, "partial_reason": "the pod ended"}, "partial", "the pod ended"),
        (
            {"clock": {"offset": -1.5, "uncertainty": 0.04}},
            "clock",
            "the node's is 1.500 s behind this machine's",
        ),
        (
            {"summary": {**SUMMARY, "tcp": {**_TCP, "refused": 1, "retransmissions": 3}}},
            "tcp",
            "1 connection refused, 3 retransmissions",
        ),
        ({"summary": {**SUMMARY, "problem": "cut\x1b[2J"}}, "damaged", "cut\\x1b[2J"),
        ({"summary": {**SUMMARY, "truncated_packets": 9}}, "seen", "within 2.50 s, 9 of them cut"),
    ],
)
def test_what_differs_is_told(more: Item, label: str, text: str) -> None:
    assert text in told(changed(**more))[label]


def test_the_tables_of_a_capture() -> None:
    conversations, http = tables(capture_of(POD))
    assert conversations[0] == "conversations, and 7 more"
    assert conversations[2] == [
        ("10.0.0.1", "[fd00::1]:80", "tcp", "40", "999 bytes", "3 connections")
    ]
    assert http[2] == [("GET", "web", "/a", "3", "200 x1, 503 x1, 1 unanswered", "1.50", "2.00")]


def test_a_file_that_is_not_whole_says_so() -> None:
    assert file_facts({"path": "a", "size": 20_000, "sha256": None, "whole": False}) == [
        "20.0 kB, NOT whole"
    ]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (9_999, "9999 bytes"),
        (10_000, "10.0 kB"),
        (123_456, "123 kB"),
        (5_000_000, "5.00 MB"),
        (7_000_000_000_000, "7000 GB"),
        (None, "0 bytes"),
    ],
)
def test_size_text(size: int | None, text: str) -> None:
    assert size_text(size) == text


def test_both_surfaces_have_all_of_it() -> None:
    report = document(POD, merged=MERGED)
    text = render_text(report, width=100, most_lines=20)
    page = render_html(report)
    for word in ("tcp port 80 on any", "c/one.pcap", "abc", "c/all.pcapng", "it ends early", "/a"):
        assert word in text
        assert word in page
    assert "84 packets of 2 interfaces" in text
    assert text.endswith("RESULT ok: 1 pod, no problems")


def test_recordings_from_before_are_told_first() -> None:
    earlier = {key: POD[key] for key in ("state", "ended_by", "interface", "filter", "files")}
    pod = changed(earlier=[{**earlier, "ended_by": "killed"}])
    captures = document(pod)["pods"][0]["captures"]
    assert [one["ended_by"] for one in captures] == ["killed", "max_seconds"]
    assert "ended by killed" in render_text(document(pod), width=100, most_lines=20)


def test_an_error_of_a_capture_is_the_sessions() -> None:
    report = document(changed(error="shop/web-0: there is no tcpdump", state=None, summary=None))
    assert report["outcome"] == "failed"
    assert report["problems"] == [
        {"step": "capture", "pod": "shop/web-0", "message": "there is no tcpdump"}
    ]
    assert "FAILED there is no tcpdump" in render_text(report, width=100, most_lines=20)


def test_only_named_fields_come_into_the_report() -> None:
    pod = changed(secret="x", summary={**SUMMARY, "secret": "y"}, earlier=[{"secret": "z"}])
    assert "secret" not in str(document(pod, merged={**MERGED, "secret": "x"}))


def test_text_of_a_stranger_acts_neither_on_a_terminal_nor_on_a_page() -> None:
    bad = "\x1b[2J<script>\u202e"
    summary = copy.deepcopy(SUMMARY)
    summary["http"]["paths"][0]["path"] = summary["tls"]["rows"][0]["server_name"] = bad
    summary["conversations"][0]["client"] = summary["protocols"][0]["protocol"] = bad
    report = document(changed(summary=summary, filter=bad), merged={**MERGED, "path": bad})
    text, page = render_text(report, width=100, most_lines=20), render_html(report)
    assert "\x1b" not in text + page
    assert "\u202e" not in text + page
    assert "<script" not in page


def test_a_summary_of_another_shape_is_no_error() -> None:
    odd = dict.fromkeys(SUMMARY) | {"conversations": ["x"], "http": {"paths": [None]}}
    assert "0 packets" in render_text(
        document(changed(summary=odd, clock={}, seat=None, packets=None)), width=80, most_lines=2
    )
