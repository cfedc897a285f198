# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What a task may say: the argument specs, and the frozen dataclasses that the use cases read.

A spec is written once and serves both shells (the module and the action plugin), so that the same
task is refused with the same words wherever it runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import AUTH_SPEC
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    clean,
)

__all__ = [
    "DEBUGGER_SPEC",
    "DEFAULT_IMAGE",
    "SELECT_SPEC",
    "TARGET_SPEC",
    "WAIT_SPEC",
    "DebuggerOptions",
    "Inheritable",
    "OptionError",
    "Profile",
    "PullPolicy",
    "Spec",
    "TargetOptions",
    "WaitOptions",
    "check_name",
    "read_quantity",
    "read_resources",
    "within",
]

Profile: TypeAlias = Literal["general", "baseline", "restricted", "netadmin", "sysadmin"]
Inheritable: TypeAlias = Literal["env", "mounts", "user"]
PullPolicy: TypeAlias = Literal["Always", "IfNotPresent", "Never"]

# A well-known image with the tools that the collection calls (sh, tcpdump, ping, curl, nsenter,
# python3), pinned by tag: "latest" would make the same task another task tomorrow.
DEFAULT_IMAGE = "docker.io/nicolaka/netshoot:v0.14"


class OptionError(DebugError):
    """A task says something that cannot be meant; nothing was sent to the cluster."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """An argument spec with the rules between its options, in Ansible's own terms.

    Source of the terms: ansible.module_utils.common.arg_spec.ArgumentSpecValidator.
    """

    argument_spec: Mapping[str, Mapping[str, Any]]
    mutually_exclusive: tuple[tuple[str, ...], ...] = ()
    required_one_of: tuple[tuple[str, ...], ...] = ()
    required_if: tuple[tuple[Any, ...], ...] = ()

    @classmethod
    def compose(
        cls,
        *parts: Mapping[str, Mapping[str, Any]],
        mutually_exclusive: tuple[tuple[str, ...], ...] = (),
        required_one_of: tuple[tuple[str, ...], ...] = (),
        required_if: tuple[tuple[Any, ...], ...] = (),
    ) -> Spec:
        """Join the authentication options and *parts*; no option may stand in two of them."""
        merged: dict[str, Mapping[str, Any]] = dict(AUTH_SPEC)
        for part in parts:
            twice = merged.keys() & part.keys()
            if twice:
                raise ValueError(f"option given by two parts of a spec: {', '.join(sorted(twice))}")
            merged.update(part)
        return cls(
            argument_spec=merged,
            mutually_exclusive=mutually_exclusive,
            required_one_of=required_one_of,
            required_if=required_if,
        )


# Which pods are meant.
SELECT_SPEC: dict[str, dict[str, Any]] = {
    "namespace": {"type": "str"},
    "all_namespaces": {"type": "bool", "default": False},
    "name": {"type": "list", "elements": "str", "aliases": ["pod"]},
    "workload": {"type": "str"},
    "label_selectors": {"type": "list", "elements": "str", "default": []},
    "field_selectors": {"type": "list", "elements": "str", "default": []},
    "where": {"type": "str"},
}

# Which container of them, and how many at the most; not for tasks that only read.
TARGET_SPEC: dict[str, dict[str, Any]] = {
    "container": {"type": "str"},
    "max_pods": {"type": "int", "default": 10},
    "concurrency": {"type": "int", "default": 16},
}

WAIT_SPEC: dict[str, dict[str, Any]] = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 120},
}

DEBUGGER_SPEC: dict[str, dict[str, Any]] = {
    "image": {"type": "str", "default": DEFAULT_IMAGE},
    "image_pull_policy": {"type": "str", "choices": list(get_args(PullPolicy))},
    "profile": {"type": "str", "choices": list(get_args(Profile)), "default": "general"},
    "target_container": {"type": "bool", "default": True},
    "env": {"type": "dict", "default": {}},
    "inherit": {
        "type": "list",
        "elements": "str",
        "choices": list(get_args(Inheritable)),
        "default": [],
    },
    "custom": {"type": "dict", "default": {}},
    "lifetime": {"type": "int", "default": 3600},
    "owner": {"type": "str"},
    "reason": {"type": "str"},
    "ticket": {"type": "str"},
}

# Source: k8s.io/apimachinery, pkg/util/validation (IsDNS1123Subdomain).
_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
# Source: github.com/distribution/reference, regexp.go (ReferenceRegexp). The API server would take
# a name that is none, and it would stay in the pod as an entry that cannot start.
_PATH_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    r"(?:(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?/)?"
    rf"{_PATH_PART}(?:/{_PATH_PART})*(?::\w[\w.-]{{0,127}})?"
    r"(?:@[A-Za-z][A-Za-z0-9+._-]*:[0-9A-Fa-f]{32,})?",
    re.ASCII,
)
# Source: k8s.io/apimachinery, pkg/api/resource/quantity.go.
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?([KMGTPE]i?|[mk])?")
_SHOWN = 120
_LONGEST_MARK = 512
_LONGEST_LIFETIME = 7 * 24 * 3600
_MOST_CONCURRENCY = 128


def check_name(option: str, value: str | None) -> None:
    """Raise OptionError for a value that no object can be named; None and "" are for the caller."""
    if value and not _OBJECT_NAME.fullmatch(value):
        raise OptionError(
            f"{option}={_shown(value)} is not the name of an object of Kubernetes: those hold "
            "lower case letters, digits, dots and dashes only."
        )


def read_quantity(option: str, value: Any) -> str:
    """An amount as Kubernetes writes it; raises OptionError for what is none."""
    if not _QUANTITY.fullmatch(str(value)):
        raise OptionError(f"{option}={str(value)[:40]!r} is no quantity: write it as 500Mi or 2Gi.")
    return str(value)


def read_resources(value: Mapping[str, Any]) -> dict[str, Any]:
    """A container's ``resources``; raises OptionError for what the API would not take."""
    unknown = sorted(set(value) - {"requests", "limits"})
    if unknown or not all(isinstance(each, Mapping) for each in value.values()):
        raise OptionError(
            "resources is {requests: {cpu: 50m, memory: 64Mi}, limits: {...}}, each of them "
            "optional."
        )
    return {
        kind: {
            name: read_quantity(f"resources.{kind}.{name}", each) for name, each in amounts.items()
        }
        for kind, amounts in value.items()
    }


