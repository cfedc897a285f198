# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader of frames on every way to cut them, and on what is none."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._files.frames import (
    FramesError,
    Splitter,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.model import (
    Entry,
    FilesOptions,
    local_parts,
    shown,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError

__all__: list[str] = []


def _frame(letter: bytes, payload: bytes) -> bytes:
    return letter + struct.pack(">I", len(payload)) + payload


_STREAM = _frame(b"J", b'{"a": 1}') + _frame(b"D", b"") + _frame(b"D", b"xyz") + _frame(b"J", b"{}")
_FRAMES = [{"a": 1}, b"", b"xyz", {}]


@pytest.mark.parametrize("size", range(1, len(_STREAM) + 1))
def test_frames_arrive_however_they_are_cut(size: int) -> None:
    splitter = Splitter()
    found = [
        each
        for at in range(0, len(_STREAM), size)
        for each in splitter.feed(_STREAM[at : at + size])
    ]
    assert (found, splitter.rest) == (_FRAMES, 0)


def test_a_frame_that_is_not_whole_is_counted() -> None:
    splitter = Splitter()
    assert list(splitter.feed(_STREAM[:-1])) == _FRAMES[:-1]
    assert splitter.rest == 6


@pytest.mark.parametrize(
    "output",
    [
        pytest.param(b"Traceback (most recent call last)", id="text"),
        pytest.param(b"J" + struct.pack(">I", 2**31), id="a record of gigabytes"),
        pytest.param(b"D" + struct.pack(">I", 2**21), id="too much data"),
        pytest.param(_frame(b"J", b"{"), id="no JSON"),
        pytest.param(_frame(b"J", b"[1]"), id="no object"),
        pytest.param(_frame(b"J", b"\xff"), id="no text"),
    ],
)
def test_what_the_walker_does_not_send_is_refused(output: bytes) -> None:
    with pytest.raises(FramesError, match="python3 printed") as caught:
        list(Splitter().feed(output))
    assert "\x1b" not in caught.value.msg


_RECORD = {
    "path": "/srv/a",
    "type": "file",
    "mode": 0o4755,
    "size": 3,
    "mtime_ns": 1_700_000_000_000_000_000,
    "uid": 1,
    "gid": 2,
    "device": 3,
    "inode": 4,
}


def test_an_entry_as_a_result_is_text_that_json_can_hold() -> None:
    entry = Entry.read({**_RECORD, "path": "/srv/\udcff\x1b[2J", "link": "x\udcfe"})
    found = entry.as_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["path"] == "/srv/\\xff\x1b[2J"
    assert found["path_base64"] == "L3Nydi//G1sySg=="
    assert (found["mode"], found["link"]) == ("4755", "x\\xfe")
    assert found["modified_at"] == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize(
    "change",
    [
        {"path": "srv/a"},
        {"path": "/srv/../etc"},
        {"path": "/srv/."},
        {"path": "/srv/\0"},
        {"path": None},
        {"size": "many"},
        {"mode": None},
        {"inode": float("inf")},
    ],
    ids=str,
)
def test_a_record_that_is_no_file_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(FramesError, match="no file"):
        Entry.read({**_RECORD, **change})


def test_a_record_without_a_field_is_refused() -> None:
    with pytest.raises(FramesError, match="no file"):
        Entry.read({"path": "/x"})


def test_paths_on_this_machine_have_the_same_components() -> None:
    assert list(local_parts("/a//b c/\udcff")) == ["a", "b c", "\udcff"]
    assert shown("/a") == {"path": "/a", "path_base64": None}


_PARAMS: dict[str, Any] = {
    "state": "fetched",
    "paths": ["/etc"],
    "dest": "/tmp/x",
    "flat": False,
    "recurse": False,
    "follow": False,
    "exclude": [],
    "max_files": 10,
    "max_bytes": 10,
    "preserve": True,
    "allow_partial": False,
    "timeout": 10,
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"paths": []}, "paths is empty"),
        ({"paths": ["", " "]}, "paths is empty"),
        ({"paths": ["etc/passwd"]}, "begins with a slash"),
        ({"paths": ["/a\0b"]}, "not a path"),
        ({"dest": None}, "dest is missing"),
        ({"dest": ""}, "dest is missing"),
        ({"max_files": 0}, "max_files=0 is out of range: give 1 to 100000"),
        ({"max_bytes": -1}, "max_bytes=-1 is out of range"),
        ({"timeout": 10**6}, "timeout=1000000 is out of range: give 1 to 86400 seconds"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(OptionError, match=reason):
        FilesOptions.from_params({**_PARAMS, **change})


def test_a_listing_needs_no_place() -> None:
    options = FilesOptions.from_params({**_PARAMS, "state": "listed", "dest": None})
    assert (options.dest, options.paths) == ("", ("/etc",))
