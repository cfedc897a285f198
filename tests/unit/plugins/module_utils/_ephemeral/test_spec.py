# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import entries
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.spec import (
    build_entry,
    entry_name,
    identity,
    literal,
    masked_entry,
    patch_body,
    stamped,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.supervisor import (
    SUPERVISOR,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    DebuggerOptions,
    OptionError,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target

_NOW = 1_800_000_000.9


def _options(**given: Any) -> DebuggerOptions:
    return DebuggerOptions(**{"image": "toolbox:1", "env": {}, "custom": {}, **given})


def _target(container: Mapping[str, Any] | None = None, **spec: Any) -> Target:
    pod = {
        "metadata": {"namespace": "shop", "name": "web", "uid": "u"},
        "spec": {"containers": [{"name": "app", **(container or {})}], **spec},
    }
    return Target(namespace="shop", name="web", uid="u", node="n", container="app", pod=pod)


def _built(options: DebuggerOptions, target: Target | None = None) -> dict[str, Any]:
    built = build_entry(
        options, target or _target(), name="kubedebug-x", identity="x", owner="ada", now=_NOW
    )
    return built.entry


def _warnings(options: DebuggerOptions, target: Target) -> tuple[str, ...]:
    return build_entry(options, target, name="n", identity="x", owner="ada", now=_NOW).warnings


def _own_env(entry: Mapping[str, Any]) -> list[Any]:
    return [item for item in entry["env"] if not item["name"].startswith("KUBEDEBUG_")]


# --- what Kubernetes makes of argv and env ---


def _expand(text: str, variables: Mapping[str, str]) -> str:
    """A port of k8s.io/kubernetes, third_party/forked/golang/expansion/expand.go."""
    result, cursor = "", 0
    while cursor < len(text):
        if text[cursor] != "$" or cursor + 1 == len(text):
            result += text[cursor]
            cursor += 1
            continue
        rest = text[cursor + 1 :]
        name = re.match(r"\(([^)]*)\)", rest)
        if rest[0] == "$":
            result, cursor = result + "$", cursor + 2
        elif name:
            result += variables.get(name[1], f"$({name[1]})")
            cursor += 1 + name.end()
        else:
            result, cursor = result + "$" + rest[0], cursor + 2
    return result


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("plain", id="plain"),
        pytest.param("$(HOME)", id="reference"),
        pytest.param("$$(HOME)", id="escaped-reference"),
        pytest.param("$$$(HOME)", id="three"),
        pytest.param("$(UNKNOWN)", id="unknown-reference"),
        pytest.param("$(open", id="open"),
        pytest.param("$", id="alone"),
        pytest.param("x$", id="at-the-end"),
        pytest.param("$$", id="process-id"),
        pytest.param('for i in "$@"; do echo ${i%%x} $((1+1)); done', id="shell"),
        pytest.param(SUPERVISOR, id="supervisor"),
    ],
)
def test_literal_survives_kubernetes(text: str) -> None:
    assert _expand(literal(text), {"HOME": "/root", "1+1": "wrong"}) == text


def test_expansion_is_what_it_protects_from() -> None:
    assert _expand("$(HOME) $$(HOME) $$", {"HOME": "/root"}) == "/root $(HOME) $"


# --- identity and name ---


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"image": "other"}, id="image"),
        pytest.param({"profile": "netadmin"}, id="profile"),
        pytest.param({"command": ("id",)}, id="command"),
        pytest.param({"args": ("id",)}, id="args"),
        pytest.param({"env": {"A": "1"}}, id="env"),
        pytest.param({"custom": {"workingDir": "/"}}, id="custom"),
        pytest.param({"inherit": ("env",)}, id="inherit"),
        pytest.param({"target_container": False}, id="target-container"),
        pytest.param({"image_pull_policy": "Always"}, id="pull-policy"),
        pytest.param({"stdin": True}, id="stdin"),
        pytest.param({"tty": True}, id="tty"),
        pytest.param({"lifetime": 60}, id="lifetime"),
    ],
)
def test_what_shapes_a_debugger_makes_another_identity(changes: dict[str, Any]) -> None:
    changed = replace(_options(), **changes)
    assert identity(changed, owner="ada", container="app") != identity(
        _options(), owner="ada", container="app"
    )


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"reason": "it is slow"}, id="reason"),
        pytest.param({"ticket": "INC-1"}, id="ticket"),
        pytest.param({"owner": "said-otherwise"}, id="owner-option-is-resolved-by-the-caller"),
    ],
)
def test_why_it_is_opened_does_not(changes: dict[str, Any]) -> None:
    changed = replace(_options(), **changes)
    assert identity(changed, owner="ada", container="app") == identity(
        _options(), owner="ada", container="app"
    )


