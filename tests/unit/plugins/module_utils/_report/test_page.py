# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page: escaped, without anything to load or run, with all pods in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._report.document import build
from ansible_collections.kubedebug.core.plugins.module_utils._report.page import render_html

__all__: list[str] = []

_VOID = {"meta"}
_BAD = "</pre><script>alert(1)</script><img src=x onerror='a()'>\x1b[2J&amp;\""


class _Reader(HTMLParser):
    """The elements and the text of a page; fails on an element that is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _session(results: Any, text: str, name: str = "web-0") -> dict[str, Any]:
    row = {"name": text, "target": text, "debugger": text, "shared": None, "note": text}
    return {
        **dict.fromkeys(("title", "owner", "reason", "ticket"), text),
        "kept": True,
        "sessions": [
            results.session(name, debugger=text, exec_command=text, error=text),
            results.session("web-1"),
        ],
        "probes": [
            results.probe(name, peer=text, body_sample=text, error=text, errors=[text]),
        ],
        "namespaces": [results.namespaces(name, row)],
        "commands": [
            results.command(text, name=name, stdout=text, stderr=text, rc=1, error=text),
        ],
        "cleanup": [results.cleanup(name, debugger="other", error=text)],
        "problems": [{"step": text, "msg": text}],
        "notes": [text],
    }


def test_the_page_has_what_was_found(results: Any) -> None:
    page = _Reader(render_html(build(results.inputs(**_session(results, "some words")))))

    for wanted in (
        *("failed", "some words", "shop/web-0", "shop/web-1", "node-1", "toolbox:1"),
        *("2026-11-24 18:15:00Z (in 15 min)", "10 of 10 answered", "12.3", "rc 1, 0.03 s"),
    ):
        assert wanted in page.text, wanted
    assert ("href", "#pod-1") in page.attributes
    assert ("id", "pod-1") in page.attributes


def test_hostile_text_stays_text(results: Any) -> None:
    raw = render_html(build(results.inputs(**_session(results, _BAD, name=_BAD))))

    page = _Reader(raw)
    assert not {"script", "img"} & set(page.tags)
    assert not any(name.startswith("on") for name, _value in page.attributes)
    assert "<script>alert(1)</script>" in page.text
    assert "\\x1b[2J&amp;" in page.text
    assert "\x1b" not in raw


def test_nothing_is_loaded_from_elsewhere(results: Any) -> None:
    raw = render_html(build(results.inputs(**_session(results, "https://example.org/x.js"))))

    page = _Reader(raw)
    assert not {"link", "script", "iframe", "img"} & set(page.tags)
    assert not [value for name, value in page.attributes if name in ("src", "action", "style")]
    assert all(str(value).startswith("#") for name, value in page.attributes if name == "href")
    style = re.search(r"<style>(.*?)</style>", raw, re.DOTALL)
    assert style is not None
    assert "url(" not in style.group(1)
    assert "@import" not in style.group(1)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_long_output_is_folded_away(results: Any) -> None:
    def details(lines: int) -> list[tuple[str, str | None]]:
        command = results.command("cat", stdout="line\n" * lines)
        return _Reader(render_html(build(results.inputs(commands=[command])))).attributes

    assert ("open", None) in details(15)
    assert ("open", None) not in details(16)
