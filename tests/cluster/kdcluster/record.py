# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's record: what was changed on this machine, and what the next `up` makes of it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from kdcluster.versions import PairName

__all__ = ["Decision", "Record", "decide", "load", "save"]

Phase = Literal["starting", "up"]
Action = Literal["create", "nothing", "repair", "recreate", "refuse"]


@dataclass(kw_only=True)
class Record:
    """`config` is the hash of all flags and files of the components, `images` the keys of the
    images that containerd holds. `chains` are the CNI's iptables chains that were there before."""

    boot: str
    pair: PairName
    config: str
    phase: Phase = "starting"
    created: float = 0.0
    kube: str = ""
    ctr: str = ""
    images: dict[str, str] = field(default_factory=dict)
    chains: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Decision:
    action: Action
    reason: str


def load(path: Path) -> Record | None:
    """The record, or None when there is none that can be read: `up` then cleans up and starts anew.

    It is written in one rename, so an unreadable one comes from a hand or another version.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Record(**raw)
    except (OSError, ValueError, TypeError):
        return None


def save(path: Path, record: Record) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8") as stream:
        json.dump(asdict(record), stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(path)


def decide(
    record: Record | None,
    *,
    wanted: Mapping[str, Any],
    leftovers: bool,
    alive: Mapping[str, bool],
) -> Decision:
    """What `up` does with the cluster that it finds.

    `wanted` holds boot, pair, config and images of the cluster asked for; `leftovers` tells whether
    the state folder holds anything but logs; `alive` maps each component to whether it runs.
    """
    if record is None:
        if leftovers:
            return Decision(action="recreate", reason="the state folder has no readable record")
        return Decision(action="create", reason="no cluster")
    if record.boot != wanted["boot"]:
        return Decision(action="recreate", reason="the machine was restarted since")
    any_alive = any(alive.values())
    if record.pair != wanted["pair"] and any_alive:
        return Decision(action="refuse", reason=f"a cluster of the pair {record.pair!r} is up")
    if record.pair != wanted["pair"] or record.config != wanted["config"]:
        reason = "it was made with another configuration"
        if record.phase == "up" and any_alive:
            return Decision(action="refuse", reason=reason)
        return Decision(action="recreate", reason=reason)
    dead = sorted(name for name, running in alive.items() if not running)
    if dead:
        return Decision(action="repair", reason="not running: " + ", ".join(dead))
    if record.phase != "up":
        return Decision(action="repair", reason="the last start did not finish")
    if record.images != wanted["images"]:
        return Decision(action="repair", reason="the images changed")
    return Decision(action="nothing", reason="all components run")
