# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What a task may say of an agent: the argument specs, and what the use cases read of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    DEFAULT_IMAGE,
    DebuggerOptions,
    OptionError,
    PullPolicy,
    check_name,
)

__all__ = [
    "AGENT_SPEC",
    "CAPABILITY",
    "LAUNCH_SPEC",
    "MODE_SPEC",
    "NAMESPACES",
    "PLACEHOLDERS",
    "AgentOptions",
    "Mode",
    "ModeOptions",
    "NamespaceKind",
    "Preset",
]

Mode: TypeAlias = Literal["auto", "ephemeral", "job"]
NamespaceKind: TypeAlias = Literal["net", "mnt", "pid", "ipc", "uts", "cgroup"]
Preset: TypeAlias = Literal["mirrord"]
NAMESPACES: tuple[NamespaceKind, ...] = get_args(NamespaceKind)

PLACEHOLDERS = ("container_id", "runtime", "pid", "socket")
"""What stands in braces in a word of command or args, and is replaced there."""

# What any module has that may open an agent.
AGENT_SPEC: dict[str, dict[str, Any]] = {
    "image": {"type": "str"},
    "image_pull_policy": {"type": "str", "choices": list(get_args(PullPolicy))},
    "image_pull_secrets": {"type": "list", "elements": "str", "default": []},
    "env": {"type": "dict", "default": {}},
    "capabilities": {"type": "list", "elements": "str"},
    "privileged": {"type": "bool", "default": False},
    "resources": {"type": "dict", "default": {}},
    "scratch_size": {"type": "str", "default": "1Gi"},
    "service_account": {"type": "str"},
    "priority_class": {"type": "str"},
    "tolerations": {"type": "list", "elements": "dict"},
    "labels": {"type": "dict", "default": {}},
    "annotations": {"type": "dict", "default": {}},
    "overrides": {"type": "dict", "default": {}},
    "ttl": {"type": "int", "default": 300},
    "active_deadline": {"type": "int"},
    "lifetime": {"type": "int", "default": 3600},
    "owner": {"type": "str"},
    "reason": {"type": "str"},
    "ticket": {"type": "str"},
}

# What an agent does; a module that knows that itself leaves these out.
LAUNCH_SPEC: dict[str, dict[str, Any]] = {
    "preset": {"type": "str", "choices": list(get_args(Preset))},
    "command": {"type": "list", "elements": "str"},
    "args": {"type": "list", "elements": "str"},
    "launcher": {"type": "bool"},
    "namespaces": {
        "type": "list",
        "elements": "str",
        "choices": list(NAMESPACES),
        "default": [],
    },
    "runtime_socket": {"type": "str"},
    "host_pid": {"type": "bool", "default": True},
    "ready_log": {"type": "str"},
    "ready_port": {"type": "int"},
}

# Where an agent runs.
MODE_SPEC: dict[str, dict[str, Any]] = {
    "mode": {"type": "str", "choices": list(get_args(Mode)), "default": "auto"},
    "agent_namespace": {"type": "str"},
}

CAPABILITY = re.compile(r"[A-Z][A-Z0-9_]{1,40}")
# Source: k8s.io/apimachinery, pkg/api/resource/quantity.go.
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?([KMGTPE]i?|[mk])?")
_LONGEST = 7 * 24 * 3600


@dataclass(frozen=True, kw_only=True)
class ModeOptions:
    """Where an agent may run; ``agent_namespace`` is for the Job, None for the target's own."""

    mode: Mode = "auto"
    agent_namespace: str | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> ModeOptions:
        """Read MODE_SPEC's options; raise OptionError for what cannot be meant."""
        namespace = params.get("agent_namespace") or None
        check_name("agent_namespace", namespace)
        return cls(mode=params["mode"], agent_namespace=namespace)


@dataclass(frozen=True, kw_only=True)
class AgentOptions:
    """An agent as a task describes it, whatever it then runs in.

    ``capabilities`` None stands for what the rest needs; ``runtime_socket`` is "" for none,
    ``auto``, or a path on the node. Times are in seconds. ``launcher`` False runs the image's own
    command, for images without sh.
    """

    image: str = DEFAULT_IMAGE
    image_pull_policy: PullPolicy | None = None
    image_pull_secrets: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    launcher: bool = True
    namespaces: tuple[NamespaceKind, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] | None = None
    privileged: bool = False
    resources: Mapping[str, Any] = field(default_factory=dict)
    scratch_size: str = "1Gi"
    runtime_socket: str = ""
    host_pid: bool = True
    service_account: str | None = None
    priority_class: str | None = None
    tolerations: tuple[Mapping[str, Any], ...] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    ttl: int = 300
    active_deadline: int | None = None
    lifetime: int = 3600
    ready_log: str | None = None
    ready_port: int | None = None
    owner: str | None = None
    reason: str | None = None
    ticket: str | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> AgentOptions:
        """Read AGENT_SPEC's and LAUNCH_SPEC's options; the latter may be missing.

        Raises OptionError for what cannot be meant.
        """
        raise NotImplementedError
