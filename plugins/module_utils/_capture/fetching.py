# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Recordings brought home: where to, verified, and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.kubedebug.core.plugins.module_utils._capture.capture_options import (
    FetchOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.merge import (
    MergeInput,
    MergeResult,
    merge_to_file,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.model import (
    Fetched,
    LocalFile,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.pcapng import CaptureError
from ansible_collections.kubedebug.core.plugins.module_utils._capture.recordings import (
    Recording,
    RecordingError,
    RemoteFile,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.session import Place
from ansible_collections.kubedebug.core.plugins.module_utils._capture.summary import summarize
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.download import (
    Source,
    download,
)

__all__ = [
    "fetch",
    "file_name",
    "is_file",
    "merge_all",
    "prepare_folder",
]

_SUFFIXES = (".pcap", ".pcapng", ".cap", ".dump")


def is_file(dest: str) -> bool:
    """Whether dest names a file; everything that does not look like a capture is a folder."""
    return dest.endswith(_SUFFIXES) and not Path(dest).is_dir()


def prepare_folder(dest: str) -> None:
    """Make the folder of what will be fetched; raises OptionError where that cannot be."""
    folder = Path(dest).parent if is_file(dest) else Path(dest)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(
            f"dest={clean(dest)}: the folder {clean(str(folder))} cannot be made: "
            f"{error.strerror or error}."
        ) from error


def file_name(target: Target, capture: str, recording: Recording, file: RemoteFile) -> str:
    """A name that tells pods, captures and recordings apart, and stays the same in a next try.

    Neither a namespace nor a pod nor a capture has an underscore in its name.
    """
    began = datetime.fromtimestamp(recording.began or 0.0, tz=UTC)
    part = file.name.removeprefix("packets")
    words = (
        *(target.namespace, target.name, capture),
        *(f"{began:%Y%m%dT%H%M%SZ}", recording.number, *((part,) if part else ())),
    )
    return "_".join(words) + ".pcap"


def fetch(
    client: Client,
    place: Place,
    target: Target,
    recording: Recording,
    *,
    capture: str,
    options: FetchOptions,
) -> Fetched:
    """Bring all files of a recording home, and read them.

    What did not come whole is in the result with its error; nothing is removed there.
    """
    files = []
    for file in recording.files:
        path = (
            options.dest
            if is_file(options.dest)
            else str(Path(options.dest) / file_name(target, capture, recording, file))
        )
        source = Source(path=f"{place.folder(capture, recording.number)}/{file.name}")
        files.append(_file(client, place, source, path, options))
    # The files of a ring are numbered by place, not by time.
    files.sort(key=lambda each: str((each.summary or {}).get("first_packet") or "~"))
    failed = next((each.error for each in files if each.error is not None), None)
    return Fetched(
        recording=recording,
        files=tuple(files),
        partial=_missing(recording, files),
        error=failed,
    )


def _file(
    client: Client, place: Place, source: Source, path: str, options: FetchOptions
) -> LocalFile:
    try:
        got = download(
            client, place.seat, source, path, timeout=options.timeout, force=options.force
        )
    except DebugError as error:
        # Nothing of it is here, which is no reason to leave out the other files.
        return LocalFile(path=path, size=0, sha256=None, whole=False, error=error)
    summary = None
    if options.summary:
        try:
            summary = summarize(got.path)
        except CaptureError as error:
            summary = None if got.error else {"problem": error.msg, "whole": False}
    return LocalFile(
        path=got.path,
        size=got.size,
        sha256=got.sha256,
        whole=got.whole,
        unchanged=got.unchanged,
        summary=summary,
        error=got.error,
    )


def _missing(recording: Recording, files: Sequence[LocalFile]) -> str | None:
    """Why the capture is not all that it was to be; None where it is.

    A capture that its bound of bytes cut within a packet is whole: it is as long as it was to be.
    """
    parts = [each for each in files if not each.whole]
    if parts:
        return f"{len(parts)} of {len(files)} files did not come whole"
    if recording.end == "killed":
        return "tcpdump was killed, so that what it had not written yet is lost"
    if recording.end == "failed":
        return f"tcpdump failed: {recording.said or 'it said nothing'}"
    cut = [each for each in files if (each.summary or {}).get("problem")]
    if cut and recording.end != "max_bytes":
        return str((cut[0].summary or {})["problem"])
    return None


def merge_all(inputs: Sequence[MergeInput], path: str, *, force: bool) -> tuple[str, MergeResult]:
    """Write the captures of all pods into one file; raises RecordingError."""
    try:
        return path, merge_to_file(inputs, path, force=force)
    except CaptureError as error:
        raise RecordingError(f"The captures were fetched but not merged: {error.msg}") from error
