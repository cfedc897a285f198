# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Which running debugger of a pod is looked from. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import (
    Entry,
    entries,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import (
    container_problem,
)

__all__ = ["Viewpoint", "choose_debugger"]


@dataclass(frozen=True, kw_only=True)
class Viewpoint:
    """A container to look from; ``joined`` is the container whose process namespace it joined."""

    name: str
    joined: str | None = None
    entry: Entry | None = None


def choose_debugger(target: Target, name: str | None) -> Viewpoint:
    """The container that is named, else the newest running debugger of this collection.

    One that joined the target's process namespace goes before one that did not. Raises OptionError
    where there is none.
    """
    running = [entry for entry in entries(target.pod) if entry.state == "running"]
    if name is not None:
        return _named(target, name, running)
    ours = [entry for entry in running if entry.managed]
    if not ours:
        there = ", ".join(entry.name for entry in running)
        others = f" Running there, of another origin: {there} (debugger=NAME uses it)."
        raise OptionError(
            f"{target.ref} has no running debugger of this collection to look from: open one with "
            f"kubedebug.core.ephemeral_container.{others if there else ''}"
        )
    # max() keeps the first of equals; a later entry is the newer one.
    best = max(
        reversed(ours),
        key=lambda entry: (entry.target_container == target.container, entry.started_at or ""),
    )
    return _viewpoint(best)


def _viewpoint(entry: Entry) -> Viewpoint:
    return Viewpoint(name=entry.name, joined=entry.target_container, entry=entry)


def _named(target: Target, name: str, running: list[Entry]) -> Viewpoint:
    entry = next((each for each in running if each.name == name), None)
    if entry is not None:
        return _viewpoint(entry)
    if name == target.container:
        raise OptionError(
            f"debugger={name} is the very container of {target.ref} that is looked at: name "
            "another one, or leave the option out."
        )
    # A copy of a pod has its debugger among the ordinary containers.
    ordinary = [str(each["name"]) for each in target.pod["spec"].get("containers") or []]
    if name in ordinary and container_problem(target.pod, name) is None:
        return Viewpoint(name=name)
    known = next((each for each in entries(target.pod) if each.name == name), None)
    state = f"is {known.state}" if known is not None else "does not exist"
    if name in ordinary:
        state = "is not running"
    there = ", ".join(each.name for each in running) or "none"
    raise OptionError(
        f"debugger: container {name} of {target.ref} {state}. Running debuggers there: {there}. "
        "kubedebug.core.ephemeral_container opens one."
    )
