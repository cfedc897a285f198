# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What debugging leaves behind, planted on the cluster, and a watch on a workload meanwhile."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.playbooks import TaskResult

__all__ = [
    "OURS",
    "OVER",
    "Readiness",
    "agent_job",
    "budget",
    "cleanup_args",
    "entry",
    "finished",
    "members",
    "objects",
    "own_pod",
    "plant",
    "running",
    "settled",
    "told",
    "watched",
    "workload",
]

Manifest = dict[str, Any]

OURS = {"app.kubernetes.io/managed-by": "kubedebug.core"}
OVER = "2026-01-01T00:00:00Z"
_OVER_SECONDS = "1767225600"
_LATER_SECONDS = "4102444800"
# The collection takes for its own only what says the same in a label and in an annotation; of pods,
# only what has its own name in one, too.
_IDENTITY = {"kubedebug.core/identity": "1a2b3c4d5e"}


def entry(
    name: str,
    image: str,
    *command: str,
    owner: str | None = "alice",
    over: bool = True,
    target: str | None = None,
    env: Sequence[Mapping[str, str]] = (),
) -> Manifest:
    """An ephemeral container; one without an owner is not the collection's."""
    marks = {
        "KUBEDEBUG_MANAGED_BY": "kubedebug.core",
        "KUBEDEBUG_OWNER": owner,
        "KUBEDEBUG_EXPIRES_AT": _OVER_SECONDS if over else _LATER_SECONDS,
    }
    own = [{"name": key, "value": value} for key, value in marks.items() if owner is not None]
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(command),
        "env": [*own, *env],
        **({"targetContainerName": target} if target else {}),
    }


def plant(space: Space, pod: str, *entries: Manifest) -> None:
    """Add entries to a pod, as whoever may write the subresource can."""
    path = f"/api/v1/namespaces/{space.name}/pods/{pod}/ephemeralcontainers"
    for last in (False,) * 9 + (True,):
        found = space.pod(pod)
        found["spec"].setdefault("ephemeralContainers", []).extend(entries)
        # It fails where the kubelet has written the pod's status meanwhile.
        space.cluster.kubectl(
            "replace", "--raw", path, "-f", "-", stdin=json.dumps(found), check=last
        )
        known = {each["name"] for each in space.entries(pod)}
        if known >= {each["name"] for each in entries}:
            return


def settled(space: Space, pod: str, *names: str, state: str) -> None:
    """Wait until these entries of a pod have come to a state: ``running`` or ``terminated``."""
    field = "startedAt" if state == "running" else "finishedAt"
    for name in names:
        status = f'.status.ephemeralContainerStatuses[?(@.name=="{name}")]'
        space.wait(f"pod/{pod}", f"jsonpath={{{status}.state.{state}.{field}}}")


def finished(space: Space, name: str, *, owner: str | None = "alice", **more: Any) -> Manifest:
    """An entry that says something and ends with 3."""
    command = ("sh", "-c", "echo last words; exit 3")
    return entry(name, space.cluster.toolbox, *command, owner=owner, **more)


def running(space: Space, name: str, **keywords: Any) -> Manifest:
    """An entry that a signal ends: it is beside the application's first process.

    The first one of all takes no signal from inside.
    """
    return entry(name, space.cluster.toolbox, "sleep", "600", target="web", **keywords)


def agent_job(name: str, image: str, *, labels: Mapping[str, str], over: bool = True) -> Manifest:
    """A Job with the labels of somebody's agent; one with a role is the collection's."""
    marks = _IDENTITY if "kubedebug.core/role" in labels else {}
    pod = manifests.pod("agent", image, container={"command": ["sleep", "600"]})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": {**labels, **marks},
            "annotations": {
                "kubedebug.core/owner": "alice",
                "kubedebug.core/expires-at": OVER if over else "2100-01-01T00:00:00Z",
                **marks,
            },
        },
        "spec": {
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": dict(labels)},
                "spec": {**pod["spec"], "restartPolicy": "Never"},
            },
        },
    }


def own_pod(name: str, image: str, *, role: str | None, labels: Mapping[str, str]) -> Manifest:
    """A pod that debugging made as a whole; without a role it is not the collection's."""
    pod = manifests.pod(name, image, container={"command": ["sleep", "600"]})
    marks = {"kubedebug.core/role": role, **_IDENTITY} if role else {}
    pod["metadata"]["labels"] = {**labels, **marks}
    pod["metadata"]["annotations"] = {
        "kubedebug.core/owner": "alice",
        "kubedebug.core/expires-at": OVER,
        **({**_IDENTITY, "kubedebug.core/name": name} if role else {}),
    }
    return pod


