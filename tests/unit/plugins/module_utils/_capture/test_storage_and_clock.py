# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod may store, and how far clocks are apart."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._capture.clock import (
    Reading,
    apart,
    best,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.storage import (
    quantity,
    storage_limit,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        pytest.param("1Gi", 1024**3, id="binary"),
        pytest.param("1.5Gi", 3 * 1024**3 // 2, id="a fraction"),
        pytest.param("100M", 100_000_000, id="decimal"),
        pytest.param("2k", 2000, id="k"),
        pytest.param("12345", 12345, id="bytes"),
        pytest.param("1e3", 1000, id="an exponent"),
        pytest.param("1500m", 1, id="thousandths"),
        pytest.param("3E", 3 * 10**18, id="E is no exponent without a number"),
        pytest.param("lots", None, id="none"),
        pytest.param("", None, id="empty"),
    ],
)
def test_quantity(text: str, size: int | None) -> None:
    assert quantity(text) == size


def _pod(*limits: dict[str, str]) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "x", "resources": {"limits": x}} for x in limits]}}


def test_the_limit_of_a_pod_is_the_sum_of_its_containers() -> None:
    assert storage_limit(_pod()) is None
    assert storage_limit(_pod({"cpu": "1"})) is None
    assert storage_limit(_pod({"ephemeral-storage": "1M"}, {"cpu": "1"})) == 1_000_000
    two = _pod({"ephemeral-storage": "1M"}, {"ephemeral-storage": "2M"})
    assert storage_limit(two) == 3_000_000
    assert storage_limit({"spec": {"containers": [{"name": "x"}]}}) is None


def test_a_reading_is_as_good_as_the_time_that_it_took() -> None:
    reading = Reading.between(100.0, 105.3, 100.2)
    assert reading.offset == pytest.approx(5.2)
    assert reading.uncertainty == pytest.approx(0.1)

    whole = Reading.between(100.0, 100.0, 100.2)
    assert whole.offset == pytest.approx(0.4)
    assert whole.uncertainty == pytest.approx(0.6)


def test_the_best_reading_is_the_surest() -> None:
    sure, unsure = Reading(offset=1, uncertainty=0.1), Reading(offset=2, uncertainty=0.2)
    assert best([unsure, sure]) == sure
    assert best([]) is None


def test_only_what_is_certain_is_told() -> None:
    near = {"a": [Reading(offset=0, uncertainty=0.1)], "b": [Reading(offset=0.2, uncertainty=0.1)]}
    assert apart(near) == []
    far = {"b": [Reading(offset=3.0, uncertainty=0.1)], "a": [Reading(offset=0, uncertainty=0.1)]}
    (text,) = apart(far)
    assert "node b is +3.000 s (plus or minus 0.200 s) from that of node a" in text
    assert apart({"a": [], "b": []}) == []
