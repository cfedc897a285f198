# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Opens one file of the target and becomes another program that reads it: runs in the debugger.

Its source is sent there after that of ``rootfs``, whose names it uses.
"""

from __future__ import annotations

import os
import sys

from ansible_collections.kubedebug.core.plugins.module_utils._files.rootfs import (
    Problem,
    Root,
    find_pid,
    reopen,
)

__all__ = ["DESCRIPTOR", "main"]

# Above what shells use for themselves.
DESCRIPTOR = 63


def main(argv: list[str]) -> None:
    """PID CONTAINER_ID FIRST PATH DEVICE INODE COMMAND...: run COMMAND with the file as DESCRIPTOR.

    PID is 0 where the container's ID tells it.
    """
    number, container_id, first, path, device, inode = argv[:6]
    try:
        pid = int(number) or find_pid("/proc", container_id, first == "first")
        fd, _real = Root("/proc", pid).open(os.fsencode(path), True)
        status = os.fstat(fd)
        if (str(status.st_dev), str(status.st_ino)) != (device, inode):
            raise Problem("another file has its name by now")
        os.dup2(reopen(fd), DESCRIPTOR, inheritable=True)
        os.execvp(argv[6], argv[6:])
    except (OSError, Problem) as error:
        text = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        sys.stderr.write(f"kubedebug: {text}\n")
        raise SystemExit(126) from None
