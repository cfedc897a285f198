# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import (
    Entry,
    entries,
    explain_pod_security,
    failure,
    find_overdue,
    find_reusable,
)

_NOW = 1000.0


def _container(name: str = "kubedebug-x", *, target: str | None = None, **marks: str) -> Any:
    own = {"MANAGED_BY": "kubedebug.core", "IDENTITY": "x", "OWNER": "ada", **marks}
    env = [{"name": f"KUBEDEBUG_{key}", "value": value} for key, value in own.items()]
    return {"name": name, "image": "toolbox:1", "env": env, "targetContainerName": target}


def _pod(*containers: Any, states: dict[str, Any] | None = None, app: str = "running") -> Any:
    return {
        "spec": {"containers": [{"name": "app"}], "ephemeralContainers": list(containers)},
        "status": {
            "containerStatuses": [{"name": "app", "state": {app: {"reason": "Error"}}}],
            "ephemeralContainerStatuses": [
                {"name": name, "state": state} for name, state in (states or {}).items()
            ],
        },
    }


_RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
_ENDED = {
    "terminated": {
        "exitCode": 0,
        "reason": "Completed",
        "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": "2026-01-01T01:00:00Z",
    }
}


def test_entry() -> None:
    container = _container(
        target="app", REASON="slow", TICKET="INC-1", LIFETIME="60", EXPIRES_AT="1060"
    )
    assert entries(_pod(container, states={"kubedebug-x": _RUNNING})) == [
        Entry(
            name="kubedebug-x",
            image="toolbox:1",
            state="running",
            started_at="2026-01-01T00:00:00Z",
            target_container="app",
            managed=True,
            tool="kubedebug",
            identity="x",
            owner="ada",
            reason_text="slow",
            ticket="INC-1",
            lifetime=60,
            expires_at=1060,
        )
    ]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(_RUNNING, ("running", None, None), id="running"),
        pytest.param(_ENDED, ("finished", "Completed", 0), id="finished"),
        pytest.param(
            {"waiting": {"reason": "ContainerCreating"}},
            ("waiting", "ContainerCreating", None),
            id="waiting",
        ),
        pytest.param({"running": {}}, ("running", None, None), id="running-without-a-time"),
        pytest.param({}, ("unknown", None, None), id="empty"),
        pytest.param(None, ("unknown", None, None), id="no-status"),
    ],
)
def test_state(state: Any, expected: tuple[str, str | None, int | None]) -> None:
    states = {"kubedebug-x": state} if state is not None else {}
    entry = entries(_pod(_container(), states=states))[0]
    assert (entry.state, entry.reason, entry.exit_code) == expected


def test_texts_of_others_are_cleaned() -> None:
    message = "\x1b[31mred\x1b[0m\nline" + "x" * 1000
    state = {"waiting": {"reason": "Error\x07", "message": message}}
    entry = entries(_pod(_container(OWNER="a\x1b[2Jb"), states={"kubedebug-x": state}))[0]
    assert (entry.reason, entry.owner) == ("Error", "ab")
    assert entry.message is not None
    assert entry.message.startswith("red line")
    assert len(entry.message) == 512


@pytest.mark.parametrize(
    "number",
    [
        pytest.param("-5", id="negative"),
        pytest.param("1e9", id="float"),
        pytest.param("9" * 5000, id="endless"),
        pytest.param("", id="empty"),
        pytest.param("soon", id="text"),
        pytest.param("²", id="digit-that-is-none"),
    ],
)
def test_number_that_somebody_else_wrote(number: str) -> None:
    assert entries(_pod(_container(EXPIRES_AT=number)))[0].expires_at is None


@pytest.mark.parametrize(
    ("container", "tool"),
    [
        pytest.param(_container("any-name"), "kubedebug", id="ours-by-mark"),
        pytest.param({"name": "kubedebug-x", "image": "i"}, "other", id="name-is-no-mark"),
        pytest.param({"name": "debugger-bx9z4", "image": "i"}, "kubectl debug", id="kubectl"),
        pytest.param({"name": "debugger-aaaaa", "image": "i"}, "other", id="letters-of-kubectl"),
        pytest.param({"name": "mirrord-agent-q1w2e3", "image": "i"}, "mirrord", id="mirrord"),
        pytest.param(
            {"name": "x", "image": "ghcr.io/metalbear-co/mirrord:3"}, "mirrord", id="image"
        ),
        pytest.param(
            {"name": "x", "image": "i", "env": [{"name": "KUBEDEBUG_OWNER", "value": "eve"}]},
            "other",
            id="one-mark-is-not-all",
        ),
    ],
)
def test_tool(container: Any, tool: str) -> None:
    entry = entries(_pod(container))[0]
    assert entry.tool == tool
    assert entry.managed is (tool == "kubedebug")


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param({"spec": {}}, id="no-status"),
        pytest.param({"spec": {"ephemeralContainers": None}, "status": {}}, id="null"),
    ],
)
def test_no_entries(pod: Any) -> None:
    assert entries(pod) == []


