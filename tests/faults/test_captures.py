# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures that lose their pod, their controller or their tcpdump, and namespaces that refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import ACCOUNT, Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.playbooks import Playbooks, Started

__all__: list[str] = []

_RULES = manifests.DEBUG_RULES + manifests.AGENT_RULES
_BASES = "/tmp/kubedebug-capture/capture /kubedebug/capture/capture"
_RUNS = "cat $(ls -d /tmp/kubedebug-capture /kubedebug/capture 2>/dev/null)/capture/*/status"
_ALL_OF = (
    'for p in /proc/[0-9]*; do {{ read -r c <"$p/comm"; }} 2>/dev/null; '
    'if {}; then kill -KILL "${{p#/proc/}}"; echo killed; fi; done'
)
_KILL_TCPDUMP = _ALL_OF.format('[ "$c" = tcpdump ]')
# The recorder's first argument after the script is its name and the folder.
_KILL_RECORDER = _ALL_OF.format(
    '[ "$c" = sh ] && { tr "\\0" " " <"$p/cmdline"; } 2>/dev/null '
    '| grep -q "kubedebug-capture /[t]mp"'
)


@pytest.fixture
def play(new_play: NewPlay, space: Space) -> Playbooks:
    """These need no proxy."""
    return new_play(space)


def _options(space: Space, **more: Any) -> dict[str, Any]:
    return {
        "namespace": space.name,
        "name": "web",
        "image": space.cluster.toolbox,
        "filter": "tcp port 80",
        "max_seconds": 300,
        **more,
    }


def _begin(play: Playbooks, space: Space, **more: Any) -> Started:
    options = _options(space, state="completed", **more)
    return play.start(play.write([{"name": "Task", "kubedebug.core.pod_capture": options}]))


def _sh(space: Space, pod: str, container: str, script: str) -> str:
    return space.kubectl("exec", pod, "-c", container, "--", "sh", "-c", script, timeout=120)


def _until(space: Space, pod: str, container: str, condition: str) -> None:
    """Wait in the container itself, at most a minute, so that a look costs nothing."""
    script = f"n=0; until {condition}; do n=$((n + 1)); [ $n -lt 600 ] || exit 7; sleep 0.1; done"
    _sh(space, pod, container, script)


def _debugger(space: Space) -> str:
    """The debugger of the capture once it records."""
    space.wait_running("web")
    name = str(space.entries("web")[0]["name"])
    _until(space, "web", name, f"{_RUNS} 2>/dev/null | grep -q state=running")
    return name


def _agent(space: Space) -> tuple[str, str]:
    """The pod and the container of the capture's Job once it records."""
    selector = "app.kubernetes.io/managed-by=kubedebug.core"
    space.kubectl("wait", "job", "-l", selector, "--for=create", "--timeout=60s")
    space.kubectl("wait", "pod", "-l", selector, "--for=create", "--timeout=60s")
    space.kubectl("wait", "pod", "-l", selector, "--for=condition=Ready", "--timeout=60s")
    pod = space.cluster.get("pods", "-n", space.name, "-l", selector)["items"][0]
    name, container = pod["metadata"]["name"], pod["spec"]["containers"][0]["name"]
    _until(space, name, container, f"{_RUNS} 2>/dev/null | grep -q state=running")
    return name, container


def _traffic(space: Space, container: str) -> None:
    """Enough packets that tcpdump has written some of them, and wait for that."""
    _sh(space, "web", container, "wget -qO /dev/null 'http://localhost/bytes?n=1000000'")
    _until(space, "web", container, "[ -s /tmp/kubedebug-capture/capture/0001/packets ]")


def test_a_debugger_that_goes_with_its_pod_is_told_at_once(space: Space, play: Playbooks) -> None:
    space.web()
    started = _begin(play, space, dest=str(play.folder), mode="ephemeral")
    _debugger(space)

    space.kubectl("delete", "pod", "web", "--wait=false")
    run = started.wait()

    failed = run.task("Task")
    assert run.rc != 0
    assert "the pod was deleted during the capture" in failed.msg
    assert "mode=job" in failed.msg
    assert failed.pod["state"] == "lost"
    assert failed.pod["ended_by"] == "target_gone"


