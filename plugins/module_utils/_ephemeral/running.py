# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""An argv in the debugger of each pod, bounded in time and in output."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.preflight import (
    exec_rules,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.session import Session
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.supervisor import (
    KILLER,
    RUNNER,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube import exec as kube_exec
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    ExecError,
    ExecStartFailed,
    ExecTimeout,
    KubeError,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.exec import ExecResult
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import (
    explain_forbidden,
)

__all__ = ["Command", "Ran", "SeatRan", "run_in_seat", "run_in_sessions", "signal_hint"]

# The runner inside the pod keeps the time; the controller waits this much longer, so that the
# output and the exit code of a command that was killed still arrive.
_SLACK = 10.0
_KILL_TIMEOUT = 15.0
_TIMED_OUT = 124
_NOT_FOUND = 127
# What a shell gives for the end by KILL and by TERM.
_SIGNALLED = (137, 143)


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run; ``timeout`` is in seconds, ``max_output`` in bytes for each stream."""

    argv: tuple[str, ...]
    stdin: bytes | None = None
    timeout: int = 60
    max_output: int = 512 * 1024


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A command's end on one pod; ``result`` is None where it did not run."""

    session: Session
    result: ExecResult | None = None
    timed_out: bool = False
    error: DebugError | None = None


@dataclass(frozen=True, kw_only=True)
class SeatRan:
    """A command's end in one container; ``error`` is how it failed, with the result that it had."""

    result: ExecResult
    timed_out: bool = False
    error: DebugError | None = None


def run_in_sessions(
    client: Client, sessions: Sequence[Session], command: Command, *, concurrency: int
) -> list[Ran]:
    """Run *command* in each session that has a debugger; failures stay with their pod."""
    outcomes = fan_out(lambda session: _run(client, session, command), sessions, limit=concurrency)
    return [
        outcome.value if outcome.value is not None else Ran(session=session, error=outcome.error)
        for session, outcome in zip(sessions, outcomes, strict=True)
    ]


def run_in_seat(
    client: Client,
    seat: Seat,
    command: Command,
    *,
    ref: str,
    on_stdout: Callable[[bytes], None] | None = None,
) -> SeatRan:
    """Run *command* in one container; *ref* is what messages name: the target of the work.

    *on_stdout* sees all of the output as it comes, also what is more than ``max_output``. Raises
    DebugError where the command was not run, or where its end is unknown.
    """
    token = secrets.token_hex(8)
    script = ["sh", "-c", RUNNER, "kubedebug-run", str(command.timeout), token]
    try:
        with explain_forbidden(client, exec_rules(seat.namespace, seat.pod)):
            result = kube_exec.run(
                client,
                namespace=seat.namespace,
                pod=seat.pod,
                container=seat.container,
                argv=[*script, *command.argv],
                stdin=command.stdin,
                timeout=command.timeout + _SLACK,
                max_output=command.max_output,
                on_stdout=on_stdout,
            )
    except ExecTimeout as error:
        _kill(client, seat, token)
        return _without_end(seat, command, error, ref=ref)
    except ExecStartFailed as error:
        raise ExecError(
            f"{ref}: nothing can be run in debugger {seat.container}, because its image has no "
            f"sh: {error.msg}. Choose an image with sh."
        ) from error
    except KubeError as error:
        raise ExecError(
            f"{ref}: {command.argv[0]} in debugger {seat.container}: {error.msg}"
        ) from error
    timed_out = result.rc == _TIMED_OUT and result.duration >= command.timeout
    return SeatRan(
        result=result, timed_out=timed_out, error=_failure(ref, command, result, timed_out)
    )


def _run(client: Client, session: Session, command: Command) -> Ran:
    if session.error is not None or session.debugger is None:
        return Ran(session=session, error=session.error)
    target = session.target
    seat = Seat(namespace=target.namespace, pod=target.name, container=session.debugger)
    ran = run_in_seat(client, seat, command, ref=target.ref)
    return Ran(session=session, result=ran.result, timed_out=ran.timed_out, error=ran.error)


def _without_end(seat: Seat, command: Command, error: ExecTimeout, *, ref: str) -> SeatRan:
    """What arrived of a command whose end did not, as where a child of it holds its output."""
    return SeatRan(
        result=ExecResult(
            _TIMED_OUT, error.stdout, error.stderr, *error.totals, command.timeout + _SLACK
        ),
        timed_out=True,
        error=ExecError(
            f"{ref}: {command.argv[0]} in debugger {seat.container} did not end "
            f"within {command.timeout} s and was killed. Raise timeout, redirect the output of "
            "what it leaves in the background, or look whether the node is overloaded."
        ),
    )


def signal_hint(rc: int) -> str:
    """Why a command may have ended so that did nothing wrong itself; empty for other ends."""
    if rc not in _SIGNALLED:
        return ""
    return (
        ": a signal ended it, as where the lifetime of the debugger is over, its target has "
        "restarted or the pod is deleted"
    )


def _failure(ref: str, command: Command, result: ExecResult, timed_out: bool) -> DebugError | None:
    name = command.argv[0]
    if timed_out:
        return ExecError(
            f"{ref}: {name} was killed after {command.timeout} s. Raise timeout, or give "
            "the command a bound of its own."
        )
    if result.rc == 0:
        return None
    reason = _first_line(result.stderr)
    if result.rc == _NOT_FOUND:
        return ExecError(
            f"{ref}: {name} ended with exit code 127: the debugger's image has no such "
            f"command{reason}. {_way_to_a_command(name)}"
        )
    hint = reason or signal_hint(result.rc)
    return ExecError(f"{ref}: {name} ended with exit code {result.rc}{hint}.")


def _way_to_a_command(name: str) -> str:
    if " " in name:
        return "Give argv as a list with an item for each word."
    return "Choose another image, or give the full path."


def _first_line(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    if not lines:
        return ""
    return " (" + "".join(c if c.isprintable() else " " for c in lines[0][:200]) + ")"


def _kill(client: Client, seat: Seat, token: str) -> None:
    """End what a command that does not answer any more has left in the debugger."""
    try:
        kube_exec.run(
            client,
            namespace=seat.namespace,
            pod=seat.pod,
            container=seat.container,
            argv=["sh", "-c", KILLER, "kubedebug-kill", token],
            timeout=_KILL_TIMEOUT,
            max_output=4096,
        )
    except KubeError:
        # The runner's own clock ends the command in any case; this only hastens it.
        return
