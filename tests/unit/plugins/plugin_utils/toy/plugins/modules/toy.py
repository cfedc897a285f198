# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module
from ansible_collections.kubedebug.core.plugins.module_utils._toy import TOY

DOCUMENTATION = r"""
module: toy
short_description: A module for the tests of the two shells
description: Does what its options say.
author: [The kubedebug.core authors (@kubedebug)]
"""


def main() -> None:
    """Run the toy as a module."""
    run_module(TOY)


if __name__ == "__main__":
    main()
