# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory file says, and what the cache is found by."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._inventory import options
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError

GIVEN: dict[str, Any] = {
    "hosts": "pods",
    "namespaces": [],
    "all_namespaces": False,
    "phases": ["Running"],
    "label_selectors": [],
    "field_selectors": [],
    "workload": None,
    "where": None,
}


def parse(**given: Any) -> options.InventoryOptions:
    return options.InventoryOptions.from_params({**GIVEN, **given})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"namespaces": ["Shop"]}, "namespaces='Shop'", id="no name"),
        pytest.param({"namespaces": [{"name": "shop"}]}, "list of texts", id="no text"),
        pytest.param(
            {"namespaces": ["shop"], "all_namespaces": True}, "exclude each other", id="both"
        ),
        pytest.param({"workload": "deploy/x", "all_namespaces": True}, "one namespace", id="all"),
        pytest.param({"phases": ["running"]}, "running is no phase", id="no phase"),
        pytest.param({"hosts": "nodes"}, "hosts='nodes'", id="no kind"),
        pytest.param({"where": "status.["}, "where is not valid JMESPath", id="no expression"),
    ],
)
def test_what_cannot_be_meant(given: dict[str, Any], words: str) -> None:
    with pytest.raises(DebugError) as caught:
        parse(**given)
    assert words in caught.value.msg


def test_each_namespace_is_a_list_of_its_own() -> None:
    first, second = parse(namespaces=["a", "b", "a", ""]).targets()
    assert (first.namespace, second.namespace) == ("a", "b")
    assert first.field_selectors == ("status.phase=Running",)
    (only,) = parse(phases=[]).targets()
    assert (only.namespace, only.field_selectors) == (None, ())
    (everything,) = parse(all_namespaces=True, phases=["Failed", "Running"]).targets()
    assert everything.all_namespaces
    assert everything.field_selectors == ()


def test_another_selection_or_another_reader_is_not_found_in_the_cache() -> None:
    auth = {"host": "https://a", "api_key": "secret"}
    base = options.cache_suffix(parse(), auth, {})

    assert options.cache_suffix(parse(), dict(auth), {}) == base
    assert "secret" not in base
    others = [
        options.cache_suffix(parse(namespaces=["shop"]), auth, {}),
        options.cache_suffix(parse(hosts="containers"), auth, {}),
        options.cache_suffix(parse(where="spec"), auth, {}),
        options.cache_suffix(parse(), {**auth, "host": "https://b"}, {}),
        options.cache_suffix(parse(), {**auth, "api_key": "other"}, {}),
        options.cache_suffix(parse(), auth, {"host": "https://c"}),
    ]
    assert len({base, *others}) == 7


def test_the_connection_gets_the_way_to_the_cluster_and_no_secret() -> None:
    auth = {
        "host": "https://a",
        "api_key": "secret",
        "password": "secret",
        "proxy": "http://user:secret@proxy",
        "proxy_headers": {"basic_auth": "u:secret"},
        "kubeconfig": "/etc/kubeconfig",
        "validate_certs": False,
        "context": "",
    }
    assert options.handed_on(auth) == {
        "kubedebug_host": "https://a",
        "kubedebug_kubeconfig": "/etc/kubeconfig",
        "kubedebug_validate_certs": False,
    }


@pytest.mark.parametrize("kubeconfig", [{"users": []}, "apiVersion: v1\nkind: Config\n"])
def test_the_content_of_a_kubeconfig_is_not_handed_on(kubeconfig: Any) -> None:
    assert options.handed_on({"kubeconfig": kubeconfig}) == {}
