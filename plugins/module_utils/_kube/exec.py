# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands in containers: separate streams, binary data, an exit code, and a bound on all of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from ansible_collections.kubedebug.core.plugins.module_utils._kube.channels import Message
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ExecInterrupted,
    ExecStartFailed,
    ExecTimeout,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.exec_stream import (
    STDERR,
    STDOUT,
    ExecStream,
    no_container,
    open_stream,
)

__all__ = ["ExecResult", "ExecStream", "exit_code", "open_stream", "run"]

_STDIN_CHUNK = 64 * 1024
_STDIN_QUEUE = 256 * 1024
_GRACE = 5.0
"""Seconds that the close may take after the exit status; it comes at once from a sound server."""

_START_FAILED = re.compile(
    r"OCI runtime exec failed|failed to start exec|error executing command in container"
    r"|exec failed|executable file not found|no such file or directory",
    re.IGNORECASE,
)
_START_REASON = re.compile(
    r"(exec: .*?(?:not found in \$PATH|no such file or directory|permission denied"
    r"|not a directory|is a directory|exec format error))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ExecResult:
    """A command that came to its end.

    `stdout` and `stderr` are cut at max_output bytes each, `stdout_bytes` and `stderr_bytes` count
    all that came. `duration` is in seconds, from the request to the end.
    """

    rc: int
    stdout: bytes
    stderr: bytes
    stdout_bytes: int
    stderr_bytes: int
    duration: float


def run(
    client: Client,
    *,
    namespace: str,
    pod: str,
    container: str,
    argv: Sequence[str],
    stdin: bytes | BinaryIO | None = None,
    timeout: float | None,
    max_output: int,
    on_stdout: Callable[[bytes], None] | None = None,
    more: Callable[[], float] | None = None,
) -> ExecResult:
    """Run a command to its end.

    `timeout` bounds the whole in seconds, also while nothing comes; when it is over, `more` may
    give further seconds, or 0. `max_output` bounds what is kept of each stream, `on_stdout` sees
    all of it. A `stdin` that is a file is read in chunks,
    which must not block. A node does not always notice that a command has ended before it has read
    a long input; only the time ends it then (kubectl hangs there as well). Raises ApiError,
    ConnectionFailed, ExecTimeout, ExecInterrupted or ExecStartFailed.
    """
    begin = time.monotonic()
    ref = f"{namespace}/{pod}, container {container}"
    work = _Run(ref, stdin, timeout=timeout, max_output=max_output, on_stdout=on_stdout, more=more)
    with open_stream(
        client,
        namespace=namespace,
        pod=pod,
        container=container,
        argv=argv,
        stdin=stdin is not None,
        timeout=timeout,
    ) as stream:
        work.follow(stream, begin)
        status, problem = stream.status(), stream.problem
    if status is None:
        raise ExecInterrupted(
            f"{ref}: the connection ended before the exit status came"
            f" ({clean(problem or 'the server closed it', limit=160)}), so what the command did is "
            "unknown. Look at the pod and its node; run it again if it is safe to.",
            stdout=bytes(work.stdout.kept),
            stderr=bytes(work.stderr.kept),
        )
    return ExecResult(
        rc=exit_code(status, ref, argv),
        stdout=bytes(work.stdout.kept),
        stderr=bytes(work.stderr.kept),
        stdout_bytes=work.stdout.total,
        stderr_bytes=work.stderr.total,
        duration=time.monotonic() - begin,
    )


class _Sink:
    """Keeps the beginning of a stream and counts all of it."""

    def __init__(self, limit: int) -> None:
        self.kept = bytearray()
        self.total = 0
        self._limit = limit

    def add(self, data: bytes) -> None:
        self.total += len(data)
        room = self._limit - len(self.kept)
        if room > 0:
            self.kept += data[:room]


class _Run:
    """The loop of one command: input and output side by side until the end or the deadline."""

    def __init__(
        self,
        ref: str,
        stdin: bytes | BinaryIO | None,
        *,
        timeout: float | None,
        max_output: int,
        on_stdout: Callable[[bytes], None] | None,
        more: Callable[[], float] | None,
    ) -> None:
        self.stdout = _Sink(max_output)
        self.stderr = _Sink(max_output)
        self._ref = ref
        self._timeout = timeout
        self._on_stdout = on_stdout
        self._more = more
        self._input = None if stdin is None else _Input(stdin)

    def follow(self, stream: ExecStream, begin: float) -> None:
        """Serve the stream until it has ended; raises ExecTimeout."""
        deadline = None if self._timeout is None else begin + self._timeout
        ending: float | None = None
        while not stream.ended:
            if self._input is not None:
                self._input.feed(stream)
            now = time.monotonic()
            if stream.status() is not None:
                # The end of the command is known; a server that never closes is not waited for.
                ending = now + _GRACE if ending is None else ending
                if now >= ending:
                    return
            elif deadline is not None and now >= deadline:
                if self._more is not None and (further := self._more()) > 0:
                    deadline = time.monotonic() + further
                    continue
                raise ExecTimeout(
                    f"{self._ref}: the command did not end within {self._timeout:g} seconds. The "
                    "connection is closed; the command may still run. Raise timeout, or give the "
                    "command a bound of its own.",
                    stdout=bytes(self.stdout.kept),
                    stderr=bytes(self.stderr.kept),
                    totals=(self.stdout.total, self.stderr.total),
                )
            until = ending if ending is not None else deadline
            self._take(stream.read(None if until is None else until - now))

    def _take(self, messages: list[Message]) -> None:
        for channel, data in messages:
            if channel == STDOUT:
                self.stdout.add(data)
                if self._on_stdout is not None:
                    self._on_stdout(data)
            elif channel == STDERR:
                self.stderr.add(data)


class _Input:
    """The standard input, from bytes or a file, a few chunks ahead of the socket."""

    def __init__(self, source: bytes | BinaryIO) -> None:
        self._source = source
        self._at = 0
        self._done = False

    def feed(self, stream: ExecStream) -> None:
        while not self._done and stream.writable and stream.queued < _STDIN_QUEUE:
            chunk = self._next()
            if chunk:
                stream.queue_stdin(chunk)
            else:
                self._done = True
                stream.close_stdin()

    def _next(self) -> bytes:
        if not isinstance(self._source, bytes):
            return self._source.read(_STDIN_CHUNK)
        chunk = self._source[self._at : self._at + _STDIN_CHUNK]
        self._at += len(chunk)
        return chunk


def exit_code(status: Mapping[str, Any], ref: str, argv: Sequence[str]) -> int:
    """Read the exit code of a Status; raises ExecStartFailed, ExecError or NotFound."""
    if status.get("status") == "Success":
        return 0
    if status.get("reason") == "NonZeroExitCode":
        for cause in (status.get("details") or {}).get("causes") or []:
            if cause.get("reason") == "ExitCode" and str(cause.get("message")).isdigit():
                return int(cause["message"])
    message = str(status.get("message") or "")
    missing = no_container(message)
    if missing is not None:
        raise missing
    if _START_FAILED.search(message):
        raise ExecStartFailed(
            f"{ref}: {clean(argv[0], limit=80)} could not be started: {_start_reason(message)}. "
            "Check that the image has it, or name its full path."
        )
    raise ExecInterrupted(
        f"{ref}: the command's end is unknown: {clean(message) or 'the server gives no reason'}."
    )


def _start_reason(message: str) -> str:
    found = _START_REASON.search(message)
    return clean(found.group(1) if found else message.rpartition("runtime exec failed: ")[2])
