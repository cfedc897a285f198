# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that bound a wait."""

from __future__ import annotations


class ModuleDocFragment:
    """Waiting is by watch, so that there is no interval to choose."""

    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Whether to wait. A failure that cannot mend itself ends the wait at once with its reason.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait, in seconds.
    type: int
    default: 120
"""
