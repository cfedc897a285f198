# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What a task may say of an agent: the argument specs, and what the use cases read of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from ansible_collections.kubedebug.core.plugins.module_utils._agent.presets import PRESETS, Preset
from ansible_collections.kubedebug.core.plugins.module_utils._agent.runtime import check_socket
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    DEFAULT_IMAGE,
    DebuggerOptions,
    OptionError,
    PullPolicy,
    check_name,
    read_quantity,
    read_resources,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.namespaces import (
    SHARING,
    places_of,
)

__all__ = [
    "AGENT_SPEC",
    "LAUNCH_SPEC",
    "MARKS",
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
NAMESPACES: tuple[NamespaceKind, ...] = get_args(NamespaceKind)

MARKS = "kubedebug.core/"
"""What the collection's own labels and annotations begin with."""

PLACEHOLDERS = ("container_id", "runtime", "pid", "socket")
"""What stands in braces in a word of command or args, and is replaced there."""

# What any module has that may open an agent.
AGENT_SPEC: dict[str, dict[str, Any]] = {
    "image": {"type": "str"},
    "image_pull_policy": {"type": "str", "choices": list(get_args(PullPolicy))},
    # Names of objects, no secrets.
    "image_pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
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
    "ttl": {"type": "int"},
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
    "namespaces": {"type": "list", "elements": "str", "default": []},
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

_DEFAULT_TTL = 300
_CAPABILITY = re.compile(r"[A-Z][A-Z0-9_]{1,40}")
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
    command, for images without sh. ``linger`` is how long an agent under the launcher stays after
    its target has ended, so that what it has written can be fetched. ``network_only`` is for work
    that needs no more of the target than its network: as a debugger it is root, in a process
    namespace of its own, where PID 1 is a shell that leaves no zombie of what it was given.
    """

    image: str = DEFAULT_IMAGE
    image_pull_policy: PullPolicy | None = None
    image_pull_secrets: tuple[str, ...] = ()
    preset: Preset | None = None
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
    ttl: int = _DEFAULT_TTL
    active_deadline: int | None = None
    lifetime: int = 3600
    linger: int = 0
    ready_log: str | None = None
    ready_port: int | None = None
    network_only: bool = False
    owner: str | None = None
    reason: str | None = None
    ticket: str | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> AgentOptions:
        """Read AGENT_SPEC's and LAUNCH_SPEC's options; the latter may be missing.

        What a preset says counts where the task says nothing. Raises OptionError for what cannot
        be meant.
        """
        preset: Preset | None = params.get("preset") or None
        told = {**PRESETS[preset]} if preset else {}
        told |= {key: value for key, value in params.items() if not _is_empty(value)}
        # The rules for what an agent and a debugger have in common are written once.
        common = DebuggerOptions.from_params({**_COMMON, **_only(told, _COMMON), "lifetime": 1})
        lifetime = _seconds("lifetime", told.get("lifetime", 3600), 1)
        options = cls(
            image=common.image,
            image_pull_policy=common.image_pull_policy,
            image_pull_secrets=_names("image_pull_secrets", told.get("image_pull_secrets")),
            preset=preset,
            command=tuple(told.get("command") or ()),
            args=tuple(told.get("args") or ()),
            launcher=bool(told.get("launcher", True)),
            namespaces=_namespaces(told.get("namespaces") or ()),
            env=common.env,
            capabilities=_capabilities(told.get("capabilities")),
            privileged=bool(told.get("privileged", False)),
            resources=read_resources(told.get("resources") or {}),
            scratch_size=read_quantity("scratch_size", told.get("scratch_size", "1Gi")),
            runtime_socket=check_socket(str(told.get("runtime_socket", ""))),
            host_pid=bool(told.get("host_pid", True)),
            service_account=_name("service_account", told.get("service_account")),
            priority_class=_name("priority_class", told.get("priority_class")),
            tolerations=_tolerations(told.get("tolerations")),
            labels=_texts("labels", told.get("labels") or {}),
            annotations=_texts("annotations", told.get("annotations") or {}),
            overrides=told.get("overrides") or {},
            ttl=_seconds("ttl", told.get("ttl", _DEFAULT_TTL), 0),
            active_deadline=_optional_seconds("active_deadline", told.get("active_deadline")),
            lifetime=lifetime,
            ready_log=_pattern(told.get("ready_log")),
            ready_port=_port(told.get("ready_port")),
            owner=common.owner,
            reason=common.reason,
            ticket=common.ticket,
        )
        options._check()
        return options

    def _check(self) -> None:
        words = (*self.command, *self.args)
        if self.command and not self.command[0]:
            raise OptionError("command begins with an empty text: give the command as a list.")
        if any("\0" in word for word in words):
            raise OptionError("command and args cannot hold a NUL character: leave it out.")
        if self.capabilities is not None and self.privileged:
            raise OptionError(
                "privileged=true gives every capability: leave capabilities out, or privileged."
            )
        if self.launcher:
            self._check_launched()
        else:
            self._check_bare(words)

    def _check_launched(self) -> None:
        if self.args:
            raise OptionError(
                "args goes to the entry point of the image, which the launcher does not know: give "
                "the whole argv as command, or set launcher=false."
            )
        if not self.host_pid:
            raise OptionError(
                "host_pid=false leaves the launcher in a process namespace where its target is not "
                "to be seen: set launcher=false, too."
            )
        if self.ready_port is not None and not self.command:
            raise OptionError("ready_port needs a command that listens there: give command.")
        if not self.runtime_socket and any("{socket}" in word for word in self.command):
            raise OptionError(
                "command has {socket}: say where the runtime's socket is, by runtime_socket=auto "
                "or its path on the node."
            )

    def _check_bare(self, words: Sequence[str]) -> None:
        if self.namespaces:
            raise OptionError(
                f"namespaces={','.join(self.namespaces)} needs the launcher, which enters them: "
                "leave launcher=false out."
            )
        for name in ("pid", "socket"):
            if any(f"{{{name}}}" in word for word in words):
                raise OptionError(
                    f"{{{name}}} is known to the launcher only: leave launcher=false out."
                )


# DEBUGGER_SPEC's options, as they are read where an agent has none of that name.
_COMMON: dict[str, Any] = {
    "image": DEFAULT_IMAGE,
    "image_pull_policy": None,
    "profile": "general",
    "target_container": True,
    "env": {},
    "inherit": [],
    "custom": {},
    "lifetime": 1,
    "owner": None,
    "reason": None,
    "ticket": None,
}


def _only(told: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    return {key: told[key] for key in keys if key in told}


def _is_empty(value: Any) -> bool:
    """What a survey that was left empty sends, and what a spec has where a task says nothing."""
    return value is None or value in ("", [], {})


def _seconds(option: str, value: int, low: int) -> int:
    if not low <= value <= _LONGEST:
        raise OptionError(f"{option}={value} is out of range: give {low} to {_LONGEST} seconds.")
    return value


def _optional_seconds(option: str, value: int | None) -> int | None:
    return None if value is None else _seconds(option, value, 1)


def _name(option: str, value: Any) -> str | None:
    check_name(option, value)
    return str(value) if value else None


def _names(option: str, values: Any) -> tuple[str, ...]:
    names = tuple(str(value) for value in values or () if str(value).strip())
    for name in names:
        check_name(option, name)
    return names


def _capabilities(values: Any) -> tuple[str, ...] | None:
    if values is None:
        return None
    names = tuple(dict.fromkeys(str(value).removeprefix("CAP_") for value in values))
    for name in names:
        if not _CAPABILITY.fullmatch(name):
            raise OptionError(
                f"capabilities: {name[:40]!r} is none: write them as NET_ADMIN, with or without "
                "CAP_ before it."
            )
    # The way to say "none at all", which an empty list of a survey does not.
    return () if names == ("NONE",) else names


def _namespaces(values: Sequence[Any]) -> tuple[NamespaceKind, ...]:
    wanted = tuple(dict.fromkeys(str(value) for value in values))
    for name in wanted:
        if name in NAMESPACES:
            continue
        if name not in SHARING:
            raise OptionError(
                f"namespaces: {name[:40]!r} is none: choose among {', '.join(NAMESPACES)}."
            )
        beside = "joined" in places_of(name, "always")
        way = ", and mode=ephemeral is in the target's anyhow" if beside else ""
        raise OptionError(
            f"namespaces: {name} cannot be chosen, since a container is given no other one than "
            f"that of its pod or of the node{way}. Leave it out."
        )
    return tuple(kind for kind in NAMESPACES if kind in wanted)


def _tolerations(values: Any) -> tuple[Mapping[str, Any], ...] | None:
    return None if values is None else tuple(dict(value) for value in values)


def _texts(option: str, values: Mapping[str, Any]) -> dict[str, str]:
    """YAML turns ``true`` and ``8080`` into other types; labels and annotations know text only."""
    texts = {}
    for key, value in values.items():
        if str(key).startswith(MARKS):
            raise OptionError(
                f"{option}: {key}: names that begin with {MARKS} are the collection's own marks."
            )
        if isinstance(value, bool):
            texts[str(key)] = "true" if value else "false"
        elif isinstance(value, (str, int, float)):
            texts[str(key)] = str(value)
        else:
            raise OptionError(f"{option}: the value of {key} must be a text.")
    return texts


def _pattern(value: Any) -> str | None:
    if value is None:
        return None
    try:
        re.compile(str(value))
    except re.error as error:
        raise OptionError(
            f"ready_log={str(value)[:80]!r} is no regular expression: {error}."
        ) from error
    return str(value)


def _port(value: int | None) -> int | None:
    if value is not None and not 1 <= value <= 65535:
        raise OptionError(f"ready_port={value} is out of range: give 1 to 65535.")
    return value
