# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Lists and streams files of the target: its source runs in the debugger, after that of ``rootfs``.

It writes frames to standard output: a letter, the payload's length (4 bytes, big endian) and the
payload. ``J`` is a record as JSON, ``D`` the bytes of the file that the last record announced.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._files.rootfs import (
    Problem,
    Root,
    find_pid,
    reopen,
)

__all__ = ["main"]

PROC = "/proc"
CHUNK = 256 * 1024
MAGIC = "*?["
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
        emit({"entry": describe(path, fd)})
        return True

    def problem(self, path: bytes, error: OSError) -> None:
        emit({"problem": {"path": os.fsdecode(path), "reason": os.strerror(error.errno or 0)}})

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
                emit({"problem": {"path": os.fsdecode(real), "reason": "left out by exclude"}})
            self.visit(real, [])
            return
        for found in self.expand(b"/", [os.fsencode(part) for part in wish.split("/") if part]):
            matched = True
            self.visit(found, [])
        if not matched:
            emit({"problem": {"path": wish, "reason": "nothing matches"}})

    def expand(self, above: bytes, parts: list[bytes]) -> Iterator[bytes]:
        """The real paths that a pattern matches, as in a shell: a wildcard hides dotted names."""
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
        for name in self.names(above):
            text = os.fsdecode(name)
            if text.startswith(".") and not part.startswith("."):
                continue
            below = above.rstrip(b"/") + b"/" + name
            if part == "**":
                if self.is_folder(below):
                    yield from self.expand(below, parts)
            elif fnmatch.fnmatchcase(text, part):
                yield from self.expand_found(below, rest)

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

    def names(self, path: bytes) -> list[bytes]:
        """The names in a folder, in order; more of them than the bound end the listing."""
        try:
            held, _real = self.root.open(path, True)
        except OSError as error:
            self.problem(path, error)
            return []
        try:
            folder = reopen(held)
        except OSError as error:
            self.problem(path, error)
            return []
        finally:
            os.close(held)
        found: list[bytes] = []
        try:
            with os.scandir(folder) as scan:
                for each in scan:
                    found.append(os.fsencode(each.name))
                    if len(found) > self.limit:
                        raise Full
        except NotADirectoryError:
            return []
        finally:
            os.close(folder)
        return sorted(found)

    def visit(self, path: bytes, above: list[tuple[int, int]]) -> None:
        """List what is at a path and, if asked for, below it; *above* are the folders around it."""
        if self.excluded(path):
            return
        try:
            fd, real = self.root.open(path, self.follow or not above)
        except OSError as error:
            self.problem(path, error)
            return
        try:
            status = os.fstat(fd)
            if not self.tell(real, fd):
                return
        finally:
            os.close(fd)
        if not stat.S_ISDIR(status.st_mode) or not self.recurse:
            return
        if above and status.st_dev in self.devices:
            reason = f"not entered: it is a file system of type {self.devices[status.st_dev]}"
            emit({"problem": {"path": os.fsdecode(real), "reason": reason, "expected": True}})
            return
        identity = (status.st_dev, status.st_ino)
        if identity not in above:
            for name in self.names(real):
                self.visit(real.rstrip(b"/") + b"/" + name, [*above, identity])


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
            source = reopen(fd)
        finally:
            os.close(fd)
        try:
            outcome["sha256"], outcome["size"] = copy(source, int(wanted["most"]), content)
        finally:
            os.close(source)
    except OSError as error:
        outcome["reason"] = os.strerror(error.errno or 0)
    except Problem as error:
        outcome["reason"] = str(error)
    emit({"file": outcome})


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
