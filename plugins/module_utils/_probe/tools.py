# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Measuring with curl or ping, for images without Python: commands, and what they print. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.running import Command
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean
from ansible_collections.kubedebug.core.plugins.module_utils._kube.exec import ExecResult
from ansible_collections.kubedebug.core.plugins.module_utils._probe.model import (
    Measured,
    ProbeError,
    ToolMissing,
)
from ansible_collections.kubedebug.core.plugins.module_utils._probe.options import ProbeOptions
from ansible_collections.kubedebug.core.plugins.module_utils._probe.prober import SAMPLE_LIMIT

__all__ = ["curl_command", "ping_command", "read_curl", "read_ping"]

_NOT_FOUND: Final = 127
_MOST_OUTPUT = 2 * 1024 * 1024

# pause: what is left of the interval is not known to a plain shell, so the interval lies between
# the end of one attempt and the beginning of the next.
_PAUSE = r"""
pause() { sleep "$1" 2>/dev/null || sleep "$(( ${1%%.*} + 1 ))"; }
"""

# $1 attempts, $2 interval, $3 bytes of a body that are kept. Standard input is curl's
# configuration: URL, headers and bounds are never words of a command. It ends with its own line,
# since older API servers cannot pass the end of the input on.
# The outcome of each attempt goes to stderr, its body to stdout, each after a mark.
CURL_SCRIPT = (
    _PAUSE
    + r"""
command -v curl >/dev/null 2>&1 || exit 127
config=
while IFS= read -r line && [ "$line" != "# end" ]; do
    config="$config$line
"
done
n=0
while [ "$n" -lt "$1" ]; do
    [ "$n" -eq 0 ] || pause "$2"
    n=$((n + 1))
    printf '\n@@body %s\n' "$n"
    {
        printf '%s' "$config" | curl -q -K -
        printf '@@end %s\n' "$?" >&2
    } | { head -c "$3"; cat >/dev/null; }
done
"""
)

# $1 attempts, $2 interval, $3 whole seconds of an attempt, $4 host.
PING_SCRIPT = (
    _PAUSE
    + r"""
command -v ping >/dev/null 2>&1 || exit 127
LC_ALL=C
export LC_ALL
n=0
while [ "$n" -lt "$1" ]; do
    [ "$n" -eq 0 ] || pause "$2"
    n=$((n + 1))
    ping -c 1 -W "$3" "$4" 2>&1
    printf '@@end %s\n' "$?"
done
"""
)

# The fields of curl's -w, in this order. %{stderr} is known since curl 7.63.
_WRITE_OUT = (
    r"%{stderr}\n@@time %{http_code} %{time_namelookup} %{time_connect} %{time_total}"
    r" %{remote_ip}\n"
)
_TIME = re.compile(
    r"@@time (\d{3}) (\d+[.,]\d+) (\d+[.,]\d+) (\d+[.,]\d+) ?([0-9A-Fa-f.:]*)(?:%\S*)?\s*"
)
_END = re.compile(r"@@end (\d+)\s*")
_BODY = re.compile(rb"\n@@body \d+\n")
_CURL_TIMED_OUT = 28

# Source: curl(1), EXIT CODES
_CURL_REASONS: Mapping[int, str] = {
    6: "name resolution failed",
    7: "connection refused or no route",
    _CURL_TIMED_OUT: "timed out",
    35: "TLS: the handshake failed",
    52: "connection closed without an answer",
    56: "connection reset",
    60: "TLS: the peer's certificate does not verify",
}

_PING_TIME = re.compile(r"\btime[=<]([0-9.]+) ?ms")
_PING_FROM = re.compile(r"\bbytes from (?:[^\s()]+ \()?([0-9A-Fa-f.:]+)")
_PING_REFUSED = re.compile(r"operation not permitted|permission denied|are you root", re.IGNORECASE)
# What both pings say, of the many words around it.
_PING_CAUSE = re.compile(
    r"(bad address|name or service not known|temporary failure in name resolution"
    r"|(?:host|net(?:work)?|port) (?:is )?unreachable|time to live exceeded"
    r"|cannot assign requested address)",
    re.IGNORECASE,
)


def curl_command(options: ProbeOptions) -> Command:
    """The command that measures HTTP answers or TCP connections with curl."""
    return Command(
        argv=(
            *("sh", "-c", CURL_SCRIPT, "kubedebug-probe"),
            *(str(options.count), _decimal(options.interval), str(SAMPLE_LIMIT)),
        ),
        stdin=_curl_config(options).encode("utf-8"),
        timeout=options.longest,
        max_output=_MOST_OUTPUT,
    )


def _decimal(seconds: float) -> str:
    # Without an exponent, which neither sleep nor curl know.
    return f"{seconds:.3f}"


def _curl_config(options: ProbeOptions) -> str:
    # curl's telnet sends nothing of its own: a TCP connection and no more.
    url = options.peer if options.method == "http" else f"telnet://{options.authority}"
    lines = [
        f"url = {_quoted(url)}",
        f"max-time = {_decimal(options.timeout)}",
        'noproxy = "*"',
        "globoff",
        "http1.1",
        "path-as-is",
        "silent",
        "show-error",
        f"write-out = {_quoted(_WRITE_OUT)}",
    ]
    if options.method == "http":
        lines += [f"header = {_quoted(_curl_header(*pair))}" for pair in options.all_headers()]
    if not options.validate_certs:
        lines.append("insecure")
    return "\n".join([*lines, "# end", ""])


