# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks of a run tell each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._connection.memory import (
    Known,
    Memory,
)

__all__: list[str] = []

_KNOWN = Known(namespace="shop", pod="web", container="kubedebug-1", ends=5.0, made=True)


def test_what_is_noted_is_recalled(tmp_path: Path) -> None:
    assert Memory(str(tmp_path), "key").recall() is None

    Memory(str(tmp_path), "key").note(_KNOWN)

    assert Memory(str(tmp_path), "key").recall() == _KNOWN
    assert Memory(str(tmp_path), "other").recall() is None
    assert len(list(tmp_path.iterdir())) == 1

    Memory(str(tmp_path), "key").forget()
    Memory(str(tmp_path), "key").forget()

    assert Memory(str(tmp_path), "key").recall() is None


@pytest.mark.parametrize(
    ("container", "made"),
    [
        pytest.param("kubedebug-1", True, id="the-same"),
        pytest.param("kubedebug-2", False, id="another"),
    ],
)
def test_that_this_run_made_it_stays_known(tmp_path: Path, container: str, made: bool) -> None:
    """Another host of the same pod finds the debugger there, and has not made it."""
    memory = Memory(str(tmp_path), "key")
    memory.note(_KNOWN)

    memory.note(Known(namespace="shop", pod="web", container=container, ends=6.0))

    recalled = memory.recall()
    assert recalled is not None
    assert (recalled.container, recalled.made) == (container, made)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pod": "a", "more": 1}', "\0"])
def test_a_damaged_note_is_none(tmp_path: Path, text: str) -> None:
    memory = Memory(str(tmp_path), "key")
    memory.note(_KNOWN)
    (path,) = tmp_path.iterdir()

    path.write_text(text, encoding="utf-8")

    assert memory.recall() is None


@pytest.mark.parametrize("folder", [None, "/nonexistent/folder"])
def test_where_nothing_can_be_kept(folder: str | None) -> None:
    memory = Memory(folder, "key")

    memory.note(_KNOWN)
    memory.forget()

    assert memory.recall() is None
