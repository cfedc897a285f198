# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import LibraryMissing
from ansible_collections.kubedebug.core.plugins.module_utils._pods import where
from ansible_collections.kubedebug.core.plugins.module_utils._pods.where import (
    ExpressionError,
    compile_query,
    compile_where,
)

MakePod = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        pytest.param("status.phase == 'Running'", True, id="comparison"),
        pytest.param("status.phase == 'Failed'", False, id="false"),
        pytest.param("metadata.labels.app", True, id="text"),
        pytest.param("metadata.labels.none", False, id="null"),
        pytest.param("metadata.labels.empty", False, id="empty-text"),
        pytest.param("spec.containers[?name=='none']", False, id="empty-list"),
        pytest.param("spec.containers[?name=='app']", True, id="list"),
        pytest.param("metadata.annotations", False, id="empty-object"),
        pytest.param("status.restarts", True, id="zero-is-true"),
        pytest.param("spec.none && contains(spec.none, 'x')", False, id="and"),
        pytest.param("metadata", True, id="everything"),
    ],
)
def test_where(make_pod: MakePod, expression: str, kept: bool) -> None:
    pod = make_pod(labels={"app": "web", "empty": ""}, status={"restarts": 0})
    assert compile_where(expression)(pod) is kept


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        pytest.param(
            "status.phase = 'Running'",
            "where is not valid JMESPath at character 14: Unknown token '='",
            id="one-equals-sign",
        ),
        pytest.param("metadata.", "at character 10: the expression is incomplete", id="incomplete"),
        pytest.param("a b", "at character 3: unexpected 'b'", id="two-words"),
        pytest.param("[?", "the expression is incomplete", id="open-bracket"),
        pytest.param("a == 'x", "Unclosed", id="open-quote"),
        pytest.param("", "cannot be empty", id="empty"),
        pytest.param("lower(metadata.name)", "JMESPath has no function lower()", id="function"),
        pytest.param(
            "spec.containers[?upper(name) == 'APP']", "no function upper()", id="nested-function"
        ),
    ],
)
def test_invalid(expression: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        compile_where(expression)
    assert message in raised.value.msg
    assert repr(expression) in raised.value.msg
    assert raised.value.msg.startswith("where")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        pytest.param(
            "contains(metadata.labels.none, 'x')",
            "where does not fit pod shop/web: contains() takes array or string, not null",
            id="type",
        ),
        pytest.param("length()", "Expected 1 argument for function length()", id="arguments"),
    ],
)
def test_does_not_fit_a_pod(make_pod: MakePod, expression: str, message: str) -> None:
    keeps = compile_where(expression)
    with pytest.raises(ExpressionError) as raised:
        keeps(make_pod())
    assert message in raised.value.msg


def test_no_value_of_the_pod_in_the_message(make_pod: MakePod) -> None:
    pod = make_pod(spec={"containers": [{"name": "app", "env": [{"value": "hunter2"}]}]})
    with pytest.raises(ExpressionError) as raised:
        compile_where("abs(spec.containers[0].env[0].value)")(pod)
    assert "hunter2" not in raised.value.msg


def test_query() -> None:
    pods = [{"name": "a", "state": "running"}, {"name": "b", "state": "finished"}]
    assert compile_query("[?state=='running'].name")(pods) == ["a"]
    with pytest.raises(ExpressionError, match="query is not valid JMESPath at character 2"):
        compile_query("[")


def test_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, "_MISSING", ImportError("No module named 'jmespath'"))
    with pytest.raises(LibraryMissing, match="The Python package jmespath is missing for"):
        compile_where("metadata")
