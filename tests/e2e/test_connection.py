# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays whose hosts are pods: the connection plugin ephemeral."""

from __future__ import annotations

import hashlib
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.hosts import HOSTS_PATIENCE, inventory, on_pods
from e2ekit.playbooks import Playbooks, Run, TaskResult

__all__: list[str] = []

# Text that does harm where anything takes it for more than a name.
_HOSTILE = 'it\'s "$(touch pwned)"; `touch pwned` -n\n\u00e9 %s\\0'
_MIB = 1024 * 1024
_PODS = 20
_HOSTS = 100
_FORKS = 20


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def test_a_play_inside_pods_without_a_shell(space: Space, play: Playbooks, tmp_path: Path) -> None:
    """Modules and files with and without pipelining; the last of them of 50 MB."""
    for name in ("web", "other"):
        space.web(name)
    payload, script, outside = tmp_path / "payload", tmp_path / "it's a script", tmp_path / "out"
    payload.write_bytes(random.Random(0).randbytes(50 * _MIB + 1))
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$1" "$(hostname)"\n', encoding="utf-8")
    outside.mkdir()
    inside = f"/tmp/{_HOSTILE}"
    listed = inventory(
        space,
        tmp_path,
        {
            "by-variables": {
                "kubedebug_pod": "web",
                "kubedebug_container": "web",
                "kubedebug_keep": False,
            },
            "by-address": {"ansible_host": f"{space.name}/other/web", "ansible_pipelining": True},
        },
        kubedebug_ticket="INC-1",
        kubedebug_env={"KD_FILE": inside},
    )

    play.play(
        "connection",
        "-i",
        listed,
        timeout=HOSTS_PATIENCE,
        kd_payload=str(payload),
        kd_inside=inside,
        kd_outside=str(outside),
        kd_script=f'"{script}"',
    )

    for host in ("by-variables", "by-address"):
        assert _digest(outside / host) == _digest(payload), host
    assert not list(tmp_path.rglob("pwned"))
    # The one was ended when the connection was reset, and the next task had a new one.
    ended, running = sorted(space.states("web").values(), key=lambda state: "running" in state)
    assert ended["terminated"]["exitCode"] == 0
    assert "running" in running
    (kept,) = space.entries("other")
    assert "running" in space.states("other")[kept["name"]]
    marks = {each["name"]: each["value"] for each in kept["env"]}
    assert marks["KUBEDEBUG_TICKET"] == "INC-1"
    assert kept["targetContainerName"] == "web"


def test_the_pods_of_an_inventory(space: Space, play: Playbooks, tmp_path: Path) -> None:
    """The hosts come from the inventory plugin, and nothing else leads the connection to them."""
    for name in ("one", "two"):
        space.web(name, labels={"app": "joined"})
    space.web("other")
    source = tmp_path / "shop.kubedebug.yml"
    wanted = {
        "plugin": "kubedebug.core.pods",
        "namespaces": [space.name],
        "label_selectors": ["app=joined"],
    }
    source.write_text(json.dumps(wanted), encoding="utf-8")
    outside = tmp_path / "out"
    tasks: list[dict[str, Any]] = [
        {"name": "Setup", "ansible.builtin.setup": {"gather_subset": ["min"]}},
        {"name": "Command", "ansible.builtin.command": {"argv": ["cat", "/proc/1/comm"]}},
        {
            "name": "Copy",
            "ansible.builtin.copy": {"content": "{{ kubedebug_pod }}", "dest": "/tmp/name"},
        },
        {
            "name": "Fetch",
            "ansible.builtin.fetch": {
                "src": "/tmp/name",
                "dest": f"{outside}/{{{{ kubedebug_pod }}}}",
                "flat": True,
            },
        },
    ]
    variables = {
        "kubedebug_image": space.cluster.toolbox,
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_pipelining": True,
    }
    path = on_pods(play, tasks, hosts="kubedebug", vars=variables)

    run = play.play(path, "-i", str(source), timeout=HOSTS_PATIENCE)

    pods = {each.result["ansible_facts"]["ansible_hostname"] for each in _of(run, "Setup")}
    assert pods == {"one", "two"}
    assert {each["stdout"] for each in _of(run, "Command")} == {"web"}
    assert {each.name: each.read_text(encoding="utf-8") for each in outside.iterdir()} == {
        name: name for name in ("one", "two")
    }
    assert space.entries("other") == []


