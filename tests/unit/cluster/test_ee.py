# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from kdcluster import ee

NAMES = ("ansible-core", "kubernetes", "jmespath")
REPOSITORY = ee.REQUIREMENTS.parents[4]


def pins(text: str) -> set[str]:
    lines = (line.partition(";")[0].strip() for line in text.splitlines())
    return {line for line in lines if line.startswith(tuple(f"{name}==" for name in NAMES))}


def test_its_packages_are_among_those_that_the_tests_run_on() -> None:
    tested = pins((REPOSITORY / "requirements" / "newest.txt").read_text(encoding="utf-8"))
    own = pins(ee.REQUIREMENTS.read_text(encoding="utf-8"))

    assert {pin.partition("==")[0] for pin in own} == set(NAMES)
    assert own <= tested


def test_it_holds_what_a_run_needs_and_nothing_of_the_tests() -> None:
    paths = set(ee.collection_files())

    assert {"galaxy.yml", "meta/runtime.yml", "plugins/modules/debug_access.py"} <= paths
    assert {path.partition("/")[0] for path in paths} == {
        *("galaxy.yml", "meta", "playbooks", "plugins", "roles"),
    }
    assert not [path for path in paths if path.endswith(".pyc")]


def test_it_runs_as_an_ordinary_user_that_has_a_name() -> None:
    (passwd,) = [entry for entry in ee.entries() if entry.path == "etc/passwd"]

    assert ee.USER == "1000:0"
    assert isinstance(passwd.content, bytes)
    assert b":x:1000:0:" in passwd.content
