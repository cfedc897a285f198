# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What a raw pod says about itself: predicates with their reasons, pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean

__all__ = [
    "MIRROR_ANNOTATION",
    "container_identity",
    "container_problem",
    "epoch",
    "is_deleting",
    "is_finished",
    "is_running",
    "is_static",
    "is_windows",
    "pid_shared_by_all",
    "pod_problem",
    "rfc3339",
]

# The kubelet sets it on the API's image of a pod that comes from a file of the node.
# Source: k8s.io/api/core/v1/annotation_key_constants.go (MirrorPodAnnotationKey)
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"

_OS_LABEL = "kubernetes.io/os"
_SCHEME = re.compile(r"^([a-z0-9.+-]+)://(.+)$")
# Waiting states that every container passes through: they tell nothing of what is wrong.
_ORDINARY_WAITS = frozenset({"ContainerCreating", "PodInitializing"})


def epoch(timestamp: str | None) -> float | None:
    """Seconds since 1970 of an RFC 3339 time of the API; None for none or another format."""
    if not timestamp:
        return None
    try:
        parsed = datetime.fromisoformat(timestamp)
    except ValueError:
        return None
    return parsed.timestamp() if parsed.tzinfo is not None else None


def rfc3339(at: float | None) -> str | None:
    """A time as the API writes it, in UTC; None for none."""
    if at is None:
        return None
    try:
        return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        # Anybody can write a mark with a year that no calendar has.
        return None


def pid_shared_by_all(pod: Mapping[str, Any]) -> bool:
    """Whether the pod's specification gives all of its containers one process namespace."""
    spec = pod.get("spec") or {}
    return bool(spec.get("shareProcessNamespace") or spec.get("hostPID"))


def _phase(pod: Mapping[str, Any]) -> str:
    return str(_status(pod).get("phase") or "Unknown")


def _status(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    status: Mapping[str, Any] = pod.get("status") or {}
    return status


def is_running(pod: Mapping[str, Any]) -> bool:
    """Whether the pod is up and stays up, as far as the API knows."""
    return _phase(pod) == "Running" and not is_deleting(pod)


def is_finished(pod: Mapping[str, Any]) -> bool:
    """Whether all containers have ended for good."""
    return _phase(pod) in ("Succeeded", "Failed")


def is_deleting(pod: Mapping[str, Any]) -> bool:
    """Whether somebody has asked for the pod to go."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def is_static(pod: Mapping[str, Any]) -> bool:
    """Whether the pod comes from a file of its node, so that the API cannot change it."""
    return MIRROR_ANNOTATION in (pod["metadata"].get("annotations") or {})


def is_windows(pod: Mapping[str, Any]) -> bool:
    """Whether the pod declares that it runs on Windows."""
    spec = pod.get("spec") or {}
    declared = (spec.get("os") or {}).get("name") or (spec.get("nodeSelector") or {}).get(_OS_LABEL)
    return declared == "windows"


def pod_problem(pod: Mapping[str, Any]) -> str | None:
    """Why no debugger can work in this pod now, as a clause about "the pod"; None if one can."""
    if is_deleting(pod):
        return f"the pod is being deleted (since {pod['metadata']['deletionTimestamp']})"
    if is_finished(pod):
        return f"the pod has finished ({_phase(pod)}{_why_finished(pod)})"
    if is_static(pod):
        return (
            "the pod is static (it comes from a file of its node), and the API allows no ephemeral "
            "containers there; debug its node instead"
        )
    if is_windows(pod):
        return "the pod runs on Windows, and debuggers are made for Linux"
    if not is_running(pod):
        return f"the pod is not running ({_phase(pod)}{_why_waiting(pod)})"
    return None


def _joined(reason: Any, message: Any) -> str:
    parts = [part for part in (clean(str(reason or "")), clean(str(message or ""))) if part]
    return f": {': '.join(parts)}" if parts else ""


def _why_finished(pod: Mapping[str, Any]) -> str:
    status = _status(pod)
    if status.get("reason") or status.get("message"):
        return _joined(status.get("reason"), status.get("message"))
    for container in status.get("containerStatuses") or []:
        ended = (container.get("state") or {}).get("terminated")
        if ended and ended.get("exitCode"):
            text = f"exit code {ended['exitCode']}"
            return f": container {container['name']}{_joined(ended.get('reason'), text)}"
    return ""


def _why_waiting(pod: Mapping[str, Any]) -> str:
    """The first cause in the order of a pod's life: scheduling, init containers, containers."""
    status = _status(pod)
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return _joined(condition.get("reason"), condition.get("message"))
    ordinary = ""
    for name, state in _states(status):
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        if ended.get("exitCode"):
            code = f"exit code {ended['exitCode']}"
            return f": container {name}{_joined(ended.get('reason'), code)}"
        if waiting.get("reason") in _ORDINARY_WAITS:
            ordinary = ordinary or _joined(waiting.get("reason"), "")
        elif waiting.get("reason"):
            return f": container {name}{_joined(waiting['reason'], waiting.get('message'))}"
    return _joined(status.get("reason"), status.get("message")) or ordinary


def _states(status: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind) or []:
            yield container["name"], container.get("state") or {}


def _container_status(pod: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    status = _status(pod)
    for kind in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for container in status.get(kind) or []:
            if container["name"] == name:
                found: Mapping[str, Any] = container
                return found
    return {}


def container_identity(pod: Mapping[str, Any], name: str) -> tuple[str, str]:
    """The runtime and the container ID, from ``containerd://<id>``; ("", "") before a start."""
    match = _SCHEME.match(str(_container_status(pod, name).get("containerID") or ""))
    return (match[1], match[2]) if match else ("", "")


def container_problem(pod: Mapping[str, Any], name: str) -> str | None:
    """Why the container has no process at present, as a clause; None while it runs."""
    state = _container_status(pod, name).get("state") or {}
    if "running" in state:
        return None
    if state.get("terminated"):
        ended = state["terminated"]
        text = f"exit code {ended.get('exitCode')}"
        return f"container {name} has ended{_joined(ended.get('reason'), text)}"
    waiting = state.get("waiting") or {}
    reason = _joined(waiting.get("reason") or "not started yet", waiting.get("message"))
    return f"container {name} is waiting{reason}"
