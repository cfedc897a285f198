# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""curl and ping: the real script with this machine's curl, and output as their authors print it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.exec import ExecResult
from ansible_collections.kubedebug.core.plugins.module_utils._probe.model import (
    Measured,
    ProbeError,
    ToolMissing,
)
from ansible_collections.kubedebug.core.plugins.module_utils._probe.options import ProbeOptions
from ansible_collections.kubedebug.core.plugins.module_utils._probe.tools import (
    curl_command,
    ping_command,
    read_curl,
    read_ping,
)

_SHELLS = [["dash"], ["bash", "--posix"], ["busybox", "sh"], ["sh"]]
_IPUTILS = """\
PING localhost (127.0.0.1) 56(84) bytes of data.
64 bytes from localhost (127.0.0.1): icmp_seq=1 ttl=64 time=0.021 ms

--- localhost ping statistics ---
1 packets transmitted, 1 received, 0% packet loss, time 0ms
rtt min/avg/max/mdev = 0.021/0.021/0.021/0.000 ms
"""
_IPUTILS_ADDRESS = """\
PING ::1 (::1) 56 data bytes
64 bytes from ::1: icmp_seq=1 ttl=64 time=12 ms
"""
_BUSYBOX = """\
PING localhost (127.0.0.1): 56 data bytes
64 bytes from 127.0.0.1: seq=0 ttl=64 time=0.093 ms

--- localhost ping statistics ---
1 packets transmitted, 1 packets received, 0% packet loss
round-trip min/avg/max = 0.093/0.093/0.093 ms
"""
_LOST = """\
PING 192.0.2.1 (192.0.2.1) 56(84) bytes of data.

--- 192.0.2.1 ping statistics ---
1 packets transmitted, 0 received, 100% packet loss, time 0ms
"""
_UNREACHABLE = """\
PING 192.0.2.1 (192.0.2.1) 56(84) bytes of data.
From 10.0.0.1 icmp_seq=1 Destination Host Unreachable
"""


def _result(stdout: str = "", *, rc: int = 0, stderr: str = "") -> ExecResult:
    out, err = stdout.encode(), stderr.encode()
    return ExecResult(
        rc=rc,
        stdout=out,
        stderr=err,
        stdout_bytes=len(out),
        stderr_bytes=len(err),
        duration=0.1,
    )


