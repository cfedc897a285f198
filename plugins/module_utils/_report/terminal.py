# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The report as plain text, for a terminal at three in the morning.

What a person copies stands alone on its line and is never broken; everything else is folded.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._report import captures, phrases
from ansible_collections.kubedebug.core.plugins.module_utils._report.text import (
    head,
    plural,
    visible,
)

__all__ = ["MOST_TEXT", "render_text"]

Item = Mapping[str, Any]

# The text is for eyes; the JSON document has the rest. In characters.
MOST_TEXT = 128 * 1024
_MOST_DETAILED = 20
_LABEL = 13
_INDENT = "  "
_MOST_CHARS = 400
_MOST_ERRORS = 3
_MOST_ROWS = 5
_MOST_CELL = 48


def render_text(report: Item, *, width: int, most_lines: int) -> str:
    """The whole summary, folded to *width* columns, with *most_lines* of each output."""
    detailed, brief = _split(report["pods"])
    lines = [*_header(report, width)]
    for pod in detailed:
        lines += ["", *_pod(report, pod, width, most_lines)]
    if brief:
        lines += ["", f"{plural(len(brief), 'more pod')}, in report.json in full"]
        lines += [f"{_INDENT}{_brief(pod)}" for pod in brief]
    lines += ["", *_footer(report, {phrases.pod_ref(pod) for pod in detailed}, width)]
    text = "\n".join(lines)
    if len(text) > MOST_TEXT:
        text = f"{text[:MOST_TEXT]}\n[+{len(text) - MOST_TEXT} characters]"
    return text


