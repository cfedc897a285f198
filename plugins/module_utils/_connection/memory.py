# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What the tasks of one run tell each other about the debuggers that they work in.

Ansible runs each task of each host in a process of its own. Without this each of them would read
the pod again, to find the debugger that the task before has opened. The folder is that of the run
(Ansible's own local_tmp), which nobody else can read and which goes with the run.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

__all__ = ["Known", "Memory"]


@dataclass(frozen=True, kw_only=True)
class Known:
    """A debugger of this run.

    ``ends`` is when it ends by itself, on the clock of ``time.monotonic``, which all processes of a
    machine share; None where that is not known. ``made`` is whether this run has added it.
    """

    namespace: str
    pod: str
    container: str
    ends: float | None = None
    made: bool = False

    @property
    def remaining(self) -> float | None:
        """The seconds that are left of it."""
        return None if self.ends is None else self.ends - time.monotonic()


class Memory:
    """The note about one place; *folder* is None where nothing can be kept."""

    def __init__(self, folder: str | None, key: str) -> None:
        self._path = None if folder is None else Path(folder) / f"kubedebug-{key[:32]}.json"

    def recall(self) -> Known | None:
        """What an earlier task noted; None for nothing, or nothing that can be read."""
        if self._path is None:
            return None
        try:
            noted: Mapping[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
            return Known(**noted)
        except (OSError, ValueError, TypeError):
            return None

    def note(self, known: Known) -> None:
        """Keep it for the tasks that follow; that it was made by this run is not forgotten."""
        if self._path is None:
            return
        before = self.recall()
        if before is not None and replace(before, made=known.made, ends=known.ends) == known:
            known = replace(known, made=known.made or before.made)
        draft = self._path.with_suffix(f".{secrets.token_hex(4)}")
        with suppress(OSError):
            draft.write_text(json.dumps(asdict(known)), encoding="utf-8")
            # Other workers read it at the same time: they get the old one or the new one.
            draft.replace(self._path)

    def forget(self) -> None:
        """Let the next task look for itself."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()
