# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The debugger of a host is found or opened, ended, or refused: what few tasks come to."""

from __future__ import annotations

import time
from collections.abc import Callable

from ansible_collections.kubedebug.core.plugins.module_utils._connection.memory import Known
from ansible_collections.kubedebug.core.plugins.module_utils._connection.place import Place
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import entries
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.preflight import (
    exec_rules,
    exec_rules_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.session import (
    MIN_REMAINING,
    Plan,
    open_sessions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.stopping import (
    stop_debuggers,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import (
    missing_rules,
    whoami,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    Forbidden,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import TargetOptions
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import (
    Refused,
    missing_text,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.targets import resolve

__all__ = ["end_debugger", "explained", "open_debugger"]

# A run begins with a debugger that stays for a while: what its tasks put there goes with it.
_FRESH = 300.0
_FRESH_PART = 0.5
_GRACE = 5


def open_debugger(
    client: Client,
    place: Place,
    *,
    renewed: bool,
    say: Callable[[str], None],
    warn: Callable[[str], None],
) -> Known:
    """Find the pod's debugger of this description, or add one; it is running then.

    *renewed* is for a run that has had another one. Raises DebugError.
    """
    options = place.options
    targets = resolve(client, _targets(place)).targets
    fresh = min(_FRESH, options.lifetime * _FRESH_PART)
    plan = Plan(
        options=options,
        owner=options.owner or whoami(client),
        wait=place.wait,
        concurrency=1,
        needed=exec_rules_of(targets),
        min_remaining=MIN_REMAINING if renewed else max(MIN_REMAINING, fresh),
    )
    (session,) = open_sessions(client, targets, plan)
    for warning in session.warnings:
        warn(warning)
    if session.error is not None:
        raise session.error
    say(f"debugger {session.debugger} of {session.target.ref}: {session.action}")
    expires = session.entry.expires_at if session.entry is not None else None
    left = options.lifetime if expires is None else expires - client.server_time()
    return Known(
        namespace=session.target.namespace,
        pod=session.target.name,
        container=str(session.debugger),
        ends=time.monotonic() + left,
        made=session.action == "created",
    )


def end_debugger(client: Client, place: Place, known: Known, *, say: Callable[[str], None]) -> None:
    """Stop a debugger and see that it has ended; raises DebugError."""
    running = [
        (target, entry)
        for target in resolve(client, _targets(place), need_running=False).targets
        for entry in entries(target.pod)
        if entry.name == known.container and entry.state == "running"
    ]
    for stopped in stop_debuggers(
        client, running, grace=_GRACE, timeout=place.wait.timeout, concurrency=1
    ):
        if stopped.error is not None:
            raise stopped.error
        say(f"debugger {stopped.entry.name} has ended")


def explained(client: Client, seat: Seat, error: Forbidden) -> DebugError:
    """The refusal of a command, by the rules of RBAC that are missing for it."""
    missing = missing_rules(client, exec_rules(seat.namespace, seat.pod))
    return Refused(missing_text(missing)) if missing else error


def _targets(place: Place) -> TargetOptions:
    return TargetOptions(
        namespace=place.namespace,
        name=(place.pod,),
        container=place.container,
        max_pods=1,
        concurrency=1,
    )
