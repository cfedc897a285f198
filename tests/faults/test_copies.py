# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies and node debuggers that cannot start, meet others, or lose their controller."""

from __future__ import annotations

from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewSpace
from e2ekit.playbooks import Playbooks
from e2ekit.proxy import Answer, Cut, FaultProxy, Held

__all__: list[str] = []

# Far above the bound of a run: a wait in vain fails the test.
_FOREVER = 600
# A request that makes a pod, and not the dry run before it.
_CREATE = r"^POST .*/pods(?!.*dryRun=All)"
_DELETE = r"^DELETE .*/pods/web"
_COPIES = "kubedebug.core/role=pod-copy"
_MODULES = ["pod_copy", "node_debugger"]
_UNAVAILABLE = Answer.of_status(503, "ServiceUnavailable", "apiserver is shutting down")
_INTERNAL = Answer.of_status(500, "InternalError", "etcdserver: no leader")


@pytest.fixture
def space(new_space: NewSpace) -> Space:
    """A namespace whose service account may make and delete pods, and nothing else."""
    return new_space(rules=manifests.MAKE_RULES)


def _args(space: Space, module: str, **args: Any) -> dict[str, Any]:
    """A task for either module; the pod that is copied is `web`."""
    what: dict[str, Any] = {"name": "web"}
    if module == "node_debugger":
        node = space.cluster.get("nodes")["items"][0]["metadata"]["name"]
        what = {"node": [node], "profile": "baseline"}
    common = {
        "namespace": space.name,
        "image": space.cluster.toolbox,
        "wait_timeout": _FOREVER,
    }
    return {**common, **what, **args}


def _waiting_web(space: Space) -> None:
    """A pod that is on no node, to be copied all the same."""
    space.create(manifests.pod("web", space.cluster.web, spec={"schedulerName": "none"}))


def _names(space: Space) -> list[str]:
    pods = space.cluster.get("pods", "-n", space.name)["items"]
    return sorted(pod["metadata"]["name"] for pod in pods)


def _alone(space: Space) -> None:
    """The pod `web` is the only one, and is there as it was."""
    space.kubectl("wait", "--for=delete", "pod", "-l", _COPIES, "--timeout=60s", check=False)
    assert _names(space) == ["web"]


@pytest.mark.parametrize("module", _MODULES)
def test_an_image_that_cannot_be_pulled(space: Space, play: Playbooks, module: str) -> None:
    """Nothing listens on that port, as when a registry is down."""
    space.web()
    image = "127.0.0.1:9/none/such:1"

    failed = play.task(module, _args(space, module, image=image), ok=False)

    assert f"{space.name}/{failed.pod['name']}" in failed.msg
    assert "ErrImagePull" in failed.msg or "ImagePullBackOff" in failed.msg
    assert "check image" in failed.msg
    assert "The pod was deleted again." in failed.msg
    space.wait(f"pod/{failed.pod['name']}", "delete")
    _alone(space)


def test_a_copy_that_fits_on_no_node(space: Space, play: Playbooks) -> None:
    """With `replace` the pod itself stays when its copy cannot start."""
    spec = {"nodeSelector": {"nope": "nope"}}
    space.create(manifests.pod("web", space.cluster.web, spec=spec))
    before = space.pod("web")

    failed = play.task("pod_copy", _args(space, "pod_copy", replace=True), ok=False)

    assert "Unschedulable" in failed.msg
    assert "same_node=true leaves the scheduler out of it" in failed.msg
    space.wait(f"pod/{failed.pod['name']}", "delete")
    _alone(space)
    assert space.pod("web")["metadata"]["uid"] == before["metadata"]["uid"]


def test_a_copy_that_is_deleted_while_it_starts(space: Space, play: Playbooks) -> None:
    first = {
        "name": "first",
        "image": space.cluster.toolbox,
        "command": ["sleep", "600"],
    }
    space.create(manifests.pod("web", space.cluster.web, spec={"initContainers": [first]}))
    task = {"name": "Task", "kubedebug.core.pod_copy": _args(space, "pod_copy")}
    run = play.start(play.write([task]))
    space.kubectl("wait", "--for=create", "pod", "-l", _COPIES, "--timeout=60s")

    space.kubectl("delete", "pod", "-l", _COPIES, "--wait=false", "--grace-period=0", "--force")

    failed = run.wait()
    assert failed.rc != 0
    assert "it was deleted while the task waited for it" in failed.task("Task").msg
    assert "Traceback" not in failed.output
    _alone(space)


@pytest.mark.parametrize("module", _MODULES)
def test_it_ends_without_its_controller(space: Space, play: Playbooks, module: str) -> None:
    """A command that never ends and never heeds a signal is bounded all the same."""
    space.web()
    ready = {"readinessProbe": {"exec": {"command": ["false"]}}}
    command = ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]
    args = _args(space, module, lifetime=10, command=command, custom=ready)
    then = {"name": "Then", "ansible.builtin.command": {"argv": ["sleep", "600"]}}
    run = play.start(play.write([{"name": "Task", f"kubedebug.core.{module}": args}, then]))
    chosen = "app.kubernetes.io/managed-by=kubedebug.core"
    space.kubectl("wait", "--for=create", "pod", "-l", chosen, "--timeout=60s")

    run.kill()

    (name,) = [each for each in _names(space) if each != "web"]
    space.wait(f"pod/{name}", "jsonpath={.status.reason}=DeadlineExceeded")


