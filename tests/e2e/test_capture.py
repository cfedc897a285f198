# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures of known traffic: all of it is in the file, as Wireshark and our summary read it."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from e2ekit import manifests, tshark
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.playbooks import Playbooks

from ansible_collections.kubedebug.core.plugins.module_utils._capture import calls, recorder

__all__: list[str] = []

_PODS = 20
_REPETITIONS = 100
_SIDE_BY_SIDE = 6
_DATAGRAMS = 10_000
# Many containers are asked many things; a machine that does much else takes its time.
_LONG = 240

# A recording begun, one request in the very next moment, and the end of it; prints the number of
# packets in the file that hold the request. $1 number, $2 START, $3 STOP, $4 RECORD, $5... tcpdump.
_ONE_REQUEST = r"""
base=/tmp/kubedebug-capture name=race-$1
sh -c "$2" kubedebug-capture "$base" "$name" '{}' "$4" 60 0 '' \
    tcpdump -n -Z root -B 64 -i any -p -w packets -- tcp port 80 >"/tmp/started-$1"
wget -qO- "http://localhost/status?code=200&n=race$1" || exit 9
sh -c "$3" kubedebug-capture "$base" "$name" 30 >"/tmp/stopped-$1"
grep -q 'state=ended.*reason=stopped rc=0' "/tmp/stopped-$1" || { cat "/tmp/stopped-$1"; exit 8; }
grep -aq "GET /status?code=200&n=race$1 " "$base/$name/0001/packets" && echo "caught $1"
rm -rf "$base/$name"
"""

# $1 datagrams, each with its number, 5,000 in a second.
_FLOOD = r"""
import socket, sys, time
sender, number, start = socket.socket(type=socket.SOCK_DGRAM), 0, time.monotonic()
receiver = socket.socket(type=socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 9999))
while number < int(sys.argv[1]):
    if number < (time.monotonic() - start) * 5000:
        sender.sendto(number.to_bytes(4, "big") + b"x" * 96, ("127.0.0.1", 9999))
        number += 1
    else:
        time.sleep(0.001)
"""


def _options(space: Space, **more: Any) -> dict[str, Any]:
    return {"namespace": space.name, "name": "web", "image": space.cluster.toolbox, **more}


@pytest.mark.parametrize("mode", ["ephemeral", "job"])
def test_known_requests_are_in_the_file(
    new_space: NewSpace, new_play: NewPlay, tmp_path: Path, mode: str
) -> None:
    agent = manifests.AGENT_RULES if mode == "job" else []
    space = new_space(rules=manifests.DEBUG_RULES + agent)
    play = new_play(space)
    space.web()
    space.web("peer")
    address = space.pod("web")["status"]["podIP"]

    run = play.play("capture", kd_mode=mode, kd_dest=str(tmp_path / "home"), kd_address=address)

    fetched = run.task("Fetch")
    (file,) = fetched.pod["files"]
    path, merged = Path(file["path"]), Path(fetched["merged"]["path"])
    assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
    for each in (path, merged):
        assert tshark.fields(each, "http.request.uri", "ip.dst", display="http.request") == [
            ("/bytes?n=70001", "127.0.0.1"),
            ("/", address),
        ]
    requests = fetched.pod["summary"]["http"]["exchanges"]
    assert [(one["path"], one["status"]) for one in requests] == [
        # Queries may hold secrets: the summary leaves them out.
        ("/bytes", 200),
        ("/", 200),
    ]
    assert tshark.packets(path) == fetched.pod["packets"]["captured"]
    if mode == "job":
        assert len(space.entries("web")) == 1, "the client's debugger alone"
    # Nothing of the capture stays in the pod's storage, and no process.
    seat = fetched.pod["seat"]
    left = space.kubectl(
        *("exec", seat["pod"], "-c", seat["container"], "--", "sh", "-c"),
        "ls /kubedebug/capture/capture/* /tmp/kubedebug-capture/capture/* 2>/dev/null; "
        "cat /proc/[0-9]*/comm | grep tcpdump; true",
    )
    assert "packets" not in left
    if mode == "ephemeral":  # a Job sees the node's processes
        assert "tcpdump" not in left


