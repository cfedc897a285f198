# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Agents: what they are in, what they are told, when they end, and where they are refused."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.playbooks import REPOSITORY, Playbooks

__all__: list[str] = []

_RULES = [*manifests.DEBUG_RULES, *manifests.AGENT_RULES]
_KINDS = ["net", "mnt", "pid", "ipc", "uts", "cgroup"]

# An agent that looks at itself: it says that it is ready only if all is as it was told.
_STAND_IN = """
import os, socket, sys, time
pid, container_id, runtime, path, word = sys.argv[1:]
inode = lambda who, kind: os.readlink(f"/proc/{who}/ns/{kind}")
with open(f"/proc/{pid}/cgroup") as file:
    assert container_id in file.read(), "another process"
with open(f"/proc/{pid}/cmdline") as file:
    assert "/web" in file.read(), "another program"
assert runtime in ("containerd", "cri-o", "docker"), runtime
assert inode("self", "net") == inode(pid, "net"), "another network"
assert inode("self", "uts") != inode(pid, "uts"), "the target's host name"
assert word == "$(HOME) {x} a'b", word
link = socket.socket(socket.AF_UNIX)
link.connect(path)
assert link.recv(100) == b"runtime", "another socket"
assert not os.path.exists("/var/run/secrets/kubernetes.io"), "a token"
assert os.statvfs("/kubedebug").f_frsize, "no scratch volume"
print("stand-in ready", flush=True)
time.sleep(600)
"""

# With version 1 of cgroups, runtimes give containers no cgroup namespace of their own.
_APART = """
import ctypes, os
assert ctypes.CDLL(None).unshare(0x02000000) == 0
os.execvp("sleep", ["sleep", "600"])
"""

_LOOK = """
import os, sys
pid, kinds, commands = sys.argv[1], sys.argv[2:8], sys.argv[8:]
for one in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{one}/cmdline", "rb") as file:
            words = file.read().decode("utf-8", "replace").split("\\0")
    except OSError:
        continue
    if words[0] == "sleep" and words[1] in commands:
        for kind in kinds:
            print(words[1], kind, os.readlink(f"/proc/{one}/ns/{kind}"))
for kind in kinds:
    print("target", kind, os.readlink(f"/proc/{pid}/ns/{kind}"))
"""

_SERVER = """
import os, socket, sys
path = sys.argv[1]
os.makedirs(os.path.dirname(path))
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
print("listening", flush=True)
while True:
    link, _peer = listener.accept()
    link.sendall(b"runtime")
    link.close()
"""


@pytest.fixture
def space(new_space: NewSpace) -> Space:
    """A namespace with the documented RBAC of agents and debuggers."""
    return new_space(rules=_RULES)


def _args(space: Space, **args: Any) -> dict[str, Any]:
    common = {
        "namespace": space.name,
        "name": "web",
        "image": space.cluster.toolbox,
        "wait_timeout": 60,
    }
    return {**common, **args}


def _jobs(space: Space) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = space.cluster.get("jobs", "-n", space.name)["items"]
    return found


def _toolbox(space: Space, name: str, *argv: str, **spec: Any) -> None:
    container = {"command": list(argv), **spec.pop("container", {})}
    space.web(name, image=space.cluster.toolbox, container=container, spec=spec)


def test_each_namespace_on_its_own(space: Space, play: Playbooks) -> None:
    privileged = {"securityContext": {"privileged": True}}
    _toolbox(space, "box", "python3", "-c", _APART, container=privileged)

    run = play.play("agent_namespaces")

    seats = [item["pods"][0] for item in run.task("Have one for each")["results"]]
    pid = seats[0]["pid"]
    commands = {f"4720{index}": [kind] for index, kind in enumerate(_KINDS)} | {"47210": _KINDS}
    found = _inodes(space, seats[0], list(commands), pid)
    for command, kinds in commands.items():
        shared = [kind for kind in _KINDS if found[command][kind] == found["target"][kind]]
        assert shared == kinds, command
    beside = run.task("Have one in the pod itself").pod
    inside = _inodes(space, beside, ["47211"], 1)
    assert inside["47211"] == inside["target"]


