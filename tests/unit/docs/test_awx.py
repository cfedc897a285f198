# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there for AWX is what AWX takes, and what the roles know."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
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


@pytest.mark.parametrize("name", ["import.yml", "assets.json.j2"])
def test_the_import_reads_what_is_in_the_data(name: str) -> None:
    text = (_AWX / name).read_text(encoding="utf-8")

    for item, key in re.findall(r"\b(awx_\w+)\.(\w+)", text):
        assert key in _OBJECTS[item], f"{item}.{key}"
    assert set(re.findall(r"(?<!\w\.)\b(awx_\w+)\b", text)) == set(_OBJECTS)


# Source: argument_spec of each module in awx_collection/plugins/modules, without what is renamed
# or retired there.
_ARGUMENTS = {
    "execution_environment": {"name", "image", "description", "organization", "credential", "pull"},
    "project": {
        *("name", "description", "organization", "scm_type", "scm_url", "scm_branch", "credential"),
        *("default_environment", "scm_update_on_launch", "wait"),
    },
    "inventory": {"name", "description", "organization", "variables", "kind"},
    "host": {"name", "description", "inventory", "enabled", "variables"},
    "credential": {"name", "description", "organization", "credential_type", "inputs"},
    "job_template": {
        *("name", "description", "organization", "job_type", "inventory", "project", "playbook"),
        *("credentials", "execution_environment", "survey_enabled", "survey_spec"),
        *("allow_simultaneous", "ask_variables_on_launch", "extra_vars", "timeout"),
    },
    "schedule": {"name", "unified_job_template", "organization", "rrule", "extra_data", "enabled"},
}


def test_the_import_calls_modules_as_they_are() -> None:
    (play,) = _load(_AWX / "import.yml")
    calls = [
        (name.removeprefix("awx.awx."), arguments)
        for task in play["tasks"]
        for name, arguments in task.items()
        if name.startswith("awx.awx.")
    ]

    assert [name for name, _arguments in calls] == list(_ARGUMENTS)
    for name, arguments in calls:
        assert arguments.keys() <= _ARGUMENTS[name], name


@pytest.fixture(scope="module")
def assets() -> dict[str, list[dict[str, Any]]]:
    """What the template of the assets makes of the data, as Ansible's template module would."""
    loader = jinja2.FileSystemLoader(_AWX)
    environment = jinja2.Environment(
        loader=loader, trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["to_json"] = json.dumps
    text = environment.get_template("assets.json.j2").render(_OBJECTS)
    found: dict[str, list[dict[str, Any]]] = json.loads(text)
    return found


# Source: NATURAL_KEY of each page in awxkit/api/pages, and the type that a page has.
_NATURAL = {
    "organization": {"name"},
    "execution_environment": {"name"},
    "project": {"organization", "name"},
    "inventory": {"organization", "name"},
    "host": {"name", "inventory"},
    "credential_type": {"name", "kind"},
    "credential": {"organization", "name", "credential_type"},
    "job_template": {"organization", "name"},
    "schedule": {"unified_job_template", "name"},
}


def _keys(value: Any) -> Iterator[dict[str, Any]]:
    """Every natural key in the assets, wherever it stands."""
    if isinstance(value, dict):
        if value.get("type") in _NATURAL and "variable" not in value:
            yield value
        for item in value.values():
            yield from _keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item)


def test_assets_are_what_awx_imports(assets: dict[str, list[dict[str, Any]]]) -> None:
    # Source: awxkit/api/pages/api.py, EXPORTABLE_RESOURCES
    assert list(assets) == [
        *("execution_environments", "projects", "inventory", "credentials", "job_templates")
    ]
    made = [each for kind in assets.values() for each in kind]
    made += [each for one in made for each in one.get("related", {}).get("hosts", [])]
    made += [each for one in made for each in one.get("related", {}).get("schedules", [])]
    known = [each["natural_key"] for each in made]
    for key in _keys(assets):
        assert key.keys() == _NATURAL[key["type"]] | {"type"}
        # Whatever something refers to is made by the same file, or is there in each AWX.
        assert key in known or key["type"] in ("organization", "credential_type")


def test_assets_and_the_import_make_the_same(assets: dict[str, list[dict[str, Any]]]) -> None:
    made = {each["name"]: each for each in assets["job_templates"]}

    for template in _TEMPLATES:
        related = made[template["name"]]["related"]
        assert made[template["name"]]["playbook"] == template["playbook"]
        assert related["survey_spec"]["spec"] == template["survey"]
        assert [each["name"] for each in related["schedules"]] == [
            each["name"]
            for each in _OBJECTS["awx_schedules"]
            if each["job_template"] == template["name"]
        ]
    (credential,) = assets["credentials"]
    assert not any(value for value in credential["inputs"].values() if value is not True)
