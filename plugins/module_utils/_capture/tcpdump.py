# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""tcpdump's command line, and what it says; pure.

Source: tcpdump 4.99, tcpdump.1 and tcpdump.c (info(), main()).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.kubedebug.core.plugins.module_utils._capture.capture_options import (
    CaptureOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean

__all__ = [
    "FILE",
    "Statistics",
    "check_arguments",
    "link_type",
    "reason",
    "record_argv",
    "statistics",
]

FILE = "packets"
"""Where tcpdump writes, in the folder of the recording; a ring appends numbers."""

# tcpdump counts the size of a ring's files in these. Source: tcpdump.1, -C
_MILLION = 1_000_000

_COUNTS = re.compile(
    r"(?:^|[ ,])(\d{1,20}) packets? (captured|received by filter|dropped by (?:kernel|interface))"
)
_LISTENING = re.compile(r"listening on \S+, link-type (\S+)")
# What tcpdump says without anything being wrong.
_NO_REASON = re.compile(
    r"listening on |data link type |verbose output suppressed|^dropped privs to |packets? captured"
    r"|packets? received by filter|packets? dropped by (?:kernel|interface)"
    r"|^WARNING: .*promiscuous mode not supported"
)


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """tcpdump's own counts at its end; None where it did not come to tell them.

    On Linux ``received`` counts what passed the filter, dropped packets included. Of packets on the
    loopback interface it counts both directions, and tcpdump takes one of them.
    """

    captured: int | None = None
    received: int | None = None
    dropped_kernel: int | None = None
    dropped_interface: int | None = None


def check_arguments(options: CaptureOptions) -> tuple[str, ...]:
    """The arguments with which tcpdump compiles the filter for the interface and no more."""
    return ("-d", *_source(options), *_filter(options))


def record_argv(options: CaptureOptions, *, user: str | None) -> tuple[str, ...]:
    """The argv of a recording; *user* is whom tcpdump shall run as, where it gives up root.

    Neither ``-U`` nor ``--immediate-mode``: measured, they lose packets at a load that tcpdump
    bears without them. The recorder drains the kernel's buffer before it stops tcpdump instead.
    """
    argv = ["tcpdump", "-n", *(("-Z", user) if user else ()), *_source(options)]
    argv += ["-B", str(-(-options.buffer_size // 1024))]
    if options.max_packets:
        argv += ["-c", str(options.max_packets)]
    if options.files > 1:
        argv += ["-C", str(-(-options.file_size // _MILLION)), "-W", str(options.files)]
    return (*argv, "-w", FILE, *_filter(options))


def _source(options: CaptureOptions) -> list[str]:
    promiscuous = [] if options.promiscuous else ["-p"]
    return ["-i", options.interface, *promiscuous, "-s", str(options.snaplen)]


def _filter(options: CaptureOptions) -> tuple[str, ...]:
    """The filter as one word behind --: tcpdump would join several words to the same text."""
    return ("--", options.filter) if options.filter else ()


def statistics(lines: Sequence[str]) -> Statistics:
    """The last counts that tcpdump told; those on request and those at its end look alike."""
    found = {what: int(count) for line in lines for count, what in _COUNTS.findall(line)}
    return Statistics(
        captured=found.get("captured"),
        received=found.get("received by filter"),
        dropped_kernel=found.get("dropped by kernel"),
        dropped_interface=found.get("dropped by interface"),
    )


def link_type(lines: Sequence[str]) -> str | None:
    """The name of the link type that tcpdump writes, as in LINUX_SLL2."""
    match = next((found for line in lines if (found := _LISTENING.search(line))), None)
    return clean(match[1], limit=40) if match else None


def reason(lines: Sequence[str]) -> str:
    """Why tcpdump ended, in its own words; "" where it says nothing."""
    words = [line.removeprefix("tcpdump: ").strip() for line in lines]
    told = [line for line in words if line and not _NO_REASON.search(line)]
    return clean("; ".join(told[-3:]))
