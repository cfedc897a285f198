# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes into a kubeconfig of the different ways to reach a cluster."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._access.kubeconfig import kubeconfig
from ansible_collections.kubedebug.core.plugins.module_utils._access.manifests import (
    ACCESS_SPEC,
    AccessOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import (
    AuthOptions,
    load_configuration,
)

__all__: list[str] = []

_CA = b"-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"


def _content(auth: dict[str, Any], **params: Any) -> dict[str, Any]:
    defaults = {name: option.get("default") for name, option in ACCESS_SPEC.items()}
    options = AccessOptions.from_params(
        {**defaults, "service_account": "awx", **params}, default_namespace="shop"
    )
    cluster, _namespace = load_configuration(
        AuthOptions.from_params({"host": "https://c:6443", "api_key": "admin", **auth}), {}
    )
    return kubeconfig(cluster, options, token="t", uid="u", expires_at="2099-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("auth", "place"),
    [
        pytest.param({}, {}, id="authorities of the system"),
        pytest.param(
            {"validate_certs": False}, {"insecure-skip-tls-verify": True}, id="not verified"
        ),
        pytest.param(
            {"proxy": "http://p:3128"}, {"proxy-url": "http://p:3128"}, id="through a proxy"
        ),
    ],
)
def test_the_way_to_the_cluster(auth: dict[str, Any], place: dict[str, Any]) -> None:
    cluster = _content(auth)["clusters"][0]["cluster"]

    assert cluster == {"server": "https://c:6443", **place}


def test_a_file_of_authorities_is_put_in(tmp_path: Path) -> None:
    path = tmp_path / "ca.crt"
    path.write_bytes(_CA)

    cluster = _content({"ca_cert": str(path)})["clusters"][0]["cluster"]

    assert base64.b64decode(cluster["certificate-authority-data"]) == _CA


def test_the_administrators_own_credentials_stay_out() -> None:
    assert "admin" not in str(_content({}))


def test_the_namespace_is_the_first_that_is_granted() -> None:
    def namespace(**params: Any) -> str:
        return str(_content({}, **params)["contexts"][0]["context"]["namespace"])

    assert namespace(namespaces=["a", "b"], service_account_namespace="ops") == "a"
    assert namespace(scope="cluster", service_account_namespace="ops") == "ops"
