# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What the walker sends, taken apart. Pure.

The image is the user's and the target may be hostile, so nothing of it is taken on trust: not a
length, not the shape of a record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    clean,
)

__all__ = ["FramesError", "Splitter"]

_HEAD: Final = 5
# A record holds a path and a link's text, of 4 KiB each, in JSON's escapes.
_MOST = {b"J": 64 * 1024, b"D": 1024 * 1024}


class FramesError(DebugError):
    """The debugger did not send what the walker sends."""


class Splitter:
    """Cuts the output into records (dictionaries) and data (bytes), in constant memory."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def rest(self) -> int:
        """Bytes of a frame that is not whole."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[dict[str, Any] | bytes]:
        """Take output and yield each frame that is whole; raises FramesError."""
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= _HEAD:
            letter = bytes(self._buffer[at : at + 1])
            length = int.from_bytes(self._buffer[at + 1 : at + _HEAD], "big")
            most = _MOST.get(letter)
            if most is None or length > most:
                text = bytes(self._buffer[at : at + 120]).decode("utf-8", "replace")
                raise FramesError(f"its python3 printed no list of files: {clean(text)}")
            if len(self._buffer) - at < _HEAD + length:
                break
            payload = bytes(self._buffer[at + _HEAD : at + _HEAD + length])
            at += _HEAD + length
            yield payload if letter == b"D" else _record(payload)
        del self._buffer[:at]


def _record(payload: bytes) -> dict[str, Any]:
    try:
        value = json.loads(payload)
    except ValueError as error:
        raise FramesError("its python3 printed a record that is no JSON") from error
    if not isinstance(value, dict):
        raise FramesError("its python3 printed a record that is no object")
    return value
