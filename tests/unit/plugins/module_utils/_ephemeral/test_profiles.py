# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The expected contexts are those of kubectl's own table tests (pkg/cmd/debug/profiles_test.go)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.profiles import (
    apply_custom,
    apply_profile,
    check_custom,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    OptionError,
    Profile,
)

_PLAIN = {"name": "dbg", "image": "dbgimage"}


@pytest.mark.parametrize(
    ("profile", "before", "after"),
    [
        pytest.param("general", None, {"capabilities": {"add": ["SYS_PTRACE"]}}, id="general"),
        pytest.param("baseline", None, None, id="baseline"),
        pytest.param("baseline", {"privileged": True}, None, id="baseline-clears"),
        pytest.param(
            "restricted",
            None,
            {
                "runAsNonRoot": True,
                "capabilities": {"drop": ["ALL"]},
                "allowPrivilegeEscalation": False,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            id="restricted",
        ),
        pytest.param(
            "restricted",
            {"capabilities": {"add": ["NET_ADMIN"]}, "privileged": True},
            {
                "runAsNonRoot": True,
                "capabilities": {"drop": ["ALL"]},
                "allowPrivilegeEscalation": False,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            id="restricted-clears",
        ),
        pytest.param(
            "netadmin", None, {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}}, id="netadmin"
        ),
        pytest.param("sysadmin", None, {"privileged": True}, id="sysadmin"),
        pytest.param(
            "sysadmin", {"runAsUser": 5}, {"runAsUser": 5, "privileged": True}, id="sysadmin-keeps"
        ),
        pytest.param(
            "general",
            {"capabilities": {"add": ["NET_RAW"]}},
            {"capabilities": {"add": ["NET_RAW", "SYS_PTRACE"]}},
            id="general-adds",
        ),
    ],
)
def test_profile(
    profile: Profile, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> None:
    container = {**_PLAIN, "securityContext": before} if before else dict(_PLAIN)
    untouched = repr(container)
    expected = {**_PLAIN, "securityContext": after} if after else _PLAIN
    assert apply_profile(container, profile) == expected
    assert repr(container) == untouched


def _env(*names: str, value: str = "1") -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name in names]


@pytest.mark.parametrize(
    ("base", "custom", "merged"),
    [
        pytest.param({"a": 1}, {}, {"a": 1}, id="nothing"),
        pytest.param({}, {"workingDir": "/tmp"}, {"workingDir": "/tmp"}, id="scalar"),
        pytest.param({"stdin": True}, {"stdin": False}, {"stdin": False}, id="scalar-replaces"),
        pytest.param({"tty": True}, {"tty": None}, {"tty": True}, id="null-is-absent"),
        pytest.param(
            {"env": _env("A")}, {"env": []}, {"env": _env("A")}, id="empty-list-is-absent"
        ),
        pytest.param(
            {"env": _env("A", "B")},
            {"env": _env("B", value="2")},
            {"env": [*_env("A"), *_env("B", value="2")]},
            id="env-by-name-in-its-place",
        ),
        pytest.param(
            {"env": _env("A", "B")},
            {"env": _env("C")},
            {"env": _env("C", "A", "B")},
            id="new-env-comes-first-as-in-kubectl",
        ),
        pytest.param(
            {"env": _env("A", "B", "D")},
            {"env": _env("C", "B", "E")},
            {"env": _env("C", "A", "B", "E", "D")},
            id="order-of-kubectl",
        ),
        pytest.param(
            {"env": _env("A")},
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]},
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]},
            id="env-source-replaces-value",
        ),
        pytest.param(
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]},
            {"env": _env("A")},
            {"env": _env("A")},
            id="env-value-replaces-source",
        ),
        pytest.param(
            {"envFrom": [{"configMapRef": {"name": "a"}}]},
            {"envFrom": [{"secretRef": {"name": "b"}}]},
            {"envFrom": [{"secretRef": {"name": "b"}}]},
            id="env-from-replaces",
        ),
        pytest.param(
            {"volumeMounts": [{"name": "a", "mountPath": "/a", "readOnly": True}]},
            {"volumeMounts": [{"name": "b", "mountPath": "/a"}, {"name": "c", "mountPath": "/c"}]},
            {
                "volumeMounts": [
                    {"name": "b", "mountPath": "/a", "readOnly": True},
                    {"name": "c", "mountPath": "/c"},
                ]
            },
            id="mounts-by-path",
        ),
        pytest.param(
            {"securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}}},
            {"securityContext": {"capabilities": {"add": ["NET_RAW"]}, "runAsUser": 0}},
            {"securityContext": {"capabilities": {"add": ["NET_RAW"]}, "runAsUser": 0}},
            id="capabilities-replace",
        ),
        pytest.param(
            {"securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}}},
            {"securityContext": {"capabilities": {"drop": ["ALL"]}}},
            {"securityContext": {"capabilities": {"add": ["SYS_PTRACE"], "drop": ["ALL"]}}},
            id="context-merges",
        ),
        pytest.param(
            {},
            {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
            {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
            id="context-of-none",
        ),
    ],
)
def test_custom_merges(
    base: dict[str, Any], custom: dict[str, Any], merged: dict[str, Any]
) -> None:
    before = repr((base, custom))
    assert apply_custom(base, custom) == merged
    assert repr((base, custom)) == before


@pytest.mark.parametrize(
    ("custom", "messages"),
    [
        pytest.param({"name": "x"}, ["cannot take name (the collection gives", "env"], id="name"),
        pytest.param({"image": "x"}, ["image (use the option image)"], id="image"),
        pytest.param({"command": ["x"]}, ["command (use the option command)"], id="command"),
        pytest.param({"args": ["x"]}, ["args (use the options command or args)"], id="args"),
        pytest.param({"lifecycle": {}}, ["cannot take lifecycle."], id="lifecycle"),
        pytest.param({"volumeDevices": []}, ["cannot take volumeDevices."], id="devices"),
        pytest.param({"ports": []}, ["cannot take ports."], id="ports"),
        pytest.param(
            {"resources": {}, "livenessProbe": {}, "restartPolicy": "Always"},
            ["cannot take livenessProbe, resources, restartPolicy."],
            id="several",
        ),
        pytest.param({"targetContainerName": "x"}, ["target_container"], id="target"),
        pytest.param({"securtyContext": {}}, ["cannot take securtyContext."], id="misspelt"),
        pytest.param({"env": {"A": "1"}}, ["env must be a list of dictionaries"], id="env-dict"),
        pytest.param({"env": [{"value": "1"}]}, ["each item of env needs name"], id="no-name"),
        pytest.param({"env": _env("A", "A")}, ["env names A more than once"], id="twice"),
        pytest.param({"env": _env("KUBEDEBUG_OWNER")}, ["the collection's own marks"], id="mark"),
        pytest.param({"envFrom": ["x"]}, ["envFrom must be a list"], id="env-from"),
        pytest.param(
            {"securityContext": "privileged"},
            ["securityContext must be a dictionary"],
            id="context",
        ),
        pytest.param(
            {"securityContext": {"capabilities": "ALL"}},
            ["securityContext.capabilities must be a dictionary"],
            id="capabilities",
        ),
        pytest.param(
            {"securityContext": {"capabilities": {"add": "ALL"}}},
            ["securityContext.capabilities.add must be a list"],
            id="capabilities-add",
        ),
        pytest.param(
            {"env": [{"name": "A", "value": 5}]}, ["env A: value must be a text"], id="env-number"
        ),
        pytest.param({"workingDir": 5}, ["workingDir must be a text"], id="folder"),
        pytest.param({"tty": "yes"}, ["tty must be true or false"], id="tty"),
        pytest.param(
            {"volumeMounts": [{"name": "data"}]}, ["volumeMounts needs mountPath"], id="no-path"
        ),
        pytest.param(
            {"volumeMounts": [{"name": "host", "mountPath": "/host"}]},
            ["names volume 'host'", "already: data, tmp."],
            id="other-volume",
        ),
        pytest.param(
            {"volumeMounts": [{"name": "data", "mountPath": "/d", "subPath": "x"}]},
            ["the mount at /d sets subPath"],
            id="sub-path",
        ),
        pytest.param(
            {"volumeMounts": [{"name": "data", "mountPath": "/d", "subPathExpr": "x"}]},
            ["the mount at /d sets subPathExpr"],
            id="sub-path-expression",
        ),
    ],
)
def test_custom_refused(custom: dict[str, Any], messages: list[str]) -> None:
    with pytest.raises(OptionError) as raised:
        check_custom(custom, ["data", "tmp"])
    assert raised.value.msg.startswith("custom: ")
    for message in messages:
        assert message in raised.value.msg


@pytest.mark.parametrize(
    "custom",
    [
        pytest.param({}, id="empty"),
        pytest.param({"env": None, "securityContext": None}, id="nulls"),
        pytest.param(
            {
                "env": _env("A"),
                "envFrom": [{"configMapRef": {"name": "x"}}],
                "imagePullPolicy": "Always",
                "securityContext": {"runAsUser": 0},
                "stdin": True,
                "stdinOnce": True,
                "terminationMessagePath": "/x",
                "terminationMessagePolicy": "File",
                "tty": True,
                "volumeMounts": [{"name": "data", "mountPath": "/d"}],
                "workingDir": "/",
            },
            id="all-there-is",
        ),
    ],
)
def test_custom_accepted(custom: dict[str, Any]) -> None:
    check_custom(custom, ["data", "tmp"])
