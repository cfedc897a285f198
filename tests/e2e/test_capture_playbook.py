# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The capture that a person on call makes by one command, and what Wireshark makes of its files."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from e2ekit import tshark
from e2ekit.cluster import Space
from e2ekit.playbooks import REPOSITORY, Playbooks, Run

from ansible_collections.kubedebug.core.plugins.module_utils._capture.summary import summarize

__all__: list[str] = []

# A run takes ten seconds, several times that on a machine that does other things besides.
_PATIENCE = 300.0


def _survey(space: Space, **more: str) -> list[str]:
    """Everything as text, as a person types it and as a survey of AWX sends it."""
    values = {
        "capture_namespace": space.name,
        "capture_name": "web",
        "capture_workload": "",
        "capture_image": space.cluster.toolbox,
        "capture_filter": "tcp port 80",
        "capture_max_seconds": "300",
        "capture_max_packets": "",
        "capture_reason": "Requests hang",
        "capture_ticket": "OPS-17",
        **more,
    }
    return [word for name, value in values.items() for word in ("-e", json.dumps({name: value}))]


def _home(run: Run) -> dict[str, Any]:
    """The result that brought the captures home."""
    return run.task("Bring the captures home").result


def _entries(space: Space) -> list[str]:
    return [entry["name"] for entry in space.entries("web")]


def test_two_pods_in_one_file(space: Space, play: Playbooks, tmp_path: Path) -> None:
    for name in ("web", "peer"):
        space.web(name)
    addresses = {name: space.pod(name)["status"]["podIP"] for name in ("web", "peer")}
    evidence = tmp_path / "evidence"
    commands = "".join(f"wget -qO- 'http://{ip}:80/?token=hidden'\n" for ip in addresses.values())

    run = play.play(
        REPOSITORY / "playbooks" / "capture-pod.yml",
        *_survey(
            space,
            capture_name="web, peer",
            capture_commands=commands,
            capture_dest=str(tmp_path / "home"),
            capture_evidence_dir=str(evidence),
        ),
        timeout=_PATIENCE,
    )

    home = _home(run)
    merged = Path(home["merged"]["path"])
    assert hashlib.sha256(merged.read_bytes()).hexdigest() == home["merged"]["sha256"]
    _check_merged(merged, space.name, addresses)
    _check_summary(merged)
    for pod in home["pods"]:
        (file,) = pod["files"]
        path = Path(file["path"])
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
        assert tshark.packets(path) == pod["packets"]["captured"] == pod["summary"]["packets"] > 0
    _check_report(run, evidence, space, home)


def _check_merged(path: Path, namespace: str, addresses: dict[str, str]) -> None:
    """Wireshark knows from the file alone whose a packet is, and has nothing to complain about."""
    about = tshark.capinfos(path)
    assert about["Strict time order"] == "True"
    assert about["Number of interfaces in file"] == "2"
    interfaces = tshark.fields(path, "frame.interface_name", "frame.interface_description")
    (node,) = {description.partition(",")[0] for _name, description in interfaces}
    assert set(interfaces) == {
        (f"{namespace}/{name}", f"{node}, {address}") for name, address in addresses.items()
    }
    # Each of the pods asked itself and the other one. What passes both is in the file twice, of
    # which Wireshark takes the second for one that was sent again.
    hosts = {name: f"{name}.{namespace}" for name in addresses}
    requests = tshark.fields(
        path, "ip.src_host", "ip.dst_host", display="http.request", options=("-N", "n")
    )
    assert sorted(requests) == sorted(
        (hosts[source], hosts[target]) for source in addresses for target in addresses
    )


def _check_summary(path: Path) -> None:
    """What our own reader says of the file is what Wireshark says."""
    found = summarize(str(path))
    assert found["whole"] is True
    assert found["packets"] == tshark.packets(path)
    assert found["bytes"] == sum(int(size) for (size,) in tshark.fields(path, "frame.len"))
    assert found["tcp"]["resets"] == tshark.packets(path, display="tcp.flags.reset == 1")
    # The two requests between the pods are in the file twice, and are counted once.
    assert found["http"]["statuses"] == {"200": 4}
    assert found["http"]["unanswered"] == 0
    assert (
        found["repeated_packets"]
        == sum(1 for source, target in tshark.fields(path, "ip.src", "ip.dst") if source != target)
        / 2
    )