def _curl_header(name: str, value: str) -> str:
    # "Name:" would remove a header; this is curl's way to send one without a value.
    return f"{name}: {value}" if value else f"{name};"


def _quoted(text: str) -> str:
    """A value of curl's configuration file. Source: curl(1), --config"""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def read_curl(options: ProbeOptions, result: ExecResult) -> Measured:
    """What curl has printed; raises ToolMissing or ProbeError."""
    if result.rc == _NOT_FOUND:
        raise ToolMissing("the debugger's image has no curl")
    attempts = _blocks(result.stderr.decode("utf-8", "replace"))
    _require_all(options, attempts, "curl", result)
    samples: list[float | None] = []
    reasons: list[str] = []
    statuses: dict[str, int] = {}
    address = resolved = None
    for lines, code in attempts:
        timing = next((match for line in lines if (match := _TIME.fullmatch(line))), None)
        took = _curl_took(options, timing, code)
        if took is None:
            reasons.append(_CURL_REASONS.get(code, f"curl ended with exit code {code}"))
        elif timing is not None:
            address, resolved = timing[5] or address, _milliseconds(timing[2])
            if options.method == "http":
                statuses[timing[1]] = statuses.get(timing[1], 0) + 1
        samples.append(took)
    bodies = [body for body in _BODY.split(result.stdout) if body]
    return Measured(
        tool="curl",
        samples=tuple(samples),
        reasons=tuple(reasons),
        status_codes=dict(sorted(statuses.items())),
        address=address,
        resolved=resolved,
        body=bodies[-1][:SAMPLE_LIMIT] if bodies and statuses else None,
    )


def _curl_took(options: ProbeOptions, timing: re.Match[str] | None, code: int) -> float | None:
    """Milliseconds of an attempt, without those of the name's resolution; None for a lost one."""
    if timing is None:
        return None
    if options.method == "tcp":
        # telnet waits for the peer to hang up; that it did not is no fault of the connection.
        connected = _milliseconds(timing[3])
        good = code in (0, _CURL_TIMED_OUT) and connected > 0
        return max(0.0, connected - _milliseconds(timing[2])) if good else None
    return max(0.0, _milliseconds(timing[4]) - _milliseconds(timing[2])) if code == 0 else None


def _milliseconds(seconds: str) -> float:
    # Some releases of curl print the decimal sign of the locale.
    return round(float(seconds.replace(",", ".")) * 1000, 3)


def _blocks(output: str) -> list[tuple[list[str], int]]:
    """The lines of each attempt with the exit code of its command."""
    blocks: list[tuple[list[str], int]] = []
    lines: list[str] = []
    for line in output.splitlines():
        end = _END.fullmatch(line)
        if end is None:
            lines.append(line)
            continue
        blocks.append((lines, int(end[1])))
        lines = []
    return blocks


def _require_all(
    options: ProbeOptions,
    attempts: list[tuple[list[str], int]],
    tool: str,
    result: ExecResult,
) -> None:
    if len(attempts) != options.count:
        output = (result.stderr or result.stdout).decode("utf-8", "replace").strip()
        raise ProbeError(
            f"{tool} in the debugger made {len(attempts)} of {options.count} attempts: "
            f"{clean(output) or 'it printed nothing'}"
        )


def ping_command(options: ProbeOptions) -> Command:
    """The command that measures with the ping of iputils or busybox, an echo request at a time."""
    # Whole seconds: older releases of both know nothing finer.
    seconds = max(1, -(-options.timeout // 1))
    return Command(
        argv=(
            *("sh", "-c", PING_SCRIPT, "kubedebug-probe"),
            *(str(options.count), _decimal(options.interval), f"{seconds:g}", options.host),
        ),
        timeout=options.longest + options.count,
        max_output=_MOST_OUTPUT,
    )


def read_ping(options: ProbeOptions, result: ExecResult) -> Measured:
    """What ping has printed; raises ToolMissing where it may not ping, ProbeError otherwise."""
    if result.rc == _NOT_FOUND:
        raise ToolMissing("the debugger's image has no ping")
    attempts = _blocks(result.stdout.decode("utf-8", "replace"))
    _require_all(options, attempts, "ping", result)
    samples: list[float | None] = []
    reasons: list[str] = []
    address = None
    for lines, code in attempts:
        text = "\n".join(lines)
        if code and _PING_REFUSED.search(text):
            raise ToolMissing("ping: it may not open an ICMP socket")
        took = _PING_TIME.search(text)
        value = _number(took[1]) if took and code == 0 else None
        # As with the other tools, what comes after the timeout is lost.
        late = value is not None and value > options.timeout * 1000
        samples.append(None if late else value)
        if value is None or late:
            reasons.append("timed out" if late else _ping_cause(text))
        elif source := _PING_FROM.search(text):
            address = source[1].rstrip(":")
    return Measured(tool="ping", samples=tuple(samples), reasons=tuple(reasons), address=address)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _ping_cause(text: str) -> str:
    cause = _PING_CAUSE.search(text)
    return cause[1].lower() if cause is not None else "timed out"
