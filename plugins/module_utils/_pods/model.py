# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What a task's selection comes to: the targets, and the pods that were left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError

__all__ = [
    "Resolution",
    "Seat",
    "Skipped",
    "Target",
    "TargetError",
    "listing",
    "pod_path",
    "ref_of",
]

_MOST_NAMES = 5


class TargetError(DebugError):
    """The selection of a task does not come to pods that can be worked on."""


def pod_path(namespace: str, name: str) -> str:
    """The API path of a pod; the names are quoted, since they come from a task."""
    return f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(name, safe='')}"


def ref_of(pod: Mapping[str, Any]) -> str:
    """``namespace/name`` of a raw pod."""
    metadata = pod["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


def listing(items: Sequence[str], *, most: int = _MOST_NAMES) -> str:
    """The first *most* items as text, and how many more there are."""
    shown = ", ".join(items[:most])
    return f"{shown} and {len(items) - most} more" if len(items) > most else shown


@dataclass(frozen=True, kw_only=True)
class Target:
    """A pod and the container of it that a task means, as they were when they were read.

    ``container_id`` and ``runtime`` are the two sides of the kubelet's
    ``containerd://<id>``; both are "" while the container has never been started.
    ``container_problem`` is why processes of the container cannot be looked at (it waits or has
    ended), or None.
    """

    namespace: str
    name: str
    uid: str
    node: str
    container: str
    container_id: str = ""
    runtime: str = ""
    container_problem: str | None = None
    pod: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def ref(self) -> str:
        """The name for messages."""
        return f"{self.namespace}/{self.name}"

    @property
    def path(self) -> str:
        """The API path."""
        return pod_path(self.namespace, self.name)


@dataclass(frozen=True, kw_only=True)
class Seat:
    """A running container that commands are run in: a debugger in the target's own pod, or an
    agent in a pod of its own.
    """

    namespace: str
    pod: str
    container: str

    @property
    def ref(self) -> str:
        """The name for messages."""
        return f"{self.namespace}/{self.pod}, container {self.container}"


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A pod that the selection matches, and why nothing is done with it."""

    namespace: str
    name: str
    reason: str

    @property
    def ref(self) -> str:
        """The name for messages."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """The targets in the order of namespace and name, and the matching pods that are none."""

    targets: list[Target]
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should hear about pods that were left out: one text, or none."""
        if not self.skipped:
            return ()
        reasons = [f"{pod.ref}: {pod.reason}" for pod in self.skipped]
        count = f"{len(reasons)} matching pods were" if len(reasons) > 1 else "1 matching pod was"
        return (f"{count} left out: {listing(reasons)}.",)
