# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One iterator over the changes of several lists of objects, without a poll.

https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
A thread for each list: it lists, watches from the list's resource version, resumes from the last
version seen after a disconnect, and lists anew after a 410. An object that vanished meanwhile
comes as DELETED, so that a consumer never waits for one that is gone.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Literal, cast

from ansible_collections.kubedebug.core.plugins.module_utils._kube.answers import identity
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    ConnectionFailed,
    Gone,
    KubeError,
    api_error,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.lines import LineStream
from ansible_collections.kubedebug.core.plugins.module_utils._kube.retry import is_transient

__all__ = ["Event", "EventType", "Stream", "Watch"]

EventType = Literal["ADDED", "MODIFIED", "DELETED"]

_PERIOD = 30
"""Seconds after which the server ends a watch, so that silence for longer means a dead link."""

_SLACK = 5.0
"""Seconds that the server's end may take to arrive."""

_MOST_FAILURES = 8
"""Failures one after another that end the watch, after about half a minute of backoff."""

_CAPACITY = 1024
_JOIN_TIMEOUT = 1.0


@dataclass(frozen=True)
class Event:
    """A change of one object; of a deletion, `object` is the last state known."""

    type: EventType
    object: dict[str, Any]


@dataclass(frozen=True)
class Stream:
    """A list to watch, as `/api/v1/namespaces/x/pods` with its selectors.

    `known` are objects that the caller has seen before, their `metadata.uid` at the least: one
    that is gone before the watch begins comes as DELETED then, which nothing else would tell.
    """

    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    known: Sequence[Mapping[str, Any]] = ()


class Watch:
    """The events of all streams, from the objects that exist on (as ADDED) to the deadline.

    Iterating ends at the deadline or after `close`; `expired` tells which. It raises KubeError
    when a stream cannot go on: at once for a refusal, after retries for an outage.
    """

    def __init__(
        self,
        client: Client,
        streams: Sequence[Stream],
        *,
        deadline_seconds: float,
        period: float = _PERIOD,
        slack: float = _SLACK,
    ) -> None:
        self.expired = False
        self._deadline = time.monotonic() + deadline_seconds
        self._mailbox = _Mailbox()
        self._followers = [
            _Follower(client, stream, self._mailbox, self._deadline, period=period, slack=slack)
            for stream in streams
        ]
        self._started = False

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Event]:
        if not self._started:
            self._started = True
            for follower in self._followers:
                follower.start()
        while True:
            item = self._mailbox.take(self._deadline)
            if item is None:
                self.expired = not self._mailbox.closed
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self) -> None:
        """End all streams, from any thread; an iteration under way ends."""
        self._mailbox.close()
        for follower in self._followers:
            follower.stop()
        if self._started:
            end = time.monotonic() + _JOIN_TIMEOUT
            for follower in self._followers:
                # One that is just connecting ends by its own timeout, as a daemon.
                follower.join(max(0.0, end - time.monotonic()))


class _Mailbox:
    """A bounded queue that both ends can leave at once; queue.Queue cannot be closed."""

    def __init__(self) -> None:
        self.closed = False
        self._items: deque[Event | BaseException] = deque()
        self._changed = threading.Condition()

    def put(self, item: Event | BaseException) -> None:
        """Wait for room; once closed, drop it."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or len(self._items) < _CAPACITY)
            if not self.closed:
                self._items.append(item)
                self._changed.notify_all()

    def take(self, deadline: float) -> Event | BaseException | None:
        """Wait for an item; None at the deadline or when closed."""
        with self._changed:
            self._changed.wait_for(
                lambda: self.closed or bool(self._items),
                timeout=max(0.0, deadline - time.monotonic()),
            )
            if self.closed or not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def pause(self, seconds: float) -> None:
        """Sleep, but not beyond the close."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed, timeout=seconds)

    def close(self) -> None:
        with self._changed:
            self.closed = True
            self._changed.notify_all()


