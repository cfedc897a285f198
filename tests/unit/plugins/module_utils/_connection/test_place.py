# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pod a host is, and when two hosts can use the same debugger."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._connection.place import (
    Place,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    DEFAULT_IMAGE,
    OptionError,
)

__all__: list[str] = []


def _place(address: str = "ignored", **params: Any) -> Place:
    return Place.from_params({"pod": "web", **params}, address=address)


@pytest.mark.parametrize(
    ("address", "params", "expected"),
    [
        pytest.param("web", {}, (None, "web", None), id="pod"),
        pytest.param("shop/web", {}, ("shop", "web", None), id="namespace"),
        pytest.param("shop/web/app", {}, ("shop", "web", "app"), id="container"),
        pytest.param("web", {"namespace": "shop"}, ("shop", "web", None), id="both"),
        pytest.param("a/b/c", {"container": "x"}, ("a", "b", "x"), id="options-win"),
        pytest.param("a/b/c", {"pod": "web"}, (None, "web", None), id="pod-wins"),
        pytest.param("web.example", {"namespace": ""}, (None, "web.example", None), id="empty"),
    ],
)
def test_the_pod_of_a_host(
    address: str, params: dict[str, Any], expected: tuple[str | None, ...]
) -> None:
    place = Place.from_params(params, address=address)

    assert (place.namespace, place.pod, place.container) == expected
    assert place.options.image == DEFAULT_IMAGE


@pytest.mark.parametrize(
    ("address", "params", "words"),
    [
        pytest.param("a/b/c/d", {}, ["'a/b/c/d'", "kubedebug_pod", "ansible_host"], id="long"),
        pytest.param("a//b", {}, ["'a//b'"], id="hole"),
        pytest.param("", {}, ["''"], id="nothing"),
        pytest.param("host_1", {}, ["pod='host_1'"], id="no-name"),
        pytest.param("a", {"namespace": "B"}, ["namespace='B'"], id="namespace"),
        pytest.param("a", {"seat": "../b"}, ["seat='../b'"], id="seat"),
        pytest.param("a", {"lifetime": 0}, ["lifetime=0"], id="unbounded"),
        pytest.param("a", {"lifetime": 59}, ["lifetime=59", "60"], id="short"),
        pytest.param("a", {"wait_timeout": 0}, ["wait_timeout=0"], id="wait"),
        pytest.param("a", {"image": "a b"}, ["image='a b'"], id="image"),
    ],
)
def test_what_cannot_be_meant(address: str, params: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(OptionError) as caught:
        Place.from_params(params, address=address)

    for word in words:
        assert word in caught.value.msg


@pytest.mark.parametrize(
    ("params", "auth", "same"),
    [
        pytest.param({}, {}, True, id="equal"),
        pytest.param({"wait_timeout": 5}, {}, True, id="wait"),
        pytest.param({"keep": False}, {}, True, id="keep"),
        pytest.param({"pod": "other"}, {}, False, id="pod"),
        pytest.param({"container": "app"}, {}, False, id="container"),
        pytest.param({"image": "other"}, {}, False, id="image"),
        pytest.param({"custom": {"tty": True}}, {}, False, id="custom"),
        pytest.param({}, {"api_key": "b"}, False, id="credentials"),
        pytest.param({}, {"kubeconfig": {"a": 1}}, False, id="cluster"),
    ],
)
def test_who_shares_a_debugger(params: dict[str, Any], auth: dict[str, Any], same: bool) -> None:
    key = _place().key({"api_key": "a"})

    other = _place(**params).key({"api_key": "a", **auth})

    assert (other == key) is same
    assert "api" not in key
