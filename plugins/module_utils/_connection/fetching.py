# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""A file of a host's container to the controller, by the collection's verified transfer."""

from __future__ import annotations

import os

from ansible_collections.kubedebug.core.plugins.module_utils._connection.link import Link
from ansible_collections.kubedebug.core.plugins.module_utils._connection.putting import (
    FileRefused,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    ConnectionFailed,
    DebugError,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.download import (
    Source,
    download,
)

__all__ = ["fetch"]

_A_DAY = 24 * 3600.0


def fetch(link: Link, source: str, destination: str) -> None:
    """Bring a file of the host's container to this machine, replacing what is there.

    Raises FileRefused, or DebugError where the host cannot be reached.
    """
    link.prove()
    timeout = link.patience
    try:
        done = download(
            link.client,
            link.seat,
            Source(path=source),
            destination,
            timeout=_A_DAY if timeout is None else timeout,
            mode=0o666 & ~_umask(),
            force=True,
        )
    except (ApiError, ConnectionFailed):
        raise
    except DebugError as error:
        raise FileRefused(error.msg) from error
    if not done.whole:
        reason = done.error.msg if done.error is not None else "the reason is not known"
        raise FileRefused(f"{clean(source)} did not arrive whole: {reason}")


def _umask() -> int:
    """The process's mask, which only setting it tells."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
