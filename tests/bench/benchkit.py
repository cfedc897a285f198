# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benches share: timing in turns, pods to work on, playbooks to run, and a table.

A bench compares with a peer in the same run, A B A B, and prints the ratio of the medians. It
never fails because of a time: machines differ, and a slow one is no defect.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import AuthOptions
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    NotFound,
    RequestTimeout,
)

__all__ = [
    "Cost",
    "Figure",
    "client",
    "in_turns",
    "kubectl",
    "measure",
    "namespace",
    "play_on",
    "playbook",
    "report",
    "wait",
    "web_pods",
]

TOOLBOX = os.environ.get("KUBEDEBUG_TOOLBOX_IMAGE", "localhost/kubedebug/toolbox:dev")
WEB = os.environ.get("KUBEDEBUG_WEB_IMAGE", "localhost/kubedebug/web:dev")

_RUN_MEASURED = Path(__file__).with_name("run_measured.py")
_START_TIMEOUT = 300.0
_END_TIMEOUT = 900.0


@dataclass(frozen=True)
class Cost:
    """Wall time in seconds, and where measured the most memory of the process in MiB and the time
    of processors (s) of it and of all below it.
    """

    seconds: float
    mebibytes: float = 0.0
    cpu: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table: what of ours against what of the peer's, and the ratio to hold."""

    what: str
    unit: str
    ours: float
    peer: float
    hold: float | None = None

    @property
    def ratio(self) -> float:
        return self.peer / self.ours if self.ours > 0 else float("inf")


def measure(*pipeline: Sequence[str], environ: Mapping[str, str] | None = None) -> Cost:
    """Run a program, or several as a pipe, to the end; the memory is the sum of their peaks.

    Raises RuntimeError with the output if one of them fails.
    """
    with tempfile.TemporaryFile() as output, tempfile.NamedTemporaryFile() as result:
        argv = [sys.executable, "-S", "-E", str(_RUN_MEASURED), result.name]
        subprocess.run(
            [*argv, json.dumps([list(each) for each in pipeline])],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environ or {})},
            check=True,
        )
        told = json.load(result)
        if any(told["codes"]):
            output.seek(0, os.SEEK_END)
            output.seek(max(0, output.tell() - 2000))
            text = output.read().decode("utf-8", "replace")
            lines = " | ".join(shlex.join(each)[:200] for each in pipeline)
            raise RuntimeError(f"{lines} ended with {told['codes']}:\n{text}")
    return Cost(seconds=told["seconds"], mebibytes=told["kibibytes"] / 1024, cpu=told["cpu"])


def in_turns(rounds: int, *runs: Callable[[int], float]) -> list[float]:
    """Call each run once a round, in turns, and return the median of each."""
    taken: list[list[float]] = [[] for _run in runs]
    for number in range(rounds):
        for index, run in enumerate(runs):
            taken[index].append(run(number))
            print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    return [statistics.median(each) for each in taken]


def kubectl(*argv: str) -> list[str]:
    """The command line of kubectl."""
    return [*shlex.split(os.environ.get("KUBEDEBUG_KUBECTL", "kubectl")), *argv]


def client() -> Client:
    """A client of the cluster of KUBECONFIG."""
    return Client(AuthOptions())


@contextmanager
def namespace(api: Client) -> Iterator[str]:
    """A namespace of a random name, gone with all its pods at the end."""
    name = f"kubedebug-bench-{secrets.token_hex(3)}"
    api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    try:
        yield name
    finally:
        print(f"Removing namespace {name} ...", file=sys.stderr)
        # From then on no controller makes new pods in it.
        api.delete(f"/api/v1/namespaces/{name}")
        # The answer comes when all are gone, which 20,000 are not in the time of a request.
        with suppress(RequestTimeout):
            api.delete(f"/api/v1/namespaces/{name}/pods", {"gracePeriodSeconds": 0})
        gone = partial(_is_gone, api, f"/api/v1/namespaces/{name}")
        wait(gone, "its end", timeout=_END_TIMEOUT)


