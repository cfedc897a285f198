# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the walker tells of a tree, read back by the controller's own reader."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._files import rootfs, walker
from ansible_collections.kubedebug.core.plugins.module_utils._files.frames import Splitter
from ansible_collections.kubedebug.core.plugins.module_utils._files.model import Entry
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._files.conftest import (
    CONTAINER,
    Proc,
)

__all__: list[str] = []

Records = list[dict[str, Any] | bytes]
Run = Callable[..., Records]

_LIST = {"do": "list", "follow": False, "recurse": True, "exclude": [], "limit": 1000}


@pytest.fixture
def run(proc: Proc, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the walker in this process; returns its frames."""
    monkeypatch.setattr(walker, "PROC", str(proc.path))

    def run(**task: Any) -> Records:
        out = io.TextIOWrapper(io.BytesIO())
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            walker.main({"pid": 0, "container_id": CONTAINER, "first": False, **task})
        splitter = Splitter()
        found = list(splitter.feed(out.buffer.getvalue()))
        assert splitter.rest == 0
        return found

    return run


def _paths(records: Records) -> list[str]:
    return [each["entry"]["path"] for each in records if "entry" in each]  # type: ignore[index,call-overload]


def _problems(records: Records) -> dict[str, str]:
    told = [each["problem"] for each in records if isinstance(each, Mapping) and "problem" in each]
    return {each["path"]: each["reason"] for each in told}


@pytest.fixture
def tree(proc: Proc) -> Path:
    root = proc.root
    (root / "srv/deep/a").mkdir(parents=True)
    (root / "srv/deep/a/leaf.log").write_text("leaf", encoding="utf-8")
    (root / "srv/one.log").write_text("one", encoding="utf-8")
    (root / "srv/.hidden.log").write_text("hidden", encoding="utf-8")
    (root / "srv/[1].txt").write_text("brackets", encoding="utf-8")
    (root / "srv/up").symlink_to("..")
    (root / "srv/to-one").symlink_to("one.log")
    (root / "srv/out").symlink_to(proc.outside)
    os.mkfifo(root / "srv/pipe")
    Path(os.fsdecode(os.fsencode(root / "srv") + b"/\xff\n\x1b[2J")).write_text("odd")
    return root


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ("/srv/one.log", ["/srv/one.log"]),
        ("/srv/*.log", ["/srv/one.log"]),
        ("/srv/.*.log", ["/srv/.hidden.log"]),
        ("/srv/**/*.log", ["/srv/deep/a/leaf.log", "/srv/one.log"]),
        ("/s?v/d*/a/leaf.log", ["/srv/deep/a/leaf.log"]),
        ("/srv/[1].txt", ["/srv/[1].txt"]),
        ("/srv/[[]1].txt", ["/srv/[1].txt"]),
        ("/srv/to-one", ["/srv/one.log"]),
        ("/srv/up/srv/one.log", ["/srv/one.log"]),
    ],
)
def test_paths_and_patterns(run: Run, tree: Path, wish: str, found: list[str]) -> None:
    records = run(**_LIST, paths=[wish])
    assert sorted(_paths(records)) == found
    assert _problems(records) == {}
    assert records[-1] == {"end": True}


def test_a_walk_tells_of_everything_once_and_enters_no_link(run: Run, tree: Path) -> None:
    records = run(**_LIST, paths=["/srv", "/srv/one.log", "/srv/up/srv"])
    paths = _paths(records)
    assert len(paths) == len(set(paths))
    assert set(paths) == {
        *("/srv", "/srv/.hidden.log", "/srv/[1].txt", "/srv/deep", "/srv/deep/a"),
        *("/srv/deep/a/leaf.log", "/srv/one.log", "/srv/out", "/srv/pipe", "/srv/to-one"),
        *("/srv/up", "/srv/\udcff\n\x1b[2J"),
    }
    by_path = {each["entry"]["path"]: each["entry"] for each in records if "entry" in each}  # type: ignore[index,call-overload]
    assert by_path["/srv/pipe"]["type"] == "fifo"
    assert (by_path["/srv/up"]["type"], by_path["/srv/up"]["link"]) == ("link", "..")


def test_a_walk_that_follows_links_ends_and_stays_inside(run: Run, tree: Path) -> None:
    records = run(**{**_LIST, "follow": True}, paths=["/srv"])
    paths = _paths(records)
    assert len(paths) == len(set(paths))
    assert not [path for path in paths if "secret" in path]
    assert _problems(records) == {"/srv/out": "No such file or directory"}


def test_what_is_not_there_is_told(run: Run, tree: Path) -> None:
    records = run(**_LIST, paths=["/nowhere", "/srv/*.conf"])
    assert _problems(records) == {
        "/nowhere": "No such file or directory",
        "/srv/*.conf": "nothing matches",
    }


def test_what_is_excluded_is_left_out(run: Run, tree: Path) -> None:
    task = {**_LIST, "exclude": ["*.log", "/srv/deep/*"]}
    records = run(**task, paths=["/srv", "/srv/one.log"])
    assert not [path for path in _paths(records) if path.endswith(".log") or "/a" in path]
    assert _problems(records) == {"/srv/one.log": "left out by exclude"}


@pytest.mark.parametrize("limit", [1, 5, 11])
def test_more_than_the_bound_is_not_told(run: Run, tree: Path, limit: int) -> None:
    records = run(**{**_LIST, "limit": limit}, paths=["/srv"])
    assert len(_paths(records)) <= limit
    assert records[-1] == {"full": True}


def test_views_of_the_kernel_are_not_entered(
    run: Run, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = (tree / "srv").stat().st_dev
    monkeypatch.setattr(walker, "pseudo_devices", lambda proc, pid: {device: "proc"})
    records = run(**_LIST, paths=["/srv"])
    # What is named itself is entered, what is met below it is not.
    assert "/srv/deep" in _paths(records)
    assert "/srv/deep/a" not in _paths(records)
    assert "type proc" in _problems(records)["/srv/deep"]


def test_the_types_of_mounts_are_read(proc: Proc) -> None:
    assert walker.pseudo_devices(str(proc.path), 7) == {os.makedev(0, 7): "proc"}


def _wanted(run: Run, path: str, **changes: Any) -> dict[str, Any]:
    (record, _end) = run(**_LIST, paths=[path])
    entry = Entry.read(record["entry"])  # type: ignore[index,call-overload]
    return {
        "path": entry.path,
        "device": entry.device,
        "inode": entry.inode,
        "most": entry.most,
        **changes,
    }


def test_a_stream_has_the_bytes_and_their_hash(run: Run, tree: Path) -> None:
    content = os.urandom(walker.CHUNK * 2 + 17)
    (tree / "big").write_bytes(content)
    records = run(do="stream", files=[_wanted(run, "/big")], content=True)
    assert b"".join(each for each in records if isinstance(each, bytes)) == content
    expected = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    assert records[-2] == {"file": {"path": "/big", **expected, "reason": None}}


def test_a_file_that_was_replaced_is_not_sent(run: Run, tree: Path) -> None:
    wanted = _wanted(run, "/srv/one.log")
    (tree / "srv/new").write_text("new", encoding="utf-8")
    (tree / "srv/new").rename(tree / "srv/one.log")
    missing = {**wanted, "path": "/srv/gone"}
    records = run(do="stream", files=[wanted, missing], content=True)
    reasons = [each["file"]["reason"] for each in records[:-1]]  # type: ignore[index,call-overload]
    assert reasons == ["another file has its name by now", "No such file or directory"]


def test_a_file_that_grows_is_sent_as_far_as_it_was_listed(run: Run, tree: Path) -> None:
    wanted = _wanted(run, "/srv/one.log")
    with (tree / "srv/one.log").open("a", encoding="utf-8") as file:
        file.write(" and more")
    records = run(do="stream", files=[wanted], content=True)
    assert records[0] == b"one"


def test_a_hash_alone_sends_no_bytes(run: Run, tree: Path) -> None:
    records = run(do="stream", files=[_wanted(run, "/srv/one.log")], content=False)
    assert not [each for each in records if isinstance(each, bytes)]
    assert records[0]["file"]["sha256"] == hashlib.sha256(b"one").hexdigest()  # type: ignore[index,call-overload]


def test_reading_leaves_the_time_of_access(run: Run, tree: Path) -> None:
    os.utime(tree / "srv/one.log", ns=(10**18, 2 * 10**18))
    run(do="stream", files=[_wanted(run, "/srv/one.log")], content=True)
    assert (tree / "srv/one.log").stat().st_atime_ns == 10**18


def test_a_target_that_is_not_there_is_said(run: Run, tree: Path) -> None:
    records = run(**_LIST, paths=["/srv"], container_id="unknown")
    assert records == [{"failed": "no process of the target container is visible from here"}]


def test_the_sources_share_no_names() -> None:
    """They become one program."""
    own = {name for name in vars(walker) if not name.startswith("_")}
    other = {name for name in vars(rootfs) if not name.startswith("_")}
    shared = {name for name in own & other if getattr(walker, name) is not getattr(rootfs, name)}
    assert shared == set()
