# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of pods and debuggers of nodes: the same as kubectl's, bounded, marked, and removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.playbooks import Playbooks

__all__: list[str] = []

_PROFILES = ["general", "baseline", "restricted", "netadmin", "sysadmin"]
_PROBE = {"exec": {"command": ["true"]}}
_NOWHERE = {"nodeSelector": {"nope": "nope"}}
_CUSTOM = {
    "env": [{"name": "EXTRA", "value": "1"}],
    "ports": [{"containerPort": 99}],
    "resources": {"limits": {"memory": "64Mi"}},
    "securityContext": {"runAsUser": 0, "capabilities": {"drop": ["ALL"]}},
    "volumeMounts": [{"name": "data", "mountPath": "/mnt"}],
}
_MARKS = "kubedebug.core/"
_OWN_LABELS = ("app.kubernetes.io/managed-by", f"{_MARKS}role", f"{_MARKS}identity")


@pytest.fixture
def space(new_space: NewSpace) -> Space:
    """A namespace whose service account may make and delete pods, and nothing else."""
    return new_space(rules=manifests.MAKE_RULES)


@pytest.fixture
def play(new_play: NewPlay, space: Space) -> Playbooks:
    return new_play(space)


def _rich(space: Space) -> None:
    """A pod with everything that a copy may keep or lose; it fits on no node."""
    body = manifests.pod(
        "rich",
        space.cluster.web,
        labels={"app": "rich", "pod-template-hash": "1"},
        container={
            "livenessProbe": _PROBE,
            "readinessProbe": _PROBE,
            "startupProbe": _PROBE,
            "env": [{"name": "OWN", "value": "1"}],
            "args": ["--flag"],
            "securityContext": {"capabilities": {"add": ["CHOWN"]}, "runAsUser": 1000},
        },
        spec={
            **_NOWHERE,
            "volumes": [{"name": "data", "emptyDir": {}}],
            "initContainers": [{"name": "first", "image": space.cluster.web}],
            "tolerations": [{"key": "a", "operator": "Exists"}],
        },
    )
    body["metadata"]["annotations"] = {"who": "somebody"}
    space.create(body)


def _comparable(pod: dict[str, Any]) -> dict[str, Any]:
    """A pod without its name, the marks, the bound in time, and what the server makes up."""
    metadata = pod["metadata"]
    spec = {key: value for key, value in pod["spec"].items() if key != "activeDeadlineSeconds"}
    spec["volumes"] = _without_token(spec.get("volumes", []))
    spec["containers"] = [
        {**each, "volumeMounts": _without_token(each.get("volumeMounts", []))}
        for each in spec["containers"]
    ]
    labels = {k: v for k, v in metadata.get("labels", {}).items() if k not in _OWN_LABELS}
    marks = metadata.get("annotations", {})
    annotations = {key: value for key, value in marks.items() if not key.startswith(_MARKS)}
    return {"labels": labels, "annotations": annotations, "spec": spec}


def _without_token(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in items if not each["name"].startswith("kube-api-access-")]


def _custom(tmp_path: Path, custom: dict[str, Any]) -> str:
    path = tmp_path / "custom.json"
    path.write_text(json.dumps(custom), encoding="utf-8")
    return f"--custom={path}"