@pytest.mark.parametrize("module", _MODULES)
@pytest.mark.parametrize(
    "fault", [pytest.param(Cut(), id="lost answer"), pytest.param(_UNAVAILABLE, id="503")]
)
def test_a_create_that_is_repeated_makes_one(
    space: Space, play: Playbooks, proxy: FaultProxy, module: str, fault: Any
) -> None:
    space.web()
    met = proxy.inject(_CREATE, fault, times=1)

    made = play.task(module, _args(space, module))

    assert met.met == 1
    assert proxy.seen(_CREATE) == 2
    assert made.pod["action"] == "created"
    assert made["changed"] is True
    assert _names(space) == sorted(["web", made.pod["name"]])


@pytest.mark.parametrize("module", _MODULES)
def test_another_controller_that_is_faster_is_joined(
    space: Space, play: Playbooks, proxy: FaultProxy, module: str
) -> None:
    """Both have found nothing; the request of one comes after that of the other."""
    space.web()
    held = Held()
    proxy.inject(_CREATE, held, times=1)
    args = _args(space, module, owner="alice")
    slower = play.start(play.write([{"name": "Task", f"kubedebug.core.{module}": args}]))
    assert held.reached.wait(60), proxy.requests

    faster = play.task(module, args)
    held.release.set()
    run = slower.wait()

    assert run.rc == 0, run.failure
    assert faster.pod["action"] == "created"
    assert run.task("Task").pod["action"] == "reused"
    assert run.task("Task")["changed"] is False
    assert _names(space) == sorted(["web", faster.pod["name"]])


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_pod_of_somebody_else_is_never_touched(space: Space, play: Playbooks, state: str) -> None:
    """It has the name that the task gives to its copy, and even the collection's label."""
    _waiting_web(space)
    labels = {"app.kubernetes.io/managed-by": "kubedebug.core", "app": "theirs"}
    theirs = manifests.pod(
        "theirs", space.cluster.web, labels=labels, spec={"schedulerName": "none"}
    )
    space.create(theirs)
    before = space.pod("theirs")
    args = _args(space, "pod_copy", copy_name="theirs", state=state, replace=state == "present")

    done = play.task("pod_copy", args, ok=state == "absent")

    if state == "present":
        assert "there is a pod of that name already" in done.msg
    else:
        assert done["changed"] is False
    assert space.pod("theirs") == before
    assert _names(space) == ["theirs", "web"]


def test_a_name_whose_copy_has_ended_is_told(space: Space, play: Playbooks) -> None:
    """What has ended is evidence, and is deleted by nobody but who asks for it."""
    space.web()
    ended = _args(space, "pod_copy", copy_name="mine", lifetime=10, command=["sleep", "600"])
    play.task("pod_copy", ended)
    space.wait("pod/mine", "jsonpath={.status.reason}=DeadlineExceeded")

    again = play.task("pod_copy", ended, ok=False)
    gone = play.task("pod_copy", {**ended, "state": "absent"})
    anew = play.task("pod_copy", ended)

    assert f"{space.name}/mine" in again.msg
    assert "has ended" in again.msg
    assert "state=absent" in again.msg
    assert gone.pod["action"] == "deleted"
    assert anew.pod["action"] == "created"


def test_a_quota_is_told_and_the_pod_is_not_lost(space: Space, play: Playbooks) -> None:
    space.web()
    space.kubectl("create", "quota", "tight", "--hard=pods=1")
    space.wait("quota/tight", "jsonpath={.status.used.pods}=1")

    failed = play.task("pod_copy", _args(space, "pod_copy", replace=True), ok=False)

    assert "exceeded quota: tight" in failed.msg
    assert "Way out" in failed.msg
    _alone(space)


@pytest.mark.parametrize("verb", ["create", "delete"])
def test_replace_loses_no_pod(space: Space, play: Playbooks, proxy: FaultProxy, verb: str) -> None:
    """First the copy runs, then the pod goes; when either fails, the pod is there."""
    space.web()
    proxy.inject(_CREATE if verb == "create" else _DELETE + r"( |$|\?)", _INTERNAL)
    args = _args(space, "pod_copy", replace=True)

    failed = play.task("pod_copy", args, ok=False)

    assert "etcdserver: no leader" in failed.msg
    if verb == "create":
        assert proxy.seen(_DELETE) == 0
        assert _names(space) == ["web"]
        return
    assert "the copy" in failed.msg
    assert "the pod itself could not be deleted" in failed.msg
    assert _names(space) == sorted(["web", failed.pod["name"]])
    proxy.faults.clear()
    # The next run goes on where this one has ended.
    planned = play.task("pod_copy", args, "--check")
    assert planned["changed"] is True
    assert "web" in _names(space)
    done = play.task("pod_copy", args)
    assert (done.pod["action"], done["changed"]) == ("reused", True)
    space.wait("pod/web", "delete")
    assert play.task("pod_copy", args)["changed"] is False
    assert _names(space) == [done.pod["name"]]
