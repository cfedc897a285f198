# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""From an agent that runs to one that is ready: its own log says so, and is followed."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ansible_collections.kubedebug.core.plugins.module_utils._agent.launcher import (
    LISTENING,
    RUNNING,
    parse_target,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.model import (
    Agent,
    AgentFailed,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import AgentOptions
from ansible_collections.kubedebug.core.plugins.module_utils._agent.spec import is_launched
from ansible_collections.kubedebug.core.plugins.module_utils._agent.waiting import (
    log_path,
    pods_path,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import Rule
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    ConnectionFailed,
    NotFound,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._kube.lines import LineStream
from ansible_collections.kubedebug.core.plugins.module_utils._kube.retry import is_transient
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import (
    explain_forbidden,
)

__all__ = ["await_ready"]

_LAST_LINES = 10
_LONGEST_LINE = 4096
_MOST_FAILURES = 8


def await_ready(
    client: Client, agents: Sequence[Agent], options: AgentOptions, *, timeout: float, limit: int
) -> list[Agent]:
    """Wait until each agent says what it has to; *timeout* in seconds, for all of them.

    Agents that failed before, or have no seat, are handed back as they are.
    """
    deadline = time.monotonic() + timeout
    outcomes = fan_out(
        lambda agent: _await(client, agent, options, deadline=deadline, timeout=timeout),
        agents,
        limit=limit,
    )
    return [
        outcome.unwrap() if outcome.ok else replace(agent, action="failed", error=outcome.error)
        for agent, outcome in zip(agents, outcomes, strict=True)
    ]


class _Wanted:
    """What an agent has still to say."""

    def __init__(self, options: AgentOptions, *, job: bool) -> None:
        launched = is_launched(options, job=job)
        self.target = launched
        self.port = launched and options.ready_port is not None
        self.pattern = re.compile(options.ready_log) if options.ready_log else None
        # Where nothing else tells that the command works, at least it must not end at once.
        told = self.port or self.pattern is not None
        self.running = launched and bool(options.command) and not told
        self.pid: int | None = None
        self.socket: str | None = None

    def open(self) -> bool:
        return self.target or self.port or self.running or self.pattern is not None

    def take(self, line: str) -> None:
        """Look at a line. The launcher's own comes before anything that the command can print."""
        if self.target:
            found = parse_target(line)
            if found is not None:
                self.target, self.pid, self.socket = False, found.pid, found.socket
                return
        self.port = self.port and line.strip() != LISTENING
        self.running = self.running and line.strip() != RUNNING
        if self.pattern is not None and self.pattern.search(line):
            self.pattern = None

    def describe(self) -> str:
        if self.target:
            return "it has not found its target yet"
        if self.running:
            return "its command has not been started yet"
        if self.port:
            return "nothing listens on ready_port yet"
        return "no line of its log matches ready_log yet"


def _await(
    client: Client, agent: Agent, options: AgentOptions, *, deadline: float, timeout: float
) -> Agent:
    seat = agent.seat
    wanted = _Wanted(options, job=agent.mode == "job")
    if agent.error is not None or seat is None or not wanted.open():
        return agent
    last: deque[str] = deque(maxlen=_LAST_LINES)
    rule = Rule(verb="get", group="", resource="pods", subresource="log", namespace=seat.namespace)
    with explain_forbidden(client, [rule]):
        for line in _follow(client, agent, seat, deadline, last):
            wanted.take(line)
            if not wanted.open():
                return replace(agent, pid=wanted.pid, socket=wanted.socket)
    output = f" Its last output: {' | '.join(last)}" if last else ""
    raise AgentFailed(
        f"{agent.ref} is not ready after {timeout:g} s: {wanted.describe()}. Look at its log, or "
        f"raise wait_timeout.{output}"
    )


def _follow(
    client: Client, agent: Agent, seat: Seat, deadline: float, last: deque[str]
) -> Iterator[str]:
    """The lines of the log until *deadline*, from the beginning; again where the stream breaks.

    Raises AgentFailed when the agent has ended.
    """
    failures = 0
    while (left := deadline - time.monotonic()) > 0:
        lines = 0
        try:
            stream = LineStream(
                client,
                log_path(seat),
                {"container": seat.container, "follow": "true"},
                read_timeout=left,
            )
            last.clear()
            try:
                for raw in stream:
                    lines += 1
                    line = raw[:_LONGEST_LINE].decode("utf-8", "replace")
                    if line.strip():
                        last.append(clean(line))
                    yield line
                    if time.monotonic() >= deadline:
                        return
            finally:
                stream.close()
        except (ApiError, ConnectionFailed) as error:
            if time.monotonic() >= deadline:
                return
            failures += 1
            if not is_transient(error, idempotent=True) or failures > _MOST_FAILURES:
                raise
        # The end of the stream is that of the container, or a node that has cut it.
        _check_running(client, agent, seat, last)
        client.retry.sleep(min(client.retry.delay(2), max(0.0, deadline - time.monotonic())))


def _check_running(client: Client, agent: Agent, seat: Seat, last: Sequence[str]) -> None:
    output = f" Its last output: {' | '.join(last)}" if last else ""
    try:
        pod = client.get(pods_path(seat.namespace, seat.pod))
    except NotFound as error:
        raise AgentFailed(
            f"{agent.ref}: its pod is gone, as where its target was deleted.{output}"
        ) from error
    status = pod.get("status") or {}
    for kind in ("containerStatuses", "ephemeralContainerStatuses"):
        for container in status.get(kind) or []:
            ended = (container.get("state") or {}).get("terminated")
            if container.get("name") == seat.container and ended:
                raise AgentFailed(
                    f"{agent.ref} ended early, with exit code {ended.get('exitCode')} "
                    f"({clean(str(ended.get('reason') or 'no reason'))}).{output}"
                )
    if pod["metadata"].get("deletionTimestamp"):
        raise AgentFailed(f"{agent.ref}: its pod is being deleted.{output}")
