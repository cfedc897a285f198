# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The use case of ``ephemeral_command``: an argv in a debugger of each pod."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Sequence
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral import preflight
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import entries
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
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.session import (
    MIN_REMAINING,
    Plan,
    Session,
    open_sessions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import whoami
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    DEBUGGER_SPEC,
    SELECT_SPEC,
    TARGET_SPEC,
    DebuggerOptions,
    OptionError,
    Spec,
    TargetOptions,
    WaitOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import require
from ansible_collections.kubedebug.core.plugins.module_utils._pods.targets import resolve
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
    open_client,
)

__all__ = ["EPHEMERAL_COMMAND", "SESSION_SPEC", "sessions_for"]

# What every module has that works inside a debugger, and may have to open one first.
SESSION_SPEC: dict[str, dict[str, Any]] = {
    "debugger": {"type": "str"},
    "wait_timeout": {"type": "int", "default": 120},
}

_SPEC = Spec.compose(
    SELECT_SPEC,
    TARGET_SPEC,
    DEBUGGER_SPEC,
    SESSION_SPEC,
    {
        "argv": {"type": "list", "elements": "str", "required": True},
        "stdin": {"type": "str"},
        "timeout": {"type": "int", "default": 60},
        "max_output": {"type": "int", "default": 512 * 1024},
        "failed_when_rc": {"type": "bool", "default": True},
    },
)
_MOST_OUTPUT = 256 * 1024 * 1024
_LONGEST_TIMEOUT = 24 * 3600
# The part of its lifetime up to which a debugger counts as good for any work.
_FRESH = 0.5


def sessions_for(
    client: Client, params: Params, *, check_mode: bool, needs: float = MIN_REMAINING
) -> tuple[list[Session], tuple[str, ...]]:
    """The debuggers that a task works in: those it names, or those of its description.

    *needs* is how many seconds the work may take: a debugger that ends sooner is not used again.
    Raises DebugError when the credentials may not run anything in a debugger, before one is opened
    and in check mode.
    """
    options = DebuggerOptions.from_params(params)
    targets = TargetOptions.from_params(params)
    chosen = resolve(client, targets)
    rules = preflight.exec_rules_of(chosen.targets)
    if check_mode:
        require(client, rules)
    if params["debugger"]:
        named = [_named_session(target, params["debugger"]) for target in chosen.targets]
        return named, chosen.warnings
    plan = Plan(
        options=options,
        owner=options.owner or whoami(client),
        wait=WaitOptions.from_params({"wait": True, "wait_timeout": params["wait_timeout"]}),
        check_mode=check_mode,
        concurrency=targets.concurrency,
        label_selectors=targets.label_selectors,
        # Asked for before an entry is added, which stays for ever; where one is there already, the
        # command itself shows whether it may be run, and a task has two requests less.
        needed=rules,
        # A lifetime that is shorter than the work is the user's to choose, once for each debugger.
        min_remaining=min(needs, max(MIN_REMAINING, options.lifetime * _FRESH)),
    )
    sessions = open_sessions(client, chosen.targets, plan)
    warnings = (*chosen.warnings, *(text for session in sessions for text in session.warnings))
    return sessions, warnings


def _named_session(target: Target, name: str) -> Session:
    entry = next((each for each in entries(target.pod) if each.name == name), None)
    if entry is not None and entry.state == "running":
        return Session(target=target, action="reused", debugger=name, entry=entry)
    there = ", ".join(each.name for each in entries(target.pod) if each.state == "running")
    state = f"is {entry.state}" if entry is not None else "does not exist"
    return Session(
        target=target,
        action="failed",
        error=OptionError(
            f"debugger: ephemeral container {name} of {target.ref} {state}. Running there: "
            f"{there or 'none'}. Leave the option out to have one opened."
        ),
    )


