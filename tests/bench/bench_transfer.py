# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A large file from a debugger, verified, against `kubectl cp`, which verifies nothing.

Run:  make bench ARGS=bench_transfer
      (or, in an environment with the collection: python tests/bench/bench_transfer.py --size 256)

Each side is a process of its own that fetches one file of random bytes, its start included. Ours
runs the code of `pod_capture` and `pod_fetch`: SHA-256 on both sides, fsync, rename. Memory is the
most of the process; "growth" is what is more than for a file of one byte.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import benchkit

from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.download import (
    Source,
    download,
)

_DEBUGGER = "bench"
_TIMEOUT = 1800.0


class Bench:
    """One debugger with the file, and the rounds on it."""

    def __init__(self, api: Any, space: str, pod: str, folder: Path) -> None:
        self.api = api
        self.space = space
        self.pod = pod
        self.folder = folder
        self.ours: list[benchkit.Cost] = []
        self.peers: list[benchkit.Cost] = []

    def prepare(self, mebibytes: int) -> None:
        """Start the debugger and write the file."""
        target = [f"--namespace={self.space}", "--target=web", "--profile=general"]
        options = [f"--image={benchkit.TOOLBOX}", f"--container={_DEBUGGER}"]
        argv = benchkit.kubectl("debug", *target, *options, self.pod, "--", "sleep", "7200")
        subprocess.run(argv, check=True, capture_output=True)
        benchkit.wait(self._runs, "a running debugger")
        script = f"head -c {mebibytes * 1024 * 1024} /dev/urandom >/tmp/large; echo >/tmp/small"
        where = [f"--namespace={self.space}", self.pod, f"--container={_DEBUGGER}"]
        subprocess.run(benchkit.kubectl("exec", *where, "--", "sh", "-c", script), check=True)

    def _runs(self) -> bool:
        pod = self.api.get(f"/api/v1/namespaces/{self.space}/pods/{self.pod}")
        states = pod["status"].get("ephemeralContainerStatuses", [])
        return any("running" in each["state"] for each in states)

    def fetch(self, number: int) -> float:
        """Ours."""
        self.ours.append(self._fetch("large", number))
        return self.ours[-1].seconds

    def small(self) -> benchkit.Cost:
        """What ours costs for next to nothing."""
        return self._fetch("small", 0)

    def _fetch(self, name: str, number: int) -> benchkit.Cost:
        path = self.folder / f"ours-{name}-{number}"
        argv = [sys.executable, __file__, "--fetch", self.space, self.pod, name, str(path)]
        cost = benchkit.measure(argv)
        path.unlink()
        return cost

    def copy(self, number: int) -> float:
        """The peer's."""
        path = self.folder / f"peer-{number}"
        source = f"{self.space}/{self.pod}:/tmp/large"
        argv = benchkit.kubectl("cp", f"--container={_DEBUGGER}", source, str(path))
        self.peers.append(benchkit.measure(argv))
        path.unlink()
        return self.peers[-1].seconds


def _download(space: str, pod: str, name: str, path: str) -> None:
    """What a process of ours does."""
    seat = Seat(namespace=space, pod=pod, container=_DEBUGGER)
    with benchkit.client() as api:
        got = download(api, seat, Source(path=f"/tmp/{name}"), path, timeout=_TIMEOUT)
    if got.error is not None:
        sys.exit(got.error.msg)


def _most(costs: list[benchkit.Cost]) -> float:
    return statistics.median(cost.mebibytes for cost in costs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="MiB of the file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fetch", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fetch:
        _download(*options.fetch)
        return
    with (
        benchkit.client() as api,
        benchkit.namespace(api) as space,
        tempfile.TemporaryDirectory(prefix="kubedebug-bench-") as folder,
    ):
        (pod,) = benchkit.web_pods(api, space, 1)
        bench = Bench(api, space, pod, Path(folder))
        bench.prepare(options.size)
        small = bench.small()
        ours, peer = benchkit.in_turns(options.rounds, bench.fetch, bench.copy)
    print(
        f"{options.size} MiB: ours {options.size * 1.048576 / ours:.0f} MB/s,"
        f" kubectl cp {options.size * 1.048576 / peer:.0f} MB/s;"
        f" growth of our memory {_most(bench.ours) - small.mebibytes:.1f} MiB"
    )
    figures = [
        benchkit.Figure(
            what=f"{options.size} MiB fetched and verified / kubectl cp",
            unit="s",
            ours=ours,
            peer=peer,
            hold=1.3,
        ),
        benchkit.Figure(
            what="the most memory of the process",
            unit="MiB",
            ours=_most(bench.ours),
            peer=_most(bench.peers),
        ),
    ]
    benchkit.report("A large file", figures, rounds=options.rounds)


if __name__ == "__main__":
    main()
