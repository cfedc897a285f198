# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shlex

from ansible.plugins.become import BecomeBase

DOCUMENTATION = r"""
name: same_user
short_description: Becomes the user that one is already
description: Lets the tests use become without a second user or a password.
author: [The kubedebug.core authors (@kubedebug)]
options:
  become_user:
    description: Ignored.
    default: root
  become_exe:
    description: Ignored.
  become_flags:
    description: Ignored.
  become_pass:
    description: Ignored.
"""


class BecomeModule(BecomeBase):
    """Runs the command through one more shell, as real become methods do."""

    name = "kubedebug.core.same_user"

    def build_become_command(self, cmd: str, shell: object) -> str:
        super().build_become_command(cmd, shell)
        return f"sh -c {shlex.quote(self._build_success_command(cmd, shell))}" if cmd else cmd
