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
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import (
    Entry,
    entries,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.extending import staying
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
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.waiting import (
    wait_for_entries,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import (
    missing_rules,
    whoami,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    Forbidden,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.exec import run
from ansible_collections.kubedebug.core.plugins.module_utils._options import TargetOptions
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import (
    Seat,
    Target,
    TargetError,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import (
    Refused,
    missing_text,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import is_deleting
from ansible_collections.kubedebug.core.plugins.module_utils._pods.targets import resolve

__all__ = ["end_debugger", "ended", "explained", "extension", "open_debugger"]

# A run begins with a debugger that stays for a while: what its tasks put there goes with it.
_FRESH = 300.0
_FRESH_PART = 0.5
_GRACE = 5
# Seconds within which a pod tells that a container of it has ended.
_NEWS = 5.0
_NEWS_OF_ITS_TIME = 60.0
_ANSWER = 15.0


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
    running = [pair for pair in _found(client, place, known) if pair[1].state == "running"]
    for stopped in stop_debuggers(
        client, running, grace=_GRACE, timeout=place.wait.timeout, concurrency=1
    ):
        if stopped.error is not None:
            raise stopped.error
        say(f"debugger {stopped.entry.name} has ended")


def extension(client: Client, place: Place, known: Known) -> float:
    """For how many seconds a debugger that should be over stays, as somebody has extended it.

    0 where nobody has. Raises DebugError.
    """
    for target, entry in _found(client, place, known):
        if entry.state == "running":
            stays = staying(client, target, entry, seconds=MIN_REMAINING)
            if stays is not None and stays.expires_at is not None:
                return stays.expires_at - client.server_time()
    return 0.0


def ended(client: Client, place: Place, known: Known) -> str | None:
    """How a debugger has ended, in words; None where it runs on, or nobody can tell."""
    over = known.remaining is not None and known.remaining <= _GRACE
    try:
        found = _found(client, place, known)
        if any(is_deleting(target.pod) for target, _entry in found):
            return "the pod is deleted"
        # Its commands end a little before it does, and the pod tells of that a little later.
        pairs = [(target, entry.name) for target, entry in found]
        timeout = _NEWS_OF_ITS_TIME if over else _NEWS
        seen = wait_for_entries(client, pairs, goal="stopped", timeout=timeout, concurrency=1)
    except TargetError:
        return "the pod is gone"
    except DebugError:
        return None
    for waited in seen:
        if waited.done and waited.entry is None:
            return "the pod is deleted"
        if waited.entry is not None and waited.entry.state == "finished":
            if over:
                return "its lifetime is over; raise kubedebug_lifetime"
            return f"its end came from outside, with exit code {waited.entry.exit_code}"
    return None if _answers(client, known) else "its end came from outside"


def _answers(client: Client, known: Known) -> bool:
    """Whether a debugger runs that the pod does not tell of as ended; a busy node is late."""
    try:
        run(
            client,
            namespace=known.namespace,
            pod=known.pod,
            container=known.container,
            argv=["sh", "-c", ":"],
            timeout=_ANSWER,
            max_output=4096,
        )
    except NotFound:
        return False
    except DebugError:
        # It is the way there that fails, which says nothing of the debugger.
        return True
    return True


def _found(client: Client, place: Place, known: Known) -> list[tuple[Target, Entry]]:
    return [
        (target, entry)
        for target in resolve(client, _targets(place), need_running=False).targets
        for entry in entries(target.pod)
        if entry.name == known.container
    ]


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
