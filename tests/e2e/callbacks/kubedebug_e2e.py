# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes every task's result as one JSON line, beside the output that a user would see."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: kubedebug_e2e
type: aggregate
short_description: Task results for the end-to-end tests
description:
  - Appends each task's name, host, status and result to the file of E(KUBEDEBUG_E2E_RESULTS).
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Nothing is printed: the tests read the terminal output, too."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "kubedebug_e2e"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result: Any) -> None:
        self._write("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._write("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._write("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._write("unreachable", result)

    def _write(self, status: str, result: Any) -> None:
        line = {
            "task": str(result.task.name),
            "action": str(result.task.action),
            "host": str(result.host.name),
            "status": status,
            "result": result.result,
        }
        with Path(os.environ["KUBEDEBUG_E2E_RESULTS"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")
