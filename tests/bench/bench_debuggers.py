# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debuggers on many pods against a loop of `kubectl debug`.

Run:  make bench ARGS=bench_debuggers
      (or, in an environment with the collection: python tests/bench/bench_debuggers.py --pods 100)

"accepted" is until the API server has taken the last patch, "running" until the kubelet runs the
last debugger; of kubectl, which does not wait, the second is seen by listing the pods. Ours is one
task of a playbook, its preflight and dry run included, less the time of a playbook without it. The
debuggers of a round are stopped before the next one, outside of the time.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time
from typing import Any

import benchkit


class Bench:
    """One namespace of pods, and the rounds on it."""

    def __init__(self, api: Any, space: str, names: list[str]) -> None:
        self.api = api
        self.space = space
        self.names = names
        self.kubectl_running: list[float] = []

    def accepted(self, number: int) -> float:
        """One task that does not wait."""
        return self._ours(f"accepted-{number}", wait=False)

    def running(self, number: int) -> float:
        """One task that waits until all of them run."""
        return self._ours(f"running-{number}", wait=True)

    def _ours(self, owner: str, *, wait: bool) -> float:
        # An owner of its own makes an identity of its own, so that nothing is used again.
        seconds = self._task(owner=owner, wait=wait)
        self._wait_for("KUBEDEBUG_OWNER", owner)
        self._task(owner=owner, state="stopped", grace_period=0)
        return seconds

    def _task(self, **more: Any) -> float:
        options = {
            "namespace": self.space,
            "label_selectors": ["app=web"],
            "max_pods": len(self.names),
            "image": benchkit.TOOLBOX,
            "wait_timeout": 300,
            **more,
        }
        task = {"name": "Debuggers", "kubedebug.core.ephemeral_container": options}
        return benchkit.playbook([task])

    def kubectl(self, number: int) -> float:
        """The loop; the name is given, since one that kubectl makes up could not be waited for."""
        name = f"by-kubectl-{number}"
        target = [f"--namespace={self.space}", "--target=web", "--profile=general"]
        options = [f"--image={benchkit.TOOLBOX}", f"--container={name}"]
        start = time.perf_counter()
        for pod in self.names:
            argv = benchkit.kubectl("debug", *target, *options, pod, "--", "sleep", "3600")
            subprocess.run(argv, check=True, capture_output=True)
        accepted = time.perf_counter() - start
        self._wait_for(name)
        self.kubectl_running.append(time.perf_counter() - start)
        self._task(state="stopped", debugger=[name], grace_period=0)
        return accepted

    def _wait_for(self, mark: str, value: str | None = None) -> None:
        benchkit.wait(lambda: self._count(mark, value) == len(self.names), "running debuggers")

    def _count(self, mark: str, value: str | None) -> int:
        """How many pods have a running debugger of that name, or with that in its environment."""
        return sum(
            bool(_named(pod, mark, value) & _running(pod))
            for pod in self.api.list(f"/api/v1/namespaces/{self.space}/pods")
        )


def _named(pod: dict[str, Any], mark: str, value: str | None) -> set[str]:
    return {
        entry["name"]
        for entry in pod["spec"].get("ephemeralContainers", [])
        if (value is None and entry["name"] == mark)
        or any(env["name"] == mark and env.get("value") == value for env in entry.get("env", []))
    }


def _running(pod: dict[str, Any]) -> set[str]:
    states = pod["status"].get("ephemeralContainerStatuses", [])
    return {each["name"] for each in states if "running" in each["state"]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with benchkit.client() as api, benchkit.namespace(api) as space:
        bench = Bench(api, space, benchkit.web_pods(api, space, options.pods))
        base, accepted, kubectl, running = benchkit.in_turns(
            options.rounds,
            lambda _round: benchkit.playbook([{"ansible.builtin.meta": "noop"}]),
            bench.accepted,
            bench.kubectl,
            bench.running,
        )
    figures = [
        benchkit.Figure(
            what=f"patches of {options.pods} pods accepted / kubectl debug",
            unit="s",
            ours=accepted - base,
            peer=kubectl,
            hold=15,
        ),
        benchkit.Figure(
            what=f"debuggers on {options.pods} pods running / kubectl debug",
            unit="s",
            ours=running - base,
            peer=statistics.median(bench.kubectl_running),
            hold=2,
        ),
    ]
    benchkit.report("Debuggers on many pods", figures, rounds=options.rounds)


if __name__ == "__main__":
    main()