def _texts(value: Any) -> tuple[str, ...]:
    """An AWX survey that was left empty sends "" where a playbook would omit the option.

    White space is as empty: for the API server such a selector means every pod.
    """
    return tuple(str(item) for item in value or () if str(item).strip())


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)


def _mark(option: str, value: Any) -> str | None:
    """What stands in a debugger's environment is one line: so it reads back as it was written."""
    text = clean(_text(value) or "", limit=_LONGEST_MARK + 1)
    if len(text) > _LONGEST_MARK:
        raise OptionError(
            f"{option} is too long: it stands in the debugger's environment, give at most "
            f"{_LONGEST_MARK} characters."
        )
    return text or None


def _shown(value: str) -> str:
    return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…")


def within(option: str, value: int, low: int, high: int, unit: str = "") -> int:
    """The value of an option; raises OptionError where it is out of its range."""
    if not low <= value <= high:
        raise OptionError(f"{option}={value} is out of range: give {low} to {high}{unit}.")
    return value


@dataclass(frozen=True, kw_only=True)
class TargetOptions:
    """Which pods, and which of their containers, a task means."""

    namespace: str | None = None
    all_namespaces: bool = False
    name: tuple[str, ...] = ()
    workload: str | None = None
    label_selectors: tuple[str, ...] = ()
    field_selectors: tuple[str, ...] = ()
    where: str | None = None
    container: str | None = None
    max_pods: int = 10
    concurrency: int = 16

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> TargetOptions:
        """Read SELECT_SPEC's options and, where the module has them, TARGET_SPEC's.

        Raises OptionError for what cannot be meant.
        """
        options = cls(
            namespace=_text(params["namespace"]),
            all_namespaces=bool(params["all_namespaces"]),
            name=_texts(params["name"]),
            workload=_text(params["workload"]),
            label_selectors=_texts(params["label_selectors"]),
            field_selectors=_texts(params["field_selectors"]),
            where=_text(params["where"]),
            container=_text(params.get("container")),
            max_pods=within("max_pods", params.get("max_pods", 10), 1, 100_000),
            concurrency=within("concurrency", params.get("concurrency", 16), 1, _MOST_CONCURRENCY),
        )
        for option, values in (("namespace", (options.namespace,)), ("name", options.name)):
            for value in values:
                check_name(option, value)
        if options.all_namespaces and options.namespace:
            raise OptionError(
                f"all_namespaces=true and namespace={options.namespace} exclude each other: "
                "leave one of them out."
            )
        if options.all_namespaces and (options.name or options.workload):
            raise OptionError(
                "name and workload mean an object of one namespace: give namespace instead of "
                "all_namespaces=true."
            )
        return options


