# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Captures of many pods in one pcapng, an interface for each pod, in the order of time."""

from __future__ import annotations

import hashlib
import heapq
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import BinaryIO, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._capture.blocks import (
    interface_block,
    name_block,
    packet_block,
    section_block,
    statistics_block,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.pcapng import (
    CaptureError,
    CaptureReader,
    Interface,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.reading import chunks
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean

__all__ = ["MergeInput", "MergeResult", "merge", "merge_to_file"]

_Item: TypeAlias = tuple[int, int, int, int, int, bytes]
"""Time, number of the input, count within it (so that no two are equal), interface, length, data.
"""

_READ_AHEAD = 32 * 1024 * 1024
"""Bytes of all inputs together, where each of them gets its least."""
_LEAST_CHUNK, _MOST_CHUNK = 64 * 1024, 1024 * 1024
_WRITE = 256 * 1024
# Packets of one file that may be out of order: the processors of a node take their times side by
# side, and a packet is seldom overtaken by more than one or two.
_WINDOW = 16
_COMMENT = 1_000


@dataclass(frozen=True, kw_only=True)
class MergeInput:
    """One file of one pod. Several files of a pod (a ring) have the same ``pod``.

    ``received`` and ``dropped`` are tcpdump's own counts of the pod's whole capture. ``comment``
    says what is known to be wrong with the file. ``clock_offset`` is by how many seconds the clock
    of the pod's node was ahead of this machine's, give or take ``clock_uncertainty``; it is told in
    the file and never applied, since it is an estimate and the timestamps are evidence.
    """

    path: str
    pod: str
    node: str = ""
    ips: tuple[str, ...] = ()
    comment: str = ""
    received: int | None = None
    dropped: int | None = None
    clock_offset: float | None = None
    clock_uncertainty: float = 0.0
    filter: str = ""


@dataclass(frozen=True, kw_only=True)
class MergeResult:
    """What was written. ``notes`` say what a reader has to know, as inputs that end too early."""

    packets: int
    size: int
    sha256: str
    interfaces: tuple[str, ...]
    first: int | None
    last: int | None
    unordered: int
    notes: tuple[str, ...]


def merge(inputs: Sequence[MergeInput], out: BinaryIO) -> MergeResult:
    """Write the packets of all inputs to *out*; constant memory, no file stays open.

    An input that is no capture, or is damaged, is told in ``notes`` and in the file, and gives what
    can be read of it. Raises CaptureError where none can be read at all, and OSError of *out*.
    """
    return _Merger(inputs, out).run()


def merge_to_file(
    inputs: Sequence[MergeInput], destination: str, *, force: bool = False, mode: int = 0o600
) -> MergeResult:
    """``merge`` into a file that is there whole or not at all.

    Raises CaptureError also where the file exists (without *force*), is one of the inputs, or
    cannot be written.
    """
    target = Path(destination)
    if any(_same_file(target, Path(item.path)) for item in inputs):
        raise CaptureError(
            f"{clean(destination)} is one of the files to merge. Give another name for the result."
        )
    if not force and os.path.lexists(target):
        raise _exists(destination)
    try:
        # Exclusively made and of mode 0600, in the same folder so that a rename is enough.
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                result = merge(inputs, stream)
                stream.flush()
                os.fchmod(stream.fileno(), mode)
                os.fsync(stream.fileno())
            _publish(temporary, destination, force=force)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise CaptureError(
            f"{clean(destination)} cannot be written: {error.strerror or error}. The captures that "
            "were to be merged are untouched; make room, or give another folder."
        ) from error
    return result


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _exists(destination: str) -> CaptureError:
    return CaptureError(
        f"{clean(destination)} exists and is not overwritten. Give another name, or remove it."
    )


def _publish(temporary: str, destination: str, *, force: bool) -> None:
    if force:
        Path(temporary).replace(destination)
        return
    try:
        # A link does not replace what another run may have put there by now.
        os.link(temporary, destination)
    except FileExistsError as error:
        raise _exists(destination) from error
    except OSError:
        # A file system without links.
        if os.path.lexists(destination):
            raise _exists(destination) from None
        Path(temporary).rename(destination)


class _Output:
    """Blocks on their way out, with their sum."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._blocks: list[bytes] = []
        self._waiting = 0
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, block: bytes) -> None:
        self._blocks.append(block)
        self._waiting += len(block)
        if self._waiting >= _WRITE:
            self.flush()

    def flush(self) -> None:
        data = b"".join(self._blocks)
        self._blocks, self._waiting = [], 0
        self._hash.update(data)
        self.size += len(data)
        self._out.write(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class _Merger:
    """One merge."""

    def __init__(self, inputs: Sequence[MergeInput], out: BinaryIO) -> None:
        self._inputs = inputs
        self._out = _Output(out)
        self._notes: list[str] = []
        self._errors: dict[int, str] = {}
        # Number in the result -> the input it was first met in, and what was written of it.
        self._interfaces: list[tuple[MergeInput, Interface]] = []
        self._known: dict[tuple[str, int, str], int] = {}

    def run(self) -> MergeResult:
        """Heads, then packets by time, then the statistics."""
        readers = self._open()
        count = len(self._inputs)
        write = self._out.write
        write(
            section_block(
                application="kubedebug.core",
                comment=f"{count} capture{'' if count == 1 else 's'} of pods; the times are those "
                "of each pod's node",
            )
        )
        for number, reader in readers:
            for interface in reader.interfaces:
                self._interface(self._inputs[number], interface)
        if names := _names(self._inputs):
            write(name_block(names))
        packets = unordered = 0
        first = last = None
        for time, _number, _count, index, length, data in heapq.merge(
            *(self._stream(number, reader) for number, reader in readers)
        ):
            write(packet_block(index, time, length, data))
            packets += 1
            if last is not None and time < last:
                unordered += 1
            else:
                last = time
            first = time if first is None else min(first, time)
        self._statistics(last or 0)
        self._out.flush()
        return MergeResult(
            packets=packets,
            size=self._out.size,
            sha256=self._out.sha256,
            interfaces=tuple(written.name for _input, written in self._interfaces),
            first=first,
            last=last,
            unordered=unordered,
            notes=tuple(self._notes),
        )

    def _open(self) -> list[tuple[int, CaptureReader]]:
        """The inputs that are captures."""
        size = _READ_AHEAD // max(1, len(self._inputs))
        size = max(_LEAST_CHUNK, min(_MOST_CHUNK, size))
        readers = []
        error: CaptureError | None = None
        for number, item in enumerate(self._inputs):
            try:
                readers.append(
                    (number, CaptureReader(chunks(item.path, size=size), name=item.path))
                )
            except CaptureError as problem:
                error = error or problem
                self._note(number, problem.msg)
        if error is not None and not readers:
            raise error
        return readers

    def _note(self, number: int, text: str) -> None:
        self._errors[number] = text
        self._notes.append(f"{self._inputs[number].pod}: {text}")

    def _interface(self, item: MergeInput, interface: Interface) -> int:
        """The number of an interface in the result; files of one pod have one in common."""
        key = (item.pod, interface.linktype, interface.name)
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = len(self._interfaces)
            described = _described(item, interface)
            self._interfaces.append((item, described))
            self._out.write(
                interface_block(described, comment=_comment(item), ips=_addresses(item.ips))
            )
        return number

    def _stream(self, number: int, reader: CaptureReader) -> Iterator[_Item]:
        """The packets of one input, those that are a little late put in their place."""
        item = self._inputs[number]
        numbers: list[int] = []
        window: list[_Item] = []
        try:
            for count, (index, time, length, data) in enumerate(reader.packets()):
                while index >= len(numbers):
                    numbers.append(self._interface(item, reader.interfaces[len(numbers)]))
                entry = (time, number, count, numbers[index], length, data)
                if len(window) < _WINDOW:
                    heapq.heappush(window, entry)
                else:
                    yield heapq.heappushpop(window, entry)
        except CaptureError as error:
            self._note(number, error.msg)
        if reader.truncated:
            self._note(
                number, f"{clean(item.path)} ends in the middle of a packet; it has all before that"
            )
        while window:
            yield heapq.heappop(window)

    def _statistics(self, time: int) -> None:
        for number, (item, _interface) in enumerate(self._interfaces):
            same = [place for place, other in enumerate(self._inputs) if other.pod == item.pod]
            problems = [self._errors[place] for place in same if place in self._errors]
            received = _greatest(self._inputs[place].received for place in same)
            dropped = _greatest(self._inputs[place].dropped for place in same)
            if problems or received is not None or dropped is not None:
                comment = clean(" ".join(problems), limit=_COMMENT)
                self._out.write(
                    statistics_block(
                        number, time=time, received=received, dropped=dropped, comment=comment
                    )
                )


def _greatest(counts: Iterator[int | None]) -> int | None:
    return max((count for count in counts if count is not None), default=None)


def _addresses(ips: Sequence[str]) -> list[str]:
    """Those that are addresses: the text is a cluster's, and the writer takes no other."""
    found = []
    for ip in ips:
        try:
            found.append(str(ip_address(ip)))
        except ValueError:
            continue
    return found


def _described(item: MergeInput, interface: Interface) -> Interface:
    parts = [f"node {clean(item.node)}" if item.node else "", *_addresses(item.ips)]
    name = f"{item.pod}/{interface.name}" if interface.name else item.pod
    return Interface(
        linktype=interface.linktype,
        snaplen=interface.snaplen,
        name=clean(name),
        description=", ".join(part for part in parts if part) or interface.description,
        filter=clean(item.filter or interface.filter, limit=_COMMENT),
        os=interface.os,
    )


def _comment(item: MergeInput) -> str:
    parts = [clean(item.comment, limit=_COMMENT)]
    if item.clock_offset is not None and abs(item.clock_offset) <= item.clock_uncertainty:
        parts.append(
            "The clocks of the node and of the controller agreed, as far as could be known (within "
            f"{item.clock_uncertainty:.3f} s)."
        )
    elif item.clock_offset is not None:
        ahead = "ahead of" if item.clock_offset >= 0 else "behind"
        parts.append(
            f"The clock of the node was {abs(item.clock_offset):.3f} s {ahead} that of the "
            "controller, as far as could be known; the times are the node's."
        )
    return "; ".join(part for part in parts if part)


def _names(inputs: Sequence[MergeInput]) -> list[tuple[str, str]]:
    """A name for each address that is one pod's alone: pods of the host's network share theirs."""
    pods: dict[str, dict[str, str]] = {}
    for item in inputs:
        for ip in _addresses(item.ips):
            pods.setdefault(ip, {})[item.pod] = item.node
    names = []
    for ip, owners in pods.items():
        nodes = set(owners.values())
        if len(owners) == 1:
            namespace, _slash, pod = next(iter(owners)).partition("/")
            names.append((ip, clean(f"{pod}.{namespace}" if pod else namespace)))
        elif len(nodes) == 1 and "" not in nodes:
            names.append((ip, clean(nodes.pop())))
    return names
