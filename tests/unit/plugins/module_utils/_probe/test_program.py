# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command for the debugger's Python, run by this machine's, and output that is garbled."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.exec import ExecResult
from ansible_collections.kubedebug.core.plugins.module_utils._probe.model import (
    ProbeError,
    ToolMissing,
)
from ansible_collections.kubedebug.core.plugins.module_utils._probe.options import ProbeOptions
from ansible_collections.kubedebug.core.plugins.module_utils._probe.program import (
    python_command,
    read_python,
)

_TWO = ProbeOptions(count=2, interval=0.0)


def _result(stdout: bytes = b"", *, rc: int = 0, stderr: bytes = b"") -> ExecResult:
    return ExecResult(
        rc=rc,
        stdout=stdout,
        stderr=stderr,
        stdout_bytes=len(stdout),
        stderr_bytes=len(stderr),
        duration=0.1,
    )


def _good(**changed: Any) -> bytes:
    return json.dumps(
        {
            "samples": [1.5, None],
            "reasons": ["timed out"],
            "statuses": {"200": 1},
            "address": "127.0.0.1",
            "resolved": 0.25,
            "body": base64.b64encode(b"hello").decode(),
            **changed,
        }
    ).encode()


def test_command_measures(peer: Callable[..., Any], behaviours: dict[str, Any]) -> None:
    options = ProbeOptions(host="127.0.0.1", port=peer(behaviours["ok"]).port, count=2, interval=0)
    command = python_command(options)
    assert command.argv[0] == "python3"
    with subprocess.Popen(
        [sys.executable, *command.argv[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        assert command.stdin is not None
        process.stdin.write(command.stdin)
        process.stdin.flush()
        # The input stays open, as with an API server that cannot close it.
        stdout, stderr = process.stdout.read(), process.stderr.read()
    measured = read_python(options, _result(stdout, rc=process.returncode, stderr=stderr))
    assert measured.tool == "python3"
    assert None not in measured.samples
    assert measured.status_codes == {"200": 2}
    assert measured.body == b"hello"


def test_headers_are_not_in_the_argv() -> None:
    command = python_command(ProbeOptions(headers=(("Authorization", "Bearer hunter2"),)))
    assert "hunter2" not in " ".join(command.argv)
    assert command.stdin is not None
    assert command.timeout == ProbeOptions().longest


def test_output_is_read() -> None:
    measured = read_python(_TWO, _result(_good()))
    assert measured.samples == (1.5, None)
    assert measured.reasons == ("timed out",)
    assert measured.status_codes == {"200": 1}
    assert (measured.address, measured.resolved, measured.body) == ("127.0.0.1", 0.25, b"hello")


def test_reasons_and_address_are_cleaned() -> None:
    measured = read_python(
        _TWO, _result(_good(reasons=["\x1b[31mred\n" + "x" * 500], address="\x1b]0;t\x07::1"))
    )
    assert measured.reasons[0].startswith("red xxx")
    assert len(measured.reasons[0]) <= 120
    assert measured.address == "::1"


@pytest.mark.parametrize(
    "stdout",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"hello", id="text"),
        pytest.param(b"\xff\xfe\x00", id="binary"),
        pytest.param(b"[]", id="a-list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(_good(samples=[1.0]), id="too-few-samples"),
        pytest.param(_good(samples=[1.0, 2.0, 3.0]), id="too-many-samples"),
        pytest.param(_good(samples=[1.0, 2.0]), id="a-reason-for-nothing"),
        pytest.param(_good(reasons=[]), id="no-reason"),
        pytest.param(_good(samples=[-1.0, None]), id="negative"),
        pytest.param(_good(samples=[float("nan"), None]), id="nan"),
        pytest.param(_good(samples=[float("inf"), None]), id="infinite"),
        pytest.param(_good(samples=["x", None]), id="no-number"),
        pytest.param(_good(samples=None), id="null-samples"),
        pytest.param(_good(statuses={"<b>": 1}), id="no-status"),
        pytest.param(_good(statuses=[1]), id="statuses-of-another-shape"),
        pytest.param(_good(statuses={"200": float("inf")}), id="endless-count"),
        pytest.param(_good(samples=[10**400, None]), id="number-beyond-floats"),
        pytest.param(_good(body="***"), id="no-base64"),
        pytest.param(_good(body=5), id="body-of-another-type"),
    ],
)
def test_garbled_output_is_refused(stdout: bytes) -> None:
    with pytest.raises(ProbeError) as refused:
        read_python(_TWO, _result(stdout))
    assert refused.value.msg.startswith("the debugger's python3 printed no measurement")
    assert len(refused.value.msg) < 400


def test_body_is_cut_again() -> None:
    measured = read_python(_TWO, _result(_good(body=base64.b64encode(b"x" * 5000).decode())))
    assert measured.body == b"x" * 200


@pytest.mark.parametrize(
    ("result", "message"),
    [
        pytest.param(_result(rc=127), "no python3", id="no-python3"),
        pytest.param(
            _result(b'{"unsupported": "it may not open an ICMP socket"}'),
            "ICMP socket",
            id="unsupported",
        ),
    ],
)
def test_another_tool_may_do(result: ExecResult, message: str) -> None:
    with pytest.raises(ToolMissing, match=message):
        read_python(_TWO, result)


def test_python_that_fails_is_quoted() -> None:
    stderr = b"Traceback (most recent call last):\n  ...\nSyntaxError: \x1b[1minvalid\n"
    with pytest.raises(ProbeError) as refused:
        read_python(_TWO, _result(rc=1, stderr=stderr))
    assert not isinstance(refused.value, ToolMissing)
    assert refused.value.msg == "the debugger's python3 failed: SyntaxError: invalid"