def _inodes(
    space: Space, agent: dict[str, Any], commands: list[str], pid: int
) -> dict[str, dict[str, str]]:
    """The namespaces of the agents' commands (told apart by what they sleep) and of the target."""
    seat = ["-n", agent["agent_namespace"], agent["agent_pod"], "-c", agent["agent_container"]]
    text = space.cluster.kubectl(
        "exec", *seat, "--", "python3", "-c", _LOOK, str(pid), *_KINDS, *commands
    )
    found: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        who, kind, inode = line.split()
        assert kind not in found.setdefault(who, {}), f"two processes sleep {who}"
        found[who][kind] = inode
    return found


def test_what_an_agent_is_told(space: Space, play: Playbooks) -> None:
    space.web()
    folder = f"/run/kubedebug-e2e-{secrets.token_hex(4)}"
    path = f"{folder}/runtime.sock"
    run = {"name": "run", "hostPath": {"path": "/run"}}
    mount = {"name": "run", "mountPath": "/run"}
    server = {"volumeMounts": [mount]}
    _toolbox(space, "node", "python3", "-c", _SERVER, path, container=server, volumes=[run])
    try:
        space.kubectl("exec", "node", "--", "sh", "-c", f"until [ -S {path} ]; do sleep 0.1; done")
        words = ["{pid}", "{container_id}", "{runtime}", "{socket}", "$(HOME) {x} a'b"]
        args = _args(
            space,
            mode="auto",
            namespaces=["net"],
            command=["python3", "-c", _STAND_IN, *words],
            runtime_socket=path,
            ready_log="^stand-in ready$",
        )

        opened = play.task("agent_job", args)

        assert opened.pod["mode"] == "job"
        assert opened.pod["socket"] == f"/host{path}"
        assert "runtime_socket" in opened.pod["reasons"][0]
        play.task("agent_job", {**_args(space), "state": "absent"})
        assert _jobs(space) == []
    finally:
        space.kubectl("exec", "node", "--", "rm", "-r", folder)


def test_the_job_is_what_was_asked_for(space: Space, play: Playbooks) -> None:
    space.web()
    overrides = {
        "spec": {"template": {"spec": {"containers": [{"name": "agent", "workingDir": "/tmp"}]}}}
    }

    play.task(
        "agent_job",
        _args(
            space,
            namespaces=["net"],
            command=["sleep", "600"],
            capabilities=["SYS_ADMIN", "SYS_PTRACE"],
            env={"PLAIN": "shown-by-nobody"},
            resources={"limits": {"memory": "64Mi"}},
            overrides=overrides,
            owner="alice",
            ticket="OPS-17",
            ttl=60,
            lifetime=900,
        ),
        "--diff",
    )

    assert "shown-by-nobody" not in play.runs[-1].output
    (job,) = _jobs(space)
    pod = space.pod("web")
    assert job["metadata"]["ownerReferences"][0]["uid"] == pod["metadata"]["uid"]
    assert job["metadata"]["annotations"]["kubedebug.core/owner"] == "alice"
    spec = job["spec"]
    assert (spec["ttlSecondsAfterFinished"], spec["activeDeadlineSeconds"]) == (60, 960)
    template = spec["template"]
    assert template["metadata"]["annotations"]["sidecar.istio.io/inject"] == "false"
    assert template["spec"]["nodeName"] == pod["spec"]["nodeName"]
    assert template["spec"]["hostPID"] is True
    assert template["spec"]["automountServiceAccountToken"] is False
    (container,) = template["spec"]["containers"]
    assert container["workingDir"] == "/tmp"
    assert container["securityContext"]["capabilities"] == {"add": ["SYS_ADMIN", "SYS_PTRACE"]}
    assert container["resources"]["limits"] == {"memory": "64Mi"}


def test_an_agent_ends_with_its_target(
    space: Space, new_space: NewSpace, new_play: NewPlay
) -> None:
    """In another namespace no garbage collector helps: the launcher alone sees the end."""
    other = new_space(rules=_RULES)
    space.web()
    play = new_play(space, K8S_AUTH_KUBECONFIG=str(space.cluster.kubeconfig))
    command = {"namespaces": ["net"], "command": ["sleep", "600"]}
    args = _args(space, agent_namespace=other.name, ttl=600)
    for one in ({}, command):
        play.task("agent_job", {**args, **one})

    space.kubectl("delete", "pod", "web", "--wait=false")

    for job in _jobs(other):
        name = job["metadata"]["name"]
        other.wait(f"job/{name}", "condition=Complete")
        assert "its target has ended" in other.kubectl("logs", f"job/{name}")


