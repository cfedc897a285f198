# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same call for many items side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError

__all__ = ["Outcome", "fan_out"]

Item = TypeVar("Item")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Outcome(Generic[Value]):
    """What one call gave: its value, or the error that belongs to its item alone."""

    value: Value | None = None
    error: DebugError | None = None

    @property
    def ok(self) -> bool:
        return self.error is None

    def unwrap(self) -> Value:
        """Return the value; raises the item's error."""
        if self.error is not None:
            raise self.error
        return cast("Value", self.value)


def fan_out(
    fn: Callable[[Item], Value], items: Sequence[Item], *, limit: int
) -> list[Outcome[Value]]:
    """Call `fn` for each item, at most `limit` at a time; the outcomes are in the items' order.

    A DebugError belongs to its item. Any other exception is a bug or an interrupt: calls that
    have not begun are dropped, those under way are waited for, and it propagates.
    """
    if limit < 1:
        raise ValueError(f"limit is {limit}, it must be 1 or more")
    broken = threading.Event()

    def call(item: Item) -> Outcome[Value]:
        if broken.is_set():
            return Outcome()
        try:
            return Outcome(value=fn(item))
        except DebugError as error:
            return Outcome(error=error)
        except BaseException:
            broken.set()
            raise

    if limit == 1 or len(items) <= 1:
        return [call(item) for item in items]
    pool = ThreadPoolExecutor(max_workers=min(limit, len(items)), thread_name_prefix="kubedebug")
    futures: list[Future[Outcome[Value]]] = []
    try:
        futures = [pool.submit(call, item) for item in items]
        wait(futures, return_when=FIRST_EXCEPTION)
        # Only a finished future is asked: one that failed must not wait for a slow one.
        failed = next((f for f in futures if f.done() and f.exception() is not None), None)
        if failed is not None:
            failed.result()
        return [future.result() for future in futures]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