def _split(pods: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """Pods with a problem are shown in detail first; the order stays that of the document."""
    ranked = sorted(range(len(pods)), key=lambda index: (not phrases.failed(pods[index]), index))
    chosen = set(ranked[:_MOST_DETAILED])
    return (
        [pod for index, pod in enumerate(pods) if index in chosen],
        [pod for index, pod in enumerate(pods) if index not in chosen],
    )


def _header(report: Item, width: int) -> list[str]:
    title, time = visible(report["title"]), phrases.when(report["generated_at"])
    gap = width - len(title) - len(time)
    first = f"{title}{' ' * gap}{time}" if gap > 1 else f"{title}  {time}"
    named = [f"{name} {value}" for name, value in phrases.meta(report)]
    rest = textwrap.wrap(", ".join(named), width) if named else []
    return [first, *rest, "=" * width]


def _pod(report: Item, pod: Item, width: int, most_lines: int) -> Iterator[str]:
    place = [
        f"{name} {visible(pod[name])}" for name in ("container", "node") if pod[name] is not None
    ]
    yield f"{phrases.pod_ref(pod)}   {', '.join(place)}".rstrip()
    if pod["session"] is not None:
        yield from _session(pod["session"], report["generated_at"], width)
    if pod["probe"] is not None:
        yield from _probe(pod["probe"], width)
    if pod["namespaces"] is not None:
        yield from _namespaces(pod["namespaces"], width)
    for capture in pod["captures"]:
        yield from _capture(capture, width)
    for command in pod["commands"]:
        yield from _command(command, width, most_lines)
    left = phrases.cleanup(pod, kept=report["kept"])
    if left is not None:
        yield from _row("cleanup", left, width)
    for error in (one["error"] for one in pod["cleanup"] if one["error"]):
        yield from _row("", f"FAILED {visible(error)}", width)


def _row(label: str, text: str, width: int) -> list[str]:
    """A labelled text, folded under itself; words are never broken, so that links stay whole."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=f"{_INDENT}{label:<{_LABEL}}",
        subsequent_indent=" " * (len(_INDENT) + _LABEL),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [f"{_INDENT}{label}"]


def _session(session: Item, generated_at: str, width: int) -> Iterator[str]:
    yield from _row("debugger", phrases.debugger(session), width)
    if session["image"]:
        yield from _row("image", visible(session["image"]), width)
    if session["usable"]:
        yield from _row("ends", phrases.expiry(session, generated_at) or "never by itself", width)
        if session["exec_command"]:
            # Not folded: it is there to be copied.
            yield f"{_INDENT}{'by hand':<{_LABEL}}{visible(session['exec_command'])}"
    if session["error"]:
        yield from _row("", f"FAILED {visible(session['error'])}", width)


def _probe(probe: Item, width: int) -> Iterator[str]:
    label = "probe"
    if probe["done"]:
        yield from _row(label, phrases.probe_target(probe), width)
        label = ""
        found = phrases.answer(probe)
        if found is not None:
            yield from _row("answer", found[:_MOST_CHARS], width)
        yield from _row("", phrases.counts(probe), width)
        figures = phrases.figures(probe)
        if figures:
            text = "  ".join(f"{name} {value}" for name, value in figures)
            yield from _row("latency ms", text, width)
        for error in list(probe["errors"] or ())[:_MOST_ERRORS]:
            yield from _row("", f"error: {phrases.fault(error)}", width)
    if probe["error"]:
        yield from _row(label, f"FAILED {visible(probe['error'])}", width)


def _namespaces(found: Item, width: int) -> Iterator[str]:
    label = "namespaces"
    table = [("NAME", "SHARED", "TARGET", "DEBUGGER", "")]
    table += [
        (
            visible(row["name"]),
            phrases.shared(row["shared"]),
            visible(row["target"] or "-"),
            visible(row["debugger"] or "-"),
            visible(row["note"] or ""),
        )
        for row in found["rows"]
    ]
    if found["rows"]:
        widths = [max(len(row[column]) for row in table) for column in range(4)]
        for row in table:
            cells = [f"{cell:<{size}}" for cell, size in zip(row[:4], widths, strict=True)]
            text = f"{_INDENT}{label:<{_LABEL}}{'  '.join(cells)}"
            note = f"  {row[4]}" if row[4] else ""
            if len(text) + len(note) <= width:
                yield f"{text}{note}".rstrip()
            else:
                yield text.rstrip()
                yield from _row("", f"  {row[4]}", width)
            label = ""
    if found["error"]:
        yield from _row(label, f"FAILED {visible(found['error'])}", width)


def _capture(capture: Item, width: int) -> Iterator[str]:
    for label, text in captures.facts(capture):
        yield from _row(label, text, width)
    for caption, heads, rows in captures.tables(capture):
        left = f" (of {len(rows)} in report.json)" if len(rows) > _MOST_ROWS else ""
        yield from _row("", f"{caption}{left}", width)
        yield from _table([heads, *rows[:_MOST_ROWS]])
    for file in capture["files"]:
        # Not folded: it is there to be copied.
        yield f"{_INDENT}{'file':<{_LABEL}}{visible(file['path'])}"
        for text in captures.file_facts(file):
            yield from _row("", text, width)
        if file["error"]:
            yield from _row("", f"FAILED {visible(file['error'])}", width)
    if capture["error"]:
        yield from _row("", f"FAILED {visible(capture['error'])}", width)


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows with their columns below each other; a long cell is cut."""
    cut = [
        [cell if len(cell) <= _MOST_CELL else f"{cell[: _MOST_CELL - 1]}…" for cell in row]
        for row in rows
    ]
    widths = [max(len(row[column]) for row in cut) for column in range(len(cut[0]))]
    for row in cut:
        cells = "  ".join(f"{cell:<{size}}" for cell, size in zip(row, widths, strict=True))
        yield f"{' ' * (len(_INDENT) + _LABEL)}{cells}".rstrip()


def _command(command: Item, width: int, most_lines: int) -> Iterator[str]:
    state = phrases.command_state(command)
    yield f"{_INDENT}{'command':<{_LABEL}}{phrases.shell_line(command['argv'])}   [{state}]"
    for name in ("stdout", "stderr"):
        stream = command[name]
        mark = "|" if name == "stdout" else "!"
        for line in head(stream["text"], most_lines=most_lines, most_chars=2 * width):
            yield f"{_INDENT}{_INDENT}{mark} {line}".rstrip()
        note = phrases.cut_note(stream, name)
        if note is not None:
            yield f"{_INDENT}{_INDENT}{mark} {note}"
    if command["error"]:
        yield from _row("", f"FAILED {visible(command['error'])}", width)


def _brief(pod: Item) -> str:
    words = [phrases.pod_ref(pod), "FAILED" if phrases.failed(pod) else "ok"]
    session, probe = pod["session"], pod["probe"]
    if session is not None:
        words.append(visible(session["action"]))
    if probe is not None and probe["done"]:
        words.append(phrases.counts(probe))
        words += [f"{name} {value} ms" for name, value in phrases.figures(probe) if name == "p90"]
    return "  ".join(words)


def _footer(report: Item, above: set[str], width: int) -> Iterator[str]:
    """Notes and the outcome; a problem of a pod *above* has been told there in full."""
    merged = report["merged"]
    if merged is not None:
        yield f"{'all in one':<{len(_INDENT) + _LABEL}}{visible(merged['path'])}"
        for text in captures.merged_facts(merged):
            yield from _row("", text, width)
    for note in report["notes"]:
        yield from _folded(f"note: {visible(note)}", "      ", width)
    pods, problems = plural(len(report["pods"]), "pod"), report["problems"]
    if not problems:
        yield f"RESULT ok: {pods}, no problems"
        return
    yield f"RESULT failed: {pods}, {plural(len(problems), 'problem')}"
    for problem in problems[:_MOST_DETAILED]:
        place = visible(problem["pod"] or "")
        text = "see above" if place in above else visible(problem["message"])
        where = f"{visible(problem['step'])} {place}".strip()
        yield from _folded(f"{_INDENT}- {where}: {text}", _INDENT * 2, width)
    if len(problems) > _MOST_DETAILED:
        yield f"{_INDENT}- and {len(problems) - _MOST_DETAILED} more"


def _folded(text: str, indent: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
