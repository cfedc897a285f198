# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of suites, the commands of `make`, and the variables that the suites run with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.tests.tools import environments, steps, suites
from ansible_collections.kubedebug.core.tests.tools.run_suites import order

__all__: list[str] = []

ROOT = Path(__file__).resolve().parents[3]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_part_is_made_of_suites_that_exist() -> None:
    names = {suite.name for suite in suites.SUITES}
    assert len(names) == len(suites.SUITES)
    for part, parts in suites.PARTS.items():
        assert set(parts) <= names, part
        assert order(suites.SUITES, parts)


def test_needs_come_before_who_needs_them() -> None:
    seen: set[str] = set()
    for suite in suites.SUITES:
        assert set(suite.needs) <= seen, suite.name
        seen.add(suite.name)


def test_what_a_suite_is_kept_apart_from_exists() -> None:
    names = {suite.name for suite in suites.SUITES}
    apart = {suite.name: set(suite.apart) for suite in suites.SUITES if suite.apart}
    assert set().union(*apart.values()) <= names
    # Faults stop parts of the cluster, whoever else is on it.
    on_cluster = {
        suite.name for suite in suites.SUITES if "cluster" in suite.needs and not suite.setup
    }
    assert apart["faults"] >= on_cluster - {"faults", "bench"}


def test_the_whole_has_every_part_but_the_bench() -> None:
    assert set(suites.PARTS) - set(suites.whole()) <= {"bench", "faults"}


@pytest.mark.parametrize("part", suites.PARTS)
def test_every_part_has_a_command_with_a_line_of_help(part: str) -> None:
    assert re.search(rf"^{part}:.*## \S", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("A=1\nB=two\n", {"A": "1", "B": "two"}, id="plain"),
        pytest.param("export A='with a space'\n", {"A": "with a space"}, id="export-and-quotes"),
        pytest.param("# a comment\nA=b=c\n", {"A": "b=c"}, id="comment-and-equals"),
        pytest.param("", {}, id="nothing"),
    ],
)
def test_parse_assignments(text: str, found: dict[str, str]) -> None:
    assert steps.parse_assignments(text) == found


def test_a_users_own_settings_do_not_decide_a_test(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "json")
    monkeypatch.setenv("K8S_AUTH_HOST", "https://elsewhere")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k nothing")
    monkeypatch.setenv("KUBECONFIG", "/theirs")
    found = environments.variables(environments.Environment("newest", tmp_path, "3.13"))
    assert not {"ANSIBLE_STDOUT_CALLBACK", "K8S_AUTH_HOST", "PYTEST_ADDOPTS"} & set(found)
    assert found["KUBECONFIG"] == "/theirs"
    assert found["PATH"].startswith(f"{tmp_path}/bin:")
    assert found["ANSIBLE_COLLECTIONS_PATH"] == found["PYTHONPATH"]


def test_a_python_that_does_not_run_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # As a pyenv shim of a version that is not active.
    shim = tmp_path / "python9.8"
    shim.write_text("#!/bin/sh\necho 'pyenv: python9.8: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("KUBEDEBUG_PYTHON", raising=False)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(environments.EnvironmentFailed, match=r"None of Python 9\.8"):
        environments.find_python(["9.8"])


def test_a_python_of_pyenv_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "versions" / "9.8.1" / "bin" / "python9.8"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 9.8\n")
    python.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("KUBEDEBUG_PYTHON", raising=False)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert environments.find_python(["9.9", "9.8"]) == (str(python), "9.8")
