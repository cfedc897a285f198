# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The steps of a capture of many pods, each of them for all pods side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.kubedebug.core.plugins.module_utils._capture import fetching, session
from ansible_collections.kubedebug.core.plugins.module_utils._capture.capture_options import (
    CaptureOptions,
    FetchOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.model import (
    PodCapture,
    Spot,
    fetched_facts,
    fetched_partial,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.opening import (
    place_of,
    spots_beside,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.recordings import (
    Recording,
    RecordingError,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.session import Told
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ConnectionFailed,
    DebugError,
    ExecError,
    NotFound,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat

__all__ = ["Steps"]

# A wait for the end of a recording is asked for anew after that many seconds, so that no proxy on
# the way takes a silent connection for a dead one.
_ONE_WAIT = 45
# A connection that breaks while nothing but waiting is done is made again so many times in a row.
_MOST_FAILURES = 5
_PAUSE = 1.0
# What a recording may take longer than its bound: the kernel's last block, and the flush.
_SLACK = 60.0


@dataclass(frozen=True, kw_only=True)
class Steps:
    """What every step needs to know."""

    client: Client
    options: CaptureOptions
    concurrency: int
    jobs: Mapping[str, Sequence[Seat]] = field(default_factory=dict)

    def each(
        self, pods: Sequence[PodCapture], work: Callable[[PodCapture], PodCapture]
    ) -> list[PodCapture]:
        """Do a step on every pod that has not failed yet; a failure stays with its pod."""
        live = [pod for pod in pods if pod.error is None]
        outcomes = iter(fan_out(work, live, limit=self.concurrency))
        return [pod if pod.error is not None else _outcome(pod, next(outcomes)) for pod in pods]

    def find(self, pod: PodCapture, *, stop: bool) -> PodCapture:
        """Look for recordings of the capture in all that runs for a pod, and end what runs.

        Without *stop*, they are only looked at.
        """
        spots, readings, unseen = [], [], []
        act = session.stop if stop else session.look
        for spot in spots_beside(pod.target, self.jobs):
            try:
                told = act(self.client, spot.place, self.options.capture)
            except ExecError as error:
                # As in an image without sh, where no capture can be.
                unseen.append(f"{spot.place.seat.container}: {error.msg}")
                continue
            readings += [told.clock] if told.clock else []
            if told.listing.recordings:
                spots.append(replace(spot, listing=told.listing))
        # Where something runs is last: that is what this task is about.
        spots.sort(key=lambda spot: (spot.listing.running is not None, _newest(spot)))
        return replace(
            pod,
            spots=tuple(spots),
            readings=(*pod.readings, *readings),
            warnings=tuple(unseen),
            changed=any(spot.listing.stopped for spot in spots),
        )

    def require_found(self, pod: PodCapture) -> PodCapture:
        """Fail where there is nothing to stop or to fetch."""
        if pod.spots:
            return replace(pod, warnings=())
        doubt = f" These could not be looked at: {'; '.join(pod.warnings)}." if pod.warnings else ""
        raise RecordingError(
            f"{pod.target.ref}: there is no capture {self.options.capture!r} in any running "
            f"debugger of this collection.{doubt} Start one with state=started; what a debugger "
            "had recorded is lost when it has ended."
        )

    def adopt(self, pod: PodCapture) -> PodCapture:
        """Take up a recording that runs already, if it is the one that the task describes."""
        running = pod.spot.listing.running if pod.spot is not None else None
        if running is None:
            return replace(pod, warnings=())
        if running.spec.get("identity") == self.options.identity:
            return replace(pod, number=running.number, warnings=())
        raise RecordingError(
            f"{pod.target.ref}: a capture {self.options.capture!r} runs already with other options "
            f"({_differences(running, self.options)}). Stop it with state=stopped, or give this "
            "one another name with the option capture."
        )

    def check(self, pod: PodCapture) -> PodCapture:
        """See that tcpdump can do what is asked, where the agent of this task is."""
        place = place_of(pod.agent) if pod.agent is not None else None
        if pod.number is not None or place is None or pod.agent is None:
            return pod
        checked = session.check(self.client, place, self.options)
        others = tuple(spot for spot in pod.spots if spot.place != place)
        spot = Spot(place=place, mode=pod.agent.mode, listing=checked.listing)
        return replace(pod, spots=(*others, spot), user=checked.user)

    def start(self, pod: PodCapture) -> PodCapture:
        """Begin a recording where none of the task's description runs."""
        if pod.number is not None or pod.spot is None:
            return pod
        word, number, told = session.start(self.client, pod.spot.place, self.options, user=pod.user)
        pod = replace(_heard(pod, told), number=number, changed=pod.changed or word == "started")
        # Another run was faster: what it has begun is good where it is the same.
        return pod if word == "started" else self.adopt(pod)

    def wait(self, pod: PodCapture) -> PodCapture:
        """Come back when the recording has ended by itself."""
        if pod.spot is None:
            return pod
        end = time.monotonic() + self.options.max_seconds + _SLACK
        failures = 0
        while pod.spot is not None and pod.spot.listing.running is not None:
            left = end - time.monotonic()
            if left <= 0:
                break
            try:
                told = session.wait(
                    self.client,
                    pod.spot.place,
                    self.options.capture,
                    seconds=max(1, min(_ONE_WAIT, int(left))),
                )
            except (ConnectionFailed, ExecError) as error:
                self._require_there(pod, error)
                failures += 1
                if failures > _MOST_FAILURES:
                    raise
                self.client.retry.sleep(min(_PAUSE * failures, max(0.0, left)))
                continue
            failures = 0
            pod = _heard(pod, told)
        return pod

    def stop(self, pod: PodCapture) -> PodCapture:
        """End what runs of the capture, wherever beside the pod."""
        spots = []
        for spot in pod.spots:
            running = spot.listing.running is not None
            unsettled = any(not each.running and each.ended is None for each in _of(spot))
            if not running and not unsettled:
                spots.append(spot)
                continue
            try:
                told = session.stop(self.client, spot.place, self.options.capture)
            except (ConnectionFailed, ExecError) as error:
                self._require_there(pod, error)
                raise
            spots.append(replace(spot, listing=told.listing))
            pod = replace(
                pod,
                changed=pod.changed or running,
                readings=(*pod.readings, *([told.clock] if told.clock else [])),
            )
        return replace(pod, spots=tuple(spots))

    def fetch(self, pod: PodCapture, options: FetchOptions) -> PodCapture:
        """Bring home all recordings that have not been, and remove there what is safe here."""
        self._require_room_for_names(pod, options)
        fetched = []
        for spot in pod.spots:
            for recording in _of(spot):
                if not recording.waits:
                    continue
                got = fetching.fetch(
                    self.client,
                    spot.place,
                    pod.target,
                    recording,
                    capture=self.options.capture,
                    options=options,
                )
                whole = all(file.whole for file in got.files)
                removed = whole and not options.keep_remote
                if removed:
                    session.forget(
                        self.client,
                        spot.place,
                        self.options.capture,
                        recording.number,
                        fetched_facts(got),
                    )
                fetched.append(replace(got, removed=removed))
        came = any(not file.unchanged for each in fetched for file in each.files)
        pod = replace(pod, fetched=tuple(fetched), changed=pod.changed or came)
        return replace(pod, error=self._failure(pod, options))

    def _require_room_for_names(self, pod: PodCapture, options: FetchOptions) -> None:
        """Raise RecordingError where one file is named for several: nothing is fetched then."""
        waiting = [each for spot in pod.spots for each in _of(spot) if each.waits]
        count = sum(len(each.files) for each in waiting)
        if count > 1 and fetching.is_file(options.dest):
            raise RecordingError(
                f"{pod.target.ref}: dest={clean(options.dest)} is a file, and the capture "
                f"{self.options.capture!r} has {count} files in {len(waiting)} recordings: give a "
                "folder."
            )

    def _failure(self, pod: PodCapture, options: FetchOptions) -> DebugError | None:
        """The pod's error: what did not come, or is not all there is, unless that is allowed."""
        reasons = [(each.partial, each.error) for each in pod.fetched]
        if not reasons:
            reasons = [(fetched_partial(pod.recording), None)]
        for partial, error in reasons:
            if options.allow_partial and (partial or error):
                continue
            if error is not None:
                return error
            if partial is not None:
                return RecordingError(
                    f"{pod.target.ref}: the capture {self.options.capture!r} is partial: "
                    f"{partial.rstrip('.')}. What there is of it was fetched; allow_partial=true "
                    "accepts that."
                )
        return None

    def _require_there(self, pod: PodCapture, error: DebugError) -> None:
        """Raise what has become of the pod, where that is why nothing can be run beside it."""
        target = pod.target
        try:
            found = self.client.get(target.path)
        except NotFound:
            found = None
        deleted = found is None or found["metadata"]["uid"] != target.uid
        if not deleted and found is not None:
            deleted = found["metadata"].get("deletionTimestamp") is not None
        if deleted:
            running = pod.recording
            size = f" ({running.size} bytes at the last look)" if running and running.size else ""
            raise RecordingError(
                f"{target.ref}: the pod was deleted during the capture, and what its debugger had "
                f"recorded{size} is lost with it. With mode=job a capture outlives its pod; begin "
                "anew on the pod that replaces it.",
                facts={"target_gone": True},
            ) from error


def _outcome(pod: PodCapture, outcome: object) -> PodCapture:
    value = getattr(outcome, "value", None)
    if isinstance(value, PodCapture):
        return value
    return replace(pod, error=getattr(outcome, "error", None))


def _heard(pod: PodCapture, told: Told) -> PodCapture:
    """The pod with what its last spot has told."""
    spot = replace(pod.spots[-1], listing=told.listing)
    readings = (*pod.readings, *([told.clock] if told.clock else []))
    return replace(pod, spots=(*pod.spots[:-1], spot), readings=readings)


def _of(spot: Spot) -> tuple[Recording, ...]:
    return spot.listing.recordings


def _newest(spot: Spot) -> float:
    return max((each.began or 0.0 for each in _of(spot)), default=0.0)


def _differences(running: Recording, options: CaptureOptions) -> str:
    """The options in which a recording differs from what the task says, by name."""
    wanted = vars(options)
    names = sorted(key for key in wanted if running.spec.get(key) != wanted[key])
    return ", ".join(names) or "made by another release"
