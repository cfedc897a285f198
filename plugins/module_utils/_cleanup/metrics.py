# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The numbers of a cleanup, as data and in Prometheus' text format; pure.

Source of the format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.model import (
    KINDS,
    Finding,
    Outcome,
)

__all__ = ["OTHERS", "counts", "exposition"]

OTHERS = "(others)"
NOBODY = "(none)"
_STATES = ("waiting", "running", "finished", "unknown")
_STATUSES = ("kept", "planned", "done", "gone", "left", "failed")
_LABEL_LIMIT = 100


def counts(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """How many findings there are of each kind, in each state, of each owner, and what became."""
    findings = [each.decision.finding for each in outcomes]
    return {
        "total": len(findings),
        "by_kind": _by((each.kind for each in findings), KINDS),
        "by_state": _by((each.state for each in findings), _STATES),
        "by_owner": dict(sorted(Counter(_owner(each) for each in findings).items())),
        "by_status": _by((each.status for each in outcomes), _STATUSES),
        "by_code": dict(sorted(Counter(each.decision.code for each in outcomes).items())),
    }


def _by(values: Iterable[str], known: Sequence[str]) -> dict[str, int]:
    """Each known value has a number, so that an alert need not tell nothing from none."""
    counted = Counter(values)
    return {key: counted.get(key, 0) for key in known}


def _owner(finding: Finding) -> str:
    return finding.owner or NOBODY


def exposition(outcomes: Sequence[Outcome], *, now: float, owners: int, failed: bool) -> str:
    """The text for the textfile collector; at most *owners* names of owners, the busiest.

    A label for each owner that anybody can choose would let a cluster's users fill the memory of
    its Prometheus.
    """
    findings = _remaining(outcomes)
    done = Counter((each.decision.action, each.status) for each in outcomes)
    oldest = max(
        (now - each.started for each in findings if each.state == "running" and each.started),
        default=0.0,
    )
    overdue = sum(
        each.state == "running" and each.expires is not None and each.expires <= now
        for each in findings
    )
    decisions: Iterable[tuple[dict[str, str], int]] = (
        ({"action": action, "status": status}, number)
        for (action, status), number in sorted(done.items())
    )
    metrics: tuple[tuple[str, str, Iterable[tuple[dict[str, str], int]]], ...] = (
        (
            "kubedebug_leftovers",
            "What debugging has left after the last cleanup, by kind, state and owner.",
            _leftovers(findings, owners),
        ),
        (
            "kubedebug_leftovers_overdue",
            "How many of them run although their lifetime is over.",
            [({}, overdue)],
        ),
        (
            "kubedebug_leftovers_oldest_running_seconds",
            "For how long the oldest of them has been running.",
            [({}, round(oldest))],
        ),
        (
            "kubedebug_cleanup_decisions",
            "What the last cleanup decided about them, and what became of it.",
            decisions,
        ),
        (
            "kubedebug_cleanup_failed",
            "Whether the last cleanup failed in something (1) or not (0).",
            [({}, int(failed))],
        ),
        (
            "kubedebug_cleanup_timestamp_seconds",
            "When the last cleanup ended, in seconds since 1970.",
            [({}, round(now))],
        ),
    )
    return "".join(line for name, text, samples in metrics for line in _metric(name, text, samples))


def _leftovers(findings: Sequence[Finding], owners: int) -> Iterable[tuple[dict[str, str], int]]:
    """The numbers by kind, state and owner, the owners beyond *owners* together."""
    busiest = Counter(_owner(each) for each in findings)
    kept = {name for name, _number in sorted(busiest.items(), key=_by_number)[:owners]}
    series = Counter(
        (each.kind, each.state, _owner(each) if _owner(each) in kept else OTHERS)
        for each in findings
    )
    for kind in KINDS:
        series.setdefault((kind, "running", NOBODY), 0)
    return (
        ({"kind": kind, "state": state, "owner": owner}, number)
        for (kind, state, owner), number in sorted(series.items())
    )


def _remaining(outcomes: Iterable[Outcome]) -> list[Finding]:
    """What is there after the cleanup: this is what an alert is about."""
    found = []
    for each in outcomes:
        if each.status in ("done", "gone") and each.decision.action == "stop":
            found.append(replace(each.decision.finding, state="finished"))
        elif each.status not in ("done", "gone"):
            found.append(each.decision.finding)
    return found


def _by_number(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _metric(
    name: str, text: str, values: Iterable[tuple[Mapping[str, str], float]]
) -> Iterable[str]:
    yield f"# HELP {name} {text}\n# TYPE {name} gauge\n"
    for labels, value in values:
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{name}{{{inner}}} {value}\n" if inner else f"{name} {value}\n"


def _escaped(text: str) -> str:
    short = text if len(text) <= _LABEL_LIMIT else f"{text[: _LABEL_LIMIT - 1]}…"
    return short.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
