# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cleanup whose API server is really killed and started again, while it looks and while it acts.

It goes on, or it says what it could not do; what it claims is what is there, and the next run does
the rest.
"""

from __future__ import annotations

from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Space, own_cluster, restart_api_server
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.leftovers import (
    OURS,
    cleanup_args,
    finished,
    members,
    objects,
    own_pod,
    plant,
    settled,
    watched,
    workload,
)
from e2ekit.playbooks import Playbooks, Run
from e2ekit.proxy import FaultProxy, Held

__all__: list[str] = []

# Seconds: a restart on a busy machine, and the patience of the run with it.
_LONG = 400.0


@pytest.fixture
def space(new_space: NewSpace) -> Space:
    """A namespace whose service account has the capability ``cleanup`` and nothing else."""
    return new_space(rules=manifests.CLEANUP_RULES)


def _copies(space: Space, *names: str, **spec: Any) -> None:
    image = space.cluster.toolbox
    pods = [own_pod(name, image, role="pod-copy", labels=OURS) for name in names]
    for pod in pods:
        pod["spec"] |= spec
    space.create(*pods)


def _claims_are_true(run: Run, before: dict[str, str], now: dict[str, str]) -> None:
    """What is said to be done is gone, what was left is there, and a failure has a clear text."""
    task = run.task("Task")
    for each in task["findings"]:
        there = now.get(each["name"]) == before[each["name"]]
        if each["status"] in ("done", "gone"):
            assert not there, each
        elif each["status"] == "left":
            assert there, each
        else:
            assert "No answer from" in each["error"] or "starting" in each["error"], each
    failed = [each for each in task["findings"] if each["status"] == "failed"]
    assert (run.rc != 0) is bool(failed), run.failure
    assert "Traceback" not in run.output


@pytest.mark.alone
def test_in_the_middle_of_the_deletions(space: Space, new_play: NewPlay) -> None:
    own_cluster(space.cluster)
    play = new_play(space)
    names = [f"copied-{number}" for number in range(8)]
    _copies(space, *names)
    for name in names:
        space.wait(f"pod/{name}", "condition=Ready")
    before = objects(space)
    # One after the other, so that most of them are still to come when the first one is gone.
    args = cleanup_args(space, "stopped", concurrency=1)
    started = play.start(play.write([{"name": "Task", "kubedebug.core.debug_cleanup": args}]))

    space.wait("pod/copied-0", "delete", timeout=90)
    restart_api_server(space.cluster)
    run = started.wait(_LONG)
    _claims_are_true(run, before, objects(space))
    again = play.task("debug_cleanup", args, timeout=_LONG)

    assert {each["status"] for each in again["findings"]} <= {"done", "kept"}
    assert objects(space) == {}


@pytest.mark.alone
def test_in_the_middle_of_the_replacements(space: Space, new_play: NewPlay) -> None:
    own_cluster(space.cluster)
    play = new_play(space)
    space.create(workload("StatefulSet", "db", space.cluster.web, replicas=2))
    pods = members(space, "db", 2)
    for pod in pods:
        plant(space, pod, finished(space, "done"))
    for pod in pods:
        settled(space, pod, "done", state="terminated")
    before = objects(space)
    args = cleanup_args(space, "recycled", wait_timeout=120)
    started = play.start(play.write([{"name": "Task", "kubedebug.core.debug_cleanup": args}]))

    space.wait(f"pod/{pods[0]}", "delete", timeout=90)
    restart_api_server(space.cluster)
    run = started.wait(_LONG)
    _claims_are_true(run, before, objects(space))
    members(space, "db", 2)
    with watched(space, "db", whole=2) as readiness:
        play.task("debug_cleanup", args, timeout=_LONG)

    assert readiness.fewest in (1, 2)
    assert all(space.entries(pod) == [] for pod in members(space, "db", 2))
    assert not set(before.values()) & set(objects(space).values())


@pytest.mark.alone
def test_in_the_middle_of_the_scan(space: Space, play: Playbooks, proxy: FaultProxy) -> None:
    """The second page is asked for when the server has been away; its token is as good as before.

    A server that is away just then is told as such, and nothing is done.
    """
    own_cluster(space.cluster)
    shelved = {"schedulerName": "none"}
    _copies(space, "aa", "zz", **shelved)
    filler = [
        manifests.pod(f"mm-{each:04}", space.cluster.web, spec=shelved) for each in range(260)
    ]
    space.create(*filler)
    held = Held()
    proxy.inject(r"^GET .*/pods\?.*continue=", held, times=1)
    args = cleanup_args(space, "stopped")
    started = play.start(play.write([{"name": "Task", "kubedebug.core.debug_cleanup": args}]))

    assert held.reached.wait(120)
    restart_api_server(space.cluster)
    held.release.set()
    run = started.wait(_LONG)

    if run.rc != 0:
        assert "No answer from" in run.task("Task").msg
        assert {"aa", "zz"} <= set(objects(space))
        play.task("debug_cleanup", args, timeout=_LONG)
    assert len(objects(space)) == len(filler)
