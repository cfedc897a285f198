# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-builder found is compared whole, in both directions."""

from __future__ import annotations

import pytest

from ansible_collections.kubedebug.core.tests.tools.execution_environment import (
    found_problems,
    requirement_lines,
)

__all__: list[str] = []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("a>=1  # from collection x.y\nb\n", ["a>=1", "b"], id="origins"),
        pytest.param("# all of it\n\n  # more\n", [], id="comments-alone"),
        pytest.param("gcc [compile platform:rpm]\n", ["gcc [compile platform:rpm]"], id="bindep"),
        pytest.param("a @ https://x/y#egg=a\n", ["a @ https://x/y#egg=a"], id="no-comment"),
    ],
)
def test_requirement_lines(text: str, lines: list[str]) -> None:
    assert requirement_lines(text) == lines


@pytest.mark.parametrize(
    ("found", "wanted", "problems"),
    [
        pytest.param(["b", "a"], ["a", "b"], [], id="equal"),
        pytest.param(["a"], ["a", "b"], ["python: b is not seen"], id="too-little"),
        pytest.param(["a", "b"], ["a"], ["python: b is seen and is not needed"], id="too-much"),
        pytest.param(
            ["a>=1"],
            ["a>=2"],
            ["python: a>=2 is not seen", "python: a>=1 is seen and is not needed"],
            id="another-bound",
        ),
    ],
)
def test_found_problems(found: list[str], wanted: list[str], problems: list[str]) -> None:
    assert found_problems("python", found, wanted) == problems
