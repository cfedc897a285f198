# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""A capture in the report: what is kept of a result, and how it reads. Pure.

``facts`` and ``tables`` are for the terminal and the page alike; all their texts are safe to print.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._report.text import (
    duration,
    moment,
    number,
    plural,
    visible,
)

__all__ = ["CAPTURE", "FILE", "MERGED", "SUMMARY", "facts", "file_facts", "merged_facts", "tables"]

Item = Mapping[str, Any]
Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]

CAPTURE = (
    *("capture", "mode", "reasons", "seat", "state", "ended_by", "started_at", "ended_at"),
    *("interface", "filter", "link_type", "packets", "bytes", "partial", "partial_reason", "clock"),
)
FILE = ("path", "size", "sha256", "whole", "error")
SUMMARY = (
    *("packets", "bytes", "truncated_packets", "repeated_packets", "first_packet", "last_packet"),
    *("seconds", "whole", "problem", "protocols", "conversations", "other_conversations"),
    *("tcp", "http", "dns", "tls", "icmp"),
)
MERGED = ("path", "size", "sha256", "packets", "interfaces", "notes")
"""Which keys of a result come into the report."""

_KILO = 1000
_MOST_NAMED = 5
_TROUBLE = (
    ("refused", "connection refused", "connections refused"),
    ("unanswered", "connection attempt unanswered", "connection attempts unanswered"),
    ("resets", "reset", "resets"),
    ("retransmissions", "retransmission", "retransmissions"),
    ("zero_windows", "full receive window", "full receive windows"),
)


def size_text(size: object) -> str:
    """Bytes for people."""
    value = float(size) if isinstance(size, (int, float)) else 0.0
    if value < 10 * _KILO:
        return plural(int(value), "byte")
    units = ("kB", "MB", "GB")
    power = 1
    while power < len(units) and value >= _KILO ** (power + 1):
        power += 1
    return f"{number(value / _KILO**power)} {units[power - 1]}"


def facts(capture: Item) -> Iterator[tuple[str, str]]:
    """Labels and texts, in the order of what a person asks first."""
    if capture["state"] is not None:
        yield "capture", _what(capture)
        yield "recorded in", _where(capture)
        yield "packets", _counts(capture)
    if capture["partial"]:
        yield "partial", visible(capture["partial_reason"] or "something is missing")
    summary = capture["summary"]
    if summary is not None:
        yield from _seen(summary)
    clock = capture["clock"]
    if clock is not None and clock.get("offset") is not None:
        offset, uncertainty = float(clock["offset"]), float(clock.get("uncertainty") or 0)
        way = "ahead of" if offset >= 0 else "behind"
        # Within its uncertainty an offset says nothing.
        text = f"the node's is {abs(offset):.3f} s {way} this machine's"
        if abs(offset) <= uncertainty:
            text = "the node's and this machine's agree"
        yield "clock", f"{text}, as far as can be told (within {uncertainty:.3f} s)"


def _what(capture: Item) -> str:
    words = [visible(capture["filter"] or "all packets"), f"on {visible(capture['interface'])}"]
    begin, end = moment(capture["started_at"]), moment(capture["ended_at"])
    if begin is not None:
        words.append(f"from {begin:%H:%M:%SZ}")
        if end is not None:
            words.append(f"for {duration((end - begin).total_seconds())}")
    text = " ".join(words)
    ended = capture["ended_by"]
    if ended == "stopped":
        return f"{text}, then stopped"
    return f"{text}, ended by {visible(ended)}" if ended else f"{text}, still running"


def _where(capture: Item) -> str:
    seat: Item = capture["seat"] or {}
    if capture["mode"] == "job":
        text = f"a Job's pod {seat.get('namespace')}/{seat.get('pod')}"
    else:
        text = f"the debugger {seat.get('container')}"
    # Why not in a debugger, is what a person asks.
    reasons = [one for one in capture["reasons"] or () if capture["mode"] == "job"]
    return visible(f"{text} ({'; '.join(map(str, reasons))})" if reasons else text)


def _counts(capture: Item) -> str:
    counts: Item = capture["packets"] or {}
    if counts.get("captured") is None:
        return "tcpdump did not come to tell its counts"
    parts = [f"{counts['captured']} captured"]
    if counts.get("dropped_kernel") is not None:
        parts.append(f"{counts['dropped_kernel']} dropped by the kernel")
    if counts.get("dropped_interface"):
        parts.append(f"{counts['dropped_interface']} dropped by the interface")
    return ", ".join(parts)


