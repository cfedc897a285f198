# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What debuggers find out: shared namespaces, and latency to a peer."""

from __future__ import annotations

from e2ekit.cluster import Space
from e2ekit.playbooks import Playbooks

__all__: list[str] = []


def test_the_table_of_namespaces(space: Space, play: Playbooks) -> None:
    space.web()
    space.web("sharing", spec={"shareProcessNamespace": True})

    play.play("namespaces")


def test_latency_statistics(space: Space, play: Playbooks) -> None:
    space.web()
    space.web("peer")

    play.play("probe", kd_peer=space.pod("peer")["status"]["podIP"])

    assert len(space.entries("web")) == 2