def test_identity_of_owner_and_container() -> None:
    options, alone = _options(), _options(target_container=False)
    assert identity(options, owner="bob", container="app") != identity(
        options, owner="ada", container="app"
    )
    assert identity(options, owner="ada", container="log") != identity(
        options, owner="ada", container="app"
    )
    assert identity(alone, owner="ada", container="log") == identity(
        alone, owner="ada", container="app"
    )


def test_identity_does_not_depend_on_order() -> None:
    one = _options(env={"A": "1", "B": "2"}, inherit=("env", "user"))
    other = _options(env={"B": "2", "A": "1"}, inherit=("user", "env"))
    found = identity(one, owner="ada", container="app")
    assert found == identity(other, owner="ada", container="app")
    assert re.fullmatch("[0-9a-f]{10}", found)


@pytest.mark.parametrize(
    ("taken", "name"),
    [
        pytest.param([], "kubedebug-ab", id="free"),
        pytest.param(["app", "kubedebug-cd"], "kubedebug-ab", id="others"),
        pytest.param(["kubedebug-ab"], "kubedebug-ab-2", id="second"),
        pytest.param(["kubedebug-ab", "kubedebug-ab-2"], "kubedebug-ab-3", id="third"),
        pytest.param(["kubedebug-ab", "kubedebug-ab-3"], "kubedebug-ab-2", id="gap"),
    ],
)
def test_entry_name(taken: list[str], name: str) -> None:
    assert entry_name("ab", taken) == name


# --- the entry ---


def test_whole_entry() -> None:
    options = _options(
        command=("sh", "-c", "echo $HOME"),
        env={"A": "$(B)"},
        reason="costs $5",
        ticket="INC-1",
        image_pull_policy="IfNotPresent",
        stdin=True,
        tty=True,
    )
    assert _built(options) == {
        "name": "kubedebug-x",
        "image": "toolbox:1",
        "imagePullPolicy": "IfNotPresent",
        "command": [
            "sh",
            "-c",
            literal(SUPERVISOR),
            "kubedebug-supervisor",
            "sh",
            "-c",
            "echo $$HOME",
        ],
        "targetContainerName": "app",
        "stdin": True,
        "tty": True,
        "securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}},
        "env": [
            {"name": "KUBEDEBUG_MANAGED_BY", "value": "kubedebug.core"},
            {"name": "KUBEDEBUG_IDENTITY", "value": "x"},
            {"name": "KUBEDEBUG_OWNER", "value": "ada"},
            {"name": "KUBEDEBUG_REASON", "value": "costs $$5"},
            {"name": "KUBEDEBUG_TICKET", "value": "INC-1"},
            {"name": "KUBEDEBUG_LIFETIME", "value": "3600"},
            {"name": "KUBEDEBUG_EXPIRES_AT", "value": "1800003600"},
            {"name": "A", "value": "$(B)"},
        ],
    }


@pytest.mark.parametrize(
    ("given", "process"),
    [
        pytest.param({"lifetime": 0}, {}, id="image-as-it-is"),
        pytest.param({"lifetime": 0, "args": ("-x", "$(A)")}, {"args": ["-x", "$$(A)"]}, id="args"),
        pytest.param({"lifetime": 0, "command": ("id",)}, {"command": ["id"]}, id="command"),
    ],
)
def test_unbounded_process(given: dict[str, Any], process: dict[str, Any]) -> None:
    entry = _built(_options(**given))
    assert {key: entry[key] for key in ("command", "args") if key in entry} == process
    assert {item["name"] for item in entry["env"]} == {
        "KUBEDEBUG_MANAGED_BY",
        "KUBEDEBUG_IDENTITY",
        "KUBEDEBUG_OWNER",
    }


