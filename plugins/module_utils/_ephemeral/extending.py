# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Letting running debuggers stay for longer than they were opened for, and who has done so."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import Entry
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.supervisor import (
    EXTEND_NAME,
    EXTENDER,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    ExecError,
    KubeError,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.exec_stream import (
    STDOUT,
    open_stream,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target

__all__ = ["Extended", "extend_debuggers", "staying"]

_TIMEOUT = 30.0
# EXTENDER is content with this part of what it is asked for.
_CONTENT = 0.9
_MOST_OUTPUT = 4096
_LINE = re.compile(rb"(extended|kept|planned) ([0-9]{9,11})\n|(clockless)\n")


@dataclass(frozen=True, kw_only=True)
class Extended:
    """A debugger that stays until ``until`` (epoch, s), or why it does not."""

    target: Target
    entry: Entry
    action: Literal["extended", "kept", "planned", "failed"]
    until: float | None = None
    error: DebugError | None = None


def extend_debuggers(
    client: Client,
    running: Sequence[tuple[Target, Entry]],
    *,
    seconds: int,
    check_mode: bool,
    concurrency: int,
) -> list[Extended]:
    """Have each debugger stay for *seconds* from now; one that does so anyway is left alone."""
    outcomes = fan_out(
        lambda pair: _extend(client, pair[0], pair[1], seconds, check_mode=check_mode),
        running,
        limit=concurrency,
    )
    return [
        outcome.value
        if outcome.value is not None
        else Extended(target=target, entry=entry, action="failed", error=outcome.error)
        for outcome, (target, entry) in zip(outcomes, running, strict=True)
    ]


def staying(client: Client, target: Target, entry: Entry, *, seconds: float) -> Entry | None:
    """The entry with the end that it really has, if it stays for *seconds* from now.

    The mark in the pod tells only what it was opened for. Nothing is changed. None also where it
    cannot be asked, as by those who may run nothing in it: then nobody can work in it, either.
    """
    asked = math.ceil(seconds / _CONTENT)
    try:
        match = _LINE.match(_ask(client, target, entry, asked, check_mode=True))
    except DebugError:
        return None
    if match is None or match[1] != b"kept":
        return None
    return replace(entry, expires_at=float(match[2]))


def _extend(
    client: Client, target: Target, entry: Entry, seconds: int, *, check_mode: bool
) -> Extended:
    where = f"{target.ref}: debugger {entry.name}"
    if not entry.managed or not entry.lifetime:
        raise DebugError(
            f"{where} has no lifetime that could be extended: it is bounded only where this "
            "collection opened it with lifetime other than 0."
        )
    said = _ask(client, target, entry, seconds, check_mode=check_mode)
    match = _LINE.match(said)
    if match is None or match[3]:
        reason = (
            "its image has no date" if match else clean(said.decode("utf-8", "replace"), limit=120)
        )
        raise DebugError(f"{where} cannot be extended: {reason or 'it said nothing'}.")
    words: dict[bytes, Literal["extended", "kept", "planned"]] = {
        b"extended": "extended",
        b"kept": "kept",
        b"planned": "planned",
    }
    return Extended(target=target, entry=entry, action=words[match[1]], until=float(match[2]))


def _ask(client: Client, target: Target, entry: Entry, seconds: int, *, check_mode: bool) -> bytes:
    """Start the process that extends, and hang up when it has said so: it stays by itself."""
    argv = ["sh", "-c", EXTENDER, EXTEND_NAME, str(seconds), "check" if check_mode else ""]
    deadline = time.monotonic() + _TIMEOUT
    said = bytearray()
    try:
        with open_stream(
            client,
            namespace=target.namespace,
            pod=target.name,
            container=entry.name,
            argv=argv,
            timeout=_TIMEOUT,
        ) as stream:
            while b"\n" not in said and len(said) < _MOST_OUTPUT and not stream.ended:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                for channel, data in stream.read(left):
                    if channel == STDOUT:
                        said += data
    except KubeError as error:
        raise ExecError(f"{target.ref}: debugger {entry.name}: {error.msg}") from error
    return bytes(said)
