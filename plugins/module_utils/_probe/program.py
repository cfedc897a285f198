# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Measuring with the debugger's Python: the command that is run, and what its output says. Pure.

Program and parameters go by standard input. An API server's audit log has the argv of each exec,
and the processes of a shared process namespace can read it, while headers may hold a token.
"""

from __future__ import annotations

import base64
import binascii
import inspect
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.running import (
    Command,
    signal_hint,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean
from ansible_collections.kubedebug.core.plugins.module_utils._kube.exec import ExecResult
from ansible_collections.kubedebug.core.plugins.module_utils._probe import prober
from ansible_collections.kubedebug.core.plugins.module_utils._probe.model import (
    Measured,
    ProbeError,
    ToolMissing,
)
from ansible_collections.kubedebug.core.plugins.module_utils._probe.options import ProbeOptions

__all__ = ["PYTHON_NOT_FOUND", "python_command", "read_python"]

# What a shell ends with when it does not find a command.
PYTHON_NOT_FOUND = 127

# One line, and not until the end of the input: older API servers cannot pass that end on.
# -I: variables of the debugger's environment, which may be inherited from the target, and files of
# its working directory have no say in what is run.
_START = """\
import json, sys
task = json.loads(sys.stdin.readline())
space = {"__name__": "prober"}
exec(compile(task["program"], "prober", "exec"), space)
json.dump(space["measure"](task["options"]), sys.stdout)
"""
_MOST_OUTPUT = 512 * 1024
_REASON_LIMIT = 120
_STATUS = re.compile(r"[1-9][0-9]{2}")


def python_command(options: ProbeOptions) -> Command:
    """The command that measures with python3."""
    task = {
        "program": inspect.getsource(prober),
        "options": {
            "method": options.method,
            "host": options.host,
            "port": options.port,
            "scheme": options.scheme,
            "verify": options.validate_certs,
            "request": base64.b64encode(options.request()).decode("ascii"),
            "count": options.count,
            "interval": options.interval,
            "timeout": options.timeout,
            "resolve": options.resolve_seconds,
        },
    }
    return Command(
        argv=("python3", "-I", "-c", _START),
        stdin=json.dumps(task).encode("ascii") + b"\n",
        timeout=options.longest,
        max_output=_MOST_OUTPUT,
    )


def read_python(options: ProbeOptions, result: ExecResult) -> Measured:
    """What python3 has printed; raises ToolMissing or ProbeError.

    The image is the user's and may print anything, so nothing of it is taken on trust.
    """
    if result.rc == PYTHON_NOT_FOUND:
        raise ToolMissing("the debugger's image has no python3")
    if result.rc != 0:
        reason = f"{_last_line(result.stderr)}{signal_hint(result.rc)}"
        raise ProbeError(f"the debugger's python3 failed: {reason}")
    try:
        answer = json.loads(result.stdout)
        if isinstance(answer, Mapping) and "unsupported" in answer:
            raise ToolMissing(f"python3: {clean(str(answer['unsupported']), limit=_REASON_LIMIT)}")
        return _measured(options, answer)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise ProbeError(
            f"the debugger's python3 printed no measurement: {_last_line(result.stdout)}"
        ) from error


def _measured(options: ProbeOptions, answer: Any) -> Measured:
    """Raise one of the errors above for what the program does not print."""
    samples = tuple(None if each is None else _duration(each) for each in answer["samples"])
    reasons = tuple(clean(str(each), limit=_REASON_LIMIT) for each in answer["reasons"])
    if len(samples) != options.count or len(reasons) != samples.count(None):
        raise ValueError("not one outcome for each attempt")
    counts = dict(answer.get("statuses") or {})
    statuses = {str(code): int(count) for code, count in counts.items()}
    if not all(_STATUS.fullmatch(code) for code in statuses):
        raise ValueError("no HTTP status")
    address, resolved, body = (answer.get(key) for key in ("address", "resolved", "body"))
    return Measured(
        tool="python3",
        samples=samples,
        reasons=reasons,
        status_codes=dict(sorted(statuses.items())),
        address=None if address is None else clean(str(address), limit=64),
        resolved=None if resolved is None else _duration(resolved),
        body=None if body is None else _bytes(body),
    )


def _duration(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number) or number < 0:
        raise ValueError("no duration")
    return number


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)[: prober.SAMPLE_LIMIT]
    except binascii.Error as error:
        raise ValueError("no base64") from error


def _last_line(output: bytes) -> str:
    lines = output[-4096:].decode("utf-8", "replace").strip().splitlines()
    return clean(lines[-1]) if lines else "it printed nothing"