def test_copies_equal_those_of_kubectl_debug(space: Space, play: Playbooks, tmp_path: Path) -> None:
    """Each case is what kubectl is told, and what the module is."""
    _rich(space)
    image = space.cluster.toolbox
    flags = ["--keep-labels", "--keep-annotations", "--keep-liveness", "--keep-readiness"]
    keep = {"keep_labels": True, "keep_annotations": True, "keep_liveness": True}
    sleep = ["sleep", "600"]
    cases: dict[str, tuple[list[str], list[str], dict[str, Any]]] = {
        profile: (
            [f"--image={image}", "--container=debugger", f"--profile={profile}"],
            sleep,
            {"image": image, "command": sleep, "profile": profile},
        )
        for profile in _PROFILES
    }
    cases |= {
        f"changed-{profile}": (
            ["--container=web", f"--image={image}", f"--profile={profile}", "--env=A=$(B)"],
            sleep,
            {
                "container": "web",
                "image": image,
                "command": sleep,
                "profile": profile,
                # What kubectl passes on for expansion, the module protects from it.
                "custom": {"env": [{"name": "A", "value": "$(B)"}]},
                "env": {"A": "x"},
            },
        )
        for profile in ("restricted", "netadmin")
    }
    cases |= {
        "kept": (
            [f"--image={image}", "--container=debugger", *flags, "--keep-startup"],
            sleep,
            {
                "image": image,
                "command": sleep,
                **keep,
                "keep_readiness": True,
                "keep_startup": True,
            },
        ),
        "bare": (
            [
                f"--image={image}",
                "--container=debugger",
                "--keep-init-containers=false",
                "--share-processes=false",
                "--image-pull-policy=Never",
                "--arguments-only",
                "-q",
            ],
            sleep,
            {
                "image": image,
                "args": sleep,
                "keep_init_containers": False,
                "share_processes": False,
                "image_pull_policy": "Never",
            },
        ),
        "images": (
            ["--set-image=*=example.org/a:1", *flags, "--keep-startup"],
            [],
            {
                "set_image": {"*": "example.org/a:1"},
                **keep,
                "keep_readiness": True,
                "keep_startup": True,
            },
        ),
        "custom": (
            [f"--image={image}", "--container=debugger", _custom(tmp_path, _CUSTOM)],
            sleep,
            {"image": image, "command": sleep, "custom": _CUSTOM},
        ),
    }
    for name, (options, command, _ours) in cases.items():
        argv = ["debug", "rich", f"--copy-to=theirs-{name}", *options]
        space.kubectl(*argv, *(["--", *command] if command else []))

    tasks = [
        {
            "name": name,
            "kubedebug.core.pod_copy": {
                "namespace": space.name,
                "name": "rich",
                "copy_name": f"ours-{name}",
                "wait": False,
                "lifetime": 600,
                **ours,
            },
        }
        for name, (_options, _command, ours) in cases.items()
    ]
    play.play(play.write(tasks))

    for name in cases:
        ours, theirs = space.pod(f"ours-{name}"), space.pod(f"theirs-{name}")
        assert _comparable(ours) == _comparable(theirs), name
        assert ours["spec"]["activeDeadlineSeconds"] == 600