def workload(kind: str, name: str, image: str, *, replicas: int, **keywords: Any) -> Manifest:
    """A Deployment, StatefulSet or DaemonSet of pods that the label ``app`` tells apart."""
    made = manifests.deployment(name, image, replicas=replicas)
    template = manifests.pod(name, image, **keywords)
    made["kind"] = kind
    made["spec"]["template"] = {
        "metadata": {"labels": {"app": name}},
        "spec": template["spec"],
    }
    if kind == "DaemonSet":
        del made["spec"]["replicas"]
    if kind == "StatefulSet":
        made["spec"] |= {"serviceName": name, "podManagementPolicy": "Parallel"}
    return made


def budget(name: str, *, least: int) -> Manifest:
    """A PodDisruptionBudget for the pods of a workload."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": name}}},
    }


def cleanup_args(space: Space, state: str, **more: Any) -> dict[str, Any]:
    """Options of debug_cleanup for one namespace, impatient."""
    return {
        "namespaces": [space.name],
        "state": state,
        "grace_period": 1,
        "wait_timeout": 60,
        "rate": 100,
        **more,
    }


def told(result: TaskResult) -> dict[tuple[str, str | None], tuple[str, str, str]]:
    """Action, code and status of each finding, by pod or Job and container."""
    return {
        (each["name"], each["container"]): (each["action"], each["code"], each["status"])
        for each in result["findings"]
    }


def objects(space: Space) -> dict[str, str]:
    """UIDs of the pods and Jobs by their names, but for those that are about to go."""
    found = [each["metadata"] for each in space.cluster.get("pods,jobs", "-n", space.name)["items"]]
    return {each["name"]: each["uid"] for each in found if "deletionTimestamp" not in each}


def members(space: Space, app: str, count: int) -> list[str]:
    """The names of a workload's pods, once all of them are ready."""
    kinds = "deployment,statefulset,daemonset"
    names = space.kubectl("get", kinds, "-o", "name").split()
    (found,) = [each for each in names if each.endswith(f"/{app}")]
    space.kubectl("rollout", "status", found, "--timeout=60s", timeout=70)
    pods = [
        pod["metadata"]["name"]
        for pod in space.cluster.get("pods", "-n", space.name, "-l", f"app={app}")["items"]
        if not pod["metadata"].get("deletionTimestamp")
    ]
    assert len(pods) == count, pods
    return sorted(pods)


class Readiness:
    """The fewest pods with a label that were Ready at any time, as a watch of the API saw it."""

    def __init__(self) -> None:
        self.fewest: int | None = None
        self.seen: set[str] = set()
        self._ready: set[str] = set()
        self._complete = False
        self._begun = threading.Event()

    def take(self, event: Mapping[str, Any], whole: int) -> None:
        """Count after one change; it begins when *whole* pods have been Ready at once."""
        pod = event["object"]
        uid = pod["metadata"]["uid"]
        self.seen.add(uid)
        ready = any(
            each["type"] == "Ready" and each["status"] == "True"
            for each in pod["status"].get("conditions", ())
        )
        serves = (
            ready and event["type"] != "DELETED" and not pod["metadata"].get("deletionTimestamp")
        )
        self._ready = self._ready | {uid} if serves else self._ready - {uid}
        if len(self._ready) >= whole:
            self._complete = True
            self._begun.set()
        if self._complete:
            now = len(self._ready)
            self.fewest = now if self.fewest is None else min(self.fewest, now)


@contextmanager
def watched(space: Space, app: str, *, whole: int) -> Iterator[Readiness]:
    """Watch the pods of a workload of *whole* pods while something is done to them."""
    argv = [
        *space.cluster.kubectl_argv,
        f"--kubeconfig={space.cluster.kubeconfig}",
        *("-n", space.name, "get", "pods", "-l", f"app={app}"),
        *("--watch", "--output-watch-events", "-o", "json"),
    ]
    readiness = Readiness()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:

        def follow() -> None:
            decoder, text = json.JSONDecoder(), ""
            for line in process.stdout or ():
                text += line
                try:
                    event, end = decoder.raw_decode(text.lstrip())
                except ValueError:
                    continue
                text = text.lstrip()[end:]
                readiness.take(event, whole)

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            assert readiness._begun.wait(60), f"the {whole} pods of {app} were not seen ready"
            yield readiness
        finally:
            process.terminate()
            thread.join(10)
