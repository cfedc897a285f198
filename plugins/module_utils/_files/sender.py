# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Sends one large file of the target: its source runs in the debugger, after that of ``rootfs``.

It does what the scripts of ``_transfer`` do, whose protocol and exit codes it has, with the very
file that was listed. Reading leaves the time of the last access alone, which dd could not.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import stat
import sys
import threading
from contextlib import suppress

from ansible_collections.kubedebug.core.plugins.module_utils._files.rootfs import (
    Problem,
    Root,
    find_pid,
    more_descriptors,
    reopen,
)

__all__ = ["main"]

PIECE = 1024 * 1024
UNOPENED, BROKEN = 126, 95
# Source: include/uapi/linux/fcntl.h (F_SETPIPE_SZ)
SET_PIPE_SIZE = 1031
# Seconds after which the other side hears that the sum is still at work.
BEAT = 10.0


def opened(argv: list[str]) -> int:
    """The file that was listed and no other; raises OSError and Problem."""
    number, container_id, first, path, device, inode = argv
    more_descriptors()
    pid = int(number) or find_pid("/proc", container_id, first == "first")
    fd, _real = Root("/proc", pid).open(bytes.fromhex(path), True)
    status = os.fstat(fd)
    if (str(status.st_dev), str(status.st_ino)) != (device, inode):
        raise Problem("another file has its name by now")
    if not stat.S_ISREG(status.st_mode):
        raise Problem("it is no plain file any more")
    return reopen(fd)


def say(stream: int, text: str) -> None:
    os.write(stream, text.encode("ascii"))


def digest(fd: int, start: int, end: int) -> str:
    """The sum of a part of the file, or of what there still is of it."""
    found = hashlib.sha256()
    while start < end:
        data = os.pread(fd, min(PIECE, end - start), start)
        if not data:
            break
        found.update(data)
        start += len(data)
    return found.hexdigest()


def watch() -> None:
    """End with the connection: nobody reads any more when the input is over."""
    while os.read(0, 4096):
        pass
    os._exit(BROKEN)


def beat(done: threading.Event) -> None:
    while not done.wait(BEAT):
        say(2, "\n")


def send(fd: int, size: int, words: list[str]) -> None:
    """FIRST COUNT SUM SECONDS, as the script SEND has them: bytes, and the sum beside them."""
    first, count, wants_sum, seconds = words
    # Its default is the end of this process.
    signal.alarm(int(seconds))
    threading.Thread(target=watch, daemon=True).start()
    done = threading.Event()
    threading.Thread(target=beat, args=(done,), daemon=True).start()
    summing = threading.Thread(target=lambda: say(2, f"sum {digest(fd, 0, size)}\n"))
    if wants_sum:
        summing.start()
    # For speed alone: it may be no pipe, or more than this user may have.
    with suppress(OSError):
        fcntl.fcntl(1, SET_PIPE_SIZE, PIECE)
    at = int(first) * PIECE
    end = size if count == "" else min(size, at + int(count) * PIECE)
    while at < end:
        sent = os.sendfile(1, fd, at, min(PIECE, end - at))
        if not sent:
            raise Problem("the file has become shorter")
        at += sent
    if wants_sum:
        summing.join()
    done.set()


def sums(fd: int, words: list[str]) -> None:
    """SIZE BLOCKS, as the script SUMS has them: the sum of each chunk."""
    size, chunk = int(words[0]), int(words[1]) * PIECE
    for start in range(0, size, chunk):
        say(1, f"sum {digest(fd, start, min(size, start + chunk))}\n")


def main(argv: list[str]) -> None:
    """PID CONTAINER_ID FIRST PATH DEVICE INODE VERB WORDS...: do what the script VERB does.

    PID is 0 where the container's ID tells it; PATH is in hexadecimal digits, since a name may have
    bytes that no argument of the runtime can have.
    """
    code = UNOPENED
    try:
        fd = opened(argv[:6])
        status = os.fstat(fd)
        code = BROKEN
        facts = (status.st_size, status.st_ino, int(status.st_mtime), status.st_blocks, 512)
        say(1, " ".join(["kubedebug", *map(str, facts)]) + "\n")
        if argv[6] == "send":
            send(fd, status.st_size, argv[7:])
        else:
            sums(fd, argv[7:])
    except (OSError, Problem) as error:
        text = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        sys.stderr.write(f"kubedebug: {text}\n")
        sys.stderr.flush()
        # Not by sys.exit, which would wait for the sum.
        os._exit(code)