def _is_gone(api: Client, path: str) -> bool:
    try:
        api.get(path)
    except NotFound:
        return True
    return False


def web_pods(api: Client, space: str, count: int) -> list[str]:
    """Have a deployment of *count* running pods of a web server, and return their names."""
    pods = f"/api/v1/namespaces/{space}/pods"
    print(f"Starting {count} pods in namespace {space} ...", file=sys.stderr)
    api.post(f"/apis/apps/v1/namespaces/{space}/deployments", _deployment(count))
    wait(lambda: _running(api, pods) == count, f"{count} running pods")
    return [pod["metadata"]["name"] for pod in api.list(pods)]


def _running(api: Client, pods: str) -> int:
    return sum(pod["status"].get("phase") == "Running" for pod in api.list(pods))


def _deployment(count: int) -> dict[str, Any]:
    labels = {"app": "web"}
    pod = {
        "containers": [{"name": "web", "image": WEB, "imagePullPolicy": "IfNotPresent"}],
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {
        "metadata": {"name": "web"},
        "spec": {"replicas": count, "selector": {"matchLabels": labels}, "template": template},
    }


def wait(condition: Callable[[], bool], what: str, *, timeout: float = _START_TIMEOUT) -> None:
    """Ask until *condition* is true; raises RuntimeError when it takes over *timeout* seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"no sign of {what} after {timeout:.0f} s")
        time.sleep(0.2)


def playbook(tasks: Sequence[Mapping[str, Any]]) -> float:
    """Run *tasks* on localhost in one ansible-playbook, and return its seconds of wall time.

    The interpreter is named, so that no task pays for a search, and pipelining is on, which is
    what makes modules fastest.
    """
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": list(tasks),
    }
    return _played(play, "localhost,").seconds


def play_on(
    hosts: Sequence[str], variables: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]]
) -> Cost:
    """Run *tasks* on hosts with those variables in one ansible-playbook, with its usual forks."""
    play = {"hosts": "all", "gather_facts": False, "vars": dict(variables), "tasks": list(tasks)}
    return _played(play, ",".join(hosts) + ",")


def _played(play: Mapping[str, Any], inventory: str) -> Cost:
    folder = Path(tempfile.mkdtemp(prefix="kubedebug-bench-"))
    try:
        path = folder / "play.yml"
        path.write_text(json.dumps([play]), encoding="utf-8")
        argv = [sys.executable, "-m", "ansible", "playbook", "-i", inventory, str(path)]
        return measure(argv, environ=_playbook_environ())
    finally:
        shutil.rmtree(folder)


def _playbook_environ() -> dict[str, str]:
    collections = [os.environ.get("ANSIBLE_COLLECTIONS_PATH", "")]
    # kubernetes.core is in the package `ansible`, in this environment or in one of its own.
    collections.append(os.environ.get("KUBEDEBUG_PEER_SITE_PACKAGES", ""))
    return {
        "ANSIBLE_COLLECTIONS_PATH": ":".join(path for path in collections if path),
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }


def report(title: str, figures: Sequence[Figure], *, rounds: int) -> None:
    """Print the table of a bench, with the machine that it was measured on."""
    print(f"\n{title} ({rounds} rounds in turns, medians)")
    print(f"{'':46}{'ours':>12}{'peer':>12}{'ratio':>9}{'hold':>8}")
    for figure in figures:
        hold = "" if figure.hold is None else f"{figure.hold:g}x"
        both = "".join(f"{value:>8.3f} {figure.unit:3}" for value in (figure.ours, figure.peer))
        ratio = f"{figure.ratio:.1f}x" if figure.ours > 0 else "no cost"
        print(f"{figure.what:46}{both}{ratio:>9}{hold:>8}")
    print(f"machine: {_machine()}\n")


def _machine() -> str:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} x {model}, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )
