# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods of a cluster as hosts, against an inventory script around `kubectl get pods -A -o json`.

Run:  make bench ARGS=bench_inventory
      (or, in an environment with the collection: python tests/bench/bench_inventory.py --pods 5000)

The inventory plugin of kubernetes.core is gone since its version 6, so the peer is what people have
instead: a script that calls kubectl and prints hosts, groups and variables. The pods are on no node
(`still_pods`), of 50 different labels. Both are read by `ansible-inventory --list`, from the start
of Python to its end, once plainly and once with groups by label, a condition, and two values, of
which one differs for every host; the script makes the same groups and values in plain Python. The
memory is that of the largest process: ansible-inventory, or for the peer the script or kubectl.
"Without the start" is less what ansible-inventory takes for an empty inventory.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import benchkit
import still_pods

_APPS = 50
_PLAIN = {"plugin": "kubedebug.core.pods", "all_namespaces": True}
_GROUPED = {
    **_PLAIN,
    "keyed_groups": [
        {"key": "kubedebug_labels.app | default('none')", "prefix": "app"},
        {"key": "kubedebug_namespace", "prefix": "namespace"},
    ],
    "groups": {"restarted": "kubedebug_restarts > 0", "ready": "kubedebug_ready"},
    "compose": {"kubedebug_lifetime": "60 * 30", "address": "kubedebug_pod ~ '.example.org'"},
}
_SCRIPT = """#!%(python)s
import json, subprocess
found = subprocess.run(%(argv)r, capture_output=True, check=True)
grouped = %(grouped)r
hosts, groups = {}, {}
for pod in json.loads(found.stdout)["items"]:
    metadata, status = pod["metadata"], pod.get("status") or {}
    if status.get("phase") != "Running":
        continue
    name = metadata["name"] + "." + metadata["namespace"]
    labels = metadata.get("labels") or {}
    facts = {"labels": labels, "annotations": metadata.get("annotations") or {}}
    facts |= {"pod": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]}
    facts |= {"node": pod["spec"].get("nodeName"), "ip": status.get("podIP")}
    facts["containers"] = status.get("containerStatuses") or []
    if grouped:
        facts |= {"lifetime": 1800, "address": metadata["name"] + ".example.org"}
        names = ["app_" + labels.get("app", "none"), "namespace_" + metadata["namespace"]]
        names += ["restarted"] * any(each["restartCount"] for each in facts["containers"])
        names += ["ready"] * all(each["ready"] for each in facts["containers"])
        for group in names:
            groups.setdefault(group.replace("-", "_"), {"hosts": []})["hosts"].append(name)
    hosts[name] = facts
print(json.dumps({"_meta": {"hostvars": hosts}, "all": {"hosts": list(hosts)}, **groups}))
"""


def _files(folder: Path) -> dict[str, Path]:
    files = {"idle": folder / "idle.yml"}
    files["idle"].write_text("{}", encoding="utf-8")
    argv = benchkit.kubectl("get", "pods", "--all-namespaces", "--output=json")
    for kind, options in (("plain", _PLAIN), ("grouped", _GROUPED)):
        files[f"ours {kind}"] = folder / f"{kind}.kubedebug.yml"
        files[f"ours {kind}"].write_text(json.dumps(options), encoding="utf-8")
        said = {"python": sys.executable, "argv": argv, "grouped": kind == "grouped"}
        script = folder / f"{kind}.py"
        script.write_text(_SCRIPT % said, encoding="utf-8")
        script.chmod(0o700)
        files[f"peer {kind}"] = script
    return files


def _read(path: Path) -> benchkit.Cost:
    argv = [sys.executable, "-m", "ansible", "inventory", "-i", str(path), "--list"]
    return benchkit.measure(argv, environ={"ANSIBLE_INVENTORY_UNPARSED_FAILED": "true"})


def _figures(pods: int, seconds: dict[str, float], memory: dict[str, float]) -> list[Any]:
    figures = []
    for kind in ("plain", "grouped"):
        ours, peer = f"ours {kind}", f"peer {kind}"
        figures += [
            benchkit.Figure(
                what=f"time, {pods} pods, {kind}", unit="s", ours=seconds[ours], peer=seconds[peer]
            ),
            benchkit.Figure(
                what="the same without the start",
                unit="s",
                ours=seconds[ours] - seconds["idle"],
                peer=seconds[peer] - seconds["idle"],
            ),
            benchkit.Figure(
                what=f"memory, {kind}", unit="MiB", ours=memory[ours], peer=memory[peer]
            ),
        ]
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with (
        benchkit.client() as api,
        benchkit.namespace(api) as space,
        tempfile.TemporaryDirectory(prefix="kubedebug-bench-") as folder,
    ):
        model = still_pods.template(api, space)
        still_pods.fill(api, space, model, range(options.pods), apps=_APPS)
        files = _files(Path(folder))
        memory = dict.fromkeys(files, 0.0)

        def run(kind: str) -> float:
            cost = _read(files[kind])
            memory[kind] = max(memory[kind], cost.mebibytes)
            return cost.seconds

        kinds = list(files)
        medians = benchkit.in_turns(
            options.rounds, *(lambda _round, kind=kind: run(kind) for kind in kinds)
        )
        figures = _figures(options.pods, dict(zip(kinds, medians, strict=True)), memory)
        benchkit.report("Pods as hosts", figures, rounds=options.rounds)


if __name__ == "__main__":
    main()
