# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action twin of the module: the same use case in the controller's process."""

from __future__ import annotations

from ansible_collections.kubedebug.core.plugins.module_utils._copies.node import NODE_DEBUGGER
from ansible_collections.kubedebug.core.plugins.plugin_utils._action import UseCaseAction


class ActionModule(UseCaseAction):
    """Runs ``node_debugger`` in process where that is the same thing."""

    use_case = NODE_DEBUGGER
