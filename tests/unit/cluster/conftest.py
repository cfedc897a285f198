# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the cluster's program importable: it is no part of the collection, and needs none of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "cluster"))

from kdcluster.settings import Settings

__all__ = ["settings"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Folders of this test's own, with the short state folder that the sockets need."""
    return Settings(cache=tmp_path / "cache", state=tmp_path / "state")
