# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Captures of many pods in one pcapng, an interface for each pod, in the order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["MergeInput", "MergeResult", "merge", "merge_to_file"]


@dataclass(frozen=True, kw_only=True)
class MergeInput:
    """One file of one pod. Several files of a pod (a ring) have the same ``pod``.

    ``received`` and ``dropped`` are tcpdump's own counts of the pod's whole capture. ``comment``
    says what is known to be wrong with the file. ``clock_offset`` is by how many seconds the clock
    of the pod's node was ahead of this machine's; it is told in the file and never applied, since
    it is an estimate and the timestamps are evidence.
    """

    path: str
    pod: str
    node: str = ""
    ips: tuple[str, ...] = ()
    comment: str = ""
    received: int | None = None
    dropped: int | None = None
    clock_offset: float | None = None
    filter: str = ""


@dataclass(frozen=True, kw_only=True)
class MergeResult:
    """What was written. ``notes`` say what a reader has to know, as inputs that end too early."""

    packets: int
    size: int
    sha256: str
    interfaces: tuple[str, ...]
    first: int | None
    last: int | None
    unordered: int
    notes: tuple[str, ...]


def merge(inputs: Sequence[MergeInput], out: BinaryIO) -> MergeResult:
    """Write the packets of all inputs to *out*; constant memory, no file stays open."""
    raise NotImplementedError(inputs, out)


def merge_to_file(
    inputs: Sequence[MergeInput], destination: str, *, force: bool = False, mode: int = 0o600
) -> MergeResult:
    """``merge`` into a file that is there whole or not at all."""
    raise NotImplementedError(inputs, destination, force, mode)
