# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands that were typed as text, as argv lists; no shell ever sees them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: argv
short_description: Commands as argv lists
version_added: 0.1.0
description:
  - Reads commands that a person typed, such as the answer to a survey, as argv lists for
    M(kubedebug.core.ephemeral_command).
  - Quotes and backslashes group and escape as in a POSIX shell. Nothing else of a shell is there,
    so variables, globs, pipes and semicolons are plain text of an argument.
positional: _input
options:
  _input:
    description:
      - A text with one command on each line, or a list whose items are argv lists or such lines.
        Empty lines and items are left out.
    type: raw
    required: true
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: Run what the survey says
  kubedebug.core.ephemeral_command:
    namespace: shop
    name: web-0
    argv: "{{ item }}"
  loop: "{{ survey_commands | kubedebug.core.argv }}"
"""

RETURN = r"""
_value:
  description: The argv lists, in order.
  type: list
  elements: list
  sample: [[cat, /etc/resolv.conf], [wget, -qO-, "http://localhost:80"]]
"""


def argv(commands: Any) -> list[list[str]]:
    """Text or lists as argv lists; raises AnsibleFilterError for a quote that is not closed."""
    if commands is None:
        return []
    if isinstance(commands, str):
        commands = commands.splitlines()
    if isinstance(commands, Mapping) or not isinstance(commands, (list, tuple)):
        raise AnsibleFilterError(
            f"argv: the commands are a {type(commands).__name__}: give a text with a command on "
            "each line, or a list of argv lists."
        )
    return [words for command in commands if (words := _words(command))]


def _words(command: Any) -> list[str]:
    if command is None:
        return []
    if isinstance(command, str):
        try:
            return shlex.split(command)
        except ValueError as error:
            raise AnsibleFilterError(
                f"argv: {command!r} cannot be read ({error}): close the quote, or put a backslash "
                "before it"
            ) from None
    if not isinstance(command, (list, tuple)) or any(
        isinstance(word, (Mapping, list, tuple)) or word is None for word in command
    ):
        raise AnsibleFilterError(f"argv: {command!r} is neither a line nor a list of words.")
    return [str(word) for word in command]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"argv": argv}
