# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task may say, after Ansible's own validation has turned it into parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    DEBUGGER_SPEC,
    DEFAULT_IMAGE,
    SELECT_SPEC,
    TARGET_SPEC,
    WAIT_SPEC,
    DebuggerOptions,
    OptionError,
    Spec,
    TargetOptions,
    WaitOptions,
)

_SPEC = Spec.compose(SELECT_SPEC, TARGET_SPEC, WAIT_SPEC, DEBUGGER_SPEC)


def _params(**given: Any) -> dict[str, Any]:
    """Parameters as both shells hand them on: validated, coerced, with the defaults."""
    validated = ArgumentSpecValidator(
        {name: dict(option) for name, option in _SPEC.argument_spec.items()}
    ).validate(given)
    assert not validated.error_messages
    return dict(validated.validated_parameters)


def test_defaults_of_the_specs_are_those_of_the_dataclasses() -> None:
    # Code that makes options without a task (the bench, a role's helper) must mean the same.
    assert TargetOptions.from_params(_params()) == TargetOptions()
    assert WaitOptions.from_params(_params()) == WaitOptions()
    assert DebuggerOptions.from_params(_params()) == DebuggerOptions(env={}, custom={})


def test_an_info_task_has_no_container_and_no_guard() -> None:
    params = _params(name=["web-0"])
    for option in TARGET_SPEC:
        del params[option]

    options = TargetOptions.from_params(params)

    assert (options.name, options.container, options.max_pods) == (("web-0",), None, 10)


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        pytest.param({"namespace": ""}, "namespace", None, id="namespace"),
        pytest.param({"workload": ""}, "workload", None, id="workload"),
        pytest.param({"where": ""}, "where", None, id="where"),
        pytest.param({"container": ""}, "container", None, id="container"),
        pytest.param({"name": ""}, "name", (), id="name-text"),
        pytest.param({"name": [""]}, "name", (), id="name-list"),
        pytest.param({"name": ["", "web-0"]}, "name", ("web-0",), id="one-of-two-names"),
        pytest.param({"label_selectors": ""}, "label_selectors", (), id="labels"),
        # For the API server it would be every pod.
        pytest.param({"label_selectors": [" "]}, "label_selectors", (), id="labels-blank"),
        pytest.param({"field_selectors": [""]}, "field_selectors", (), id="fields"),
        pytest.param({"name": "web-0,web-1"}, "name", ("web-0", "web-1"), id="comma-text"),
        pytest.param({"pod": "web-0"}, "name", ("web-0",), id="alias-pod"),
    ],
)
def test_a_survey_that_was_left_empty_is_an_option_left_out(
    given: dict[str, Any], field: str, expected: object
) -> None:
    assert getattr(TargetOptions.from_params(_params(**given)), field) == expected


@pytest.mark.parametrize(
    "image",
    [
        "web",
        "localhost/kubedebug/toolbox:dev",
        "registry:5000/a/b_c__d-e.f:1.0-rc_1",
        "[::1]:5000/a@sha256:" + "0" * 64,
        "Registry.example/a",
    ],
)
def test_images(image: str) -> None:
    assert DebuggerOptions.from_params(_params(image=image)).image == image


def test_a_mark_is_one_line() -> None:
    # Entries are compared by their owner, and no other form is read back.
    owner = "  Ann\nLee\x1b[31m\0 "
    assert DebuggerOptions.from_params(_params(owner=owner)).owner == "Ann Lee"


@pytest.mark.parametrize("option", ["owner", "reason", "ticket"])
def test_an_empty_mark_is_no_mark(option: str) -> None:
    assert getattr(DebuggerOptions.from_params(_params(**{option: ""})), option) is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"max_pods": 0}, ["max_pods=0", "1 to 100000"], id="max_pods-low"),
        pytest.param({"max_pods": 100_001}, ["max_pods=100001"], id="max_pods-high"),
        pytest.param({"concurrency": 0}, ["concurrency=0", "1 to 128"], id="concurrency-low"),
        pytest.param({"concurrency": 129}, ["concurrency=129"], id="concurrency-high"),
        pytest.param(
            {"all_namespaces": True, "namespace": "shop"},
            ["all_namespaces=true", "namespace=shop", "leave one"],
            id="all-and-one-namespace",
        ),
        pytest.param(
            {"all_namespaces": True, "name": ["web-0"]},
            ["name", "give namespace"],
            id="name-without-namespace",
        ),
        pytest.param(
            {"all_namespaces": True, "workload": "deployment/web"},
            ["workload", "give namespace"],
            id="workload-without-namespace",
        ),
        pytest.param({"name": ["a/../b"]}, ["name", "'a/../b'", "dashes"], id="name-path"),
        pytest.param({"name": ["web", "Web"]}, ["name", "'Web'"], id="name-upper-case"),
        pytest.param({"namespace": "shop/pods"}, ["namespace", "'shop/pods'"], id="namespace-path"),
    ],
)
def test_targets_that_cannot_be_meant(given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(OptionError) as caught:
        TargetOptions.from_params(_params(**given))

    assert [word for word in words if word not in caught.value.msg] == []


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        pytest.param({"max_pods": 1}, "max_pods", 1, id="max_pods-lowest"),
        pytest.param({"max_pods": 100_000}, "max_pods", 100_000, id="max_pods-highest"),
        pytest.param({"concurrency": 128}, "concurrency", 128, id="concurrency-highest"),
        pytest.param(
            {"all_namespaces": True, "namespace": ""}, "namespace", None, id="all-and-empty"
        ),
    ],
)
def test_targets_at_the_edge(given: dict[str, Any], field: str, expected: object) -> None:
    assert getattr(TargetOptions.from_params(_params(**given)), field) == expected