def _seen(summary: Item) -> Iterator[tuple[str, str]]:
    if summary["problem"]:
        yield "damaged", visible(summary["problem"])
    protocols = [
        f"{visible(one.get('protocol'))} {one.get('packets')}"
        for one in _rows(summary["protocols"])[:_MOST_NAMED]
    ]
    text = f"{plural(summary['packets'] or 0, 'packet')}, {size_text(summary['bytes'])}"
    if summary["seconds"]:
        text += f" within {number(summary['seconds'])} s"
    if summary["truncated_packets"]:
        text += f", {summary['truncated_packets']} of them cut"
    yield "seen", f"{text}: {', '.join(protocols)}" if protocols else text
    trouble = _trouble(summary["tcp"] or {})
    if trouble:
        yield "tcp", trouble
    yield from _applications(summary)


def _trouble(tcp: Item) -> str:
    parts = [
        f"{tcp[name]} {one if tcp[name] == 1 else many}"
        for name, one, many in _TROUBLE
        if tcp.get(name)
    ]
    return ", ".join(parts)


def _applications(summary: Item) -> Iterator[tuple[str, str]]:
    http: Item = summary["http"] or {}
    if http.get("requests") or http.get("responses"):
        text = plural(http.get("requests") or 0, "request")
        statuses = _times(http.get("statuses"))
        text += f", status {statuses}" if statuses else ""
        yield "http", f"{text}{_unanswered(http)}"
    dns: Item = summary["dns"] or {}
    if dns.get("queries") or dns.get("answers"):
        results = _times(dns.get("results"))
        text = f"{dns.get('queries') or 0} queries" if dns.get("queries") != 1 else "1 query"
        yield "dns", f"{text}, {results}" if results else f"{text}, no answer"
    tls: Item = summary["tls"] or {}
    names = _rows(tls.get("rows"))
    if names:
        shown = [
            f"{visible(one.get('server_name') or '(no name)')} x{one.get('connections')}"
            for one in names[:_MOST_NAMED]
        ]
        yield "tls", f"encrypted, not read: {', '.join(shown)}"
    icmp = [
        f"{visible(one.get('message'))} x{one.get('packets')}"
        for one in _rows((summary["icmp"] or {}).get("rows"))[:_MOST_NAMED]
    ]
    if icmp:
        yield "icmp", ", ".join(icmp)


def _unanswered(http: Item) -> str:
    return f", {http['unanswered']} unanswered" if http.get("unanswered") else ""


def _times(counts: object) -> str:
    if not isinstance(counts, Mapping):
        return ""
    return ", ".join(f"{visible(key)} x{count}" for key, count in counts.items())


def _rows(rows: object) -> list[Item]:
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def tables(capture: Item) -> Iterator[Table]:
    """Caption, heads and rows of what is best read as a table."""
    summary = capture["summary"]
    if summary is None:
        return
    conversations = _rows(summary["conversations"])
    if conversations:
        others = (summary["other_conversations"] or {}).get("conversations")
        caption = f"conversations, and {others} more" if others else "conversations"
        heads = ("CLIENT", "SERVER", "PROTOCOL", "PACKETS", "BYTES", "NOTE")
        yield caption, heads, [_conversation(one) for one in conversations]
    paths = _rows((summary["http"] or {}).get("paths"))
    if paths:
        others = ((summary["http"] or {}).get("other_paths") or {}).get("paths")
        caption = f"http, and {others} more" if others else "http"
        columns = ("METHOD", "HOST", "PATH", "REQUESTS", "STATUS", "AVG MS", "MAX MS")
        yield caption, columns, [_path(one) for one in paths]


def _conversation(one: Item) -> tuple[str, ...]:
    server = str(one.get("server"))
    if one.get("port"):
        server = f"[{server}]:{one['port']}" if ":" in server else f"{server}:{one['port']}"
    count = one.get("connections")
    note = [plural(count, "connection")] if isinstance(count, int) else []
    return (
        visible(one.get("client")),
        visible(server),
        visible(one.get("protocol")),
        str(one.get("packets")),
        size_text(one.get("bytes")),
        ", ".join([*note, *filter(None, [_trouble(one)])]),
    )


def _path(one: Item) -> tuple[str, ...]:
    return (
        visible(one.get("method")),
        visible(one.get("host") or "-"),
        visible(one.get("path")),
        str(one.get("requests")),
        f"{_times(one.get('statuses'))}{_unanswered(one)}".removeprefix(", ") or "-",
        number(one.get("avg_ms")),
        number(one.get("max_ms")),
    )


def file_facts(file: Item) -> Sequence[str]:
    """How much of a file is here, and its checksum."""
    state = "whole" if file["whole"] else "NOT whole"
    lines = [f"{size_text(file['size'])}, {state}"]
    return [*lines, f"sha256 {visible(file['sha256'])}"] if file["sha256"] else lines


def merged_facts(merged: Item) -> Sequence[str]:
    """What is to be said of the merged file beside its path."""
    count = len(merged["interfaces"] or ())
    text = f"{plural(merged['packets'] or 0, 'packet')} of {plural(count, 'interface')}"
    notes = (visible(note) for note in merged["notes"] or ())
    return [f"{text}, {size_text(merged['size'])}", f"sha256 {visible(merged['sha256'])}", *notes]
