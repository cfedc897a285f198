# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer without end, read line by line, that another thread can stop at once."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._kube.answers import request_target
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client, Headers
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ConnectionFailed,
    KubeError,
)

__all__ = ["LineStream"]

_CHUNK = 64 * 1024
_LONGEST_LINE = 32 * 1024 * 1024
"""Bytes of one line; an object in etcd has 1.5 MiB at most."""

_ERROR_BODY_LIMIT = 64 * 1024


class LineStream:
    """The lines of one GET, on a connection of its own.

    A connection of the pool would not do: `close` shuts the socket down under the reader, and
    one that had gone back to the pool might by then be another request's.
    """

    def __init__(
        self,
        client: Client,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        read_timeout: float,
    ) -> None:
        """Send the request; raises ApiError or ConnectionFailed. Nothing is retried."""
        self._transport = client.transport
        self._read_timeout = read_timeout
        self._lock = threading.Lock()
        self._closed = False
        self._sock: socket.socket | None = None
        target = self._transport.prefix + request_target(path, params)
        self._response = client.authorized(
            lambda headers: self._request(client, path, target, headers)
        )

    def __iter__(self) -> Iterator[bytes]:
        """Yield each line without its end. It ends with the answer, or by `close`.

        Raises ConnectionFailed when the connection breaks, or is silent for `read_timeout`.
        """
        pending = bytearray()
        try:
            with self._transport.failures(self._read_timeout):
                while data := self._response.read1(_CHUNK):
                    pending += data
                    *lines, rest = pending.split(b"\n") if b"\n" in data else (pending,)
                    for line in lines:
                        yield bytes(line)
                    pending = rest
                    if len(pending) > _LONGEST_LINE:
                        raise KubeError(
                            f"{self._transport.where} sent a line of more than {_LONGEST_LINE} "
                            "bytes, which is no Kubernetes object."
                        )
        except ConnectionFailed:
            if not self._closed:
                raise
        finally:
            self._drop()

    def close(self) -> None:
        """Stop the reader, from any thread; it sees the end of the stream."""
        with self._lock:
            self._closed = True
            if self._sock is not None:
                # Not SSLSocket.shutdown: that takes the TLS state away under the reader.
                try:
                    socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
                except OSError:
                    # The other side was faster.
                    return

    def _drop(self) -> None:
        with self._lock:
            if self._sock is not None:
                self._response.close()
                self._sock.close()
                self._sock = None

    def _request(
        self, client: Client, path: str, target: str, headers: Headers
    ) -> http.client.HTTPResponse:
        sock = self._transport.connect()
        try:
            with self._transport.failures(self._read_timeout):
                sock.settimeout(self._read_timeout)
                response = self._exchange(sock, target, headers)
                if response.status == http.client.OK:
                    self._sock = sock
                    return response
                body = response.read(_ERROR_BODY_LIMIT)
        except BaseException:
            sock.close()
            raise
        sock.close()
        raise client.error(
            response.status,
            body,
            retry_after=response.headers.get("Retry-After"),
            http_reason=response.reason,
            method="GET",
            path=path,
        )

    def _exchange(
        self, sock: socket.socket, target: str, headers: Headers
    ) -> http.client.HTTPResponse:
        link = http.client.HTTPConnection(self._transport.where)
        link.sock = sock
        link.putrequest("GET", target, skip_accept_encoding=True)
        for name, value in [*headers, ("Accept", "application/json")]:
            link.putheader(name, value)
        link.endheaders()
        return link.getresponse()
