# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception that reaches the person at the terminal."""

from __future__ import annotations

__all__ = ["ClusterError"]


class ClusterError(Exception):
    """A message that names the thing, the reason and the way out; shown without a traceback."""
