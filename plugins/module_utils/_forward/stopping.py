# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Which forwards a task means by ``state=stopped``, and their end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from signal import SIGKILL, SIGTERM

from ansible_collections.kubedebug.core.plugins.module_utils._forward.options import (
    ForwardOptions,
    port_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._forward.results import Forwarded
from ansible_collections.kubedebug.core.plugins.module_utils._forward.store import (
    Record,
    Store,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._options import TargetOptions
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import TargetError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.scan import namespace_of
from ansible_collections.kubedebug.core.plugins.module_utils._pods.targets import resolve

__all__ = ["chosen", "stop_all"]

_PATIENCE = 10.0
_WITHOUT_A_WORD = "its process was killed"


def chosen(
    client: Client,
    target: TargetOptions,
    options: ForwardOptions,
    records: Sequence[Record],
    *,
    selection: str,
) -> list[Record]:
    """Those of *records* that the task means.

    The same options as those of the start find what that has started, also when the pods are gone
    and without asking the API; so do the names of pods. Other selections are asked for.
    """
    if not (
        target.name
        or target.workload
        or target.label_selectors
        or target.field_selectors
        or target.where is not None
    ):
        return [each for each in records if _fits(client, target, options, each)]
    narrowed = (
        target.workload
        or target.label_selectors
        or target.field_selectors
        or (target.where is not None)
    )
    same = [each for each in records if each.selection == selection]
    if same:
        return same
    if narrowed and records:
        return _resolved(client, target, options, records)
    return [
        each for each in records if each.pod in target.name and _fits(client, target, options, each)
    ]


def _fits(client: Client, target: TargetOptions, options: ForwardOptions, record: Record) -> bool:
    """Whether namespace and port, as far as the task names them, are the record's."""
    if (target.namespace or target.name) and record.namespace != namespace_of(client, target):
        return False
    return options.port in (None, str(record.port), record.port_name)


def _resolved(
    client: Client, target: TargetOptions, options: ForwardOptions, records: Sequence[Record]
) -> list[Record]:
    try:
        resolution = resolve(client, target, need_running=False)
    except TargetError:
        # What matches no pod has no forward to end either.
        return []
    wanted = {}
    for each in resolution.targets:
        wanted[each.uid] = port_of(each, options.port) if options.port is not None else None
    return [
        each for each in records if each.uid in wanted and wanted[each.uid] in (None, each.port)
    ]


def stop_all(store: Store, records: Sequence[Record], *, check_mode: bool) -> list[Forwarded]:
    """End the processes side by side, and hand on what each of them leaves as its last word."""
    if check_mode:
        return [
            Forwarded(record=each, action="planned" if each.runs else "none") for each in records
        ]
    running = {each.id for each in records if each.runs}
    for record in records:
        if record.id in running:
            record.process.send(SIGTERM)
    return [_ended(store, record, ran=record.id in running) for record in records]


def _ended(store: Store, record: Record, *, ran: bool) -> Forwarded:
    if ran and not record.process.wait(_PATIENCE):
        record.process.send(SIGKILL)
        if not record.process.wait(_PATIENCE):
            error = DebugError(
                f"{record.namespace}/{record.pod}: the process {record.pid} of the forward cannot "
                "be ended: it hangs in the system."
            )
            return Forwarded(record=record, action="failed", error=error)
    last = store.get(record.id) or record
    store.remove(record.id)
    if last.ended is None:
        last = replace(last, ended=_WITHOUT_A_WORD, ended_at=time.time())
    return Forwarded(record=last, action="stopped" if ran else "none")
