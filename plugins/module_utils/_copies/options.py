# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What a task may say about a pod that is made to debug with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.profiles import (
    check_custom,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    DEBUGGER_SPEC,
    DEFAULT_IMAGE,
    DebuggerOptions,
    OptionError,
    check_name,
)

__all__ = [
    "KEPT",
    "MADE_SPEC",
    "CopyOptions",
    "MadeOptions",
    "NodeOptions",
    "Probe",
    "check_for_container",
]

Probe: TypeAlias = Literal["livenessProbe", "readinessProbe", "startupProbe"]

# Option and the field of a container that it keeps.
KEPT: Mapping[str, Probe] = {
    "keep_liveness": "livenessProbe",
    "keep_readiness": "readinessProbe",
    "keep_startup": "startupProbe",
}

_SHARED = ("image_pull_policy", "profile", "env", "custom", "owner", "reason", "ticket")
MADE_SPEC: dict[str, dict[str, Any]] = {
    **{name: DEBUGGER_SPEC[name] for name in _SHARED},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "image": {"type": "str"},
    "command": {"type": "list", "elements": "str", "default": []},
    "args": {"type": "list", "elements": "str", "default": []},
    "stdin": {"type": "bool", "default": False},
    "tty": {"type": "bool", "default": False},
    "lifetime": {"type": "int", "default": 3600},
}
"""What both of them have in common."""

_SHORTEST, _LONGEST = 10, 7 * 24 * 3600
# What kubectl refuses in --custom, and where the collection has it.
_REFUSED = ("name", "image", "command", "lifecycle", "volumeDevices")
_CHECKED = (
    "env",
    "envFrom",
    "imagePullPolicy",
    "securityContext",
    "stdin",
    "stdinOnce",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeMounts",
    "workingDir",
)
_BOTH = "command and args: with command, args are its arguments already; put them into command."


@dataclass(frozen=True, kw_only=True)
class MadeOptions:
    """What shapes the debugging container; ``lifetime`` is in seconds and bounds the whole pod.

    ``image`` is None where no container is added or changed by it.
    """

    image: str | None
    debugger: DebuggerOptions
    lifetime: int

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> MadeOptions:
        """Read MADE_SPEC's options; raises OptionError for what cannot be meant."""
        image = params["image"] or None
        lifetime = params["lifetime"]
        if not _SHORTEST <= lifetime <= _LONGEST:
            raise OptionError(
                f"lifetime={lifetime} is out of range: give {_SHORTEST} to {_LONGEST} seconds. The "
                "pod is always bounded in time."
            )
        if params["command"] and params["args"]:
            raise OptionError(_BOTH)
        described = {
            **params,
            "image": image or DEFAULT_IMAGE,
            "target_container": False,
            "inherit": [],
            # The pod has a bound of its own, which the API server sees to.
            "lifetime": 0,
        }
        refused = sorted(set(_REFUSED) & set(params["custom"] or {}))
        if refused:
            raise OptionError(
                f"custom: {', '.join(refused)} cannot be changed by it, as with kubectl debug; "
                "image and command are options of their own."
            )
        return cls(image=image, debugger=DebuggerOptions.from_params(described), lifetime=lifetime)


@dataclass(frozen=True, kw_only=True)
class CopyOptions:
    """A copy of a pod; ``container`` is changed where it is given, else one is added."""

    made: MadeOptions
    copy_name: str | None = None
    container: str | None = None
    debugger_name: str = "debugger"
    set_image: Mapping[str, str]
    same_node: bool = False
    share_processes: bool | None = None
    keep_labels: bool = False
    keep_annotations: bool = False
    keep_init_containers: bool = True
    kept_probes: tuple[Probe, ...] = ()
    replace: bool = False

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> CopyOptions:
        """Read the options of a copy; raises OptionError for what cannot be meant."""
        options = cls(
            made=MadeOptions.from_params(params),
            copy_name=params["copy_name"] or None,
            container=params["container"] or None,
            debugger_name=params["debugger_name"] or "debugger",
            set_image={str(key): str(value) for key, value in (params["set_image"] or {}).items()},
            same_node=params["same_node"],
            share_processes=params["share_processes"],
            keep_labels=params["keep_labels"],
            keep_annotations=params["keep_annotations"],
            keep_init_containers=params["keep_init_containers"],
            kept_probes=tuple(field for option, field in KEPT.items() if params[option]),
            replace=params["replace"],
        )
        for option in ("copy_name", "debugger_name"):
            check_name(option, params[option])
        for name, image in options.set_image.items():
            if not image or image != image.strip() or " " in image:
                raise OptionError(f"set_image: {name}={image!r} is not the name of an image.")
        if params["state"] == "present":
            options._check_purpose()
        return options

    @property
    def adds(self) -> bool:
        """Whether a container is added."""
        return self.made.image is not None and self.container is None

    def _check_purpose(self) -> None:
        debugger = self.made.debugger
        changed = bool(debugger.command or debugger.args)
        if self.made.image is None and not self.set_image and not changed:
            raise OptionError(
                "A copy that is the same as its pod shows nothing new: give image (a container to "
                "add), set_image, or container with command."
            )
        if changed and self.made.image is None and self.container is None:
            raise OptionError(
                "command and args are for a container: give image, and one is added, or container, "
                "and that one is changed."
            )


@dataclass(frozen=True, kw_only=True)
class NodeOptions:
    """A debugger of a node, in a pod of its own."""

    made: MadeOptions
    container: str = "debugger"

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> NodeOptions:
        """Read the options of a node's debugger; raises OptionError for what cannot be meant."""
        made = MadeOptions.from_params({**params, "image": params["image"] or DEFAULT_IMAGE})
        return cls(made=made)


def check_for_container(custom: Mapping[str, Any], volumes: list[str]) -> None:
    """Raise OptionError for a partial container whose merge would fail or lose something.

    Unlike an ephemeral container a plain one takes every other field of the API, too.
    """
    check_custom({key: value for key, value in custom.items() if key in _CHECKED}, volumes)
