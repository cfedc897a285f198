# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One use case, two shells: where each runs, and that nobody can tell by the result."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.plugin_utils import _action
from ansible_collections.kubedebug.core.plugins.plugin_utils._action import (
    UseCaseAction,
    same_interpreter,
)

# What comes from the way to the result, and not from the use case.
_WAY = frozenset(
    {
        "_ansible_delegated_vars",
        "ansible_job_id",
        "finished",
        "ran",
        "results_file",
        "started",
        "stderr",
        "stderr_lines",
        "stdout",
        "stdout_lines",
    }
)
_CENSORED = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"

TASKS = (
    "succeed",
    "change",
    "check",
    "warn",
    "fail",
    "defect",
    "refuse",
    "secrets",
    "secret-defaults",
    "templates",
    "types",
    "alias",
    "large",
    "bad-unknown",
    "bad-exclusive",
    "bad-required",
    "bad-type",
    "bad-choice",
    "bad-secret",
    "bad-nested",
)


def _told(result: dict[str, Any]) -> dict[str, Any]:
    """The result as far as it is the use case's; Ansible orders warnings as it likes."""
    told = {key: value for key, value in result.items() if key not in _WAY}
    if "warnings" in told:
        told["warnings"] = sorted(told["warnings"])
    return told


@pytest.mark.parametrize("host", ["other", "remote"])
@pytest.mark.parametrize("task", TASKS)
def test_both_shells_give_the_same_result(toy: Any, host: str, task: str) -> None:
    assert _told(toy.results[host, task]) == _told(toy.results["controller", task])


@pytest.mark.parametrize("task", ["succeed", "fail"])
def test_async_gives_the_same_result(toy: Any, task: str) -> None:
    assert _told(toy.results["async", task]) == _told(toy.results["controller", task])


@pytest.mark.parametrize(
    ("host", "task", "in_process"),
    [
        pytest.param("controller", "succeed", True, id="local"),
        pytest.param("other", "succeed", False, id="another-interpreter"),
        pytest.param("remote", "succeed", False, id="another-connection"),
        pytest.param("async", "succeed", False, id="async"),
        pytest.param("auto", "where", True, id="interpreter-to-be-discovered"),
        pytest.param("same", "where", True, id="interpreter-of-the-controller"),
        pytest.param("become", "where", False, id="become"),
        pytest.param("to_controller", "where", True, id="delegated-to-the-controller"),
        pytest.param("to_other", "where", False, id="delegated-to-another-interpreter"),
        pytest.param("to_remote", "where", False, id="delegated-to-another-connection"),
    ],
)
def test_in_process_where_that_is_the_same_thing(
    toy: Any, host: str, task: str, in_process: bool
) -> None:
    assert toy.results[host, task]["ran"]["in_process"] is in_process


def test_another_interpreter_is_really_used(toy: Any) -> None:
    executables = {
        host: toy.results[host, "succeed"]["ran"]["executable"] for host in ("controller", "other")
    }

    assert executables["controller"] == sys.executable
    assert Path(executables["other"]).parent != Path(sys.executable).parent


def test_the_environment_of_play_and_task_reaches_the_use_case(toy: Any) -> None:
    assert toy.results["controller", "succeed"]["environ"] == {
        "TOY_PLAY": "play",
        "TOY_BOTH": "task",
        "TOY_TASK": "42",
        "TOY_PROCESS": "process",
        "TOY_ABSENT": None,
    }


def test_module_defaults_hold_in_process(toy: Any) -> None:
    assert toy.results["controller", "succeed"]["large"] == "x" * 7


def test_a_change_has_its_diff(toy: Any) -> None:
    result = toy.results["controller", "change"]

    assert (result["changed"], result["diff"]) == (
        True,
        [{"before": {"size": 0}, "after": {"size": 3}}],
    )


def test_check_mode_reaches_the_use_case(toy: Any) -> None:
    asked = {task: toy.results["controller", task]["ran"]["check_mode"] for task in TASKS[1:3]}

    assert asked == {"change": False, "check": True}


def test_warnings_are_the_task_s_own(toy: Any) -> None:
    warnings = toy.results["controller", "warn"]["warnings"]

    assert sorted(warnings) == ["It rattles, too.", "The toy squeaks."]
    assert "warnings" not in toy.results["controller", "succeed"]


def test_a_failure_is_its_message_and_facts_without_a_traceback(toy: Any) -> None:
    result = toy.results["controller", "fail"]

    assert result["msg"] == "The toy broke: the ******** and ******** were in it"
    assert result["changed"] is True
    assert result["text"] == "the ******** and ******** were in it"
    assert "Traceback" not in toy.output