def _run_curl(options: ProbeOptions, shell: list[str]) -> Measured:
    if shutil.which("curl") is None or shutil.which(shell[0]) is None:
        pytest.skip("this machine lacks curl or the shell")
    command = curl_command(options)
    assert command.argv[0] == "sh"
    with subprocess.Popen(
        [*shell, *command.argv[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        assert command.stdin is not None
        process.stdin.write(command.stdin)
        process.stdin.flush()
        # The input stays open, as with an API server that cannot close it.
        stdout, stderr = process.stdout.read().decode(), process.stderr.read().decode()
    return read_curl(options, _result(stdout, rc=process.returncode, stderr=stderr))


@pytest.mark.parametrize("shell", _SHELLS, ids=lambda argv: argv[0])
def test_curl_measures(
    peer: Callable[..., Any], behaviours: dict[str, Any], shell: list[str]
) -> None:
    port = peer(behaviours["ok"]).port
    headers = (("X-Odd", 'a"b\\c $(id) {x}'),)
    options = ProbeOptions(host="127.0.0.1", port=port, headers=headers, count=2, interval=0)
    measured = _run_curl(options, shell)
    assert measured.tool == "curl"
    assert None not in measured.samples
    assert measured.status_codes == {"200": 2}
    assert measured.body == b"hello"
    assert measured.address == "127.0.0.1"


def test_curl_sends_the_same_request(peer: Callable[..., Any], behaviours: dict[str, Any]) -> None:
    received: list[bytes] = []

    def record(connection: Any, ended: Any) -> None:
        received.append(connection.recv(65536, 2))  # 2: MSG_PEEK
        behaviours["ok"](connection, ended)

    headers = (("X-Odd", 'a"b\\c $(id) {x}'), ("X-Empty", ""))
    options = ProbeOptions(
        host="127.0.0.1",
        port=peer(record).port,
        path="/[1-3]/../x?{a,b}",
        headers=headers,
        count=1,
    )
    _run_curl(options, ["sh"])
    lines = sorted(line.rstrip() for line in received[0].split(b"\r\n"))
    assert lines == sorted(line.rstrip() for line in options.request().split(b"\r\n"))


def test_curl_of_a_long_answer_keeps_its_beginning(
    peer: Callable[..., Any], behaviours: dict[str, Any]
) -> None:
    options = ProbeOptions(host="127.0.0.1", port=peer(behaviours["long"]).port, count=1)
    measured = _run_curl(options, ["sh"])
    assert measured.body == b"x" * 200
    assert None not in measured.samples


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("silence", "timed out", id="silence"),
        pytest.param("hang up", "connection closed without an answer", id="hang-up"),
    ],
)
def test_curl_losses(
    peer: Callable[..., Any], behaviours: dict[str, Any], name: str, reason: str
) -> None:
    port = peer(behaviours[name]).port
    measured = _run_curl(
        ProbeOptions(host="127.0.0.1", port=port, count=2, interval=0, timeout=0.1), ["sh"]
    )
    assert measured.samples == (None, None)
    assert measured.reasons == (reason, reason)
    assert measured.body is None


def test_curl_of_a_closed_port(closed_port: int) -> None:
    measured = _run_curl(
        ProbeOptions(method="tcp", host="127.0.0.1", port=closed_port, count=1), ["sh"]
    )
    assert measured.reasons == ("connection refused or no route",)


def test_curl_connects_and_sends_nothing(peer: Callable[..., Any]) -> None:
    received: list[bytes] = []

    def record(connection: Any, _ended: Any) -> None:
        received.append(connection.recv(65536))

    options = ProbeOptions(
        method="tcp", host="127.0.0.1", port=peer(record).port, count=1, timeout=0.2
    )
    assert _run_curl(options, ["sh"]).reasons == ()
    assert received in ([], [b""])


_END = "\n@@time 200 0,000010 0,000200 0,000510 127.0.0.1\n@@end 0\n"


@pytest.mark.parametrize(
    ("stderr", "samples"),
    [
        pytest.param(_END, (0.5,), id="decimal-comma"),
        pytest.param(_END.replace(",", "."), (0.5,), id="decimal-point"),
        pytest.param("curl: (6) x\n@@time 000 0.1 0.0 0.1 \n@@end 6\n", (None,), id="failed"),
        pytest.param("garbage\n@@end 0\n", (None,), id="no-times"),
        pytest.param("@@time 200 x y z\n@@end 0\n", (None,), id="garbled-times"),
    ],
)
def test_curl_output(stderr: str, samples: tuple[float | None, ...]) -> None:
    measured = read_curl(ProbeOptions(count=1), _result(stderr=stderr))
    assert measured.samples == samples
    assert len(measured.reasons) == samples.count(None)


@pytest.mark.parametrize(
    ("output", "sample", "reason", "address"),
    [
        pytest.param(_IPUTILS + "@@end 0\n", 0.021, None, "127.0.0.1", id="iputils"),
        pytest.param(_IPUTILS_ADDRESS + "@@end 0\n", 12.0, None, "::1", id="iputils-ipv6"),
        pytest.param(_BUSYBOX + "@@end 0\n", 0.093, None, "127.0.0.1", id="busybox"),
        pytest.param(
            "64 bytes from 10.0.0.1: seq=0 time<1 ms\n@@end 0\n", 1.0, None, "10.0.0.1", id="below"
        ),
        pytest.param(_LOST + "@@end 1\n", None, "timed out", None, id="lost"),
        pytest.param(_UNREACHABLE + "@@end 1\n", None, "host unreachable", None, id="unreachable"),
        pytest.param(
            "ping: bad address 'nosuch'\n@@end 1\n", None, "bad address", None, id="busybox-name"
        ),
        pytest.param(
            "ping: nosuch: Name or service not known\n@@end 2\n",
            None,
            "name or service not known",
            None,
            id="iputils-name",
        ),
        pytest.param(
            "ping: sendto: Network is unreachable\n@@end 2\n",
            None,
            "network is unreachable",
            None,
            id="no-route",
        ),
        pytest.param(
            "64 bytes from 10.0.0.1: seq=0 ttl=64 time=2100.5 ms\n@@end 0\n",
            None,
            "timed out",
            None,
            id="too-late",
        ),
        pytest.param("time=1.2.3 ms\n@@end 0\n", None, "timed out", None, id="no-number"),
        pytest.param("\x1b[31m\x00\n@@end 0\n", None, "timed out", None, id="garbage"),
    ],
)
def test_ping_output(
    output: str, sample: float | None, reason: str | None, address: str | None
) -> None:
    measured = read_ping(ProbeOptions(method="ping", port=None, count=1), _result(output))
    assert measured.samples == (sample,)
    assert measured.reasons == (() if reason is None else (reason,))
    assert measured.address == address


@pytest.mark.parametrize(
    "output",
    [
        pytest.param("ping: permission denied (are you root?)\n@@end 1\n", id="busybox"),
        pytest.param("ping: socket: Operation not permitted\n@@end 2\n", id="iputils"),
    ],
)
def test_ping_without_the_right_to_it(output: str) -> None:
    with pytest.raises(ToolMissing, match="ICMP"):
        read_ping(ProbeOptions(method="ping", port=None, count=1), _result(output))


@pytest.mark.parametrize("read", [read_curl, read_ping])
def test_tool_that_is_not_there(read: Callable[..., Measured]) -> None:
    with pytest.raises(ToolMissing, match="image has no"):
        read(ProbeOptions(count=1), _result(rc=127))


@pytest.mark.parametrize(
    ("read", "result"),
    [
        pytest.param(read_curl, _result(), id="curl-nothing"),
        pytest.param(read_curl, _result(stderr=_END * 3), id="curl-too-much"),
        pytest.param(read_ping, _result("\x1b[2J" + "x" * 5000), id="ping-garbage"),
    ],
)
def test_output_with_another_number_of_attempts(
    read: Callable[..., Measured], result: ExecResult
) -> None:
    with pytest.raises(ProbeError) as refused:
        read(ProbeOptions(count=2), result)
    assert "of 2 attempts" in refused.value.msg
    assert "\x1b" not in refused.value.msg
    assert len(refused.value.msg) < 400


def test_ping_waits_whole_seconds_and_takes_the_host_as_one_word() -> None:
    command = ping_command(ProbeOptions(method="ping", host="::1", port=None, timeout=1.2))
    assert command.argv[-4:] == ("10", "0.200", "2", "::1")