def test_twenty_pods_at_once(space: Space, play: Playbooks, tmp_path: Path) -> None:
    space.create(manifests.deployment("many", space.cluster.web, replicas=_PODS))
    space.wait("deployment/many", "condition=Available")
    many = {
        "namespace": space.name,
        "workload": "deployment/many",
        "image": space.cluster.toolbox,
        "filter": "tcp port 80",
        "max_seconds": 300,
        "max_pods": _PODS,
    }
    ask = ["sh", "-c", 'wget -qO- --header="Host: $(hostname)" http://localhost/']
    command = {key: many[key] for key in ("namespace", "workload", "image", "max_pods")}
    path = play.write(
        [
            {"name": "Begin", "kubedebug.core.pod_capture": {**many, "state": "started"}},
            {"name": "Ask", "kubedebug.core.ephemeral_command": {**command, "argv": ask}},
            {
                "name": "Fetch",
                "kubedebug.core.pod_capture": {
                    **many,
                    "state": "fetched",
                    "dest": str(tmp_path),
                    "merge": True,
                },
            },
        ]
    )

    fetched = play.play(path, timeout=_LONG).task("Fetch")

    pods = fetched["pods"]
    assert len(pods) == _PODS
    for pod in pods:
        assert pod["partial"] is False
        (one,) = pod["summary"]["http"]["exchanges"]
        assert one["host"] == pod["name"]
    merged = Path(fetched["merged"]["path"])
    assert fetched["merged"]["packets"] == sum(pod["packets"]["captured"] for pod in pods)
    assert len(fetched["merged"]["interfaces"]) == _PODS
    asked = tshark.fields(merged, "http.host", "frame.interface_name", display="http.request")
    assert sorted(asked) == sorted(
        (pod["name"], f"{pod['namespace']}/{pod['name']}") for pod in pods
    )


def test_a_request_right_after_the_start_is_always_caught(space: Space, play: Playbooks) -> None:
    space.web()
    pod = play.task("pod_capture", _options(space, state="started", max_seconds=300)).pod
    container = pod["seat"]["container"]

    def once(number: int) -> str:
        scripts = (calls.START, calls.STOP, recorder.RECORD)
        argv = ["sh", "-c", _ONE_REQUEST, "race", str(number), *scripts]
        return space.kubectl(
            "exec", "web", "-c", container, "--", *argv, check=False, timeout=_LONG
        )

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        outputs = list(pool.map(once, range(_REPETITIONS)))

    missed = [text for number, text in enumerate(outputs) if f"caught {number}\n" not in text]
    assert not missed, f"{len(missed)} of {_REPETITIONS} requests are not in their file: {missed}"


def test_nothing_is_lost_at_a_load_that_tcpdump_sustains(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    space.web()
    flood = ["python3", "-I", "-c", _FLOOD, str(_DATAGRAMS)]
    path = play.write(
        [
            {"name": name, f"kubedebug.core.{module}": _options(space, **options)}
            for name, module, options in (
                ("Begin", "pod_capture", {"state": "started", "filter": "udp port 9999"}),
                ("Send", "ephemeral_command", {"argv": flood}),
                ("Fetch", "pod_capture", {"state": "fetched", "dest": f"{tmp_path}/load.pcap"}),
            )
        ]
    )

    pod = play.play(path).task("Fetch").pod

    assert pod["packets"]["dropped_kernel"] == 0
    assert pod["packets"]["captured"] == _DATAGRAMS
    numbers = [row[0][:8] for row in tshark.fields(tmp_path / "load.pcap", "data.data")]
    assert numbers == [f"{number:08x}" for number in range(_DATAGRAMS)]
