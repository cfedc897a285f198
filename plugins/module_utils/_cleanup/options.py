# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The options of a cleanup, read and checked before the first request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.model import KINDS, Kind
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    OptionError,
    Spec,
    check_name,
)

__all__ = ["SPEC", "CleanupOptions", "Limits", "Selection", "Want"]

Want: TypeAlias = Literal["reported", "stopped", "recycled"]

PROTECTED = ("kube-system", "kube-public", "kube-node-lease")
# Kinds whose pods come back by themselves on another place or the same, without losing work.
WORKLOAD_KINDS = ("Deployment", "ReplicaSet", "StatefulSet")

SPEC = Spec.compose(
    {
        "state": {"type": "str", "choices": list(get_args(Want)), "default": "reported"},
        "namespaces": {"type": "list", "elements": "str", "default": [], "aliases": ["namespace"]},
        "all_namespaces": {"type": "bool", "default": False},
        "label_selectors": {"type": "list", "elements": "str", "default": []},
        "kinds": {
            "type": "list",
            "elements": "str",
            "choices": list(KINDS),
            "default": list(KINDS),
        },
        "ownership": {"type": "str", "choices": ["own", "any"], "default": "own"},
        "owners": {"type": "list", "elements": "str", "default": []},
        "images": {"type": "list", "elements": "str", "default": []},
        "where": {"type": "str"},
        "expired_only": {"type": "bool", "default": False},
        "min_age": {"type": "int", "default": 0},
        "min_finished_age": {"type": "int", "default": 0},
        "in_use": {"type": "str", "choices": ["keep", "stop"], "default": "keep"},
        "protected_namespaces": {"type": "list", "elements": "str", "default": list(PROTECTED)},
        "recycle_by": {"type": "str", "choices": ["evict", "rollout"], "default": "evict"},
        "workload_kinds": {"type": "list", "elements": "str", "default": list(WORKLOAD_KINDS)},
        "max_unavailable": {"type": "int", "default": 1},
        "min_available": {"type": "int", "default": 1},
        "evict_timeout": {"type": "int", "default": 120},
        "wait_timeout": {"type": "int", "default": 300},
        "grace_period": {"type": "int", "default": 5},
        "max_actions": {"type": "int", "default": 100},
        "concurrency": {"type": "int", "default": 8},
        "rate": {"type": "float", "default": 10.0},
        "evidence_dir": {"type": "path"},
        "metrics_file": {"type": "path"},
        "metrics_owners": {"type": "int", "default": 20},
    }
)

_LONGEST_AGE = 10 * 366 * 24 * 3600
_DAY = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What is looked at; an empty tuple of namespaces means all of them."""

    namespaces: tuple[str, ...]
    label_selectors: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = KINDS
    owners: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    where: str | None = None

    @property
    def selector(self) -> dict[str, str]:
        """The query parameter of a list."""
        text = ",".join(self.label_selectors)
        return {"labelSelector": text} if text else {}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How fast and how far; times in seconds, ``rate`` in actions a second."""

    max_unavailable: int = 1
    evict_timeout: float = 120.0
    wait_timeout: float = 300.0
    grace_period: int = 5
    max_actions: int = 100
    concurrency: int = 8
    rate: float = 10.0


@dataclass(frozen=True, kw_only=True)
class CleanupOptions:
    """A cleanup as the task describes it; ages are in seconds."""

    want: Want = "reported"
    any_ownership: bool = False
    expired_only: bool = False
    min_age: int = 0
    min_finished_age: int = 0
    keep_in_use: bool = True
    protected: tuple[str, ...] = PROTECTED
    rollout: bool = False
    workload_kinds: tuple[str, ...] = WORKLOAD_KINDS
    min_available: int = 1
    evidence_dir: Path | None = None
    metrics_file: Path | None = None
    metrics_owners: int = 20

    @classmethod
    def from_params(cls, params: Mapping[str, Any], *, any_ownership: bool) -> CleanupOptions:
        """Read the options of SPEC that decide; raise OptionError for what cannot be meant."""
        return cls(
            want=params["state"],
            any_ownership=any_ownership,
            expired_only=bool(params["expired_only"]),
            min_age=_within("min_age", params, 0, _LONGEST_AGE, " seconds"),
            min_finished_age=_within("min_finished_age", params, 0, _LONGEST_AGE, " seconds"),
            keep_in_use=params["in_use"] == "keep",
            protected=_filled("protected_namespaces", params),
            rollout=params["recycle_by"] == "rollout",
            workload_kinds=_filled("workload_kinds", params),
            min_available=_within("min_available", params, 0, 100_000),
            evidence_dir=_path(params["evidence_dir"]),
            metrics_file=_metrics_file(params["metrics_file"]),
            metrics_owners=_within("metrics_owners", params, 0, 1000),
        )


def limits_from(params: Mapping[str, Any]) -> Limits:
    """Read the options of SPEC that bound a run; raise OptionError for what cannot be meant."""
    rate = float(params["rate"])
    if not 0.01 <= rate <= 1000:
        raise OptionError(f"rate={rate:g} is out of range: give 0.01 to 1000 actions a second.")
    return Limits(
        max_unavailable=_within("max_unavailable", params, 1, 1000),
        evict_timeout=_within("evict_timeout", params, 0, _DAY, " seconds"),
        wait_timeout=_within("wait_timeout", params, 1, _DAY, " seconds"),
        grace_period=_within("grace_period", params, 0, 300, " seconds"),
        max_actions=_within("max_actions", params, 0, 100_000),
        concurrency=_within("concurrency", params, 1, 128),
        rate=rate,
    )


def selection_from(params: Mapping[str, Any], default_namespace: str) -> Selection:
    """Read the options of SPEC that select; raise OptionError for what cannot be meant."""
    names = tuple(dict.fromkeys(texts(params["namespaces"])))
    for name in names:
        check_name("namespaces", name)
    if names and params["all_namespaces"]:
        raise OptionError(
            f"all_namespaces=true and namespaces={','.join(names)} exclude each other: leave one "
            "of them out."
        )
    kinds = params["kinds"] or list(KINDS)
    return Selection(
        namespaces=() if params["all_namespaces"] else names or (default_namespace,),
        label_selectors=_filled("label_selectors", params),
        kinds=tuple(kind for kind in KINDS if kind in kinds),
        owners=_filled("owners", params),
        images=_filled("images", params),
        where=str(params["where"]) if params["where"] else None,
    )


def texts(value: Any) -> tuple[str, ...]:
    """An AWX survey that was left empty sends "" where a playbook would omit the option."""
    return tuple(str(item).strip() for item in value or () if str(item).strip())


def _filled(option: str, params: Mapping[str, Any]) -> tuple[str, ...]:
    """A list that narrows or protects: an element that came out empty must not widen the task."""
    found = texts(params[option])
    if len(found) != len(params[option] or ()):
        raise OptionError(
            f"{option}: an element is empty, as that of a variable that is not set. Leave the "
            "option out, or give [], to mean none."
        )
    return found


def _within(option: str, params: Mapping[str, Any], low: int, high: int, unit: str = "") -> int:
    value = int(params[option])
    if not low <= value <= high:
        raise OptionError(f"{option}={value} is out of range: give {low} to {high}{unit}.")
    return value


def _path(value: Any) -> Path | None:
    return Path(str(value)) if value else None


def _metrics_file(value: Any) -> Path | None:
    path = _path(value)
    if path is not None and path.suffix != ".prom":
        raise OptionError(
            f"metrics_file={path}: the textfile collector of node exporter reads files that end in "
            ".prom only; choose such a name."
        )
    return path
