# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task says that cannot be: each refusal names the object, the reason and the way out.

Whatever could be waited for in vain has a wait_timeout far above the bound of a test's run, so that
a pass means that the task failed at once.
"""

from __future__ import annotations

from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.playbooks import Playbooks
from e2ekit.refusals import check_refusal, task_args

__all__: list[str] = []


@pytest.mark.parametrize(
    ("args", "texts"),
    [
        pytest.param(
            {"name": "nope"},
            ["has no pod nope", "workload=KIND/NAME finds them"],
            id="no such pod",
        ),
        pytest.param(
            {"name": ["web", "nope", "neither"]},
            ["has no pods nope, neither"],
            id="some such pods",
        ),
        pytest.param(
            {"container": "nope"},
            ["container=nope does not exist in pod", "/web", "It has: web"],
            id="no such container",
        ),
        pytest.param(
            {"name": None, "label_selectors": ["app=nope"]},
            ["label_selectors=app=nope in namespace", "matches no pod", "kubectl get pods"],
            id="selector that matches nothing",
        ),
        pytest.param(
            {"where": "metadata.name == 'nope'"},
            ["where=metadata.name == 'nope'", "matches no pod"],
            id="where that matches nothing",
        ),
        pytest.param(
            {"where": "metadata.name == ["},
            ["where is not valid JMESPath", "metadata.name == ["],
            id="where that is no JMESPath",
        ),
        pytest.param(
            {"where": "contains(metadata.nope, 'x')"},
            ["where does not fit pod", "/web", "Test for the field first"],
            id="where that does not fit",
        ),
        pytest.param({"name": None}, ["The task says no pod", "workload"], id="no selection"),
        pytest.param(
            {"name": None, "workload": "deployment/nope"},
            ["workload=deployment/nope does not exist in namespace"],
            id="no such workload",
        ),
        pytest.param(
            {"name": None, "workload": "service/web"},
            ["workload=service/web is not KIND/NAME", "deployment"],
            id="workload that owns no pods",
        ),
        pytest.param(
            {"custom": {"resources": {"limits": {"cpu": "1"}}}},
            ["custom: an ephemeral container cannot take resources", "securityContext"],
            id="custom that the API forbids",
        ),
        pytest.param(
            {"custom": {"image": "other"}},
            ["custom: an ephemeral container cannot take image (use the option image)"],
            id="custom that is an option",
        ),
        pytest.param(
            {"custom": {"volumeMounts": [{"name": "nope", "mountPath": "/x"}]}},
            ["custom: the mount at /x names volume 'nope'", "what the pod has already"],
            id="custom that mounts what is not there",
        ),
        pytest.param(
            {"custom": {"terminationMessagePolicy": "Nonsense"}},
            ["/web", "the API server refuses the debugger", "Nonsense", "Unsupported value"],
            id="custom that the API server refuses with 422",
        ),
        pytest.param(
            {"env": {"KUBEDEBUG_OWNER": "mallory"}},
            ["KUBEDEBUG_OWNER", "the collection's own marks"],
            id="env that would forge a mark",
        ),
        pytest.param(
            {"wait_for": "finished"},
            ["wait_for=finished needs a command"],
            id="nothing to wait for",
        ),
        pytest.param({"lifetime": -1}, ["lifetime=-1 is out of range"], id="lifetime"),
        pytest.param(
            {"profile": "root"},
            ["profile", "general, baseline, restricted, netadmin, sysadmin"],
            id="no such profile",
        ),
        pytest.param(
            {"state": "stopped", "debugger": ["nope"]},
            ["/web has no ephemeral container nope", "It has: none"],
            id="no such debugger to stop",
        ),
    ],
)
def test_a_debugger_that_cannot_be(
    shared: Space, shared_play: Playbooks, args: dict[str, Any], texts: list[str]
) -> None:
    module = "ephemeral_container"

    failed = shared_play.task(module, task_args(shared, args, module=module), ok=False)

    check_refusal(failed, shared_play, texts)
    assert shared.entries("web") == []


@pytest.mark.parametrize(
    ("module", "args", "texts"),
    [
        pytest.param("ephemeral_command", {"argv": []}, ["argv is empty"], id="no command"),
        pytest.param(
            "ephemeral_command",
            {"argv": ["true"], "debugger": "nope"},
            ["ephemeral container nope of", "does not exist", "Running there: none"],
            id="no such debugger to run in",
        ),
        pytest.param(
            "ephemeral_command",
            {"argv": ["true"], "timeout": 0},
            ["timeout=0 is out of range"],
            id="no time",
        ),
        pytest.param(
            "ephemeral_container_info",
            {"query": "[].nope("},
            ["query is not valid JMESPath"],
            id="query that is no JMESPath",
        ),
        pytest.param(
            "ephemeral_container_info",
            {"all_namespaces": True},
            ["all_namespaces=true and namespace=", "exclude each other"],
            id="one namespace and all of them",
        ),
    ],
)
def test_another_module_that_cannot_do_it(
    shared: Space, shared_play: Playbooks, module: str, args: dict[str, Any], texts: list[str]
) -> None:
    failed = shared_play.task(module, task_args(shared, args, module=module), ok=False)

    check_refusal(failed, shared_play, texts)
    assert shared.entries("web") == []


@pytest.mark.parametrize("account", ["administrator", "service account"])
def test_a_namespace_that_does_not_exist(
    space: Space, play: Playbooks, everywhere: None, account: str
) -> None:
    """The documented RBAC does not allow to look at namespaces; then the doubt is told."""
    args = task_args(space, {"namespace": "kd-e2e-nope"}, module="ephemeral_container")
    if account == "administrator":
        args["kubeconfig"] = str(space.cluster.kubeconfig)

    failed = play.task("ephemeral_container", args, ok=False)

    if account == "administrator":
        check_refusal(failed, play, ["namespace=kd-e2e-nope does not exist: check the name"])
    else:
        check_refusal(failed, play, ["namespace kd-e2e-nope has no pod web", "cannot be told"])


@pytest.mark.parametrize(
    ("spec", "condition", "texts"),
    [
        pytest.param(
            {"nodeSelector": {"nope": "nope"}},
            "condition=PodScheduled=False",
            ["/odd: the pod is not running (Pending: Unschedulable: "],
            id="Pending",
        ),
        pytest.param(
            {"restartPolicy": "Never"},
            "jsonpath={.status.phase}=Succeeded",
            ["/odd: the pod has finished (Succeeded)"],
            id="finished",
        ),
        pytest.param(
            {"restartPolicy": "Never"},
            "jsonpath={.status.phase}=Failed",
            ["/odd: the pod has finished (Failed: container web: Error: exit code 3)"],
            id="failed",
        ),
    ],
)
def test_a_pod_that_does_not_run(
    space: Space, play: Playbooks, spec: dict[str, Any], condition: str, texts: list[str]
) -> None:
    code = 3 if condition.endswith("Failed") else 0
    command = {"command": ["sh", "-c", f"exit {code}"]}
    space.create(manifests.pod("odd", space.cluster.toolbox, container=command, spec=spec))
    space.wait("pod/odd", condition)
    module = "ephemeral_container"

    failed = play.task(module, task_args(space, {"name": "odd"}, module=module), ok=False)

    check_refusal(failed, play, texts)
    assert space.entries("odd") == []


def test_a_static_pod(space: Space, play: Playbooks) -> None:
    """One on a node that does not exist, since a kubelet would remove what is not its own."""
    static = manifests.pod("static", space.cluster.web, spec={"nodeName": "kd-e2e-nowhere"})
    static["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "e2e"}
    space.create(static)
    running = '{"status": {"phase": "Running"}}'
    space.kubectl("patch", "pod", "static", "--subresource=status", "--patch", running)
    module = "ephemeral_container"

    failed = play.task(module, task_args(space, {"name": "static"}, module=module), ok=False)

    check_refusal(failed, play, ["/static: the pod is static", "debug its node instead"])
    assert space.entries("static") == []


def test_a_pod_that_is_deleted_during_the_wait(space: Space, play: Playbooks) -> None:
    space.web()
    args = {"command": ["sleep", "600"], "wait_for": "finished"}
    module = "ephemeral_container"
    path = play.write(
        [{"name": "Task", f"kubedebug.core.{module}": task_args(space, args, module=module)}]
    )

    started = play.start(path)
    space.wait_running("web")
    space.kubectl("delete", "pod", "web", "--wait=false")
    run = started.wait()

    failed = run.task("Task")
    check_refusal(failed, play, [f"{space.name}/web"])
    assert "the pod was deleted" in failed.msg or "the pod is being deleted" in failed.msg
    assert failed.pod["action"] == "failed"
    assert failed.pod["changed"] is True


@pytest.mark.parametrize(
    ("image", "policy", "texts"),
    [
        pytest.param(
            "localhost/kubedebug/nope:1",
            "IfNotPresent",
            ["(image localhost/kubedebug/nope:1): ", "check the option image, the registry"],
            id="cannot be pulled",
        ),
        pytest.param(
            "localhost/kubedebug/nope:1",
            "Never",
            ["ErrImageNeverPull", "load the image onto the node"],
            id="must not be pulled",
        ),
    ],
)
def test_an_image_that_cannot_be_had(
    space: Space, play: Playbooks, image: str, policy: str | None, texts: list[str]
) -> None:
    space.web()
    module = "ephemeral_container"
    args = task_args(space, {"image": image, "image_pull_policy": policy}, module=module)

    failed = play.task(module, args, ok=False)

    check_refusal(failed, play, [f"{space.name}/web: debugger kubedebug-", "Way out: ", *texts])
    assert "The entry stays in the pod's list until the pod goes" in failed.msg
    assert failed.pod["action"] == "failed"
    assert failed.pod["changed"] is True
    assert [each["name"] for each in space.entries("web")] == [failed.pod["debugger"]]


def test_an_image_that_is_no_name_leaves_no_entry(space: Space, play: Playbooks) -> None:
    space.web()
    module = "ephemeral_container"

    failed = play.task(module, task_args(space, {"image": "Not::An"}, module=module), ok=False)

    check_refusal(failed, play, ["image='Not::An' is not the name of an image"])
    assert space.entries("web") == []
