# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The use case: what is written when, and what a task is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError
from ansible_collections.kubedebug.core.plugins.module_utils._report.report import DEBUG_REPORT
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import Context, Result

__all__: list[str] = []

_NAMES = {"report.json", "report.html", "report.txt"}


def _run(*, check_mode: bool = False, **params: Any) -> Result:
    spec = DEBUG_REPORT.spec.argument_spec
    defaults = {name: option.get("default") for name, option in spec.items()}
    return DEBUG_REPORT.run(
        {**defaults, "time": "2026-11-24T18:00:00Z", **params}, Context(check_mode=check_mode)
    )


def test_without_a_folder_nothing_is_written(results: Any) -> None:
    result = _run(sessions=[results.session()])

    assert result.changed is False
    assert result.diff == ()
    assert result.data["files"] == []
    assert result.data["outcome"] == "ok"
    assert "shop/web-0" in result.data["text"]


def test_check_real_again_check(results: Any, tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    params: dict[str, Any] = {"sessions": [results.session()], "evidence_dir": str(folder)}

    foretold = _run(check_mode=True, **params)
    assert (foretold.changed, folder.exists()) == (True, False)
    real = _run(**params)
    assert {path.name for path in folder.iterdir()} == _NAMES
    later = {**params, "time": "2026-11-25T06:00:00Z"}
    again = _run(**later)
    check = _run(check_mode=True, **later)

    assert (real.changed, again.changed, check.changed) == (True, False, False)
    assert foretold.diff == real.diff
    assert (again.diff, check.diff) == ((), ())
    # The same account keeps the time of its content.
    assert again.data["text"] == real.data["text"]
    assert json.loads((folder / "report.json").read_text())["pods"][0]["name"] == "web-0"


def test_another_account_has_another_time(results: Any, tmp_path: Path) -> None:
    params: dict[str, Any] = {"evidence_dir": str(tmp_path), "sessions": [results.session()]}
    first = _run(**params)

    second = _run(**{**params, "time": "2026-11-25T06:00:00Z", "notes": ["more"]})

    assert second.changed is True
    assert second.diff[0]["before"] == first.data["text"] + "\n"
    assert second.diff[0]["after"] == second.data["text"] + "\n"
    assert "2026-11-25 06:00:00Z" in second.data["text"]


@pytest.mark.parametrize("stored", ["", "no json", "[]", "{}", '{"generated_at": "soon"}'])
def test_a_folder_with_something_else_in_it(results: Any, tmp_path: Path, stored: str) -> None:
    (tmp_path / "report.json").write_text(stored, encoding="utf-8")

    assert _run(evidence_dir=str(tmp_path), sessions=[results.session()]).changed is True
    assert json.loads((tmp_path / "report.json").read_text())["title"] == "Debug report"


def test_the_json_is_exact_and_cannot_act(results: Any, tmp_path: Path) -> None:
    output = "\x1b[2J\u202e\udcff é\n"
    _run(evidence_dir=str(tmp_path), commands=[results.command("cat", stdout=output)])

    raw = (tmp_path / "report.json").read_bytes()
    assert all(byte >= 0x20 or byte == 0x0A for byte in raw)
    assert raw.isascii()
    assert json.loads(raw)["pods"][0]["commands"][0]["stdout"]["text"] == output


def test_what_was_found_is_shown_when_it_cannot_be_written(results: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(DebugError, match="evidence_dir=") as caught:
        _run(evidence_dir=str(tmp_path / "file"), sessions=[results.session()])

    assert "shop/web-0" in caught.value.facts["text"]
    assert caught.value.facts["files"] == []


def test_problems_are_told_as_data(results: Any) -> None:
    result = _run(probes=[results.probe(error="shop/web-0: no answer")])

    assert result.data["outcome"] == "failed"
    assert result.data["problems"] == [
        {
            "step": "probe",
            "pod": "shop/web-0",
            "message": "no answer",
            "text": "shop/web-0: no answer",
        }
    ]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param({"width": 20}, "width=20 is out of range: give 60 to 1000", id="width"),
        pytest.param({"most_lines": -1}, "most_lines=-1 is out of range", id="lines"),
        pytest.param({"time": "soon"}, "time=soon is not a time of RFC 3339", id="time"),
    ],
)
def test_what_cannot_be_meant(params: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        _run(**params)


def test_the_clock_serves_where_no_time_is_given() -> None:
    assert "Z\n" in _run(time=None).data["text"]


def test_empty_options_are_as_if_not_given() -> None:
    empty: dict[str, Any] = dict.fromkeys(
        ("owner", "reason", "ticket", "evidence_dir", "title"), ""
    )

    assert _run(**empty).data["text"].startswith("Debug report ")
