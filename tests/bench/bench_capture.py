# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A capture against bare tcpdump: how soon it listens, and what it drops.

Run:  make bench ARGS=bench_capture
      (or, in an environment with the collection: python tests/bench/bench_capture.py)

"listening" is one task that begins a recording in a debugger that runs, less a playbook without it,
against `kubectl exec` of a tcpdump that is read until it says so. "dropped" counts packets that the
kernel dropped of a flood over loopback, by tcpdump's own words, at the same load in the same run.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import time
from typing import Any

import benchkit

_FLOOD = r"""
import socket, sys, time
sender, sent, start = socket.socket(type=socket.SOCK_DGRAM), 0, time.monotonic()
rate, seconds, data = int(sys.argv[1]), float(sys.argv[2]), b"x" * 200
while (passed := time.monotonic() - start) < seconds:
    while sent < passed * rate:
        sender.sendto(data, ("127.0.0.1", 9999))
        sent += 1
    time.sleep(0.0005)
print(sent)
"""
_BARE = (
    "tcpdump -n -Z root -i any -p -w /tmp/bare.pcap -- udp port 9999 2>/tmp/bare.log & "
    "until grep -q 'listening on' /tmp/bare.log; do sleep 0.05; done; "
    'python3 -I -c "$1" "$2" "$3"; sleep 2.2; kill -INT $!; wait $!; cat /tmp/bare.log'
)
_DROPPED = re.compile(r"(\d+) packets? dropped by kernel")


def _task(space: str, pod: str, state: str, **more: Any) -> dict[str, Any]:
    options = {
        "namespace": space,
        "name": pod,
        "image": benchkit.TOOLBOX,
        "mode": "ephemeral",
        "filter": "udp port 9999",
        "state": state,
        **more,
    }
    return {"name": state, "kubedebug.core.pod_capture": options}


def _exec(space: str, pod: str, debugger: str, *argv: str) -> list[str]:
    return benchkit.kubectl(
        "exec", f"--namespace={space}", f"--container={debugger}", pod, "--", *argv
    )


def _kubectl_listening(space: str, pod: str, debugger: str) -> float:
    """Seconds until a tcpdump by kubectl says that it listens."""
    argv = _exec(
        space, pod, debugger, "timeout", "5", "tcpdump", "-Z", "root", "-i", "any", "-w", "/tmp/x"
    )
    start = time.perf_counter()
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        for line in process.stderr or ():
            if b"listening on" in line:
                taken = time.perf_counter() - start
                process.terminate()
                return taken
    raise RuntimeError("tcpdump did not listen")


def _dropped(text: str) -> float:
    found = _DROPPED.findall(text)
    if not found:
        raise RuntimeError(f"tcpdump told no counts: {text[-500:]}")
    return float(found[-1])


def _bare(space: str, pod: str, debugger: str, rate: int, seconds: float) -> float:
    argv = _exec(space, pod, debugger, "sh", "-c", _BARE, "bare", _FLOOD, str(rate), str(seconds))
    return _dropped(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def _ours(space: str, pod: str, debugger: str, rate: int, seconds: float, *, name: str) -> float:
    benchkit.playbook([_task(space, pod, "started", capture=name)])
    flood = _exec(space, pod, debugger, "python3", "-I", "-c", _FLOOD, str(rate), str(seconds))
    subprocess.run(flood, check=True, capture_output=True)
    benchkit.playbook([_task(space, pod, "stopped", capture=name)])
    log = f"cat /tmp/kubedebug-capture/{name}/*/log; rm -rf /tmp/kubedebug-capture/{name}"
    argv = _exec(space, pod, debugger, "sh", "-c", log)
    return _dropped(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=int, default=60_000, help="packets in a second")
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    with benchkit.client() as api, benchkit.namespace(api) as space:
        (pod,) = benchkit.web_pods(api, space, 1)
        benchkit.playbook([_task(space, pod, "started", capture="first")])
        benchkit.playbook([_task(space, pod, "stopped", capture="first")])
        entries = api.get(f"/api/v1/namespaces/{space}/pods/{pod}")["spec"]["ephemeralContainers"]
        debugger = entries[0]["name"]
        load = (options.rate, options.seconds)
        base, started, listening, ours, bare = benchkit.in_turns(
            options.rounds,
            lambda _round: benchkit.playbook([{"ansible.builtin.meta": "noop"}]),
            lambda number: benchkit.playbook(
                [_task(space, pod, "started", capture=f"c{number}", max_seconds=5)]
            ),
            lambda _round: _kubectl_listening(space, pod, debugger),
            lambda number: _ours(space, pod, debugger, *load, name=f"load{number}"),
            lambda _round: _bare(space, pod, debugger, *load),
        )
    figures = [
        benchkit.Figure(
            what="started, until tcpdump listens / kubectl exec",
            unit="s",
            ours=started - base,
            peer=listening,
        ),
        benchkit.Figure(
            what=f"dropped of {options.rate * options.seconds:.0f} packets / bare tcpdump",
            unit="",
            ours=ours,
            peer=bare,
        ),
    ]
    benchkit.report("A capture in a running debugger", figures, rounds=options.rounds)


if __name__ == "__main__":
    main()
