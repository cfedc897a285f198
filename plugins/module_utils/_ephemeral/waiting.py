# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Waiting for entries of many pods by watch, ending at the first sign that it is in vain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import (
    Entry,
    entries,
    failure,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    DebugError,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._kube.watch import Stream, Watch
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import pod_problem

__all__ = ["DebuggerFailed", "Goal", "Waited", "last_lines", "wait_for_entries"]

Goal: TypeAlias = Literal["running", "finished", "stopped"]

# Up to this many pods of a namespace are watched one by one; beyond, the namespace is watched as a
# whole, since each stream costs the API server and this process a connection.
_MOST_SINGLE_STREAMS = 4
_LOG_LINES = 10
# What a shell exits with when it finds no such command.
_NOT_FOUND = 127
_LOG_BYTES = 16 * 1024

_WAYS_OUT = {
    "ErrImageNeverPull": "load the image onto the node, or choose another image_pull_policy",
    "InvalidImageName": "correct the option image",
    "CreateContainerConfigError": "look at env, inherit and custom: what they refer to must exist, "
    "and with profile=restricted the image must run as a user other than root (custom: "
    "{securityContext: {runAsUser: 1000}})",
    "ErrImagePull": "check the option image, the registry and its credentials (imagePullSecrets "
    "of the pod serve the debugger too)",
    "ImagePullBackOff": "check the option image, the registry and its credentials "
    "(imagePullSecrets of the pod serve the debugger too)",
}
_RUNTIME_WAY_OUT = (
    "check that the image has the command (and sh, unless lifetime=0), and that the node's runtime "
    "allows the profile"
)


class DebuggerFailed(DebugError):
    """A debugger did not reach what was waited for; the reason is the cluster's."""


@dataclass(frozen=True, kw_only=True)
class Waited:
    """What was seen last of an entry, and why the wait for it ended without success."""

    entry: Entry | None = None
    error: DebugError | None = None
    done: bool = False


def wait_for_entries(
    client: Client,
    pending: Sequence[tuple[Target, str]],
    *,
    goal: Goal,
    timeout: float,
    concurrency: int = 16,
    label_selectors: Sequence[str] = (),
) -> list[Waited]:
    """Wait until each named entry has reached *goal*; one watch for all, *timeout* in seconds.

    The result is in the order of *pending*. ``running`` is reached, too, by an entry that has
    finished with exit code 0 before it was seen running.
    """
    if not pending:
        return []
    # Several entries of one pod may be waited for (when they are stopped).
    open_entries: dict[tuple[str, str], tuple[Target, str]] = {
        (target.uid, name): (target, name) for target, name in pending
    }
    seen: dict[tuple[str, str], Entry] = {}
    settled: dict[tuple[str, str], Waited] = {}
    streams = _streams([target for target, _name in pending], label_selectors)
    with Watch(client, streams, deadline_seconds=timeout) as watch:
        for event in watch:
            for key in [key for key in open_entries if key[0] == _uid(event.object)]:
                target, name = open_entries[key]
                waited = _judge(target, name, event.type, event.object, goal)
                if waited.entry is not None:
                    seen[key] = waited.entry
                if waited.done:
                    settled[key] = waited
                    del open_entries[key]
            if not open_entries:
                break
    for key, (target, name) in open_entries.items():
        settled[key] = Waited(
            entry=seen.get(key), error=_timed_out(target, name, seen.get(key), goal, timeout)
        )
    ordered = [(target, settled[target.uid, name]) for target, name in pending]
    explained = fan_out(lambda item: _with_log(client, *item), ordered, limit=concurrency)
    return [
        outcome.value if outcome.value is not None else waited
        for outcome, (_target, waited) in zip(explained, ordered, strict=True)
    ]


def _uid(pod: Mapping[str, Any]) -> str:
    return str(pod.get("metadata", {}).get("uid", ""))


def _streams(targets: Sequence[Target], label_selectors: Sequence[str]) -> list[Stream]:
    by_namespace: dict[str, list[Target]] = defaultdict(list)
    for target in targets:
        by_namespace[target.namespace].append(target)
    streams = []
    for namespace, members in by_namespace.items():
        path = f"/api/v1/namespaces/{namespace}/pods"
        by_name: dict[str, list[Target]] = defaultdict(list)
        for member in members:
            by_name[member.name].append(member)
        if len(by_name) <= _MOST_SINGLE_STREAMS:
            streams += [
                Stream(path, {"fieldSelector": f"metadata.name={name}"}, _known(by_name[name]))
                for name in sorted(by_name)
            ]
        else:
            chosen = {"labelSelector": ",".join(label_selectors)} if label_selectors else {}
            streams.append(Stream(path, chosen, _known(members)))
    return streams


