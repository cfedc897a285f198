# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs as they are sent, run by a Python of their own."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._files.frames import Splitter
from ansible_collections.kubedebug.core.plugins.module_utils._files.program import (
    OPENED,
    opener_argv,
    walker_command,
)

__all__: list[str] = []

_TASK = {
    "pid": os.getpid(),
    "container_id": "",
    "first": False,
    "do": "list",
    "follow": False,
    "recurse": False,
    "exclude": [],
    "limit": 10,
}


def _run(argv: list[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, *argv[1:]], input=stdin, capture_output=True, check=False, timeout=60
    )


def test_the_walker_runs_by_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text", encoding="utf-8")
    command = walker_command({**_TASK, "paths": [str(tmp_path / "file")]}, timeout=10)
    ran = _run(list(command.argv), command.stdin or b"")
    assert ran.stderr == b""
    records = list(Splitter().feed(ran.stdout))
    assert isinstance(records[0], dict)
    assert records[0]["entry"]["size"] == 4
    assert records[-1] == {"end": True}


def test_the_programs_are_for_older_pythons_too() -> None:
    command = walker_command(_TASK, timeout=10)
    program = json.loads(command.stdin or b"")["program"]
    argv = opener_argv(pid=1, container_id="", first=False, path="/x", device=1, inode=2)
    for source in (program, argv[3]):
        ast.parse(source, feature_version=(3, 7))
        assert "ansible_collections" not in source
    # It goes into the address of a request, where much is not allowed.
    assert len(argv[3]) < 6000


def test_the_opener_hands_the_file_on(tmp_path: Path) -> None:
    path = tmp_path / "a b"
    path.write_text("text", encoding="utf-8")
    status = path.stat()
    argv = opener_argv(
        pid=os.getpid(),
        container_id="",
        first=False,
        path=str(path),
        device=status.st_dev,
        inode=status.st_ino,
    )
    assert _run([*argv, "cat", OPENED]).stdout == b"text"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"inode": 1}, "another file has its name by now"),
        ({"path": "/nowhere/at/all"}, "No such file or directory"),
        ({"pid": 2**22 + 1}, "root cannot be opened"),
    ],
)
def test_the_opener_says_why_it_cannot(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    path = tmp_path / "file"
    path.write_text("text", encoding="utf-8")
    status = path.stat()
    options = {
        "pid": os.getpid(),
        "container_id": "",
        "first": False,
        "path": str(path),
        "device": status.st_dev,
        "inode": status.st_ino,
        **change,
    }
    ran = _run([*opener_argv(**options), "cat", OPENED])  # type: ignore[arg-type]
    assert ran.returncode == 126
    assert reason in ran.stderr.decode()
