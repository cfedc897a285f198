# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes of an image whose python3 sends something else than the walker does."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.running import (
    Command,
    SeatRan,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files import remote
from ansible_collections.kubedebug.core.plugins.module_utils._files.model import (
    Entry,
    FilesOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.remote import (
    FilesError,
    Place,
    list_files,
    stream_files,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.exec import ExecResult
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat, Target

__all__: list[str] = []

_SPEC = {
    "volumes": [{"name": "v", "secret": {}}],
    "containers": [{"name": "web", "volumeMounts": [{"name": "v", "mountPath": "/keys"}]}],
}
_TARGET = Target(
    namespace="shop", name="web-0", uid="u", node="n", container="web", pod={"spec": _SPEC}
)
_PLACE = Place(target=_TARGET, seat=Seat(namespace="shop", pod="web-0", container="d"))
_OPTIONS = FilesOptions(
    state="listed", paths=("/srv",), dest="", flat=False, recurse=True, follow=False, exclude=(),
    secrets=False, max_files=2, max_bytes=10, preserve=True, allow_partial=False, timeout=9,
)  # fmt: skip
_RECORD = {
    "path": "/srv/a", "type": "file", "mode": 0o644, "size": 3, "mtime_ns": 0, "uid": 0, "gid": 0,
    "device": 1, "inode": 2, "allocated": 0,
}  # fmt: skip
_CLIENT: Any = None

Says = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Says:
    """Let the seat print frames; returns the list that the tasks it was given are added to."""

    def says(*frames: dict[str, Any] | bytes, rc: int = 0, ends: bool = True) -> Any:
        tasks: list[dict[str, Any]] = []

        def run(_client: Any, _seat: Seat, command: Command, **keywords: Any) -> SeatRan:
            tasks.append(json.loads(command.stdin or b""))
            for each in (*frames, *([{"end": True}] if ends else [])):
                data = each if isinstance(each, bytes) else json.dumps(each).encode()
                letter = b"D" if isinstance(each, bytes) else b"J"
                keywords["on_stdout"](letter + struct.pack(">I", len(data)) + data)
            return SeatRan(result=ExecResult(rc, b"", b"", 0, 0, 0.1))

        monkeypatch.setattr(remote, "run_in_seat", run)
        return tasks

    return says


def _list() -> remote.Listing:
    return list_files(_CLIENT, _PLACE, _OPTIONS, timeout=9)


def _stream(*entries: Entry) -> list[Any]:
    heard: list[Any] = []
    stream_files(
        _CLIENT,
        _PLACE,
        entries,
        content=True,
        timeout=9,
        on_data=lambda _entry, data: heard.append(data),
        on_end=lambda _entry, outcome: heard.append(outcome),
    )
    return heard


def test_a_list(says: Says) -> None:
    problem = {"path": "/keys", "reason": "left\x1b[2J out", "expected": True}
    tasks = says({"entry": _RECORD}, {"problem": problem})
    found = _list()
    assert [each.path for each in found.entries] == ["/srv/a"]
    assert [(each.reason, each.expected) for each in found.problems] == [("left out", True)]
    assert tasks[0]["sealed"] == ["/keys"]


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        pytest.param([{"entry": _RECORD}, {"entry": _RECORD}], "a file twice", id="twice"),
        pytest.param(
            [{"entry": {**_RECORD, "path": f"/{number}"}} for number in range(5)],
            "more files than",
            id="too many",
        ),
        pytest.param([{"entry": None}], "no file", id="nothing"),
        pytest.param([{"entry": {**_RECORD, "size": -9}}], "no file", id="less than nothing"),
        pytest.param([{"problem": None}], "no problem", id="no problem"),
        pytest.param([{"problem": {"path": 3, "reason": ""}}], "no problem", id="a number"),
        pytest.param([{"problem": {"path": "/\ud800", "reason": ""}}], "no problem", id="no bytes"),
        pytest.param([b"data"], "data among a list", id="data"),
    ],
)
def test_a_list_that_is_none(says: Says, frames: list[Any], text: str) -> None:
    says(*frames)
    with pytest.raises(FilesError, match=text) as caught:
        _list()
    assert "Choose another image" in caught.value.msg


def test_a_list_without_an_end_is_none(says: Says) -> None:
    says({"entry": _RECORD}, rc=137, ends=False)
    with pytest.raises(FilesError, match=r"ended early.*a signal ended it"):
        _list()


_END = {"path": "/srv/a", "sha256": "00", "size": 3, "reason": None}


def test_a_stream(says: Says) -> None:
    says(b"ab", b"c", {"file": _END})
    data, more, outcome = _stream(Entry.read(_RECORD))
    assert (data, more, outcome.size, outcome.torn) == (b"ab", b"c", 3, False)


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        pytest.param([b"abcd"], "more of a file than", id="more bytes"),
        pytest.param([b"abc", b"d"], "more of a file than", id="more frames"),
        pytest.param([b"abc", {"file": _END}, b"x"], "more files than", id="another file"),
        pytest.param([{"file": {**_END, "path": "/etc/passwd"}}], "another file", id="not asked"),
        pytest.param([{"file": {**_END, "size": "many"}}], "no end of a file", id="no size"),
        pytest.param([{"file": {**_END, "size": float("inf")}}], "no end of a file", id="endless"),
        pytest.param([{"file": {**_END, "sha256": 3}}], "no end of a file", id="no hash"),
        pytest.param([{"file": []}], "another file", id="no record"),
    ],
)
def test_a_stream_that_is_none(says: Says, frames: list[Any], text: str) -> None:
    says(*frames)
    with pytest.raises(FilesError, match=text):
        _stream(Entry.read(_RECORD))
