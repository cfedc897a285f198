# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that a stranger wrote acts on a terminal, and all of it can be seen."""

from __future__ import annotations

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._report import text

__all__: list[str] = []


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param("plain text é 漢", "plain text é 漢", id="plain"),
        pytest.param("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m", id="colour"),
        pytest.param("\x1b]0;title\x07", "\\x1b]0;title\\x07", id="title of the window"),
        pytest.param("\x9b2J", "\\x9b2J", id="C1 control sequence introducer"),
        pytest.param("a\x00b\x7f", "a\\x00b\\x7f", id="NUL and DEL"),
        pytest.param("a\nb\rc\td", "a\\nb\\rc\\td", id="line breaks within a line"),
        pytest.param("\u202edelbat\u2066", "\\u202edelbat\\u2066", id="bidirectional overrides"),
        pytest.param("a\u2028b", "a\\u2028b", id="line separator"),
        pytest.param("\udcff", "\\udcff", id="lone surrogate"),
        pytest.param("\U000e0041", "\\U000e0041", id="invisible tag"),
        pytest.param("a\u00a0b\u3000c", "a b c", id="other spaces"),
        pytest.param("{{ 7 * 7 }} {% raw %}", "{{ 7 * 7 }} {% raw %}", id="template"),
        pytest.param(7, "7", id="not a text"),
    ],
)
def test_visible(given: object, shown: str) -> None:
    assert text.visible(given) == shown
    assert text.visible(given).isprintable()


def test_lines_keep_columns_and_lose_the_carriage_return() -> None:
    assert text.visible_lines("a\tb\r\n\x1b[1m\n") == ["a       b", "\\x1b[1m"]
    assert text.visible_lines("") == []
    assert text.visible_lines("one") == ["one"]


def test_head_tells_what_is_left_out() -> None:
    output = "12345678\nb\nc\nd\n"

    assert text.head(output, most_lines=2, most_chars=4) == [
        "1234 [+4 characters]",
        "b",
        "[+2 lines]",
    ]
    assert text.head(output, most_lines=4, most_chars=8) == ["12345678", "b", "c", "d"]
    assert text.head("a\nb", most_lines=1, most_chars=8) == ["a", "[+1 line]"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(None, "-", id="none"),
        pytest.param(0.0, "0.00", id="zero"),
        pytest.param(0.4123, "0.41", id="below ten"),
        pytest.param(12.34, "12.3", id="below a hundred"),
        pytest.param(123.4, "123", id="beyond"),
    ],
)
def test_number(value: float | None, shown: str) -> None:
    assert text.number(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        pytest.param(-3, "0 s", id="over"),
        pytest.param(59.4, "59 s", id="seconds"),
        pytest.param(60, "1 min", id="whole minutes"),
        pytest.param(897, "14 min 57 s", id="minutes"),
        pytest.param(3600, "1 h", id="whole hours"),
        pytest.param(7380, "2 h 3 min", id="hours"),
        pytest.param(90000, "1 d 1 h", id="days"),
    ],
)
def test_duration(seconds: float, shown: str) -> None:
    assert text.duration(seconds) == shown


@pytest.mark.parametrize("given", [None, "", "soon", "2026-13-01T00:00:00Z", "{{ now() }}"])
def test_what_is_no_time_is_none(given: str | None) -> None:
    assert text.moment(given) is None


def test_a_time_without_a_zone_is_utc() -> None:
    assert text.moment("2026-11-24T18:00:00") == text.moment("2026-11-24T18:00:00Z")
