# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from kdcluster.node import cgroup_folders, is_shim, mounts_below

MOUNTS = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:4 master:1 - cgroup2 cgroup2 rw
50 23 0:40 / /state/run/shm rw - tmpfs shm rw
51 23 0:41 / /state/run/a\\040b rw - overlay overlay rw
52 23 0:42 / /state-of-another rw - tmpfs tmpfs rw
53 23 0:43 / /state rw - tmpfs tmpfs rw
"""


def test_cgroup_folders_of_both_versions() -> None:
    assert cgroup_folders(MOUNTS, "kubedebug") == [
        Path("/sys/fs/cgroup/cpu/kubedebug"),
        Path("/sys/fs/cgroup/unified/kubedebug"),
    ]


def test_mounts_below_has_the_last_mounted_first() -> None:
    assert mounts_below(MOUNTS, Path("/state")) == ["/state/run/a b", "/state/run/shm"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            "/c/containerd-shim-runc-v2 -namespace k8s.io -address /s.sock", True, id="ours"
        ),
        pytest.param("/c/containerd-shim-runc-v2 -address /other.sock", False, id="another-daemon"),
        pytest.param("/c/containerd-shim-runc-v2 -id /s.sock -address", False, id="another-flag"),
        pytest.param("grep containerd-shim-runc-v2 -address /s.sock", False, id="another-program"),
        pytest.param("", False, id="a-kernel-thread"),
    ],
)
def test_is_shim(line: str, expected: bool) -> None:
    assert is_shim("/s.sock")(line.split()) is expected
