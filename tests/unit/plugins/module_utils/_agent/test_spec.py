# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task's words come to: options, Job, debugger, overrides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._agent.launcher import (
    LAUNCHER,
    LAUNCHER_NAME,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.manifest import (
    build_job,
    masked_job,
    pod_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import (
    AGENT_SPEC,
    LAUNCH_SPEC,
    AgentOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.spec import (
    capabilities_of,
    debugger_options,
    ephemeral_obstacle,
    identity,
    job_name,
    nsenter_flags,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target

__all__: list[str] = []

_ID = "ab" * 32
_TARGET = Target(
    namespace="shop",
    name="web",
    uid="u-1",
    node="node-1",
    container="app",
    container_id=_ID,
    runtime="containerd",
    pod={"metadata": {"namespace": "shop", "name": "web"}, "spec": {}},
)


def _options(**given: Any) -> AgentOptions:
    """As Ansible hands them over: defaults for what is not given."""
    spec = {**AGENT_SPEC, **LAUNCH_SPEC}
    params = {name: each.get("default") for name, each in spec.items()}
    return AgentOptions.from_params({**params, **given})


def _job(options: AgentOptions, *, namespace: str = "shop", target: Target = _TARGET) -> Any:
    return build_job(
        options,
        target,
        namespace=namespace,
        name="kubedebug-agent-x",
        identity="x",
        owner="ada",
        now=1_800_000_000.5,
    )


def _container(job: Any) -> Any:
    return job["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ({"command": [""]}, ["command", "list"]),
        ({"command": ["a\0"]}, ["NUL"]),
        ({"args": ["x"]}, ["args", "launcher=false"]),
        ({"capabilities": ["net_admin"]}, ["capabilities", "net_admin", "NET_ADMIN"]),
        ({"capabilities": ["NET_ADMIN"], "privileged": True}, ["privileged"]),
        ({"host_pid": False}, ["host_pid=false", "launcher=false"]),
        ({"ready_port": 80}, ["ready_port", "command"]),
        ({"ready_port": 70000, "command": ["x"]}, ["ready_port=70000"]),
        ({"ready_log": "("}, ["ready_log", "regular expression"]),
        ({"command": ["x", "{socket}"]}, ["{socket}", "runtime_socket"]),
        ({"launcher": False, "namespaces": ["net"]}, ["namespaces=net", "launcher"]),
        ({"launcher": False, "command": ["x", "{pid}"]}, ["{pid}", "launcher"]),
        ({"runtime_socket": "run/x.sock"}, ["runtime_socket", "absolute"]),
        ({"runtime_socket": "/x.sock"}, ["runtime_socket", "folder"]),
        ({"runtime_socket": "/run/a:b"}, ["runtime_socket"]),
        ({"scratch_size": "much"}, ["scratch_size", "500Mi"]),
        ({"resources": {"cpu": 1}}, ["resources", "requests"]),
        ({"resources": {"limits": {"cpu": "x y"}}}, ["resources.limits.cpu"]),
        ({"labels": {"kubedebug.core/role": "x"}}, ["labels", "marks"]),
        ({"annotations": {"a": ["b"]}}, ["annotations", "text"]),
        ({"lifetime": 0}, ["lifetime=0"]),
        ({"ttl": -1}, ["ttl=-1"]),
        ({"image": "no image"}, ["image="]),
        ({"env": {"KUBEDEBUG_X": "1"}}, ["KUBEDEBUG_X"]),
        ({"service_account": "No_Name"}, ["service_account"]),
    ],
)
def test_what_cannot_be_meant(given: dict[str, Any], texts: list[str]) -> None:
    with pytest.raises(OptionError) as refused:
        _options(**given)

    assert [text for text in texts if text not in refused.value.msg] == []


def test_an_empty_survey_says_nothing() -> None:
    given = dict.fromkeys(("image", "preset", "service_account", "ready_log", "owner"), "")

    assert _options(**given, capabilities=[], command=[]) == _options()


@pytest.mark.parametrize(
    ("given", "job", "names"),
    [
        ({}, True, ["SYS_PTRACE"]),
        ({}, False, []),
        ({"namespaces": ["net"]}, True, ["NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_PTRACE"]),
        ({"namespaces": ["net"]}, False, ["NET_ADMIN", "NET_RAW"]),
        ({"namespaces": ["mnt"]}, False, ["SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE"]),
        ({"namespaces": ["uts"]}, True, ["SYS_ADMIN", "SYS_PTRACE"]),
        ({"capabilities": ["CAP_BPF"], "namespaces": ["net"]}, True, ["BPF"]),
        ({"capabilities": ["NONE"], "namespaces": ["net"]}, True, []),
        ({"privileged": True, "namespaces": ["net"]}, True, []),
        ({"launcher": False}, True, []),
        ({"preset": "mirrord"}, True, ["SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN"]),
        ({"preset": "mirrord"}, False, ["SYS_PTRACE", "NET_ADMIN"]),
    ],
)
def test_the_least_capabilities(given: dict[str, Any], job: bool, names: list[str]) -> None:
    assert list(capabilities_of(_options(**given), job=job)) == names


def test_flags_are_in_a_stable_order() -> None:
    assert nsenter_flags(["cgroup", "net", "pid"]) == ["-n", "-p", "-C"]


def test_the_job() -> None:
    options = _options(
        namespaces=["net", "pid"],
        command=["run", "{container_id}", "{runtime}", "{pid}", "$HOME"],
        env={"A": "$x"},
        labels={"team": "a"},
        ticket="OPS-17",
        image_pull_secrets=["registry"],
        priority_class="high",
    )

    job = _job(options)

    metadata, spec = job["metadata"], job["spec"]
    assert metadata["labels"]["team"] == "a"
    assert metadata["annotations"]["kubedebug.core/target"] == "shop/web"
    assert metadata["annotations"]["kubedebug.core/expires-at"] == "2027-01-15T09:00:00Z"
    assert metadata["ownerReferences"][0]["uid"] == "u-1"
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, 3660)
    pod = spec["template"]["spec"]
    assert (pod["nodeName"], pod["hostPID"], pod["restartPolicy"]) == ("node-1", True, "Never")
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    container = _container(job)
    words = container["command"]
    assert words[words.index(LAUNCHER_NAME) + 1 :] == [
        *(_ID, "-n -p", "", "", "0", "run", _ID, "containerd", "{pid}", "$$HOME"),
    ]
    assert {"name": "A", "value": "$$x"} in container["env"]
    assert container["securityContext"]["runAsUser"] == 0
    assert pod_of(job)["metadata"]["generateName"] == "kubedebug-agent-x-"


@pytest.mark.parametrize(
    ("given", "namespace", "owned"),
    [({}, "shop", True), ({}, "agents", False)],
)
def test_the_target_owns_the_job_in_its_namespace(
    given: dict[str, Any], namespace: str, owned: bool
) -> None:
    assert ("ownerReferences" in _job(_options(**given), namespace=namespace)["metadata"]) is owned


def test_one_that_lingers_outlives_its_target() -> None:
    job = _job(replace(_options(), linger=120))

    assert "ownerReferences" not in job["metadata"]
    assert job["spec"]["activeDeadlineSeconds"] == 3600 + 60 + 120


@pytest.mark.parametrize(
    ("option", "runtime", "folders", "sockets"),
    [
        ("", "containerd", [], ""),
        ("/var/run/x/y.sock", "containerd", ["/run/x"], "/host/run/x/y.sock"),
        ("auto", "cri-o", ["/run", "/var"], "/host/run/crio/crio.sock"),
        (
            "auto",
            "containerd",
            ["/run", "/var"],
            "/host/run/containerd/containerd.sock:/host/run/k3s/containerd/containerd.sock:"
            "/host/var/snap/microk8s/common/run/containerd.sock:/host/run/k0s/containerd.sock:"
            "/host/run/dockershim.sock",
        ),
    ],
)
def test_sockets(option: str, runtime: str, folders: list[str], sockets: str) -> None:
    job = _job(_options(runtime_socket=option), target=replace(_TARGET, runtime=runtime))

    volumes = job["spec"]["template"]["spec"]["volumes"]
    assert [each["hostPath"]["path"] for each in volumes if "hostPath" in each] == folders
    mounts = [each for each in _container(job)["volumeMounts"] if each["name"] != "scratch"]
    assert [each["mountPath"] for each in mounts] == [f"/host{folder}" for folder in folders]
    assert all(each["readOnly"] for each in mounts)
    words = _container(job)["command"]
    assert words[words.index(LAUNCHER_NAME) + 4] == sockets


def test_mirrord() -> None:
    options = _options(preset="mirrord", lifetime=900)

    job = _job(options)

    container = _container(job)
    assert container["name"] == "mirrord-agent"
    assert container["command"][-5:] == [
        *("targeted", "--container-id", _ID, "--container-runtime", "containerd"),
    ]
    assert job["spec"]["ttlSecondsAfterFinished"] == 1
    assert job["metadata"]["labels"]["app"] == "mirrord"
    mounts = {each["mountPath"] for each in container["volumeMounts"]}
    assert {"/host/run", "/host/var"} <= mounts
    assert 3000 <= container["securityContext"]["runAsGroup"] < 65536
    assert job_name(options, "x", _TARGET).startswith("mirrord-agent-")
    debugger = debugger_options(options, _TARGET)
    assert debugger.command[-1] == "ephemeral"
    assert debugger.lifetime == 0
    assert debugger.env == {"RUST_LOG": "mirrord=info,warn"}


def test_what_a_task_says_counts_for_more_than_the_preset() -> None:
    options = _options(preset="mirrord", ttl=77, command=["x"], capabilities=["NONE"])

    assert (options.ttl, options.command, options.capabilities) == (77, ("x",), ())


@pytest.mark.parametrize(
    ("given", "profile", "launched"),
    [
        ({}, "baseline", False),
        ({"namespaces": ["net", "pid", "ipc", "uts"]}, "netadmin", False),
        ({"capabilities": ["SYS_PTRACE"]}, "general", False),
        ({"privileged": True}, "sysadmin", False),
        ({"command": ["x"]}, "baseline", True),
        ({"namespaces": ["mnt"]}, "baseline", True),
    ],
)
def test_the_same_agent_as_a_debugger(given: dict[str, Any], profile: str, launched: bool) -> None:
    debugger = debugger_options(_options(**given), _TARGET)

    assert debugger.profile == profile
    assert (LAUNCHER in debugger.command) is launched


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"runtime_socket": "auto"}, "runtime_socket"),
        ({"overrides": {"spec": {}}}, "overrides"),
        ({"launcher": False, "ready_port": 1}, "ready_port"),
        ({"preset": "mirrord"}, None),
        ({"command": ["x"]}, None),
    ],
)
def test_what_no_ephemeral_container_can_be(given: dict[str, Any], text: str | None) -> None:
    obstacle = ephemeral_obstacle(_options(**given))

    assert obstacle is None if text is None else text in str(obstacle)


