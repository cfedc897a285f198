# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The target's root as files can be opened in it without ever leaving it: runs in the debugger.

Its source is sent there, so it imports nothing but the standard library and keeps to what Python
3.7 knows.

``/proc/PID/root`` leads to the target's files, mounts included, but a path below it is resolved by
the kernel with the *debugger's* root: ``/proc/PID/root/link`` with ``link -> /etc/passwd`` is the
debugger's own file. So each component is opened by itself, relative to the one before, without
following links; what a link says is resolved here, with the target's root as the top. What is
swapped meanwhile is either the old thing or the new one, and never something outside.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

__all__ = ["Problem", "Root", "find_pid", "reopen"]

# The kernel's own limit. Source: include/linux/namei.h (MAXSYMLINKS)
MOST_LINKS = 40
# Source: include/uapi/linux/limits.h (PATH_MAX)
LONGEST_PATH = 4096


class Problem(Exception):
    """Something that cannot be read, in words that the user gets."""


def find_pid(proc: str, container_id: str, first: bool) -> int:
    """The target's main process: the oldest one whose cgroup has the container's ID.

    With *first*, PID 1 is the target where no cgroup tells. A monitor of CRI-O has the ID in its
    cgroup's name as well, and is none of the container.
    """
    found = []
    for folder in Path(proc).iterdir():
        if not folder.name.isdigit() or not container_id:
            continue
        try:
            lines = (folder / "cgroup").read_bytes().splitlines()
            if not any(container_id.encode() in line and b"conmon" not in line for line in lines):
                continue
            fields = (folder / "stat").read_bytes().rpartition(b") ")[2].split()
        except OSError:
            continue
        if fields and fields[0] not in (b"Z", b"X", b"x"):
            found.append((int(fields[19]), int(folder.name)))
    if found:
        return min(found)[1]
    if first and Path(proc, "1").is_dir():
        return 1
    raise Problem("no process of the target container is visible from here")


class Root:
    """The root of a process, held open: it stays the same when the process is replaced."""

    def __init__(self, proc: str, pid: int) -> None:
        self.pid = pid
        try:
            self.fd = os.open(f"{proc}/{pid}/root", os.O_PATH | os.O_DIRECTORY)
        except OSError as error:
            raise Problem(
                f"the target's root cannot be opened: {os.strerror(error.errno or 0)}"
            ) from error

    def open(self, path: bytes, follow: bool) -> tuple[int, bytes]:
        """Open what *path* names, for looking only (O_PATH); returns it and its real path.

        With *follow* a link at the end is followed, too. Raises OSError as the kernel would.
        """
        if len(path) > LONGEST_PATH:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        opened: list[tuple[bytes, int]] = []
        todo = path.split(b"/")[::-1]
        links = 0
        try:
            while todo:
                part = todo.pop()
                if part in (b"", b"."):
                    continue
                if part == b"..":
                    if opened:
                        os.close(opened.pop()[1])
                    continue
                above = opened[-1][1] if opened else self.fd
                opened.append((part, os.open(part, os.O_PATH | os.O_NOFOLLOW, dir_fd=above)))
                is_link = stat.S_ISLNK(os.fstat(opened[-1][1]).st_mode)
                if not is_link or not (follow or any(todo)):
                    continue
                links += 1
                if links > MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                # By the descriptor: what stands at the name by now does not matter.
                text = os.readlink(b"", dir_fd=opened[-1][1])
                os.close(opened.pop()[1])
                while opened and text.startswith(b"/"):
                    os.close(opened.pop()[1])
                todo += text.split(b"/")[::-1]
            real = b"/" + b"/".join(name for name, _fd in opened)
            return (opened.pop()[1] if opened else os.dup(self.fd)), real
        finally:
            for _name, fd in opened:
                os.close(fd)


def reopen(fd: int) -> int:
    """Open for reading what is held by an O_PATH descriptor, and nothing else than that.

    Reading leaves the time of the last access alone where that is allowed.
    """
    path = f"/proc/self/fd/{fd}"
    flags = os.O_RDONLY | os.O_NONBLOCK
    try:
        return os.open(path, flags | os.O_NOATIME)
    except PermissionError:
        return os.open(path, flags)
