# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others do to pods while a cleanup looks, decides and acts; answers that are lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewSpace
from e2ekit.leftovers import (
    OURS,
    budget,
    cleanup_args,
    entry,
    finished,
    members,
    objects,
    own_pod,
    plant,
    running,
    settled,
    told,
    workload,
)
from e2ekit.playbooks import Playbooks, Run
from e2ekit.proxy import Answer, Cut, FaultProxy, Held

__all__: list[str] = []

_NEXT_PAGE = r"^GET .*/pods\?.*continue="
_EVICTION = r"^POST .*/eviction"
_DELETE = r"^DELETE .*/pods/"
# More than two pages of the scan.
_FILLERS = 510
_NOWHERE = {"schedulerName": "none"}


@pytest.fixture
def space(new_space: NewSpace) -> Space:
    """A namespace whose service account has the capability ``cleanup`` and nothing else."""
    return new_space(rules=manifests.CLEANUP_RULES)


def _shelved(space: Space, *names: str, over: bool = True) -> None:
    """Copies of ours that no node ever runs, so that they come and go at once."""
    pods = [own_pod(name, space.cluster.web, role="pod-copy", labels=OURS) for name in names]
    for pod in pods:
        pod["spec"] |= _NOWHERE
        if not over:
            pod["metadata"]["annotations"]["kubedebug.core/expires-at"] = "2100-01-01T00:00:00Z"
    space.create(*pods)


def _plain(space: Space, *names: str) -> None:
    """Pods of nobody's debugging, that no node ever runs."""
    space.create(*(manifests.pod(name, space.cluster.web, spec=dict(_NOWHERE)) for name in names))


def _entered(space: Space) -> str:
    """A pod of a deployment of two, with an entry that has finished."""
    space.create(workload("Deployment", "shop", space.cluster.web, replicas=2))
    pod = members(space, "shop", 2)[0]
    plant(space, pod, finished(space, "done"))
    settled(space, pod, "done", state="terminated")
    return pod


def _held(
    play: Playbooks, proxy: FaultProxy, matches: str, args: dict[str, Any]
) -> Callable[[], Run]:
    """Start a cleanup whose requests of a kind wait; returns what lets them go on.

    All of them, since a request that waits for long is sent again.
    """
    held = Held()
    fault = proxy.inject(matches, held)
    path = play.write([{"name": "Task", "kubedebug.core.debug_cleanup": args}])
    started = play.start(path)
    assert held.reached.wait(120)

    def release() -> Run:
        fault.times = 0
        held.release.set()
        return started.wait(240)

    return release


def test_pods_come_change_and_go_between_two_pages(
    space: Space, play: Playbooks, proxy: FaultProxy
) -> None:
    """The first page is held, the snapshot is dropped at the third, and all is read once more."""
    sides = ("aa", "zz")
    _shelved(space, *(f"{side}-{what}" for side in sides for what in ("gone", "plain", "fresh")))
    _shelved(space, "aa-stays", "zz-stays")
    _plain(space, *(f"{side}-entered" for side in sides))
    _plain(space, *(f"mm-{number:04}" for number in range(_FILLERS)))
    expired = Answer.of_status(410, "Expired", "The provided continue parameter is too old.")
    release = _held(play, proxy, _NEXT_PAGE, cleanup_args(space, "recycled"))
    dropped = proxy.inject(_NEXT_PAGE, expired, times=1)

    names = [f"{side}-{what}" for side in sides for what in ("gone", "plain", "fresh")]
    space.kubectl("delete", "pod", *names, "--grace-period=0", "--force")
    _plain(space, *(f"{side}-plain" for side in sides))
    _shelved(space, *(f"{side}-fresh" for side in sides), over=False)
    for side in sides:
        plant(space, f"{side}-entered", entry("late", space.cluster.toolbox, "true", over=False))
    before = objects(space)
    run = release()

    assert run.rc == 0, run.failure
    assert dropped.met == 1
    task = run.task("Task")
    for each in task["findings"]:
        if each["uid"] not in before.values():
            assert (each["status"], each["changed"]) == ("gone", False), each
    done = {each["name"] for each in task["findings"] if each["status"] == "done"}
    assert done == {"aa-stays", "zz-stays"}
    now = objects(space)
    assert set(before) - set(now) == done
    assert all(now[name] == before[name] for name in now)

    again = play.task("debug_cleanup", cleanup_args(space, "recycled"))
    assert again["changed"] is False
    assert told(again) == {
        **{(f"{side}-fresh", None): ("none", "in_use", "kept") for side in sides},
        **{(f"{side}-entered", "late"): ("none", "in_use", "kept") for side in sides},
    }


def test_another_object_of_the_same_name(space: Space, play: Playbooks, proxy: FaultProxy) -> None:
    """It looks the same, is overdue like the first, and was never looked at."""
    _shelved(space, "copied")
    release = _held(play, proxy, _DELETE, cleanup_args(space, "stopped"))

    space.kubectl("delete", "pod", "copied", "--grace-period=0", "--force")
    _shelved(space, "copied")
    before = objects(space)
    run = release()

    assert run.rc == 0, run.failure
    (found,) = run.task("Task")["findings"]
    assert (found["status"], found["changed"]) == ("gone", False)
    assert "another one has its name" in found["note"]
    assert objects(space) == before


