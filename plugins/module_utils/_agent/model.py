# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What is asked for, and what came of it: the plan of a task and its agents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import (
    AgentOptions,
    ModeOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.session import (
    MIN_REMAINING,
    Session,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._options import WaitOptions
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat, Target

__all__ = ["Action", "Agent", "AgentFailed", "AgentMode", "AgentPlan", "Closed"]

AgentMode: TypeAlias = Literal["ephemeral", "job"]
Action: TypeAlias = Literal["created", "reused", "planned", "failed"]


class AgentFailed(DebugError):
    """An agent did not come to what was waited for; the reason is the cluster's, or its own."""


@dataclass(frozen=True, kw_only=True)
class AgentPlan:
    """What to open beside each target, where, and how far to go.

    ``fallback_capabilities`` are those that the work can do with in an ephemeral container where
    the options' are refused (mode auto only); ``execs`` says that commands will be run in the seat,
    so that the right to it is asked for before anything is made. An agent that runs already is
    used again only if it stays for ``min_remaining`` seconds. ``offers_copy`` says that a copy of
    the target could do for the work, so that a refusal of both modes shows how to make one.
    """

    options: AgentOptions
    mode: ModeOptions
    owner: str
    wait: WaitOptions = field(default_factory=WaitOptions)
    check_mode: bool = False
    concurrency: int = 16
    label_selectors: tuple[str, ...] = ()
    min_remaining: float = MIN_REMAINING
    fallback_capabilities: tuple[str, ...] | None = None
    execs: bool = False
    offers_copy: bool = False

    def namespace_of(self, target: Target) -> str:
        """Where the Job for *target* lives."""
        return self.mode.agent_namespace or target.namespace


@dataclass(frozen=True, kw_only=True)
class Agent:
    """An agent beside one target, or why there is none.

    ``pid`` is the target's first process as seen from the seat; None where nothing needed to know.
    ``name`` is the Job's or the entry's, ``uid`` the Job's. ``scratch`` is a folder in the seat for
    large files, None where there is but the container's own layer. ``reasons`` tell why this mode.
    ``socket`` is the runtime's, as a path in the seat. ``expires_at`` is in seconds since 1970.
    """

    target: Target
    mode: AgentMode
    action: Action
    seat: Seat | None = None
    pid: int | None = None
    socket: str | None = None
    reasons: tuple[str, ...] = ()
    name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    scratch: str | None = None
    expires_at: float | None = None
    warnings: tuple[str, ...] = ()
    added: Mapping[str, Any] | None = None
    error: DebugError | None = None
    session: Session | None = None

    @property
    def changed(self) -> bool:
        """True where something was added to the cluster, also what then failed to start."""
        return self.added is not None

    @property
    def ref(self) -> str:
        """The target and the agent, for messages."""
        return f"{self.target.ref}: agent {self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Closed:
    """An agent that was ended, or why it was not; ``changed`` is False for one gone before."""

    agent: Agent
    changed: bool
    error: DebugError | None = None
