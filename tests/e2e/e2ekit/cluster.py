# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster as its administrator sees it: what the tests prepare there, and what they check."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2ekit import manifests
from e2ekit.playbooks import REPOSITORY

__all__ = [
    "ACCOUNT",
    "RUN_LABEL",
    "Cluster",
    "Space",
    "find_kubectl",
    "own_cluster",
    "restart_api_server",
]

CLUSTER_TOOL = REPOSITORY / "tests" / "cluster" / "cluster.py"
RUN_LABEL = "kubedebug-e2e-run"
ACCOUNT = "debugger"

# Seconds. What the tests wait for comes within a few of them; the bound is for a broken cluster.
PATIENCE = 60


def find_kubectl(environ: Mapping[str, str]) -> list[str]:
    """The command line of kubectl: that of KUBEDEBUG_KUBECTL, the test cluster's, or PATH's.

    The test cluster's goes before PATH's: the tests compare with the newest ``kubectl debug``.
    """
    if environ.get("KUBEDEBUG_KUBECTL"):
        return shlex.split(environ["KUBEDEBUG_KUBECTL"])
    own = [sys.executable, str(CLUSTER_TOOL), "kubectl"]
    if _runs(own):
        return own
    on_path = shutil.which("kubectl")
    if on_path is None:
        raise AssertionError(
            "There is no kubectl: start the test cluster (tests/cluster/cluster.py up), or put one "
            "on PATH or into KUBEDEBUG_KUBECTL."
        )
    return [on_path]


