# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What a task says about a forward."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, get_args

from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    OptionError,
    TargetOptions,
    within,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import (
    Target,
    TargetError,
    listing,
)

__all__ = ["FORWARD_SPEC", "ForwardOptions", "port_of", "selection_id"]

State: TypeAlias = Literal["started", "stopped"]

FORWARD_SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": list(get_args(State)), "default": "started"},
    "port": {"type": "str"},
    "local_port": {"type": "int", "default": 0},
    "lifetime": {"type": "int", "default": 3600},
    "probe": {"type": "bool", "default": True},
    "outlive_playbook": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 30},
}

_LONGEST_LIFETIME = 7 * 24 * 3600
_LAST_PORT = 65535
_LONGEST_NAME = 15
"""Characters of a port's name. Source: k8s.io/apimachinery, IsValidPortName."""


@dataclass(frozen=True, kw_only=True)
class ForwardOptions:
    """Durations are in seconds. `port` is a number or the name of a container's port."""

    state: State = "started"
    port: str | None = None
    local_port: int = 0
    lifetime: int = 3600
    probe: bool = True
    outlive_playbook: bool = False
    timeout: int = 30

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> ForwardOptions:
        """Read FORWARD_SPEC's options; raises OptionError for what cannot be meant."""
        port = str(params["port"] or "").strip()
        options = cls(
            state=params["state"],
            port=port or None,
            local_port=within("local_port", params["local_port"], 0, _LAST_PORT),
            lifetime=within("lifetime", params["lifetime"], 1, _LONGEST_LIFETIME),
            probe=bool(params["probe"]),
            outlive_playbook=bool(params["outlive_playbook"]),
            timeout=within("timeout", params["timeout"], 1, 600),
        )
        if options.port is None and options.state == "started":
            raise OptionError("port is missing: give the number or the name of the pod's port.")
        if port.isdigit():
            within("port", int(port), 1, _LAST_PORT)
        elif port and (len(port) > _LONGEST_NAME or not port.replace("-", "").isalnum()):
            raise OptionError(
                f"port={port[:40]!r} is neither a number from 1 to {_LAST_PORT} nor the name of a "
                "container's port."
            )
        return options


def port_of(target: Target, port: str) -> int:
    """The number of a port that may be given by name.

    The target's container is asked first and then the others of the pod, since all of them share
    its addresses. Raises TargetError for a name that none of them has.
    """
    if port.isdigit():
        return int(port)
    spec = target.pod.get("spec") or {}
    containers = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    containers.sort(key=lambda each: each["name"] != target.container)
    ports = [each for container in containers for each in container.get("ports") or []]
    for each in ports:
        if each.get("name") == port:
            return int(each["containerPort"])
    names = [f"{each['name']} ({each['containerPort']})" for each in ports if each.get("name")]
    known = f"it has {listing(names)}" if names else "its containers name none"
    raise TargetError(
        f"{target.ref} has no port of the name {port}: {known}. A port can be given by its number, "
        "whether a container declares it or not."
    )


def selection_id(
    target: TargetOptions, options: ForwardOptions, *, namespace: str | None, server: str
) -> str:
    """What a task selects, as a short text: the same for two tasks that say the same."""
    said = {
        **asdict(target),
        "name": sorted(target.name),
        "max_pods": None,
        "concurrency": None,
        "namespace": namespace,
        "port": options.port,
        "server": server,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
