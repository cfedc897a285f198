# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""A file of packets as chunks of bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from ansible_collections.kubedebug.core.plugins.module_utils._capture.pcapng import CaptureError
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean

__all__ = ["chunks"]


def chunks(path: str, *, size: int) -> Iterator[bytes]:
    """Yield the content, up to where the file ended when it was opened first.

    The file is opened anew for each chunk, so that hundreds of inputs do not need as many
    descriptors. Raises CaptureError where it cannot be read, or is another one all at once.
    """
    first: os.stat_result | None = None
    at = 0
    while first is None or at < first.st_size:
        try:
            # A pipe of that name would make the opening wait for ever.
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                info = os.fstat(handle)
                data = os.pread(handle, size, at) if stat.S_ISREG(info.st_mode) else b""
            finally:
                os.close(handle)
        except OSError as error:
            raise CaptureError(
                f"{clean(path)} cannot be read: {error.strerror or error}. Give a capture file "
                "that the user of the play may read."
            ) from error
        if not stat.S_ISREG(info.st_mode):
            raise CaptureError(f"{clean(path)} is no file. Give the path of a capture file.")
        first = first or info
        if not data and at == first.st_size:
            return
        if not data or (info.st_dev, info.st_ino) != (first.st_dev, first.st_ino):
            raise CaptureError(
                f"{clean(path)} was replaced or cut while it was read. Run the task again once "
                "nothing else writes to it."
            )
        yield data[: first.st_size - at]
        at += len(data)