def _runs(kubectl: list[str]) -> bool:
    done = subprocess.run(
        [*kubectl, "version", "--client"], capture_output=True, timeout=PATIENCE, check=False
    )
    return done.returncode == 0


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster with the images that the tests run; ``run`` marks what this test run creates."""

    kubeconfig: Path
    kubectl_argv: list[str]
    toolbox: str
    web: str
    run: str

    def kubectl(
        self, *args: str, stdin: str | None = None, check: bool = True, timeout: float = PATIENCE
    ) -> str:
        """Run kubectl as the administrator and return its output."""
        done = subprocess.run(
            [*self.kubectl_argv, *args],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
        )
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {shlex.join(args)} failed: {done.stderr.strip()}")
        return done.stdout

    def get(self, *args: str) -> Any:
        """``kubectl get`` as data."""
        return json.loads(self.kubectl("get", *args, "-o", "json"))

    def create(self, objects: Sequence[Mapping[str, Any]]) -> None:
        """Create *objects* in their order."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("create", "-f", "-", stdin=json.dumps(items))

    def server(self) -> tuple[str, bytes]:
        """URL and certificate authority of the API server, as the kubeconfig has them."""
        view = json.loads(
            self.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json")
        )
        found = view["clusters"][0]["cluster"]
        return found["server"], base64.b64decode(found.get("certificate-authority-data", ""))

    def token(self, namespace: str, account: str = ACCOUNT) -> str:
        """A token of a service account, good for the test run."""
        return self.kubectl(
            "create", "token", account, "--namespace", namespace, "--duration=1h"
        ).strip()

    def new_space(
        self,
        folder: Path,
        *,
        level: str | None = None,
        rules: list[dict[str, Any]] | None = None,
    ) -> Space:
        """A namespace with a service account that has the documented RBAC, or else *rules*."""
        name = f"kd-e2e-{secrets.token_hex(4)}"
        wanted = manifests.DEBUG_RULES + manifests.WORKLOAD_RULES if rules is None else rules
        self.create(
            [
                manifests.namespace(name, run=self.run, level=level),
                *manifests.access(ACCOUNT, name, wanted),
            ]
        )
        # A pod is refused as long as the controller manager has not made this one.
        self.kubectl(
            "wait", "--for=create", "serviceaccount/default", "-n", name, f"--timeout={PATIENCE}s"
        )
        space = Space(cluster=self, name=name, kubeconfig=folder / f"{name}.kubeconfig")
        space.write_kubeconfig()
        return space

    def delete_space(self, name: str) -> None:
        """Ask for the namespace to go; the end of the session waits for all of them."""
        self.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")

    def diagnose(self) -> str:
        """The node's last errors and events, if it is a node of ours."""
        done = subprocess.run(
            [sys.executable, str(CLUSTER_TOOL), "diagnose"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout


@dataclass(frozen=True, kw_only=True)
class Space:
    """A namespace of one test, and the kubeconfig of its service account."""

    cluster: Cluster
    name: str
    kubeconfig: Path

    def write_kubeconfig(
        self, *, server: str | None = None, ca: bytes | None = None, token: str | None = None
    ) -> Path:
        """Write the service account's kubeconfig, or one that differs in what is given."""
        real_server, real_ca = self.cluster.server()
        authority = real_ca if ca is None else ca
        cluster = {
            "server": server or real_server,
            "certificate-authority-data": base64.b64encode(authority).decode(),
        }
        user = {"token": token or self.cluster.token(self.name)}
        context = {"cluster": "e2e", "user": ACCOUNT, "namespace": self.name}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "e2e", "cluster": cluster}],
            "users": [{"name": ACCOUNT, "user": user}],
            "contexts": [{"name": "e2e", "context": context}],
            "current-context": "e2e",
        }
        self.kubeconfig.write_text(json.dumps(config), encoding="utf-8")
        return self.kubeconfig

    def kubectl(self, *args: str, **keywords: Any) -> str:
        return self.cluster.kubectl("-n", self.name, *args, **keywords)

    def create(self, *objects: Mapping[str, Any]) -> None:
        """Create namespaced objects here."""
        for each in objects:
            assert "metadata" in each, each
        placed = [
            {**each, "metadata": {**each["metadata"], "namespace": self.name}} for each in objects
        ]
        self.cluster.create(placed)

    def web(self, name: str = "web", *, image: str | None = None, **keywords: Any) -> str:
        """Create a pod of the application and wait until it runs; returns its name."""
        self.create(manifests.pod(name, image or self.cluster.web, **keywords))
        self.wait(f"pod/{name}", "condition=Ready")
        return name

    def wait(self, what: str, condition: str, *, timeout: int = PATIENCE) -> None:
        """Wait by watch for what ``kubectl wait --for`` can express."""
        self.kubectl(
            "wait", what, f"--for={condition}", f"--timeout={timeout}s", timeout=timeout + 10
        )

    def wait_finished(self, pod: str, entry: str, *, timeout: int = PATIENCE) -> dict[str, Any]:
        """Wait until an ephemeral container has ended; returns its terminated state."""
        status = f'.status.ephemeralContainerStatuses[?(@.name=="{entry}")]'
        ended = f"jsonpath={{{status}.state.terminated.reason}}"
        self.wait(f"pod/{pod}", ended, timeout=timeout)
        state: dict[str, Any] = self.states(pod)[entry]["terminated"]
        return state

    def wait_running(self, pod: str) -> None:
        """Wait until the first ephemeral container runs."""
        started = "{.status.ephemeralContainerStatuses[0].state.running.startedAt}"
        self.wait(f"pod/{pod}", f"jsonpath={started}")

    def kubectl_debug(
        self,
        pod: str,
        name: str,
        *command: str,
        profile: str = "general",
        options: Sequence[str] = (),
    ) -> None:
        """Add an ephemeral container of the toolbox as ``kubectl debug`` does."""
        image = f"--image={self.cluster.toolbox}"
        chosen = [f"--profile={profile}", f"--container={name}", *options]
        self.kubectl("debug", pod, image, *chosen, "--", *command)

    def pod(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.get("pod", name, "-n", self.name)
        return found

    def entries(self, pod: str) -> list[dict[str, Any]]:
        """The pod's ephemeral containers as the API has them."""
        found: list[dict[str, Any]] = self.pod(pod)["spec"].get("ephemeralContainers", [])
        return found

    def states(self, pod: str) -> dict[str, dict[str, Any]]:
        """State of each ephemeral container that the kubelet has reported on."""
        statuses = self.pod(pod)["status"].get("ephemeralContainerStatuses", [])
        return {each["name"]: each["state"] for each in statuses}

    def diagnose(self) -> str:
        """The namespace's pods and events."""
        return "\n".join(
            self.kubectl("get", what, "-o", "wide", check=False) for what in ("pods", "events")
        )

    def web_status(self, pod: str) -> tuple[str, int]:
        """Container ID and restart count of the application."""
        status = self.pod(pod)["status"]["containerStatuses"][0]
        return status["containerID"], status["restartCount"]


def own_cluster(cluster: Cluster) -> None:
    """Skip where the API server is not the test cluster's, which no test may restart."""
    done = subprocess.run(
        [sys.executable, str(CLUSTER_TOOL), "kubeconfig"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    own = done.stdout.strip()
    if done.returncode != 0 or Path(own).resolve() != cluster.kubeconfig:
        pytest.skip("the API server of a cluster that is not the tests' own is not killed")


def restart_api_server(cluster: Cluster) -> None:
    """Kill the API server and start it again, in a test that is marked ``alone``."""
    own_cluster(cluster)
    restart = [sys.executable, str(CLUSTER_TOOL), "restart", "kube-apiserver"]
    done = subprocess.run(restart, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