def test_node_debuggers_equal_those_of_kubectl_debug(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    """The image is none that exists, so that nothing starts on the node's own namespaces."""
    node = space.cluster.get("nodes")["items"][0]["metadata"]["name"]
    image, sleep = "localhost/kubedebug/none:dev", ["sleep", "600"]
    common = [f"node/{node}", f"--image={image}", "--image-pull-policy=Never", "-q"]
    custom = {key: value for key, value in _CUSTOM.items() if key not in ("volumeMounts", "ports")}
    options = {profile: [f"--profile={profile}"] for profile in _PROFILES}
    options["custom"] = ["--profile=netadmin", _custom(tmp_path, custom)]
    theirs = {}
    for name, flags in options.items():
        before = {each["metadata"]["name"] for each in _pods(space)}
        space.kubectl("debug", *common, *flags, "--", *sleep)
        (theirs[name],) = [each for each in _pods(space) if each["metadata"]["name"] not in before]

    tasks = [
        {
            "name": name,
            "kubedebug.core.node_debugger": {
                "namespace": space.name,
                "node": [node],
                "image": image,
                "image_pull_policy": "Never",
                "command": sleep,
                "wait": False,
                **({"profile": "netadmin", "custom": custom} if name == "custom" else {}),
                **({"profile": name} if name in _PROFILES else {}),
            },
        }
        for name in options
    ]
    run = play.play(play.write(tasks))

    for name, pod in theirs.items():
        ours = space.pod(run.task(name).pod["name"])
        wanted = {**_comparable(pod), "labels": {}}
        assert _comparable(ours) == wanted, name


def _pods(space: Space) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = space.cluster.get("pods", "-n", space.name)["items"]
    return found


def test_a_copy_is_made_used_again_and_deleted(space: Space, play: Playbooks) -> None:
    space.web(labels={"app": "web"})
    before = space.pod("web")
    copy = {
        "namespace": space.name,
        "name": "web",
        "image": space.cluster.toolbox,
        "env": {"SECRET": "shown-by-nobody"},
        "ticket": "INC-1",
        "same_node": True,
    }
    tasks = [
        {"name": "Check", "kubedebug.core.pod_copy": copy, "check_mode": True},
        {"name": "Make", "kubedebug.core.pod_copy": copy},
        {"name": "Again", "kubedebug.core.pod_copy": copy},
    ]

    run = play.play(play.write(tasks), "--diff")

    check, make, again = (run.task(name) for name in ("Check", "Make", "Again"))
    assert [each["changed"] for each in (check, make, again)] == [True, True, False]
    actions = [each.pod["action"] for each in (check, make, again)]
    assert actions == ["planned", "created", "reused"]
    assert "shown-by-nobody" not in run.output
    name = make.pod["name"]
    assert again.pod["name"] == check.pod["name"] == name
    made = space.pod(name)
    assert made["metadata"]["annotations"][f"{_MARKS}ticket"] == "INC-1"
    assert "app" not in made["metadata"]["labels"]
    assert made["spec"]["nodeName"] == before["spec"]["nodeName"]
    # The processes of the copy are seen from the toolbox.
    seen = space.kubectl("exec", name, "-c", "debugger", "--", "sh", "-c", "cat /proc/*/comm")
    assert "web" in seen.split()

    absent = {"namespace": space.name, "name": "web", "state": "absent"}
    run = play.play(
        play.write(
            [
                {"name": "Check", "kubedebug.core.pod_copy": absent, "check_mode": True},
                {"name": "Delete", "kubedebug.core.pod_copy": absent},
                {"name": "Again", "kubedebug.core.pod_copy": absent},
            ]
        )
    )

    assert run.task("Check").pod["action"] == "planned"
    assert run.task("Delete").pod["action"] == "deleted"
    assert run.task("Again")["changed"] is False
    (left,) = _pods(space)
    assert left["metadata"]["uid"] == before["metadata"]["uid"]


def test_a_copy_takes_the_place_of_its_pod(space: Space, play: Playbooks) -> None:
    space.web()
    options = {
        "namespace": space.name,
        "name": "web",
        "image": space.cluster.toolbox,
        "replace": True,
    }

    run = play.play(
        play.write(
            [
                {"name": "Replace", "kubedebug.core.pod_copy": options},
                {"name": "Again", "kubedebug.core.pod_copy": options},
            ]
        )
    )

    assert run.task("Replace").pod["action"] == "created"
    assert run.task("Again").pod["action"] == "reused"
    assert run.task("Again")["changed"] is False
    space.wait("pod/web", "delete")
    (copy,) = _pods(space)
    assert copy["metadata"]["name"] == run.task("Replace").pod["name"]


def test_a_copy_that_cannot_start_says_why_and_goes(space: Space, play: Playbooks) -> None:
    space.web()
    options = {"namespace": space.name, "name": "web", "wait_timeout": 600, "replace": True}

    failed = play.task(
        "pod_copy",
        {**options, "image": "localhost/kubedebug/none:dev", "image_pull_policy": "Never"},
        ok=False,
    )

    assert "container debugger: ErrImageNeverPull" in failed.msg
    assert "load the image onto the node" in failed.msg
    assert "The pod was deleted again." in failed.msg
    space.wait(f"pod/{failed.pod['name']}", "delete")
    (left,) = _pods(space)
    assert left["metadata"]["name"] == "web"


def test_a_pod_that_was_made_ends_by_itself(space: Space, play: Playbooks) -> None:
    space.web()

    made = play.task(
        "pod_copy",
        {"namespace": space.name, "name": "web", "image": space.cluster.toolbox, "lifetime": 10},
    )

    space.wait(f"pod/{made.pod['name']}", "jsonpath={.status.reason}=DeadlineExceeded")


def test_the_debugger_of_a_node(space: Space, play: Playbooks) -> None:
    node = space.cluster.get("nodes")["items"][0]["metadata"]["name"]
    options = {"namespace": space.name, "node": [node], "image": space.cluster.toolbox}
    tasks = [
        {"name": "Make", "kubedebug.core.node_debugger": options},
        {"name": "Again", "kubedebug.core.node_debugger": options},
    ]

    run = play.play(play.write(tasks))

    assert run.task("Make").pod["action"] == "created"
    assert run.task("Again")["changed"] is False
    name = run.task("Make").pod["name"]
    look = "test -d /host/proc && cat /proc/1/comm"
    assert space.kubectl("exec", name, "--", "sh", "-c", look).strip()

    gone = play.task("node_debugger", {**options, "state": "absent"})
    assert gone.pod["action"] == "deleted"
    assert _pods(space) == []


@pytest.mark.parametrize("module", ["pod_copy", "node_debugger"])
def test_what_pod_security_refuses(new_space: NewSpace, new_play: NewPlay, module: str) -> None:
    space = new_space(level="restricted", rules=manifests.MAKE_RULES)
    restricted = {
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    }
    space.create(manifests.pod("web", space.cluster.web, container=restricted, spec=_NOWHERE))
    what = {"name": "web"} if module == "pod_copy" else {"node": ["any"]}

    failed = new_play(space).task(
        module, {"namespace": space.name, "image": space.cluster.toolbox, **what}, ok=False
    )

    assert "Pod Security level restricted of namespace" in failed.msg
    assert "profile=general" in failed.msg
    assert [pod["metadata"]["name"] for pod in _pods(space)] == ["web"]


def test_without_the_right_to_make_pods(new_space: NewSpace, new_play: NewPlay) -> None:
    space = new_space(rules=manifests.DEBUG_RULES)
    space.create(manifests.pod("web", space.cluster.web, spec=_NOWHERE))

    failed = new_play(space).task(
        "pod_copy",
        {"namespace": space.name, "name": "web", "image": space.cluster.toolbox},
        ok=False,
    )

    assert 'verbs ["create"] on resources ["pods"]' in failed.msg
    assert "kubedebug.core.rbac" in failed.msg


_BAD: list[Any] = [
    pytest.param("pod_copy", {}, "shows nothing new", id="nothing"),
    pytest.param("pod_copy", {"command": ["a"]}, "are for a container", id="no-container"),
    pytest.param("pod_copy", {"image": "A B"}, "is not the name of an image", id="image"),
    pytest.param(
        "pod_copy",
        {"set_image": {"nope": "a"}},
        "has no container nope. It has: web",
        id="set-image",
    ),
    pytest.param(
        "pod_copy",
        {"image": "a", "command": ["a"], "args": ["a"]},
        "command and args",
        id="both",
    ),
    pytest.param("pod_copy", {"image": "a", "lifetime": 0}, "lifetime=0", id="unbounded"),
    pytest.param("pod_copy", {"image": "a", "copy_name": "B"}, "copy_name='B'", id="copy-name"),
    pytest.param(
        "pod_copy", {"image": "a", "debugger_name": "web"}, "debugger_name=web", id="taken"
    ),
    pytest.param(
        "pod_copy",
        {"image": "a", "copy_name": "web"},
        "there is a pod of that name",
        id="taken-pod",
    ),
    pytest.param(
        "pod_copy", {"image": "a", "custom": {"lifecycle": {}}}, "custom: lifecycle", id="custom"
    ),
    pytest.param(
        "pod_copy", {"image": "a", "custom": {"imagee": "b"}}, "unknown field", id="misspelt"
    ),
    pytest.param(
        "pod_copy",
        {"state": "absent", "name": None, "label_selectors": ["a=b"]},
        "state=absent needs name",
        id="absent",
    ),
    pytest.param("node_debugger", {"name": None, "node": ["No"]}, "node='No'", id="node"),
    pytest.param("node_debugger", {"name": None, "node": []}, "node is empty", id="no-node"),
    pytest.param(
        "node_debugger",
        {"name": None, "node": ["a", "b"], "max_nodes": 1},
        "more than max_nodes=1",
        id="max-nodes",
    ),
]


def test_what_is_refused(space: Space, play: Playbooks) -> None:
    """All of them in one play, since none of them changes anything."""
    space.create(manifests.pod("web", space.cluster.web, spec=_NOWHERE))
    tasks = []
    for case in _BAD:
        module, args, _text = case.values
        wanted = {"namespace": space.name, "name": "web", "wait_timeout": 600, **args}
        tasks.append(
            {
                "name": str(case.id),
                f"kubedebug.core.{module}": {k: v for k, v in wanted.items() if v is not None},
                "ignore_errors": True,
            }
        )

    run = play.play(play.write(tasks))

    for case in _BAD:
        assert str(case.values[2]) in run.task(str(case.id)).msg, case.id
    assert "Traceback" not in run.output
    assert [pod["metadata"]["name"] for pod in _pods(space)] == ["web"]
