# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A collections path on which the toy lies over the collection that is tested."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.kubedebug.core.plugins.module_utils import _usecase

__all__ = ["collection_root", "lay"]

_TOY = Path(__file__).parent


def collection_root() -> Path:
    """The folder of the collection that this process imports."""
    return Path(str(_usecase.__file__)).parents[2]


def lay(root: Path) -> Path:
    """Make *root* a collections path with the collection and the toy in it, by symbolic links."""
    real = collection_root()
    core = root / "ansible_collections" / "kubedebug" / "core"
    plugins = core / "plugins"
    plugins.mkdir(parents=True)
    for name in ("galaxy.yml", "meta"):
        (core / name).symlink_to(real / name)
    for folder in (real / "plugins").iterdir():
        if not folder.is_dir():
            continue
        (plugins / folder.name).mkdir()
        for item in folder.iterdir():
            if item.name != "__pycache__":
                (plugins / folder.name / item.name).symlink_to(item)
    for item in (_TOY / "plugins").glob("*/*.py"):
        (plugins / item.parent.name).mkdir(exist_ok=True)
        (plugins / item.parent.name / item.name).symlink_to(item)
    return root
