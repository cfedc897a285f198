# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Agents on many pods: in which mode, used again or made, waited for, and ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import (
    AgentOptions,
    ModeOptions,
    NamespaceKind,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.session import (
    MIN_REMAINING,
    Session,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._options import WaitOptions
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat, Target

__all__ = [
    "SCRATCH",
    "Agent",
    "AgentPlan",
    "Closed",
    "close_agents",
    "enter_argv",
    "open_agents",
]

SCRATCH = "/kubedebug"
"""Where the Job's scratch volume is mounted."""

AgentMode: TypeAlias = Literal["ephemeral", "job"]
Action: TypeAlias = Literal["created", "reused", "planned", "failed"]


@dataclass(frozen=True, kw_only=True)
class AgentPlan:
    """What to open beside each target, where, and how far to go.

    ``fallback_capabilities`` are those that the work can do with in an ephemeral container where
    the options' are refused (mode auto only); ``execs`` says that commands will be run in the seat,
    so that the right to it is asked for before anything is made.
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


@dataclass(frozen=True, kw_only=True)
class Agent:
    """An agent beside one target, or why there is none.

    ``pid`` is the target's first process as seen from the seat; None where nothing needed to know.
    ``name`` is the Job's or the entry's, ``uid`` the Job's. ``scratch`` is a folder in the seat for
    large files, None where there is but the container's own layer. ``reasons`` tell why this mode.
    """

    target: Target
    mode: AgentMode
    action: Action
    seat: Seat | None = None
    pid: int | None = None
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


@dataclass(frozen=True, kw_only=True)
class Closed:
    """An agent that was ended, or why it was not; ``changed`` is False for one gone before."""

    agent: Agent
    changed: bool
    error: DebugError | None = None


def open_agents(client: Client, targets: Sequence[Target], plan: AgentPlan) -> list[Agent]:
    """Have an agent of the plan's identity beside each target; the order is that of *targets*.

    A failure of one target is its agent's ``error``. Raises DebugError where a preflight check
    refuses all of them: then nothing was made.
    """
    raise NotImplementedError


def close_agents(
    client: Client,
    agents: Sequence[Agent],
    *,
    timeout: float,
    concurrency: int = 16,
    grace: int = 5,
    check_mode: bool = False,
) -> list[Closed]:
    """End each agent and see that it is gone: a Job is deleted, a debugger is signalled.

    *timeout* bounds the waiting, *grace* is between the two signals, both in seconds.
    """
    raise NotImplementedError


def enter_argv(agent: Agent, namespaces: Sequence[NamespaceKind]) -> tuple[str, ...]:
    """What to put before an argv in the agent's seat, so that it runs in the target's *namespaces*.

    Empty where the seat shares them already.
    """
    raise NotImplementedError
