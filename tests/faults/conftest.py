# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection against failures of the network and the API server, through a proxy."""

from __future__ import annotations

import fcntl
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
    "turn",
]


@pytest.fixture(autouse=True)
def turn(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Let a test that takes the API server away run alone, whichever worker has it.

    All others share the lock, from before their first fixture to after their last.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    with (shared / "turn.lock").open("w") as lock:
        alone = request.node.get_closest_marker("alone") is not None
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


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
