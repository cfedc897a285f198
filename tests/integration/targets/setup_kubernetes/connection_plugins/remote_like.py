# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible.plugins.connection.local import Connection as LocalConnection

DOCUMENTATION = r"""
name: remote_like
short_description: Runs on this machine, and does not say so
description: A connection that only differs from the local one by its name.
author: [The kubedebug.core authors (@kubedebug)]
options:
  become_success_timeout:
    description: As that of the local connection.
    type: int
    default: 10
  become_strip_preamble:
    description: As that of the local connection.
    type: bool
    default: true
extends_documentation_fragment:
  - connection_pipelining
"""


class Connection(LocalConnection):
    """Looks like a remote host to an action plugin."""

    transport = "remote_like"
