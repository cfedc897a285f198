# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The use case of ``ephemeral_container``: debuggers are there and running, or are stopped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral import preflight
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import (
    Entry,
    entries,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.extending import (
    Extended,
    extend_debuggers,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.results import (
    entry_result,
    exec_command,
    pod_result,
    raise_failures,
    session_diff,
    session_result,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.session import (
    Plan,
    open_sessions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.stopping import (
    Stopped,
    stop_debuggers,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import whoami
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    DEBUGGER_SPEC,
    SELECT_SPEC,
    TARGET_SPEC,
    WAIT_SPEC,
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

__all__ = ["EPHEMERAL_CONTAINER"]

_SPEC = Spec.compose(
    SELECT_SPEC,
    TARGET_SPEC,
    WAIT_SPEC,
    DEBUGGER_SPEC,
    {
        "state": {
            "type": "str",
            "choices": ["present", "extended", "stopped"],
            "default": "present",
        },
        "command": {"type": "list", "elements": "str", "default": []},
        "args": {"type": "list", "elements": "str", "default": []},
        "stdin": {"type": "bool", "default": False},
        "tty": {"type": "bool", "default": False},
        "wait_for": {"type": "str", "choices": ["running", "finished"], "default": "running"},
        "debugger": {"type": "list", "elements": "str", "default": []},
        "grace_period": {"type": "int", "default": 5},
    },
)
_LONGEST_GRACE = 300


def _run(params: Params, context: Context) -> Result:
    targets = TargetOptions.from_params(params)
    options = DebuggerOptions.from_params(params)
    wait = WaitOptions.from_params(params)
    _check_together(params, options, wait)
    with open_client(params, context) as client:
        owner = options.owner or whoami(client)
        chosen = resolve(client, targets)
        if params["state"] == "stopped":
            return _stop(client, chosen.targets, params, owner, context.check_mode)
        if params["state"] == "extended":
            return _extend(client, chosen.targets, params, owner, context.check_mode)
        plan = Plan(
            options=options,
            owner=owner,
            wait=wait,
            goal=params["wait_for"],
            check_mode=context.check_mode,
            concurrency=targets.concurrency,
            label_selectors=targets.label_selectors,
        )
        return _present(client, chosen.targets, plan, chosen.warnings)


def _check_together(params: Params, options: DebuggerOptions, wait: WaitOptions) -> None:
    if _named(params) and params["state"] == "present":
        raise OptionError(
            "debugger names running debuggers for state=stopped and state=extended; with "
            "state=present the collection gives the name. Leave it out."
        )
    if params["state"] == "extended" and not options.lifetime:
        raise OptionError(
            "lifetime=0 is no time to extend a debugger by: give the seconds from now for which it "
            "shall stay."
        )
    if params["wait_for"] == "finished" and not options.command and options.lifetime:
        raise OptionError(
            "wait_for=finished needs a command: without one the debugger stays for its whole "
            f"lifetime of {options.lifetime} s."
        )
    if not 0 <= params["grace_period"] <= _LONGEST_GRACE:
        raise OptionError(
            f"grace_period={params['grace_period']} is out of range: give 0 to {_LONGEST_GRACE} "
            "seconds."
        )
    if params["wait_for"] == "finished" and not wait.wait:
        raise OptionError("wait_for=finished and wait=false exclude each other.")


def _named(params: Params) -> tuple[str, ...]:
    """The debuggers that the task names; an AWX survey that was left empty names none."""
    return tuple(name for name in params["debugger"] if name)


def _present(
    client: Client, targets: list[Target], plan: Plan, warnings: tuple[str, ...]
) -> Result:
    sessions = open_sessions(client, targets, plan)
    result = Result(
        changed=any(session.changed for session in sessions),
        data={"pods": [session_result(session) for session in sessions]},
        diff=session_diff(sessions),
        warnings=(*warnings, *(text for session in sessions for text in session.warnings)),
    )
    raise_failures([session.error for session in sessions], result, what="The debugger")
    return result


def _stop(
    client: Client, targets: list[Target], params: Params, owner: str, check_mode: bool
) -> Result:
    """Stop the named debuggers, or those that this owner has running, on each target."""
    chosen = _chosen(targets, params, owner)
    require(client, preflight.exec_rules_of([target for target, _entry in chosen]))
    if check_mode:
        stopped = [
            Stopped(target=target, entry=replace(entry, state="finished"))
            for target, entry in chosen
        ]
    else:
        stopped = stop_debuggers(
            client,
            chosen,
            grace=params["grace_period"],
            timeout=params["wait_timeout"],
            concurrency=params["concurrency"],
        )
    diff = tuple(_stop_diff(done) for done in stopped if done.error is None)
    data = {"pods": _stop_results(targets, stopped, check_mode)}
    result = Result(changed=bool(diff), data=data, diff=diff)
    raise_failures([done.error for done in stopped], result, what="Stopping", each="debuggers")
    return result


def _extend(
    client: Client, targets: list[Target], params: Params, owner: str, check_mode: bool
) -> Result:
    """Let the named debuggers, or those that this owner has running, stay for a lifetime more."""
    chosen = _chosen(targets, params, owner)
    if not chosen:
        raise OptionError(
            f"No debugger of {owner} runs in the pods that are meant, so that none can be "
            "extended. state=present opens one; debugger=NAME means one of another owner."
        )
    require(client, preflight.exec_rules_of([target for target, _entry in chosen]))
    extended = extend_debuggers(
        client,
        chosen,
        seconds=params["lifetime"],
        check_mode=check_mode,
        concurrency=params["concurrency"],
    )
    diff = tuple(_extend_diff(one) for one in extended if one.action in ("extended", "planned"))
    data = {"pods": [_extend_result(one) for one in extended]}
    result = Result(changed=bool(diff), data=data, diff=diff)
    raise_failures([one.error for one in extended], result, what="Extending", each="debuggers")
    return result


def _extend_result(one: Extended) -> dict[str, Any]:
    until = one.until if one.until is not None else one.entry.expires_at
    return {
        **pod_result(one.target),
        "action": one.action,
        "changed": one.action in ("extended", "planned"),
        "debugger": one.entry.name,
        "entry": entry_result(replace(one.entry, expires_at=until)),
        "exec_command": exec_command(one.target.namespace, one.target.name, one.entry),
        "error": one.error.msg if one.error else None,
    }


def _extend_diff(one: Extended) -> dict[str, Any]:
    header = f"{one.target.ref} {one.entry.name}"
    return {
        "before_header": header,
        "after_header": header,
        "before": {"expires_at": entry_result(one.entry)["expires_at"]},
        "after": {"expires_at": _extend_result(one)["entry"]["expires_at"]},
    }


def _chosen(targets: list[Target], params: Params, owner: str) -> list[tuple[Target, Entry]]:
    """The named debuggers of the targets, or those that this owner has running there."""
    return [
        (target, entry)
        for target in targets
        for entry in _chosen_entries(target, _named(params), owner)
    ]


def _chosen_entries(target: Target, names: tuple[str, ...], owner: str) -> list[Entry]:
    present = entries(target.pod)
    running = [entry for entry in present if entry.state == "running"]
    if not names:
        return [entry for entry in running if entry.managed and (entry.owner or "") == owner]
    unknown = sorted(set(names) - {entry.name for entry in present})
    if unknown:
        there = ", ".join(entry.name for entry in present) or "none"
        raise OptionError(
            f"debugger: {target.ref} has no ephemeral container {', '.join(unknown)}. "
            f"It has: {there}."
        )
    return [entry for entry in running if entry.name in names]


def _stop_results(
    targets: list[Target], stopped: list[Stopped], check_mode: bool
) -> list[dict[str, Any]]:
    """One item for each debugger that was stopped, and one for each pod that had none."""
    results = []
    for target in targets:
        mine = [done for done in stopped if done.target.uid == target.uid]
        results += [
            {
                **pod_result(target),
                "action": "failed" if done.error else "planned" if check_mode else "stopped",
                "changed": done.error is None,
                "debugger": done.entry.name,
                "entry": entry_result(done.entry),
                "exec_command": None,
                "error": done.error.msg if done.error else None,
            }
            for done in mine
        ] or [
            {
                **pod_result(target),
                "action": "none",
                "changed": False,
                "debugger": None,
                "entry": None,
                "exec_command": None,
                "error": None,
            }
        ]
    return results


def _stop_diff(done: Stopped) -> dict[str, Any]:
    header = f"{done.target.ref} {done.entry.name}"
    return {
        "before_header": header,
        "after_header": header,
        "before": {"state": "running"},
        "after": {"state": done.entry.state},
    }


EPHEMERAL_CONTAINER = UseCase(
    name="ephemeral_container",
    spec=_SPEC,
    run=_run,
)
