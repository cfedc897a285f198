# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks of the collection against a real cluster."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from e2ekit.fixtures import (
    cluster,
    collections,
    everywhere,
    new_play,
    new_space,
    play,
    pytest_configure,
    pytest_runtest_makereport,
    pytest_sessionfinish,
    shared,
    shared_play,
    space,
)

__all__ = [
    "cluster",
    "collections",
    "everywhere",
    "new_play",
    "new_space",
    "play",
    "pytest_configure",
    "pytest_runtest_makereport",
    "pytest_sessionfinish",
    "shared",
    "shared_play",
    "space",
]
