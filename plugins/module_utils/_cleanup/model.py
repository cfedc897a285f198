# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What a cleanup finds, what it knows of the workloads, and what it decides; pure data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import (
    Entry,
    State,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean

__all__ = [
    "KINDS",
    "Action",
    "Budget",
    "Decision",
    "Facts",
    "Finding",
    "Host",
    "Kind",
    "Outcome",
    "Owner",
    "Status",
    "Workload",
    "owner_of",
]

# The names of the modules that make them.
Kind: TypeAlias = Literal["ephemeral_container", "agent_job", "node_debugger", "pod_copy"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Action: TypeAlias = Literal["none", "stop", "recycle", "delete"]
Status: TypeAlias = Literal["kept", "planned", "done", "gone", "left", "failed"]

_NAME_LIMIT = 253


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The controller of a pod, as the pod names it."""

    kind: str
    name: str
    uid: str

    @property
    def ref(self) -> str:
        """The name for messages."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Host:
    """The pod that has ephemeral entries: what decides whether it may be replaced."""

    owner: Owner | None
    static: bool
    phase: str
    ready: bool
    labels: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that debugging left behind, or that is still in use.

    ``entry`` is the ephemeral entry; ``name`` is then that of its pod. ``leaving`` says that the
    pod or Job is being deleted already. Times are in seconds since 1970. Owner, reason and ticket
    come from marks, which anybody who may write the object can set: they inform, and authorize
    nothing.
    """

    kind: Kind
    namespace: str
    name: str
    uid: str
    version: str = field(default="", compare=False)
    container: str | None = None
    image: str
    state: State
    stuck: str = ""
    leaving: bool = False
    exit_code: int | None = None
    tool: str
    managed: bool
    identity: str | None = None
    owner: str | None = None
    reason_given: str | None = None
    ticket: str | None = None
    node: str | None = None
    started: float | None = None
    finished: float | None = None
    expires: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict, repr=False)
    host: Host | None = None
    entry: Entry | None = field(default=None, repr=False)

    @property
    def ref(self) -> str:
        """The name for messages."""
        if self.container is not None:
            return f"{self.namespace}/{self.name}, container {self.container}"
        what = "job" if self.kind == "agent_job" else "pod"
        return f"{what} {self.namespace}/{self.name}"

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """The order of results, and what tells one finding from another."""
        return (self.namespace, self.name, self.kind, self.container or "", self.uid)


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What owns a pod, or the deployment behind that, as the API has it now.

    ``wanted`` and ``ready`` count pods, and say nothing where ``counted`` is False, as of a kind
    that only its own operator knows; ``missing`` is an owner that is gone, ``busy`` says why it
    must not be touched at present.
    """

    kind: str
    name: str
    uid: str
    version: str = ""
    wanted: int = 0
    ready: int = 0
    selector: str | None = None
    busy: str = ""
    top: Workload | None = None
    missing: bool = False
    counted: bool = True

    @property
    def ref(self) -> str:
        """The name for messages."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A PodDisruptionBudget."""

    namespace: str
    name: str
    selector: Mapping[str, Any] | None
    allowed: int
    healthy: int
    desired: int
    evict_unready: bool = False


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of the workloads and budgets around the findings.

    ``unknown`` is why they could not be looked at, which is an answer in a report only.
    ``crowded`` are UIDs of top workloads one of whose pods, also one without a finding, has a
    debugger that is in use, with its name.
    """

    workloads: Mapping[str, Workload] = field(default_factory=dict)
    budgets: Sequence[Budget] = ()
    crowded: Mapping[str, str] = field(default_factory=dict)
    unknown: str = ""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What is to be done about a finding, and why; ``code`` is for programs."""

    finding: Finding
    action: Action
    code: str
    why: str
    possible: Action = "none"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a decision; ``evidence`` is the folder where it was saved.

    ``acted`` is a failure after something had been removed.
    """

    decision: Decision
    status: Status
    note: str = ""
    error: str | None = None
    evidence: str | None = None
    acted: bool = False

    @property
    def changed(self) -> bool:
        """Whether something was done, or would be."""
        return self.acted or self.status in ("planned", "done")


def owner_of(item: Mapping[str, Any]) -> Owner | None:
    """The controller that an object names, in any text that its author liked."""
    for each in item["metadata"].get("ownerReferences") or []:
        if each.get("controller"):
            kind, name = (clean(str(each[key]), limit=_NAME_LIMIT) for key in ("kind", "name"))
            return Owner(kind=kind, name=name, uid=str(each["uid"]))
    return None
