# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One `up` or `down` at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kdcluster.progress import Progress

__all__ = ["exclusive"]


@contextmanager
def exclusive(path: Path, progress: Progress) -> Iterator[None]:
    """Holds a lock that the kernel gives up when this process ends, however it ends. Waits for
    another holder, which may be in a build of ten minutes, and says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as file:
        if not _taken(file.fileno()):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            with progress.step(f"waiting for another cluster.py (process {holder})") as step:
                while not _taken(file.fileno()):
                    step.beat()
                    time.sleep(0.2)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _taken(descriptor: int) -> bool:
    # Python opens files close-on-exec, so no component inherits the lock.
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
