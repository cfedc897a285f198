# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from kdcluster.errors import ClusterError
from kdcluster.settings import Settings


@pytest.mark.parametrize(
    ("environ", "cache", "state"),
    [
        pytest.param(
            {"HOME": "/h"}, "/h/.cache/kubedebug", "/h/.local/state/kubedebug/cluster", id="home"
        ),
        pytest.param(
            {"HOME": "/h", "XDG_CACHE_HOME": "/c", "XDG_STATE_HOME": "/s"},
            "/c/kubedebug",
            "/s/kubedebug/cluster",
            id="xdg",
        ),
        pytest.param(
            {"HOME": "/h", "XDG_CACHE_HOME": "c", "XDG_STATE_HOME": ""},
            "/h/.cache/kubedebug",
            "/h/.local/state/kubedebug/cluster",
            id="relative-and-empty-are-ignored",
        ),
        pytest.param(
            {"XDG_CACHE_HOME": "/c", "XDG_STATE_HOME": "/s"},
            "/c/kubedebug",
            "/s/kubedebug/cluster",
            id="no-home-needed",
        ),
    ],
)
def test_folders(environ: dict[str, str], cache: str, state: str) -> None:
    settings = Settings.from_environ(environ)
    assert (settings.cache, settings.state) == (Path(cache), Path(state))


def test_without_a_home() -> None:
    with pytest.raises(ClusterError, match="neither XDG_CACHE_HOME nor HOME"):
        Settings.from_environ({})


def test_a_state_folder_too_long_for_sockets() -> None:
    with pytest.raises(ClusterError, match="set XDG_STATE_HOME to a shorter folder"):
        Settings.from_environ({"HOME": "/" + "x" * 60})


def test_the_lock_is_not_in_the_folder_that_down_removes(settings: Settings) -> None:
    assert settings.state not in settings.lock.parents
