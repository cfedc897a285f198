# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forwards to ports of pods: what goes through them, and that none is left behind."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Cluster, Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.playbooks import Playbooks

__all__: list[str] = []

_WITHIN = 60.0

# Answers each connection with the checksum of what it was sent and then with the same, reversed.
_SERVER = """
import hashlib, socketserver
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        size = int(self.rfile.readline())
        data = self.rfile.read(size)
        self.wfile.write(hashlib.sha256(data).digest() + data[::-1])
class Server(socketserver.ThreadingTCPServer):
    request_queue_size = 128
    allow_reuse_address = True
Server(("", 7000), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def forwarding(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    """A namespace whose service account may forward ports and nothing else, with two pods."""
    space = cluster.new_space(
        tmp_path_factory.mktemp("forwarding"),
        rules=manifests.FORWARD_RULES + manifests.WORKLOAD_RULES,
    )
    try:
        space.web(
            "echo",
            image=cluster.toolbox,
            container={
                "command": ["python3", "-c", _SERVER],
                "readinessProbe": {"tcpSocket": {"port": 7000}, "periodSeconds": 1},
                "ports": [{"containerPort": 7000, "name": "echo"}],
            },
        )
        yield space
    finally:
        cluster.delete_space(space.name)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Path]:
    """The folder that the forwards of the test have their files in; none may be left running."""
    folder = tmp_path / "runtime"
    folder.mkdir(mode=0o700)
    yield folder
    left = []
    for path in folder.rglob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["ended"] is None and _runs(record["pid"]):
            left.append(record)
            os.kill(record["pid"], signal.SIGKILL)
    assert left == []


@pytest.fixture
def play(new_play: NewPlay, forwarding: Space, runtime: Path) -> Playbooks:
    return new_play(forwarding, XDG_RUNTIME_DIR=str(runtime))


@pytest.fixture
def forward(play: Playbooks, forwarding: Space, runtime: Path) -> Iterator[Callable[..., Any]]:
    """Start a forward that outlives its playbook; it is killed after a test that fails."""
    pids: list[int] = []

    def start(name: str = "echo", port: str = "7000", **options: Any) -> dict[str, Any]:
        args = {"namespace": forwarding.name, "name": name, "port": port}
        keep = {"outlive_playbook": True, **options}
        pod = play.task("pod_port_forward", {**args, **keep}).pod
        pids.append(pod["pid"])
        return pod

    yield start
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def _wait_gone(pid: int) -> None:
    deadline = time.monotonic() + _WITHIN
    while _runs(pid):
        assert time.monotonic() < deadline, f"the process {pid} of the forward is still there"
        time.sleep(0.05)


def _refuses(local_port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(_WITHIN)
        return sock.connect_ex(("127.0.0.1", local_port)) != 0


def _stop(play: Playbooks, space: Space, name: str = "echo") -> Any:
    return play.task(
        "pod_port_forward", {"namespace": space.name, "name": name, "state": "stopped"}
    )


def _exchange(local_port: int, data: bytes) -> bool:
    """Send data through a forward; tell whether both ways were whole."""
    with socket.create_connection(("127.0.0.1", local_port), _WITHIN) as sock:
        sock.sendall(b"%d\n" % len(data))
        sock.sendall(data)
        answer = bytearray()
        while part := sock.recv(1 << 16):
            answer += part
    digest = hashlib.sha256(data).digest()
    return bytes(answer[: len(digest)]) == digest and bytes(answer[len(digest) :]) == data[::-1]


def test_the_tasks_of_a_block(forwarding: Space, play: Playbooks, tmp_path: Path) -> None:
    web = manifests.deployment("web", forwarding.cluster.web, replicas=3)
    web["spec"]["template"]["spec"]["containers"][0]["ports"][0]["name"] = "http"
    forwarding.create(web)
    forwarding.wait("deployment/web", "condition=Available")
    other = tmp_path / "python3"
    other.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n', encoding="utf-8")
    other.chmod(0o755)

    run = play.play("port_forward", kd_other_python=str(other))

    for pod in run.task("Forward the port of each pod")["pods"]:
        _wait_gone(pod["pid"])
        assert _refuses(pod["local_port"])


def test_fifty_connections_at_once(
    forwarding: Space, play: Playbooks, forward: Callable[..., Any]
) -> None:
    local_port = forward()["local_port"]
    sizes = [2_000_000 + number for number in range(50)]

    with ThreadPoolExecutor(len(sizes)) as pool:
        whole = list(pool.map(lambda size: _exchange(local_port, os.urandom(size)), sizes))

    assert whole == [True] * len(sizes)
    pod = _stop(play, forwarding).pod
    # All of them, and none of what the probe did.
    assert pod["connections"] == len(sizes)
    assert pod["failed_connections"] == 0
    assert pod["bytes_to_pod"] == sum(sizes) + sum(len(f"{size}\n") for size in sizes)
    assert pod["bytes_from_pod"] == sum(sizes) + 32 * len(sizes)


def test_it_ends_at_its_deadline(
    forwarding: Space, play: Playbooks, forward: Callable[..., Any]
) -> None:
    pod = forward(lifetime=3)

    _wait_gone(pod["pid"])

    assert _refuses(pod["local_port"])
    stopped = _stop(play, forwarding)
    assert not stopped["changed"]
    assert stopped.pod["action"] == "none"
    assert stopped.pod["ended"] == "its lifetime was over"


@pytest.mark.parametrize("how", ["killed", "ended"])
def test_it_ends_with_its_playbook(
    forwarding: Space, play: Playbooks, runtime: Path, how: str
) -> None:
    args = {"namespace": forwarding.name, "name": "echo", "port": "echo"}
    tasks: list[dict[str, Any]] = [{"name": "Forward", "kubedebug.core.pod_port_forward": args}]
    if how == "killed":
        # It never comes.
        wait = {"path": str(runtime / "never"), "timeout": 600}
        tasks.append({"name": "Wait", "ansible.builtin.wait_for": wait})
    started = play.start(play.write(tasks))
    record = _record(runtime)

    if how == "killed":
        assert not _refuses(record["local_port"])
        started.kill()
    else:
        assert started.wait().rc == 0

    _wait_gone(record["pid"])
    assert _refuses(record["local_port"])
    assert list(runtime.rglob("*.json")) == []


def _record(runtime: Path) -> dict[str, Any]:
    """The record of the one forward, once it is there."""
    deadline = time.monotonic() + _WITHIN
    while time.monotonic() < deadline:
        for path in runtime.rglob("*.json"):
            # It may have gone again.
            with contextlib.suppress(FileNotFoundError):
                found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
                return found
        time.sleep(0.02)
    raise AssertionError("no forward was started")


def test_it_ends_with_its_pod(
    forwarding: Space, play: Playbooks, forward: Callable[..., Any]
) -> None:
    forwarding.web("short-lived")
    pod = forward("short-lived", "80")
    with socket.create_connection(("127.0.0.1", pod["local_port"]), _WITHIN) as sock:
        sock.settimeout(_WITHIN)
        forwarding.kubectl("delete", "pod", "short-lived", "--grace-period=1")
        # What was open is not taken for complete.
        with pytest.raises(ConnectionResetError):
            sock.sendall(b"GET /slow?ms=600000 HTTP/1.0\r\n\r\n")
            while sock.recv(1024):
                pass

    _wait_gone(pod["pid"])

    assert _refuses(pod["local_port"])
    stopped = _stop(play, forwarding, "short-lived")
    assert not stopped["changed"]
    assert stopped.pod["ended"] == "the pod was deleted"
    assert stopped.pod["connections"] == 1


def test_a_longer_lifetime_is_given_to_a_forward_that_is_there(
    forwarding: Space, play: Playbooks, forward: Callable[..., Any]
) -> None:
    first = forward(lifetime=300)
    second = forward(lifetime=600)

    assert second["pid"] == first["pid"]
    assert second["action"] == "reused"
    assert second["expires"] > first["expires"]
    third = forward(lifetime=60)
    assert third["expires"] == second["expires"]
    assert _stop(play, forwarding).pod["action"] == "stopped"


def test_what_cannot_be_forwarded(forwarding: Space, play: Playbooks) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        local_port = taken.getsockname()[1]
        cases: list[tuple[dict[str, Any], list[str]]] = [
            ({"port": "7001"}, ["nothing listens on port 7001"]),
            ({"port": "metrics"}, ["no port of the name metrics", "echo (7000)"]),
            ({"local_port": local_port}, [f"local_port={local_port} is in use"]),
            ({"name": "nowhere"}, ["has no pod nowhere"]),
            ({"port": None}, ["port is missing"]),
        ]
        tasks = [
            {
                "name": f"Case {number}",
                "kubedebug.core.pod_port_forward": {
                    **{"namespace": forwarding.name, "name": "echo", "port": "7000"},
                    **args,
                },
                "failed_when": False,
            }
            for number, (args, _words) in enumerate(cases)
        ]

        run = play.play(play.write(tasks))

    for number, (_args, words) in enumerate(cases):
        message = run.task(f"Case {number}").msg
        for word in words:
            assert word in message
        assert "Traceback" not in message
    stopped = play.task("pod_port_forward", {"state": "stopped"})
    assert stopped["pods"] == []


def test_rbac_that_does_not_allow_it(new_space: NewSpace, new_play: NewPlay, runtime: Path) -> None:
    space = new_space(rules=manifests.DEBUG_RULES)
    space.create(manifests.pod("web", space.cluster.web))
    space.wait("pod/web", "condition=Ready")
    play = new_play(space, XDG_RUNTIME_DIR=str(runtime))

    failed = play.task(
        "pod_port_forward", {"namespace": space.name, "name": "web", "port": "80"}, ok=False
    )

    assert 'verbs ["create"] on resources ["pods/portforward"]' in failed.msg
    assert "kubedebug.core.rbac" in failed.msg
