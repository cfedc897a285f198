# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The program that measures: its source is sent to the debugger and runs there.

So it imports nothing but the standard library and keeps to what Python 3.7 knows. A peer's answer
is data: only its status and its first bytes are kept.
"""

from __future__ import annotations

import base64
import http.client
import io
import os
import socket
import struct
import threading
import time
from typing import Any

__all__ = ["BODY_LIMIT", "SAMPLE_LIMIT", "measure"]

# An answer is read to its end or to this many bytes, whatever comes first.
BODY_LIMIT = 64 * 1024
# How much of the last answer's body goes into the result, in bytes.
SAMPLE_LIMIT = 200

_MOST_ADDRESSES = 8
_PING_SIZE = 56
# ICMP types of an echo request and its reply. Source: RFC 792, RFC 4443
_ECHO = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}


class Lost(Exception):
    """An attempt that got no answer; the text is why, and the same for the same cause."""


class Unsupported(Exception):
    """What the options ask for cannot be done by this Python in this container."""


class _Clock:
    """The time that one attempt has, on the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self.start = time.perf_counter()
        self._deadline = self.start + seconds

    def left(self) -> float:
        """Seconds until the deadline; raises socket.timeout after it."""
        left = self._deadline - time.perf_counter()
        if left <= 0:
            # The builtin TimeoutError is another class before Python 3.10.
            raise socket.timeout("timed out")  # noqa: UP041
        return left

    def passed(self) -> float:
        """Milliseconds since the attempt began."""
        return (time.perf_counter() - self.start) * 1000.0


class _Answer(io.RawIOBase):
    """A socket as http.client reads it, with one deadline for the whole answer.

    A socket's own timeout starts anew with each read, so a peer that sends a byte now and then
    would never be late.
    """

    def __init__(self, connection: socket.socket, clock: _Clock) -> None:
        super().__init__()
        self._connection = connection
        self._clock = clock

    def makefile(self, *_args: Any, **_kwargs: Any) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(self._clock.left())
        return self._connection.recv_into(buffer)


def _reason(error: Exception) -> str:
    """The cause in a few words, without what differs from attempt to attempt."""
    if isinstance(error, Lost):
        return str(error)
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "timed out"
    if isinstance(error, http.client.RemoteDisconnected):
        return "connection closed without an answer"
    if isinstance(error, http.client.HTTPException):
        return f"no valid HTTP answer ({type(error).__name__})"
    unverified = getattr(error, "verify_message", "")
    if unverified:
        return f"TLS: the peer's certificate does not verify: {unverified}"
    if type(error).__module__ == "ssl":
        return f"TLS: {getattr(error, 'reason', None) or type(error).__name__}"
    number = getattr(error, "errno", None)
    return os.strerror(number).lower() if number else type(error).__name__


def _resolve(host: str, port: int | None, seconds: float) -> list[tuple[Any, Any]]:
    """Family and address of each address of *host*, in the system's order.

    A resolver that hangs cannot be interrupted: it is left behind in its thread.
    """
    found: list[Any] = []

    def look_up() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.append(error)

    worker = threading.Thread(target=look_up, daemon=True)
    worker.start()
    worker.join(seconds)
    if not found:
        raise Lost("name resolution timed out")
    if isinstance(found[0], Exception):
        text = getattr(found[0], "strerror", None) or "not a valid name"
        raise Lost(f"name resolution failed: {text}")
    addresses = [(each[0], each[4]) for each in found[0] if each[0] in _ECHO]
    if not addresses:
        raise Lost("the name has no address")
    return addresses[:_MOST_ADDRESSES]


class _TcpProbe:
    """Connect and hang up."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.statuses: dict[str, int] = {}
        self.body: bytes | None = None
        self.address: str | None = None
        self._addresses: list[tuple[Any, Any]] = []

    def prepare(self) -> None:
        """Find the peer; raises Lost where there is none."""
        options = self.options
        self._addresses = _resolve(options["host"], options["port"], options["resolve"])

    def attempt(self, clock: _Clock) -> float:
        """Milliseconds that one attempt took; raises what kept it from being answered."""
        connection = self.connect(clock)
        passed = clock.passed()
        connection.close()
        return passed

    def connect(self, clock: _Clock) -> socket.socket:
        """A connection to the first address that takes one; that address is the next one's first.

        The clock starts anew for each address: only what the one that answers takes is latency.
        """
        failed: Exception = Lost("the name has no address")
        for index, (family, address) in enumerate(list(self._addresses)):
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                clock.start = time.perf_counter()
                connection.settimeout(clock.left() / (len(self._addresses) - index))
                connection.connect(address)
            except OSError as error:
                connection.close()
                failed = error
                continue
            self._addresses.insert(0, self._addresses.pop(index))
            self.address = address[0]
            return connection
        raise failed

    def close(self) -> None:
        """Nothing stays open between attempts."""


class _HttpProbe(_TcpProbe):
    """A request on a connection of its own, until the answer has been read."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(options)
        self._request = base64.b64decode(options["request"])
        self._tls = _tls(options["verify"]) if options["scheme"] == "https" else None

    def attempt(self, clock: _Clock) -> float:
        connection = self.connect(clock)
        try:
            connection.settimeout(clock.left())
            if self._tls is not None:
                name = self.options["host"].split("%")[0]
                connection = self._tls.wrap_socket(connection, server_hostname=name)
            connection.settimeout(clock.left())
            connection.sendall(self._request)
            stream: Any = _Answer(connection, clock)
            answer = http.client.HTTPResponse(stream, method="GET")
            answer.begin()
            body = answer.read(BODY_LIMIT)
            passed = clock.passed()
        finally:
            connection.close()
        status = str(answer.status)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.body = body[:SAMPLE_LIMIT]
        return passed