class _Follower:
    """The thread of one stream."""

    def __init__(
        self,
        client: Client,
        stream: Stream,
        mailbox: _Mailbox,
        deadline: float,
        *,
        period: float,
        slack: float,
    ) -> None:
        self._client = client
        self._stream = stream
        self._mailbox = mailbox
        self._deadline = deadline
        self._period = period
        self._slack = slack
        # One try each: this class has its own backoff, which a close can interrupt.
        self._once = replace(client.retry, attempts=1, connect_attempts=1)
        self._known: dict[str, dict[str, Any]] = {
            identity(item): dict(item) for item in stream.known
        }
        self._version: str | None = None
        self._lines: LineStream | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="kubedebug-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def stop(self) -> None:
        with self._lock:
            if self._lines is not None:
                self._lines.close()

    def _run(self) -> None:
        try:
            self._keep_up()
        finally:
            # A defect of this code must reach the consumer, not leave it waiting.
            error = sys.exception()
            if error is not None:
                self._mailbox.put(error)

    def _keep_up(self) -> None:
        failures = 0
        while not self._mailbox.closed and time.monotonic() < self._deadline:
            try:
                if self._version is None:
                    self._relist()
                elif not self._follow():
                    # A server that ends each watch at once must not make this a busy loop.
                    self._mailbox.pause(self._client.retry.delay(2))
                failures = 0
            except Gone as error:
                self._version = None
                failures = self._give_up_or_pause(failures, error)
            except (ApiError, ConnectionFailed) as error:
                if not is_transient(error, idempotent=True, granted=self._once.granted):
                    self._mailbox.put(error)
                    return
                failures = self._give_up_or_pause(failures, error)
            except KubeError as error:
                self._mailbox.put(error)
                return
            if failures > _MOST_FAILURES:
                return

    def _give_up_or_pause(self, failures: int, error: ApiError | ConnectionFailed) -> int:
        """Count a failure, and pause or hand it on; the first one is tried again at once."""
        failures += 1
        if failures > _MOST_FAILURES:
            self._mailbox.put(error)
        elif failures > 1 or isinstance(error, ApiError):
            after = getattr(error, "retry_after", None)
            self._mailbox.pause(self._client.retry.delay(failures, after))
        return failures

    def _relist(self) -> None:
        items, version = self._client.list_versioned(
            self._stream.path, self._stream.params, retry=self._once
        )
        current = {identity(item): item for item in items}
        for key in [key for key in self._known if key not in current]:
            self._emit("DELETED", self._known[key])
        for key, item in current.items():
            known = self._known.get(key)
            if known is None:
                self._emit("ADDED", item)
            elif _version(known) != _version(item):
                self._emit("MODIFIED", item)
        self._version = version

    def _follow(self) -> bool:
        """Watch until the server ends it; raises Gone, ApiError or ConnectionFailed.

        Returns whether it was of use: it brought an event, or lasted for a second.
        """
        begin, before = time.monotonic(), self._version
        remaining = self._deadline - begin
        period = max(1, min(int(self._period), int(remaining) + 1))
        params = {
            **self._stream.params,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": period,
        }
        lines = LineStream(
            self._client, self._stream.path, params, read_timeout=period + self._slack
        )
        with self._lock:
            self._lines = lines
            if self._mailbox.closed:
                lines.close()
        try:
            for line in lines:
                if line.strip():
                    self._handle(line)
        finally:
            with self._lock:
                self._lines = None
        return self._version != before or time.monotonic() - begin >= 1.0

    def _handle(self, line: bytes) -> None:
        try:
            event = json.loads(line)
            kind, item = event["type"], event["object"]
        except (ValueError, KeyError, TypeError):
            raise ConnectionFailed(
                f"{self._client.transport.where} sent a watch event that is cut off, or is none.",
                sent=True,
            ) from None
        if kind == "ERROR":
            raise api_error(
                int(item.get("code") or 500), item, method="GET", path=self._stream.path
            )
        self._version = _version(item) or self._version
        if kind != "BOOKMARK":
            self._emit(cast("EventType", kind), item)

    def _emit(self, kind: EventType, item: dict[str, Any]) -> None:
        if kind == "DELETED":
            self._known.pop(identity(item), None)
        else:
            self._known[identity(item)] = item
        self._mailbox.put(Event(kind, item))


def _version(item: Mapping[str, Any]) -> str:
    return str((item.get("metadata") or {}).get("resourceVersion") or "")
