# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Recordings in one container: look, check, start, wait, stop and forget."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from ansible_collections.kubedebug.core.plugins.module_utils._capture import (
    calls,
    recorder,
    tcpdump,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.capture_options import (
    CaptureOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.clock import Reading
from ansible_collections.kubedebug.core.plugins.module_utils._capture.recordings import (
    Checked,
    Listing,
    RecordingError,
    read_check,
    read_listing,
    read_start,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.running import (
    Command,
    run_in_seat,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat

__all__ = ["Place", "Told", "check", "forget", "look", "start", "stop", "wait"]

Value = TypeVar("Value")

# Seconds. The scripts bound themselves below these; a node under load gets the rest.
_LOOK_TIMEOUT = 30
_START_TIMEOUT = 60
_STOP_PATIENCE = 30
_MOST_OUTPUT = 4 * 1024 * 1024
_NOT_FOUND = 127


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a capture of a pod is made: a container, and a folder of it.

    ``pid`` is a process whose network namespace has to be entered, None where the container shares
    that of the target. ``ref`` is the target, for messages.
    """

    seat: Seat
    ref: str
    base: str = recorder.BASE
    pid: int | None = None

    def folder(self, capture: str, number: str) -> str:
        """Where the files of a recording are."""
        return f"{self.base}/{capture}/{number}"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a script said of the recordings, and the clock of its node."""

    listing: Listing
    clock: Reading | None = None


def look(client: Client, place: Place, capture: str) -> Told:
    """Read what there is of a capture; changes nothing."""
    text, clock = _run(client, place, calls.LOOK, capture, timeout=_LOOK_TIMEOUT)
    return _told(place, read_listing, text, clock)


def check(client: Client, place: Place, options: CaptureOptions) -> Checked:
    """Have tcpdump compile the filter for the interface, and look for room; records nothing.

    Raises RecordingError that quotes tcpdump where it refuses.
    """
    text, _clock = _run(
        client,
        place,
        calls.CHECK,
        options.capture,
        str(place.pid or ""),
        *tcpdump.check_arguments(options),
        timeout=_LOOK_TIMEOUT,
    )
    found = _read(place, read_check, text)
    _require_tcpdump(place, options, found)
    _require_room(place, options, found)
    return found


def start(
    client: Client, place: Place, options: CaptureOptions, *, user: str | None
) -> tuple[Literal["started", "busy"], str, Told]:
    """Begin a recording, and come back when tcpdump listens; see the recorder's START.

    Raises RecordingError where tcpdump ended instead.
    """
    argv = tcpdump.record_argv(options, user=user)
    enter = ("nsenter", "-t", str(place.pid), "-n", "--") if place.pid else ()
    text, clock = _run(
        client,
        place,
        calls.START,
        options.capture,
        options.spec,
        recorder.RECORD,
        str(options.max_seconds),
        str(options.max_bytes if options.files == 1 else 0),
        str(place.pid or ""),
        *enter,
        *argv,
        timeout=_START_TIMEOUT,
    )
    word, number, listing = _read(place, read_start, text)
    mine = next((each for each in listing.recordings if each.number == number), None)
    if word == "started" and (mine is None or mine.began is None):
        said = mine.said if mine is not None else ""
        raise RecordingError(
            f"{place.ref}: tcpdump did not come to listen: {said or 'it said nothing'}."
        )
    return word, number, Told(listing=listing, clock=_reading(listing, clock))


def stop(client: Client, place: Place, capture: str) -> Told:
    """End what runs of a capture, and come back when all of it is in its files."""
    text, clock = _run(
        client,
        place,
        calls.STOP,
        capture,
        str(_STOP_PATIENCE),
        timeout=_STOP_PATIENCE + _LOOK_TIMEOUT,
    )
    told = _told(place, read_listing, text, clock)
    if told.listing.running is not None:
        raise RecordingError(
            f"{place.ref}: the capture {capture} did not end within {_STOP_PATIENCE} s. Look at "
            f"tcpdump in {place.seat.ref}, and run the task again."
        )
    return told


def wait(client: Client, place: Place, capture: str, *, seconds: int) -> Told:
    """Come back when nothing of a capture runs any more, or after that many seconds."""
    text, clock = _run(
        client, place, calls.WAIT, capture, str(seconds), timeout=seconds + _LOOK_TIMEOUT
    )
    return _told(place, read_listing, text, clock)


def forget(
    client: Client, place: Place, capture: str, number: str, facts: Mapping[str, Any]
) -> Told:
    """Remove the files of a recording that was brought home, and leave *facts* in their place."""
    text, clock = _run(
        client,
        place,
        calls.FORGET,
        capture,
        number,
        json.dumps(facts, sort_keys=True),
        timeout=_LOOK_TIMEOUT,
    )
    return _told(place, read_listing, text, clock)


def _run(
    client: Client, place: Place, script: str, *args: str, timeout: int
) -> tuple[str, tuple[float, float]]:
    """The output of one of the recorder's scripts, and when it was asked for and began to come."""
    began: list[float] = []

    def came(data: bytes) -> None:
        # Servers begin each stream with an empty message.
        if data and not began:
            began.append(time.time())

    asked = time.time()
    ran = run_in_seat(
        client,
        place.seat,
        Command(
            argv=("sh", "-c", script, recorder.NAME, place.base, *args),
            timeout=timeout,
            max_output=_MOST_OUTPUT,
        ),
        ref=place.ref,
        on_stdout=came,
    )
    if ran.error is not None:
        raise ran.error
    text = ran.result.stdout.decode("utf-8", "replace")
    return text, (asked, began[0] if began else time.time())


def _told(
    place: Place, read: Callable[[str], Listing], text: str, clock: tuple[float, float]
) -> Told:
    listing = _read(place, read, text)
    return Told(listing=listing, clock=_reading(listing, clock))


def _read(place: Place, read: Callable[[str], Value], text: str) -> Value:
    try:
        return read(text)
    except RecordingError as error:
        raise RecordingError(f"{place.seat.ref}: {error.msg}.") from error


def _reading(listing: Listing, clock: tuple[float, float]) -> Reading | None:
    if listing.clock is None:
        return None
    return Reading.between(clock[0], listing.clock, clock[1])


def _require_tcpdump(place: Place, options: CaptureOptions, found: Checked) -> None:
    """Raise RecordingError with what tcpdump said, and what can be done about that."""
    if found.rc == 0:
        return
    said = found.said or "it said nothing"
    where = f"{place.ref}: "
    if found.rc == _NOT_FOUND:
        tools = "tcpdump and nsenter" if place.pid else "tcpdump"
        raise RecordingError(
            f"{where}nothing can be captured in {place.seat.ref}: {said}. Choose an image with sh "
            f"and {tools}."
        )
    if any(word in said for word in ("permission", "ermitted")):
        raise RecordingError(
            f"{where}tcpdump may not capture in {place.seat.ref}: {said}. It needs root and the "
            "capability NET_RAW: let capabilities at its default, or choose mode=job."
        )
    if "No such device" in said or "doesn't exist" in said:
        there = ", ".join(found.interfaces) or "none that can be seen"
        raise RecordingError(
            f"{where}interface={options.interface}: {said}. There are: {there}; any stands for all."
        )
    if options.filter:
        raise RecordingError(
            f"{where}tcpdump refuses filter={options.filter!r}: {said}. See pcap-filter(7)."
        )
    raise RecordingError(f"{where}tcpdump in {place.seat.ref} cannot capture: {said}.")


def _require_room(place: Place, options: CaptureOptions, found: Checked) -> None:
    if not found.writable:
        raise RecordingError(
            f"{place.ref}: captures cannot be written to {place.base} in {place.seat.ref}: the "
            "folder is not this user's, or the file system is read-only. Choose another image or "
            "mode=job."
        )
    if found.free is not None and found.free < options.max_bytes:
        raise RecordingError(
            f"{place.ref}: {place.seat.ref} has {found.free} bytes free, less than "
            f"max_bytes={options.max_bytes}: lower max_bytes, or fetch what earlier captures have "
            "left there."
        )
