# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The use case of ``pod_namespaces_info``: what the debugger and the target of each pod share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral import preflight
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.results import (
    pod_result,
    raise_failures,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.running import (
    Command,
    run_in_sessions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.session import Session
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._namespaces.choice import (
    Viewpoint,
    choose_debugger,
)
from ansible_collections.kubedebug.core.plugins.module_utils._namespaces.reading import (
    Reading,
    ReadingError,
    parse,
    script_argv,
)
from ansible_collections.kubedebug.core.plugins.module_utils._namespaces.table import (
    Row,
    Sight,
    build_table,
    why_unread,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    SELECT_SPEC,
    TARGET_SPEC,
    OptionError,
    Spec,
    TargetOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import require
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import pid_shared_by_all
from ansible_collections.kubedebug.core.plugins.module_utils._pods.targets import resolve
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
    open_client,
)

__all__ = ["POD_NAMESPACES_INFO"]

_SPEC = Spec.compose(SELECT_SPEC, TARGET_SPEC, {"debugger": {"type": "str"}})

_TIMEOUT = 30
_MOST_OUTPUT = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What was found out about one pod."""

    target: Target
    viewpoint: Viewpoint | None = None
    reading: Reading | None = None
    rows: tuple[Row, ...] = ()
    note: str | None = None
    error: DebugError | None = None


def _run(params: Params, context: Context) -> Result:
    options = TargetOptions.from_params(params)
    with open_client(params, context) as client:
        chosen = resolve(client, options)
        views = [_viewpoint(target, params["debugger"] or None) for target in chosen.targets]
        _require(client, [seen for seen in views if seen.viewpoint is not None])
        outcomes = fan_out(lambda seen: _look(client, seen), views, limit=options.concurrency)
    found = [
        outcome.value
        if outcome.value is not None
        else _Seen(target=seen.target, viewpoint=seen.viewpoint, error=outcome.error)
        for seen, outcome in zip(views, outcomes, strict=True)
    ]
    result = Result(data={"pods": [_pod_result(seen) for seen in found]}, warnings=chosen.warnings)
    raise_failures([seen.error for seen in found], result, what="Looking at the namespaces")
    return result


def _viewpoint(target: Target, name: str | None) -> _Seen:
    try:
        return _Seen(target=target, viewpoint=choose_debugger(target, name))
    except OptionError as error:
        return _Seen(target=target, error=error)


def _require(client: Client, seen: Sequence[_Seen]) -> None:
    require(client, preflight.exec_rules_of([each.target for each in seen]))


def _look(client: Client, seen: _Seen) -> _Seen:
    target, viewpoint = seen.target, seen.viewpoint
    if viewpoint is None:
        return seen
    session = Session(
        target=target, action="reused", debugger=viewpoint.name, entry=viewpoint.entry
    )
    joined = viewpoint.joined == target.container and not pid_shared_by_all(target.pod)
    command = Command(
        argv=script_argv(container_id=target.container_id, first=joined),
        timeout=_TIMEOUT,
        max_output=_MOST_OUTPUT,
    )
    (ran,) = run_in_sessions(client, [session], command, concurrency=1)
    if ran.result is None or ran.error is not None:
        return _Seen(target=target, viewpoint=viewpoint, error=ran.error)
    try:
        reading = parse(ran.result.stdout)
    except ReadingError as error:
        text = f"{target.ref}: debugger {viewpoint.name}: {error.msg}"
        return _Seen(target=target, viewpoint=viewpoint, error=ReadingError(text))
    sight = Sight(
        pod=target.pod,
        container=target.container,
        joined=viewpoint.joined,
        reading=reading,
        problem=target.container_problem,
    )
    return _Seen(
        target=target,
        viewpoint=viewpoint,
        reading=reading,
        rows=tuple(build_table(sight)),
        note=why_unread(sight),
    )


def _pod_result(seen: _Seen) -> dict[str, Any]:
    reading, viewpoint = seen.reading, seen.viewpoint
    return {
        **pod_result(seen.target),
        "debugger": viewpoint.name if viewpoint is not None else None,
        "target_container": viewpoint.joined if viewpoint is not None else None,
        "process_visible": reading is not None and reading.target_pid is not None,
        "target_pid": reading.target_pid if reading is not None else None,
        "namespaces": [row.as_dict() for row in seen.rows],
        "note": seen.note,
        "error": seen.error.msg if seen.error is not None else None,
    }


POD_NAMESPACES_INFO = UseCase(name="pod_namespaces_info", spec=_SPEC, run=_run)
