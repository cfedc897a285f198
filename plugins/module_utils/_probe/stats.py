# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What a series of latencies comes to. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean, pstdev
from typing import Any

__all__ = ["grouped", "loss_percent", "percentile", "summary"]

# Digits after the point: microseconds, where the measured values are milliseconds.
_DIGITS = 3


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile of ascending values: always one that was measured.

    The smallest value that at least *percent* of all are not greater than. With few values a high
    percentile is the greatest of them, which is what is known.
    """
    # In whole numbers: a product of floats may be a hair too much, and the rank then one too high.
    rank = max(1, -(-percent * len(ordered) // 100))
    return ordered[rank - 1]


def loss_percent(sent: int, received: int) -> float:
    """The share of attempts without an answer."""
    return round(100 * (sent - received) / sent, 2)


def summary(samples: Sequence[float | None]) -> dict[str, Any]:
    """Counts, loss and the statistics of the answered attempts, null where none was answered.

    ``stddev`` is that of the whole population, as ping's mdev.
    """
    answered = sorted(sample for sample in samples if sample is not None)
    counts = {
        "sent": len(samples),
        "received": len(answered),
        "loss_percent": loss_percent(len(samples), len(answered)),
    }
    if not answered:
        nothing = dict.fromkeys(("min", "avg", "max", "p50", "p90", "p99", "stddev"))
        return {**counts, **nothing}
    values = {
        "min": answered[0],
        "avg": fmean(answered),
        "max": answered[-1],
        "p50": percentile(answered, 50),
        "p90": percentile(answered, 90),
        "p99": percentile(answered, 99),
        "stddev": pstdev(answered),
    }
    return {**counts, **{name: round(value, _DIGITS) for name, value in values.items()}}


def grouped(reasons: Sequence[str]) -> list[dict[str, Any]]:
    """Each reason with how often it occurred, the most frequent first."""
    return [{"reason": reason, "count": count} for reason, count in Counter(reasons).most_common()]
