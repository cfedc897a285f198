# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Text of a stranger, made fit for a terminal and a page: all of it visible, none of it acts.

In an error message such characters are dropped (``_kube.errors.clean``). A report is evidence: that
a program wrote an escape sequence is part of what was found, so it is shown, in visible form.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

__all__ = ["clip", "duration", "head", "moment", "number", "plural", "visible", "visible_lines"]

_TAB = 8
_LATIN, _BASIC_PLANE = 0x100, 0x10000
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_EXACT_BELOW = 100


def visible(text: object) -> str:
    """One line of text without a character that acts: ESC becomes the four characters ``\\x1b``.

    Covers control characters, bidirectional overrides, lone surrogates and line separators.
    """
    plain = str(text)
    if plain.isprintable():
        return plain
    return "".join(char if char.isprintable() else _shown(char) for char in plain)


def _shown(char: str) -> str:
    if unicodedata.category(char) == "Zs":
        # Spaces of other widths: they look like one, so they are one.
        return " "
    code = ord(char)
    if code < _LATIN:
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < _BASIC_PLANE else f"\\U{code:08x}"


def visible_lines(text: str) -> list[str]:
    """Text as lines that are safe to print; a tab keeps its column, a CR before LF goes."""
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return [visible(line.removesuffix("\r").expandtabs(_TAB)) for line in lines]


def clip(text: str, limit: int) -> tuple[str, int]:
    """The first *limit* characters, and how many more there were."""
    return text[:limit], max(0, len(text) - limit)


def head(text: str, *, most_lines: int, most_chars: int) -> list[str]:
    """The first lines of an output, and as a last one what was left out, if anything."""
    lines = visible_lines(text)
    shown = []
    for line in lines[:most_lines]:
        kept, more = clip(line, most_chars)
        shown.append(f"{kept} [+{more} characters]" if more else kept)
    if len(lines) > most_lines:
        shown.append(f"[+{plural(len(lines) - most_lines, 'line')}]")
    return shown


def plural(count: int, noun: str) -> str:
    """``1 pod``, ``2 pods``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def number(value: float | None) -> str:
    """A figure with three significant digits at the least, ``-`` where there is none."""
    if value is None:
        return "-"
    if value >= _EXACT_BELOW:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= _EXACT_BELOW / 10 else f"{value:.2f}"


def duration(seconds: float) -> str:
    """A span for people: two units at the most."""
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s".removesuffix(" 0 s")
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min".removesuffix(" 0 min")
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h".removesuffix(" 0 h")


def moment(text: str | None) -> datetime | None:
    """An RFC 3339 time; None for what is none, since it comes from another's data."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