def _run(params: Params, context: Context) -> Result:
    command = _command(params)
    with open_client(params, context) as client:
        sessions, warnings = sessions_for(
            client, params, check_mode=context.check_mode, needs=float(command.timeout)
        )
        ran = (
            [Ran(session=session, error=session.error) for session in sessions]
            if context.check_mode
            else run_in_sessions(client, sessions, command, concurrency=params["concurrency"])
        )
    errors = [_counted(one, failed_when_rc=params["failed_when_rc"]) for one in ran]
    data = {"pods": [_command_result(one, error) for one, error in zip(ran, errors, strict=True)]}
    diff = session_diff(sessions)
    result = Result(
        # As ansible.builtin.command: what a command changes cannot be known.
        changed=any(one.result is not None for one in ran) or bool(diff),
        data=data,
        diff=diff,
        warnings=(*warnings, *_cut(ran)),
    )
    raise_failures(errors, result, what=command.argv[0])
    return result


def _command(params: Params) -> Command:
    argv = tuple(params["argv"])
    if not argv or not argv[0]:
        raise OptionError("argv is empty: give the command and its arguments as a list.")
    if any("\0" in word for word in argv):
        raise OptionError("argv cannot hold a NUL character: give such data as stdin.")
    if not 1 <= params["timeout"] <= _LONGEST_TIMEOUT:
        raise OptionError(
            f"timeout={params['timeout']} is out of range: give 1 to {_LONGEST_TIMEOUT} seconds."
        )
    if not 0 <= params["max_output"] <= _MOST_OUTPUT:
        raise OptionError(
            f"max_output={params['max_output']} is out of range: give 0 to {_MOST_OUTPUT} bytes."
        )
    stdin = params["stdin"]
    return Command(
        argv=argv,
        stdin=stdin.encode("utf-8", "surrogateescape") if stdin is not None else None,
        timeout=params["timeout"],
        max_output=params["max_output"],
    )


def _counted(ran: Ran, *, failed_when_rc: bool) -> DebugError | None:
    """Without failed_when_rc an exit code is a result like another; a command cut off is not."""
    if ran.result is not None and not ran.timed_out and not failed_when_rc:
        return None
    return ran.error


def _command_result(ran: Ran, error: DebugError | None) -> dict[str, Any]:
    result = ran.result
    return {
        **session_result(ran.session),
        "ran": result is not None,
        "rc": result.rc if result is not None else None,
        "timed_out": ran.timed_out,
        "duration": round(result.duration, 3) if result is not None else None,
        **_stream("stdout", result.stdout if result else b"", result.stdout_bytes if result else 0),
        **_stream("stderr", result.stderr if result else b"", result.stderr_bytes if result else 0),
        "error": error.msg if error is not None else None,
    }


def _stream(name: str, kept: bytes, total: int) -> dict[str, Any]:
    """A stream as text; where it is no text, as base64 too, so that nothing of it is lost."""
    whole = total == len(kept)
    try:
        # A stream that was cut may end within a character, which does not make it binary.
        text, exact = codecs.getincrementaldecoder("utf-8")().decode(kept, final=whole), None
    except UnicodeDecodeError:
        text, exact = kept.decode("utf-8", "replace"), base64.b64encode(kept).decode("ascii")
    return {
        name: text,
        f"{name}_base64": exact,
        f"{name}_bytes": total,
        f"{name}_truncated": not whole,
    }


def _cut(ran: Sequence[Ran]) -> list[str]:
    return [
        f"{one.session.target.ref}: {one.result.stdout_bytes + one.result.stderr_bytes} bytes of "
        "output were more than max_output keeps of a stream; the result has its beginning."
        for one in ran
        if one.result is not None
        and (
            one.result.stdout_bytes > len(one.result.stdout)
            or one.result.stderr_bytes > len(one.result.stderr)
        )
    ]


EPHEMERAL_COMMAND = UseCase(
    name="ephemeral_command",
    spec=_SPEC,
    run=_run,
)
