# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""containerd by its own client, ctr: the images of the cluster."""

from __future__ import annotations

import time
from pathlib import Path

from kdcluster.errors import ClusterError
from kdcluster.settings import Settings
from kdcluster.shell import run

__all__ = ["image_names", "import_archive", "wait_until_serving"]


def _ctr(settings: Settings, program: Path, *words: str, timeout: float = 120.0) -> str:
    argv = [program, "--address", settings.containerd_socket, "--namespace", "k8s.io", *words]
    return run([*map(str, argv)], timeout=timeout).stdout


def wait_until_serving(settings: Settings, program: Path, *, seconds: float) -> None:
    """Raises ClusterError when containerd does not answer within that time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            _ctr(settings, program, "version", timeout=10.0)
            return
        except ClusterError as error:
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"containerd does not answer after {seconds:.0f} s; see "
                    f"{settings.logs / 'containerd.log'}: {error}"
                ) from error
            time.sleep(0.1)


def import_archive(settings: Settings, program: Path, archive: Path) -> None:
    """Imports a docker-archive or an OCI archive for use by pods."""
    _ctr(settings, program, "images", "import", str(archive), timeout=600.0)


def image_names(settings: Settings, program: Path) -> list[str]:
    lines = _ctr(settings, program, "images", "list", "--quiet").splitlines()
    # containerd lists each image by its digest too.
    return sorted(line for line in lines if line and not line.startswith("sha256:"))
