# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running command as channels of bytes; `exec.run` and longer transfers are built on it.

https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4006-transition-spdy-to-websockets
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._kube.channels import (
    ChannelSocket,
    Message,
    connect,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    BadRequest,
    ConnectionFailed,
    ExecError,
    ExecInterrupted,
    ExecTimeout,
    NotFound,
    RequestTimeout,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.retry import (
    call_with_retries,
    is_transient,
)

__all__ = [
    "STDERR",
    "STDIN",
    "STDOUT",
    "V4",
    "V5",
    "ExecStream",
    "no_container",
    "open_stream",
]

STDIN, STDOUT, STDERR, _STATUS, _CLOSE = 0, 1, 2, 3, 255

V4 = "v4.channel.k8s.io"
V5 = "v5.channel.k8s.io"
"""The only protocol that can end the standard input; API servers have it from 1.30 on."""

_STATUS_LIMIT = 64 * 1024
_STDIN_CHUNK = 64 * 1024
_NEEDS_V5 = (
    "The API server cannot end a command's standard input: that needs Kubernetes 1.30 or later. "
    "Leave stdin out."
)
_NO_CONTAINER = re.compile(
    r"container not found|container .* is not running|container \S+ is not valid for pod",
    re.IGNORECASE,
)


class ExecStream:
    """A running command, for one thread; `run` is built on it.

    Data goes through `read`, which also sends what `write_stdin` has queued, so a caller that
    writes much reads in between and looks at `queued`.
    """

    def __init__(self, sock: ChannelSocket) -> None:
        self._sock = sock
        self._status = bytearray()
        self._pending: list[Message] = []

    def __enter__(self) -> ExecStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def protocol(self) -> str:
        return self._sock.protocol

    @property
    def ended(self) -> bool:
        """Whether the server has closed the connection; what had arrived may still be unread."""
        return self._sock.ended and not self._pending

    @property
    def problem(self) -> str | None:
        """Why the connection ended, where that was not by a clean close."""
        return self._sock.problem

    @property
    def writable(self) -> bool:
        """Whether input still gets to the command."""
        return self._sock.writable

    @property
    def queued(self) -> int:
        """Bytes of standard input that have not been sent."""
        return self._sock.queued

    def read(self, timeout: float | None) -> list[Message]:
        """Return what arrives within `timeout` seconds, as pairs of channel and bytes.

        It may be nothing, also early; None waits for long, but not for ever.
        """
        if self._pending:
            pending, self._pending = self._pending, []
            return pending
        return self._take(timeout)

    def queue_stdin(self, data: bytes) -> None:
        """Take input for sending in a later `read`."""
        for at in range(0, len(data), _STDIN_CHUNK):
            self._sock.queue(bytes([STDIN]) + data[at : at + _STDIN_CHUNK])

    def write_stdin(self, data: bytes, *, timeout: float | None = None) -> None:
        """Send input; raises ExecTimeout, or ExecInterrupted when the command is gone.

        What arrives meanwhile is kept for the next `read`.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        self.queue_stdin(data)
        while self._sock.queued and self._sock.writable:
            remaining = None if deadline is None else deadline - time.monotonic()
            if remaining is not None and remaining <= 0:
                raise ExecTimeout(f"The command did not take its input within {timeout:g} seconds.")
            self._pending += self._take(remaining)
        if not self._sock.writable:
            raise ExecInterrupted(
                f"The command's input could not be sent: {self.problem or 'it has ended'}."
            )

    def close_stdin(self) -> None:
        """Let the command see the end of its input; raises ExecError where that is impossible."""
        if self.protocol != V5:
            raise ExecError(_NEEDS_V5)
        self._sock.queue(bytes([_CLOSE, STDIN]))

    def status(self) -> Mapping[str, Any] | None:
        """Return the Status of the command's end; None as long as it has not come."""
        try:
            value = json.loads(self._status) if self._status else None
        except ValueError:
            return None
        return value if isinstance(value, dict) else None

    def close(self) -> None:
        self._sock.close()

    def _take(self, timeout: float | None) -> list[Message]:
        messages: list[Message] = []
        for channel, data in self._sock.step(timeout):
            if channel == _STATUS:
                self._status += data[: _STATUS_LIMIT - len(self._status)]
            elif channel != _CLOSE:
                messages.append((channel, data))
        return messages


def open_stream(
    client: Client,
    *,
    namespace: str,
    pod: str,
    container: str,
    argv: Sequence[str],
    stdin: bool = False,
    protocols: Sequence[str] | None = None,
    timeout: float | None = None,
) -> ExecStream:
    """Start a command; the handshake is retried within `timeout` seconds, data never is.

    Raises ApiError (NotFound for a container that does not run, too) or ConnectionFailed. With
    `stdin`, only v5 is offered, for a v4 server could never end the input.
    """
    if not argv:
        raise ValueError("argv is empty")
    offered = protocols or ((V5,) if stdin else (V5, V4))
    params = {
        "container": container,
        "command": list(argv),
        "stdin": stdin,
        "stdout": True,
        "stderr": True,
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec"
    deadline = None if timeout is None else time.monotonic() + timeout

    def attempt() -> ChannelSocket:
        patience = client.request_timeout
        if deadline is not None:
            patience = max(0.001, min(patience, deadline - time.monotonic()))
        try:
            return connect(client, path, params, protocols=offered, timeout=patience)
        except ApiError as error:
            _raise_refined(error, stdin)
            raise
        except RequestTimeout as error:
            if patience == client.request_timeout:
                raise
            raise ExecTimeout(
                f"{namespace}/{pod}, container {container}: the command could not be started "
                f"within {timeout:g} seconds: {error.msg}"
            ) from None

    def transient(error: ApiError | ConnectionFailed) -> bool:
        in_time = deadline is None or time.monotonic() < deadline
        # A command may have begun once the request was sent: only a refusal is repeated.
        return in_time and (
            is_transient(error, idempotent=False)
            or (isinstance(error, ApiError) and error.status >= 500)
        )

    return ExecStream(call_with_retries(client.retry, attempt, transient=transient))


def _raise_refined(error: ApiError, stdin: bool) -> None:
    """Say better what a refused handshake means, where that is known."""
    missing = no_container(error.message_full)
    if missing is not None:
        raise missing from None
    if stdin and isinstance(error, BadRequest) and "protocol" in error.message.lower():
        raise ExecError(_NEEDS_V5) from None


def no_container(message: str) -> NotFound | None:
    """Recognise the refusal of a container that does not run; it comes as 500 or in a Status."""
    if not _NO_CONTAINER.search(message):
        return None
    return NotFound(status=404, reason="NotFound", message=message, method="GET")
