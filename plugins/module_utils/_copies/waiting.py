# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Waiting for pods by watch: until a container runs, or until they are gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._agent.records import (
    agent_status,
    pod_failure,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.waiting import (
    container_log,
    pods_path,
)
from ansible_collections.kubedebug.core.plugins.module_utils._copies.model import Made, MadeFailed
from ansible_collections.kubedebug.core.plugins.module_utils._copies.spec import MARKS
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._kube.watch import Stream, Watch
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import is_deleting

__all__ = ["wait_until_gone", "wait_until_running"]

# Up to this many pods of a namespace are watched one by one.
_MOST_SINGLE_STREAMS = 4
_WAYS_OUT = {
    "ErrImageNeverPull": "load the image onto the node, or choose another image_pull_policy",
    "InvalidImageName": "correct image or set_image",
    "ErrImagePull": "check image and set_image, the registry and its credentials",
    "ImagePullBackOff": "check image and set_image, the registry and its credentials",
    "Unschedulable": "a copy asks for as much as its pod does; same_node=true leaves the scheduler "
    "out of it",
    "CreateContainerConfigError": "look at env and custom: what they refer to must exist, and with "
    "profile=restricted the image must run as a user other than root",
}
_OTHER_WAY_OUT = "look at the pod's events and at its node"


def wait_until_running(
    client: Client, made: Sequence[Made], *, role: str, timeout: float, concurrency: int
) -> list[Made]:
    """Wait until the container of each runs, or has ended with exit code 0.

    *timeout* is in seconds. What has an error already is not waited for.
    """
    pending = {one.uid: one for one in made if one.error is None and one.uid}
    settled: dict[str, Made] = {}
    seen: dict[str, Mapping[str, Any]] = {}
    if pending:
        streams = _streams(list(pending.values()), role)
        with Watch(client, streams, deadline_seconds=timeout) as watch:
            for event in watch:
                uid = str(event.object["metadata"]["uid"])
                if uid not in pending or uid in settled:
                    continue
                seen[uid] = event.object
                judged = _judge(pending[uid], event.type, event.object)
                if judged is not None:
                    settled[uid] = judged
                if len(settled) == len(pending):
                    break
    late = {
        uid: _timed_out(replace(one, pod=seen.get(uid) or one.pod), timeout)
        for uid, one in pending.items()
        if uid not in settled
    }
    results = [{**settled, **late}.get(one.uid, one) for one in made]
    explained = fan_out(lambda one: _with_log(client, one), results, limit=concurrency)
    return [outcome.unwrap() for outcome in explained]


def _judge(one: Made, kind: str, pod: Mapping[str, Any]) -> Made | None:
    """What one state of the pod means for the wait; None to go on waiting."""
    one = replace(one, pod=pod, node=str(pod["spec"].get("nodeName") or one.node))
    if kind == "DELETED" or is_deleting(pod):
        return _failed(one, "it was deleted while the task waited for it")
    status = agent_status(pod, one.container)
    state = status.get("state") or {}
    ended = state.get("terminated") or {}
    if _loops(state):
        last = (status.get("lastState") or {}).get("terminated") or {}
        return _failed(
            one,
            f"container {one.container} ends again and again, the last time with exit code "
            f"{last.get('exitCode')}",
        )
    if state.get("running") is not None or ended.get("exitCode") == 0:
        return one
    found = pod_failure(pod, one.container)
    if found is None:
        return None
    reason, message = found
    text = f"container {one.container}: {reason}"
    text += f": {message.rstrip('.')}" if message else ""
    if not ended:
        text += f". Way out: {_WAYS_OUT.get(reason, _OTHER_WAY_OUT)}"
    return _failed(one, text)


def _loops(state: Mapping[str, Any]) -> bool:
    return bool((state.get("waiting") or {}).get("reason") == "CrashLoopBackOff")


def _failed(one: Made, text: str) -> Made:
    error = MadeFailed(f"{one.subject}: pod {one.ref}: {text}.")
    return replace(one, action="failed", error=error)


def _timed_out(one: Made, timeout: float) -> Made:
    state = agent_status(one.pod or {}, one.container).get("state") or {}
    reason = clean(str((state.get("waiting") or {}).get("reason") or ""))
    seen = f"container {one.container} is waiting ({reason})" if reason else "it has not started"
    return _failed(
        one,
        f"it is not running after {timeout:g} s: {seen}. Look at its events, or raise wait_timeout",
    )


def _with_log(client: Client, one: Made) -> Made:
    """Add the last lines of a container that ended with an error of its own."""
    state = agent_status(one.pod or {}, one.container).get("state") or {}
    if one.error is None or (state.get("terminated") is None and not _loops(state)):
        return one
    seat = Seat(namespace=one.namespace, pod=one.name, container=one.container)
    lines = container_log(client, seat)
    if not lines:
        return one
    text = f"{one.error.msg} Its last output: {' | '.join(lines)}"
    return replace(one, error=MadeFailed(text, facts=one.error.facts))


def wait_until_gone(
    client: Client, made: Sequence[Made], *, role: str, timeout: float
) -> list[Made]:
    """Wait until each deleted pod is gone; *timeout* is in seconds."""
    left = {one.uid for one in made if one.error is None}
    if not left:
        return list(made)
    streams = _streams([one for one in made if one.uid in left], role)
    with Watch(client, streams, deadline_seconds=timeout) as watch:
        for event in watch:
            if event.type == "DELETED":
                left.discard(str(event.object["metadata"]["uid"]))
            if not left:
                break
    return [
        _failed(one, f"it is not gone after {timeout:g} s; look at node {one.node}")
        if one.uid in left
        else one
        for one in made
    ]


def _streams(made: Sequence[Made], role: str) -> list[Stream]:
    by_namespace: dict[str, list[Made]] = defaultdict(list)
    for one in made:
        by_namespace[one.namespace].append(one)
    streams = []
    for namespace, members in by_namespace.items():
        path = pods_path(namespace)
        if len(members) <= _MOST_SINGLE_STREAMS:
            streams += [
                Stream(path, {"fieldSelector": f"metadata.name={one.name}"}, _known([one]))
                for one in members
            ]
        else:
            streams.append(Stream(path, {"labelSelector": f"{MARKS}role={role}"}, _known(members)))
    return streams


def _known(made: Sequence[Made]) -> list[dict[str, Any]]:
    return [{"metadata": {"uid": one.uid}} for one in made]