def test_an_agent_ends_by_itself(space: Space, play: Playbooks) -> None:
    """Without a wait: on a busy node an agent is over before anybody has seen it run."""
    space.web()
    args = _args(space, wait=False, ttl=600)
    ours = play.task("agent_job", {**args, "lifetime": 5}).pod["agent"]
    bare = {"image": space.cluster.web, "launcher": False, "active_deadline": 5}
    foreign = play.task("agent_job", {**args, **bare}).pod["agent"]

    space.wait(f"job/{ours}", "condition=Complete")
    space.wait(f"job/{foreign}", "condition=Failed")

    assert "the lifetime of 5 s is over" in space.kubectl("logs", f"job/{ours}")
    told = play.task("agent_job_info", {"namespace": space.name})["agents"]
    states = {each["name"]: (each["state"], each["exit_code"]) for each in told}
    assert states[ours] == ("finished", 0)
    assert states[foreign][0] == "failed"
    again = play.task("agent_job", {**args, "lifetime": 5}).pod
    assert (again["action"], again["agent"]) == ("created", f"{ours}-2")


@pytest.mark.parametrize("mode", ["job", "ephemeral"])
def test_a_port_makes_an_agent_ready(space: Space, play: Playbooks, mode: str) -> None:
    space.web()
    server = "sleep 1; exec httpd -f -p 8123 -h /tmp"
    args = _args(
        space, mode=mode, namespaces=["net"], command=["sh", "-c", server], ready_port=8123
    )

    pod = play.task("agent_job", args).pod

    seat = ["-n", pod["agent_namespace"], pod["agent_pod"], "-c", pod["agent_container"]]
    enter = ["nsenter", "-t", str(pod["pid"]), "-n"] if mode == "job" else []
    table = space.cluster.kubectl("exec", *seat, "--", *enter, "cat", "/proc/net/tcp6")
    assert ":1FBB " in table


def _the_task_of_the_error_works(space: Space, play: Playbooks, text: str) -> None:
    """What the error says to do is pasted as it stands, and taken away again."""
    task = json.loads(text[text.index("- {") + 2 : text.rindex("}") + 1])
    run = play.play(play.write([{"name": "Pasted", **task}]))
    copy = run.task("Pasted").pod
    assert copy["target"] == f"{space.name}/web"
    assert space.pod(copy["name"])["spec"]["shareProcessNamespace"] is True
    space.kubectl("delete", "pod", copy["name"])


def test_the_mode_is_what_the_namespace_allows(
    space: Space, new_space: NewSpace, new_play: NewPlay
) -> None:
    strict = new_space(rules=_RULES, level="baseline")
    strict.web()
    play = new_play(strict, K8S_AUTH_KUBECONFIG=str(strict.cluster.kubeconfig))
    args = _args(strict, mode="auto", namespaces=["net"])

    refused = play.task("agent_job", args, ok=False)
    passed = play.task("agent_job", {**args, "agent_namespace": space.name}).pod
    again = play.task("agent_job", {**args, "agent_namespace": space.name}).pod
    plain = play.task("agent_job", {**args, "namespaces": []}).pod

    for text in (
        f"Pod Security level baseline of namespace {strict.name} refuses it",
        "NET_ADMIN",
        "refuses the agent's pod",
        "hostPID",
        "agent_namespace",
        "a copy is not the target",
    ):
        assert text in refused.msg
    assert "Traceback" not in play.runs[0].output
    _the_task_of_the_error_works(strict, play, refused.msg)
    assert (passed["mode"], passed["agent_namespace"]) == ("job", space.name)
    assert "refuses it" in passed["reasons"][0]
    assert (again["action"], again["agent"]) == ("reused", passed["agent"])
    assert plain["mode"] == "ephemeral"
    assert _jobs(strict) == []
    assert len(strict.entries("web")) == 1