def _tls(verify: bool) -> Any:
    try:
        import ssl  # noqa: PLC0415 -- a Python may be built without it
    except ImportError:
        raise Unsupported("the debugger's Python has no module ssl") from None
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _PingProbe:
    """ICMP echo requests on one socket, each with its number and the mark of this run."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.statuses: dict[str, int] = {}
        self.body: bytes | None = None
        self.address: str | None = None
        self._options = options
        self._mark = os.urandom(8)
        self._sequence = 0
        self._socket: socket.socket | None = None
        self._family: Any = None
        self._raw = False

    def prepare(self) -> None:
        """Open a socket to the first address that there is a route to."""
        failed: Exception = Lost("the name has no address")
        for family, address in _resolve(self._options["host"], None, self._options["resolve"]):
            try:
                self._socket, self._raw = _icmp_socket(family)
                # Connected, it hears of unreachable hosts and of no other peer's answers.
                self._socket.connect(address)
            except OSError as error:
                failed = error
                self.close()
                continue
            self._family, self.address = family, address[0]
            return
        raise failed

    def attempt(self, clock: _Clock) -> float:
        """Milliseconds between a request and its reply; raises what kept it from coming."""
        connection: Any = self._socket
        if connection is None:
            raise RuntimeError("attempt comes before connect")
        self._sequence = self._sequence % 0xFFFF + 1
        connection.settimeout(clock.left())
        packet = self._request()
        clock.start = time.perf_counter()
        try:
            connection.send(packet)
            while True:
                connection.settimeout(clock.left())
                reply = connection.recv(2048)
                passed = clock.passed()
                if self._is_reply(reply):
                    return passed
        except ConnectionRefusedError:
            # What the kernel makes of an ICMP answer of that meaning, here without a connection.
            raise Lost("port unreachable") from None

    def _request(self) -> bytes:
        kind = _ECHO[self._family][0]
        identifier = os.getpid() & 0xFFFF
        payload = self._mark.ljust(_PING_SIZE, b"\0")
        head = struct.pack("!BBHHH", kind, 0, 0, identifier, self._sequence)
        # The kernel puts in the checksum itself, but for a raw IPv4 socket.
        checksum = _checksum(head + payload)
        return head[:2] + struct.pack("!H", checksum) + head[4:] + payload

    def _is_reply(self, packet: bytes) -> bool:
        if self._raw and self._family == socket.AF_INET:
            # Here the IP header comes, too; its length is in its first byte, in words.
            packet = packet[(packet[0] & 0xF) * 4 :] if packet else b""
        if len(packet) < 8 + len(self._mark):
            return False
        kind, _code, _sum, _identifier, sequence = struct.unpack("!BBHHH", packet[:8])
        return bool(
            kind == _ECHO[self._family][1]
            and sequence == self._sequence
            and packet[8 : 8 + len(self._mark)] == self._mark
        )

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _icmp_socket(family: Any) -> tuple[socket.socket, bool]:
    """A socket for echo requests, and whether it is a raw one.

    The first kind needs a group within net.ipv4.ping_group_range, the second CAP_NET_RAW.
    """
    ipv4 = family == socket.AF_INET
    protocol = socket.IPPROTO_ICMP if ipv4 else socket.IPPROTO_ICMPV6
    try:
        return socket.socket(family, socket.SOCK_DGRAM, protocol), False
    except PermissionError:
        pass
    try:
        return socket.socket(family, socket.SOCK_RAW, protocol), True
    except PermissionError:
        raise Unsupported("it may not open an ICMP socket") from None


def _checksum(data: bytes) -> int:
    """The internet checksum of an even number of bytes. Source: RFC 1071"""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    total += total >> 16
    return 0xFFFF - (total & 0xFFFF)


_PROBES: dict[str, Any] = {"tcp": _TcpProbe, "http": _HttpProbe, "ping": _PingProbe}


def measure(options: dict[str, Any]) -> dict[str, Any]:
    """Make all attempts and return what came of them, as plain data.

    ``samples`` holds milliseconds in the order of the attempts, null for a lost one; ``reasons``
    has one text for each lost attempt. ``unsupported`` is why nothing could be tried at all.
    """
    count = options["count"]
    samples: list[float | None] = []
    reasons: list[str] = []
    try:
        probe = _PROBES[options["method"]](options)
        begin = time.perf_counter()
        probe.prepare()
    except Unsupported as error:
        return {"unsupported": str(error)}
    except (Lost, OSError) as error:
        # Without a peer each attempt would end the same way, so none is made.
        return {"samples": [None] * count, "reasons": [_reason(error)] * count}
    resolved = (time.perf_counter() - begin) * 1000.0
    due = time.perf_counter()
    for _attempt in range(count):
        time.sleep(max(0.0, due - time.perf_counter()))
        due = time.perf_counter() + options["interval"]
        try:
            samples.append(probe.attempt(_Clock(options["timeout"])))
        except (Lost, OSError, ValueError, http.client.HTTPException) as error:
            samples.append(None)
            reasons.append(_reason(error))
    probe.close()
    return {
        "samples": samples,
        "reasons": reasons,
        "statuses": probe.statuses,
        "address": probe.address,
        "resolved": resolved,
        "body": None if probe.body is None else base64.b64encode(probe.body).decode("ascii"),
    }