def test_an_object_that_somebody_goes_on_using(
    space: Space, play: Playbooks, proxy: FaultProxy
) -> None:
    """Its lifetime is raised, or it is given to another owner, right before it would go."""
    _shelved(space, "given", "renewed")
    args = cleanup_args(space, "stopped", concurrency=1, owners=["alice"])
    release = _held(play, proxy, _DELETE, args)

    space.kubectl("annotate", "pod", "given", "--overwrite", "kubedebug.core/owner=bob")
    later = "kubedebug.core/expires-at=2100-01-01T00:00:00Z"
    space.kubectl("annotate", "pod", "renewed", "--overwrite", later)
    before = objects(space)
    run = release()

    assert run.rc == 0, run.failure
    notes = {each["name"]: (each["status"], each["note"]) for each in run.task("Task")["findings"]}
    assert [status for status, _note in notes.values()] == ["left", "left"]
    assert "not among what the task selects" in notes["given"][1]
    assert "its lifetime ends at 2100-01-01" in notes["renewed"][1]
    assert objects(space) == before


def test_an_entry_that_could_not_start_and_runs_by_now(
    space: Space, play: Playbooks, proxy: FaultProxy
) -> None:
    space.create(workload("Deployment", "shop", space.cluster.web, replicas=2))
    pod = members(space, "shop", 2)[0]
    stuck = entry("stuck", space.cluster.toolbox, "sleep", "600", over=False)
    stuck["env"].append({"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "a"}}})
    plant(space, pod, stuck)
    reason = "{.status.ephemeralContainerStatuses[0].state.waiting.reason}"
    space.wait(f"pod/{pod}", f"jsonpath={reason}=CreateContainerConfigError")
    release = _held(play, proxy, _EVICTION, cleanup_args(space, "recycled"))

    space.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "1"}}
    )
    settled(space, pod, "stuck", state="running")
    run = release()

    assert run.rc == 0, run.failure
    (found,) = run.task("Task")["findings"]
    assert (found["code"], found["status"]) == ("stuck", "left")
    assert "container stuck runs by now" in found["note"]
    assert "running" in space.states(pod)["stuck"]


def test_a_budget_that_comes_up_right_before_the_eviction(
    space: Space, play: Playbooks, proxy: FaultProxy
) -> None:
    """The API server itself refuses, up to the bound."""
    pod = _entered(space)
    release = _held(play, proxy, _EVICTION, cleanup_args(space, "recycled", evict_timeout=3))

    space.create(budget("shop", least=2))
    space.wait("poddisruptionbudget/shop", "jsonpath={.status.currentHealthy}=2")
    before = objects(space)
    run = release()

    failed = run.task("Task")
    assert run.rc != 0
    assert f"pod {space.name}/{pod} was not evicted" in failed.msg
    assert "evict_timeout=3" in failed.msg
    assert failed["changed"] is False
    assert objects(space) == before
    (kept,) = play.task("debug_cleanup", cleanup_args(space, "recycled"))["findings"]
    assert (kept["code"], kept["status"]) == ("pdb_blocks", "kept")


def test_an_answer_that_never_comes_is_told_as_unknown(
    space: Space, play: Playbooks, proxy: FaultProxy
) -> None:
    """The server does what it is asked, and nobody hears of it."""
    _shelved(space, "copied", "next")
    lost = proxy.inject(_DELETE, Cut())

    failed = play.task("debug_cleanup", cleanup_args(space, "stopped", concurrency=1), ok=False)
    lost.times = 0
    again = play.task("debug_cleanup", cleanup_args(space, "stopped"))

    assert f"not known whether pod {space.name}/copied was deleted" in failed.msg
    assert told(failed) == {
        ("copied", None): ("delete", "expired", "failed"),
        ("next", None): ("delete", "expired", "left"),
    }
    assert failed["changed"] is True
    assert told(again) == {("next", None): ("delete", "expired", "done")}


def test_a_lost_answer_of_a_restart(space: Space, play: Playbooks, proxy: FaultProxy) -> None:
    """The second try meets the change of the first, which is the run's own."""
    pod = _entered(space)
    lost = proxy.inject(r"^PATCH .*/deployments/shop", Cut(), times=1)

    done = play.task("debug_cleanup", cleanup_args(space, "recycled", recycle_by="rollout"))

    assert lost.met == 1
    assert told(done) == {(pod, "done"): ("recycle", "finished", "done")}
    assert proxy.seen(r"^PATCH ") == 2
    assert pod not in members(space, "shop", 2)
    revision = space.cluster.get("deployment", "shop", "-n", space.name)["metadata"]
    assert revision["annotations"]["deployment.kubernetes.io/revision"] == "2"


def test_a_rollout_asks_the_debuggers_of_all_pods(space: Space, play: Playbooks) -> None:
    """One that was extended, in a pod that the task is not about, keeps the workload."""
    pod = _entered(space)
    (other,) = [name for name in members(space, "shop", 2) if name != pod]
    mark = [{"name": "KUBEDEBUG_UNTIL", "value": "4102444800"}]
    extended = running(space, "extended", owner="bob", env=mark)
    plant(space, other, extended)
    settled(space, other, "extended", state="running")
    before = objects(space)

    left = play.task(
        "debug_cleanup",
        cleanup_args(space, "recycled", recycle_by="rollout", owners=["alice"]),
    )

    (found,) = left["findings"]
    assert (found["name"], found["status"]) == (pod, "left")
    assert "somebody has extended it" in found["note"]
    assert objects(space) == before
    assert "running" in space.states(other)["extended"]
