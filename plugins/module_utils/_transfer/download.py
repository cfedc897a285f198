# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""A file of a container brought to this machine, whole and verified, or kept as far as it came."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat

__all__ = ["Source", "Transferred", "download"]

RETRIES = 8
"""Failures in a row, without a byte of progress between, before a transfer is given up."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file inside a seat. `reader` is the argv that the remote side is run under, as nsenter."""

    path: str
    reader: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Transferred:
    """What came of a download.

    `path` is the destination, or <destination>.partial where it is not whole. `resumed` counts the
    bytes that an earlier try had left, `expected` is the size of the source where it is known.
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
    """Bring a file home; see the module's text."""
    raise NotImplementedError(client, seat, source, destination, timeout, retries, mode, force)
