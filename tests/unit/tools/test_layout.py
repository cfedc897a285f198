# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy for ansible-test holds what a commit would take, and follows the checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.tests.tools import layout

__all__: list[str] = []


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small checkout in place of ours, with a tracked, a new and an ignored file."""
    root = tmp_path / "checkout"
    (root / "plugins").mkdir(parents=True)
    (root / "plugins/a.py").write_text("tracked", encoding="utf-8")
    (root / ".gitignore").write_text("*.log\n", encoding="utf-8")
    subprocess.run(["git", "init", "-q", root], check=True)
    subprocess.run(["git", "-C", root, "add", "-A"], check=True)
    (root / "new.py").write_text("new", encoding="utf-8")
    (root / "a.log").write_text("ignored", encoding="utf-8")
    monkeypatch.setattr(layout, "ROOT", root)
    monkeypatch.setattr(layout, "TREE", tmp_path / "trees" / "1")
    return root


def names(folder: Path) -> set[str]:
    """Return the files of a folder, without git's own."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


@pytest.mark.usefixtures("checkout")
def test_the_copy_holds_what_a_commit_would_take() -> None:
    copy = layout.copy_tree("sanity")
    assert copy.parts[-3:] == ("ansible_collections", "kubedebug", "core")
    assert names(copy) == {".gitignore", "plugins/a.py", "new.py"}
    listed = subprocess.run(
        ["git", "-C", copy, "ls-files"], check=True, capture_output=True, text=True
    )
    assert set(listed.stdout.split()) == {".gitignore", "plugins/a.py", "new.py"}


def test_the_copy_follows(checkout: Path) -> None:
    copy = layout.copy_tree("sanity")
    (copy / "tests/output").mkdir(parents=True)
    (copy / "tests/output/old.xml").write_text("of a former run", encoding="utf-8")
    (checkout / "new.py").unlink()
    (checkout / "plugins/a.py").write_text("changed", encoding="utf-8")
    (checkout / "plugins/b.py").symlink_to("a.py")
    assert layout.copy_tree("sanity") == copy
    assert names(copy) == {".gitignore", "plugins/a.py", "plugins/b.py"}
    assert (copy / "plugins/a.py").read_text(encoding="utf-8") == "changed"
    assert (copy / "plugins/b.py").is_symlink()


def test_a_file_that_was_a_folder(checkout: Path) -> None:
    (checkout / "thing").mkdir()
    (checkout / "thing/a.py").write_text("in a folder", encoding="utf-8")
    copy = layout.copy_tree("sanity")
    (checkout / "thing/a.py").unlink()
    (checkout / "thing").rmdir()
    (checkout / "thing").write_text("a file", encoding="utf-8")
    layout.copy_tree("sanity")
    assert (copy / "thing").read_text(encoding="utf-8") == "a file"


def test_a_hash_follows_the_content(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("a==1", encoding="utf-8")
    first = layout.file_hash(path, extra="3.13")
    assert layout.file_hash(path, extra="3.13") == first
    assert layout.file_hash(path, extra="3.12") != first
    path.write_text("a==2", encoding="utf-8")
    assert layout.file_hash(path, extra="3.13") != first
