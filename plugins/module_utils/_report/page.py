# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The report as one HTML page that loads nothing, runs nothing and reads well on a telephone.

Every text of the document goes through ``_text`` (visible, then escaped); the page's own markup is
written out here. The policy in its head holds even if one were missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._report import captures, phrases
from ansible_collections.kubedebug.core.plugins.module_utils._report.text import (
    plural,
    visible,
    visible_lines,
)

__all__ = ["render_html"]

Item = Mapping[str, Any]

# An output of up to this many lines is open when the page is.
_OPEN_LINES = 15

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--dim:#59636e;--back:#f4f5f7;--card:#fff;--line:#d5dae0;
--good:#1a7f37;--bad:#c1121f;--code:#eef1f4}
@media(prefers-color-scheme:dark){:root{--ink:#e3e8ee;--dim:#9aa5b1;--back:#12161b;--card:#1b2129;
--line:#333c47;--good:#57c972;--bad:#ff8080;--code:#11151a}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);
font:16px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1rem}
h1{font-size:1.35rem;margin:.25rem 0;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:0 0 .5rem;overflow-wrap:anywhere}
h3{font-size:.95rem;margin:1.1rem 0 .3rem;color:var(--dim)}
p{margin:.35rem 0;overflow-wrap:anywhere}
section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem;
margin:1rem 0}
a{color:inherit}
.dim{color:var(--dim)}.good{color:var(--good)}.bad{color:var(--bad)}
.state{font-weight:700}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:.4rem 0}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
.wide{overflow-x:auto}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line);
vertical-align:top}
th{font-weight:600;color:var(--dim)}
.figures td,.figures th{text-align:right;padding-right:1rem}
.figures{width:auto}
ul{margin:.3rem 0;padding-left:1.2rem;overflow-wrap:anywhere}
code,pre{font:.85rem/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{background:var(--code);border:1px solid var(--line);border-radius:.4rem;padding:.6rem;
margin:.3rem 0;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
pre.copy{user-select:all}
details{margin:.4rem 0}summary{cursor:pointer;overflow-wrap:anywhere}
@media(max-width:34rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.4rem}}
@media print{body{background:#fff}section{break-inside:avoid}}
"""


def render_html(report: Item) -> str:
    """The whole page."""
    title = _text(report["title"])
    pods = report["pods"]
    body = [*_head(report, title)]
    if len(pods) > 1:
        body.append(_overview(pods))
    if report["merged"] is not None:
        body.append(_merged(report["merged"]))
    body += [_pod(report, pod, index) for index, pod in enumerate(pods)]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def _text(value: object) -> str:
    return escape(visible("-" if value is None else value), quote=True)


def _block(lines: Iterable[str], css: str = "") -> str:
    """Lines that are visible already, as preformatted text."""
    mark = f' class="{css}"' if css else ""
    return f"<pre{mark}>{escape(chr(10).join(lines), quote=True)}</pre>"


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    """A list of names and values; both are safe already."""
    inner = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in pairs)
    return f"<dl>{inner}</dl>"


def _failed(error: object) -> str:
    return f'<p class="bad"><span class="state">Failed:</span> {_text(error)}</p>'


def _head(report: Item, title: str) -> Iterator[str]:
    problems = report["problems"]
    css, word = ("bad", "failed") if problems else ("good", "ok")
    count = plural(len(problems), "problem") if problems else "no problems"
    pods = plural(len(report["pods"]), "pod")
    yield f"<h1>{title}</h1>"
    yield (
        f'<p><span class="state {css}">{word}</span>, {pods}, {count} '
        f'<span class="dim">at {_text(phrases.when(report["generated_at"]))}</span></p>'
    )
    named = [(name, escape(value, quote=True)) for name, value in phrases.meta(report)]
    if named:
        yield _pairs(named)
    if problems:
        items = "".join(f"<li>{_problem(problem)}</li>" for problem in problems)
        yield f"<section><h2>Problems</h2><ul>{items}</ul></section>"
    if report["notes"]:
        items = "".join(f"<li>{_text(note)}</li>" for note in report["notes"])
        yield f"<section><h2>Notes</h2><ul>{items}</ul></section>"


def _problem(problem: Item) -> str:
    where = f"{problem['step']} {problem['pod'] or ''}".strip()
    return f"<b>{_text(where)}</b>: {_text(problem['message'])}"


def _overview(pods: Sequence[Item]) -> str:
    """One line for each pod, which leads to its section."""
    heads = "".join(f"<th>{name}</th>" for name in ("pod", "outcome", "debugger", "p90 ms"))
    rows = []
    for index, pod in enumerate(pods):
        failed = phrases.failed(pod)
        session, probe = pod["session"], pod["probe"]
        p90 = dict(phrases.figures(probe)).get("p90", "-") if probe and probe["done"] else "-"
        rows.append(
            f'<tr><td><a href="#pod-{index}">{escape(phrases.pod_ref(pod))}</a></td>'
            f'<td class="{"bad" if failed else "good"}">{"failed" if failed else "ok"}</td>'
            f"<td>{_text(session['action'] if session else None)}</td><td>{escape(p90)}</td></tr>"
        )
    return (
        f'<section><h2>Pods</h2><div class="wide"><table><tr>{heads}</tr>{"".join(rows)}'
        "</table></div></section>"
    )


def _pod(report: Item, pod: Item, index: int) -> str:
    parts = [f"<h2>{escape(phrases.pod_ref(pod))}</h2>", _pairs(_place(report, pod))]
    session = pod["session"]
    if session is not None:
        parts += _session(session)
    if pod["probe"] is not None:
        parts += _probe(pod["probe"])
    if pod["namespaces"] is not None:
        parts += _namespaces(pod["namespaces"])
    for capture in pod["captures"]:
        parts += _capture(capture)
    for command in pod["commands"]:
        parts += _command(command)
    left = phrases.cleanup(pod, kept=report["kept"])
    if left is not None:
        parts.append(f"<h3>Clean-up</h3><p>{escape(left, quote=True)}</p>")
    parts += [_failed(one["error"]) for one in pod["cleanup"] if one["error"]]
    return f'<section id="pod-{index}">{"".join(parts)}</section>'


def _place(report: Item, pod: Item) -> Iterator[tuple[str, str]]:
    for name in ("container", "node"):
        if pod[name] is not None:
            yield name, _text(pod[name])
    session = pod["session"]
    if session is None:
        return
    yield "debugger", escape(phrases.debugger(session), quote=True)
    if session["image"]:
        yield "image", _text(session["image"])
    if session["usable"]:
        ends = phrases.expiry(session, report["generated_at"]) or "never by itself"
        yield "ends", escape(ends, quote=True)


def _session(session: Item) -> Iterator[str]:
    if session["error"]:
        yield _failed(session["error"])
    if session["usable"] and session["exec_command"]:
        yield f"<h3>Go on by hand</h3>{_block([visible(session['exec_command'])], 'copy')}"


def _probe(probe: Item) -> Iterator[str]:
    yield "<h3>Probe</h3>"
    if probe["done"]:
        yield f"<p>{escape(phrases.probe_target(probe), quote=True)}</p>"
        found = phrases.answer(probe)
        if found is not None:
            yield _block([found])
        yield f"<p>{escape(phrases.counts(probe), quote=True)}</p>"
        figures = phrases.figures(probe)
        if figures:
            heads = "".join(f"<th>{escape(name)}</th>" for name, _value in figures)
            cells = "".join(f"<td>{escape(value)}</td>" for _name, value in figures)
            yield (
                f'<div class="wide"><table class="figures"><tr><th></th>{heads}</tr>'
                f"<tr><td>ms</td>{cells}</tr></table></div>"
            )
        for error in probe["errors"] or ():
            yield f"<p>error: {escape(phrases.fault(error), quote=True)}</p>"
    if probe["error"]:
        yield _failed(probe["error"])


def _namespaces(found: Item) -> Iterator[str]:
    yield "<h3>Namespaces</h3>"
    if found["rows"]:
        heads = "".join(f"<th>{name}</th>" for name in ("name", "shared", "target", "debugger"))
        rows = "".join(_namespace(row) for row in found["rows"])
        yield f'<div class="wide"><table><tr>{heads}</tr>{rows}</table></div>'
    if found["error"]:
        yield _failed(found["error"])


def _namespace(row: Item) -> str:
    word = phrases.shared(row["shared"])
    css = {"yes": "good", "no": "dim"}.get(word, "")
    cells = (
        f"<td>{_text(row['name'])}</td>",
        f'<td class="{css}">{word}</td>',
        *(f"<td><code>{_text(row[side])}</code></td>" for side in ("target", "debugger")),
    )
    note = f'<tr><td></td><td class="dim" colspan="3">{_text(row["note"])}</td></tr>'
    return f"<tr>{''.join(cells)}</tr>{note if row['note'] else ''}"


def _capture(capture: Item) -> Iterator[str]:
    yield "<h3>Capture</h3>"
    yield _pairs((name, escape(text, quote=True)) for name, text in captures.facts(capture))
    for caption, heads, rows in captures.tables(capture):
        top = "".join(f"<th>{escape(head.lower())}</th>" for head in heads)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(cell, quote=True)}</td>' for cell in row)}</tr>"
            for row in rows
        )
        yield (
            f'<p class="dim">{escape(caption)}</p><div class="wide"><table><tr>{top}</tr>{body}'
            "</table></div>"
        )
    for file in capture["files"]:
        yield _block([visible(file["path"])], "copy")
        css = "dim" if file["whole"] else "bad"
        for text in captures.file_facts(file):
            yield f'<p class="{css}">{escape(text, quote=True)}</p>'
        if file["error"]:
            yield _failed(file["error"])
    if capture["error"]:
        yield _failed(capture["error"])


def _merged(merged: Item) -> str:
    texts = "".join(f"<p>{escape(text)}</p>" for text in captures.merged_facts(merged))
    path = _block([visible(merged["path"])], "copy")
    return f"<section><h2>All captures in one file</h2>{path}{texts}</section>"


def _command(command: Item) -> Iterator[str]:
    css = "good" if command["rc"] == 0 and not command["error"] else "bad"
    state = escape(phrases.command_state(command), quote=True)
    yield "<h3>Command</h3>"
    yield _block([phrases.shell_line(command["argv"])])
    yield f'<p class="state {css}">{state}</p>'
    for name in ("stdout", "stderr"):
        stream = command[name]
        lines = visible_lines(stream["text"])
        note = phrases.cut_note(stream, name)
        if lines:
            opened = " open" if len(lines) <= _OPEN_LINES else ""
            yield (
                f"<details{opened}><summary>{name}, {plural(len(lines), 'line')}</summary>"
                f"{_block(lines)}</details>"
            )
        if note is not None:
            yield f'<p class="dim">{escape(note, quote=True)}</p>'
    if command["error"]:
        yield _failed(command["error"])
