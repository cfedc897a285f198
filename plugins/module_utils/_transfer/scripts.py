# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The shell scripts that run beside a file that is fetched: they send it and sum it up.

They are constants for ``sh -c``; what differs comes as positional parameters and is never spliced
into the text. They keep to POSIX sh with `stat -c`, `dd`, `head -c` and one of openssl, python3
and sha256sum, as coreutils and busybox have them, write no file, and end with the file or with
their connection.

A path may hold any bytes, but a command goes to the runtime as text of UTF-8, so it travels in the
notation of printf's %b. Both scripts begin their output with a line that says what the file is, and
end with one of the codes below.
"""

from __future__ import annotations

import math
import string
import textwrap
from collections.abc import Sequence

__all__ = [
    "BLOCK",
    "CHUNK_BLOCKS",
    "DAMAGED",
    "HEADER_LIMIT",
    "MISSING",
    "NAME",
    "NO_FILE",
    "NO_TOOLS",
    "UNREADABLE",
    "send_argv",
    "sums_argv",
]

NAME = "kubedebug-transfer"
"""$0 of the scripts: what ps, and the shell's own messages, call them."""

BLOCK = 1024 * 1024
"""Bytes; a transfer begins at a multiple, for dd seeks there in one step."""

CHUNK_BLOCKS = 16
"""Blocks that have a checksum of their own when the whole file's does not fit."""

HEADER_LIMIT = 256

# Exit codes of the scripts, above those of the tools.
MISSING, NO_FILE, UNREADABLE, NO_TOOLS, DAMAGED = 91, 92, 93, 94, 95


def _script(*parts: str) -> str:
    """Join parts and leave out what only a reader needs: a script travels in a URL."""
    lines = (line.strip() for part in parts for line in textwrap.dedent(part).splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


# digest: the SHA-256 of its input. sha256sum of busybox, and of coreutils as most distributions
# build it, does not use the processor's own instructions and is seven times slower than OpenSSL,
# which Python brings along; a start of Python pays from some 30 MB on.
_COMMON = rf"""
    file=$(printf '%b.' "$1") file=${{file%.}}
    case $file in /*) ;; *) file=./$file ;; esac
    [ -e "$file" ] || exit {MISSING}
    [ -f "$file" ] || exit {NO_FILE}
    [ -r "$file" ] || exit {UNREADABLE}
    facts=$(stat -L -c '%s %i %Y %b %B' "$file" 2>/dev/null) || exit {NO_TOOLS}
    size=${{facts%% *}}
    have() {{ command -v "$1" >/dev/null 2>&1; }}
    if have openssl; then
        digest() {{ openssl dgst -sha256 -r; }}
    elif [ "$size" -gt 33554432 ] && python3 -ISc 'import hashlib' >/dev/null 2>&1; then
        digest() {{ python3 -ISc "$python"; }}
    elif have sha256sum; then
        digest() {{ sha256sum; }}
    elif have python3; then
        digest() {{ python3 -ISc "$python"; }}
    else
        exit {NO_TOOLS}
    fi
    python='import hashlib
    d = hashlib.sha256()
    b = bytearray(1048576)
    v = memoryview(b)
    f = open(0, "rb", 0)
    n = f.readinto(b)
    while n: d.update(v[:n]); n = f.readinto(b)
    print(d.hexdigest())'
    printf 'kubedebug %s\n' "$facts"
"""

# SEND path first-block blocks|"" sum|"" seconds: the header and the file's bytes from a block on,
# to the end that it had at the start; the checksum of the whole file, as "sum HEX", on the other
# stream. It is made beside the sending, while the file is in the node's memory.
#
# When the connection is gone, the runtime reads no more and closes nothing, and dd would wait for
# ever to get rid of its bytes. Two watches end it: the input ends with the connection, and the time
# is over at last where a runtime keeps that open as well. The first ends the second itself, since
# containerd kills this shell at that moment.
_SEND = rf"""
    count=$3
    [ -n "$count" ] || count=$(((size + {BLOCK - 1}) / {BLOCK} - $2))
    exec 3<&0 </dev/null
    sum=
    if [ -n "$4" ]; then
        {{ hex=$(digest <"$file") && echo "sum $hex" >&2; }} >/dev/null 3<&- &
        sum=$!
    fi
    dd if="$file" bs={BLOCK} skip="$2" count="$count" 3<&- &
    send=$!
    ( trap 'kill $!; exit' TERM; sleep "$5" & wait $!; kill $send $sum ) >/dev/null 2>&1 3<&- &
    clock=$!
    ( read -r line; kill $send $sum $clock ) <&3 >/dev/null 2>&1 &
    input=$!
    exec 3<&-
    wait $send
    code=$?
    [ -z "$sum" ] || wait $sum
    kill $input $clock
    [ "$code" = 0 ] || exit {DAMAGED}
"""

# SUMS path size blocks-of-a-chunk: the header, and of the first `size` bytes a checksum for each
# chunk, as "sum HEX".
_SUMS = rf"""
    at=0 rest=$2
    while [ "$rest" -gt 0 ]; do
        part=$(($3 * {BLOCK}))
        [ "$rest" -ge "$part" ] || part=$rest
        sum=$(dd if="$file" bs={BLOCK} skip="$at" count="$3" 2>/dev/null | head -c "$part" | digest)
        echo "sum $sum"
        at=$((at + $3)) rest=$((rest - part))
    done
"""

_PLAIN = frozenset((string.ascii_letters + string.digits + "/._-+=@:,").encode())

_SEND_TEXT = _script(_COMMON, _SEND)
_SUMS_TEXT = _script(_COMMON, _SUMS)


def send_argv(
    path: str,
    *,
    reader: Sequence[str],
    first: int,
    count: int | None,
    with_sum: bool,
    seconds: float,
) -> list[str]:
    """The command that sends `count` blocks from block `first` on, or all that there are.

    Its standard input has to stay open: it ends when that does, and after `seconds` at the latest.
    """
    numbers = [str(first), "" if count is None else str(count), "sum" if with_sum else ""]
    numbers.append(str(math.ceil(seconds)))
    return [*reader, "sh", "-c", _SEND_TEXT, NAME, _encoded(path), *numbers]


def sums_argv(path: str, *, reader: Sequence[str], size: int) -> list[str]:
    """The command that sums up the first `size` bytes chunk by chunk."""
    return [
        *reader,
        "sh",
        "-c",
        _SUMS_TEXT,
        NAME,
        _encoded(path),
        str(size),
        str(CHUNK_BLOCKS),
    ]


def _encoded(path: str) -> str:
    """Write a path for printf's %b, with an octal number for all but plain characters."""
    raw = path.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _PLAIN else f"\\0{byte:03o}" for byte in raw)
