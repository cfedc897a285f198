# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there for AWX is what AWX takes, and what the roles know."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.kubedebug.core.plugins.module_utils import _usecase

__all__: list[str] = []

_ROOT = Path(str(_usecase.__file__)).parents[2]
_AWX = _ROOT / "docs" / "awx"


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


_OBJECTS: dict[str, Any] = _load(_AWX / "objects.yml")
_TEMPLATES: list[dict[str, Any]] = _OBJECTS["awx_job_templates"]
_QUESTIONS = [
    pytest.param(template, question, id=question["variable"])
    for template in _TEMPLATES
    for question in template["survey"]
]


def _role(template: dict[str, Any]) -> str:
    """The role that the template's playbook imports."""
    text = (_ROOT / template["playbook"]).read_text(encoding="utf-8")
    (found,) = re.findall(r"name: kubedebug\.core\.(\w+)", text)
    return str(found)


def _options(role: str) -> dict[str, Any]:
    spec = _load(_ROOT / "roles" / role / "meta" / "argument_specs.yml")
    found: dict[str, Any] = spec["argument_specs"]["main"]["options"]
    return found


def test_there_is_a_template_for_each_role_that_people_launch() -> None:
    assert {_role(template) for template in _TEMPLATES} == {"debug", "capture", "agent", "cleanup"}
    assert len({template["name"] for template in _TEMPLATES}) == len(_TEMPLATES)


@pytest.mark.parametrize("template", _TEMPLATES, ids=lambda template: template["playbook"])
def test_awx_lists_the_playbook(template: dict[str, Any]) -> None:
    # Source: awx/main/utils/ansible.py (valid_playbook_re, and the folders that are skipped)
    path = Path(template["playbook"])
    assert not {"roles", "tasks"} & set(path.parts)
    text = (_ROOT / path).read_text(encoding="utf-8")
    assert re.search(r"^\s*?-?\s*?(?:hosts|(ansible\.builtin\.)?import_playbook):", text, re.M)


# Source: awx/api/views/__init__.py, JobTemplateSurveySpec (ALLOWED_TYPES and what it checks)
_KNOWN = {"text", "textarea", "integer", "float", "multiplechoice"}
_KEYS = {"variable", "question_name", "required", "type", "default", "choices", "min", "max"}


@pytest.mark.parametrize(("template", "question"), _QUESTIONS)
def test_a_question_is_what_awx_takes(template: dict[str, Any], question: dict[str, Any]) -> None:
    assert question["type"] in _KNOWN
    assert question.keys() <= _KEYS
    assert isinstance(question["required"], bool)
    default = question["default"]
    if question["type"] in ("integer", "float"):
        assert isinstance(default, int if question["type"] == "integer" else (int, float))
    else:
        assert isinstance(default, str)
    for bound in ("min", "max"):
        assert question.get(bound) is None or isinstance(question[bound], int)
    assert (question["type"] == "multiplechoice") == ("choices" in question)
    if "choices" in question:
        assert all(isinstance(choice, str) and choice for choice in question["choices"])
        assert default in question["choices"]
    else:
        # A long answer would be cut by AWX, and a required one cannot have been left empty.
        assert question["max"] is None or len(str(default)) <= question["max"]


@pytest.mark.parametrize(("template", "question"), _QUESTIONS)
def test_a_question_is_a_variable_of_the_role(
    template: dict[str, Any], question: dict[str, Any]
) -> None:
    option = _options(_role(template)).get(question["variable"])

    assert option is not None, "the role has no such variable"
    default = option.get("default")
    if "choices" in question:
        allowed = option.get("choices") or ["true", "false"]
        assert set(question["choices"]) <= {str(choice) for choice in allowed}
        assert question["default"] == (str(default).lower() if option["type"] != "str" else default)
    elif question["type"] in ("integer", "float"):
        assert option["type"] in (question["type"][: len("int")], question["type"], "raw")
        assert question["default"] == default
    else:
        # AWX sends null for what was left empty, which these two types alone let pass.
        assert option["type"] in ("str", "raw")
        assert not option.get("choices")
        assert question["default"] == (default or "")


@pytest.mark.parametrize(
    "schedule", _OBJECTS["awx_schedules"], ids=lambda schedule: schedule["name"]
)
def test_a_schedule_is_what_awx_takes(schedule: dict[str, Any]) -> None:
    (template,) = [each for each in _TEMPLATES if each["name"] == schedule["job_template"]]
    questions = {question["variable"]: question for question in template["survey"]}

    assert re.fullmatch(
        r"DTSTART:\d{8}T\d{6}Z RRULE:FREQ=\w+;INTERVAL=1[\w;=,]*", schedule["rrule"]
    )
    # Without ask_variables_on_launch AWX takes answers of the survey alone, as these choices.
    assert schedule["extra_data"].keys() <= questions.keys()
    for name, value in schedule["extra_data"].items():
        assert value in questions[name].get("choices", [value])


def test_no_secret_stands_in_the_files() -> None:
    for path in _AWX.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(token|password|key)\w*: *['\"]?[\w-]{12,}", text, re.I), path


def test_the_import_reads_nothing_that_the_data_has_not() -> None:
    text = (_AWX / "import.yml").read_text(encoding="utf-8")

    for name, key in re.findall(r"\b(awx_\w+)\.(\w+)", text):
        assert key in _OBJECTS[name], f"{name}.{key}"
    loops = set(re.findall(r"\{\{ (awx_\w+)[ .]", text))
    assert loops == set(_OBJECTS)
