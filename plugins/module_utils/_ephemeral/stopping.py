# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Ending debuggers by signal, and proof that they ended.

The API never lets an entry go from a pod, so the most that can be had is an entry that has
finished. The signal goes to the processes of the debugger's own container alone: in a shared
process namespace PID 1 is the application.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import (
    Entry,
    entries,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.supervisor import STOPPER
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.waiting import (
    Waited,
    wait_for_entries,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube import exec as kube_exec
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    ExecError,
    ExecInterrupted,
    ExecStartFailed,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target

__all__ = ["Stopped", "stop_debuggers"]

_OUTPUT_LIMIT = 4096
_EXEC_SLACK = 15.0


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """A debugger that was signalled: how it ended, or why it did not."""

    target: Target
    entry: Entry
    error: DebugError | None = None


def stop_debuggers(
    client: Client,
    running: Sequence[tuple[Target, Entry]],
    *,
    grace: int,
    timeout: float,
    concurrency: int,
) -> list[Stopped]:
    """Signal each debugger, wait *grace* seconds before the harder signal, and verify the end.

    *timeout* bounds the verification, in seconds.
    """
    signalled = fan_out(
        lambda pair: _signal(client, pair[0], pair[1], grace), running, limit=concurrency
    )
    refused = {
        index: outcome.error for index, outcome in enumerate(signalled) if outcome.error is not None
    }
    # A pod that is gone before the watch begins never shows up in it.
    verify = [index for index, outcome in enumerate(signalled) if outcome.value]
    waited = wait_for_entries(
        client,
        [(running[index][0], running[index][1].name) for index in verify],
        goal="stopped",
        timeout=timeout,
        concurrency=concurrency,
    )
    ended = dict(zip(verify, waited, strict=True))
    return [
        Stopped(target=target, entry=entry, error=refused[index])
        if index in refused
        else _stopped(target, entry, ended.get(index, Waited()))
        for index, (target, entry) in enumerate(running)
    ]


def _stopped(target: Target, entry: Entry, waited: Waited) -> Stopped:
    last = waited.entry or entry
    if waited.error is None:
        # What went with its pod was perhaps never seen to end.
        last = replace(last, state="finished")
    return Stopped(target=target, entry=last, error=waited.error)


def _signal(client: Client, target: Target, entry: Entry, grace: int) -> bool:
    """Signal a debugger, and once more where the connection broke while it runs on.

    False when the pod is gone, and the debugger with it.
    """
    for repeated in (False, True):
        try:
            kube_exec.run(
                client,
                namespace=target.namespace,
                pod=target.name,
                container=entry.name,
                argv=["sh", "-c", STOPPER, "kubedebug-stop", str(grace)],
                timeout=grace + _EXEC_SLACK,
                max_output=_OUTPUT_LIMIT,
            )
        except ExecInterrupted:
            # The connection goes down together with the container that it was opened in, or by
            # itself and before the signal was sent, which does no harm a second time.
            pod = _pod(client, target)
            if pod is None or not _runs(pod, entry.name):
                return pod is not None
        except ExecStartFailed as error:
            if repeated:
                return True
            raise DebugError(
                f"{target.ref}: debugger {entry.name} cannot be stopped, because its image "
                f"{entry.image} has no sh to send a signal with ({error.msg}). It ends by itself "
                "or with the pod."
            ) from error
        except (ExecError, NotFound):
            # Whether the debugger has ended is for the watch to say.
            return _pod(client, target) is not None
        else:
            return True
    return True


def _pod(client: Client, target: Target) -> Mapping[str, Any] | None:
    """The pod as it is now; None where it is gone, also where another one has its name."""
    try:
        pod = client.get(target.path)
    except NotFound:
        return None
    return pod if pod["metadata"]["uid"] == target.uid else None


def _runs(pod: Mapping[str, Any], name: str) -> bool:
    return any(each.name == name and each.state == "running" for each in entries(pod))