def _of(run: Run, task: str) -> list[TaskResult]:
    return [each for each in run.tasks if each.task == task]


def test_a_hundred_hosts_at_once(space: Space, play: Playbooks, tmp_path: Path) -> None:
    """Hosts that mean the same pod share a debugger, also when all of them begin at once."""
    space.create(manifests.deployment("many", space.cluster.web, replicas=_PODS))
    space.wait("deployment/many", "condition=Available")
    pods = [pod["metadata"]["name"] for pod in space.cluster.get("pods", "-n", space.name)["items"]]
    assert len(pods) == _PODS
    hosts = {f"host-{number}": {"kubedebug_pod": pods[number % _PODS]} for number in range(_HOSTS)}
    listed = inventory(space, tmp_path, hosts)
    path = on_pods(
        play, [{"name": "Who", "ansible.builtin.raw": "hostname", "changed_when": False}]
    )

    run = play.play(path, "-i", listed, "--forks", str(_FORKS), timeout=HOSTS_PATIENCE)

    answers = {each.host: each["stdout"].strip() for each in run.tasks}
    assert answers == {host: variables["kubedebug_pod"] for host, variables in hosts.items()}
    assert [len(space.entries(pod)) for pod in pods[:3]] == [1, 1, 1]
    every = space.cluster.get("pods", "-n", space.name)["items"]
    assert {len(pod["spec"]["ephemeralContainers"]) for pod in every} == {1}


def test_a_pod_that_goes_in_mid_play(space: Space, play: Playbooks, tmp_path: Path) -> None:
    for name in ("goes", "stays"):
        space.web(name)
    listed = inventory(
        space,
        tmp_path,
        {name: {"kubedebug_pod": name} for name in ("goes", "stays")},
    )
    delete = [*space.cluster.kubectl_argv, "-n", space.name, "delete", "pod", "goes"]
    path = on_pods(
        play,
        [
            {"name": "Before", "ansible.builtin.raw": "true"},
            {
                "name": "Delete",
                "ansible.builtin.command": {"argv": [*delete, "--now"]},
                "delegate_to": "localhost",
                "run_once": True,
                "environment": {"KUBECONFIG": str(space.cluster.kubeconfig)},
                "vars": {"ansible_connection": "local"},
            },
            {
                "name": "Stop",
                "kubedebug.core.ephemeral_container": {
                    "namespace": space.name,
                    "name": "stays",
                    "state": "stopped",
                    "grace_period": 0,
                },
                "delegate_to": "localhost",
                "run_once": True,
            },
            {"name": "After", "ansible.builtin.raw": "true"},
        ],
    )

    run = play.play(path, "-i", listed, ok=False, timeout=HOSTS_PATIENCE)

    after = {each.host: each for each in run.tasks if each.task == "After"}
    assert after["stays"].status == "ok"
    assert after["goes"].status == "unreachable"
    assert f"namespace {space.name} has no pod goes" in after["goes"].msg
    # A debugger that has ended is replaced, and the user hears what that means.
    assert len(space.entries("stays")) == 2
    assert "is gone or ends soon, and the tasks go on in kubedebug-" in run.text
    assert "Traceback" not in run.output