def test_identity_and_name() -> None:
    one = identity(_options(reason="a"), owner="ada", container="app")

    assert one == identity(_options(ticket="b"), owner="ada", container="app")
    assert one != identity(_options(), owner="bob", container="app")
    assert one != identity(_options(), owner="ada", container="sidecar")
    assert one != identity(_options(env={"A": "b"}), owner="ada", container="app")
    name = job_name(_options(), one, _TARGET)
    assert name != job_name(_options(), one, replace(_TARGET, container_id="cd" * 32))
    assert job_name(_options(), one, _TARGET, [name, f"{name}-2"]) == f"{name}-3"


def test_a_diff_shows_no_value_of_the_environment() -> None:
    overrides = {
        "spec": {
            "template": {
                "spec": {
                    "initContainers": [
                        {"name": "i", "image": "x", "env": [{"name": "B", "value": "secret2"}]}
                    ]
                }
            }
        }
    }
    shown = str(masked_job(_job(_options(env={"A": "secret1"}, overrides=overrides))))

    assert "secret" not in shown
    assert "(launcher)" in shown
    assert "KUBEDEBUG_LIFETIME" in shown


def test_overrides_are_merged_last() -> None:
    spec = {
        "nodeName": None,
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [],
        "volumes": [{"name": "more", "emptyDir": {}}],
        "containers": [
            {"name": "agent", "env": [{"name": "A", "value": "z"}], "tty": True},
            {"name": "second", "image": "y"},
        ],
    }
    job = _job(
        _options(
            env={"A": "a"},
            overrides={
                "metadata": {"annotations": {"note": "x"}},
                "spec": {"template": {"spec": spec}},
            },
        )
    )

    pod = job["spec"]["template"]["spec"]
    assert "nodeName" not in pod
    assert (pod["nodeSelector"], pod["tolerations"]) == ({"disk": "ssd"}, [])
    assert [each["name"] for each in pod["volumes"]] == ["scratch", "more"]
    assert [each["name"] for each in pod["containers"]] == ["agent", "second"]
    assert {"name": "A", "value": "z"} in pod["containers"][0]["env"]
    assert pod["containers"][0]["image"]
    assert job["metadata"]["annotations"]["note"] == "x"


@pytest.mark.parametrize(
    ("overrides", "texts"),
    [
        ({"metadata": {"name": "x"}}, ["metadata.name"]),
        ({"kind": "Pod"}, ["kind"]),
        ({"spec": {"backoffLimit": 3}}, ["spec.backoffLimit"]),
        ({"spec": {"activeDeadlineSeconds": None}}, ["activeDeadlineSeconds"]),
        ({"metadata": {"labels": {"kubedebug.core/role": "x"}}}, ["kubedebug.core/role"]),
        ({"spec": {"template": {"spec": {"containers": "x"}}}}, ["containers", "list"]),
        ({"spec": {"template": {"spec": {"containers": [{}]}}}}, ["containers", "name"]),
        ({"spec": {"template": {"spec": {"containers": None}}}}, ["container agent"]),
        ({"spec": "x"}, ["overrides.spec", "dictionary"]),
        ({"spec": {"template": {"spec": {"tolerations": "x"}}}}, ["tolerations", "list"]),
    ],
)
def test_overrides_that_would_break_a_promise(overrides: dict[str, Any], texts: list[str]) -> None:
    with pytest.raises(OptionError) as refused:
        _job(_options(overrides=overrides))

    assert [text for text in texts if text not in refused.value.msg] == []
