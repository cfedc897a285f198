# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task says about a forward, and the port that it means."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._forward import options
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    OptionError,
    TargetOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import (
    Target,
    TargetError,
)

GIVEN: dict[str, Any] = {
    "state": "started",
    "port": "80",
    "local_port": 0,
    "lifetime": 60,
    "probe": True,
    "outlive_playbook": False,
    "timeout": 30,
}


def parse(**given: Any) -> options.ForwardOptions:
    return options.ForwardOptions.from_params({**GIVEN, **given})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"port": ""}, "port is missing", id="no port"),
        pytest.param({"port": None}, "port is missing", id="port of null"),
        pytest.param({"port": "0"}, "port=0 is out of range", id="port 0"),
        pytest.param({"port": "70000"}, "port=70000 is out of range", id="port too high"),
        pytest.param({"port": "80:8080"}, "port='80:8080' is neither", id="kubectl's form"),
        pytest.param({"port": "-1"}, "", id="negative"),
        pytest.param({"port": "x" * 16}, "is neither", id="name too long"),
        pytest.param({"local_port": -1}, "local_port=-1", id="local port negative"),
        pytest.param({"local_port": 65536}, "local_port=65536", id="local port too high"),
        pytest.param({"lifetime": 0}, "lifetime=0", id="for ever"),
        pytest.param({"lifetime": 604801}, "lifetime=604801", id="more than a week"),
        pytest.param({"timeout": 0}, "timeout=0", id="no time"),
    ],
)
def test_what_cannot_be_meant(given: dict[str, Any], words: str) -> None:
    if not words:
        # A dash may stand in a name: the pod decides.
        assert parse(**given).port == given["port"]
        return
    with pytest.raises(OptionError, match=words):
        parse(**given)


def test_a_stop_needs_no_port() -> None:
    assert parse(state="stopped", port=None).port is None
    assert parse(state="stopped", port="").port is None


def _target(*, container: str = "web") -> Target:
    containers = [
        {"name": "proxy", "ports": [{"name": "http", "containerPort": 15001}]},
        {
            "name": "web",
            "ports": [{"name": "http", "containerPort": 8080}, {"containerPort": 9090}],
        },
        {"name": "bare"},
    ]
    return Target(
        namespace="shop",
        name="web-0",
        uid="u",
        node="n",
        container=container,
        pod={"spec": {"containers": containers}},
    )


@pytest.mark.parametrize(
    ("port", "container", "number"),
    [
        pytest.param("5005", "web", 5005, id="a number need not be declared"),
        pytest.param("http", "web", 8080, id="the target's own port first"),
        pytest.param("http", "proxy", 15001, id="another container"),
        pytest.param("http", "bare", 15001, id="one that names none: the first of the pod"),
    ],
)
def test_the_port_that_is_meant(port: str, container: str, number: int) -> None:
    assert options.port_of(_target(container=container), port) == number


def test_a_name_that_no_container_has() -> None:
    with pytest.raises(TargetError) as caught:
        options.port_of(_target(), "metrics")
    assert "shop/web-0 has no port of the name metrics" in caught.value.msg
    assert "http (8080)" in caught.value.msg


def test_the_same_selection_has_the_same_id_and_another_one_another() -> None:
    def number(target: TargetOptions, **given: Any) -> str:
        return options.selection_id(target, parse(**given), namespace="shop", server="https://x")

    base = number(TargetOptions(namespace="shop", name=("a", "b")))
    assert number(TargetOptions(namespace="shop", name=("b", "a"), max_pods=3)) == base
    # The namespace is compared as it is resolved, not as it is given.
    assert number(TargetOptions(name=("a", "b"))) == base
    assert number(TargetOptions(name=("a",))) != base
    assert number(TargetOptions(name=("a", "b")), port="81") != base
    assert number(TargetOptions(name=("a", "b")), local_port=4000) == base