@pytest.mark.parametrize("timeout", [0, -1, 86_401])
def test_a_wait_has_a_bound(timeout: int) -> None:
    with pytest.raises(OptionError, match=rf"wait_timeout={timeout} .* 1 to 86400 seconds"):
        WaitOptions.from_params(_params(wait_timeout=timeout))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"lifetime": -1}, ["lifetime=-1", "0 to 604800 seconds"], id="lifetime-low"),
        pytest.param({"lifetime": 604_801}, ["lifetime=604801"], id="lifetime-high"),
        pytest.param({"image": ""}, ["image=''"], id="image-empty"),
        pytest.param({"image": "  "}, ["image='  '"], id="image-blank"),
        pytest.param({"image": "busybox "}, ["image='busybox '"], id="image-padded"),
        pytest.param({"image": "a b"}, ["image='a b'", "write it as"], id="image-words"),
        pytest.param({"image": "Toolbox:1"}, ["image='Toolbox:1'"], id="image-upper-case"),
        pytest.param({"image": "busybox:"}, ["image='busybox:'"], id="image-empty-tag"),
        pytest.param({"env": {"A": "x\0y"}}, ["env", "A", "NUL"], id="env-nul"),
        pytest.param({"reason": "r" * 513}, ["reason", "512"], id="reason-long"),
        pytest.param(
            {"env": {"KUBEDEBUG_OWNER": "me", "KUBEDEBUG_ID": "x", "OK": "1"}},
            ["KUBEDEBUG_ID, KUBEDEBUG_OWNER", "choose another name"],
            id="env-reserved",
        ),
        pytest.param({"env": {"A": ["x"]}}, ["env", "A", "list", "give a text"], id="env-list"),
        pytest.param({"env": {"A": {"b": 1}}}, ["env", "A", "dict"], id="env-dict"),
        pytest.param({"env": {"A": None}}, ["env", "A", "NoneType"], id="env-null"),
        pytest.param({"args": ["-v"]}, ["args", "lifetime=0", "command"], id="args-with-lifetime"),
    ],
)
def test_debuggers_that_cannot_be_meant(given: dict[str, Any], words: list[str]) -> None:
    # `args` belongs to one module's own spec, so it joins the validated parameters afterwards.
    args = {"args": given.pop("args")} if "args" in given else {}

    with pytest.raises(OptionError) as caught:
        DebuggerOptions.from_params({**_params(**given), **args})

    assert [word for word in words if word not in caught.value.msg] == []


def test_a_value_of_env_never_stands_in_an_error() -> None:
    with pytest.raises(OptionError) as caught:
        DebuggerOptions.from_params(_params(env={"TOKEN": ["s3cret"]}))

    assert "s3cret" not in caught.value.msg


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("text", "text", id="text"),
        pytest.param("", "", id="empty"),
        pytest.param(8080, "8080", id="int"),
        pytest.param(0, "0", id="zero"),
        pytest.param(1.5, "1.5", id="float"),
        pytest.param(True, "true", id="yes-of-yaml"),
        pytest.param(False, "false", id="no-of-yaml"),
    ],
)
def test_env_is_text(value: object, expected: str) -> None:
    assert DebuggerOptions.from_params(_params(env={"A": value})).env == {"A": expected}


def test_inherit_says_each_thing_once_and_keeps_its_order() -> None:
    options = DebuggerOptions.from_params(_params(inherit=["user", "env", "user"]))

    assert options.inherit == ("user", "env")


@pytest.mark.parametrize("lifetime", [0, 604_800])
def test_lifetimes_at_the_edge(lifetime: int) -> None:
    assert DebuggerOptions.from_params(_params(lifetime=lifetime)).lifetime == lifetime


def test_args_without_a_bound() -> None:
    options = DebuggerOptions.from_params({**_params(lifetime=0), "args": ["-v"]})

    assert options.args == ("-v",)


def test_the_default_image_is_pinned() -> None:
    tag = DEFAULT_IMAGE.rpartition(":")[2]

    assert "/" not in tag
    assert tag != "latest"


def test_compose_joins_the_authentication_and_the_parts() -> None:
    spec = Spec.compose(
        {"a": {"type": "str"}}, {"b": {"type": "int"}}, required_one_of=(("a", "b"),)
    )

    assert {"kubeconfig", "api_key", "a", "b"} <= spec.argument_spec.keys()
    assert spec.required_one_of == (("a", "b"),)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([{"a": {"type": "str"}}, {"a": {"type": "int"}}], id="two-parts"),
        pytest.param([{"host": {"type": "str"}}], id="authentication"),
    ],
)
def test_compose_refuses_an_option_of_two_meanings(
    parts: list[Mapping[str, Mapping[str, Any]]],
) -> None:
    with pytest.raises(ValueError, match="option given by two parts"):
        Spec.compose(*parts)
