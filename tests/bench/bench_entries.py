# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ephemeral entries of a cluster with many pods against `kubectl get pods -A -o json` and jq.

Run:  make bench ARGS=bench_entries
      (or, in an environment with the collection: python tests/bench/bench_entries.py --pods 5000)

The pods are on no node (schedulerName: none); their status is that of running pods, written by
hand, so that they are as large as real ones. One in a hundred has an ephemeral entry, or as many as
--entries says. Ours is the use case of `ephemeral_container_info` (and of `debug_cleanup`, as a
report) in a process of its own, from the start of Python to its end, as is kubectl's; the memory is
the most that each process had, jq's (or Python's, where there is no jq) beside kubectl's. The time
of a bare start of Python is told, too. All entries are in the first tenth of the pods, at which the
cleanup is measured as well: what it takes then and with all of the pods shows whether its memory
grows with them.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence

import benchkit
import still_pods

_SELECT = "[.items[] | select(.spec.ephemeralContainers) | {m: .metadata.name, s: .status}]"
_SELECT_IN_PYTHON = (
    "import json, sys; print(json.dumps([[p['metadata']['name'], p['status']] "
    "for p in json.load(sys.stdin)['items'] if p['spec'].get('ephemeralContainers')]))"
)
_OURS = """
import importlib, json, sys
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
utils = "ansible_collections.kubedebug.core.plugins.module_utils"
use_case = getattr(importlib.import_module(f"{utils}.{sys.argv[1]}"), sys.argv[2])
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import Context
spec = {name: dict(option) for name, option in use_case.spec.argument_spec.items()}
params = ArgumentSpecValidator(spec).validate({"all_namespaces": True}).validated_parameters
if sys.argv[3:] != ["idle"]:
    print(json.dumps(use_case.run(params, Context()).as_dict()))
"""
_INFO = ("_ephemeral.info", "EPHEMERAL_CONTAINER_INFO")
_CLEANUP = ("_cleanup.cleanup", "DEBUG_CLEANUP")
_EVERY = 100


def _ours(*arguments: str) -> benchkit.Cost:
    return benchkit.measure([sys.executable, "-c", _OURS, *arguments])


def _filter() -> list[str]:
    return ["jq", _SELECT] if shutil.which("jq") else [sys.executable, "-c", _SELECT_IN_PYTHON]


def _peer() -> benchkit.Cost:
    """Kubectl and the filter, with the memory of both."""
    listing = benchkit.kubectl("get", "pods", "--all-namespaces", "--output=json")
    return benchkit.measure(listing, _filter())


def _peer_idle() -> benchkit.Cost:
    """The two with nothing to do."""
    listing = benchkit.kubectl("get", "pods", "--output=json", "--field-selector=metadata.name=-")
    return benchkit.measure(listing, _filter())


def _memory(cost: benchkit.Cost) -> float:
    return cost.mebibytes


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=2000)
    parser.add_argument("--entries", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    entries = options.pods // _EVERY if options.entries is None else options.entries
    tenth = max(entries, options.pods // 10)
    kinds = ("ours", "cleanup", "peer", "idle", "cleanup idle", "peer idle")
    costs: dict[str, list[benchkit.Cost]] = {kind: [] for kind in kinds}

    def run(kind: str, cost: benchkit.Cost) -> float:
        costs[kind].append(cost)
        return cost.seconds

    with benchkit.client() as api, benchkit.namespace(api) as space:
        model = still_pods.template(api, space)
        still_pods.fill(api, space, model, range(tenth), entries=entries)
        few = max((_ours(*_CLEANUP) for _round in range(options.rounds)), key=_memory)
        still_pods.fill(api, space, model, range(tenth, options.pods), entries=entries)
        ours, cleanup, peer, idle, cleanup_idle, peer_idle = benchkit.in_turns(
            options.rounds,
            lambda _round: run("ours", _ours(*_INFO)),
            lambda _round: run("cleanup", _ours(*_CLEANUP)),
            lambda _round: run("peer", _peer()),
            lambda _round: run("idle", _ours(*_INFO, "idle")),
            lambda _round: run("cleanup idle", _ours(*_CLEANUP, "idle")),
            lambda _round: run("peer idle", _peer_idle()),
        )
        memory = {kind: max(cost.mebibytes for cost in each) for kind, each in costs.items()}
        _report_info(options, (ours, peer, idle, peer_idle), memory)
        net = (cleanup - cleanup_idle, peer - peer_idle)
        figures = [
            benchkit.Figure(
                what=f"time, {options.pods} pods, {entries} entries / kubectl",
                unit="s",
                ours=cleanup,
                peer=peer,
            ),
            benchkit.Figure(what="the same without the starts", unit="s", ours=net[0], peer=net[1]),
            benchkit.Figure(what="memory", unit="MiB", ours=memory["cleanup"], peer=memory["peer"]),
            benchkit.Figure(
                what=f"memory, all pods / {tenth} of them (flat: 1x)",
                unit="MiB",
                ours=memory["cleanup"],
                peer=few.mebibytes,
                hold=0.9,
            ),
        ]
        benchkit.report("A report of debug_cleanup", figures, rounds=options.rounds)


def _report_info(
    options: argparse.Namespace, seconds: Sequence[float], memory: Mapping[str, float]
) -> None:
    ours, peer, idle, peer_idle = seconds
    figures = [
        benchkit.Figure(
            what=f"time, {options.pods} pods / kubectl and filter", unit="s", ours=ours, peer=peer
        ),
        benchkit.Figure(
            what="the same without the starts",
            unit="s",
            ours=ours - idle,
            peer=peer - peer_idle,
            hold=10,
        ),
        benchkit.Figure(what="memory", unit="MiB", ours=memory["ours"], peer=memory["peer"]),
        benchkit.Figure(
            what="the same without the starts",
            unit="MiB",
            ours=memory["ours"] - memory["idle"],
            peer=memory["peer"] - memory["peer idle"],
            hold=10,
        ),
    ]
    benchkit.report("Ephemeral entries of a cluster", figures, rounds=options.rounds)


if __name__ == "__main__":
    main()
