# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What to capture, how much of it and where to, checked before anything is sent."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError, within

__all__ = ["CAPTURE_SPEC", "CaptureOptions", "CaptureState", "FetchOptions"]

CaptureState: TypeAlias = Literal["started", "stopped", "fetched", "completed"]

_MEBIBYTE = 1024 * 1024

CAPTURE_SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": list(get_args(CaptureState)), "default": "completed"},
    "capture": {"type": "str", "default": "capture"},
    "filter": {"type": "str", "default": ""},
    "interface": {"type": "str", "default": "any"},
    "snaplen": {"type": "int", "default": 262144},
    "promiscuous": {"type": "bool", "default": False},
    "max_seconds": {"type": "int", "default": 60},
    "max_bytes": {"type": "int", "default": 100 * _MEBIBYTE},
    "max_packets": {"type": "int", "default": 0},
    "buffer_size": {"type": "int", "default": 8 * _MEBIBYTE},
    "files": {"type": "int", "default": 1},
    "file_size": {"type": "int", "default": 0},
    "dest": {"type": "path"},
    "merge": {"type": "bool", "default": False},
    "merge_dest": {"type": "path"},
    "keep_remote": {"type": "bool", "default": False},
    "allow_partial": {"type": "bool", "default": False},
    "summary": {"type": "bool", "default": True},
    "force": {"type": "bool", "default": False},
    "fetch_timeout": {"type": "int", "default": 600},
}

_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,38}[a-z0-9])?")
# What ip(8) lets an interface be called, without what tcpdump would take for something else.
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]{0,14}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_FILTER = 4096
_LONGEST = 24 * 3600
_MOST_BYTES = 1024**4
_LEAST_BYTES = 4096
# Source: tcpdump 4.99, netdissect.h (MAXIMUM_SNAPLEN)
_MOST_SNAPLEN = 262144
_MOST_BUFFER = 1024 * _MEBIBYTE
_MOST_FILES = 100
_MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True)
class CaptureOptions:
    """A recording; sizes are in bytes, ``max_packets`` 0 stands for no such bound.

    With ``files`` > 1 a ring of files of ``file_size`` keeps the newest packets, and ``max_bytes``
    is what the ring can hold.
    """

    capture: str = "capture"
    filter: str = ""
    interface: str = "any"
    snaplen: int = 262144
    promiscuous: bool = False
    max_seconds: int = 60
    max_bytes: int = 100 * _MEBIBYTE
    max_packets: int = 0
    buffer_size: int = 8 * _MEBIBYTE
    files: int = 1
    file_size: int = 0

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> CaptureOptions:
        """Read the options of CAPTURE_SPEC; raise OptionError for what cannot be meant."""
        files = within("files", params["files"], 1, _MOST_FILES)
        file_size = within("file_size", params["file_size"], 0, _MOST_BYTES, " bytes")
        _check_ring(files, file_size)
        least, most = (1, _MOST_BYTES) if files > 1 else (_LEAST_BYTES, _MOST_BYTES)
        max_bytes = within("max_bytes", params["max_bytes"], least, most, " bytes")
        # tcpdump counts the files of a ring in whole millions, and looks before each packet.
        file_size = -(-file_size // _MILLION) * _MILLION
        return cls(
            capture=capture_name(params["capture"]),
            filter=_filter(params["filter"]),
            interface=_interface(params["interface"]),
            # 0 is tcpdump's own word for as much as there can be.
            snaplen=within("snaplen", params["snaplen"], 0, _MOST_SNAPLEN, " bytes")
            or _MOST_SNAPLEN,
            promiscuous=bool(params["promiscuous"]),
            max_seconds=within("max_seconds", params["max_seconds"], 1, _LONGEST, " seconds"),
            max_bytes=files * (file_size + _MOST_SNAPLEN) if files > 1 else max_bytes,
            max_packets=within("max_packets", params["max_packets"], 0, 10**9),
            buffer_size=within(
                "buffer_size", params["buffer_size"], 64 * 1024, _MOST_BUFFER, " bytes"
            ),
            files=files,
            file_size=file_size,
        )

    @property
    def spec(self) -> str:
        """The options as one line of JSON, for whoever finds the recording later."""
        return json.dumps({**vars(self), "identity": self.identity}, sort_keys=True)

    @property
    def identity(self) -> str:
        """The hash of what makes one recording another."""
        text = json.dumps(vars(self), sort_keys=True)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def capture_name(text: str) -> str:
    """Check the name of a capture: it becomes a folder, and a part of file names."""
    if not _NAME.fullmatch(text):
        raise OptionError(
            f"capture={clean(text, limit=60)!r} is no name for a capture: give up to 40 lower case "
            "letters, digits and dashes."
        )
    return text


def _check_ring(files: int, file_size: int) -> None:
    if (files > 1) != bool(file_size):
        raise OptionError(
            f"files={files} and file_size={file_size} are a ring of files together: give both, "
            "files of at least 2, or none."
        )


def _filter(text: str) -> str:
    stripped = " ".join(text.split())
    if _CONTROL.search(stripped):
        raise OptionError("filter has a control character: leave it out.")
    if len(stripped.encode("utf-8")) > _LONGEST_FILTER:
        raise OptionError(f"filter is longer than {_LONGEST_FILTER} bytes: shorten it.")
    return stripped


def _interface(text: str) -> str:
    if not _INTERFACE.fullmatch(text):
        raise OptionError(
            f"interface={clean(text, limit=60)!r} is no name of a network interface: give one as "
            "eth0, or any for all of them."
        )
    return text


@dataclass(frozen=True, kw_only=True)
class FetchOptions:
    """Where to and how captures are brought home; ``timeout`` is in seconds for each file."""

    dest: str
    merge: bool = False
    merge_dest: str | None = None
    keep_remote: bool = False
    allow_partial: bool = False
    summary: bool = True
    force: bool = False
    timeout: int = 600

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> FetchOptions | None:
        """Read the options for states that fetch; None for the others.

        Raises OptionError for what cannot be meant.
        """
        if params["state"] not in ("fetched", "completed"):
            return None
        dest = str(params["dest"] or "").strip()
        if not dest:
            raise OptionError(
                f"state={params['state']} needs dest: give the folder on the controller (or for "
                "one pod the file) that the capture is brought to."
            )
        merge_dest = str(params["merge_dest"] or "").strip() or None
        if merge_dest and not params["merge"]:
            raise OptionError("merge_dest says where a merged file goes: set merge=true, too.")
        return cls(
            dest=dest,
            merge=bool(params["merge"]),
            merge_dest=merge_dest,
            keep_remote=bool(params["keep_remote"]),
            allow_partial=bool(params["allow_partial"]),
            summary=bool(params["summary"]),
            force=bool(params["force"]),
            timeout=within("fetch_timeout", params["fetch_timeout"], 1, _LONGEST, " seconds"),
        )
