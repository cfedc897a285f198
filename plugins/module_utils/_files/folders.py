# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Folders on this machine, opened one below the other.

Each is opened relative to the one above and without following links, so that nothing is written or
changed anywhere else, whatever is planted or swapped below ``dest``.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.kubedebug.core.plugins.module_utils._files.model import told
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError

__all__ = ["READ_ONLY", "Held", "LocalError", "NoPlace", "failed", "folder_of"]

READ_ONLY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# What is wrong with one name only, and not with the disk or the rights.
_OF_ONE = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.EISDIR, errno.ENOTDIR})


class LocalError(DebugError):
    """This machine cannot take any file."""


class NoPlace(LocalError):
    """This machine cannot take one file; others it can."""


def failed(path: Path, error: OSError) -> LocalError:
    """The user's words for what the system said of a place."""
    where = told(str(path))
    reason = error.strerror or type(error).__name__
    if error.errno in _OF_ONE:
        return NoPlace(f"dest: {where} cannot be written: {reason}. Choose another dest.")
    return LocalError(
        f"dest: {where} cannot be written: {reason}. Files that were whole before it are kept; "
        "make room or choose another dest, and run the task again."
    )


@dataclass(frozen=True)
class Held:
    """A folder that is kept open: *names* lead to it."""

    names: tuple[str, ...]
    fd: int

    def leads_to(self, names: Sequence[str]) -> bool:
        """Whether the way to *names* leads through it."""
        return tuple(names[: len(self.names)]) == self.names


@contextmanager
def folder_of(
    top: Path,
    names: Sequence[str],
    *,
    fixed: int = 0,
    create: bool = False,
    start: Held | None = None,
) -> Iterator[int]:
    """Open the folder that *names* lead to from *top*, which may itself be reached by links.

    The first *fixed* names are of every file: what is wrong with them is a LocalError, with the
    others NoPlace. *start* is a folder on the way that is open already.
    """
    at, path = -1, top
    try:
        if start is not None:
            at, path = os.dup(start.fd), top.joinpath(*start.names)
        else:
            if create:
                top.mkdir(parents=True, exist_ok=True)
            at = os.open(top, _FOLDER)
        for name in names[len(start.names) if start is not None else 0 :]:
            path /= name
            if create:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=at)
            below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
    except OSError as error:
        if at >= 0:
            os.close(at)
        raise _in_the_way(path, error, of_all=len(path.parts) <= len(top.parts) + fixed) from error
    try:
        yield at
    finally:
        os.close(at)


def _in_the_way(path: Path, error: OSError, *, of_all: bool) -> LocalError:
    if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.EEXIST):
        text = (
            f"dest: {told(str(path))} is no folder, and nothing is written through it. Move it "
            "away, or choose another dest."
        )
        return LocalError(text) if of_all else NoPlace(text)
    found = failed(path, error)
    return LocalError(found.msg) if of_all else found
