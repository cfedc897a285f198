# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are: the checkout, the cache outside of it, the results, and the two importable
trees.

Ansible finds a collection only below a folder `ansible_collections/kubedebug/core`. A checkout is
not there, so there is a *link* tree (a symlink to the checkout: what is edited is what runs) and a
*copy* for `ansible-test`, which insists on a real folder that is a git work tree.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

__all__ = [
    "CACHE",
    "COLLECTION",
    "OUTPUT",
    "ROOT",
    "TREE",
    "copy_tree",
    "file_hash",
]

COLLECTION = Path("ansible_collections/kubedebug/core")
ROOT = Path(os.environ.get("KUBEDEBUG_ROOT") or Path(__file__).resolve().parents[2])
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kubedebug"
OUTPUT = ROOT / "tests" / "output"
"""Logs and JUnit files of the last run; ignored by git."""

TREE = Path(os.environ.get("KUBEDEBUG_TREE") or CACHE / "trees" / "default")
"""The folder for PYTHONPATH and ANSIBLE_COLLECTIONS_PATH; made by the script `tests/tools/run`."""


def file_hash(*paths: Path, extra: str = "") -> str:
    """Return ten hex digits that change with the content of `paths` or with `extra`."""
    digest = hashlib.sha256(extra.encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


def copy_tree(purpose: str) -> Path:
    """Make the copy of the checkout for one `purpose` current and return the collection's folder in
    it.

    It holds the tracked files and the untracked ones that git does not ignore, as a commit would
    take them. Its git repository is there because ansible-test lists the files by git; nothing is
    committed in it. One copy for each purpose, so that two runs of ansible-test side by side do not
    write over each other's `tests/output`.
    """
    target = TREE.parent / f"{TREE.name}-{purpose}" / COLLECTION
    target.mkdir(parents=True, exist_ok=True)
    wanted = listed_files()
    for relative in wanted:
        copy_if_changed(ROOT / relative, target / relative)
    remove_others(target, set(wanted))
    if not (target / ".git").is_dir():
        subprocess.run(["git", "init", "-q", str(target)], check=True)
    subprocess.run(["git", "-C", str(target), "add", "-A"], check=True)
    return target


def listed_files() -> list[Path]:
    """Return the files of the checkout that are tracked or new, without the ignored and the deleted
    ones.
    """
    answer = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        stdout=subprocess.PIPE,
    )
    names = sorted(set(answer.stdout.decode().split("\0")) - {""})
    return [Path(name) for name in names if (ROOT / name).is_symlink() or (ROOT / name).is_file()]


def copy_if_changed(source: Path, target: Path) -> None:
    """Copy one file with its mode, unless size, time and mode say that it is the same already."""
    if target.is_symlink() or target.is_dir():
        shutil.rmtree(target) if target.is_dir() and not target.is_symlink() else target.unlink()
    if source.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.symlink_to(source.readlink())
        return
    if target.exists():
        old, new = target.stat(), source.stat()
        same = (old.st_size, old.st_mtime_ns, old.st_mode) == (
            new.st_size,
            new.st_mtime_ns,
            new.st_mode,
        )
        if same:
            return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def remove_others(target: Path, wanted: set[Path]) -> None:
    """Delete what a former copy left, and the results of former runs, but keep the git
    repository.
    """
    for path in sorted(target.rglob("*"), reverse=True):
        relative = path.relative_to(target)
        if relative.parts[0] == ".git" or relative in wanted:
            continue
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        else:
            path.unlink()
