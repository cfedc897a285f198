# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Files that are there as a whole, and on the disk, or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError

__all__ = ["FileError", "check_folder", "make_folder", "write_file"]


class FileError(DebugError):
    """A file of the controller cannot be written."""

    def __init__(self, option: str, path: Path, error: OSError) -> None:
        super().__init__(
            f"{option}={path}: {error.strerror or error}. Give a place that the user of the play "
            "may write to."
        )


def make_folder(option: str, folder: Path) -> None:
    """Have a folder; one that is missing is made for its owner alone. Raises FileError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(option, folder, error) from error


def check_folder(option: str, folder: Path) -> None:
    """Prove that files can be made in a folder that exists; raises FileError."""
    try:
        handle, name = tempfile.mkstemp(prefix=".kubedebug-", dir=folder)
        os.close(handle)
        Path(name).unlink()
    except OSError as error:
        raise FileError(option, folder, error) from error


def write_file(option: str, path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write by a rename, after the content has reached the disk; raises FileError.

    What is destroyed afterwards cannot be read again, so that a crash must not lose this.
    """
    try:
        # A name that begins with a dot and does not end as the file does: no collector reads it.
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(mode)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FileError(option, path, error) from error
