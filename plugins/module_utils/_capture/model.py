# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""How far the capture of one pod has come, and how that looks in the result; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._agent.model import Agent
from ansible_collections.kubedebug.core.plugins.module_utils._capture.clock import Reading, best
from ansible_collections.kubedebug.core.plugins.module_utils._capture.recordings import (
    Listing,
    Recording,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.session import Place
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.results import pod_result
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target

__all__ = [
    "Fetched",
    "LocalFile",
    "PodCapture",
    "Spot",
    "fetched_facts",
    "fetched_partial",
    "pod_capture_result",
]

Action: TypeAlias = Literal["created", "reused", "planned", "failed"]


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A container that has, or will have, recordings of the capture."""

    place: Place
    mode: Literal["ephemeral", "job"] = "ephemeral"
    listing: Listing = field(default_factory=Listing)


@dataclass(frozen=True, kw_only=True)
class LocalFile:
    """A file that came; ``path`` ends in ``.partial`` where not all of it did.

    ``unchanged`` tells that it was there before.
    """

    path: str
    size: int
    sha256: str | None
    whole: bool
    unchanged: bool = False
    summary: dict[str, Any] | None = None
    error: DebugError | None = None


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What came of a recording. ``partial`` says why something of it is missing, or is None."""

    recording: Recording
    files: tuple[LocalFile, ...] = ()
    partial: str | None = None
    error: DebugError | None = None
    removed: bool = False


@dataclass(frozen=True, kw_only=True)
class PodCapture:
    """One pod on its way through the task; ``number`` is the recording that the task is about.

    The spots are those where something of the capture is, the one of this task last. ``begins``
    tells that the task is about a recording of its own, and not about what it finds.
    """

    target: Target
    begins: bool = False
    agent: Agent | None = None
    spots: tuple[Spot, ...] = ()
    number: str | None = None
    user: str | None = None
    readings: tuple[Reading, ...] = ()
    fetched: tuple[Fetched, ...] = ()
    changed: bool = False
    warnings: tuple[str, ...] = ()
    error: DebugError | None = None

    @property
    def spot(self) -> Spot | None:
        """Where this task records."""
        return self.spots[-1] if self.spots else None

    @property
    def recording(self) -> Recording | None:
        """The recording that the task is about: the one it began, else the newest."""
        every = [each for spot in self.spots for each in spot.listing.recordings]
        if not every:
            return None
        mine = [each for each in self._last_listing() if each.number == self.number]
        if mine or self.begins:
            return mine[0] if mine else None
        return max(every, key=lambda each: each.began or 0.0)

    def _last_listing(self) -> tuple[Recording, ...]:
        return self.spots[-1].listing.recordings if self.spots else ()


def pod_capture_result(pod: PodCapture, *, capture: str) -> dict[str, Any]:
    """The item of a pod: the recording that the task is about, and older ones that came with it."""
    recording = pod.recording
    spot = pod.spot
    agent = pod.agent
    # What was fetched is the newest state of a recording; its files are not there any more.
    about = {id(each.recording): each for each in pod.fetched}
    mine = about.get(id(recording)) if recording is not None else None
    if mine is None and pod.fetched and not pod.begins:
        mine = pod.fetched[-1]
        recording = mine.recording
    older = [each for each in pod.fetched if each is not mine]
    return {
        **pod_result(pod.target),
        "capture": capture,
        "action": agent.action if agent is not None else ("reused" if spot else "failed"),
        "changed": pod.changed,
        "mode": agent.mode if agent is not None else (spot.mode if spot else None),
        "reasons": list(agent.reasons) if agent is not None else [],
        "seat": _seat(pod),
        **_recording_result(recording, mine),
        **_lost(pod),
        "clock": _clock(pod.readings),
        "earlier": [_recording_result(each.recording, each) for each in older],
        "error": pod.error.msg if pod.error is not None else None,
    }


def _lost(pod: PodCapture) -> dict[str, Any]:
    """The state of a recording that went with its pod, in the place of what it was seen in last."""
    if pod.error is None or not pod.error.facts.get("target_gone"):
        return {}
    return {"state": "lost", "ended_by": "target_gone", "partial": True}


def _seat(pod: PodCapture) -> dict[str, str] | None:
    if pod.spot is None:
        return None
    seat = pod.spot.place.seat
    return {"namespace": seat.namespace, "pod": seat.pod, "container": seat.container}


def _recording_result(recording: Recording | None, fetched: Fetched | None) -> dict[str, Any]:
    spec: Mapping[str, Any] = recording.spec if recording is not None else {}
    counts = recording.counts if recording is not None else None
    files = _files(recording, fetched)
    partial = fetched.partial if fetched is not None else fetched_partial(recording)
    return {
        "state": _state(recording, fetched),
        "ended_by": recording.end if recording is not None else None,
        "started_at": _rfc3339(recording.began if recording is not None else None),
        "ended_at": _rfc3339(recording.ended if recording is not None else None),
        "interface": spec.get("interface"),
        "filter": spec.get("filter"),
        "link_type": recording.link_type if recording is not None else None,
        "packets": {
            "captured": counts.captured if counts is not None else None,
            "received": counts.received if counts is not None else None,
            "dropped_kernel": counts.dropped_kernel if counts is not None else None,
            "dropped_interface": counts.dropped_interface if counts is not None else None,
        },
        "bytes": _bytes(recording, fetched),
        "files": files,
        "partial": partial is not None,
        "partial_reason": partial,
        "summary": _summary(fetched),
    }


def _state(recording: Recording | None, fetched: Fetched | None) -> str | None:
    if recording is None:
        return None
    if recording.running:
        return "running"
    if recording.fetched is not None or (fetched is not None and fetched.error is None):
        return "fetched"
    return "stopped"


def _bytes(recording: Recording | None, fetched: Fetched | None) -> int:
    if fetched is not None and fetched.files:
        return sum(file.size for file in fetched.files)
    return recording.size if recording is not None else 0


def fetched_partial(recording: Recording | None) -> str | None:
    """What an earlier run told of a recording that it has brought home."""
    told = (recording.fetched or {}).get("partial") if recording is not None else None
    return clean(str(told)) if told else None


def fetched_facts(fetched: Fetched) -> dict[str, Any]:
    """What is left in the place of files that were brought home; see fetched_partial."""
    files = [
        {"path": file.path, "size": file.size, "sha256": file.sha256, "whole": file.whole}
        for file in fetched.files
    ]
    return {"files": files, "partial": fetched.partial}


def _files(recording: Recording | None, fetched: Fetched | None) -> list[dict[str, Any]]:
    if fetched is not None:
        return [_file(file) for file in fetched.files]
    told = (recording.fetched or {}).get("files") if recording is not None else None
    if not isinstance(told, list):
        return []
    # What an earlier run told: it stands in the container, so only what fits is passed on.
    return [
        {
            "path": clean(str(each.get("path")), limit=4096),
            "size": each.get("size") if isinstance(each.get("size"), int) else None,
            "sha256": clean(str(each.get("sha256")), limit=64),
            "whole": bool(each.get("whole")),
            "summary": None,
            "error": None,
        }
        for each in told
        if isinstance(each, Mapping)
    ]


def _file(file: LocalFile) -> dict[str, Any]:
    return {
        "path": file.path,
        "size": file.size,
        "sha256": file.sha256,
        "whole": file.whole,
        "summary": file.summary,
        "error": file.error.msg if file.error is not None else None,
    }


def _summary(fetched: Fetched | None) -> dict[str, Any] | None:
    """That of the newest file: of a recording in one file it is the recording's."""
    return fetched.files[-1].summary if fetched is not None and fetched.files else None


def _clock(readings: Sequence[Reading]) -> dict[str, float] | None:
    reading = best(readings)
    if reading is None:
        return None
    return {"offset": round(reading.offset, 4), "uncertainty": round(reading.uncertainty, 4)}


def _rfc3339(epoch: float | None) -> str | None:
    if epoch is None:
        return None
    moment = datetime.fromtimestamp(epoch, tz=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
