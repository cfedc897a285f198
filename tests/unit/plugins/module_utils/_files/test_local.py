# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where files go on this machine, and what must not happen there."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._files.local import (
    LocalError,
    Store,
    sha256_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.model import (
    Entry,
    FilesOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target

__all__: list[str] = []

_TARGET = Target(namespace="shop", name="web-0", uid="u", node="n", container="web", pod={})


def _store(dest: Path, **changes: Any) -> Store:
    options: dict[str, Any] = {
        "state": "fetched",
        "paths": ("/",),
        "dest": str(dest),
        "flat": False,
        "recurse": True,
        "follow": False,
        "exclude": (),
        "max_files": 10,
        "max_bytes": 10,
        "preserve": True,
        "allow_partial": False,
        "timeout": 10,
        **changes,
    }
    return Store(FilesOptions(**options), _TARGET)


def _entry(path: str, **changes: Any) -> Entry:
    fields: dict[str, Any] = {
        "type": "file",
        "mode": 0o640,
        "size": 4,
        "mtime_ns": 10**18,
        "uid": 0,
        "gid": 0,
        "device": 1,
        "inode": 2,
        **changes,
    }
    return Entry(path=path, **fields)


def _bring(store: Store, entry: Entry, content: bytes = b"text") -> Path:
    arriving = store.begin(entry)
    arriving.write(content)
    arriving.finish()
    return store.place(entry)


def test_a_file_appears_whole_with_mode_and_time(tmp_path: Path) -> None:
    store = _store(tmp_path / "new" / "dest")
    entry = _entry("/etc/a b/\udcff.conf")
    arriving = store.begin(entry)
    arriving.write(b"text")
    assert not store.place(entry).exists()
    arriving.finish()
    path = store.place(entry)
    assert os.fsencode(path).endswith(b"dest/shop/web-0/web/etc/a b/\xff.conf")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"text", 0o640)
    assert path.stat().st_mtime_ns == 10**18
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_bits_that_give_power_are_not_taken_over(tmp_path: Path) -> None:
    path = _bring(_store(tmp_path), _entry("/bin/su", mode=0o6755))
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_without_preserve_a_file_is_the_users_own(tmp_path: Path) -> None:
    path = _bring(_store(tmp_path, preserve=False), _entry("/a", mode=0o777))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_mtime_ns != 10**18


def test_what_is_dropped_leaves_nothing(tmp_path: Path) -> None:
    store = _store(tmp_path)
    _bring(store, _entry("/a"), b"old")
    arriving = store.begin(_entry("/a"))
    arriving.write(b"ne")
    arriving.drop()
    assert store.place(_entry("/a")).read_bytes() == b"old"
    assert [each.name for each in store.base.iterdir()] == ["a"]


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    store, elsewhere = _store(tmp_path / "dest"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    store.make_folder(store.base)
    (store.base / "etc").symlink_to(elsewhere)
    (store.base / "file").symlink_to(elsewhere / "file")
    for path in ("/etc/passwd", "/file"):
        with pytest.raises(LocalError, match="Move it away"):
            store.begin(_entry(path))
    assert list(elsewhere.iterdir()) == []


def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    store = _store(tmp_path)
    _bring(store, _entry("/a/b"))
    with pytest.raises(LocalError, match="exists and is no file"):
        store.begin(_entry("/a"))


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder", encoding="utf-8")
    with pytest.raises(LocalError, match="cannot be written"):
        _store(blocked).begin(_entry("/a"))


def test_copies_of_the_same_size_are_compared(tmp_path: Path) -> None:
    store = _store(tmp_path)
    path = _bring(store, _entry("/same"))
    _bring(store, _entry("/other"), b"longer text")
    entries = {each: _entry(each) for each in ("/same", "/other", "/missing")}
    assert store.present(entries) == {"/same": sha256_of(path)}


def test_mode_and_time_of_a_copy_are_mended(tmp_path: Path) -> None:
    store = _store(tmp_path)
    path = _bring(store, _entry("/a"))
    assert not store.adjust(_entry("/a"))
    assert store.adjust(_entry("/a", mode=0o600))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not _store(tmp_path, preserve=False).adjust(_entry("/a", mode=0o777))


def test_flat_is_the_very_name(tmp_path: Path) -> None:
    path = _bring(_store(tmp_path / "new" / "name", flat=True), _entry("/etc/passwd"))
    assert path == tmp_path / "new" / "name"