def _check_report(run: Run, evidence: Path, space: Space, home: dict[str, Any]) -> None:
    assert "RESULT ok: 2 pods, no problems" in run.stdout
    assert "4 requests, status 200 x4" not in run.stdout, "each pod has its own"
    for pod in home["pods"]:
        assert f"{space.name}/{pod['name']}   container web" in run.stdout
        assert pod["files"][0]["path"] in run.stdout
        assert re.search(rf"{pod['packets']['captured']} captured, 0 dropped", run.stdout)
    assert re.search(r"GET +\S+ +/ +\d+ +200 x", run.stdout)
    assert home["merged"]["path"] in run.stdout
    report = json.loads((evidence / "report.json").read_text(encoding="utf-8"))
    assert report["merged"]["sha256"] == home["merged"]["sha256"]
    assert [pod["captures"][0]["ended_by"] for pod in report["pods"]] == ["stopped", "stopped"]
    page = (evidence / "report.html").read_text(encoding="utf-8")
    assert home["merged"]["path"] in page
    for pod in report["pods"]:
        assert "hidden" not in json.dumps(pod["captures"]), "a query may hold a token"


def _tasks(space: Space, path: Path) -> Path:
    """What a user has done while it is recorded: a request, and a failure."""
    ask = {
        "namespace": space.name,
        "name": "{{ capture_pods[0].name }}",
        "debugger": "{{ capture_pods[0].seat.container }}",
        "argv": ["wget", "-qO-", "http://localhost:80/"],
    }
    tasks = [
        {"name": "Ask", "kubedebug.core.ephemeral_command": ask},
        {"name": "Break", "ansible.builtin.fail": {"msg": "the checkout broke"}},
        {"name": "Never", "ansible.builtin.debug": {"msg": "after the failure"}},
    ]
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path


def test_a_failing_task_loses_nothing(space: Space, play: Playbooks, tmp_path: Path) -> None:
    space.web()
    # What a run that died has left: the same name, other options.
    left = {"namespace": space.name, "name": "web", "image": space.cluster.toolbox}
    play.task(
        "pod_capture",
        {**left, "state": "started", "filter": "udp", "max_seconds": 300},
        timeout=_PATIENCE,
    )
    tasks = _tasks(space, tmp_path / "tasks.yml")

    run = play.play(
        "kubedebug.core.capture_pod",
        *_survey(
            space,
            capture_tasks=str(tasks),
            capture_dest=str(tmp_path / "home"),
            capture_keep="false",
        ),
        ok=False,
        timeout=_PATIENCE,
    )

    assert run.task("Fail with what went wrong").msg == "Break: the checkout broke"
    assert "RESULT failed: 1 pod, 1 problem" in run.stdout
    assert "after the failure" not in run.stdout
    (file,) = _home(run)["pods"][0]["files"]
    assert file["whole"] is True
    assert tshark.fields(Path(file["path"]), "http.request.uri", display="http.request") == [("/",)]
    # The one from before came home first, as a file of its own, and is in the report.
    (earlier,) = run.task("Bring home what an earlier run has left").pod["files"]
    assert tshark.packets(Path(earlier["path"])) == 0
    assert earlier["path"] in run.stdout
    assert "An earlier run had left recordings of web" in run.text
    # Both were made in one debugger, which was ended as asked.
    (entry,) = _entries(space)
    assert "terminated" in space.states("web")[entry]


def test_a_capture_without_work_ends_at_its_bound(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    space.web()

    checked = play.play(
        "kubedebug.core.capture_pod",
        "--check",
        *_survey(space, capture_commands="true"),
        timeout=_PATIENCE,
    )
    assert "Check mode: nothing was recorded" in checked.text
    assert _entries(space) == []

    run = play.play(
        "kubedebug.core.capture_pod",
        *_survey(
            space, capture_max_seconds="1", capture_filter="", capture_dest=str(tmp_path / "home")
        ),
        timeout=_PATIENCE,
    )

    home = _home(run)
    assert home["pods"][0]["ended_by"] == "max_seconds"
    assert home["merged"] is None, "one pod is named"
    assert "all packets on any" in run.stdout
    assert "ended by max_seconds" in run.stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({"capture_name": ""}, "Say which pods are meant: capture_name", id="no-pod"),
        pytest.param(
            {"capture_tasks": "none.yml"}, "capture_tasks=none.yml is no file", id="no-tasks"
        ),
    ],
)
def test_bad_input_is_told_before_anything_is_done(
    shared: Space, shared_play: Playbooks, given: dict[str, str], said: str
) -> None:
    run = shared_play.play(
        "kubedebug.core.capture_pod", *_survey(shared, **given), ok=False, timeout=_PATIENCE
    )

    assert said in run.text
    assert "Begin to record" not in run.stdout
