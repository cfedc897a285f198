# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What the task returns for each forward, always of one shape."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._forward.store import Record
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._kube.relay import LOOPBACK

__all__ = ["Action", "Forwarded", "forward_result"]

Action: TypeAlias = Literal["started", "reused", "planned", "stopped", "none", "failed"]


@dataclass(frozen=True, kw_only=True)
class Forwarded:
    """What was done about one forward."""

    record: Record
    action: Action
    error: DebugError | None = None

    @property
    def changed(self) -> bool:
        return self.action in ("started", "stopped", "planned")


def forward_result(forwarded: Forwarded) -> dict[str, Any]:
    """The forward as plain data; what it has relayed is known once it has ended."""
    record = forwarded.record
    is_there = forwarded.action in ("started", "reused")
    served = record.ended is not None
    return {
        "namespace": record.namespace,
        "name": record.pod,
        "uid": record.uid,
        "node": record.node,
        "container": record.container,
        "port": record.port,
        "action": forwarded.action,
        "host": LOOPBACK,
        "local_port": record.local_port or None,
        "address": f"{LOOPBACK}:{record.local_port}" if record.local_port else None,
        "pid": record.pid if is_there and record.pid else None,
        "expires": datetime.fromtimestamp(record.expires, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ends_with_playbook": record.controller_pid != 0,
        "ended": record.ended,
        "connections": record.connections if served else None,
        "failed_connections": record.failed if served else None,
        "bytes_to_pod": record.bytes_to_pod if served else None,
        "bytes_from_pod": record.bytes_from_pod if served else None,
        "last_error": record.last_error,
        "error": forwarded.error.msg if forwarded.error is not None else None,
    }
