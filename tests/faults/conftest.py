# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection against failures of the network and the API server, through a proxy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

from e2ekit.cluster import Space
from e2ekit.fixtures import (
    NewPlay,
    cluster,
    collections,
    new_play,
    new_space,
    pytest_configure,
    pytest_runtest_makereport,
    pytest_sessionfinish,
    space,
)
from e2ekit.playbooks import Playbooks
from e2ekit.proxy import FaultProxy

__all__ = [
    "cluster",
    "collections",
    "new_play",
    "new_space",
    "play",
    "proxy",
    "pytest_configure",
    "pytest_runtest_makereport",
    "pytest_sessionfinish",
    "space",
]


@pytest.fixture
def proxy(space: Space, tmp_path: Path) -> Iterator[FaultProxy]:
    """A proxy before the API server; the namespace's kubeconfig leads to it from now on."""
    server, authority = space.cluster.server()
    proxy = FaultProxy(server, authority, tmp_path)
    space.write_kubeconfig(server=proxy.url, ca=proxy.authority.pem)
    yield proxy
    proxy.close()


@pytest.fixture
def play(new_play: NewPlay, space: Space, proxy: FaultProxy) -> Playbooks:
    """Run playbooks through the proxy."""
    del proxy
    return new_play(space)
