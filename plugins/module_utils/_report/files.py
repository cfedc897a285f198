# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The evidence folder: files for their owner alone, whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError

__all__ = ["EvidenceError", "outdated", "read_text", "write_files"]

_FILE_MODE = 0o600
_FOLDER_MODE = 0o700
# Larger than any report that this collection writes; more is not one of its files.
_MOST_BYTES = 512 * 1024 * 1024


class EvidenceError(DebugError):
    """The evidence folder cannot be read or written."""

    def __init__(self, folder: Path, error: OSError) -> None:
        super().__init__(
            f"evidence_dir={folder}: {error.strerror or error}"
            f"{f' ({error.filename})' if error.filename else ''}. Give a folder that the user of "
            "the play may write to."
        )


def read_text(path: Path) -> str | None:
    """The text of a file of the folder; None where there is none, or what is there is no report.

    Raises EvidenceError where it may not be read.
    """
    try:
        info = path.lstat()
        if not stat.S_ISREG(info.st_mode) or info.st_size > _MOST_BYTES:
            return None
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    except OSError as error:
        raise EvidenceError(path.parent, error) from error


def outdated(folder: Path, contents: Mapping[str, str]) -> list[str]:
    """The names whose files are missing, differ, or may be read by others."""
    return [
        name
        for name, content in contents.items()
        if read_text(folder / name) != content
        or stat.S_IMODE((folder / name).lstat().st_mode) != _FILE_MODE
    ]


def write_files(folder: Path, contents: Mapping[str, str]) -> None:
    """Write each file by a rename, so that a reader never sees half of one.

    A folder that exists keeps its mode, since it may be one that others share. Raises
    EvidenceError.
    """
    try:
        if not folder.is_dir():
            folder.mkdir(mode=_FOLDER_MODE, parents=True)
        for name, content in contents.items():
            _replace(folder, name, content)
    except OSError as error:
        raise EvidenceError(folder, error) from error


def _replace(folder: Path, name: str, content: str) -> None:
    # mkstemp opens exclusively and with mode 0600.
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(content)
        Path(temporary).replace(folder / name)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
