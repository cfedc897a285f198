# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RBAC as a Role states it, and a 403 that is about something else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import Rule
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    Forbidden,
    Invalid,
    api_error,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import (
    Refused,
    explain_forbidden,
    missing_text,
    pod_rules,
    require,
)
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._ephemeral.test_session import (  # noqa: E501
    Cluster,
    serve_cluster,
    status_of,
)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    yield from serve_cluster()


def rule(verb: str, namespace: str = "shop", **more: str) -> Rule:
    return Rule(verb=verb, group="", resource="pods", namespace=namespace, **more)


@pytest.mark.parametrize(
    ("namespace", "asked"),
    [pytest.param("shop", "shop", id="one"), pytest.param(None, "", id="all")],
)
def test_pod_rules(namespace: str | None, asked: str) -> None:
    assert pod_rules(namespace) == [rule(verb, asked) for verb in ("get", "list", "watch")]


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        pytest.param(
            [rule("get"), rule("patch", subresource="ephemeralcontainers")],
            'this in namespace shop. Missing: verbs ["get"] on resources ["pods"] in apiGroup ""; '
            'verbs ["patch"] on resources ["pods/ephemeralcontainers"] in apiGroup "". The role',
            id="one-namespace",
        ),
        pytest.param(
            [rule("get", "till"), rule("get", "shop")], "in namespace shop, till. ", id="two"
        ),
        pytest.param([rule("get", "")], "in all namespaces. ", id="all"),
    ],
)
def test_missing_text(missing: list[Rule], text: str) -> None:
    found = missing_text(missing)
    assert text in found
    assert "ansible-playbook kubedebug.core.rbac" in found


def test_require(cluster: Cluster) -> None:
    rules = pod_rules("shop")
    require(cluster.client, rules)
    cluster.denied = {"list pods"}
    with pytest.raises(Refused) as caught:
        require(cluster.client, rules)
    assert caught.value.msg == missing_text([rule("list")])


@pytest.mark.parametrize(
    ("status", "denied", "raised"),
    [
        pytest.param(403, {"list pods"}, Refused, id="a-rule-is-missing"),
        pytest.param(403, set(), Forbidden, id="another-reason"),
        pytest.param(422, {"list pods"}, Invalid, id="no-403"),
    ],
)
def test_explain_forbidden(
    cluster: Cluster, status: int, denied: set[str], raised: type[Exception]
) -> None:
    cluster.denied = denied
    error = api_error(*status_of(status, "no"))
    with pytest.raises(raised) as caught, explain_forbidden(cluster.client, pod_rules("shop")):
        raise error
    assert caught.value.__class__ is raised
    assert caught.value is error or caught.value.__cause__ is error


def test_without_an_error_nothing_is_asked(cluster: Cluster) -> None:
    with explain_forbidden(cluster.client, pod_rules("shop")):
        pass
    assert cluster.requests == []
