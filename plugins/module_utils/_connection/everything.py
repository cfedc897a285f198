# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""All that a connection may need, for a process whose children are the tasks.

Each task of each host is a fork of the controller's process, and Ansible compiles a collection's
files anew in each process. What the controller has imported, none of its forks has to: that is
three quarters of what a short task costs.
"""

from __future__ import annotations

from ansible_collections.kubedebug.core.plugins.module_utils._connection import (
    fetching,
    link,
    opening,
    putting,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.libraries import preload

__all__ = ["fetching", "link", "opening", "putting"]

preload()