def test_no_target_container() -> None:
    assert "targetContainerName" not in _built(_options(target_container=False))


def test_marks_are_read_back() -> None:
    options = _options(reason="costs $5, $$ and $(HOME)", ticket="INC-1")
    pod = {"spec": {"ephemeralContainers": [_built(options)]}}
    entry = entries(pod)[0]
    assert (entry.managed, entry.owner, entry.identity) == (True, "ada", "x")
    assert (entry.reason_text, entry.ticket) == ("costs $5, $$ and $(HOME)", "INC-1")
    assert (entry.lifetime, entry.expires_at) == (3600, 1_800_003_600)


_FROM = {"fieldRef": {"fieldPath": "metadata.name"}}
_LIMIT = {"resourceFieldRef": {"resource": "limits.cpu"}}


@pytest.mark.parametrize(
    ("container", "given", "env"),
    [
        pytest.param({"env": [{"name": "SECRET", "value": "x"}]}, {}, [], id="not-unless-asked"),
        pytest.param(
            {"env": [{"name": "A", "value": "$(B)"}, {"name": "P", "valueFrom": _FROM}]},
            {"inherit": ("env",)},
            [{"name": "A", "value": "$(B)"}, {"name": "P", "valueFrom": _FROM}],
            id="as-it-is",
        ),
        pytest.param(
            {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
            {"inherit": ("env",), "env": {"A": "3", "C": "$(B)"}},
            [
                {"name": "B", "value": "2"},
                {"name": "A", "value": "3"},
                {"name": "C", "value": "$(B)"},
            ],
            id="own-wins-and-may-refer",
        ),
        pytest.param(
            {"env": [{"name": "KUBEDEBUG_OWNER", "value": "eve"}]},
            {"inherit": ("env",)},
            [],
            id="marks-are-ours",
        ),
        pytest.param(
            {"env": [{"name": "CPU", "valueFrom": _LIMIT}]},
            {"inherit": ("env",)},
            [
                {
                    "name": "CPU",
                    "valueFrom": {
                        "resourceFieldRef": {"containerName": "app", "resource": "limits.cpu"}
                    },
                }
            ],
            id="limits-of-the-target",
        ),
        pytest.param(
            {"env": [{"name": "A", "value": "1"}]},
            {"inherit": ("env",), "custom": {"env": [{"name": "A", "value": "9"}]}},
            [{"name": "A", "value": "9"}],
            id="custom-is-last",
        ),
    ],
)
def test_environment(container: dict[str, Any], given: dict[str, Any], env: list[Any]) -> None:
    assert _own_env(_built(_options(**given), _target(container))) == env


def test_environment_sources_are_inherited() -> None:
    source = [{"secretRef": {"name": "s"}}]
    target = _target({"envFrom": source})
    assert _built(_options(inherit=("env",)), target)["envFrom"] == source
    assert "envFrom" not in _built(_options(), target)


def test_mounts_are_inherited() -> None:
    mounts = [
        {"name": "data", "mountPath": "/data", "readOnly": True},
        {"name": "data", "mountPath": "/sub", "subPath": "x"},
        {"name": "data", "mountPath": "/expr", "subPathExpr": "$(A)"},
        {"name": "host", "mountPath": "/host", "mountPropagation": "Bidirectional"},
    ]
    target = _target({"volumeMounts": mounts}, volumes=[{"name": "data"}, {"name": "host"}])
    options = _options(inherit=("mounts",))
    assert _built(options, target)["volumeMounts"] == [
        {"name": "data", "mountPath": "/data", "readOnly": True},
        {"name": "host", "mountPath": "/host", "mountPropagation": "HostToContainer"},
    ]
    assert _warnings(options, target) == (
        "the mount at /sub is not inherited: the API forbids subPath for ephemeral containers",
        "the mount at /expr is not inherited: the API forbids subPath for ephemeral containers",
    )
    assert "volumeMounts" not in _built(_options(), target)


@pytest.mark.parametrize(
    ("own", "pod", "profile", "context"),
    [
        pytest.param(None, None, "baseline", None, id="none"),
        pytest.param(
            None,
            {"runAsUser": 5, "runAsGroup": 6, "fsGroup": 7},
            "baseline",
            {"runAsUser": 5, "runAsGroup": 6},
            id="pod",
        ),
        pytest.param(
            {"runAsUser": 0, "privileged": True},
            {"runAsUser": 5, "runAsNonRoot": False},
            "baseline",
            {"runAsUser": 0, "runAsNonRoot": False},
            id="own-wins",
        ),
        pytest.param(
            {"runAsUser": 5},
            None,
            "general",
            {"capabilities": {"add": ["SYS_PTRACE"]}, "runAsUser": 5},
            id="beside-the-profile",
        ),
    ],
)
def test_user_is_inherited(
    own: dict[str, Any] | None,
    pod: dict[str, Any] | None,
    profile: str,
    context: dict[str, Any] | None,
) -> None:
    target = _target({"securityContext": own}, securityContext=pod)
    options = _options(inherit=("user",), profile=profile)
    assert _built(options, target).get("securityContext") == context


@pytest.mark.parametrize(
    ("pod", "given", "warned"),
    [
        pytest.param({"runAsUser": 5}, {}, True, id="user-of-the-pod"),
        pytest.param({"runAsUser": 5}, {"profile": "sysadmin"}, True, id="privileged"),
        pytest.param({"runAsUser": 5}, {"profile": "baseline"}, False, id="nothing-is-added"),
        pytest.param({"runAsUser": 0}, {}, False, id="root"),
        pytest.param(None, {}, False, id="user-of-the-image"),
        pytest.param(
            {"runAsUser": 5}, {"custom": {"securityContext": {"runAsUser": 0}}}, False, id="way-out"
        ),
    ],
)
def test_powerless_capabilities_are_told(
    pod: dict[str, Any] | None, given: dict[str, Any], warned: bool
) -> None:
    warnings = _warnings(_options(**given), _target(securityContext=pod))
    assert bool(warnings) is warned
    assert not warned or "the debugger runs as user 5" in warnings[0]


def test_container_that_inherits_is_found_among_the_lasting_init_ones() -> None:
    target = replace(
        _target(initContainers=[{"name": "proxy", "env": [{"name": "A", "value": "1"}]}]),
        container="proxy",
    )
    assert _own_env(_built(_options(inherit=("env",)), target)) == [{"name": "A", "value": "1"}]


def test_custom_is_checked_against_the_pod() -> None:
    mount = {"volumeMounts": [{"name": "data", "mountPath": "/d"}]}
    assert _built(_options(custom=mount), _target(volumes=[{"name": "data"}]))["volumeMounts"]
    with pytest.raises(OptionError, match="names volume 'data'"):
        _built(_options(custom=mount))


def test_patch_body() -> None:
    assert patch_body([{"name": "a"}]) == {"spec": {"ephemeralContainers": [{"name": "a"}]}}


def test_stamped_adds_one_mark_to_a_copy() -> None:
    entry = {"name": "a", "env": [{"name": "X", "value": "1"}]}
    assert stamped(entry, "r1") == {
        "name": "a",
        "env": [{"name": "X", "value": "1"}, {"name": "KUBEDEBUG_REQUEST", "value": "r1"}],
    }
    assert entry == {"name": "a", "env": [{"name": "X", "value": "1"}]}


def test_masked_entry_shows_marks_and_no_value() -> None:
    target = _target({"env": [{"name": "TOKEN", "value": "hunter2"}]})
    options = _options(
        env={"PASSWORD": "hunter2"},
        inherit=("env",),
        command=("id", "-u"),
        custom={"env": [{"name": "KEY", "value": "hunter2"}, {"name": "P", "valueFrom": _FROM}]},
    )
    entry = _built(options, target)
    shown = masked_entry(entry)
    assert "hunter2" not in json.dumps(shown)
    assert {"name": "KUBEDEBUG_OWNER", "value": "ada"} in shown["env"]
    assert {"name": "PASSWORD", "value": "********"} in shown["env"]
    assert {"name": "P", "valueFrom": _FROM} in shown["env"]
    assert shown["command"] == ["(supervised)", "id", "-u"]
    assert entry["command"][0] == "sh"


def test_masked_entry_of_an_unbounded_debugger() -> None:
    assert masked_entry(_built(_options(lifetime=0, command=("id",))))["command"] == ["id"]
