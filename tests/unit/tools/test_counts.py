# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run is counted as what it was: no crash and no empty run passes for a success."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from ansible_collections.kubedebug.core.tests.tools.counts import (
    Counts,
    parse_junit,
    step_counts,
    total,
)

__all__: list[str] = []

PASSED = '<testcase name="a"/>'
FAILED = '<testcase name="b"><failure message="no">text</failure></testcase>'
ERROR = '<testcase name="c"><error message="setup">text</error></testcase>'
SKIPPED = '<testcase name="d"><skipped message="why"/></testcase>'


def junit(*cases: str) -> str:
    """Return a document as pytest writes it."""
    return f'<testsuites><testsuite name="s">{"".join(cases)}</testsuite></testsuites>'


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        pytest.param(junit(), Counts(), id="empty"),
        pytest.param(junit(PASSED, PASSED), Counts(2, 0, 0), id="passed"),
        pytest.param(junit(PASSED, FAILED, ERROR, SKIPPED), Counts(1, 2, 1), id="mixed"),
        pytest.param(
            junit('<testcase><failure/><error message="teardown"/></testcase>'),
            Counts(0, 1, 0),
            id="failed-twice-is-one",
        ),
        pytest.param(
            f'<testsuite tests="9" failures="0">{PASSED}</testsuite>',
            Counts(1, 0, 0),
            id="cases-not-attributes",
        ),
        pytest.param(
            f"<testsuites>{junit(PASSED)}{junit(FAILED)}</testsuites>", Counts(1, 1), id="nested"
        ),
    ],
)
def test_parse_junit(text: str, counts: Counts) -> None:
    assert parse_junit(text) == counts


def test_parse_junit_of_a_killed_run() -> None:
    with pytest.raises(ElementTree.ParseError):
        parse_junit("<testsuites><testsuite>")


@pytest.mark.parametrize(
    ("code", "text", "counts", "note"),
    [
        pytest.param(0, junit(PASSED), Counts(1, 0), "", id="passed"),
        pytest.param(1, junit(PASSED, FAILED), Counts(1, 1), "", id="failed"),
        pytest.param(0, junit(FAILED), Counts(0, 1), "", id="failed-but-exits-with-0"),
        pytest.param(2, junit(PASSED), Counts(1, 1), "ended with 2", id="interrupted"),
        pytest.param(5, junit(), Counts(0, 1), "ended with 5", id="nothing-collected"),
        pytest.param(0, junit(), Counts(0, 1), "ran no test", id="empty-and-exits-with-0"),
        pytest.param(0, junit(SKIPPED), Counts(0, 1, 1), "ran no test", id="all-skipped"),
        pytest.param(0, "<testsuites>", Counts(0, 1), "no result in", id="cut-off"),
        pytest.param(1, None, Counts(0, 1), "no result in", id="no-file"),
        pytest.param(0, None, Counts(0, 1), "no result in", id="no-file-but-exits-with-0"),
    ],
)
def test_step_counts_of_a_file(
    tmp_path: Path, code: int, text: str | None, counts: Counts, note: str
) -> None:
    path = tmp_path / "junit.xml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    found, said = step_counts(code, path)
    assert found == counts
    assert said.startswith(note) and bool(said) == bool(note)


@pytest.mark.parametrize(
    ("code", "texts", "counts"),
    [
        pytest.param(0, [junit(PASSED), junit(PASSED, SKIPPED)], Counts(2, 0, 1), id="added-up"),
        pytest.param(1, [junit(PASSED), junit(FAILED)], Counts(1, 1, 0), id="one-failed"),
        pytest.param(0, [], Counts(0, 1, 0), id="empty-folder"),
    ],
)
def test_step_counts_of_a_folder(
    tmp_path: Path, code: int, texts: list[str], counts: Counts
) -> None:
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.xml").write_text(text, encoding="utf-8")
    assert step_counts(code, tmp_path)[0] == counts


@pytest.mark.parametrize(("code", "counts"), [(0, Counts(1, 0)), (1, Counts(0, 1))])
def test_step_counts_of_a_tool(code: int, counts: Counts) -> None:
    assert step_counts(code, None) == (counts, "")


def test_total_and_text() -> None:
    assert total([Counts(1, 2, 3), Counts(4, 5, 6)]) == Counts(5, 7, 9)
    assert str(Counts(1, 0)) == "1 passed, 0 failed"
    assert str(Counts(1, 0, 2)) == "1 passed, 0 failed, 2 skipped"