def test_a_defect_says_what_to_do_with_it(toy: Any) -> None:
    message = toy.results["controller", "defect"]["msg"]

    assert "toy met an error of its own (RuntimeError: wound up too far" in message
    assert "Please report it" in message


def test_a_defect_has_its_traceback_where_ansible_shows_tracebacks(told: Any) -> None:
    for host in ("controller", "other"):
        assert "in _run\n" in told.results[host, "defect"]["exception"]


def test_secrets_are_censored_wherever_they_come_out(toy: Any) -> None:
    result = toy.results["controller", "secrets"]

    assert result["texts"] == [_CENSORED, "a ******** b", _CENSORED, "open"]
    assert result["token_seen"] == _CENSORED
    assert toy.results["controller", "secret-defaults"]["texts"] == [_CENSORED]


def test_secrets_are_censored_among_the_arguments(told: Any) -> None:
    arguments = told.results["controller", "secrets"]["invocation"]["module_args"]

    assert arguments["token"] == _CENSORED
    assert arguments["nested"] == {"pin": _CENSORED}
    assert arguments["hidden"] == {"a": _CENSORED}
    assert arguments == told.results["other", "secrets"]["invocation"]["module_args"]


@pytest.mark.parametrize("run", ["toy", "told"])
def test_no_secret_is_printed(run: str, request: pytest.FixtureRequest) -> None:
    output = request.getfixturevalue(run).output

    # Ansible quotes the lines of the playbook, with their numbers, where a task fails.
    leaks = [
        line for line in output.splitlines() if "s3cret" in line and not line.split()[0].isdigit()
    ]
    assert leaks == []


def test_text_of_a_stranger_is_no_template(toy: Any) -> None:
    text = toy.results["controller", "templates"]["text"]

    assert text == "{{ 1 + 1 }} {% raw %} \x1b[31mred\x1b[0m \u202e"


def test_values_are_what_a_module_would_read(toy: Any) -> None:
    result = toy.results["controller", "types"]

    assert result["any"] == {
        "1": "one",
        "date": "2026-11-24",
        "time": "2026-11-24T18:00:00+00:00",
        "list": [1, 1.5, True, None, "text"],
    }
    assert set(result["types"]) <= {"NoneType", "bool", "dict", "float", "int", "list", "str"}


def test_an_unknown_option_is_told_with_the_module_s_name(toy: Any) -> None:
    message = toy.results["controller", "bad-unknown"]["msg"]

    assert message.startswith("Unsupported parameters for (kubedebug.core.toy) module: texst.")


def _environment(folder: Path, name: str) -> Path:
    """The interpreter of a virtual environment that links to a shared one."""
    shared = folder / "shared" / "python3.13"
    shared.parent.mkdir(exist_ok=True)
    shared.touch()
    python = folder / name / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(shared)
    python.with_name("python3").symlink_to(python)
    return python


@pytest.mark.parametrize("wanted", [None, "", "auto", "auto_silent", "auto_legacy"])
def test_an_interpreter_that_would_be_looked_for_is_the_controller_s(wanted: str | None) -> None:
    assert same_interpreter(wanted, "/somewhere/bin/python")


def test_interpreters_are_told_apart_by_their_environment(tmp_path: Path) -> None:
    one, two = _environment(tmp_path, "one"), _environment(tmp_path, "two")

    assert same_interpreter(str(one), str(one))
    assert same_interpreter(str(one.with_name("python3")), str(one))
    assert not same_interpreter(str(two), str(one))
    assert not same_interpreter(str(tmp_path / "shared" / "python3.13"), str(one))


@pytest.mark.parametrize(
    ("task_vars", "delegate", "expected"),
    [
        pytest.param({"ansible_python_interpreter": "/a/python"}, None, "/a/python", id="host"),
        pytest.param({}, None, "/configured/python", id="configuration"),
        pytest.param(
            {
                "ansible_python_interpreter": "/a/python",
                "ansible_delegated_vars": {"b": {"ansible_python_interpreter": "/b/python"}},
            },
            "b",
            "/b/python",
            id="delegate",
        ),
        pytest.param(
            {
                "ansible_python_interpreter": "/a/python",
                "ansible_delegated_vars": {"b": {}},
            },
            "b",
            "/configured/python",
            id="delegate-without",
        ),
    ],
)
def test_the_interpreter_that_a_task_asks_for(
    task_vars: dict[str, Any],
    delegate: str | None,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = SimpleNamespace(get_config_value=lambda *_name, **_more: "/configured/python")
    monkeypatch.setattr(_action, "constants", SimpleNamespace(config=config))
    action = SimpleNamespace(
        _task=SimpleNamespace(delegate_to=delegate),
        _templar=SimpleNamespace(template=lambda value: value),
    )

    assert UseCaseAction._interpreter(action, task_vars) == expected  # type: ignore[arg-type]
