#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_capture
short_description: Capture packets of pods
version_added: 0.1.0
description:
  - To be written.
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
"""

RETURN = r"""
"""

from ansible_collections.kubedebug.core.plugins.module_utils._capture.capture import POD_CAPTURE
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(POD_CAPTURE)


if __name__ == "__main__":
    main()
