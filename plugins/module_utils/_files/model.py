# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What is known of a target's files, and what a task wants of them. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, get_args

from ansible_collections.kubedebug.core.plugins.module_utils._files.frames import FramesError
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError

__all__ = ["FILES_SPEC", "Entry", "FilesOptions", "Problem", "Received", "local_parts", "shown"]

State: TypeAlias = Literal["fetched", "listed"]

# Where the kubelet mounts the token of the pod's service account: never fetched by accident.
TOKENS = ("/run/secrets/kubernetes.io/*", "/var/run/secrets/kubernetes.io/*")

FILES_SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": list(get_args(State)), "default": "fetched"},
    "paths": {"type": "list", "elements": "str", "required": True, "aliases": ["path"]},
    "dest": {"type": "path"},
    "flat": {"type": "bool", "default": False},
    "recurse": {"type": "bool", "default": False},
    "follow": {"type": "bool", "default": False},
    "exclude": {"type": "list", "elements": "str", "default": list(TOKENS)},
    "max_files": {"type": "int", "default": 1000},
    "max_bytes": {"type": "int", "default": 1024 * 1024 * 1024},
    "preserve": {"type": "bool", "default": True},
    "allow_partial": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 600},
}

_MOST_FILES = 100_000
_MOST_BYTES = 1 << 50
_LONGEST = 24 * 3600
# Entries of a view of the kernel say 0 bytes, whatever reading them gives.
_UNKNOWN_SIZE = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class FilesOptions:
    """Which files of each target, and where they go; ``timeout`` is in seconds for each pod."""

    state: State
    paths: tuple[str, ...]
    dest: str
    flat: bool
    recurse: bool
    follow: bool
    exclude: tuple[str, ...]
    max_files: int
    max_bytes: int
    preserve: bool
    allow_partial: bool
    timeout: int

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> FilesOptions:
        """Read FILES_SPEC's options; raises OptionError for what cannot be meant."""
        options = cls(
            **{name: params[name] for name in FILES_SPEC if name not in ("paths", "exclude")}
            | {"dest": params["dest"] or ""},
            paths=tuple(str(path) for path in params["paths"] if str(path).strip()),
            exclude=tuple(str(each) for each in params["exclude"] or () if str(each).strip()),
        )
        options._check()
        return options

    def _check(self) -> None:
        if not self.paths:
            raise OptionError("paths is empty: name the files or folders of the target.")
        for path in self.paths:
            if not path.startswith("/") or "\0" in path:
                raise OptionError(
                    f"paths: {clean(path)!r} is not a path from the root of the target's file "
                    "system: it begins with a slash."
                )
        if self.state == "fetched" and not self.dest:
            raise OptionError("dest is missing: state=fetched needs the folder to write to.")
        bounds = (
            ("max_files", self.max_files, _MOST_FILES, ""),
            ("max_bytes", self.max_bytes, _MOST_BYTES, " bytes"),
            ("timeout", self.timeout, _LONGEST, " seconds"),
        )
        for name, value, most, unit in bounds:
            if not 1 <= value <= most:
                raise OptionError(f"{name}={value} is out of range: give 1 to {most}{unit}.")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A thing in the target's file system; ``path`` is real, with odd bytes as surrogates."""

    path: str
    type: str
    mode: int
    size: int
    mtime_ns: int
    uid: int
    gid: int
    device: int
    inode: int
    link: str | None = None

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Entry:
        """Take a record of the walker; raises FramesError for anything else."""
        numbers = ("mode", "size", "mtime_ns", "uid", "gid", "device", "inode")
        try:
            path, link = record["path"], record.get("link")
            found = cls(
                path=str(path),
                type=clean(str(record["type"]), limit=32),
                **{name: int(record[name]) for name in numbers},
                link=None if link is None else str(link),
            )
            local_parts(found.path)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise FramesError("its python3 printed a record that is no file") from error
        return found

    @property
    def most(self) -> int:
        """How many bytes of it are read."""
        return self.size or _UNKNOWN_SIZE

    def as_dict(self) -> dict[str, Any]:
        """The entry in a module's result."""
        modified = datetime.fromtimestamp(self.mtime_ns // 10**9, tz=UTC)
        return {
            **shown(self.path),
            "type": self.type,
            "mode": f"{self.mode:04o}",
            "size": self.size,
            "modified_at": modified.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "uid": self.uid,
            "gid": self.gid,
            "link": None if self.link is None else shown(self.link)["path"],
        }


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What could not be read; ``expected`` where that is no failure of the task."""

    path: str
    reason: str
    expected: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The problem in a module's result."""
        return {**shown(self.path), "reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class Received:
    """A file that was brought home, or that was there already."""

    entry: Entry
    dest: str
    sha256: str | None
    changed: bool
    whole: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The file in a module's result."""
        return {
            **self.entry.as_dict(),
            "dest": shown(self.dest)["path"],
            "sha256": self.sha256,
            "changed": self.changed,
            "whole": self.whole,
        }


def shown(path: str) -> dict[str, Any]:
    """A path as text that any JSON can hold, and its bytes where it is no UTF-8."""
    raw = path.encode("utf-8", "surrogateescape")
    try:
        return {"path": raw.decode("utf-8"), "path_base64": None}
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "backslashreplace")
        return {"path": text, "path_base64": base64.b64encode(raw).decode("ascii")}


def local_parts(path: str) -> Sequence[str]:
    """The components of a target's path; raises ValueError for one that leads anywhere else."""
    if not path.startswith("/") or "\0" in path:
        raise ValueError("not a path from the root")
    parts = [part for part in path.split("/") if part]
    if any(part in (".", "..") for part in parts):
        raise ValueError("not a real path")
    return parts