@pytest.mark.parametrize(
    ("container", "state", "found"),
    [
        pytest.param(_container(EXPIRES_AT="1100"), _RUNNING, True, id="running"),
        pytest.param(_container(EXPIRES_AT="1015"), _RUNNING, True, id="just-long-enough"),
        pytest.param(_container(EXPIRES_AT="1014"), _RUNNING, False, id="ends-too-soon"),
        pytest.param(_container(EXPIRES_AT="900"), _RUNNING, False, id="over"),
        pytest.param(_container(), _RUNNING, True, id="without-an-end"),
        pytest.param(_container(), _ENDED, False, id="finished"),
        pytest.param(_container(), {"waiting": {"reason": "x"}}, True, id="about-to-run"),
        pytest.param(_container(), {}, True, id="just-added"),
        pytest.param(_container(IDENTITY="y"), _RUNNING, False, id="other-identity"),
        pytest.param(_container(MANAGED_BY="eve"), _RUNNING, False, id="not-ours"),
        pytest.param(_container(target="app"), _RUNNING, True, id="target-runs"),
    ],
)
def test_find_reusable(container: Any, state: Any, found: bool) -> None:
    pod = _pod(container, states={"kubedebug-x": state})
    entry = find_reusable(pod, "x", now=_NOW, min_remaining=15)
    assert (entry is not None) is found


@pytest.mark.parametrize(
    ("container", "state", "found"),
    [
        pytest.param(_container(EXPIRES_AT="900"), _RUNNING, True, id="over-and-running"),
        pytest.param(_container(EXPIRES_AT="1014"), _RUNNING, True, id="ends-too-soon"),
        pytest.param(_container(EXPIRES_AT="1015"), _RUNNING, False, id="reusable-as-it-is"),
        pytest.param(_container(), _RUNNING, False, id="without-an-end"),
        pytest.param(_container(EXPIRES_AT="900"), _ENDED, False, id="finished"),
        pytest.param(_container(EXPIRES_AT="900"), {}, False, id="never-ran"),
        pytest.param(_container(EXPIRES_AT="900", IDENTITY="y"), _RUNNING, False, id="other"),
        pytest.param(_container(EXPIRES_AT="900", MANAGED_BY="eve"), _RUNNING, False, id="eve"),
    ],
)
def test_find_overdue(container: Any, state: Any, found: bool) -> None:
    pod = _pod(container, states={"kubedebug-x": state})
    entry = find_overdue(pod, "x", now=_NOW, min_remaining=15)
    assert (entry is not None) is found


def test_find_reusable_needs_the_target_container() -> None:
    pod = _pod(_container(target="app"), states={"kubedebug-x": _RUNNING}, app="waiting")
    assert find_reusable(pod, "x", now=_NOW, min_remaining=15) is None


def test_find_reusable_takes_the_newest() -> None:
    pod = _pod(
        _container("kubedebug-x"),
        _container("kubedebug-x-2"),
        _container("kubedebug-x-3"),
        states={"kubedebug-x": _RUNNING, "kubedebug-x-2": _RUNNING, "kubedebug-x-3": _ENDED},
    )
    entry = find_reusable(pod, "x", now=_NOW, min_remaining=15)
    assert entry is not None
    assert entry.name == "kubedebug-x-2"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(
            {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off"}},
            ("ImagePullBackOff", "Back-off"),
            id="pull",
        ),
        pytest.param(
            {"waiting": {"reason": "ErrImageNeverPull"}}, ("ErrImageNeverPull", ""), id="never"
        ),
        pytest.param(
            {"waiting": {"reason": "InvalidImageName"}}, ("InvalidImageName", ""), id="name"
        ),
        pytest.param(
            {"waiting": {"reason": "CreateContainerConfigError", "message": "no secret"}},
            ("CreateContainerConfigError", "no secret"),
            id="config",
        ),
        pytest.param(
            {"waiting": {"reason": "RunContainerError"}}, ("RunContainerError", ""), id="run"
        ),
        pytest.param({"waiting": {"reason": "ContainerCreating"}}, None, id="creating"),
        pytest.param({"waiting": {}}, None, id="no-reason"),
        pytest.param(_RUNNING, None, id="running"),
        pytest.param(_ENDED, None, id="ended-well"),
        pytest.param(
            {"terminated": {"exitCode": 128, "reason": "StartError", "message": "not found"}},
            ("ended with exit code 128 (StartError)", "not found"),
            id="start",
        ),
        pytest.param(
            {"terminated": {"exitCode": 2}},
            ("ended with exit code 2 (Error)", ""),
            id="ended-badly",
        ),
        pytest.param({}, None, id="unknown"),
    ],
)
def test_failure(state: Any, expected: tuple[str, str] | None) -> None:
    assert failure(entries(_pod(_container(), states={"kubedebug-x": state}))[0]) == expected


_RESTRICTED = (
    'pods "web" is forbidden: violates PodSecurity "restricted:v1.37": allowPrivilegeEscalation != '
    'false (container "dbg" must set securityContext.allowPrivilegeEscalation=false), unrestricted '
    'capabilities (container "dbg" must set securityContext.capabilities.drop=["ALL"])'
)


@pytest.mark.parametrize(
    ("message", "level", "version", "begin"),
    [
        pytest.param(
            _RESTRICTED, "restricted", "v1.37", "allowPrivilegeEscalation != false", id="restricted"
        ),
        pytest.param(
            'violates PodSecurity "baseline:latest": non-default capabilities (container "dbg" '
            'must not include "SYS_PTRACE" in securityContext.capabilities.add)',
            "baseline",
            "latest",
            "non-default capabilities",
            id="baseline",
        ),
    ],
)
def test_explain_pod_security(message: str, level: str, version: str, begin: str) -> None:
    violation = explain_pod_security(message)
    assert violation is not None
    assert (violation.level, violation.version) == (level, version)
    assert violation.text.startswith(begin)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param('pods "web" is forbidden: User "ada" cannot patch resource', id="rbac"),
        pytest.param("admission webhook denied the request", id="webhook"),
        pytest.param("", id="empty"),
    ],
)
def test_other_refusals_are_not_pod_security(message: str) -> None:
    assert explain_pod_security(message) is None
