# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One TCP connection to a port of a pod, through the API's portforward subresource.

Of the two protocols of the subresource this is the older one, v4.channel.k8s.io, a websocket for
each connection: each of them has its own flow control that way (SPDY's streams in one websocket,
as of `kubectl port-forward`, have none in Kubernetes' library), the end of the websocket says
whether the connection ended well, and every API server and runtime speaks it.
Source: k8s.io/cri-streaming, pkg/streaming/portforward/websocket.go (handleWebSocketStreams)
https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4006-transition-spdy-to-websockets

What follows from the protocol, and from the runtime behind it:

- There is no half-close. Closing the websocket ends both directions; the end of the pod's
  side closes the websocket. (With SPDY, containerd cuts the answer off a second after a
  half-close, so a client gains nothing there.)
- The runtime connects to the loopback address in the pod's network namespace. A process that
  listens on the pod's IP alone is not reached.
- Nothing says that the connection to the pod's port is there: only a failure is told. See `probe`.
"""

from __future__ import annotations

import re
import time

from ansible_collections.kubedebug.core.plugins.module_utils._kube.channels import (
    ChannelSocket,
    connect,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    ConnectionFailed,
    KubeError,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.retry import (
    call_with_retries,
    is_transient,
)

__all__ = ["PortClosed", "PortForwardError", "PortStream", "open_port", "probe"]

PROTOCOL = "v4.channel.k8s.io"

_DATA, _ERROR = 0, 1
_CHUNK = 32 * 1024
_ERROR_LIMIT = 4096
_SETTLING = 0.05
"""Seconds in which a refusal mostly comes by itself."""

_LISTENING = 2.0
"""Seconds in which it comes for certain, where the connection is not kept."""

_ROUNDS = 3

_REFUSED = re.compile(r"connection refused|ECONNREFUSED", re.IGNORECASE)
# What the runtime puts around the reason: the sandbox's ID and the path of its namespace.
_REASON = re.compile(r"(?:IPv4: |inside namespace \S+ )(.*?)(?: IPv6.*)?$", re.DOTALL)


class PortForwardError(KubeError):
    """A connection to a pod's port could not be made, or did not end well."""


class PortClosed(PortForwardError):
    """Nothing listens on that port of the pod."""


class PortStream:
    """An open connection, for one thread and a selector; nothing here waits.

    `ended` tells that the pod's side is closed; `failure` why, where that was not in good order,
    so that what has arrived may not be all.
    """

    def __init__(self, sock: ChannelSocket, *, where: str, port: int) -> None:
        self._sock = sock
        self.where = where
        self.port = port
        self._heads = {_DATA: b"", _ERROR: b""}
        self._error = bytearray()
        self._broken: str | None = None

    @property
    def ended(self) -> bool:
        return self._sock.ended or self._broken is not None

    @property
    def writable(self) -> bool:
        """Whether data still gets to the pod."""
        return self._sock.writable and self._broken is None

    @property
    def queued(self) -> int:
        """Bytes that wait to be sent."""
        return self._sock.queued

    @property
    def buffered(self) -> bool:
        """Whether `read` has something that a selector does not know of."""
        return self._sock.buffered

    @property
    def confirmed(self) -> int:
        """How many times the runtime has answered to `confirm`."""
        return self._sock.pongs

    @property
    def told(self) -> PortForwardError | None:
        """The failure that the pod's node has told of."""
        if not self._error:
            return None
        return _failure(bytes(self._error), where=self.where, port=self.port)

    @property
    def failure(self) -> PortForwardError | None:
        problem = self._broken or self._sock.problem
        if self._error or problem is None:
            return self.told
        return PortForwardError(f"{self.where}: the connection to port {self.port}: {problem}.")

    def fileno(self) -> int:
        return self._sock.fileno()

    def read(self) -> bytes:
        """Return what has arrived of the pod's data."""
        data = []
        for channel, part in self._sock.receive():
            payload = self._without_head(channel, part)
            if channel == _DATA:
                data.append(payload)
            elif channel == _ERROR:
                self._error += payload[: _ERROR_LIMIT - len(self._error)]
        return b"".join(data)

    def write(self, data: bytes) -> None:
        """Take data for sending, and send what is possible at once."""
        for at in range(0, len(data), _CHUNK):
            self._sock.queue(bytes([_DATA]) + data[at : at + _CHUNK])
        self._sock.flush()

    def flush(self) -> None:
        """Send what is possible at once."""
        self._sock.flush()

    def confirm(self) -> None:
        """Ask for a sign that the runtime has tried to connect to the pod's port.

        It hands a message on before it looks at the next one, and nobody takes what it hands on
        until it has tried. So the pong to a ping that follows an empty message comes after that,
        and no byte gets to the pod.
        """
        self._sock.queue(bytes([_DATA]))
        self._sock.ping()
        self._sock.flush()

    def keep_alive(self) -> None:
        """Send a sign of life after a silence; to be called now and then."""
        self._sock.keep_alive()

    def step(self, timeout: float) -> bytes:
        """Wait for at most `timeout` seconds and return the pod's data, if any has come."""
        data = b""
        for channel, part in self._sock.step(timeout):
            payload = self._without_head(channel, part)
            if channel == _DATA:
                data += payload
            elif channel == _ERROR:
                self._error += payload[: _ERROR_LIMIT - len(self._error)]
        return data

    def close(self) -> None:
        self._sock.close()

    def _without_head(self, channel: int, part: bytes) -> bytes:
        """Take the port's number off, which is what a channel begins with."""
        head = self._heads.get(channel)
        if head is None or len(head) == 2:
            return part
        missing = 2 - len(head)
        head += part[:missing]
        self._heads[channel] = head
        if len(head) == 2 and int.from_bytes(head, "little") != self.port:
            self._broken = "the server forwards another port than was asked for"
        return part[missing:]


def _failure(text: bytes, *, where: str, port: int) -> PortForwardError:
    """What the runtime says, without the names of its own things."""
    message = clean(text.decode("utf-8", "replace"), limit=_ERROR_LIMIT)
    if _REFUSED.search(message):
        return PortClosed(
            f"{where}: nothing listens on port {port} of the pod's loopback address (connection "
            "refused). A port that is forwarded has to be open on 127.0.0.1 or on all addresses."
        )
    found = _REASON.search(message)
    reason = clean(found[1] if found else message)
    return PortForwardError(f"{where}: the connection to port {port} ended: {reason}.")


def open_port(client: Client, *, namespace: str, pod: str, port: int, timeout: float) -> PortStream:
    """Ask for a connection to a port of a pod; a refusal that may pass is tried again.

    Returns before the pod's port is connected. Raises ApiError (NotFound for no such pod) or
    ConnectionFailed. `timeout` is in seconds, for all of it.
    """
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/portforward"
    deadline = time.monotonic() + timeout

    def attempt() -> ChannelSocket:
        patience = max(0.001, min(client.request_timeout, deadline - time.monotonic()))
        return connect(client, path, {"ports": port}, protocols=(PROTOCOL,), timeout=patience)

    def transient(error: ApiError | ConnectionFailed) -> bool:
        # A handshake that failed has sent nothing to the pod.
        return time.monotonic() < deadline and is_transient(error, idempotent=True)

    sock = call_with_retries(client.retry, attempt, transient=transient)
    return PortStream(sock, where=f"{namespace}/{pod}", port=port)


def probe(client: Client, *, namespace: str, pod: str, port: int, timeout: float) -> None:
    """Connect to a port of a pod and close the connection again, without a byte of data.

    Raises PortClosed where nothing listens, PortForwardError for another failure or no answer
    within `timeout` seconds, ApiError or ConnectionFailed.
    """
    deadline = time.monotonic() + timeout

    def connected(asking: bool) -> bool:
        stream = open_port(
            client,
            namespace=namespace,
            pod=pod,
            port=port,
            timeout=max(0.001, deadline - time.monotonic()),
        )
        try:
            return _is_connected(stream, deadline, asking=asking)
        finally:
            stream.close()

    # What was asked can cross the runtime's end of the connection, which tears its reason away.
    # Who asks nothing hears it for certain.
    if not connected(asking=True) and not connected(asking=False):
        raise PortForwardError(
            f"{namespace}/{pod}: the connection to port {port} is cut off each time before the "
            "pod is reached. Check what is between here and the API server, and the pod's node."
        )


def _is_connected(stream: PortStream, deadline: float, *, asking: bool) -> bool:
    """Tell whether the pod's port is connected, or false where the connection was torn.

    Raises the failure that the runtime tells, and PortForwardError at the deadline.
    """
    begin = time.monotonic()
    quiet = begin + (_SETTLING if asking else _LISTENING)
    verdict = _listen(stream, min(deadline, quiet))
    # The pong can overtake a failure that the runtime is about to tell; not by a whole round.
    for count in range(1, _ROUNDS + 1 if asking else 1):
        if verdict is not None:
            break
        stream.confirm()
        verdict = _listen(stream, deadline, pongs=count)
    if verdict is None and time.monotonic() >= deadline:
        raise PortForwardError(
            f"{stream.where}: port {stream.port} was not connected within "
            f"{deadline - begin:.0f} seconds. The node does not answer the API server, or the "
            "pod's network is broken."
        )
    return verdict is not False


def _listen(stream: PortStream, until: float, *, pongs: int | None = None) -> bool | None:
    """Wait for what tells whether the port is connected; None for nothing, or enough pongs."""
    while True:
        now = time.monotonic()
        talks = bool(stream.step(max(0.0, until - now)))
        if stream.told is not None:
            raise stream.told
        # A service that talks first, or hangs up in good order, has been connected, too.
        if talks or (stream.ended and stream.failure is None):
            return True
        if stream.ended:
            return False
        if now >= until or (pongs is not None and stream.confirmed >= pongs):
            return None
