# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept and what is told when a stream of files does not go as it should."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._files import fetching
from ansible_collections.kubedebug.core.plugins.module_utils._files.fetching import (
    Fetched,
    fetch,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.local import Store
from ansible_collections.kubedebug.core.plugins.module_utils._files.model import (
    Entry,
    FilesOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.remote import (
    FileOutcome,
    Place,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import ExecInterrupted
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat, Target

__all__: list[str] = []

_TARGET = Target(namespace="shop", name="web-0", uid="u", node="n", container="web", pod={})
_PLACE = Place(target=_TARGET, seat=Seat(namespace="shop", pod="web-0", container="d"))
_FILES = {f"/srv/{name}": name.encode() * 3 for name in ("a", "bb", "ccc")}

Stream = Callable[..., None]


def _entry(path: str, **changes: Any) -> Entry:
    fields: dict[str, Any] = {
        "type": "file", "mode": 0o644, "size": len(_FILES.get(path, b"")), "mtime_ns": 10**18,
        "uid": 0, "gid": 0, "device": 1, "inode": 2, **changes,
    }  # fmt: skip
    return Entry(path=path, **fields)


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Stream], Fetched]:
    """Fetch the three files by a stream that the test plays."""
    monkeypatch.setattr(fetching, "_PAUSE", 0.0)

    def bring(stream: Stream, **changes: Any) -> Fetched:
        monkeypatch.setattr(fetching, "stream_files", stream)
        options: dict[str, Any] = {
            "state": "fetched", "paths": ("/srv",), "dest": str(tmp_path / "home"), "flat": False,
            "recurse": True, "follow": False, "exclude": (), "max_files": 10, "max_bytes": 1000,
            "preserve": True, "allow_partial": False, "timeout": 60, **changes,
        }  # fmt: skip
        store = Store(FilesOptions(**options), _TARGET)
        client: Any = None
        return fetch(client, _PLACE, store, [_entry(path) for path in _FILES])

    return bring


def _send(entry: Entry, on_data: Any, on_end: Any, *, content: bytes | None = None) -> None:
    """Play one file: what was read there, and what arrives."""
    read = _FILES[entry.path]
    arrives = read if content is None else content
    if arrives:
        on_data(entry, arrives)
    digest = hashlib.sha256(read).hexdigest()
    on_end(entry, FileOutcome(sha256=digest, size=len(read), reason=None))


def _whole(_client: Any, _place: Any, entries: Sequence[Entry], **rest: Any) -> None:
    for entry in entries:
        if rest["content"]:
            _send(entry, rest["on_data"], rest["on_end"])
        else:
            digest = hashlib.sha256(_FILES[entry.path]).hexdigest()
            rest["on_end"](entry, FileOutcome(sha256=digest, size=entry.size, reason=None))


def _home(tmp_path: Path) -> dict[str, bytes]:
    base = tmp_path / "home/shop/web-0/web"
    return {
        f"/{path.relative_to(base)}": path.read_bytes()
        for path in base.rglob("*")
        if path.is_file()
    }


def test_all_arrive_and_are_left_alone_the_next_time(tmp_path: Path, bring: Any) -> None:
    first, second = bring(_whole), bring(_whole)
    assert _home(tmp_path) == _FILES
    assert [each.changed for each in first.files] == [True] * 3
    assert [each.changed for each in second.files] == [False] * 3
    assert [each.sha256 for each in first.files] == [each.sha256 for each in second.files]


def test_a_copy_with_another_content_is_replaced(tmp_path: Path, bring: Any) -> None:
    bring(_whole)
    (tmp_path / "home/shop/web-0/web/srv/a").write_bytes(b"xyz")
    again = bring(_whole)
    assert [each.entry.path for each in again.files if each.changed] == ["/srv/a"]
    assert _home(tmp_path) == _FILES


def test_a_broken_stream_goes_on_with_the_file_that_broke(tmp_path: Path, bring: Any) -> None:
    asked: list[list[str]] = []

    def breaking(_client: Any, _place: Any, entries: Sequence[Entry], **rest: Any) -> None:
        asked.append([each.path for each in entries])
        _send(entries[0], rest["on_data"], rest["on_end"])
        if len(entries) > 1:
            rest["on_data"](entries[1], b"b")
            raise ExecInterrupted("cut")

    done = bring(breaking)
    assert asked == [["/srv/a", "/srv/bb", "/srv/ccc"], ["/srv/bb", "/srv/ccc"], ["/srv/ccc"]]
    assert (_home(tmp_path), done.error, done.problems) == (_FILES, None, [])
    assert not list(tmp_path.rglob(".kubedebug-*"))


def test_a_stream_that_never_comes_is_given_up(tmp_path: Path, bring: Any) -> None:
    tries = []

    def broken(_client: Any, _place: Any, entries: Sequence[Entry], **rest: Any) -> None:
        tries.append(len(entries))
        raise ExecInterrupted("cut")

    done = bring(broken)
    assert len(tries) == 6
    assert done.error is not None
    assert "cut" in done.error.msg
    assert _home(tmp_path) == {}


def test_a_file_that_arrives_changed_is_not_kept(tmp_path: Path, bring: Any) -> None:
    def corrupt(_client: Any, _place: Any, entries: Sequence[Entry], **rest: Any) -> None:
        for entry in entries:
            content = b"bbbbbX" if entry.path == "/srv/bb" else None
            _send(entry, rest["on_data"], rest["on_end"], content=content)

    done = bring(corrupt)
    assert done.error is not None
    assert "changed by the way" in done.error.msg
    assert _home(tmp_path) == {"/srv/a": _FILES["/srv/a"]}
    assert not list(tmp_path.rglob(".kubedebug-*"))


def test_the_end_of_a_file_that_was_lost_is_noticed(tmp_path: Path, bring: Any) -> None:
    def short(_client: Any, _place: Any, entries: Sequence[Entry], **rest: Any) -> None:
        for entry in entries:
            _send(entry, rest["on_data"], rest["on_end"], content=_FILES[entry.path][:-1])

    done = bring(short)
    assert done.error is not None
    assert _home(tmp_path) == {}


def test_a_file_that_cannot_be_read_is_told_and_the_rest_comes(tmp_path: Path, bring: Any) -> None:
    def denied(_client: Any, _place: Any, entries: Sequence[Entry], **rest: Any) -> None:
        rest["on_data"](entries[0], b"a")
        failed = FileOutcome(sha256=None, size=0, reason="Input/output error")
        rest["on_end"](entries[0], failed)
        for entry in entries[1:]:
            _send(entry, rest["on_data"], rest["on_end"])

    done = bring(denied)
    assert [(each.path, each.reason) for each in done.problems] == [
        ("/srv/a", "Input/output error")
    ]
    assert sorted(_home(tmp_path)) == ["/srv/bb", "/srv/ccc"]


def test_a_file_that_shrinks_is_kept_and_told(tmp_path: Path, bring: Any) -> None:
    def shrunk(_client: Any, _place: Any, entries: Sequence[Entry], **rest: Any) -> None:
        for entry in entries:
            content = b"x"
            rest["on_data"](entry, content)
            digest = hashlib.sha256(content).hexdigest()
            rest["on_end"](entry, FileOutcome(sha256=digest, size=1, reason=None))

    done = bring(shrunk)
    assert len(done.problems) == 3
    assert "has shrunk to 1 bytes" in done.problems[0].reason


def test_a_place_that_cannot_be_written_ends_it_at_once(tmp_path: Path, bring: Any) -> None:
    (tmp_path / "home").write_text("no folder", encoding="utf-8")
    tries = []

    def counted(*args: Any, **rest: Any) -> None:
        tries.append(1)
        _whole(*args, **rest)

    done = bring(counted)
    assert len(tries) == 1
    assert done.error is not None
    assert "cannot be written" in done.error.msg


def test_the_time_is_bounded(bring: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0.0, *(59.5 for _tick in range(9))])
    monkeypatch.setattr(fetching.time, "monotonic", lambda: next(ticks))
    done = bring(_whole)
    assert done.error is not None
    assert "timeout=60 s was over" in done.error.msg
