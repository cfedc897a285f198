# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""A file of a container brought to this machine, whole and verified, or kept as far as it came.

The bytes come through one exec stream and go straight to `<destination>.partial`; a stream that
breaks is followed by one that begins at the block where it broke. Both sides sum up the whole file
as it passes. Only where the sums differ are the checksums of its chunks compared, and only the
chunks that differ are fetched again. The destination gets its name at the very end.

What is fetched is the file as it was at the start: when it only grows meanwhile, its first bytes
are verified and complete; when it is cut or replaced, that is an error.

Not done, since it does not pay: several streams at once (on one node they share its processors),
and compression (gzip is slower than the stream, and Python has no faster method).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.line import Line
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.partial import Partial
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.plan import Source
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.transfer import Transfer

__all__ = ["RETRIES", "Source", "Transferred", "download"]

RETRIES = 12
"""Failures in a row, with no block of progress between them, before a transfer is given up."""


@dataclass(frozen=True, kw_only=True)
class Transferred:
    """What came of a download.

    `path` is the destination, or `<destination>.partial` where it is not whole. `expected` is the
    size of the source, as soon as that is known, and `resumed` counts the bytes that an earlier run
    had left. `retries` counts the streams that broke, `seconds` is the time of all of it.
    `unchanged` tells that the destination had that very content before. `set_aside` names what an
    earlier run had left of another file: it was moved there.
    """

    path: str
    size: int
    sha256: str | None
    whole: bool
    expected: int | None
    resumed: int
    retries: int
    seconds: float
    error: DebugError | None
    unchanged: bool = False
    set_aside: str | None = None


def download(
    client: Client,
    seat: Seat,
    source: Source,
    destination: str,
    *,
    timeout: float,
    retries: int = RETRIES,
    mode: int = 0o600,
    force: bool = False,
) -> Transferred:
    """Fetch a file; see the module's text.

    `timeout` bounds all of it, in seconds. `force` allows to replace a file at the destination
    whose content differs. Returns with `error` set when something came but not all (a next call
    goes on from there); raises DebugError when nothing did.
    """
    begin = time.monotonic()
    with Partial(destination, force=force) as part:
        line = Line(
            client=client,
            seat=seat,
            source=source,
            deadline=begin + timeout,
            retries=retries,
        )
        work = Transfer(line, part)
        error: DebugError | None = None
        unchanged = work.is_there(force=force)
        try:
            if not unchanged:
                work.fetch(mode)
        except DebugError as failure:
            error = work.explained(failure, timeout)
            if not part.size:
                raise error from None
        return Transferred(
            path=part.path if error else destination,
            size=work.at if work.facts else part.size,
            sha256=None if error else work.sha256,
            whole=error is None,
            expected=work.facts.size if work.facts else None,
            resumed=work.resumed,
            retries=line.retried,
            seconds=time.monotonic() - begin,
            error=error,
            unchanged=unchanged,
            set_aside=work.set_aside,
        )
