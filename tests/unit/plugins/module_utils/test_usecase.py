# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both shells hand to a use case and take from it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import ConfigError
from ansible_collections.kubedebug.core.plugins.module_utils._options import Spec
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Result,
    UseCase,
    describe_defect,
    no_secrets,
    open_client,
)


def _use_case(**more: Any) -> UseCase:
    return UseCase(name="one", spec=Spec.compose({}), run=lambda *_args: Result(), **more)


def test_a_result_always_has_the_same_keys() -> None:
    assert Result(data={"pods": []}).as_dict() == {"pods": [], "changed": False, "diff": []}


def test_warnings_are_no_part_of_the_data() -> None:
    # Ansible shows them by its own channel; a key beside that would show them twice.
    assert "warnings" not in Result(warnings=("careful",)).as_dict()


def test_the_data_of_a_result_cannot_say_changed() -> None:
    assert Result(changed=True, data={"changed": False}).as_dict()["changed"] is True


def test_a_result_and_a_context_are_not_changed_afterwards() -> None:
    for frozen in (Result(), Context()):
        with pytest.raises(dataclasses.FrozenInstanceError):
            frozen.changed = True  # type: ignore[union-attr,misc]


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_HERE", "1")

    assert Context().environ["TOY_HERE"] == "1"
    assert Context().check_mode is False


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        pytest.param({}, set(), id="none"),
        pytest.param({"api_key": "a-token"}, {"a-token"}, id="token"),
        pytest.param(
            {"kubeconfig": {"users": [{"name": "u", "user": {"token": "in-a-dict"}}]}},
            {"in-a-dict"},
            id="kubeconfig",
        ),
    ],
)
def test_secrets_of_the_authentication_are_known_unless_said_otherwise(
    params: dict[str, Any], expected: set[str]
) -> None:
    assert _use_case().secrets(params) == expected


def test_a_use_case_without_a_cluster_has_no_secrets() -> None:
    assert _use_case(secrets=no_secrets).secrets({"api_key": "x"}) == set()


def test_a_defect_names_the_module_and_the_error() -> None:
    text = describe_defect("pod_probe", KeyError("spec"))

    assert text.startswith("pod_probe met an error of its own (KeyError: 'spec').")
    assert "report" in text


def test_a_client_is_made_of_the_options_and_the_context_s_environment() -> None:
    context = Context(environ={"K8S_AUTH_HOST": "https://127.0.0.1:1", "K8S_AUTH_API_KEY": "x"})

    with open_client({}, context) as client:
        assert client.host == "https://127.0.0.1:1"


def test_a_client_without_any_configuration_says_so(tmp_path: Any) -> None:
    context = Context(environ={"KUBECONFIG": str(tmp_path / "none"), "HOME": str(tmp_path)})

    with pytest.raises(ConfigError):
        open_client({}, context)
