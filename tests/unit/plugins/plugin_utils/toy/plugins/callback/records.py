# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: records
type: notification
short_description: Writes each result of a task to a file
description: One JSON document a line, as a callback gets the result.
author: [The kubedebug.core authors (@kubedebug)]
options:
  path:
    description: The file.
    env: [{name: TOY_RECORDS}]
    required: true
"""


class CallbackModule(CallbackBase):
    """The results as they are, without what the default output leaves out."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "records"

    def _write(self, result: Any) -> None:
        record = {
            "host": result.host.get_name() if hasattr(result, "host") else result._host.get_name(),
            "task": result.task_name,
            "result": dict(result.result if hasattr(result, "result") else result._result),
        }
        with Path(self.get_option("path")).open("a", encoding="utf-8") as out:
            out.write(json.dumps(record, default=str) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._write(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._write(result)
