# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that are made to debug with, from the words of a task."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._copies import spec
from ansible_collections.kubedebug.core.plugins.module_utils._copies.options import (
    MADE_SPEC,
    CopyOptions,
    NodeOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.targets import target_of

__all__: list[str] = []

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_POD: dict[str, Any] = {
    "metadata": {
        "namespace": "shop",
        "name": "web-0",
        "uid": "u1",
        "labels": {"app": "web"},
        "annotations": {"who": "me"},
        "ownerReferences": [{"kind": "ReplicaSet"}],
        "resourceVersion": "7",
    },
    "spec": {
        "nodeName": "node-1",
        "containers": [
            {"name": "web", "image": "web:1", "args": ["x"], **{key: {"a": 1} for key in _PROBES}},
            {"name": "proxy", "image": "proxy:1"},
        ],
        "initContainers": [{"name": "first", "image": "first:1"}],
        "ephemeralContainers": [{"name": "old", "image": "old:1"}],
    },
    "status": {"phase": "Running"},
}
_MADE = {name: option.get("default") for name, option in MADE_SPEC.items()}
_COPY = {
    **_MADE,
    "container": None,
    "copy_name": None,
    "debugger_name": None,
    "set_image": {},
    "same_node": False,
    "share_processes": None,
    "keep_labels": False,
    "keep_annotations": False,
    "keep_init_containers": True,
    "keep_liveness": False,
    "keep_readiness": False,
    "keep_startup": False,
    "replace": False,
}


def _options(**params: Any) -> CopyOptions:
    return CopyOptions.from_params({**_COPY, **params})


def _copy(**params: Any) -> dict[str, Any]:
    pod = copy.deepcopy(_POD)
    made = spec.build_copy(
        _options(**params),
        target_of(pod, params.get("container")),
        name="copy",
        identity="abcdef0123",
        owner="me",
        now=0.0,
    )
    assert pod == _POD, "the pod as it was read has been changed"
    return made


def test_what_a_copy_leaves_behind() -> None:
    made = _copy(image="tools:1", ticket="T-1")

    assert set(made["metadata"]) == {"name", "namespace", "labels", "annotations"}
    assert made["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "kubedebug.core",
        "kubedebug.core/role": "pod-copy",
        "kubedebug.core/identity": "abcdef0123",
    }
    assert made["metadata"]["annotations"] == {
        "kubedebug.core/target": "shop/web-0",
        "kubedebug.core/target-uid": "u1",
        "kubedebug.core/identity": "abcdef0123",
        "kubedebug.core/name": "copy",
        "kubedebug.core/owner": "me",
        "kubedebug.core/ticket": "T-1",
        "kubedebug.core/expires-at": "1970-01-01T01:00:00Z",
    }
    assert "status" not in made
    assert not {"nodeName", "ephemeralContainers"} & set(made["spec"])
    assert made["spec"]["activeDeadlineSeconds"] == 3600
    assert made["spec"]["shareProcessNamespace"] is True
    web, proxy, debugger = made["spec"]["containers"]
    assert not set(_PROBES) & set(web)
    assert (web["args"], proxy["image"], debugger["name"]) == (["x"], "proxy:1", "debugger")
    assert debugger["command"][:2] == ["sh", "-c"]


@pytest.mark.parametrize(
    ("params", "path", "expected"),
    [
        pytest.param({"same_node": True}, ["spec", "nodeName"], "node-1", id="node"),
        pytest.param({"keep_labels": True}, ["metadata", "labels", "app"], "web", id="labels"),
        pytest.param(
            {"keep_annotations": True}, ["metadata", "annotations", "who"], "me", id="annotations"
        ),
        pytest.param(
            {"share_processes": False}, ["spec", "shareProcessNamespace"], False, id="processes"
        ),
        pytest.param({"lifetime": 60}, ["spec", "activeDeadlineSeconds"], 60, id="lifetime"),
        pytest.param(
            {"keep_liveness": True},
            ["spec", "containers", 0, "livenessProbe"],
            {"a": 1},
            id="liveness",
        ),
        pytest.param(
            {"set_image": {"*": "a", "web": "b"}}, ["spec", "containers", 0, "image"], "b", id="one"
        ),
        pytest.param(
            {"set_image": {"*": "a", "web": "b"}}, ["spec", "containers", 1, "image"], "a", id="all"
        ),
        pytest.param(
            {"container": "web", "command": ["$(A)"]},
            ["spec", "containers", 0, "command"],
            ["$$(A)"],
            id="no-expansion",
        ),
        pytest.param(
            {"debugger_name": "tools"}, ["spec", "containers", 2, "name"], "tools", id="name"
        ),
        pytest.param(
            {"custom": {"ports": [{"containerPort": 9}]}},
            ["spec", "containers", 2, "ports"],
            [{"containerPort": 9}],
            id="custom",
        ),
    ],
)
def test_what_an_option_does(params: dict[str, Any], path: list[Any], expected: Any) -> None:
    found: Any = _copy(image="tools:1", **params)
    for key in path:
        found = found[key]

    assert found == expected


def test_a_changed_container_keeps_what_is_not_said() -> None:
    made = _copy(container="web", command=["sleep", "9"])

    web, proxy = made["spec"]["containers"]
    assert (web["image"], web["command"]) == ("web:1", ["sleep", "9"])
    assert "args" not in web
    assert web["securityContext"] == {"capabilities": {"add": ["SYS_PTRACE"]}}
    assert "securityContext" not in proxy


def test_only_images() -> None:
    made = _copy(set_image={"web": "web:2"}, keep_init_containers=False)

    assert [each["image"] for each in made["spec"]["containers"]] == ["web:2", "proxy:1"]
    assert "shareProcessNamespace" not in made["spec"]
    assert "initContainers" not in made["spec"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        pytest.param({"image": "a", "debugger_name": "web"}, "debugger_name=web", id="taken"),
        pytest.param({"image": "a", "debugger_name": "first"}, "debugger_name=first", id="init"),
        pytest.param(
            {"set_image": {"no": "a"}}, "no container no. It has: web, proxy", id="images"
        ),
        pytest.param({"image": "a", "lifetime": 9}, "lifetime=9", id="short"),
        pytest.param({"image": "a", "custom": {"name": "a"}}, "custom: name", id="custom"),
        pytest.param({"image": "a", "custom": {"env": 1}}, "custom: env", id="custom-type"),
        pytest.param({"set_image": {"web": ""}}, "set_image: web=''", id="empty-image"),
    ],
)
def test_what_does_not_fit(params: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError) as caught:
        _copy(**params)

    assert words in caught.value.msg


