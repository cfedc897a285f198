# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Order, limit and errors of calls side by side."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import Outcome, fan_out


@pytest.mark.parametrize("limit", [1, 3, 50])
def test_outcomes_are_in_the_items_order(limit):
    def work(item: int) -> int:
        if item % 3 == 0:
            raise DebugError(f"no {item}")
        return item * 2

    outcomes = fan_out(work, range(10), limit=limit)
    assert [o.value for o in outcomes] == [None, 2, 4, None, 8, 10, None, 14, 16, None]
    assert [o.error.msg for o in outcomes if o.error] == ["no 0", "no 3", "no 6", "no 9"]


def test_nothing_to_do():
    assert fan_out(lambda item: item, [], limit=4) == []


def test_no_more_than_the_limit_run_at_once():
    barrier = threading.Barrier(4)
    running: list[int] = []
    peak: list[int] = []
    lock = threading.Lock()

    def work(_item: int) -> None:
        with lock:
            running.append(1)
            peak.append(len(running))
        # All four workers meet here: fewer than the limit would never get on.
        barrier.wait(10)
        with lock:
            running.pop()

    fan_out(work, range(12), limit=4)
    assert max(peak) == 4


@pytest.mark.parametrize("limit", [1, 4])
def test_a_defect_propagates_and_drops_what_has_not_begun(limit):
    called: list[int] = []

    def work(item: int) -> None:
        called.append(item)
        raise ZeroDivisionError(str(item))

    with pytest.raises(ZeroDivisionError):
        fan_out(work, range(1000), limit=limit)
    assert len(called) <= limit


def test_unwrap():
    assert Outcome(value=5).unwrap() == 5
    assert Outcome(value=None).unwrap() is None
    failed: Outcome[int] = Outcome(error=DebugError("no"))
    assert not failed.ok
    with pytest.raises(DebugError, match="no"):
        failed.unwrap()


def test_a_limit_below_one_is_a_mistake():
    with pytest.raises(ValueError, match="limit is 0"):
        fan_out(lambda item: item, [1], limit=0)
