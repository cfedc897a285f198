# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Lists and streams files of the target: its source runs in the debugger, after that of ``rootfs``.

It writes frames to standard output: a letter, the payload's length (4 bytes, big endian) and the
payload. ``J`` is a record as JSON, ``D`` the bytes of the file that the last record announced.
"""

from __future__ import annotations

import errno
import fnmatch
import hashlib
import json
import os
import stat
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._files.rootfs import (
    LONGEST_PATH,
    Problem,
    Root,
    find_pid,
    more_descriptors,
    reopen,
)

__all__ = ["main"]

PROC = "/proc"
CHUNK = 256 * 1024
MAGIC = "*?["
# A folder of a path of 4096 bytes may have 2047 around it, with a few calls of functions for each.
DEEPEST = 20_000
SEALED = "left out: a volume of secrets is mounted there (secrets=true reads it)"
# File systems that are a view of the kernel, not files of anybody; a walk does not descend there.
PSEUDO = frozenset(
    {"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts"}
    | {"devtmpfs", "efivarfs", "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore"}
    | {"rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs"}
)
KINDS = (
    (stat.S_ISREG, "file"),
    (stat.S_ISDIR, "directory"),
    (stat.S_ISLNK, "link"),
    (stat.S_ISFIFO, "fifo"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISBLK, "block device"),
    (stat.S_ISCHR, "character device"),
)


class Full(Exception):
    """There is more than the task allows."""


def emit(record: dict[str, Any]) -> None:
    """Send a record; names that are no UTF-8 keep their bytes as lone surrogates."""
    frame(b"J", json.dumps(record).encode("ascii"))


def frame(letter: bytes, payload: bytes) -> None:
    sys.stdout.buffer.write(letter + struct.pack(">I", len(payload)) + payload)


def pseudo_devices(proc: str, pid: int) -> dict[int, str]:
    """Device number -> type of the file systems of the target that are none of files."""
    found: dict[int, str] = {}
    with Path(proc, str(pid), "mountinfo").open("rb") as file:
        for line in file:
            fields = line.split()
            kind = os.fsdecode(fields[fields.index(b"-", 6) + 1])
            if kind in PSEUDO:
                major, minor = fields[2].split(b":")
                found[os.makedev(int(major), int(minor))] = kind
    return found


def describe(path: bytes, fd: int) -> dict[str, Any]:
    """What is known of an opened thing without reading it; times are in nanoseconds."""
    status = os.fstat(fd)
    record: dict[str, Any] = {
        "path": os.fsdecode(path),
        "type": next((name for test, name in KINDS if test(status.st_mode)), "unknown"),
        "mode": stat.S_IMODE(status.st_mode),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "uid": status.st_uid,
        "gid": status.st_gid,
        "device": status.st_dev,
        "inode": status.st_ino,
        "allocated": status.st_blocks * 512,
    }
    if record["type"] == "link":
        record["link"] = os.fsdecode(os.readlink(b"", dir_fd=fd))
    return record


class Walk:
    """One listing: what is found once is not told again, and a bound ends it."""

    def __init__(self, root: Root, task: dict[str, Any], devices: dict[int, str]) -> None:
        self.root = root
        self.devices = devices
        self.follow = bool(task["follow"])
        self.recurse = bool(task["recurse"])
        self.exclude = [str(each) for each in task["exclude"]]
        self.limit = int(task["limit"])
        self.seen: set[bytes] = set()
        self.expanded: set[tuple[bytes, int]] = set()
        self.sealed = [self.real(os.fsencode(str(each))) for each in task["sealed"]]

    def real(self, path: bytes) -> bytes:
        """Where the runtime has mounted what the pod wants at *path*: links count there, too."""
        try:
            fd, real = self.root.open(path, True)
        except OSError:
            return path
        os.close(fd)
        return real

    def is_sealed(self, real: bytes) -> bool:
        return any(real == each or real.startswith(each + b"/") for each in self.sealed)

    def excluded(self, path: bytes) -> bool:
        text = os.fsdecode(path)
        name = text.rpartition("/")[2]
        return any(
            fnmatch.fnmatchcase(text if "/" in pattern else name, pattern)
            for pattern in self.exclude
        )

    def tell(self, path: bytes, fd: int) -> bool:
        """Emit what is at a real path; False where it was told of before."""
        if path in self.seen:
            return False
        if len(self.seen) >= self.limit:
            raise Full
        self.seen.add(path)
        try:
            emit({"entry": describe(path, fd)})
        except OSError as error:
            self.problem(path, error)
        return True

    def problem(self, path: bytes, error: OSError) -> None:
        self.left_out(path, os.strerror(error.errno or 0), expected=False)

    def left_out(self, path: bytes, reason: str, *, expected: bool) -> None:
        record = {"path": os.fsdecode(path), "reason": reason, "expected": expected}
        emit({"problem": record})

    def start(self, wish: str) -> None:
        """List what one path of the task names: itself, or what a pattern in it matches."""
        path = os.fsencode(wish)
        matched = False
        try:
            fd, real = self.root.open(path, True)
        except OSError as error:
            if not any(sign in wish for sign in MAGIC):
                self.problem(path, error)
                return
        else:
            os.close(fd)
            if self.excluded(real):
                self.left_out(real, "left out by exclude", expected=False)
            elif self.is_sealed(real):
                self.left_out(real, SEALED, expected=False)
            else:
                self.visit(real, [])
            return
        self.expanded = set()
        for found in self.expand(b"/", [os.fsencode(part) for part in wish.split("/") if part]):
            matched = True
            self.visit(found, [])
        if not matched:
            self.left_out(path, "nothing matches", expected=False)

    def expand(self, above: bytes, parts: list[bytes]) -> Iterator[bytes]:
        """The real paths that a pattern matches, as in a shell: a wildcard hides dotted names."""
        if (above, len(parts)) in self.expanded:
            return
        self.expanded.add((above, len(parts)))
        if not parts:
            yield above
            return
        part, rest = os.fsdecode(parts[0]), parts[1:]
        if part == "**":
            yield from self.expand(above, rest)
        if not any(sign in part for sign in MAGIC):
            try:
                fd, real = self.root.open(above + b"/" + parts[0], True)
            except OSError:
                return
            os.close(fd)
            yield from self.expand(real, rest)
            return
        try:
            held, _real = self.root.open(above, True)
        except OSError as error:
            self.problem(above, error)
            return
        try:
            is_folder = stat.S_ISDIR(os.fstat(held).st_mode)
            names = self.names(above, held, matcher(part)) if is_folder else []
        finally:
            os.close(held)
        for name in names:
            below = above.rstrip(b"/") + b"/" + name
            if part != "**":
                yield from self.expand_found(below, rest)
            elif self.is_folder(below):
                yield from self.expand(below, parts)

    def expand_found(self, path: bytes, rest: list[bytes]) -> Iterator[bytes]:
        if not rest:
            yield path
            return
        try:
            fd, real = self.root.open(path, True)
        except OSError:
            return
        os.close(fd)
        yield from self.expand(real, rest)

    def is_folder(self, path: bytes) -> bool:
        try:
            fd, _real = self.root.open(path, False)
        except OSError:
            return False
        try:
            status = os.fstat(fd)
            return stat.S_ISDIR(status.st_mode) and status.st_dev not in self.devices
        finally:
            os.close(fd)

    def names(
        self,
        path: bytes,
        held: int,
        wanted: Callable[[os.DirEntry[str]], bool] = lambda _each: True,
    ) -> list[bytes]:
        """The wanted names in a folder, in order; more of them than the bound end the listing."""
        found: list[bytes] = []
        try:
            folder = reopen(held)
            try:
                with os.scandir(folder) as scan:
                    for each in scan:
                        if wanted(each):
                            found.append(os.fsencode(each.name))
                        if len(found) > self.limit:
                            raise Full
            finally:
                os.close(folder)
        except OSError as error:
            self.problem(path, error)
        return sorted(found)

    def look(self, path: bytes, folder: int | None, follow: bool) -> tuple[int, bytes]:
        """Open what is at a path, from the folder that it is in where that is open."""
        if folder is None:
            return self.root.open(path, follow)
        if len(path) > LONGEST_PATH:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        name = path.rpartition(b"/")[2]
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=folder)
        if not follow or not stat.S_ISLNK(os.fstat(fd).st_mode):
            return fd, path
        os.close(fd)
        return self.root.open(path, True)

    def visit(self, path: bytes, above: list[tuple[int, int]], folder: int | None = None) -> None:
        """List what is at a path and, if asked for, below it; *above* are the folders around it."""
        if self.excluded(path):
            return
        try:
            fd, real = self.look(path, folder, self.follow or not above)
        except OSError as error:
            self.problem(path, error)
            return
        try:
            if self.is_wanted(real) and self.tell(real, fd) and self.recurse:
                self.enter(real, fd, above)
        finally:
            os.close(fd)

    def is_wanted(self, real: bytes) -> bool:
        if self.is_sealed(real) and real not in self.seen:
            self.seen.add(real)
            self.left_out(real, SEALED, expected=True)
        return not self.excluded(real) and not self.is_sealed(real)

    def enter(self, real: bytes, fd: int, above: list[tuple[int, int]]) -> None:
        """Visit what is in a folder, unless it is of the kernel or around itself."""
        status = os.fstat(fd)
        if not stat.S_ISDIR(status.st_mode):
            return
        if above and status.st_dev in self.devices:
            kind = self.devices[status.st_dev]
            self.left_out(real, f"not entered: it is a file system of type {kind}", expected=True)
            return
        identity = (status.st_dev, status.st_ino)
        if identity not in above:
            above.append(identity)
            for name in self.names(real, fd):
                self.visit(real.rstrip(b"/") + b"/" + name, above, fd)
            above.pop()


def matcher(part: str) -> Callable[[os.DirEntry[str]], bool]:
    """Whether a thing in a folder is what one component of a pattern means."""

    def matches(each: os.DirEntry[str]) -> bool:
        if each.name.startswith(".") and not part.startswith("."):
            return False
        if part == "**":
            return each.is_dir(follow_symlinks=False)
        return fnmatch.fnmatchcase(each.name, part)

    return matches


def stream(root: Root, wanted: dict[str, Any], content: bool) -> None:
    """Send one file with its hash; only the file that was listed, and as long as it was then."""
    path = os.fsencode(str(wanted["path"]))
    outcome: dict[str, Any] = {"path": wanted["path"], "sha256": None, "size": 0, "reason": None}
    try:
        fd, _real = root.open(path, True)
        try:
            status = os.fstat(fd)
            if [status.st_dev, status.st_ino] != [wanted["device"], wanted["inode"]]:
                raise Problem("another file has its name by now")
            if not stat.S_ISREG(status.st_mode):
                raise Problem("it is no plain file any more")
            source = reopen(fd)
        finally:
            os.close(fd)
        try:
            outcome["sha256"], outcome["size"] = copy(source, int(wanted["most"]), content)
            outcome["torn"] = is_torn(status, os.fstat(source))
        finally:
            os.close(source)
    except OSError as error:
        outcome["reason"] = os.strerror(error.errno or 0)
    except Problem as error:
        outcome["reason"] = str(error)
    emit({"file": outcome})


def is_torn(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether what was read is perhaps of no single moment; what was appended does not matter."""
    if before.st_size == 0 or after.st_size != before.st_size:
        return False
    return before.st_mtime_ns != after.st_mtime_ns


def copy(source: int, most: int, content: bool) -> tuple[str, int]:
    """Read at most *most* bytes; a file that grows meanwhile is read as far as it was listed."""
    digest, size = hashlib.sha256(), 0
    while size < most:
        data = os.read(source, min(CHUNK, most - size))
        if not data:
            break
        digest.update(data)
        size += len(data)
        if content:
            frame(b"D", data)
    return digest.hexdigest(), size


def main(task: dict[str, Any]) -> None:
    """Do what a task asks for; the last record is ``end``, or says why there is none."""
    more_descriptors()
    sys.setrecursionlimit(DEEPEST)
    try:
        pid = int(task["pid"]) or find_pid(PROC, str(task["container_id"]), bool(task["first"]))
        root = Root(PROC, pid)
        if task["do"] == "list":
            walk = Walk(root, task, pseudo_devices(PROC, pid))
            for wish in task["paths"]:
                walk.start(str(wish))
        else:
            for wanted in task["files"]:
                stream(root, wanted, bool(task["content"]))
    except Full:
        emit({"full": True})
    except Problem as error:
        emit({"failed": str(error)})
    else:
        emit({"end": True})
    sys.stdout.buffer.flush()
