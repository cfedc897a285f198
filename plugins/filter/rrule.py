# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cron schedule for an AWX schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.kubedebug.core.plugins.module_utils._schedule.cron import (
    CronError,
    parse,
)
from ansible_collections.kubedebug.core.plugins.module_utils._schedule.cron import rrule as rule_of

DOCUMENTATION = r"""
name: rrule
short_description: A cron schedule for an AWX schedule
version_added: 0.1.0
description:
  - Says the times of a cron schedule in other words. What has no equal there is refused.
positional: _input, time_zone
options:
  _input:
    description:
      - The five fields of cron, or a macro such as V(@hourly).
    type: str
    required: true
  time_zone:
    description:
      - Time zone that the times are in, such as V(Europe/Berlin); UTC by default.
    type: str
    default: ""
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: Show the rule
  ansible.builtin.debug:
    msg: "{{ '17 * * * *' | kubedebug.core.rrule }}"
"""

RETURN = r"""
_value:
  description: The recurrence rule.
  type: str
  sample: "DTSTART:20260101T000000Z RRULE:FREQ=HOURLY;INTERVAL=1;BYMINUTE=17"
"""


def rrule(text: Any, time_zone: str = "") -> str:
    """The same times; raises AnsibleFilterError for what is none, or has no equal."""
    try:
        return rule_of(parse(str(text)), zone=time_zone or "")
    except CronError as error:
        raise AnsibleFilterError(f"rrule: {str(text)[:100]!r}: {error}.") from None


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"rrule": rrule}
