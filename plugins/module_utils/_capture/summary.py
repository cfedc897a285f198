# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What a capture holds, as data: one pass over the file, memory that does not grow with it."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._capture.application import (
    dns_message,
    icmp_text,
    tls_server_name,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.flows import (
    COUNTS,
    Flow,
    Flows,
    tcp_segment,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.http import (
    STARTS,
    Budget,
    HttpStream,
    Request,
    Response,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.packets import (
    LINKTYPES,
    TCP,
    UDP,
    Decoder,
    address_text,
    decoder,
    endpoints,
    protocol_name,
    reverse,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.pcapng import (
    CaptureError,
    CaptureReader,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.reading import chunks
from ansible_collections.kubedebug.core.plugins.module_utils._capture.tables import (
    DnsLog,
    HttpLog,
    Tally,
)

__all__ = ["summarize", "time_text"]

_SLL2 = 276
_OTHER = -2
_MOST_PROTOCOLS = 256
_MOST_SHOWN_INTERFACES = 1_000
# Bytes that all HTTP connections together may hold back until what is missing comes.
_MOST_HELD = 16 * 1024 * 1024
_MOST_PENDING = 64
_QUIET = 1_000_000_000
_PORTS = Struct("!HH").unpack_from
_DNS = 53
_HTTP2 = b"PRI "
_TLS = frozenset((b"\x16\x03\x01", b"\x16\x03\x03"))
_CHUNK = 1024 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def summarize(path: str, *, top: int = 20) -> dict[str, Any]:
    """Read a pcap or pcapng file; tables have at most *top* rows, and say how much is left out.

    Raises CaptureError where it is no capture or cannot be read. Damage after its head only sets
    ``problem``: what comes before it is summarised. A packet that was captured on several
    interfaces counts in ``packets`` each time, and in a conversation once.
    """
    reader = CaptureReader(chunks(path, size=_CHUNK), name=path)
    pass_over = _Pass(reader)
    problem = None
    try:
        pass_over.run()
    except CaptureError as error:
        problem = error.msg
    if reader.truncated:
        problem = (
            "The file ends in the middle of a packet: its writer was ended, or not all of it "
            "arrived. All packets before that are good."
        )
    return pass_over.as_data(path, top=top, problem=problem)


def time_text(nanoseconds: int | None) -> str | None:
    """UTC in ISO 8601 with microseconds; None where it is outside of what a calendar has."""
    if nanoseconds is None:
        return None
    try:
        moment = _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"


class _Pass:
    """One reading of a file, from its first packet to its last."""

    def __init__(self, reader: CaptureReader) -> None:
        self._reader = reader
        self._flows = Flows()
        self._protocols: dict[int, list[int]] = {}
        self._http = HttpLog()
        self._dns = DnsLog()
        self._tls = Tally()
        self._icmp = Tally(_MOST_PROTOCOLS)
        self._http2 = 0
        self._budget = Budget(_MOST_HELD)
        self._decoders: list[Decoder] = []
        self._sll2: list[bool] = []
        self._packets = self._bytes = self._captured = self._cut = self._repeated = 0
        self._first: int | None = None
        self._last = 0

    def run(self) -> None:
        """Read all packets. It is the one loop whose every line counts."""
        known, protocols = self._flows.known.get, self._protocols
        decoders, sll2 = self._decoders, self._sll2
        handlers = {TCP: self._tcp, UDP: self._udp, 1: self._icmp4, 58: self._icmp6}
        packets = wire = captured = cut = last = 0
        first = None
        try:
            for index, time, length, data in self._reader.packets():
                if index >= len(decoders):
                    self._more_interfaces()
                packets += 1
                wire += length
                size = len(data)
                captured += size
                if size < length:
                    cut += 1
                last = max(last, time)
                first = time if first is None else min(first, time)
                protocol, key, at, end = decoders[index](data)
                row = protocols.get(protocol)
                if row is None:
                    row = self._new_protocol(protocol)
                row[0] += 1
                row[1] += length
                if not key:
                    continue
                where = data[4:8] if sll2[index] else b""
                flow = known(key) or self._flows.open(key, index, where, time)
                if (flow.index != index or flow.where != where) and self._is_repeated(
                    flow, index, where, time
                ):
                    continue
                flow.packets += 1
                flow.bytes += length
                flow.last = time
                if at >= 0 and protocol in handlers:
                    handlers[protocol](flow, data, at, end, time)
        finally:
            self._packets, self._bytes, self._captured, self._cut = packets, wire, captured, cut
            self._first, self._last = first, last
            self._flows.finish()
            self._more_interfaces()

    def _more_interfaces(self) -> None:
        for interface in self._reader.interfaces[len(self._decoders) :]:
            self._decoders.append(decoder(interface.linktype))
            self._sll2.append(interface.linktype == _SLL2)

    def _new_protocol(self, protocol: int) -> list[int]:
        if len(self._protocols) >= _MOST_PROTOCOLS:
            protocol = _OTHER
        return self._protocols.setdefault(protocol, [0, 0])

    def _is_repeated(self, flow: Flow, index: int, where: bytes, time: int) -> bool:
        """Tell whether a packet of a flow was captured on its way through another interface.

        A flow that is quiet where it was seen first goes on where it is seen now: the capture there
        may have ended.
        """
        peer = flow.peer
        quiet = time - flow.last >= _QUIET
        if quiet and peer is not None and index not in {flow.index, peer.index}:
            quiet = time - peer.last >= _QUIET
        if not quiet:
            self._repeated += 1
            return True
        flow.index, flow.where = index, where
        return False

    def _tcp(self, flow: Flow, data: bytes, at: int, end: int, time: int) -> None:
        start, sequence = tcp_segment(flow, data, at, end, time)
        if start < 0:
            return
        if flow.http is None:
            head = data[start : start + 4]
            if head not in STARTS:
                if head == _HTTP2:
                    self._http2 += 1
                elif head[:3] in _TLS:
                    self._hello(data, start)
                return
            if self._budget.streams <= 0:
                return
            flow.http = HttpStream(self._budget)
        for moment, message in flow.http.push(sequence, data[start:end], end - start, time):
            if isinstance(message, Request):
                self._request(flow, moment, message)
            else:
                self._response(flow, moment, message)

    def _request(self, flow: Flow, time: int, request: Request) -> None:
        source, source_port, destination, port = endpoints(flow.flow)
        client, server = _socket(source, source_port), _socket(destination, port)
        exchange = self._http.request(time, client, server, request)
        if flow.pending is None:
            flow.pending = deque(maxlen=_MOST_PENDING)
        flow.pending.append(exchange)

    def _response(self, flow: Flow, time: int, response: Response) -> None:
        if response.status < 200 and response.status != 101:
            return
        pending = flow.peer.pending if flow.peer is not None else None
        exchange = pending.popleft() if pending else None
        self._http.response(exchange, time, response.status)
        if exchange is not None and exchange.request.method == "HEAD" and flow.http is not None:
            flow.http.without_body()

    def _hello(self, data: bytes, start: int) -> None:
        name = tls_server_name(data, start)
        if name is not None:
            self._tls.add(name)

    def _udp(self, flow: Flow, data: bytes, at: int, end: int, time: int) -> None:
        source, destination = _PORTS(data, at)
        if _DNS not in {source, destination}:
            return
        message = dns_message(data[:end], at + 8)
        if message is not None:
            question = flow.flow if message.result is None else reverse(flow.flow)
            self._dns.add(message, question, time)

    def _icmp4(self, flow: Flow, data: bytes, at: int, end: int, time: int) -> None:
        self._icmp.add(icmp_text(data[at], data[at + 1]))

    def _icmp6(self, flow: Flow, data: bytes, at: int, end: int, time: int) -> None:
        self._icmp.add(icmp_text(data[at], data[at + 1], version=6))

    def as_data(self, path: str, *, top: int, problem: str | None) -> dict[str, Any]:
        """The summary."""
        first = self._first
        conversations, others = self._flows.table(top, first or 0)
        interfaces = self._reader.interfaces
        return {
            "file": path,
            "format": self._reader.format,
            "whole": problem is None,
            "problem": problem,
            "packets": self._packets,
            "bytes": self._bytes,
            "captured_bytes": self._captured,
            "truncated_packets": self._cut,
            "repeated_packets": self._repeated,
            "first_packet": time_text(first),
            "last_packet": None if first is None else time_text(self._last),
            "seconds": 0.0 if first is None else round((self._last - first) / 1e9, 6),
            "linktypes": sorted({_linktype(item.linktype) for item in interfaces}),
            "interfaces": [item.name for item in interfaces if item.name][:_MOST_SHOWN_INTERFACES],
            "protocols": self._protocol_table(),
            "conversations": conversations,
            "other_conversations": others,
            "tcp": {name: self._flows.totals[name] for name in COUNTS},
            "http": {**self._http.as_data(top, first or 0), "http2_connections": self._http2},
            "dns": self._dns.as_data(top),
            "tls": self._tls.table(top, "server_name", "connections"),
            "icmp": self._icmp.table(top, "message", "packets"),
        }

    def _protocol_table(self) -> list[dict[str, Any]]:
        order = sorted(self._protocols.items(), key=lambda item: (-item[1][0], item[0]))
        return [
            {
                "protocol": "other" if protocol == _OTHER else protocol_name(protocol),
                "packets": packets,
                "bytes": size,
            }
            for protocol, (packets, size) in order
        ]


def _socket(address: bytes, port: int) -> str:
    text = address_text(address)
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"


def _linktype(linktype: int) -> str:
    known = LINKTYPES.get(linktype)
    return known[0] if known else f"linktype {linktype}"
