# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cron schedule for a systemd timer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.kubedebug.core.plugins.module_utils._schedule.cron import (
    CronError,
    calendar,
    parse,
)

DOCUMENTATION = r"""
name: on_calendar
short_description: A cron schedule for a systemd timer
version_added: 0.1.0
description:
  - Says the times of a cron schedule in other words. What has no equal there is refused.
positional: _input
options:
  _input:
    description:
      - The five fields of cron, or a macro such as V(@hourly).
    type: str
    required: true
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: Write the timer
  ansible.builtin.copy:
    dest: /etc/systemd/system/kubedebug-cleanup.timer
    content: |
      [Timer]
      OnCalendar={{ '17 * * * *' | kubedebug.core.on_calendar }}
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The value of C(OnCalendar=).
  type: str
  sample: "*-*-* *:17:00"
"""


def on_calendar(text: Any) -> str:
    """The same times; raises AnsibleFilterError for what is none, or has no equal."""
    try:
        return calendar(parse(str(text)))
    except CronError as error:
        raise AnsibleFilterError(f"on_calendar: {str(text)[:100]!r}: {error}.") from None


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"on_calendar": on_calendar}
