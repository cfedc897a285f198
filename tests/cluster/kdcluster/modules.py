# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For maintainers: the lock files (go.mod, go.sum) of the Go builds, from the versions."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from kdcluster.errors import ClusterError
from kdcluster.progress import Progress
from kdcluster.settings import SOURCE
from kdcluster.shell import command_path, run
from kdcluster.versions import Pair, containerd_mod_text, go_mod_text

__all__ = ["relock"]


def relock(pair: Pair, progress: Progress) -> None:
    """Writes tests/cluster/go/*/PAIR.{mod,sum}. The versions of all indirect modules follow from
    Kubernetes' own go.mod, so the same versions give the same files."""
    kube = SOURCE / "go" / "kube"
    with progress.step(f"locking the modules of Kubernetes {pair.kubernetes}"):
        _tidy(go_mod_text(pair), kube / pair.name, kube / "main.go")
    if pair.containerd:
        with progress.step(f"locking the modules of containerd {pair.containerd}"):
            _tidy(containerd_mod_text(pair), SOURCE / "go" / "containerd" / pair.name, None)


def _tidy(text: str, lock: Path, program: Path | None) -> None:
    go = command_path("go")
    if go is None:
        raise ClusterError("go is missing: install the newest release of Go")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "go.mod").write_text(text, encoding="ascii")
        if program:
            shutil.copyfile(program, folder / "main.go")
        run([go, "-C", folder, "mod", "tidy"], timeout=900, extra={"GOWORK": "off"})
        shutil.copyfile(folder / "go.mod", lock.with_suffix(".mod"))
        shutil.copyfile(folder / "go.sum", lock.with_suffix(".sum"))
