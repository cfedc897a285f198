# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One info task on localhost against kubernetes.core.k8s_info, which reads the same pod.

Run:  make bench ARGS=bench_info_task
      (or, in an environment with the collection: python tests/bench/bench_info_task.py)

A playbook of N equal tasks, less the time of one without them, by N: what a task adds to a play.
"""

from __future__ import annotations

import argparse
from typing import Any

import benchkit


def _tasks(module: str, options: dict[str, Any], count: int) -> list[dict[str, Any]]:
    return [{"name": f"Task {number}", module: options} for number in range(count)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with benchkit.client() as api, benchkit.namespace(api) as space:
        (name,) = benchkit.web_pods(api, space, 1)
        ours = {"namespace": space, "name": [name]}
        peer = {"kind": "Pod", "namespace": space, "name": name}
        runs = [
            [{"ansible.builtin.meta": "noop"}],
            _tasks("kubedebug.core.ephemeral_container_info", ours, options.tasks),
            _tasks("kubernetes.core.k8s_info", peer, options.tasks),
        ]
        base, *taken = benchkit.in_turns(
            options.rounds,
            *(lambda _round, tasks=tasks: benchkit.playbook(tasks) for tasks in runs),
        )
    cost = [(seconds - base) / options.tasks for seconds in taken]
    figure = benchkit.Figure(
        what="ephemeral_container_info / k8s_info",
        unit="s",
        ours=cost[0],
        peer=cost[1],
        hold=10,
    )
    title = f"One info task, of {options.tasks} in a playbook"
    benchkit.report(title, [figure], rounds=options.rounds)


if __name__ == "__main__":
    main()