def test_a_job_brings_home_what_a_deleted_pod_has_said(
    new_space: NewSpace, new_play: NewPlay, tmp_path: Path
) -> None:
    space = new_space(rules=_RULES)
    play = new_play(space)
    space.web()
    client = space.web("client")
    play.task("ephemeral_command", {**_where(space, client), "argv": ["true"]})
    started = _begin(play, space, dest=str(tmp_path), mode="job")
    _agent(space)
    address = space.pod("web")["status"]["podIP"]
    entry = space.entries(client)[0]["name"]
    _sh(space, client, entry, f"wget -qO- http://{address}/")

    space.kubectl("delete", "pod", "web", "--wait=false")
    run = started.wait()

    assert run.rc == 0, run.failure
    pod = run.task("Task").pod
    assert pod["ended_by"] == "target_gone"
    assert pod["partial"] is False
    assert [one["path"] for one in pod["summary"]["http"]["exchanges"]] == ["/"]
    assert "ended before its time" in run.text


def _where(space: Space, name: str) -> dict[str, Any]:
    return {"namespace": space.name, "name": name, "image": space.cluster.toolbox}


def test_a_later_run_fetches_what_a_killed_controller_has_begun(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    space.web()
    started = _begin(play, space, dest=str(tmp_path))
    debugger = _debugger(space)
    started.kill()
    _sh(space, "web", debugger, "wget -qO- http://localhost/")

    fetched = play.task("pod_capture", _options(space, state="fetched", dest=str(tmp_path)))

    assert fetched.pod["ended_by"] == "stopped"
    assert fetched.pod["partial"] is False
    assert [one["path"] for one in fetched.pod["summary"]["http"]["exchanges"]] == ["/"]
    _sh(space, "web", debugger, f"! ls {_BASES} 2>/dev/null | grep -q packets")


def test_a_recording_ends_by_itself_without_its_controller(space: Space, play: Playbooks) -> None:
    space.web()
    started = _begin(play, space, dest=str(play.folder), max_seconds=15)
    debugger = _debugger(space)
    started.kill()

    _until(space, "web", debugger, f"{_RUNS} | grep -q 'state=ended.*reason=max_seconds rc=0'")
    _sh(space, "web", debugger, "! cat /proc/[0-9]*/comm | grep -q tcpdump")


def test_a_killed_tcpdump_makes_the_capture_partial(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    space.web()
    begun = play.task("pod_capture", _options(space, state="started")).pod
    container = begun["seat"]["container"]
    _traffic(space, container)
    assert "killed" in _sh(space, "web", container, _KILL_TCPDUMP)
    fetch = _options(space, state="fetched", dest=str(tmp_path))

    failed = play.task("pod_capture", fetch, ok=False)

    assert "is partial: tcpdump was killed" in failed.msg
    assert "allow_partial=true" in failed.msg
    pod = failed.pod
    assert (pod["ended_by"], pod["partial"]) == ("killed", True)
    (file,) = pod["files"]
    assert Path(file["path"]).stat().st_size == file["size"] > 0
    assert pod["summary"]["packets"] > 0

    accepted = play.task("pod_capture", {**fetch, "allow_partial": True})
    assert accepted.pod["partial"] is True
    assert accepted.pod["files"][0]["sha256"] == file["sha256"]


def test_a_killed_recorder_leaves_its_tcpdump_to_be_stopped(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    space.web()
    begun = play.task("pod_capture", _options(space, state="started")).pod
    container = begun["seat"]["container"]
    assert "killed" in _sh(space, "web", container, _KILL_RECORDER)
    _sh(space, "web", container, "cat /proc/[0-9]*/comm | grep -q tcpdump")
    _sh(space, "web", container, "wget -qO- http://localhost/")

    fetched = play.task("pod_capture", _options(space, state="fetched", dest=str(tmp_path)))

    assert fetched.pod["ended_by"] == "stopped"
    assert [one["path"] for one in fetched.pod["summary"]["http"]["exchanges"]] == ["/"]
    _sh(space, "web", container, "! cat /proc/[0-9]*/comm | grep -q tcpdump")


def test_what_tcpdump_refuses_is_told_in_its_words(space: Space, play: Playbooks) -> None:
    space.web()
    bad = {"filter": "tcp prt 80", "state": "started"}
    failed = play.task("pod_capture", _options(space, **bad), ok=False)
    assert "tcpdump refuses filter='tcp prt 80': can't parse filter expression" in failed.msg

    nowhere = {"interface": "eth7", "state": "started"}
    failed = play.task("pod_capture", _options(space, **nowhere), ok=False)
    assert "interface=eth7" in failed.msg
    assert "There are: lo, eth0" in failed.msg
    (entry,) = space.entries("web")
    _sh(space, "web", entry["name"], f"! ls {_BASES} 2>/dev/null | grep -q 0001")


def test_a_baseline_namespace_has_captures_without_added_capabilities(
    new_space: NewSpace, new_play: NewPlay, tmp_path: Path
) -> None:
    space = new_space(level="baseline", rules=_RULES)
    play = new_play(space)
    space.web(spec={"securityContext": {"runAsNonRoot": True, "runAsUser": 1000}}, **_HIGH_PORT)
    begun = play.task("pod_capture", _options(space, state="started", filter="tcp port 8080")).pod
    assert begun["mode"] == "ephemeral"
    assert "Pod Security level baseline" in " ".join(begun["reasons"])
    url = "http://localhost:8080/"
    _sh(space, "web", begun["seat"]["container"], f"wget -qO- {url}")

    fetched = play.task("pod_capture", _options(space, state="fetched", dest=str(tmp_path)))

    assert [one["path"] for one in fetched.pod["summary"]["http"]["exchanges"]] == ["/"]


_HIGH_PORT: dict[str, Any] = {"container": {"env": [{"name": "PORT", "value": "8080"}]}}


def test_a_restricted_namespace_needs_another_for_the_job(
    new_space: NewSpace, new_play: NewPlay, tmp_path: Path
) -> None:
    space = new_space(level="restricted", rules=_RULES)
    agents = new_space(rules=[])
    play = new_play(space)
    space.web(**_RESTRICTED)
    options = _options(space, dest=str(tmp_path), max_seconds=2, filter="")
    failed = play.task("pod_capture", options, ok=False)
    assert "ephemeral with NET_ADMIN, NET_RAW: Pod Security level restricted" in failed.msg
    assert "job: " in failed.msg
    assert space.entries("web") == []

    _let_in(agents, space)
    pod = play.task("pod_capture", {**options, "agent_namespace": agents.name}).pod

    assert pod["mode"] == "job"
    assert pod["seat"]["namespace"] == agents.name
    assert pod["partial"] is False
    assert pod["files"][0]["whole"] is True


_RESTRICTED: dict[str, Any] = {
    "container": {
        "env": [{"name": "PORT", "value": "8080"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
}


def _let_in(agents: Space, space: Space) -> None:
    """Give the account of one namespace the rights for agents in another."""
    metadata = {"name": "agents", "namespace": agents.name}
    rbac = "rbac.authorization.k8s.io"
    agents.cluster.create(
        [
            {
                "apiVersion": f"{rbac}/v1",
                "kind": "Role",
                "metadata": metadata,
                "rules": manifests.AGENT_RULES,
            },
            {
                "apiVersion": f"{rbac}/v1",
                "kind": "RoleBinding",
                "metadata": metadata,
                "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "agents"},
                "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": space.name}],
            },
        ]
    )


def test_a_capture_does_not_get_its_pod_evicted(
    new_space: NewSpace, new_play: NewPlay, tmp_path: Path
) -> None:
    space = new_space(rules=_RULES)
    play = new_play(space)
    # Requests are as high as limits where they are not said, and not every node has that to give.
    storage = {"limits": {"ephemeral-storage": "100Mi"}, "requests": {"ephemeral-storage": "0"}}
    space.web(container={"resources": storage})
    options = _options(space, dest=str(tmp_path), max_seconds=2)

    refused = play.task("pod_capture", {**options, "mode": "ephemeral"}, ok=False)
    assert "may store 104857600 bytes" in refused.msg
    assert "Lower max_bytes to 52428800" in refused.msg
    assert space.entries("web") == []

    small = play.task("pod_capture", {**options, "max_bytes": 52428800}).pod
    assert small["mode"] == "ephemeral"

    pod = play.task("pod_capture", options).pod
    assert pod["mode"] == "job"
    assert "may store 104857600 bytes" in pod["reasons"][0]
