# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Which namespaces of a target each mode can give: the one table, of which docs show a copy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

__all__ = ["PLACES", "SHARING", "Place", "Sharing", "places_of", "table"]

Place: TypeAlias = Literal["job", "joined", "apart", "copy", "node"]
Sharing: TypeAlias = Literal["always", "chosen", "never", "node"]

PLACES: Mapping[Place, str] = {
    "job": "agent as a Job",
    "joined": "debugger with `target_container`",
    "apart": "debugger without it",
    "copy": "copy of the pod",
    "node": "node debugger",
}

WORDS: Mapping[Sharing, str] = {
    "always": "always",
    "chosen": "on choice",
    "never": "never",
    "node": "as the node's",
}
"""How a document says it. The last means that both are in the node's, as long as the target is."""

_Cells: TypeAlias = tuple[Sharing, Sharing, Sharing, Sharing, Sharing]

# Source: namespaces(7); the pod's sandbox has net, ipc, uts and user, a container the others.
_CELLS: Mapping[str, _Cells] = {
    "net": ("chosen", "always", "always", "never", "never"),
    "mnt": ("chosen", "chosen", "never", "never", "never"),
    "pid": ("chosen", "always", "never", "never", "never"),
    "ipc": ("chosen", "always", "always", "never", "never"),
    "uts": ("chosen", "always", "always", "never", "never"),
    "cgroup": ("chosen", "chosen", "never", "never", "never"),
    "user": ("node", "always", "always", "node", "node"),
    "time": ("node", "node", "node", "node", "node"),
}
SHARING: Mapping[str, Mapping[Place, Sharing]] = {
    name: dict(zip(get_args(Place), cells, strict=True)) for name, cells in _CELLS.items()
}


def places_of(name: str, sharing: Sharing) -> tuple[Place, ...]:
    """Where a namespace is the target's in this way."""
    return tuple(place for place in PLACES if SHARING[name][place] == sharing)


def table() -> list[list[str]]:
    """The table as a document shows it, with its head."""
    return [
        ["namespace", *PLACES.values()],
        *(
            [f"`{name}`", *(WORDS[cells[place]] for place in PLACES)]
            for name, cells in SHARING.items()
        ),
    ]
