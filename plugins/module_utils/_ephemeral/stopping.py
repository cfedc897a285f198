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

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import (
    Entry,
    entries,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.supervisor import (
    STOP_NAME,
    STOPPER,
)
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


# The end of a stopper that has found a lifetime that was extended.
_SPARED = 3
_UNTIL = re.compile(rb"extended ([0-9]{9,11})\n")


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """A debugger that was signalled: how it ended, or why it did not.

    ``extended_until`` (epoch, s) is set where it was left alone, since somebody has extended it.
    """

    target: Target
    entry: Entry
    error: DebugError | None = None
    extended_until: float | None = None


def stop_debuggers(
    client: Client,
    running: Sequence[tuple[Target, Entry]],
    *,
    grace: int,
    timeout: float,
    concurrency: int,
    spare_extended: bool = False,
) -> list[Stopped]:
    """Signal each debugger, wait *grace* seconds before the harder signal, and verify the end.

    *timeout* bounds the verification, in seconds. With *spare_extended*, one whose lifetime was
    extended is left alone, which only the debugger itself knows.
    """
    signalled = fan_out(
        lambda pair: _signal(client, pair[0], pair[1], grace, spare=spare_extended),
        running,
        limit=concurrency,
    )
    refused = {
        index: outcome.error for index, outcome in enumerate(signalled) if outcome.error is not None
    }
    spared = {index: outcome.value for index, outcome in enumerate(signalled) if outcome.value}
    verify = [
        index for index in range(len(running)) if index not in refused and index not in spared
    ]
    waited = wait_for_entries(
        client,
        [(running[index][0], running[index][1].name) for index in verify],
        goal="stopped",
        timeout=timeout,
        concurrency=concurrency,
    )
    ended = dict(zip(verify, waited, strict=True))
    return [
        _stopped(target, entry, ended[index])
        if index in ended
        else Stopped(
            target=target,
            entry=entry,
            error=refused.get(index),
            extended_until=spared.get(index),
        )
        for index, (target, entry) in enumerate(running)
    ]


def _stopped(target: Target, entry: Entry, waited: Waited) -> Stopped:
    last = waited.entry or entry
    if waited.error is None:
        # What went with its pod was perhaps never seen to end.
        last = replace(last, state="finished")
    return Stopped(target=target, entry=last, error=waited.error)


def _signal(
    client: Client, target: Target, entry: Entry, grace: int, *, spare: bool
) -> float | None:
    """Signal a debugger, and once more where the connection broke while it runs on.

    Whether it has ended is for the watch to say. Returns until when it is extended, where it is
    spared for that.
    """
    argv = ["sh", "-c", STOPPER, STOP_NAME, str(grace), "spare" if spare else ""]
    for repeated in (False, True):
        try:
            ran = kube_exec.run(
                client,
                namespace=target.namespace,
                pod=target.name,
                container=entry.name,
                argv=argv,
                timeout=grace + _EXEC_SLACK,
                max_output=_OUTPUT_LIMIT,
            )
        except ExecInterrupted:
            # The connection goes down together with the container that it was opened in, or by
            # itself and before the signal was sent, which does no harm a second time.
            if not _runs(client, target, entry.name):
                return None
        except ExecStartFailed as error:
            if repeated:
                return None
            raise DebugError(
                f"{target.ref}: debugger {entry.name} cannot be stopped, because its image "
                f"{entry.image} has no sh to send a signal with ({error.msg}). It ends by itself "
                "or with the pod."
            ) from error
        except (ExecError, NotFound):
            return None
        else:
            until = _UNTIL.fullmatch(ran.stdout) if ran.rc == _SPARED else None
            return float(until[1]) if until is not None else None
    return None


def _runs(client: Client, target: Target, name: str) -> bool:
    """Whether the debugger runs by now; not where its pod is gone, or another one has its name."""
    try:
        pod = client.get(target.path)
    except NotFound:
        return False
    return pod["metadata"]["uid"] == target.uid and any(
        each.name == name and each.state == "running" for each in entries(pod)
    )