def test_a_pod_that_goes_while_a_command_runs(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    space.web()
    listed = inventory(space, tmp_path, {"web": {}})
    path = on_pods(play, [{"name": "Long", "ansible.builtin.raw": "echo; sleep 600"}])
    started = play.start(path, "-i", listed)
    space.wait("pod/web", "jsonpath={.status.ephemeralContainerStatuses[0].state.running}")
    (entry,) = space.entries("web")
    argv = ["exec", "web", "-c", entry["name"], "--", "sh", "-c"]
    space.kubectl(*argv, "until grep -qs 600 /proc/[0-9]*/cmdline; do sleep 0.1; done")

    space.kubectl("delete", "pod", "web", "--now")
    run = started.wait(HOSTS_PATIENCE)

    (long,) = run.tasks
    assert run.rc != 0
    assert long.status == "unreachable", long
    assert f"{space.name}/web" in long.msg
    assert "Traceback" not in run.output


_REFUSED: list[Any] = [
    pytest.param({"ansible_host": "a/b/c/d"}, "'a/b/c/d' names no pod", id="address"),
    pytest.param({"kubedebug_pod": "Web"}, "pod='Web' is not the name", id="name"),
    pytest.param({"kubedebug_lifetime": 5}, "lifetime=5 is too short", id="lifetime"),
    pytest.param({"kubedebug_image": "A B"}, "image='A B' is not the name", id="image"),
    pytest.param({"kubedebug_pod": "nope"}, "has no pod nope", id="pod"),
    pytest.param({"kubedebug_container": "nope"}, "container=nope", id="container"),
    pytest.param({"kubedebug_seat": "nope"}, "the pod or the container is gone", id="seat"),
    pytest.param(
        {"kubedebug_seat": "web"}, "Nothing can be run where there is no sh", id="no-shell"
    ),
    pytest.param({"kubedebug_kubeconfig": "/nope"}, "kubeconfig names /nope", id="kubeconfig"),
    pytest.param(
        {"ansible_become": True, "ansible_become_password": "secret"},
        "become asks for a password",
        id="become",
    ),
]


def test_what_is_refused(shared: Space, shared_play: Playbooks, tmp_path: Path) -> None:
    """Each host is a mistake of its own; none of them adds anything to the pod."""
    before = shared.entries("web")
    hosts = {str(case.id): {"kubedebug_pod": "web", **case.values[0]} for case in _REFUSED}
    del hosts["address"]["kubedebug_pod"]
    listed = inventory(shared, tmp_path, hosts)
    path = on_pods(shared_play, [{"name": "Task", "ansible.builtin.raw": "true"}])

    run = shared_play.play(path, "-i", listed, ok=False, timeout=HOSTS_PATIENCE)

    messages = {each.host: each.msg for each in run.tasks}
    for case in _REFUSED:
        assert case.values[1] in messages[str(case.id)], case.id
    assert {each.status for each in run.tasks} == {"failed", "unreachable"}
    assert "Traceback" not in run.output
    assert "secret" not in run.output
    assert shared.entries("web") == before


def test_without_the_right_to_exec(new_space: NewSpace, new_play: NewPlay, tmp_path: Path) -> None:
    rules = [rule for rule in manifests.DEBUG_RULES if rule["resources"] != ["pods/exec"]]
    space = new_space(rules=rules)
    space.web()
    play = new_play(space)
    listed = inventory(space, tmp_path, {"web": {}})
    path = on_pods(play, [{"name": "Task", "ansible.builtin.raw": "true"}])

    run = play.play(path, "-i", listed, ok=False, timeout=HOSTS_PATIENCE)

    assert run.task("Task").status == "unreachable"
    assert '"pods/exec"' in run.task("Task").msg
    assert "kubedebug.core.rbac" in run.task("Task").msg
    assert space.entries("web") == []


def test_a_file_that_cannot_be_had_or_written(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    space.web()
    listed = inventory(space, tmp_path, {"web": {}})
    payload = tmp_path / "payload"
    payload.touch()
    # More than the memory file system of a pod holds.
    os.truncate(payload, 70 * _MIB)
    path = on_pods(
        play,
        [
            {
                "name": "Write",
                "ansible.builtin.copy": {"src": str(payload), "dest": "/tmp/payload"},
                "vars": {"ansible_remote_tmp": "/dev/shm/full"},
                "ignore_errors": True,
            },
            {
                "name": "What is left of it",
                "ansible.builtin.raw": "find /dev/shm -type f; test ! -e /tmp/payload",
            },
            {
                "name": "Fetch what is not there",
                "ansible.builtin.fetch": {"src": "/nope", "dest": f"{tmp_path}/", "flat": True},
                "ignore_errors": True,
            },
            {
                "name": "Fetch what cannot be read whole",
                "ansible.builtin.fetch": {
                    "src": "/proc/self/mem",
                    "dest": f"{tmp_path}/",
                    "flat": True,
                    "validate_checksum": False,
                },
                "ignore_errors": True,
            },
        ],
    )

    run = play.play(path, "-i", listed, timeout=HOSTS_PATIENCE)

    written = run.task("Write")
    assert written.status == "ignored"
    assert "No space left on device. Nothing of it was left there." in written.msg
    assert run.task("What is left of it")["stdout"] == ""
    assert run.task("Fetch what is not there").status == "ignored"
    assert run.task("Fetch what cannot be read whole").status == "ignored"
    assert not (tmp_path / "mem").exists()
    assert "Traceback" not in run.output
