# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What the payloads of a capture say, counted in tables of bounded size. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._capture.application import (
    DnsMessage,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.http import Request

__all__ = ["DnsLog", "Exchange", "HttpLog", "Tally", "milliseconds"]

_MOST_ROWS = 2_000
_MOST_EXCHANGES = 100
_MOST_PENDING = 4_096


def milliseconds(nanoseconds: float) -> float:
    """Milliseconds with three digits: microseconds, as most captures have."""
    return round(nanoseconds / 1e6, 3)


class Tally:
    """A count for each key; a new key that comes when the table is full is one of ``others``."""

    def __init__(self, most: int = _MOST_ROWS) -> None:
        self.counts: Counter[str] = Counter()
        self.others = 0
        self._most = most

    def add(self, key: str) -> None:
        """Count one."""
        if key in self.counts or len(self.counts) < self._most:
            self.counts[key] += 1
        else:
            self.others += 1

    def table(self, top: int, name: str, count: str) -> dict[str, Any]:
        """The most frequent ones as rows, the rest as one number."""
        order = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        return {
            "rows": [{name: key, count: number} for key, number in order[:top]],
            "others": self.others + sum(number for _key, number in order[top:]),
        }


class Exchange:
    """A request, and its response once it came."""

    __slots__ = ("client", "group", "nanoseconds", "request", "server", "status", "time")

    def __init__(
        self, time: int, client: str, server: str, request: Request, group: Group | None
    ) -> None:
        self.time = time
        self.client = client
        self.server = server
        self.request = request
        self.group = group
        self.status: int | None = None
        self.nanoseconds: int | None = None


class Group:
    """All requests of one method, host and path."""

    __slots__ = ("answered", "count", "most", "statuses", "total")

    def __init__(self) -> None:
        self.count = 0
        self.answered = 0
        self.statuses: Counter[int] = Counter()
        self.total = 0
        self.most = 0


class HttpLog:
    """The requests of a capture: the first ones each, all of them by method, host and path."""

    def __init__(self) -> None:
        self.requests = 0
        self.responses = 0
        self.answered = 0
        self.statuses: Counter[int] = Counter()
        self.exchanges: list[Exchange] = []
        self.groups: dict[tuple[str, str | None, str], Group] = {}
        self.others = 0

    def request(self, time: int, client: str, server: str, request: Request) -> Exchange:
        """Note a request; the result is what ``response`` wants."""
        self.requests += 1
        key = (request.method, request.host, request.path)
        group = self.groups.get(key)
        if group is None and len(self.groups) < _MOST_ROWS:
            group = self.groups[key] = Group()
        if group is None:
            self.others += 1
        else:
            group.count += 1
        exchange = Exchange(time, client, server, request, group)
        if len(self.exchanges) < _MOST_EXCHANGES:
            self.exchanges.append(exchange)
        return exchange

    def response(self, exchange: Exchange | None, time: int, status: int) -> None:
        """Note a response, of a request that was seen or of one from before the capture."""
        self.responses += 1
        self.statuses[status] += 1
        if exchange is None:
            return
        self.answered += 1
        exchange.status = status
        exchange.nanoseconds = taken = max(0, time - exchange.time)
        if exchange.group is not None:
            exchange.group.answered += 1
            exchange.group.statuses[status] += 1
            exchange.group.total += taken
            exchange.group.most = max(exchange.group.most, taken)

    def as_data(self, top: int, first: int) -> dict[str, Any]:
        """The tables; *first* is the time that the capture begins at."""
        order = sorted(self.groups.items(), key=lambda item: (-item[1].count, str(item[0])))
        shown = self.exchanges[:top]
        return {
            "requests": self.requests,
            "responses": self.responses,
            "unanswered": self.requests - self.answered,
            "statuses": _statuses(self.statuses),
            "paths": [_group(key, group) for key, group in order[:top]],
            "other_paths": {
                "paths": max(0, len(order) - top),
                "requests": self.others + sum(group.count for _key, group in order[top:]),
            },
            "exchanges": [_exchange(item, first) for item in shown],
            "other_exchanges": self.requests - len(shown),
        }


def _statuses(statuses: Counter[int]) -> dict[str, int]:
    return {str(status): statuses[status] for status in sorted(statuses)}


def _group(key: tuple[str, str | None, str], group: Group) -> dict[str, Any]:
    method, host, path = key
    return {
        "method": method,
        "host": host,
        "path": path,
        "requests": group.count,
        "unanswered": group.count - group.answered,
        "statuses": _statuses(group.statuses),
        "avg_ms": milliseconds(group.total / group.answered) if group.answered else None,
        "max_ms": milliseconds(group.most) if group.answered else None,
    }


def _exchange(item: Exchange, first: int) -> dict[str, Any]:
    return {
        "at": round((item.time - first) / 1e9, 6),
        "client": item.client,
        "server": item.server,
        "method": item.request.method,
        "host": item.request.host,
        "path": item.request.path,
        "query": item.request.query,
        "status": item.status,
        "ms": None if item.nanoseconds is None else milliseconds(item.nanoseconds),
    }


class _Question:
    __slots__ = ("answers", "most", "queries", "results")

    def __init__(self) -> None:
        self.queries = 0
        self.answers = 0
        self.results: Counter[str] = Counter()
        self.most: int | None = None


class DnsLog:
    """The questions of a capture by name and type, with what came of them."""

    def __init__(self) -> None:
        self.queries = 0
        self.answers = 0
        self.results: Counter[str] = Counter()
        self.questions: dict[tuple[str, str], _Question] = {}
        self.others = 0
        # Flow of the question and its number -> when it was asked.
        self._asked: dict[tuple[bytes, int], int] = {}

    def add(self, message: DnsMessage, question: bytes, time: int) -> None:
        """Note a message; *question* is the flow that the question takes."""
        key = (message.name, message.type)
        row = self.questions.get(key)
        if row is None and len(self.questions) < _MOST_ROWS:
            row = self.questions[key] = _Question()
        waiting = (question, message.number)
        if message.result is None:
            self.queries += 1
            if row is None:
                self.others += 1
            else:
                row.queries += 1
            if len(self._asked) >= _MOST_PENDING:
                # The oldest: its answer would have come long ago.
                del self._asked[next(iter(self._asked))]
            self._asked.setdefault(waiting, time)
            return
        self.answers += 1
        self.results[message.result] += 1
        asked = self._asked.pop(waiting, None)
        if row is not None:
            row.answers += 1
            row.results[message.result] += 1
            if asked is not None:
                row.most = max(row.most or 0, time - asked)

    def as_data(self, top: int) -> dict[str, Any]:
        """The tables."""
        order = sorted(self.questions.items(), key=lambda item: (-item[1].queries, item[0]))
        return {
            "queries": self.queries,
            "answers": self.answers,
            "results": dict(sorted(self.results.items())),
            "names": [
                {
                    "name": name,
                    "type": kind,
                    "queries": row.queries,
                    "unanswered": max(0, row.queries - row.answers),
                    "results": dict(sorted(row.results.items())),
                    "max_ms": None if row.most is None else milliseconds(row.most),
                }
                for (name, kind), row in order[:top]
            ],
            "others": {
                "names": max(0, len(order) - top),
                "queries": self.others + sum(row.queries for _key, row in order[top:]),
            },
        }
