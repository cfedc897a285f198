# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many tests a step ran: from its JUnit files, or one for a tool that has no such file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

__all__ = ["Counts", "parse_junit", "step_counts", "total"]


@dataclass(frozen=True)
class Counts:
    """Results of one or more steps."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
        )

    def __str__(self) -> str:
        text = f"{self.passed} passed, {self.failed} failed"
        return f"{text}, {self.skipped} skipped" if self.skipped else text


def parse_junit(text: str) -> Counts:
    """Count the test cases of a JUnit document.

    The cases are counted, not the sums in the attributes: pytest and ansible-test fill those
    differently. A case with both a failure and an error (a test and its teardown) is one failed
    case.

    Raises ElementTree.ParseError for text that is not XML, as a killed run leaves behind.
    """
    passed = failed = skipped = 0
    for case in ElementTree.fromstring(text).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return Counts(passed, failed, skipped)


def total(counts: Iterable[Counts]) -> Counts:
    """Add up."""
    return sum(counts, Counts())


def step_counts(returncode: int, junit: Path | None) -> tuple[Counts, str]:
    """Return what a finished step counts for, and a note when that differs from what it reported.

    `junit` is the file or the folder that the step writes; without one the step is one check. A
    step that failed without a failed test (a crash, a usage error, a broken conftest) counts one
    failed; so does one that passed without having run anything, since a suite that lost its tests
    must not look green.
    """
    if junit is None:
        return (Counts(passed=1), "") if returncode == 0 else (Counts(failed=1), "")
    files = sorted(junit.glob("*.xml")) if junit.is_dir() else [junit]
    counts = Counts()
    note = ""
    for path in files:
        try:
            counts += parse_junit(path.read_text(encoding="utf-8"))
        except (OSError, ElementTree.ParseError) as error:
            counts += Counts(failed=1)
            note = f"no result in {path.name}: {error}"
    if counts.failed:
        return counts, note
    if returncode:
        return counts + Counts(failed=1), f"ended with {returncode} though no test failed"
    if not counts.passed:
        return counts + Counts(failed=1), "ran no test"
    return counts, note