@dataclass(frozen=True, kw_only=True)
class WaitOptions:
    """Whether to wait, and for how many seconds at the most."""

    wait: bool = True
    timeout: int = 120

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> WaitOptions:
        return cls(
            wait=bool(params["wait"]),
            timeout=within("wait_timeout", params["wait_timeout"], 1, 24 * 3600, " seconds"),
        )


@dataclass(frozen=True, kw_only=True)
class DebuggerOptions:
    """A debugger as the task describes it; what shapes the container makes its identity.

    ``lifetime`` is in seconds; 0 leaves the image's own command unsupervised and unbounded.
    """

    image: str = DEFAULT_IMAGE
    image_pull_policy: PullPolicy | None = None
    profile: Profile = "general"
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    target_container: bool = True
    env: Mapping[str, str]
    inherit: tuple[Inheritable, ...] = ()
    custom: Mapping[str, Any]
    stdin: bool = False
    tty: bool = False
    lifetime: int = 3600
    owner: str | None = None
    reason: str | None = None
    ticket: str | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> DebuggerOptions:
        """Read the options of DEBUGGER_SPEC; raise OptionError for what cannot be meant."""
        options = cls(
            image=str(params["image"]),
            image_pull_policy=params["image_pull_policy"],
            profile=params["profile"],
            command=tuple(params.get("command") or ()),
            args=tuple(params.get("args") or ()),
            target_container=bool(params["target_container"]),
            env={str(key): _env_text(key, value) for key, value in (params["env"] or {}).items()},
            inherit=tuple(dict.fromkeys(params["inherit"] or ())),
            custom=params["custom"] or {},
            stdin=bool(params.get("stdin", False)),
            tty=bool(params.get("tty", False)),
            lifetime=within("lifetime", params["lifetime"], 0, _LONGEST_LIFETIME, " seconds"),
            owner=_mark("owner", params["owner"]),
            reason=_mark("reason", params["reason"]),
            ticket=_mark("ticket", params["ticket"]),
        )
        options._check()
        return options

    def _check(self) -> None:
        if not _IMAGE.fullmatch(self.image):
            raise OptionError(
                f"image={_shown(self.image)} is not the name of an image: write it as in "
                f"{DEFAULT_IMAGE}."
            )
        if self.command and not self.command[0]:
            raise OptionError("command begins with an empty text: give the command as a list.")
        if any("\0" in word for word in (*self.command, *self.args)):
            raise OptionError("command and args cannot hold a NUL character: leave it out.")
        if self.args and self.lifetime:
            raise OptionError(
                "args goes to the entry point of the image, which the collection cannot bound in "
                "time: give the whole argv as command, or set lifetime=0 to run it unbounded."
            )
        reserved = sorted(key for key in self.env if key.startswith("KUBEDEBUG_"))
        if reserved:
            raise OptionError(
                f"env: {', '.join(reserved)}: names that begin with KUBEDEBUG_ are the "
                "collection's own marks; choose another name."
            )


def _env_text(key: Any, value: Any) -> str:
    """YAML turns ``yes`` and ``8080`` into other types; an environment knows text only."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        if "\0" in str(value):
            raise OptionError(f"env: the value of {key} holds a NUL character: leave it out.")
        return str(value)
    raise OptionError(f"env: the value of {key} is a {type(value).__name__}: give a text.")
