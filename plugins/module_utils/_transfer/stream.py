# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""One run of a script in a seat: its header, its bytes, and how it ended.

An exec stream may end early without a sign: the runtime, the kubelet and the API server each close
it while bytes are still on their way (kubernetes issue 60140). So an exit code of 0 proves nothing
here; only what was counted and summed up does.

v4 of the protocol is asked for first. Its frames go from the runtime to this process as they are,
while the API server and the kubelet unpack v5 and pack it again: on the test cluster that costs
both of them twice the time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    CertificateInvalid,
    ConnectionFailed,
    DebugError,
    ExecError,
    ExecTimeout,
    Forbidden,
    Unauthorized,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.exec import exit_code
from ansible_collections.kubedebug.core.plugins.module_utils._kube.exec_stream import (
    STDERR,
    STDOUT,
    V4,
    V5,
    ExecStream,
    open_stream,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.plan import (
    Facts,
    parse_header,
)
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.scripts import (
    DAMAGED,
    HEADER_LIMIT,
    MISSING,
    NO_FILE,
    NO_TOOLS,
    UNREADABLE,
)

__all__ = ["Broken", "Late", "Program", "is_passing"]

_SILENCE = 60.0
"""Seconds without a byte after which a stream that should send is given up for a new one."""

_GRACE = 5.0
"""Seconds that bytes may still come in after the exit status."""

_STDERR_LIMIT = 64 * 1024
_BY_SIGNAL = 128
"""Exit codes from here on are of a command that a signal has ended."""

_REPORT = re.compile(r"^sum |records (in|out)$|bytes .*copied")


class Broken(ExecError):
    """The stream ended before all had come; a new one may go on."""


class Late(ExecError):
    """The time of the whole transfer is over."""


def is_passing(error: DebugError, *, begun: bool) -> bool:
    """Whether the same may go well later.

    A server that has just started knows neither accounts nor roles, and refuses all for a moment;
    that is told from a lack of rights by what has been allowed before.
    """
    if isinstance(error, Broken):
        return True
    if isinstance(error, ConnectionFailed):
        return not isinstance(error, CertificateInvalid)
    if isinstance(error, Forbidden | Unauthorized):
        return begun
    return isinstance(error, ApiError) and (error.status >= 500 or error.status == 429)


@dataclass(kw_only=True)
class Program:
    """A script on its way. `take` gets the bytes after the header, in order.

    `stop` is asked after each read and ends the run early, without its exit status. `deadline` is
    by the monotonic clock. `silent` is for a script that works long without a word.
    """

    client: Client
    seat: Seat
    path: str
    argv: Sequence[str]
    deadline: float
    take: Callable[[bytes], None]
    on_header: Callable[[Facts], None]
    stop: Callable[[Program], bool]
    stderr: bytearray = field(default_factory=bytearray)
    _head: bytearray | None = field(default_factory=bytearray)

    def run(self) -> None:
        """Run it until it has ended or `stop` says so.

        Raises Broken when it ended without all that it has to send being here, as far as its exit
        tells, Late when the time is over, other errors of the API or of a script that cannot work.
        """
        try:
            stream = open_stream(
                self.client,
                namespace=self.seat.namespace,
                pod=self.seat.pod,
                container=self.seat.container,
                argv=self.argv,
                # Never written to: its end tells the script that nobody listens any more.
                stdin=True,
                protocols=(V4, V5),
                timeout=max(0.001, self.deadline - time.monotonic()),
            )
        except ExecTimeout as error:
            raise Late(error.msg) from None
        with stream:
            if not self._follow(stream):
                self._judge(stream)

    def _follow(self, stream: ExecStream) -> bool:
        """Serve the stream; true when it was left early since all is here."""
        heard = time.monotonic()
        ending: float | None = None
        while not stream.ended:
            now = time.monotonic()
            if now >= self.deadline:
                raise Late(f"{self.seat.ref}: the time was over")
            if stream.status() is not None:
                ending = now + _GRACE if ending is None else ending
                if now >= ending:
                    break
            elif now - heard >= _SILENCE:
                raise Broken(f"{self.seat.ref}: nothing came for {_SILENCE:.0f} seconds")
            until = min(self.deadline, heard + _SILENCE if ending is None else ending)
            messages = stream.read(max(0.0, until - now))
            if messages:
                heard = time.monotonic()
            for channel, data in messages:
                if channel == STDOUT:
                    self._stdout(data)
                elif channel == STDERR:
                    self.stderr += data[: _STDERR_LIMIT - len(self.stderr)]
            if self.stop(self):
                return True
        return False

    def _stdout(self, data: bytes) -> None:
        if self._head is None:
            self.take(data)
            return
        self._head += data
        line, newline, rest = bytes(self._head).partition(b"\n")
        if not newline:
            if len(line) > HEADER_LIMIT:
                raise ExecError(f"{self.seat.ref}: {clean(self.argv[0])} answered something else.")
            return
        facts = parse_header(line)
        if facts is None:
            raise ExecError(
                f"{self.seat.ref}: the shell of the image does not do what was asked, but said "
                f"{clean(line.decode('utf-8', 'replace'), limit=80)!r}. Choose another image."
            )
        self._head = None
        self.on_header(facts)
        if rest:
            self.take(rest)

    def _judge(self, stream: ExecStream) -> None:
        """Raise what the end of a stream means that was not left early."""
        status = stream.status()
        if status is None:
            problem = clean(stream.problem or "the server closed the connection", limit=160)
            raise Broken(f"{self.seat.ref}: the stream broke ({problem})")
        code = exit_code(status, self.seat.ref, self.argv)
        shown = clean(self.path)
        reasons = {
            MISSING: f"{shown} does not exist. Check the path, and whether the container was "
            "started anew",
            NO_FILE: f"{shown} is no plain file, and only those can be fetched",
            UNREADABLE: f"{shown} may not be read. Run the debugger as a user who may",
            NO_TOOLS: "the image has no stat, or neither openssl, python3 nor sha256sum. Choose "
            "another image",
        }
        if code in reasons:
            raise ExecError(f"{self.seat.ref}: {reasons[code]}.")
        said = _complaint(bytes(self.stderr)) if code else ""
        if self._head is not None and code and code < _BY_SIGNAL:
            # It has not come to the file, and will not the next time.
            raise ExecError(
                f"{self.seat.ref}: {shown} cannot be read: {clean(self.argv[0])} ended with exit "
                f"code {code}{said}."
            )
        what = "reading failed" if code == DAMAGED else f"the stream ended with exit code {code}"
        raise Broken(f"{self.seat.ref}: {what} before all of {shown} had come{said}")


def _complaint(stderr: bytes) -> str:
    """What a tool said of its failure; dd reports its records as well."""
    lines = stderr.decode("utf-8", "replace").splitlines()
    told = [line for line in lines if line.strip() and not _REPORT.search(line)]
    return f" ({clean(told[-1], limit=160)})" if told else ""
