# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A made-up /proc whose processes have a root of their own in a temporary folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["Proc", "proc"]

CONTAINER = "5f" * 32


class Proc:
    """Process 7 is the target; ``root`` is its root, ``outside`` what nobody may get to."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "proc"
        self.root = folder / "container"
        self.outside = folder / "outside"
        for each in (self.path, self.root, self.outside):
            each.mkdir()
        (self.outside / "secret").write_text("of the debugger", encoding="utf-8")
        self.process(7, started=50)

    def process(
        self, pid: int, *, started: int, cgroup: str = f"/kubepods/{CONTAINER}", state: str = "S"
    ) -> None:
        """Add a process; its command has a name that is made to confuse."""
        folder = self.path / str(pid)
        folder.mkdir()
        (folder / "root").symlink_to(self.root)
        fields = [state, *("0" for _number in range(18)), str(started), "0"]
        (folder / "stat").write_text(f"{pid} (a) S 1 () {' '.join(fields)}\n", encoding="utf-8")
        (folder / "cgroup").write_text(f"3:cpu:/other\n0::{cgroup}\n", encoding="utf-8")
        (folder / "mountinfo").write_text(
            f"22 1 {self._device()} / / rw - ext4 /dev/sda rw\n23 22 0:7 / /proc rw shared:1 - "
            "proc proc rw\n",
            encoding="utf-8",
        )

    def _device(self) -> str:
        number = self.root.stat().st_dev
        return f"{os.major(number)}:{os.minor(number)}"


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)
