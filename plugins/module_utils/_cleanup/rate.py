# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""How fast a cleanup may act, whatever the number of its threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Pace"]


class Pace:
    """Turns that come evenly, *rate* of them in a second; for any number of threads.

    There is no burst: what is removed is never urgent, and a node that has to end many containers
    at once serves its applications badly.
    """

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._between = 1.0 / rate
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._next = clock()

    def wait(self) -> None:
        """Wait for a turn."""
        with self._lock:
            now = self._clock()
            at = max(now, self._next)
            self._next = at + self._between
        if at > now:
            self._sleep(at - now)
