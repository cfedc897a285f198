# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of pods and debuggers of nodes are what kubectl debug makes of the same flags."""

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
        for profile in _PROFILES
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
        "no-profile": (
            [f"--image={image}", "--container=debugger", "--share-processes=true"],
            sleep,
            {"image": image, "command": sleep, "share_processes": True},
        ),
        "command": (
            ["--container=web", "--env=A=1"],
            sleep,
            {"container": "web", "command": sleep, "env": {"A": "1"}},
        ),
        "arguments": (
            ["--container=web", f"--image={image}", "--arguments-only"],
            ["--other"],
            {"container": "web", "image": image, "args": ["--other"]},
        ),
        "terminal": (
            [f"--image={image}", "--container=debugger", "-i", "-t", "--attach=false"],
            [],
            {"image": image, "stdin": True, "tty": True},
        ),
        "image-and-sidecar": (
            [f"--image={image}", "--container=debugger", "--set-image=web=example.org/a:1"],
            sleep,
            {"image": image, "command": sleep, "set_image": {"web": "example.org/a:1"}},
        ),
        "one-image": (
            ["--set-image=web=example.org/a:1", *flags, "--keep-startup"],
            [],
            {
                "set_image": {"web": "example.org/a:1"},
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


def test_a_copy_on_the_same_node_equals_that_of_kubectl_debug(
    space: Space, play: Playbooks
) -> None:
    """And so does what takes the place of its pod, but for the pod that is gone."""
    image, sleep = space.cluster.toolbox, ["sleep", "600"]
    for name in ("web", "theirs", "ours"):
        space.web(name)
    same = ["--same-node", f"--image={image}", "--container=debugger"]
    space.kubectl("debug", "web", "--copy-to=theirs-same", *same, "--", *sleep)
    space.kubectl("debug", "theirs", "--copy-to=theirs-new", *same, "--replace", "--", *sleep)
    options = {"image": image, "command": sleep, "same_node": True}

    play.task(
        "pod_copy", {"namespace": space.name, "name": "web", "copy_name": "ours-same", **options}
    )
    replacing = {"copy_name": "ours-new", "replace": True, **options}
    play.task("pod_copy", {"namespace": space.name, "name": "ours", **replacing})

    for name in ("same", "new"):
        ours, theirs = space.pod(f"ours-{name}"), space.pod(f"theirs-{name}")
        assert _comparable(ours) == _comparable(theirs), name
        assert ours["spec"]["nodeName"] == space.pod("web")["spec"]["nodeName"]
    for name in ("ours", "theirs"):
        space.wait(f"pod/{name}", "delete")


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
    options["env"] = ["--env=A=1"]
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
                **({"env": {"A": "1"}} if name == "env" else {}),
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
