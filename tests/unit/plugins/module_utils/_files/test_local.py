# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where files go on this machine, and what must not happen there."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._files.folders import (
    LocalError,
    NoPlace,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.local import (
    PARKED,
    Store,
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
        "secrets": False,
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
    arriving = _store(tmp_path).begin(_entry("/a"))
    arriving.write(b"ne")
    arriving.drop()
    assert store.place(_entry("/a")).read_bytes() == b"old"
    assert [each.name for each in store.base.iterdir()] == ["a"]


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    store, elsewhere = _store(tmp_path / "dest"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    store.make_folder(_entry("/"))
    (store.base / "etc").symlink_to(elsewhere)
    (store.base / "file").symlink_to(elsewhere / "file")
    for path in ("/etc/passwd", "/file"):
        with pytest.raises(NoPlace, match="Move it away"):
            store.begin(_entry(path))
        with pytest.raises(NoPlace, match="Move it away"):
            store.park(_entry(path))
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("level", ["shop", "shop/web-0", "shop/web-0/web"])
def test_no_link_is_followed_below_the_very_destination(tmp_path: Path, level: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "dest").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "dest")
    # What leads to the destination is the user's to choose.
    store = _store(tmp_path / "link")
    planted = tmp_path / "dest" / level
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.symlink_to(elsewhere)
    with pytest.raises(LocalError, match="Move it away") as caught:
        store.begin(_entry("/a"))
    assert not isinstance(caught.value, NoPlace)
    assert list(elsewhere.iterdir()) == []


def test_what_links_lead_to_is_neither_read_nor_changed(tmp_path: Path) -> None:
    store = _store(tmp_path / "dest")
    other = _bring(_store(tmp_path / "other"), _entry("/etc/file", mode=0o600))
    store.make_folder(_entry("/"))
    (store.base / "etc").symlink_to(other.parent)
    (store.base / "file").symlink_to(other)
    for path in ("/etc/file", "/file"):
        entry = _entry(path, mode=0o777)
        assert store.present({path: entry}) == {}
        assert not store.adjust(entry)
    assert stat.S_IMODE(other.stat().st_mode) == 0o600


def test_folders_deeper_than_a_path_may_be_long(tmp_path: Path) -> None:
    store = _store(tmp_path)
    entry = _entry(f"/{'d' * 200}" * 25 + "/f")
    arriving = store.begin(entry)
    arriving.write(b"text")
    assert arriving.finish()
    assert store.present({"": entry}) == {"": hashlib.sha256(b"text").hexdigest()}


def test_a_name_that_is_too_long_is_the_problem_of_one_file(tmp_path: Path) -> None:
    with pytest.raises(NoPlace, match="too long"):
        _store(tmp_path).begin(_entry(f"/{'x' * 300}/f"))
    with pytest.raises(NoPlace, match="too long"):
        _store(tmp_path).begin(_entry(f"/{'x' * 300}"))


def test_what_this_run_has_written_is_not_replaced_by_another_file(tmp_path: Path) -> None:
    """As where the file system takes README and readme for the same."""
    store = _store(tmp_path)
    path = _bring(store, _entry("/a"), b"one")
    arriving = store.begin(_entry("/b"))
    path.rename(path.with_name("b"))
    arriving.write(b"two")
    with pytest.raises(NoPlace, match="another file of the target already"):
        arriving.finish()
    assert path.with_name("b").read_bytes() == b"one"
    assert [each.name for each in store.base.iterdir()] == ["b"]


def test_the_same_content_is_no_change(tmp_path: Path) -> None:
    """What says that it has no bytes has to be read to know."""
    store = _store(tmp_path)
    for size, changed in ((0, True), (0, False)):
        arriving = _store(tmp_path).begin(_entry("/proc/version", size=size))
        arriving.write(b"Linux")
        assert arriving.finish() is changed
    assert [each.name for each in (store.base / "proc").iterdir()] == ["version"]


def test_holes_stay_holes(tmp_path: Path) -> None:
    store = _store(tmp_path)
    arriving = store.begin(_entry("/holes"))
    for data in (bytes(262144), bytes(262144), b"end", bytes(262144)):
        arriving.write(data)
    arriving.finish()
    path = store.place(_entry("/holes"))
    assert path.read_bytes() == bytes(524288) + b"end" + bytes(262144)
    assert path.stat().st_blocks * 512 < 100_000


def test_a_time_of_no_calendar(tmp_path: Path) -> None:
    for number, seconds in enumerate((-(1 << 63), (1 << 63) - 1, 1 << 40)):
        entry = _entry(f"/{number}", mtime_ns=seconds * 10**9)
        assert _bring(_store(tmp_path), entry).read_bytes() == b"text"


def test_a_large_file_grows_where_no_file_of_the_target_can_be(tmp_path: Path) -> None:
    store = _store(tmp_path)
    entry, near = _entry("/big"), _entry("/big.partial")
    parked = Path(store.park(entry))
    assert parked.parent == tmp_path / "shop" / "web-0" / PARKED
    assert parked == Path(_store(tmp_path).park(entry))
    assert parked != Path(store.park(near))
    parked.write_bytes(b"large")
    store.tidy()
    assert parked.exists()
    store.unpark(entry, str(parked))
    store.tidy()
    path = store.place(entry)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"large", 0o640)
    assert sorted(each.name for each in (tmp_path / "shop" / "web-0").iterdir()) == ["web"]


def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    store = _store(tmp_path)
    _bring(store, _entry("/a/b"))
    with pytest.raises(NoPlace, match="exists and is no file"):
        store.begin(_entry("/a"))


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder", encoding="utf-8")
    with pytest.raises(LocalError, match="is no folder"):
        _store(blocked).begin(_entry("/a"))


def test_copies_of_the_same_size_are_compared(tmp_path: Path) -> None:
    store = _store(tmp_path)
    path = _bring(store, _entry("/same"))
    _bring(store, _entry("/other"), b"longer text")
    entries = {each: _entry(each) for each in ("/same", "/other", "/missing")}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert store.present(entries) == {"/same": digest}


def test_mode_and_time_of_a_copy_are_mended(tmp_path: Path) -> None:
    store = _store(tmp_path)
    path = _bring(store, _entry("/a"))
    assert not store.adjust(_entry("/a"))
    assert store.adjust(_entry("/a", mode=0o600), check_mode=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert store.adjust(_entry("/a", mode=0o600))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not _store(tmp_path, preserve=False).adjust(_entry("/a", mode=0o777))


def test_flat_is_the_very_name(tmp_path: Path) -> None:
    path = _bring(_store(tmp_path / "new" / "name", flat=True), _entry("/etc/passwd"))
    assert path == tmp_path / "new" / "name"
