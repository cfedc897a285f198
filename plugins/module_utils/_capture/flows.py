# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Who talked to whom: the flows of a capture, folded into conversations. Pure, of bounded size.

A flow is one direction between two sockets and holds what is needed while packets come. What it
came to is added to the conversation of its client and its server's port, so that a thousand
connections of a client to one service are one line. Where a table is full, what moved least goes
into ``others``, so that the sums stay true.
"""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._capture.http import HttpStream
from ansible_collections.kubedebug.core.plugins.module_utils._capture.packets import (
    TCP,
    address_text,
    endpoints,
    protocol_name,
    reverse,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.tables import Exchange

__all__ = ["COUNTS", "Conversation", "Flow", "Flows", "tcp_segment"]

_MOST_FLOWS = 32_768
_MOST_CONVERSATIONS = 8_192

_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_MASK = 0xFFFFFFFF
_HALF = 0x80000000
# A segment that fills a hole so soon was overtaken on its way, and not sent again: no sender
# notices a loss sooner. Wireshark uses the same 3 ms.
_OVERTAKEN = 3_000_000
_LONG_AGO = -(1 << 63)

_TCP = Struct("!IxxxxBBH").unpack_from

COUNTS = (
    *("connections", "refused", "unanswered", "resets"),
    *("retransmissions", "out_of_order", "zero_windows"),
)
"""What is counted of TCP, by conversation and in all."""


class Flow:
    """One direction. A class with slots, as there may be tens of thousands of them.

    ``index`` and ``where`` are the interface it was seen on first: a packet that passes several is
    captured several times, and must not look like one that was sent again.
    """

    __slots__ = (
        *("bytes", "expected", "first", "flow", "gap_at", "http", "index", "last", "packets"),
        *("peer", "pending", "syn", "waiting", "where"),
        *COUNTS,
    )

    def __init__(self, flow: bytes, index: int, where: bytes, time: int) -> None:
        self.flow = flow
        self.index = index
        self.where = where
        self.peer: Flow | None = None
        self.packets = 0
        self.bytes = 0
        self.first = self.last = time
        self.expected: int | None = None
        self.gap_at = _LONG_AGO
        self.syn: int | None = None
        self.waiting = False
        self.http: HttpStream | None = None
        self.pending: deque[Exchange] | None = None
        self.connections = self.refused = self.unanswered = self.resets = 0
        self.retransmissions = self.out_of_order = self.zero_windows = 0


def tcp_segment(flow: Flow, data: bytes, at: int, end: int, time: int) -> tuple[int, int]:
    """Follow a segment whose header begins at *at*; where its data begins, and its number.

    The place is -1 where it has no data, or only some that was there before.
    """
    sequence, offset, flags, window = _TCP(data, at + 4)
    if flags & (_SYN | _RST):
        _control(flow, flags, sequence)
    elif not window:
        flow.zero_windows += 1
    start = at + (offset >> 4) * 4
    size = end - start
    if size <= 0 or start < at + 20:
        return -1, sequence
    following = (sequence + size) & _MASK
    if flow.expected is None:
        flow.expected = following
        return start, sequence
    ahead = (sequence - flow.expected) & _MASK
    if ahead < _HALF:
        if ahead:
            flow.gap_at = time
        flow.expected = following
        return start, sequence
    if size == 1 and ahead == _MASK:
        # The byte that a keep-alive repeats on purpose.
        return -1, sequence
    filled = time - flow.gap_at < _OVERTAKEN
    if filled:
        flow.out_of_order += 1
    else:
        flow.retransmissions += 1
    more = (following - flow.expected) & _MASK
    if 0 < more < _HALF:
        flow.expected = following
    # A hole that is filled is news for a reader, whichever way the segment came.
    return start, sequence


def _control(flow: Flow, flags: int, sequence: int) -> None:
    peer = flow.peer
    if flags & _RST:
        flow.resets += 1
        if peer is not None and peer.waiting:
            peer.refused += 1
            peer.waiting = False
        return
    if flow.syn == sequence:
        flow.retransmissions += 1
        return
    flow.syn = sequence
    flow.expected = (sequence + 1) & _MASK
    if flow.http is not None:
        flow.http.close()
        flow.http = None
    flow.pending = None
    if flags & _ACK:
        if peer is not None:
            peer.waiting = False
        return
    # A new connection, maybe from the port of an earlier one.
    flow.unanswered += flow.waiting
    flow.waiting = True
    flow.connections += 1


class Conversation:
    """What went between a client and a port of a server, over all connections."""

    __slots__ = (
        *("bytes_to_client", "bytes_to_server", "first", "key", "last"),
        *("packets_to_client", "packets_to_server"),
        *COUNTS,
    )

    def __init__(self, key: tuple[int, bytes, bytes, int], first: int) -> None:
        self.key = key
        self.first = self.last = first
        self.packets_to_server = self.packets_to_client = 0
        self.bytes_to_server = self.bytes_to_client = 0
        self.connections = self.refused = self.unanswered = self.resets = 0
        self.retransmissions = self.out_of_order = self.zero_windows = 0

    @property
    def bytes(self) -> int:
        """Both ways."""
        return self.bytes_to_server + self.bytes_to_client

    @property
    def packets(self) -> int:
        """Both ways."""
        return self.packets_to_server + self.packets_to_client

    def as_data(self, first: int) -> dict[str, Any]:
        """One line of the table; *first* is the time that the capture begins at."""
        protocol, client, server, port = self.key
        line: dict[str, Any] = {
            "protocol": protocol_name(protocol),
            "client": address_text(client),
            "server": address_text(server),
            "port": port or None,
            "packets": self.packets,
            "bytes": self.bytes,
            "packets_to_server": self.packets_to_server,
            "packets_to_client": self.packets_to_client,
            "bytes_to_server": self.bytes_to_server,
            "bytes_to_client": self.bytes_to_client,
            "begins_at": round((self.first - first) / 1e9, 6),
            "seconds": round((self.last - self.first) / 1e9, 6),
        }
        if protocol == TCP:
            line.update((name, getattr(self, name)) for name in COUNTS)
        return line


class Flows:
    """All flows and conversations of one capture."""

    def __init__(
        self, *, most: int = _MOST_FLOWS, most_conversations: int = _MOST_CONVERSATIONS
    ) -> None:
        self.known: dict[bytes, Flow] = {}
        self.conversations: dict[tuple[int, bytes, bytes, int], Conversation] = {}
        self.others = {"conversations": 0, "packets": 0, "bytes": 0}
        self.totals = dict.fromkeys(COUNTS, 0)
        self._most = most
        self._most_conversations = most_conversations

    def open(self, key: bytes, index: int, where: bytes, time: int) -> Flow:
        """Begin a flow; where there are too many, those that were quiet for longest are folded."""
        if len(self.known) >= self._most:
            quiet = sorted(self.known.values(), key=lambda flow: flow.last)
            self._fold(quiet[: len(quiet) // 2])
        flow = Flow(key, index, where, time)
        peer = self.known.get(reverse(key))
        if peer is not None and peer.flow != key:
            flow.peer, peer.peer = peer, flow
            # The answers count where the questions do, or they would pass each other unseen.
            flow.index = peer.index
        self.known[key] = flow
        return flow

    def finish(self) -> None:
        """Fold whatever is left."""
        self._fold(list(self.known.values()))

    def table(self, top: int, first: int) -> tuple[list[dict[str, Any]], dict[str, int]]:
        """The conversations with most bytes, and the sum of all others."""
        order = sorted(
            self.conversations.values(), key=lambda item: (-item.bytes, -item.packets, item.key)
        )
        others = dict(self.others)
        for item in order[top:]:
            _add(others, item)
        return [item.as_data(first) for item in order[:top]], others

    def _fold(self, flows: list[Flow]) -> None:
        for flow in flows:
            if self.known.pop(flow.flow, None) is None:
                continue
            peer = flow.peer
            if peer is not None:
                self.known.pop(peer.flow, None)
            self._add(flow, peer)
        if len(self.conversations) > self._most_conversations:
            order = sorted(self.conversations.values(), key=lambda item: -item.bytes)
            for item in order[self._most_conversations // 2 :]:
                _add(self.others, item)
                del self.conversations[item.key]

    def _add(self, flow: Flow, peer: Flow | None) -> None:
        """Add a pair of flows to their conversation."""
        source, source_port, destination, port = endpoints(flow.flow)
        out: Flow | None = flow
        back = peer
        if _is_server(flow, peer, source_port, port):
            out, back = peer, flow
            source, destination, port = destination, source, source_port
        protocol = flow.flow[0]
        key = (protocol, source, destination, port)
        found = self.conversations.get(key)
        if found is None:
            found = self.conversations[key] = Conversation(key, flow.first)
        if out is not None:
            found.packets_to_server += out.packets
            found.bytes_to_server += out.bytes
        if back is not None:
            found.packets_to_client += back.packets
            found.bytes_to_client += back.bytes
        for half in (out, back):
            if half is None:
                continue
            found.first, found.last = min(found.first, half.first), max(found.last, half.last)
            half.unanswered += half.waiting
            if half.http is not None:
                half.http.close()
            for name in COUNTS if protocol == TCP else ():
                count = getattr(half, name)
                if count:
                    setattr(found, name, getattr(found, name) + count)
                    self.totals[name] += count
        if protocol == TCP and not any(half and half.connections for half in (out, back)):
            # It was open before the capture began.
            found.connections += 1
            self.totals["connections"] += 1


def _is_server(flow: Flow, peer: Flow | None, source_port: int, port: int) -> bool:
    """Tell whether a flow is the one from the server.

    Whoever sent a SYN is the client; without one it is the side with the greater port, which is
    ephemeral as a rule; without ports it is whoever spoke first.
    """
    if flow.connections or (peer is not None and peer.connections):
        return not flow.connections
    if flow.syn is not None or (peer is not None and peer.syn is not None):
        # Only the answer to a SYN was seen.
        return flow.syn is not None
    if source_port != port:
        return source_port < port
    return peer is not None and peer.first < flow.first


def _add(others: dict[str, int], item: Conversation) -> None:
    others["conversations"] += 1
    others["packets"] += item.packets
    others["bytes"] += item.bytes
