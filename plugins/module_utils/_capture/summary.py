# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What a capture holds, as data: one pass over the file, memory that does not grow with it."""

from __future__ import annotations

from typing import Any

__all__ = ["summarize"]


def summarize(path: str, *, top: int = 20) -> dict[str, Any]:
    """Read a pcap or pcapng file.

    Raises CaptureError where it is no capture or cannot be read; damage after its head only sets
    ``problem``.
    """
    raise NotImplementedError(path, top)