@pytest.mark.parametrize(
    ("group", "resource", "verb"),
    [("batch", "jobs", "create"), ("batch", "jobs", "watch"), ("", "pods/log", "get")],
)
def test_missing_rbac(
    new_space: NewSpace, new_play: NewPlay, group: str, resource: str, verb: str
) -> None:
    space = new_space(rules=_without(resource, verb))
    space.web()
    play = new_play(space)

    failed = play.task("agent_job", _args(space), ok=False)

    assert f'verbs ["{verb}"] on resources ["{resource}"] in apiGroup "{group}"' in failed.msg
    assert "kubedebug.core.rbac" in failed.msg
    assert _jobs(space) == []


def _without(resource: str, verb: str) -> list[dict[str, Any]]:
    rules = []
    for rule in manifests.AGENT_RULES:
        verbs = [each for each in rule["verbs"] if [resource] != rule["resources"] or each != verb]
        rules += [{**rule, "verbs": verbs}] if verbs else []
    return rules


@pytest.mark.parametrize("beforehand", [True, False])
def test_what_admission_refuses(new_space: NewSpace, new_play: NewPlay, beforehand: bool) -> None:
    """With the right to create pods it is known before a Job is made; else its events tell."""
    rules = manifests.AGENT_RULES if beforehand else _without("pods", "create")
    strict, full = new_space(rules=rules, level="baseline"), new_space(rules=rules)
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "one"}}
    for space in (strict, full):
        space.web()
    full.create({**quota, "spec": {"hard": {"pods": "1"}}})
    full.wait("resourcequota/one", "jsonpath={.status.used.pods}=1")

    for space, text in ((strict, "Pod Security level baseline"), (full, "exceeded quota")):
        failed = new_play(space).task("agent_job", _args(space, wait_timeout=600), ok=False)

        assert text in failed.msg
        assert "agent_namespace" in failed.msg
        space.kubectl("wait", "--for=delete", "job", "--all", "--timeout=60s")
        assert _jobs(space) == []


def test_a_list_with_a_strange_job(space: Space, play: Playbooks) -> None:
    space.web()
    strange = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "strange",
            "labels": {
                "app.kubernetes.io/managed-by": "kubedebug.core",
                "kubedebug.core/role": "agent",
            },
            "annotations": {"kubedebug.core/expires-at": "never", "kubedebug.core/target": "/"},
        },
        "spec": {
            "suspend": True,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "x", "image": "x"}],
                }
            },
        },
    }
    space.create(strange)
    mine = play.task("agent_job", _args(space, owner="alice", reason="It hangs")).pod

    told = play.task(
        "agent_job_info", {"namespace": space.name, "query": "[?owner == 'alice'].target"}
    )

    assert [each["name"] for each in told["agents"]] == [mine["agent"], "strange"]
    assert told["result"] == [f"{space.name}/web"]
    agent, other = told["agents"]
    assert (agent["state"], agent["reason_given"]) == ("running", "It hangs")
    assert (other["state"], other["expires_at"], other["pod"]) == ("waiting", None, None)


def test_the_playbook(space: Space, play: Playbooks) -> None:
    space.web()
    survey = {
        "agent_namespace": space.name,
        "agent_name": "web",
        "agent_image": space.cluster.toolbox,
        "agent_mode": "job",
        "agent_namespaces": "net, uts",
        "agent_command": "sh -c 'echo \"at $0\"; sleep 600' {pid}",
        "agent_env": "COLOR: blue",
        "agent_ready_log": "^at [0-9]+$",
        "agent_lifetime": "600",
        "agent_ticket": "OPS-17",
    }
    words = [word for name, value in survey.items() for word in ("-e", json.dumps({name: value}))]

    started = play.play("kubedebug.core.agent_pod", *words)
    ended = play.play(
        REPOSITORY / "playbooks" / "agent-pod.yml", *words, "-e", "agent_state=absent"
    )
    failed = play.play(
        "kubedebug.core.agent_pod", *words, "-e", '{"agent_command": "sh -c \'exit 4\'"}', ok=False
    )

    assert f"{space.name}/web: started job {space.name}/kubedebug-agent-" in started.stdout
    assert "go on: kubectl exec -it" in started.stdout
    assert f"{space.name}/web: ended job" in ended.stdout
    assert "ended early, with exit code 4" in failed.text
    assert "RESULT failed" in failed.stdout
