# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What a tool in the debugger measured, whichever it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError

__all__ = ["Measured", "ProbeError", "Tool", "ToolMissing"]

Tool: TypeAlias = Literal["python3", "curl", "ping"]


class ProbeError(DebugError):
    """Nothing could be measured, or too little was answered."""


class ToolMissing(ProbeError):
    """The debugger cannot measure with one tool; another one may do."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The attempts in their order: milliseconds, or None where no answer came.

    ``reasons`` has a text for each None. ``resolved`` is what the peer's name took, in
    milliseconds, where the tool tells.
    """

    tool: Tool
    samples: tuple[float | None, ...]
    reasons: tuple[str, ...] = ()
    status_codes: Mapping[str, int] = field(default_factory=dict)
    address: str | None = None
    resolved: float | None = None
    body: bytes | None = None
