# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The use case of ``pod_probe``: latency to a peer from inside each pod's network namespace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.command import (
    SESSION_SPEC,
    sessions_for,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.results import (
    raise_failures,
    session_diff,
    session_result,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.running import (
    Command,
    Ran,
    run_in_sessions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.session import Session
from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import (
    AuthOptions,
    secrets,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._kube.exec import ExecResult
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    DEBUGGER_SPEC,
    SELECT_SPEC,
    TARGET_SPEC,
    OptionError,
    Spec,
)
from ansible_collections.kubedebug.core.plugins.module_utils._probe.model import (
    Measured,
    ProbeError,
    ToolMissing,
)
from ansible_collections.kubedebug.core.plugins.module_utils._probe.options import (
    PROBE_SPEC,
    ProbeOptions,
    header_secrets,
)
from ansible_collections.kubedebug.core.plugins.module_utils._probe.program import (
    python_command,
    read_python,
)
from ansible_collections.kubedebug.core.plugins.module_utils._probe.stats import (
    grouped,
    loss_percent,
    summary,
)
from ansible_collections.kubedebug.core.plugins.module_utils._probe.tools import (
    curl_command,
    ping_command,
    read_curl,
    read_ping,
)
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
    open_client,
)

__all__ = ["POD_PROBE", "no_tool", "probe_result", "verdict"]

_SPEC = Spec.compose(SELECT_SPEC, TARGET_SPEC, DEBUGGER_SPEC, SESSION_SPEC, PROBE_SPEC)

_DIGITS = 3

# By a part of the reason; the first that fits counts.
_WAYS_OUT = {
    "connection refused": "Nothing listens there: check peer and port.",
    "timed out": "Raise timeout if the peer is only slow.",
    "name resolution": "Check peer, and the name resolution of the pod.",
    "certificate does not verify": "validate_peer_certs=false measures without that.",
    "TLS: ": "Check scheme and port: the peer may speak no TLS.",
    "no valid HTTP answer": "Check scheme and port: the peer may speak TLS or no HTTP.",
}


@dataclass(frozen=True, kw_only=True)
class _Tool:
    """One way to measure: what is run, and how its output is read."""

    command: Command
    read: Callable[[ProbeOptions, ExecResult], Measured]


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    """What came of the measurement on one pod."""

    session: Session
    measured: Measured | None = None
    error: DebugError | None = None


def _run(params: Params, context: Context) -> Result:
    options = ProbeOptions.from_params(params)
    _check_lifetime(params, options)
    with open_client(params, context) as client:
        sessions, warnings = sessions_for(
            client, params, check_mode=context.check_mode, needs=float(options.longest)
        )
        outcomes = (
            [_Outcome(session=session, error=session.error) for session in sessions]
            if context.check_mode
            else _measure(client, sessions, options, concurrency=params["concurrency"])
        )
    outcomes = [_judged(outcome, options) for outcome in outcomes]
    result = Result(
        changed=any(session.changed for session in sessions),
        data={"pods": [_pod_result(outcome, options) for outcome in outcomes]},
        diff=session_diff(sessions),
        warnings=warnings,
    )
    errors = [outcome.error for outcome in outcomes]
    raise_failures(errors, result, what=f"The {options.method} probe of {options.peer}")
    return result


def _check_lifetime(params: Params, options: ProbeOptions) -> None:
    lifetime = params["lifetime"]
    if lifetime and not params["debugger"] and options.longest > lifetime:
        raise OptionError(
            f"The probe can take {options.longest} s and the debugger ends after lifetime="
            f"{lifetime} s: raise lifetime, or lower count, interval or timeout."
        )


def _measure(
    client: Client, sessions: Sequence[Session], options: ProbeOptions, *, concurrency: int
) -> list[_Outcome]:
    """Measure in every session with the first tool that its image has."""
    outcomes = [_Outcome(session=session, error=session.error) for session in sessions]
    open_ones = [index for index, outcome in enumerate(outcomes) if outcome.error is None]
    missing: dict[int, list[str]] = {index: [] for index in open_ones}
    for tool in _tools(options):
        left = list(missing)
        if not left:
            break
        ran = run_in_sessions(
            client,
            [sessions[index] for index in left],
            tool.command,
            concurrency=concurrency,
        )
        for index, one in zip(left, ran, strict=True):
            try:
                outcomes[index] = _read(one, options, tool)
                del missing[index]
            except ToolMissing as error:
                missing[index].append(error.msg)
    for index, reasons in missing.items():
        session = sessions[index]
        where = f"{session.target.ref}: debugger {session.debugger}"
        outcomes[index] = _Outcome(session=session, error=no_tool(reasons, options, where=where))
    return outcomes


def _tools(options: ProbeOptions) -> tuple[_Tool, ...]:
    """The tools for a method, the most exact one first."""
    python = _Tool(command=python_command(options), read=read_python)
    if options.method == "ping":
        return python, _Tool(command=ping_command(options), read=read_ping)
    return python, _Tool(command=curl_command(options), read=read_curl)


def _read(ran: Ran, options: ProbeOptions, tool: _Tool) -> _Outcome:
    """Raises ToolMissing where another tool may do."""
    if ran.result is None or ran.timed_out:
        return _Outcome(session=ran.session, error=ran.error)
    try:
        return _Outcome(session=ran.session, measured=tool.read(options, ran.result))
    except ToolMissing:
        raise
    except ProbeError as error:
        text = f"{ran.session.target.ref}: debugger {ran.session.debugger}: {error.msg}"
        return _Outcome(session=ran.session, error=ProbeError(text))


def no_tool(reasons: Sequence[str], options: ProbeOptions, *, where: str) -> ProbeError:
    """The error for an image that has no tool for a method, from what each of them lacked."""
    text = f"{where} cannot measure: " + "; ".join(reason.rstrip(".") for reason in reasons)
    if options.method != "ping":
        return ProbeError(f"{text}. Choose an image with python3 or curl.")
    if any("ICMP" in reason for reason in reasons):
        return ProbeError(
            f"{text}. ICMP needs the capability NET_RAW as root: profile=netadmin adds it (custom: "
            "{securityContext: {runAsUser: 0}} where the pod runs as another user). method=tcp "
            "needs none."
        )
    return ProbeError(f"{text}. Choose an image with python3 or ping.")


def _judged(outcome: _Outcome, options: ProbeOptions) -> _Outcome:
    """Turn too many lost attempts into the pod's error; the measurement stays."""
    if outcome.measured is None:
        return outcome
    return replace(
        outcome, error=verdict(outcome.measured, options, ref=outcome.session.target.ref)
    )


def verdict(measured: Measured, options: ProbeOptions, *, ref: str) -> ProbeError | None:
    """The error that too many lost attempts make, or None where they are within bounds.

    A probe that was never answered has measured nothing, so it fails unless ``max_loss`` says that
    it may.
    """
    sent, lost = len(measured.samples), measured.samples.count(None)
    loss = loss_percent(sent, sent - lost)
    failed = loss > options.max_loss if options.max_loss is not None else lost == sent
    if not failed:
        return None
    reasons = grouped(measured.reasons)
    causes = ", ".join(f"{each['reason']} ({each['count']})" for each in reasons)
    allowed = "" if options.max_loss is None else f", more than max_loss={options.max_loss:g}"
    return ProbeError(
        f"{ref}: {options.peer} did not answer {lost} of {sent} attempts ({loss:g} % lost"
        f"{allowed}): {causes}.{_way_out(measured.reasons)}"
    )


def _way_out(reasons: Sequence[str]) -> str:
    """What can be done about the most frequent reason; "" where that is for the peer to say."""
    first = grouped(reasons)[0]["reason"] if reasons else ""
    return next((f" {text}" for part, text in _WAYS_OUT.items() if part in first), "")


def _pod_result(outcome: _Outcome, options: ProbeOptions) -> dict[str, Any]:
    measured = outcome.measured
    return {
        **session_result(outcome.session),
        "probe": None if measured is None else probe_result(measured, options),
        "error": outcome.error.msg if outcome.error is not None else None,
    }


def probe_result(measured: Measured, options: ProbeOptions) -> dict[str, Any]:
    """The measurement as plain data; durations are milliseconds."""
    return {
        "method": options.method,
        "peer": options.peer,
        "address": measured.address,
        "tool": measured.tool,
        **summary(measured.samples),
        "resolved": _rounded(measured.resolved),
        "status_codes": dict(measured.status_codes),
        "body_sample": None if measured.body is None else _text(measured.body),
        "errors": grouped(measured.reasons),
        "samples": [_rounded(sample) for sample in measured.samples],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _text(body: bytes) -> str:
    """The beginning of an answer as lines that a terminal can show."""
    text = body.decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def _secrets(params: Params) -> set[str]:
    return secrets(AuthOptions.from_params(params)) | header_secrets(params.get("headers"))


POD_PROBE = UseCase(name="pod_probe", spec=_SPEC, run=_run, secrets=_secrets)
