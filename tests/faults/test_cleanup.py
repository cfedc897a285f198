# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cleanup whose API server, network or disk fails in the middle, and a user who is faster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewSpace
from e2ekit.leftovers import entry, own_pod, plant, settled, workload
from e2ekit.playbooks import Playbooks
from e2ekit.proxy import Answer, Cut, FaultProxy, Held

__all__: list[str] = []

_OURS = {"app.kubernetes.io/managed-by": "kubedebug.core"}
_EVICTION = r"^POST .*/eviction"
_DELETE = r"^DELETE .*/pods/"
_LIST = r"^GET .*/pods\?(?!.*watch=)"
_WATCH = r"^GET .*/pods\?.*watch=(1|[Tt]rue)"

_REFUSED = Answer.of_status(
    429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget."
)
_UNAVAILABLE = Answer.of_status(503, "ServiceUnavailable", "apiserver is shutting down")
_NO_ROLES_YET = Answer.of_status(
    403, "Forbidden", 'pods is forbidden: User "debugger" cannot watch resource "pods"'
)


@pytest.fixture
def space(new_space: NewSpace) -> Space:
    """A namespace whose service account has the capability ``cleanup`` and nothing else."""
    return new_space(rules=manifests.CLEANUP_RULES)


def _args(space: Space, **more: Any) -> dict[str, Any]:
    return {
        "namespaces": [space.name],
        "state": "recycled",
        "wait_timeout": 60,
        "rate": 100,
        **more,
    }


def _copies(space: Space, *names: str) -> None:
    image = space.cluster.toolbox
    space.create(*(own_pod(name, image, role="pod-copy", labels=_OURS) for name in names))
    for name in names:
        space.wait(f"pod/{name}", "condition=Ready")


def _shop(space: Space) -> str:
    """A pod of a deployment, with an entry that has finished."""
    space.create(workload("Deployment", "shop", space.cluster.web, replicas=2))
    space.kubectl("rollout", "status", "deployment/shop", "--timeout=60s", timeout=70)
    pod = sorted(space.kubectl("get", "pods", "-l", "app=shop", "-o", "name").split())[0]
    name = pod.removeprefix("pod/")
    plant(space, name, entry("done", space.cluster.toolbox, "true"))
    settled(space, name, "done", state="terminated")
    return name


def _pods(space: Space) -> set[str]:
    found = [each["metadata"] for each in space.cluster.get("pods", "-n", space.name)["items"]]
    return {each["name"] for each in found if "deletionTimestamp" not in each}


def test_passing_failures_are_ridden_out(space: Space, play: Playbooks, proxy: FaultProxy) -> None:
    """A lost answer of a deletion, a budget that refuses twice, a server that is restarted."""
    _copies(space, "copied")
    pod = _shop(space)
    faults = [
        proxy.inject(_LIST, Cut(), times=1),
        proxy.inject(_DELETE, Cut(), times=1),
        proxy.inject(_EVICTION, _REFUSED, times=2),
        proxy.inject(_EVICTION, _UNAVAILABLE, times=1),
        proxy.inject(_EVICTION, Cut(), times=1),
        proxy.inject(_WATCH, Cut(marker=b"HTTP/1.1 200"), times=1),
        proxy.inject(_WATCH, _NO_ROLES_YET, times=2),
        proxy.inject(r"^GET .*/pods/copied$", _NO_ROLES_YET, times=1),
    ]

    done = play.task("debug_cleanup", _args(space))

    assert [fault.met for fault in faults] == [fault.times for fault in faults]
    assert {each["name"]: each["status"] for each in done["findings"]} == {
        "copied": "done",
        pod: "done",
    }
    assert not {"copied", pod} & _pods(space)


def test_a_budget_that_goes_on_refusing(space: Space, play: Playbooks, proxy: FaultProxy) -> None:
    pod = _shop(space)
    proxy.inject(_EVICTION, _REFUSED)

    failed = play.task("debug_cleanup", _args(space, evict_timeout=2), ok=False)

    assert f"pod {space.name}/{pod} was not evicted" in failed.msg
    assert "evict_timeout=2" in failed.msg
    assert failed["changed"] is False
    assert pod in _pods(space)


def test_a_server_that_is_gone_for_good(space: Space, play: Playbooks, proxy: FaultProxy) -> None:
    """What was not begun says so, and a second run does what the first one left."""
    names = [f"copied-{number}" for number in range(4)]
    _copies(space, *names)
    lost = proxy.inject(r"^(DELETE|GET) .*/pods/copied-[1-3]( |$)", Cut())

    failed = play.task("debug_cleanup", _args(space, concurrency=1), ok=False)
    lost.times = 0
    again = play.task("debug_cleanup", _args(space))

    told = {each["name"]: each["status"] for each in failed["findings"]}
    assert told == {
        "copied-0": "done",
        "copied-1": "failed",
        "copied-2": "left",
        "copied-3": "left",
    }
    assert "does not answer any more" in failed["warnings"][0]
    assert [each["status"] for each in again["findings"]] == ["done"] * 3
    assert _pods(space) == set()


def test_a_debugger_that_is_opened_right_before_the_eviction(
    space: Space, play: Playbooks, proxy: FaultProxy
) -> None:
    pod = _shop(space)
    held = Held()
    proxy.inject(_EVICTION, held, times=1)
    path = play.write([{"name": "Task", "kubedebug.core.debug_cleanup": _args(space)}])

    started = play.start(path)
    assert held.reached.wait(60)
    busy = entry("busy", space.cluster.toolbox, "sleep", "600", over=False)
    plant(space, pod, busy)
    settled(space, pod, "busy", state="running")
    held.release.set()
    run = started.wait()

    assert run.rc == 0, run.failure
    (found,) = run.task("Task")["findings"]
    assert found["status"] == "left"
    assert "container busy runs by now" in found["note"]
    assert "running" in space.states(pod)["busy"]


def test_evidence_that_cannot_be_saved_stops_the_removal(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    _copies(space, "copied", "other")
    folder = tmp_path / "kept"
    (folder / space.name).mkdir(parents=True)
    uid = space.pod("copied")["metadata"]["uid"]
    # Where a folder has to be, there is a file: that also stops root, whom no mode does.
    (folder / space.name / f"copied-{uid[:8]}").touch()

    failed = play.task("debug_cleanup", _args(space, evidence_dir=str(folder)), ok=False)

    told = {each["name"]: each["status"] for each in failed["findings"]}
    assert told == {"copied": "failed", "other": "done"}
    assert "it was not removed, because its evidence could not be saved" in failed.msg
    assert _pods(space) == {"copied"}
