# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person sees of the long steps. All of it goes to the standard error, so that the standard
output holds results only."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

__all__ = ["Progress", "Step"]

# A log (CI) gets a line that often; a terminal's line is rewritten every second.
_HEARTBEAT_SECONDS = 20.0
_REFRESH_SECONDS = 1.0


class Step:
    """One step under way; `beat` may be called as often as convenient."""

    def __init__(self, text: str, stream: TextIO) -> None:
        self._text = text
        self._stream = stream
        self._tty = stream.isatty()
        self._start = time.monotonic()
        self._last = self._start

    @property
    def elapsed(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._start

    def beat(self, detail: str = "") -> None:
        now = time.monotonic()
        if now - self._last < (_REFRESH_SECONDS if self._tty else _HEARTBEAT_SECONDS):
            return
        self._last = now
        line = f"{self._text} ... {_duration(self.elapsed)}{', ' if detail else ''}{detail}"
        self._stream.write(f"\r\033[K{line}" if self._tty else f"{line}\n")
        self._stream.flush()

    def close(self, result: str) -> None:
        start = "\r\033[K" if self._tty else ""
        self._stream.write(f"{start}{self._text}: {result} ({_duration(self.elapsed)})\n")
        self._stream.flush()


class Progress:
    """Writes steps and remarks; a quiet one writes nothing but remarks."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def say(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        self._stream.flush()

    @contextmanager
    def step(self, text: str) -> Iterator[Step]:
        step = Step(text, self._stream)
        try:
            yield step
        except BaseException:
            step.close("FAILED")
            raise
        step.close("done")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