def _known(targets: Sequence[Target]) -> list[dict[str, Any]]:
    """No more than the UIDs, so that each pod that is still there is judged by its own event."""
    return [{"metadata": {"uid": uid}} for uid in sorted({target.uid for target in targets})]


def _judge(target: Target, name: str, kind: str, pod: Mapping[str, Any], goal: Goal) -> Waited:
    """Decide from one state of the pod whether the wait for an entry is over, and how."""
    entry = next((each for each in entries(pod) if each.name == name), None)
    if kind == "DELETED":
        # With the pod its debugger is gone, too: that is what stopping it was for.
        error = None if goal == "stopped" else _gone(target, name)
        return Waited(entry=entry, error=error, done=True)
    if entry is None:
        return Waited()
    if _reached(entry, goal):
        return Waited(entry=entry, done=True)
    if goal == "stopped":
        return Waited(entry=entry)
    failed = failure(entry)
    if failed is not None:
        return Waited(entry=entry, error=_failed(target, entry, *failed), done=True)
    problem = pod_problem(pod)
    if problem is not None:
        error = DebuggerFailed(f"{target.ref}: debugger {name}: {problem}")
        return Waited(entry=entry, error=error, done=True)
    return Waited(entry=entry)


def _reached(entry: Entry, goal: Goal) -> bool:
    if goal == "running":
        return entry.state == "running" or (entry.state == "finished" and entry.exit_code == 0)
    if goal == "finished":
        return entry.state == "finished" and entry.exit_code == 0
    return entry.state == "finished"


def _gone(target: Target, name: str) -> DebuggerFailed:
    return DebuggerFailed(
        f"{target.ref}: the pod was deleted while the task waited for debugger {name}, which went "
        "with it. Run the task again on the pod that replaces it."
    )


def _failed(target: Target, entry: Entry, reason: str, message: str) -> DebuggerFailed:
    text = f"{target.ref}: debugger {entry.name} (image {entry.image}): {reason}"
    if message:
        text += f": {message.rstrip('.')}"
    if entry.state == "finished":
        if entry.exit_code == _NOT_FOUND:
            text += ". The image has no such command: choose another image, or give the full path"
        return DebuggerFailed(f"{text}.")
    way_out = _WAYS_OUT.get(reason, _RUNTIME_WAY_OUT)
    return DebuggerFailed(
        f"{text}. Way out: {way_out}. The entry stays in the pod's list until the pod goes."
    )


def _timed_out(
    target: Target, name: str, entry: Entry | None, goal: Goal, timeout: float
) -> DebuggerFailed:
    if entry is None:
        seen = "the pod showed no such entry"
    elif entry.state == "waiting":
        seen = f"it is waiting ({entry.reason or 'the kubelet has not reported on it yet'})"
    else:
        seen = f"it is {entry.state}"
    return DebuggerFailed(
        f"{target.ref}: debugger {name} is not {goal} after {timeout:g} s: {seen}. "
        f"Look at node {target.node}, or raise wait_timeout."
    )


def _with_log(client: Client, target: Target, waited: Waited) -> Waited:
    """Add the last lines of the log where a debugger ended with an error of its own."""
    entry = waited.entry
    if waited.error is None or entry is None or entry.state != "finished":
        return waited
    lines = last_lines(client, target, entry.name)
    if not lines:
        return waited
    text = f"{waited.error.msg} Its last output: {' | '.join(lines)}"
    return Waited(entry=entry, error=DebuggerFailed(text, facts=waited.error.facts))


def last_lines(client: Client, target: Target, container: str) -> list[str]:
    """The end of a container's log, cleaned; empty where it may not be read."""
    try:
        text = client.read_text(
            f"{target.path}/log",
            {"container": container, "tailLines": str(_LOG_LINES)},
            max_bytes=_LOG_BYTES,
        )
    except ApiError:
        # The log is a help for the reader of an error, never a reason for another one.
        return []
    return ["".join(c if c.isprintable() else " " for c in line) for line in text.splitlines()]
