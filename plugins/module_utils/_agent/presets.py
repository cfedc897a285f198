# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Agents that others have made, as options; what a task says itself counts for more. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

__all__ = ["PRESETS", "SHAPES", "Preset", "Shape"]

Preset: TypeAlias = Literal["mirrord"]

_MIRRORD_PORT = "61337"
"""Above the ports that Linux gives outgoing connections, since an ephemeral agent shares the pod's
network; mirrord takes one by chance, with which no task would be idempotent."""

_MIRRORD = ["./mirrord-agent", "-l", _MIRRORD_PORT, "-t", "30"]

# Source: mirrord 3.250.0, kube/src/api/container/{pod,job,util}.rs and config/src/agent.rs.
PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "mirrord": {
        "image": "ghcr.io/metalbear-co/mirrord:3.250.0",
        "image_pull_policy": "IfNotPresent",
        "launcher": False,
        "command": [
            *_MIRRORD,
            "targeted",
            "--container-id",
            "{container_id}",
            "--container-runtime",
            "{runtime}",
        ],
        "runtime_socket": "auto",
        "capabilities": ["SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN"],
        "labels": {"app": "mirrord"},
        "env": {"RUST_LOG": "mirrord=info,warn"},
        "resources": {
            "requests": {"cpu": "1m", "memory": "1Mi"},
            "limits": {"cpu": "1", "memory": "100Mi"},
        },
        "ttl": 1,
        "ready_log": "agent ready",
    },
}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What of a preset is no option: how its objects are called, and what is otherwise in a pod
    that it shares with its target.

    ``run_as_group`` says that the agent tells its own traffic from the target's by a group ID that
    nothing else has.
    """

    prefix: str = "kubedebug-agent"
    container: str = "agent"
    ephemeral_command: tuple[str, ...] | None = None
    ephemeral_capabilities: tuple[str, ...] | None = None
    needs_socket: bool = True
    run_as_group: bool = False


SHAPES: Mapping[Preset | None, Shape] = {
    None: Shape(),
    "mirrord": Shape(
        prefix="mirrord-agent",
        container="mirrord-agent",
        ephemeral_command=(*_MIRRORD, "ephemeral"),
        # It is in the target's namespaces already.
        ephemeral_capabilities=("SYS_PTRACE", "NET_ADMIN"),
        needs_socket=False,
        run_as_group=True,
    ),
}
