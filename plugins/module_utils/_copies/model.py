# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""A pod that is made to debug with, from the draft to what became of it; pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._copies.spec import MARKS
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._options import WaitOptions
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import pod_path
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import (
    epoch,
    is_deleting,
    is_finished,
)

__all__ = ["Action", "Made", "MadeFailed", "MadePlan", "as_made", "is_reusable", "label", "mark"]

Action: TypeAlias = Literal["created", "reused", "planned", "deleted", "none", "failed"]

# One that ends within this many seconds is not worth starting work in.
_MIN_REMAINING = 15.0


class MadeFailed(DebugError):
    """A pod that was made did not come to run, or could not be made or deleted."""


@dataclass(frozen=True, kw_only=True)
class MadePlan:
    """How far a task goes; ``role`` is the label's value of what it makes."""

    role: str
    owner: str
    profile: str
    wait: WaitOptions
    check_mode: bool
    concurrency: int


@dataclass(frozen=True, kw_only=True)
class Made:
    """One pod; ``subject`` is what it was made for, ``container`` the one that has to run.

    ``added`` is the body where one is to be made, ``pod`` what was seen of it last. ``replaced``
    says that the pod which it is a copy of was deleted, or would be.
    """

    subject: str
    namespace: str
    name: str
    container: str
    action: Action
    node: str = ""
    uid: str = ""
    added: Mapping[str, Any] | None = field(default=None, repr=False)
    pod: Mapping[str, Any] | None = field(default=None, repr=False)
    warnings: tuple[str, ...] = ()
    error: DebugError | None = None
    replaced: bool = False

    @property
    def ref(self) -> str:
        """The name for messages."""
        return f"{self.namespace}/{self.name}"

    @property
    def path(self) -> str:
        """The API path."""
        return pod_path(self.namespace, self.name)

    @property
    def changed(self) -> bool:
        """Whether the cluster is another one after the task, or would be."""
        return self.added is not None or self.action == "deleted" or self.replaced


def mark(pod: Mapping[str, Any], name: str) -> str:
    """One of the collection's annotations. Anybody who may change pods can write it."""
    return str((pod["metadata"].get("annotations") or {}).get(f"{MARKS}{name}") or "")


def label(pod: Mapping[str, Any], name: str) -> str:
    """One of the collection's labels."""
    return str((pod["metadata"].get("labels") or {}).get(f"{MARKS}{name}") or "")


def is_reusable(pod: Mapping[str, Any], identity: str, *, now: float) -> bool:
    """Whether a pod is of that identity, has not ended, and stays for a while."""
    expires = epoch(mark(pod, "expires-at"))
    return (
        label(pod, "identity") == identity
        and not is_finished(pod)
        and not is_deleting(pod)
        and (expires is None or expires - now >= _MIN_REMAINING)
    )


def as_made(pod: Mapping[str, Any], *, container: str | None = None, action: Action) -> Made:
    """A pod that is there; *container* is its first where none is meant."""
    metadata = pod["metadata"]
    return Made(
        subject=mark(pod, "target"),
        namespace=metadata["namespace"],
        name=metadata["name"],
        container=container or str(pod["spec"]["containers"][0]["name"]),
        action=action,
        node=str(pod["spec"].get("nodeName") or ""),
        uid=metadata["uid"],
        pod=pod,
    )
