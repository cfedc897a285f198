# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks in a debugger through the connection against the connection kubernetes.core.kubectl.

Run:  make bench ARGS=bench_connection
      (or, in an environment with the collection: python tests/bench/bench_connection.py)

A play of N equal tasks on many hosts, less the same play without them, by the number of tasks: what
a task of a host costs in wall time, with Ansible's usual forks, and in processor time. All hosts
mean the same pod, and both sides work in the same debugger. A file goes there by `copy` and comes
back by `fetch`; ours are compared by their checksums.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import benchkit

_NOTHING: dict[str, Any] = {"ansible.builtin.meta": "noop"}
_RAW: dict[str, Any] = {"name": "Raw", "ansible.builtin.raw": "true"}
_COMMAND: dict[str, Any] = {"name": "Command", "ansible.builtin.command": {"argv": ["true"]}}
_MIB = 1024 * 1024


class Sides:
    """The variables of a host for either connection; both lead to one debugger."""

    def __init__(self, space: str, pod: str, debugger: str) -> None:
        common = {"ansible_python_interpreter": "/usr/bin/python3", "ansible_pipelining": True}
        self.ours: dict[str, Any] = {
            **common,
            "ansible_connection": "kubedebug.core.ephemeral",
            "kubedebug_namespace": space,
            "kubedebug_pod": pod,
            "kubedebug_image": benchkit.TOOLBOX,
        }
        self.peer: dict[str, Any] = {
            **common,
            "ansible_connection": "kubernetes.core.kubectl",
            "ansible_kubectl_namespace": space,
            "ansible_kubectl_pod": pod,
            "ansible_kubectl_container": debugger,
        }

    def play(self, side: str, hosts: int, tasks: list[dict[str, Any]]) -> benchkit.Cost:
        """Run tasks by one side, on so many hosts."""
        names = [f"host-{number}" for number in range(hosts)]
        return benchkit.play_on(names, getattr(self, side), tasks)


def _find_kubectl() -> None:
    """Let the peer find the kubectl of the test cluster, which it looks for on PATH."""
    folder = str(Path(shlex.split(os.environ.get("KUBEDEBUG_KUBECTL", "kubectl"))[0]).parent)
    if folder != ".":
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"


def _tasks(sides: Sides, hosts: int, count: int, rounds: int) -> list[benchkit.Figure]:
    costs: dict[tuple[str, str], list[benchkit.Cost]] = {}
    kinds = {"nothing": [_NOTHING], "raw": [_RAW] * count, "command": [_COMMAND] * count}

    def runner(side: str, kind: str) -> Callable[[int], float]:
        def run(_round: int) -> float:
            cost = sides.play(side, hosts, kinds[kind])
            costs.setdefault((side, kind), []).append(cost)
            return cost.seconds

        return run

    order = [(side, kind) for kind in kinds for side in ("ours", "peer")]
    benchkit.in_turns(rounds, *(runner(side, kind) for side, kind in order))

    def each(side: str, kind: str, what: str) -> float:
        medians: list[float] = [
            statistics.median([getattr(cost, what) for cost in costs[side, which]])
            for which in (kind, "nothing")
        ]
        return (medians[0] - medians[1]) / (count * hosts)

    return [
        benchkit.Figure(
            what=f"{kind}, {label} for each task of a host",
            unit="s",
            ours=each("ours", kind, what),
            peer=each("peer", kind, what),
        )
        for kind in ("raw", "command")
        for what, label in (("seconds", "wall time"), ("cpu", "processors"))
    ]


def _files(sides: Sides, size: int, rounds: int) -> list[benchkit.Figure]:
    with tempfile.TemporaryDirectory(prefix="kubedebug-bench-") as folder:
        payload = Path(folder) / "payload"
        payload.write_bytes(secrets.token_bytes(size * _MIB))
        inside = "/tmp/kubedebug-bench"
        remove: dict[str, Any] = {"name": "Remove", "ansible.builtin.raw": f"rm -f {inside}"}
        copy: dict[str, Any] = {
            "name": "Copy",
            "ansible.builtin.copy": {"src": str(payload), "dest": inside},
        }
        home = {"src": inside, "dest": f"{folder}/home", "flat": True}
        fetch: dict[str, Any] = {"name": "Fetch", "ansible.builtin.fetch": home}
        away: dict[str, Any] = {
            "name": "Remove at home",
            "ansible.builtin.file": {"path": home["dest"], "state": "absent"},
            "delegate_to": "localhost",
            "vars": {
                "ansible_connection": "local",
                "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            },
        }
        base = [remove, away]
        plays = {"base": base, "put": [*base, copy], "get": [*base, copy, fetch]}
        order = [(side, kind) for kind in plays for side in ("ours", "peer")]
        taken = benchkit.in_turns(
            rounds,
            *(
                lambda _round, side=side, kind=kind: sides.play(side, 1, plays[kind]).seconds
                for side, kind in order
            ),
        )
    found = dict(zip(order, taken, strict=True))
    steps = {"copy": ("put", "base"), "fetch": ("get", "put")}
    return [
        benchkit.Figure(
            what=f"{step} of {size} MiB",
            unit="s",
            ours=found["ours", more] - found["ours", less],
            peer=found["peer", more] - found["peer", less],
        )
        for step, (more, less) in steps.items()
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--tasks", type=int, default=3)
    parser.add_argument("--size", type=int, default=64, help="of the file, in MiB")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    _find_kubectl()
    with benchkit.client() as api, benchkit.namespace(api) as space:
        (pod,) = benchkit.web_pods(api, space, 1)
        benchkit.play_on([pod], Sides(space, pod, "").ours, [_RAW])
        read = api.get(f"/api/v1/namespaces/{space}/pods/{pod}")
        sides = Sides(space, pod, read["spec"]["ephemeralContainers"][0]["name"])
        figures = _tasks(sides, options.hosts, options.tasks, options.rounds)
        figures += _files(sides, options.size, options.rounds)
    title = f"Tasks of {options.hosts} hosts through the connection / kubernetes.core.kubectl"
    benchkit.report(title, figures, rounds=options.rounds)


if __name__ == "__main__":
    main()
