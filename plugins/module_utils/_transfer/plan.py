# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What a file is, what is left of it to fetch, and which parts of it are wrong. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._transfer.scripts import (
    BLOCK,
    CHUNK_BLOCKS,
)

__all__ = [
    "CHUNK",
    "Facts",
    "Note",
    "Source",
    "bad_chunks",
    "parse_header",
    "parse_sums",
    "resume_at",
]

CHUNK = CHUNK_BLOCKS * BLOCK
"""Bytes that are fetched again when they are wrong."""

_HEADER = re.compile(rb"kubedebug (\d{1,20}) (\d{1,20}) (-?\d{1,20}) (\d{1,20}) (\d{1,20})")
_SUM = re.compile(rb"^sum ([0-9a-f]{64})\b", re.MULTILINE)
_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file inside a seat. `reader` is the argv that the remote side is run under, as nsenter."""

    path: str
    reader: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A file as it was found: sizes in bytes, `mtime` in seconds of the epoch.

    `allocated` is what it takes on its disk: less than its size where it has holes, or where the
    file system compresses.
    """

    size: int
    inode: int
    mtime: int
    allocated: int

    def continues(self, earlier: Facts) -> bool:
        """Whether this is still that file, perhaps with more at its end.

        No proof: the checksum is. It only finds out early that a file was replaced or cut.
        """
        if self.inode != earlier.inode:
            return False
        return self.size > earlier.size or replace(self, allocated=0) == replace(
            earlier, allocated=0
        )

    def difference(self, earlier: Facts) -> str:
        """What has become of the earlier file, for a message."""
        if self.inode != earlier.inode:
            return "it was replaced by another file"
        if self.size != earlier.size:
            return f"it had {earlier.size} bytes and has {self.size} now"
        return "it was written to"


@dataclass(frozen=True, kw_only=True)
class Note:
    """What stands beside a part of a file, so that a later run knows what it is a part of."""

    namespace: str
    pod: str
    path: str
    facts: Facts

    def is_of(self, other: Note) -> bool:
        """Whether both are of the same path of the same pod."""
        mine = (self.namespace, self.pod, self.path)
        return mine == (other.namespace, other.pod, other.path)

    def dump(self) -> bytes:
        """As JSON; bytes of a name that are no UTF-8 stay what they are."""
        return json.dumps({"kubedebug_partial": _FORMAT, **asdict(self)}, indent=2).encode() + b"\n"

    @classmethod
    def parse(cls, raw: bytes) -> Note | None:
        """Read what `dump` wrote; None for anything else."""
        try:
            data = json.loads(raw)
        except ValueError:
            return None
        if not isinstance(data, dict) or data.get("kubedebug_partial") != _FORMAT:
            return None
        facts = _facts(data.get("facts"))
        texts = [data.get(name) for name in ("namespace", "pod", "path")]
        if facts is None or not all(isinstance(text, str) for text in texts):
            return None
        namespace, pod, path = map(str, texts)
        return cls(namespace=namespace, pod=pod, path=path, facts=facts)


def _facts(data: Any) -> Facts | None:
    names = ("size", "inode", "mtime", "allocated")
    if not isinstance(data, Mapping):
        return None
    # A boolean is an integer for Python, and no size.
    if any(
        isinstance(data.get(name), bool) or not isinstance(data.get(name), int) for name in names
    ):
        return None
    return Facts(**{name: data[name] for name in names})


def parse_header(line: bytes) -> Facts | None:
    """Read the first line of the scripts; None when it is none."""
    found = _HEADER.fullmatch(line.rstrip(b"\r"))
    if found is None:
        return None
    size, inode, mtime, blocks, unit = map(int, found.groups())
    return Facts(size=size, inode=inode, mtime=mtime, allocated=blocks * unit)


def parse_sums(text: bytes) -> list[str]:
    """Read the checksums of the scripts, in their order; other lines are of the tools."""
    return [found.decode() for found in _SUM.findall(text)]


def resume_at(have: int, facts: Facts) -> int:
    """The first block to fetch when `have` bytes of a file are here."""
    return min(have, facts.size) // BLOCK


def bad_chunks(ours: Sequence[str], theirs: Sequence[str]) -> list[int]:
    """The numbers of the chunks whose checksums differ."""
    return [at for at, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other]
