# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures as Wireshark reads them: the judge of what this collection writes and says of a file."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

__all__ = ["capinfos", "fields", "packets"]

_WITHIN = 120
# Said to root on the standard error, whatever the file is like.
_TO_ROOT = 'Running as user "root" and group "root". This could be dangerous.'


def _run(name: str, *arguments: str) -> str:
    """The output of one of Wireshark's programs; whatever it complains about fails the test."""
    program = shutil.which(name)
    if program is None:
        pytest.fail(
            f"{name} is missing, by which this test reads captures. Install it "
            "(Debian: apt-get install tshark).",
            pytrace=False,
        )
    answer = subprocess.run(
        (program, *arguments), capture_output=True, text=True, timeout=_WITHIN, check=False
    )
    complaints = [line for line in answer.stderr.splitlines() if line and line != _TO_ROOT]
    if answer.returncode or complaints:
        pytest.fail(
            f"{name} {' '.join(arguments)} ended with {answer.returncode} and said: "
            f"{' / '.join(complaints) or 'nothing'}",
            pytrace=False,
        )
    return answer.stdout


def fields(
    path: Path, *names: str, display: str = "", options: Sequence[str] = ()
) -> list[tuple[str, ...]]:
    """The fields of each packet that the display filter lets pass, in the order of the file.

    Only what the file itself tells of names is resolved, never by the network.
    """
    wanted = [word for name in names for word in ("-e", name)]
    # Two passes: a response is known to belong to a request only once both were seen.
    filtered = ("-Y", display) if display else ()
    lines = _run(
        *("tshark", "-2", "-n", "-r", str(path), *options, *filtered),
        *("-T", "fields", "-E", "separator=/t", "-E", "occurrence=f", *wanted),
    )
    return [tuple(line.split("\t")) for line in lines.splitlines()]


def packets(path: Path, *, display: str = "") -> int:
    """How many packets pass the display filter."""
    return len(fields(path, "frame.number", display=display))


def capinfos(path: Path) -> dict[str, str]:
    """What capinfos says of the file as a whole: ``Number of packets``, ``Strict time order``."""
    lines = _run("capinfos", "-M", str(path)).splitlines()
    pairs = [line.partition(":") for line in lines if ":" in line]
    return {name.strip(): value.strip() for name, _colon, value in pairs}
