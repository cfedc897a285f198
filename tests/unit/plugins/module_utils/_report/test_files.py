# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence folder: for its owner alone, whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._report.files import (
    EvidenceError,
    outdated,
    read_text,
    write_files,
)

__all__: list[str] = []

_CONTENTS = {"a.txt": "first\n", "b.txt": "zweitens é\n"}


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_the_owners_whatever_the_umask(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "evidence"
    before = os.umask(0)
    try:
        write_files(folder, _CONTENTS)
    finally:
        os.umask(before)

    assert _mode(folder) == 0o700
    assert {path.name: _mode(path) for path in folder.iterdir()} == dict.fromkeys(_CONTENTS, 0o600)
    assert read_text(folder / "b.txt") == "zweitens é\n"
    assert outdated(folder, _CONTENTS) == []


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    write_files(tmp_path, _CONTENTS)

    assert _mode(tmp_path) == 0o755


def test_what_differs_is_found(tmp_path: Path) -> None:
    write_files(tmp_path, {**_CONTENTS, "c.txt": "third\n"})
    (tmp_path / "a.txt").write_text("other", encoding="utf-8")
    (tmp_path / "c.txt").chmod(0o644)

    wanted = {**_CONTENTS, "c.txt": "third\n", "d.txt": "fourth\n"}

    assert outdated(tmp_path, wanted) == ["a.txt", "c.txt", "d.txt"]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious", encoding="utf-8")
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "a.txt").symlink_to(victim)

    assert outdated(folder, {"a.txt": "precious"}) == ["a.txt"]
    write_files(folder, _CONTENTS)

    assert victim.read_text(encoding="utf-8") == "precious"
    assert not (folder / "a.txt").is_symlink()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="nothing"),
        pytest.param(b"\xff\xfe", id="no text"),
    ],
)
def test_what_is_no_report_reads_as_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "report.json"
    if content is not None:
        path.write_bytes(content)

    assert read_text(path) is None


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")

    with pytest.raises(EvidenceError, match=r"evidence_dir=.*/file/evidence: Not a directory"):
        write_files(blocked / "evidence", _CONTENTS)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.txt": "old\n"})

    with pytest.raises(UnicodeEncodeError):
        write_files(tmp_path, {"a.txt": "half\n\udcff"})

    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert read_text(tmp_path / "a.txt") == "old\n"
