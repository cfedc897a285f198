# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from kdcluster.contents import web_entries

ENTRIES = {entry.path: entry for entry in web_entries(Path("/web"))}


def test_the_web_image_has_no_other_program() -> None:
    runnable = {path for path, entry in ENTRIES.items() if entry.mode & 0o111}
    assert {path for path in runnable if ENTRIES[path].kind == "file"} == {"web", "srv/run.bin"}


@pytest.mark.parametrize(
    ("path", "target"),
    [
        pytest.param("srv/link-relative", "hello.txt", id="relative"),
        pytest.param("srv/link-absolute", "/etc/os-release", id="absolute"),
        pytest.param("srv/link-up", "../../../../../etc/passwd", id="out-of-the-root"),
        pytest.param("srv/link-loop", "link-loop", id="loop"),
    ],
)
def test_links_are_kept_word_for_word(path: str, target: str) -> None:
    assert ENTRIES[path].target == target
