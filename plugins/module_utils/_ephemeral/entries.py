# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What the ephemeral entries of a raw pod are, and what has become of them; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.spec import MANAGED_BY
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import (
    container_problem,
)

__all__ = [
    "Entry",
    "PodSecurityViolation",
    "State",
    "Tool",
    "entries",
    "explain_pod_security",
    "failure",
    "find_overdue",
    "find_reusable",
]

State: TypeAlias = Literal["waiting", "running", "finished", "unknown"]
Tool: TypeAlias = Literal["kubedebug", "kubectl debug", "mirrord", "other"]

# Waiting for these reasons does not end well by itself, or not soon.
# Source: k8s.io/kubernetes, pkg/kubelet/images/types.go and kuberuntime_manager.go.
_FATAL_WAITS = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RegistryUnavailable",
        "RunContainerError",
        "StartError",
    }
)

# kubectl's generated names: k8s.io/kubectl, pkg/cmd/debug/debug.go (computeDebugContainerName).
_KUBECTL_NAME = re.compile(r"debugger-[bcdfghjklmnpqrstvwxz2456789]{5}")
_MIRRORD_NAME = re.compile(r"mirrord-agent-[a-z0-9]+")
_VIOLATION = re.compile(
    r'violates PodSecurity "(?P<level>[a-z]+):(?P<version>[^"]*)":\s*(?P<text>.*)'
)
_REASON_LIMIT = 64
_MESSAGE_LIMIT = 512


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One ephemeral container, from the pod's spec and status together.

    ``started_at`` and ``finished_at`` are the API's RFC 3339 text; ``expires_at`` is in seconds
    since 1970. Owner, reason and ticket come from marks, which anybody who may patch the
    subresource can write: they inform, and authorize nothing.
    """

    name: str
    image: str
    state: State
    reason: str | None = None
    message: str | None = None
    exit_code: int | None = None
    started_at: str | None = None
    finished_at: str | None = None
    target_container: str | None = None
    managed: bool = False
    tool: Tool = "other"
    identity: str | None = None
    owner: str | None = None
    reason_text: str | None = None
    ticket: str | None = None
    lifetime: int | None = None
    expires_at: float | None = None


@dataclass(frozen=True, kw_only=True)
class PodSecurityViolation:
    """A refusal by Pod Security, taken apart."""

    level: str
    version: str
    text: str


def entries(pod: Mapping[str, Any]) -> list[Entry]:
    """The pod's ephemeral containers in the order of its list: the oldest comes first."""
    statuses = {
        status["name"]: status
        for status in pod.get("status", {}).get("ephemeralContainerStatuses") or []
    }
    return [
        _entry(container, statuses.get(container["name"]) or {})
        for container in pod.get("spec", {}).get("ephemeralContainers") or []
    ]


def _entry(container: Mapping[str, Any], status: Mapping[str, Any]) -> Entry:
    marks = {
        str(item["name"]): str(item["value"]).replace("$$", "$")
        for item in container.get("env") or []
        if "value" in item and str(item["name"]).startswith("KUBEDEBUG_")
    }
    managed = marks.get("KUBEDEBUG_MANAGED_BY") == MANAGED_BY
    state, details = _state(status.get("state") or {})
    return Entry(
        name=container["name"],
        image=container.get("image", ""),
        state=state,
        reason=_cleaned(details.get("reason"), _REASON_LIMIT),
        message=_cleaned(details.get("message"), _MESSAGE_LIMIT),
        exit_code=details.get("exitCode"),
        started_at=details.get("startedAt"),
        finished_at=details.get("finishedAt"),
        target_container=container.get("targetContainerName") or None,
        managed=managed,
        tool=_tool(container, managed=managed),
        identity=marks.get("KUBEDEBUG_IDENTITY"),
        owner=_cleaned(marks.get("KUBEDEBUG_OWNER"), _MESSAGE_LIMIT),
        reason_text=_cleaned(marks.get("KUBEDEBUG_REASON"), _MESSAGE_LIMIT),
        ticket=_cleaned(marks.get("KUBEDEBUG_TICKET"), _MESSAGE_LIMIT),
        lifetime=_number(marks.get("KUBEDEBUG_LIFETIME")),
        expires_at=_number(marks.get("KUBEDEBUG_EXPIRES_AT")),
    )


def _state(state: Mapping[str, Any]) -> tuple[State, Mapping[str, Any]]:
    names: tuple[tuple[str, State], ...] = (
        ("running", "running"),
        ("terminated", "finished"),
        ("waiting", "waiting"),
    )
    for key, name in names:
        if state.get(key) is not None:
            return name, state[key]
    return "unknown", {}


def _cleaned(text: object, limit: int) -> str | None:
    return clean(str(text), limit=limit) if text else None


def _number(text: str | None) -> int | None:
    # Marks can be written by others: a number of a thousand digits is none.
    return int(text) if text and text.isdecimal() and len(text) <= 11 else None


def _tool(container: Mapping[str, Any], *, managed: bool) -> Tool:
    if managed:
        return "kubedebug"
    name = container["name"]
    if _MIRRORD_NAME.fullmatch(name) or "mirrord" in container.get("image", ""):
        return "mirrord"
    return "kubectl debug" if _KUBECTL_NAME.fullmatch(name) else "other"


def find_reusable(
    pod: Mapping[str, Any], identity: str, *, now: float, min_remaining: float
) -> Entry | None:
    """A debugger of that identity that runs, or is about to, and stays for long enough.

    *now* is the cluster's time (epoch, s), *min_remaining* in seconds. One that the kubelet cannot
    start counts, too: another entry would fail alike, and both would stay.
    """
    for entry in _alike(pod, identity):
        if entry.expires_at is None or entry.expires_at - now >= min_remaining:
            return entry
    return None


def find_overdue(
    pod: Mapping[str, Any], identity: str, *, now: float, min_remaining: float
) -> Entry | None:
    """A debugger of that identity that runs though it should end before long, or have ended.

    Somebody may have extended it, which only the debugger itself knows. *now* and *min_remaining*
    are those of ``find_reusable``.
    """
    for entry in _alike(pod, identity):
        ends = entry.expires_at
        if entry.state == "running" and ends is not None and ends - now < min_remaining:
            return entry
    return None


def _alike(pod: Mapping[str, Any], identity: str) -> Iterator[Entry]:
    """The debuggers of that identity whose work is not over, the newest first."""
    target = {
        container["name"]: container.get("targetContainerName")
        for container in pod.get("spec", {}).get("ephemeralContainers") or []
    }
    for entry in reversed(entries(pod)):
        if not entry.managed or entry.identity != identity or entry.state == "finished":
            continue
        joined = target[entry.name]
        if joined and container_problem(pod, joined) is not None:
            continue
        yield entry


def failure(entry: Entry) -> tuple[str, str] | None:
    """Why an entry will not come to run, as reason and message; None while there is hope."""
    if entry.state == "waiting" and entry.reason in _FATAL_WAITS:
        return entry.reason, entry.message or ""
    if entry.state == "finished" and entry.exit_code != 0:
        reason = entry.reason or "Error"
        return f"ended with exit code {entry.exit_code} ({reason})", entry.message or ""
    return None


def explain_pod_security(message: str) -> PodSecurityViolation | None:
    """Take a 403 of Pod Security apart; None for any other refusal.

    Source of the text: k8s.io/pod-security-admission, admission/admission.go.
    """
    match = _VIOLATION.search(message)
    if match is None:
        return None
    return PodSecurityViolation(
        level=match["level"], version=match["version"], text=match["text"].rstrip(".")
    )
