# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What the scripts of the recorder print, read back; pure.

It comes from a container, so each field is checked; what does not fit is left out or refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._capture.tcpdump import (
    Statistics,
    link_type,
    reason,
    statistics,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    clean,
)

__all__ = [
    "Checked",
    "End",
    "Listing",
    "Recording",
    "RecordingError",
    "RemoteFile",
    "read_check",
    "read_listing",
    "read_start",
]

End: TypeAlias = Literal[
    "max_seconds", "max_bytes", "max_packets", "stopped", "target_gone", "killed", "failed"
]

_NUMBER = re.compile(r"[0-9]{4}")
_FILE = re.compile(r"packets[0-9]{0,3}")
_TIME = re.compile(r"[0-9]{1,11}(?:\.[0-9]{1,9})?")
# The recorder's own words for an end in good order.
_ENDS: Mapping[str, End] = {
    "max_seconds": "max_seconds",
    "max_bytes": "max_bytes",
    "stopped": "stopped",
    "target_gone": "target_gone",
}
# By a signal, as a shell tells it: the wall of RLIMIT_FSIZE, and whatever else.
_FILE_SIZE_EXCEEDED = 128 + 25
_BY_SIGNAL = 128


class RecordingError(DebugError):
    """A capture could not be begun, ended or brought home as asked."""


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file of a recording where it was made; ``size`` in bytes."""

    name: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One recording of a capture; times are in seconds since 1970 by the clock of its node.

    ``spec`` are the options it was begun with, ``fetched`` what is told of its files once they were
    brought home. ``running`` is False as well for one whose processes are gone without a word.
    """

    number: str
    running: bool
    end: End | None = None
    began: float | None = None
    ended: float | None = None
    spec: Mapping[str, Any] = field(default_factory=dict)
    fetched: Mapping[str, Any] | None = None
    files: tuple[RemoteFile, ...] = ()
    counts: Statistics = field(default_factory=Statistics)
    link_type: str | None = None
    said: str = ""

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)

    @property
    def waits(self) -> bool:
        """Whether there is something of it to be brought home."""
        return not self.running and bool(self.files)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """All recordings of a capture in one container, the oldest first.

    ``clock`` is the node's, ``stopped`` tells that a recording was ended just now.
    """

    clock: float | None = None
    recordings: tuple[Recording, ...] = ()
    stopped: bool = False

    @property
    def running(self) -> Recording | None:
        """The recording under way; there is at the most one."""
        return next((each for each in self.recordings if each.running), None)


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What there is to record with; sizes of the file system are in bytes, None if not known.

    ``user`` is what tcpdump's ``-Z`` takes there, None where it must not be given.
    """

    rc: int
    user: str | None = None
    said: str = ""
    writable: bool = True
    total: int | None = None
    free: int | None = None
    interfaces: tuple[str, ...] = ()
    listing: Listing = field(default_factory=Listing)


def read_listing(text: str) -> Listing:
    """Read what LOOK prints; raises RecordingError where its end is missing."""
    return _listing(_words(text))


def read_start(text: str) -> tuple[Literal["started", "busy"], str, Listing]:
    """Read what START prints: whether it began a recording, the number, and all there are."""
    words = _words(text)
    for kind, rest in words:
        if kind in ("started", "busy") and _NUMBER.fullmatch(rest):
            return ("busy" if kind == "busy" else "started"), rest, _listing(words)
    raise _unreadable(text)


def read_check(text: str) -> Checked:
    """Read what CHECK prints."""
    words = _words(text)
    given = dict(words)
    rc, _space, user = given.get("tcpdump", "").partition(" ")
    if not rc.isdecimal():
        raise _unreadable(text)
    space = given.get("space", "").split()
    total, free = (int(each) * 1024 for each in space) if len(space) == 2 else (None, None)
    said = [rest for kind, rest in words if kind == "says"]
    return Checked(
        rc=int(rc),
        user=user or None,
        said=reason(said),
        writable="unwritable" not in given,
        total=total,
        free=free,
        interfaces=tuple(clean(rest, limit=32) for kind, rest in words if kind == "interface"),
        listing=_listing(words),
    )


def _words(text: str) -> list[tuple[str, str]]:
    """The lines as a kind and the rest of the line; raises RecordingError for a cut output."""
    lines = text.split("\n")
    if "end" not in lines:
        raise _unreadable(text)
    pairs = (line.partition(" ") for line in lines)
    return [(kind, rest.strip()) for kind, _space, rest in pairs if kind]


def _unreadable(text: str) -> RecordingError:
    lines = text.strip().splitlines()
    last = clean(lines[-1], limit=160) if lines else "nothing"
    return RecordingError(f"what the recorder printed cannot be read; it ended with: {last}")


def _listing(words: Sequence[tuple[str, str]]) -> Listing:
    clock = next((rest for kind, rest in words if kind == "clock"), "")
    return Listing(
        clock=_time(clock),
        recordings=tuple(_recording(number, part) for number, part in _split(words)),
        stopped=any(kind == "ended" for kind, _rest in words),
    )


def _split(words: Sequence[tuple[str, str]]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    number, part = "", list[tuple[str, str]]()
    for kind, rest in words:
        if kind in ("recording", "end"):
            if _NUMBER.fullmatch(number):
                yield number, part
            number, part = rest, []
        else:
            part.append((kind, rest))


def _recording(number: str, words: Sequence[tuple[str, str]]) -> Recording:
    given = dict(words)
    status = _pairs(given.get("status", ""))
    lives = _pairs(given.get("lives", ""))
    ended = status.get("state") == "ended"
    running = not ended and "lives" in lives.values()
    log = [rest for kind, rest in words if kind == "log"]
    spec = _json(given.get("spec", ""))
    return Recording(
        number=number,
        running=running,
        end=None if running else _end(status, spec),
        began=_time(status.get("began", "")),
        ended=_time(status.get("ended", "")),
        spec=spec,
        fetched=_json(given["fetched"]) if "fetched" in given else None,
        files=tuple(_files(words)),
        counts=statistics(log),
        link_type=link_type(log),
        said=reason(log),
    )


def _end(status: Mapping[str, str], spec: Mapping[str, Any]) -> End:
    """Why a recording ended, from the recorder's word and tcpdump's exit code."""
    word, code = status.get("reason", ""), status.get("rc", "")
    rc = int(code) if code.isdecimal() else None
    if rc == _FILE_SIZE_EXCEEDED:
        return "max_bytes"
    if word in _ENDS:
        return _ENDS[word]
    if status.get("state") != "ended" or word in ("terminated", "recorder_gone"):
        return "killed"
    if rc is None or rc > _BY_SIGNAL:
        return "killed"
    if rc == 0 and word == "itself" and spec.get("max_packets"):
        return "max_packets"
    # tcpdump ends in good order as well at a TERM that was meant for the whole container.
    return "killed" if rc == 0 and word == "itself" else "failed"


def _files(words: Sequence[tuple[str, str]]) -> Iterator[RemoteFile]:
    for kind, rest in words:
        size, _space, name = rest.partition(" ")
        if kind == "file" and size.isdecimal() and _FILE.fullmatch(name):
            yield RemoteFile(name=name, size=int(size))


def _pairs(text: str) -> dict[str, str]:
    found = {}
    for word in text.split():
        key, equals, value = word.partition("=")
        if equals:
            found[key] = value
    return found


def _time(text: str) -> float | None:
    return float(text) if _TIME.fullmatch(text) else None


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
