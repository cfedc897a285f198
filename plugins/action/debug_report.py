# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action twin of the module: the same use case, and its text on the controller's terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.kubedebug.core.plugins.module_utils._report.report import DEBUG_REPORT
from ansible_collections.kubedebug.core.plugins.plugin_utils._action import UseCaseAction


class ActionModule(UseCaseAction):
    """Runs ``debug_report`` in process where that is the same thing, and shows its text."""

    use_case = DEBUG_REPORT

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        self._show(result)
        return result

    def _show(self, result: Mapping[str, Any]) -> None:
        """Show the text at normal verbosity; a callback would not, or as escaped JSON.

        A callback whose output is read by a program gets nothing between its own lines.
        """
        text = result.get("text")
        wanted = boolean(self._task.args.get("show", True), strict=False)
        structured = "json" in str(constants.DEFAULT_STDOUT_CALLBACK).rpartition(".")[2]
        if text and wanted and not structured and not self._task.no_log:
            self._display.display(str(text))
