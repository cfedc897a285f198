# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command in a running debugger against `kubectl exec`.

Run:  make bench ARGS=bench_command
      (or, in an environment with the collection: python tests/bench/bench_command.py)

"one after the other" is a playbook of N tasks of one command each, less a playbook without them,
against N times `kubectl exec`. "on N pods" is one task for all pods against a loop. Each command
of ours is bounded in time inside of the pod as well, which `kubectl exec` does not do.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from typing import Any

import benchkit

_ARGV = ["cat", "/proc/self/status"]


def _task(space: str, **more: Any) -> dict[str, Any]:
    options = {"namespace": space, "image": benchkit.TOOLBOX, "argv": _ARGV, **more}
    return {"name": "Command", "kubedebug.core.ephemeral_command": options}


def _kubectl(space: str, pods: list[str], debugger: str) -> float:
    start = time.perf_counter()
    for pod in pods:
        options = [f"--namespace={space}", f"--container={debugger}"]
        argv = benchkit.kubectl("exec", *options, pod, "--", *_ARGV)
        subprocess.run(argv, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=20)
    parser.add_argument("--pods", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with benchkit.client() as api, benchkit.namespace(api) as space:
        pods = benchkit.web_pods(api, space, options.pods)
        everywhere = {"label_selectors": ["app=web"], "max_pods": len(pods)}
        benchkit.playbook([_task(space, **everywhere)])
        first = api.get(f"/api/v1/namespaces/{space}/pods/{pods[0]}")
        debugger = first["spec"]["ephemeralContainers"][0]["name"]
        single = [_task(space, name=[pods[0]]) for _number in range(options.commands)]
        base, one, one_peer, many, many_peer = benchkit.in_turns(
            options.rounds,
            lambda _round: benchkit.playbook([{"ansible.builtin.meta": "noop"}]),
            lambda _round: benchkit.playbook(single),
            lambda _round: _kubectl(space, pods[:1] * options.commands, debugger),
            lambda _round: benchkit.playbook([_task(space, **everywhere)]),
            lambda _round: _kubectl(space, pods, debugger),
        )
    figures = [
        benchkit.Figure(
            what="one command, one after the other / kubectl exec",
            unit="s",
            ours=(one - base) / options.commands,
            peer=one_peer / options.commands,
            hold=2,
        ),
        benchkit.Figure(
            what=f"one command, within {len(pods)} pods / kubectl exec",
            unit="s",
            ours=(many - base) / len(pods),
            peer=many_peer / len(pods),
            hold=2,
        ),
    ]
    benchkit.report("A command in a running debugger", figures, rounds=options.rounds)


if __name__ == "__main__":
    main()
