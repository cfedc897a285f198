# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""One target's files as seen from a seat: listed, hashed and streamed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.running import (
    run_in_seat,
    signal_hint,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.frames import (
    FramesError,
    Splitter,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.model import (
    Entry,
    FilesOptions,
    Problem,
    shown,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.program import (
    walker_command,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat, Target

__all__ = ["FileOutcome", "FilesError", "Listing", "Place", "list_files", "stream_files"]

_NOT_FOUND = 127


class FilesError(DebugError):
    """The files of a target cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a target's files are read from.

    ``pid`` is its main process in the seat's process namespace, None where the walker finds it by
    the container's ID; ``first`` is whether it can only be process 1.
    """

    target: Target
    seat: Seat
    pid: int | None = None
    first: bool = False

    def task(self) -> dict[str, Any]:
        """What the walker must know of the target."""
        return {
            "pid": self.pid or 0,
            "container_id": self.target.container_id,
            "first": self.first,
        }


@dataclass
class Listing:
    """What the paths of a task name in one target; ``full`` where there is more than allowed."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    full: bool = False


@dataclass(frozen=True, kw_only=True)
class FileOutcome:
    """The end of one file's stream, as the seat saw it."""

    sha256: str | None
    size: int
    reason: str | None


def list_files(client: Client, place: Place, options: FilesOptions, *, timeout: int) -> Listing:
    """List what *options* name; raises FilesError where nothing can be read at all."""
    found = Listing()

    def take(record: Mapping[str, Any] | bytes) -> None:
        if isinstance(record, bytes):
            raise FramesError("its python3 printed data among a list of files")
        if "entry" in record:
            if len(found.entries) > options.max_files:
                raise FramesError("its python3 printed more files than it was asked for")
            found.entries.append(Entry.read(record["entry"]))
        elif "problem" in record:
            if len(found.problems) <= options.max_files:
                found.problems.append(_problem(record["problem"]))
        elif "full" in record:
            found.full = True

    task = {
        "do": "list",
        "paths": list(options.paths),
        "follow": options.follow,
        "recurse": options.recurse,
        "exclude": list(options.exclude),
        "limit": options.max_files,
    }
    _run(client, place, task, take, timeout=timeout)
    return found


def stream_files(
    client: Client,
    place: Place,
    entries: Sequence[Entry],
    *,
    content: bool,
    timeout: int,
    on_data: Callable[[Entry, bytes], None],
    on_end: Callable[[Entry, FileOutcome], None],
) -> None:
    """Read *entries* in order; without *content* only their hashes come.

    Raises DebugError where it ends before the last one: those that *on_end* was told of are done.
    """
    left = list(reversed(entries))

    def take(record: Mapping[str, Any] | bytes) -> None:
        if not left:
            if isinstance(record, Mapping) and "file" not in record:
                return
            raise FramesError("its python3 printed more files than it was asked for")
        if isinstance(record, bytes):
            on_data(left[-1], record)
        elif "file" in record:
            outcome = _outcome(record["file"], left[-1])
            on_end(left.pop(), outcome)

    wanted = [
        {"path": each.path, "device": each.device, "inode": each.inode, "most": each.most}
        for each in entries
    ]
    _run(
        client,
        place,
        {"do": "stream", "files": wanted, "content": content},
        take,
        timeout=timeout,
    )


def _run(
    client: Client,
    place: Place,
    task: Mapping[str, Any],
    take: Callable[[Mapping[str, Any] | bytes], None],
    *,
    timeout: int,
) -> None:
    ref, seat = place.target.ref, place.seat
    splitter = Splitter()
    ended = False
    failed: str | None = None

    def on_stdout(data: bytes) -> None:
        nonlocal ended, failed
        for record in splitter.feed(data):
            if isinstance(record, Mapping) and "failed" in record:
                failed = clean(str(record["failed"]))
            ended = isinstance(record, Mapping) and ("end" in record or "full" in record)
            take(record)

    command = walker_command({**place.task(), **task}, timeout=timeout)
    where = f"{ref}: {seat.container}"
    try:
        ran = run_in_seat(client, seat, command, ref=ref, on_stdout=on_stdout)
    except FramesError as error:
        raise FilesError(f"{where}: {error.msg}. Choose another image.") from error
    if failed is not None:
        raise FilesError(
            f"{where}: {failed}. The debugger must be in the target's process namespace "
            "(target_container=true) and root with SYS_PTRACE where the target is another user's "
            "(profile=general)."
        )
    if ran.result.rc == _NOT_FOUND:
        raise FilesError(f"{where}: its image has no python3, which reads the files. Choose one.")
    if not ended or splitter.rest:
        reason = ran.error.msg if ran.error is not None else _why(ran.result.stderr)
        hint = signal_hint(ran.result.rc)
        raise FilesError(f"{where}: reading files ended early{hint}: {reason}")


def _why(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return clean(lines[-1]) if lines else "the end of the output is missing."


def _problem(record: Any) -> Problem:
    if not isinstance(record, Mapping):
        raise FramesError("its python3 printed a record that is no problem")
    return Problem(
        path=str(record.get("path", "")),
        reason=clean(str(record.get("reason", ""))),
        expected=bool(record.get("expected", False)),
    )


def _outcome(record: Any, entry: Entry) -> FileOutcome:
    if not isinstance(record, Mapping) or record.get("path") != entry.path:
        raise FramesError(f"its python3 printed another file than {shown(entry.path)['path']!r}")
    reason, digest = record.get("reason"), record.get("sha256")
    return FileOutcome(
        sha256=None if digest is None else str(digest),
        size=int(record.get("size") or 0),
        reason=None if reason is None else clean(str(reason)),
    )
