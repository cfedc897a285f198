# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Debuggers on many pods: reuse or patch, then wait, each bounded and each with its reason."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral import preflight, spec
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import (
    Entry,
    entries,
    find_overdue,
    find_reusable,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.extending import staying
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.waiting import (
    Goal,
    Waited,
    wait_for_entries,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import Rule
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    Invalid,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    DebuggerOptions,
    WaitOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import require

__all__ = ["MIN_REMAINING", "Plan", "Session", "open_sessions"]

# A debugger that ends within this many seconds is not worth starting work in.
MIN_REMAINING = 15.0
# Another controller may win the race for a name each time; more than this is not a race.
_MOST_RACES = 5


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to open on each target, and how far to go.

    A running debugger is used again only if it stays for ``min_remaining`` seconds. ``needed`` are
    the rules of RBAC that the work in a debugger takes, besides those for opening one. Where what
    the debugger runs depends on its target, ``for_target`` gives the options, and ``options`` is
    for messages.
    """

    options: DebuggerOptions
    owner: str
    wait: WaitOptions
    goal: Goal = "running"
    check_mode: bool = False
    concurrency: int = 16
    label_selectors: tuple[str, ...] = ()
    min_remaining: float = MIN_REMAINING
    needed: tuple[Rule, ...] = ()
    for_target: Callable[[Target], DebuggerOptions] | None = None

    def options_of(self, target: Target) -> DebuggerOptions:
        """What to open on *target*."""
        return self.options if self.for_target is None else self.for_target(target)


@dataclass(frozen=True, kw_only=True)
class Session:
    """A debugger on one pod, or why there is none.

    ``overdue`` is one of the same identity that should be over by now, and runs.
    """

    target: Target
    action: Literal["created", "reused", "planned", "failed"]
    debugger: str | None = None
    entry: Entry | None = None
    added: Mapping[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    error: DebugError | None = None
    overdue: Entry | None = None

    @property
    def changed(self) -> bool:
        """True where an entry was added, also one that then failed to start: it stays."""
        return self.added is not None


def open_sessions(client: Client, targets: Sequence[Target], plan: Plan) -> list[Session]:
    """Give each target a debugger of the plan's identity; the order is that of *targets*.

    Raises DebugError when a preflight check refuses: then no pod was patched.
    """
    now = client.server_time()
    drafts = _spared(client, [_draft(target, plan, now) for target in targets], plan)
    fresh = [draft for draft in drafts if draft.added is not None]
    if fresh:
        require(client, plan.needed)
        preflight.check(
            client,
            [preflight.Proposal(draft.target, dict(draft.added or {})) for draft in fresh],
            plan.options,
            every_pod=plan.check_mode,
            concurrency=plan.concurrency,
        )
    if plan.check_mode:
        return [
            replace(draft, action="planned") if draft.added is not None else draft
            for draft in drafts
        ]
    opened = fan_out(lambda draft: _patch(client, draft, plan), drafts, limit=plan.concurrency)
    sessions = [
        outcome.unwrap()
        if outcome.ok
        else replace(draft, action="failed", added=None, error=outcome.error)
        for draft, outcome in zip(drafts, opened, strict=True)
    ]
    return _await(client, sessions, plan) if plan.wait.wait else sessions


def _draft(target: Target, plan: Plan, now: float) -> Session:
    """Decide, from the pod as it was read, between a running debugger and a new entry."""
    options = plan.options_of(target)
    identity = spec.identity(options, owner=plan.owner, container=target.container)
    overdue = None
    if plan.goal == "running":
        left = {"now": now, "min_remaining": plan.min_remaining}
        found = find_reusable(target.pod, identity, **left)
        if found is not None:
            return Session(target=target, action="reused", debugger=found.name, entry=found)
        overdue = find_overdue(target.pod, identity, **left)
    if options.target_container and target.container_problem is not None:
        # The runtime would refuse to join its process namespace, and the entry would stay for ever.
        return Session(target=target, action="failed", error=_no_target(target))
    names = [entry.name for entry in entries(target.pod)]
    name = spec.entry_name(identity, names)
    built = spec.build_entry(
        options, target, name=name, identity=identity, owner=plan.owner, now=now
    )
    return Session(
        target=target,
        action="created",
        debugger=name,
        added=built.entry,
        warnings=tuple(f"{target.ref}: {warning}" for warning in built.warnings),
        overdue=overdue,
    )


def _spared(client: Client, drafts: list[Session], plan: Plan) -> list[Session]:
    """The drafts, less the new entries whose like still runs, since somebody has extended it."""

    def ask(draft: Session, overdue: Entry) -> Session:
        stays = staying(client, draft.target, overdue, seconds=plan.min_remaining)
        if stays is None:
            return draft
        return Session(target=draft.target, action="reused", debugger=stays.name, entry=stays)

    asked = [(draft, draft.overdue) for draft in drafts if draft.overdue is not None]
    answers = fan_out(lambda pair: ask(*pair), asked, limit=plan.concurrency)
    after = {id(pair[0]): answer.unwrap() for pair, answer in zip(asked, answers, strict=True)}
    return [after.get(id(draft), draft) for draft in drafts]


def _no_target(target: Target) -> DebugError:
    return DebugError(
        f"{target.ref}: a debugger cannot join the target's process namespace: "
        f"{target.container_problem}. Set target_container=false for a debugger with a process "
        "namespace of its own, or choose another container."
    )


def _patch(client: Client, draft: Session, plan: Plan) -> Session:
    """Send the entry; where another run has taken the name meanwhile, look again."""
    for _race in range(_MOST_RACES):
        if draft.added is None:
            return draft
        try:
            pod = client.patch(
                f"{draft.target.path}/ephemeralcontainers",
                spec.patch_body([spec.stamped(draft.added, secrets.token_hex(4))]),
                params={"fieldManager": "kubedebug.core"},
            )
        except Invalid as error:
            if "may not be" not in error.message:
                raise preflight.explain(client, draft.target, plan.options, error) from error
            fresh = replace(draft.target, pod=client.get(draft.target.path))
            draft = _draft(fresh, plan, client.server_time())
        except DebugError as error:
            raise preflight.explain(client, draft.target, plan.options, error) from error
        else:
            return replace(draft, entry=_named(pod, draft.debugger))
    raise DebugError(
        f"{draft.target.ref}: other runs took the name of the debugger {_MOST_RACES} times in a "
        "row. Run the task again when they have ended."
    )


def _named(pod: Mapping[str, Any], name: str | None) -> Entry | None:
    return next((entry for entry in entries(pod) if entry.name == name), None)


def _await(client: Client, sessions: list[Session], plan: Plan) -> list[Session]:
    waiting = [
        session for session in sessions if session.error is None and not _is_there(session, plan)
    ]
    waited = wait_for_entries(
        client,
        [(session.target, str(session.debugger)) for session in waiting],
        goal=plan.goal,
        timeout=plan.wait.timeout,
        concurrency=plan.concurrency,
        label_selectors=plan.label_selectors,
    )
    results: dict[int, Waited] = {
        id(session): result for session, result in zip(waiting, waited, strict=True)
    }
    return [_settled(session, results.get(id(session))) for session in sessions]


def _is_there(session: Session, plan: Plan) -> bool:
    """Whether the pod, as it was read for this task, has the debugger running already.

    A watch would cost another connection and two requests, to see the same again.
    """
    entry = session.entry
    return (
        session.action == "reused"
        and plan.goal == "running"
        and entry is not None
        and entry.state == "running"
    )


def _settled(session: Session, waited: Waited | None) -> Session:
    if waited is None:
        return session
    if waited.error is None:
        return replace(session, entry=waited.entry)
    return replace(
        session, action="failed", entry=waited.entry or session.entry, error=waited.error
    )
