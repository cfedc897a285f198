# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statistics of latencies, against values that were worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._probe.stats import (
    grouped,
    loss_percent,
    percentile,
    summary,
)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        pytest.param([7.0], 50, 7.0, id="one-value-is-each-percentile"),
        pytest.param([1.0, 2.0], 50, 1.0, id="median-of-two-is-the-lower"),
        pytest.param([1.0, 2.0, 3.0], 50, 2.0, id="median-of-three"),
        pytest.param([1.0, 2.0, 3.0, 4.0], 50, 2.0, id="median-of-four-is-measured"),
        pytest.param([float(n) for n in range(1, 11)], 90, 9.0, id="ninth-of-ten"),
        pytest.param([float(n) for n in range(1, 11)], 99, 10.0, id="p99-of-ten-is-the-maximum"),
        pytest.param([float(n) for n in range(1, 101)], 99, 99.0, id="p99-of-a-hundred"),
        pytest.param([float(n) for n in range(1, 102)], 99, 100.0, id="p99-of-101"),
        pytest.param([float(n) for n in range(1, 1001)], 99, 990.0, id="p99-of-a-thousand"),
        pytest.param([3.0, 4.0], 0, 3.0, id="p0-is-the-minimum"),
        pytest.param([3.0, 4.0], 100, 4.0, id="p100-is-the-maximum"),
    ],
)
def test_percentile_is_by_nearest_rank(values: list[float], percent: int, expected: float) -> None:
    assert percentile(values, percent) == expected


def test_summary_of_answered_and_lost_attempts() -> None:
    assert summary([4.0, None, 2.0, 9.0]) == {
        "sent": 4,
        "received": 3,
        "loss_percent": 25.0,
        "min": 2.0,
        "avg": 5.0,
        "max": 9.0,
        "p50": 4.0,
        "p90": 9.0,
        "p99": 9.0,
        # sqrt(((2-5)^2 + (4-5)^2 + (9-5)^2) / 3)
        "stddev": 2.944,
    }


def test_summary_of_one_answer_has_no_deviation() -> None:
    assert summary([0.1234567])["stddev"] == 0.0
    assert summary([0.1234567])["avg"] == 0.123


def test_summary_without_an_answer_is_null_and_keeps_its_shape() -> None:
    lost = summary([None, None])
    assert lost.keys() == summary([1.0]).keys()
    assert (lost["sent"], lost["received"], lost["loss_percent"]) == (2, 0, 100.0)
    assert {lost[name] for name in ("min", "avg", "max", "p50", "p90", "p99", "stddev")} == {None}


@pytest.mark.parametrize(
    ("sent", "received", "expected"),
    [
        pytest.param(10, 10, 0.0, id="none"),
        pytest.param(3, 2, 33.33, id="a-third"),
        pytest.param(1000, 999, 0.1, id="one-in-a-thousand"),
        pytest.param(5, 0, 100.0, id="all"),
    ],
)
def test_loss(sent: int, received: int, expected: float) -> None:
    assert loss_percent(sent, received) == expected


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param(
            ["timed out", "reset", "timed out"],
            [{"reason": "timed out", "count": 2}, {"reason": "reset", "count": 1}],
            id="most-frequent-first",
        ),
    ],
)
def test_reasons_are_counted(reasons: list[str], expected: list[dict[str, Any]]) -> None:
    assert grouped(reasons) == expected
