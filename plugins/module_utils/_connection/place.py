# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Which container a host stands for, and the debugger that its tasks run in; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    DEBUGGER_SPEC,
    DebuggerOptions,
    OptionError,
    WaitOptions,
    check_name,
)

__all__ = ["OPTIONS", "Place"]

OPTIONS = (
    "namespace",
    "pod",
    "container",
    "seat",
    "keep",
    "wait_timeout",
    *DEBUGGER_SPEC,
)
"""The options of the connection plugin that are not about authentication."""

_SHORTEST_LIFETIME = 60
_MOST_PARTS = 3


@dataclass(frozen=True, kw_only=True)
class Place:
    """One host: a pod, and what its tasks run in.

    ``seat`` names a container that is there already; without it a debugger is opened as ``options``
    say. ``namespace`` is None where the context's is meant, ``keep`` is whether a reset of the
    connection leaves the debugger running.
    """

    namespace: str | None
    pod: str
    container: str | None
    seat: str | None
    keep: bool
    options: DebuggerOptions
    wait: WaitOptions

    @classmethod
    def from_params(cls, params: Mapping[str, Any], *, address: str) -> Place:
        """Read the plugin's options; raises OptionError for what cannot be meant.

        *address* is ansible_host, or the host's name: ``[NAMESPACE/]POD[/CONTAINER]``. It counts
        where no pod is given.
        """
        given = {key: value for key in OPTIONS if (value := params.get(key)) not in (None, "")}
        if "pod" not in given:
            given = {**_parsed(address), **given}
        for option in ("namespace", "pod", "container", "seat"):
            check_name(option, given.get(option))
        lifetime = given.get("lifetime", _SHORTEST_LIFETIME)
        if lifetime < _SHORTEST_LIFETIME:
            raise OptionError(
                f"lifetime={lifetime} is too short for a connection, whose debugger serves many "
                f"tasks and ends by itself: give {_SHORTEST_LIFETIME} seconds or more."
            )
        described = {name: given.get(name, _default(name)) for name in DEBUGGER_SPEC}
        return cls(
            namespace=given.get("namespace"),
            pod=given["pod"],
            container=given.get("container"),
            seat=given.get("seat"),
            keep=bool(given.get("keep", True)),
            options=DebuggerOptions.from_params(described),
            wait=WaitOptions.from_params(
                {"wait": True, "wait_timeout": given.get("wait_timeout", 120)}
            ),
        )

    @property
    def ref(self) -> str:
        """The name for messages."""
        return f"{self.namespace}/{self.pod}" if self.namespace else self.pod

    def key(self, auth: Mapping[str, Any]) -> str:
        """What two hosts have in common that can use the same debugger, as hexadecimal digits."""
        described = {**asdict(self), "keep": None, "wait": None, "auth": dict(auth)}
        text = json.dumps(described, sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _default(name: str) -> Any:
    return DEBUGGER_SPEC[name].get("default")


def _parsed(address: str) -> dict[str, str]:
    parts = address.split("/")
    if not all(parts) or len(parts) > _MOST_PARTS:
        raise OptionError(
            f"The host {address!r} names no pod: set kubedebug_namespace and kubedebug_pod (and "
            "kubedebug_container), or ansible_host to NAMESPACE/POD or NAMESPACE/POD/CONTAINER."
        )
    names = ("namespace", "pod", "container") if len(parts) > 1 else ("pod",)
    return dict(zip(names, parts, strict=False))
