# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The attributes that the modules have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Each claim is proven by an integration target; see tests/integration/targets."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and return what would be done, without changing the cluster.
  diff_mode:
    description: Returns what has changed, or would change in check mode, when in diff mode.
  idempotent:
    description: A second run with the same options changes nothing.
  async:
    description: Supports the use of the C(async) keyword.
    support: full
    details: The task then runs as a normal module and not in the controller's process.
  action:
    description: Has a corresponding action plugin, so that some of its work is on the controller.
    support: full
    details:
      - Runs in the controller's process when the task's target is the controller itself, without
        C(become), C(async) or another interpreter; as a normal module otherwise. The results are
        the same.
"""

    ACTION_GROUP = r"""
options: {}
attributes:
  action_group:
    description: Belongs to the action group C(kubedebug.core.kubedebug) for C(module_defaults).
    support: full
    membership:
      - kubedebug.core.kubedebug
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    details: The module never changes the cluster.
  diff_mode:
    support: N/A
    details: There is nothing to compare.
  idempotent:
    support: full
    details: The module never changes the cluster.
"""