@pytest.mark.parametrize(
    ("params", "same"),
    [
        pytest.param({"reason": "why", "ticket": "T"}, True, id="why"),
        pytest.param({"image": "b"}, False, id="image"),
        pytest.param({"lifetime": 60}, False, id="lifetime"),
        pytest.param({"keep_startup": True}, False, id="kept"),
        pytest.param({"custom": {"tty": True}}, False, id="custom"),
    ],
)
def test_identity(params: dict[str, Any], same: bool) -> None:
    def of(**given: Any) -> str:
        return spec.identity(_options(**{"image": "a", **given}), owner="me", subject="shop/web-0")

    assert (of(**params) == of()) is same
    other = spec.identity(_options(image="a"), owner="you", subject="shop/web-0")
    assert other != of()


def test_a_name_that_is_free() -> None:
    long = "a" * 80

    assert spec.free_name("web", "0123456789", []) == "web-0123456789"
    assert spec.free_name("web", "0123456789", ["web-0123456789"]) == "web-0123456789-2"
    assert len(spec.free_name(long, "0123456789", [])) == 63
    assert spec.free_name("a" * 51 + ".b", "0123456789", []) == "a" * 51 + "-0123456789"


_HOST = {"hostNetwork", "hostPID", "hostIPC"}


@pytest.mark.parametrize(
    ("profile", "host", "root", "context"),
    [
        pytest.param("general", True, True, None, id="general"),
        pytest.param("baseline", False, False, None, id="baseline"),
        pytest.param(
            "restricted",
            False,
            False,
            {
                "runAsNonRoot": True,
                "capabilities": {"drop": ["ALL"]},
                "allowPrivilegeEscalation": False,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            id="restricted",
        ),
        pytest.param(
            "netadmin",
            True,
            False,
            {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}},
            id="netadmin",
        ),
        pytest.param("sysadmin", True, True, {"privileged": True}, id="sysadmin"),
    ],
)
def test_what_a_profile_gives_of_the_node(
    profile: str, host: bool, root: bool, context: dict[str, Any] | None
) -> None:
    options = NodeOptions.from_params({**_MADE, "profile": profile, "image": None})

    made = spec.build_node_pod(
        options, "node-1", namespace="ops", name="n", identity="i", owner="me", now=0.0
    )

    (container,) = made["spec"]["containers"]
    assert container.get("securityContext") == context
    assert (set(made["spec"]) >= _HOST) is host
    assert [each["mountPath"] for each in container.get("volumeMounts", [])] == ["/host"] * root
    assert made["spec"]["nodeName"] == "node-1"
    assert made["spec"]["tolerations"] == [{"operator": "Exists"}]
    assert made["metadata"]["annotations"]["kubedebug.core/target"] == "node/node-1"


def test_a_diff_shows_no_value_of_an_environment() -> None:
    shown = spec.masked_pod(_copy(image="a", env={"TOKEN": "s3cret"}))

    assert "s3cret" not in str(shown)
    assert "TOKEN" in str(shown)
