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

from ansible_collections.kubedebug.core.plugins.module_utils._files.frames import Splitter
from ansible_collections.kubedebug.core.plugins.module_utils._files.program import (
    sender_argv,
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
    "sealed": [],
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
    argv = sender_argv(pid=1, container_id="", first=False, path="/x", device=1, inode=2)
    for source in (program, argv[5]):
        tree = ast.parse(source, feature_version=(3, 7))
        # A Python from 3.12 on writes quotes within those of an f-string, which older ones refuse.
        fields = [each for each in ast.walk(tree) if isinstance(each, ast.FormattedValue)]
        inner = [each for field in fields for each in ast.walk(field.value)]
        constants = [each.value for each in inner if isinstance(each, ast.Constant)]
        assert not [each for each in constants if isinstance(each, str)]
        assert "ansible_collections" not in source
    # It goes into the address of a request, where much is not allowed.
    assert len(argv[5]) < 6500
