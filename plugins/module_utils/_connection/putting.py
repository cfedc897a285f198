# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""A file of the controller into a host's container: streamed, compared, whole or not at all."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from ansible_collections.kubedebug.core.plugins.module_utils._connection.link import Link
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    clean,
)

__all__ = ["FileRefused", "check_name", "put"]

_NO_SUM, _DIFFERENT = 40, 41

# $1 the file, $2 a name beside it, $3 the SHA-256 that is expected. What cannot be written is read
# all the same: a node does not always notice that a command has ended before its input has. So the
# file is made by `true` and not by `:`, whose failure would end the shell.
_PUT = r"""
refuse() { cat >/dev/null; exit "$1"; }
case $1 in */*) part=${1%/*}/$2 ;; *) part=$2 ;; esac
[ -d "$1" ] && { echo "it is a directory" >&2; refuse 1; }
if command -v sha256sum; then sum() { sha256sum; }
elif command -v openssl; then sum() { openssl dgst -r -sha256; }
elif command -v python3; then
    sum() {
        python3 -c 'import hashlib, sys
digest = hashlib.sha256()
for block in iter(lambda: sys.stdin.buffer.read(65536), b""):
    digest.update(block)
print(digest.hexdigest())'
    }
else refuse 40
fi >/dev/null
trap 'rm -f -- "$part"' EXIT
trap 'exit 1' TERM HUP INT
true >"$part" || refuse 1
cat >"$part" || refuse 1
found=$(sum <"$part") || exit 1
[ "${found%% *}" = "$3" ] || exit 41
mv -f -- "$part" "$1"
"""


class FileRefused(DebugError):
    """A file cannot be read or written; the way to the host itself is sound."""


def put(link: Link, source: str, destination: str) -> None:
    """Write a file of this machine into the host's container.

    The other end compares the checksum before the file gets its name, so what is there under that
    name is whole. Raises FileRefused, or DebugError where the host cannot be reached.
    """
    path = Path(source)
    check_name(destination)
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            stream.seek(0)
            part = f".kubedebug-{secrets.token_hex(8)}"
            argv = ["sh", "-c", _PUT, "kubedebug-put", destination, part, digest]
            ran = link.run(argv, stdin=stream)
    except OSError as error:
        raise FileRefused(
            f"{clean(source)} cannot be read on the controller: {error.strerror}. Check that it is "
            "there, and its permissions."
        ) from error
    if ran.rc == 0:
        return
    raise FileRefused(
        f"{link.seat.ref}: {clean(destination)} could not be written: "
        f"{_reason(ran.rc, ran.stderr)}. Nothing of it was left there."
    )


def _reason(rc: int, stderr: bytes) -> str:
    if rc == _NO_SUM:
        return (
            "the image has none of sha256sum, openssl and python3 to compare checksums with; set "
            "kubedebug_image to one that has"
        )
    if rc == _DIFFERENT:
        return (
            "what arrived has another SHA-256 than the file on the controller, which may have "
            "changed meanwhile; run the task again"
        )
    text = clean(stderr.decode("utf-8", "replace").strip().rpartition("\n")[2], limit=300)
    return text.rstrip(".") or f"the command ended with exit code {rc}"


def check_name(path: str) -> None:
    """Raise FileRefused for a name that no command can carry."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        raise FileRefused(
            f"{clean(path.encode('utf-8', 'replace').decode())}: the name is no UTF-8, and the API "
            "takes commands only in that. Rename the file in the debugger first."
        ) from None
