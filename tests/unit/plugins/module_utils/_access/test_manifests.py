# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that a task's words come to."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._access.manifests import (
    ACCESS_SPEC,
    AccessOptions,
    bindings,
    object_path,
    owned,
    ref,
    roles,
    service_account,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError

__all__: list[str] = []


def _options(**params: Any) -> AccessOptions:
    defaults = {name: option.get("default") for name, option in ACCESS_SPEC.items()}
    return AccessOptions.from_params({**defaults, **params}, default_namespace="shop")


def test_an_account_in_two_namespaces() -> None:
    options = _options(name="on-call", namespaces=["a", "b", "a"], service_account="awx")

    account, made, bound = service_account(options), roles(options), bindings(options)

    assert account is not None
    assert object_path(account) == "/api/v1/namespaces/a/serviceaccounts/awx"
    assert [object_path(role) for role in made] == [
        "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles/on-call",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/b/roles/on-call",
    ]
    assert [ref(one) for one in bound] == ["RoleBinding a/on-call", "RoleBinding b/on-call"]
    assert bound[1]["roleRef"]["kind"] == "Role"
    assert bound[1]["subjects"] == [{"kind": "ServiceAccount", "name": "awx", "namespace": "a"}]


def test_people_in_the_whole_cluster() -> None:
    options = _options(scope="cluster", users=["alice"], groups=["system:ops team"])

    (role,), (binding,) = roles(options), bindings(options)

    assert service_account(options) is None
    assert object_path(role) == "/apis/rbac.authorization.k8s.io/v1/clusterroles/kubedebug"
    assert object_path(binding).endswith("/v1/clusterrolebindings/kubedebug")
    assert ref(binding) == "ClusterRoleBinding kubedebug"
    assert binding["roleRef"]["kind"] == "ClusterRole"
    assert [(one["kind"], one["name"]) for one in binding["subjects"]] == [
        ("User", "alice"),
        ("Group", "system:ops team"),
    ]


def test_the_context_decides_where_nobody_says() -> None:
    options = _options(service_account="awx")

    assert options.namespaces == ("shop",)
    assert options.account_namespace == "shop"
    assert (
        _options(service_account="awx", service_account_namespace="ops").account_namespace == "ops"
    )
    assert _options(scope="cluster", service_account="awx").account_namespace == "shop"


def test_a_name_cannot_leave_its_place_in_a_path() -> None:
    # Options refuse such a name; the path holds for one that comes from the API, too.
    (role,) = roles(_options(users=["x"]))
    role["metadata"] |= {"name": "../../secrets", "namespace": "a/b"}

    assert object_path(role).endswith("/namespaces/a%2Fb/roles/..%2F..%2Fsecrets")


def test_what_is_compared_is_ours_alone() -> None:
    (role,) = roles(_options(users=["x"]))
    live = {
        **role,
        "metadata": {
            **role["metadata"],
            "uid": "1",
            "labels": {**role["metadata"]["labels"], "a": "b"},
        },
    }

    assert owned(live) == owned(role)
    assert owned(None) == {}
    assert owned({**live, "rules": []}) != owned(role)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param({}, "Nobody is named", id="nobody"),
        pytest.param({"users": ["", " "]}, "Nobody is named", id="nobody, from a survey"),
        pytest.param({"users": ["a"], "capabilities": []}, "capabilities is empty", id="nothing"),
        pytest.param(
            {"users": ["a"], "scope": "cluster", "namespaces": ["b"]},
            "leave namespaces out",
            id="scope and namespaces",
        ),
        pytest.param(
            {"users": ["a"], "kubeconfig_path": "x"},
            "kubeconfig_path needs service_account",
            id="kubeconfig for nobody",
        ),
        pytest.param(
            {"service_account": "a", "token_seconds": 599},
            "token_seconds=599 is out of range: give 600",
            id="short token",
        ),
        pytest.param({"users": ["a"], "name": "a/b"}, "name='a/b' is not", id="name"),
        pytest.param({"service_account": "A b"}, "service_account='A b' is not", id="account"),
        pytest.param(
            {"users": ["a"], "namespaces": ["ok", "Not A Name"]},
            "namespaces='Not A Name' is not",
            id="namespace",
        ),
    ],
)
def test_what_cannot_be_meant(params: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        _options(**params)


def test_taking_away_needs_nobody() -> None:
    assert _options(state="absent", capabilities=[]).absent is True
