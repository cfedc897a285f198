# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of namespaces by mode (docs/namespaces.md), compared with real containers."""

from __future__ import annotations

from typing import Any

from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay, NewSpace

from ansible_collections.kubedebug.core.plugins.module_utils._pods.namespaces import (
    PLACES,
    SHARING,
    Place,
)

__all__: list[str] = []

_RULES = [*manifests.DEBUG_RULES, *manifests.AGENT_RULES, *manifests.MAKE_RULES]
# With version 1 of cgroups, runtimes give containers no cgroup namespace of their own.
_APART = """
import ctypes, os
assert ctypes.CDLL(None).unshare(0x02000000) == 0
os.execvp("sleep", ["sleep", "3600"])
"""
_FIND = """
import os, sys
for one in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{one}/cmdline", "rb") as file:
            words = file.read().decode("utf-8", "replace").split("\\0")[:-1]
    except OSError:
        continue
    if words == sys.argv[1:]:
        print(one)
"""
_CHOOSABLE = [name for name, cells in SHARING.items() if cells["job"] == "chosen"]


def _inodes(space: Space, pod: str, container: str, process: str = "self") -> dict[str, str]:
    """The namespaces of a container's process, by name."""
    look = "import os, sys; print(*(os.readlink(sys.argv[1] + each) for each in sys.argv[2:]))"
    argv = ["python3", "-c", look, f"/proc/{process}/ns/", *SHARING]
    text = space.kubectl("exec", pod, "-c", container, "--", *argv)
    return dict(zip(SHARING, text.split(), strict=True))


def _sleeper(space: Space, pod: str, container: str, seconds: str) -> str:
    """The process in sight of a container that sleeps so long."""
    argv = ["python3", "-c", _FIND, "sleep", seconds]
    (process,) = space.kubectl("exec", pod, "-c", container, "--", *argv).split()
    return process


def test_each_cell_of_the_table(new_space: NewSpace, new_play: NewPlay) -> None:
    space = new_space(rules=_RULES)
    play = new_play(space)
    privileged = {"securityContext": {"privileged": True}}
    command = {"command": ["python3", "-c", _APART], **privileged}
    space.web(image=space.cluster.toolbox, container=command)
    args = {"namespace": space.name, "name": "web", "image": space.cluster.toolbox}
    agent: dict[str, Any] = {**args, "namespaces": _CHOOSABLE}
    seen: dict[Place, dict[str, str]] = {}
    chosen: dict[Place, dict[str, str]] = {}

    # The target's own word for itself, by a process that was added to it.
    target = {**_inodes(space, "web", "web"), "cgroup": _inodes(space, "web", "web", "1")["cgroup"]}
    debuggers: dict[Place, bool] = {"joined": True, "apart": False}
    for place, joins in debuggers.items():
        made = play.task("ephemeral_container", {**args, "target_container": joins}).pod
        seen[place] = _inodes(space, "web", made["debugger"])
    job = play.task("agent_job", {**agent, "command": ["sleep", "47301"]}).pod
    seat = (job["agent_pod"], job["agent_container"])
    seen["job"] = _inodes(space, *seat)
    chosen["job"] = _inodes(space, *seat, _sleeper(space, *seat, "47301"))
    beside = {**agent, "mode": "ephemeral", "command": ["sleep", "47302"]}
    found = play.task("agent_job", beside).pod
    seat = ("web", found["agent"])
    chosen["joined"] = _inodes(space, *seat, _sleeper(space, *seat, "47302"))
    copy = play.task("pod_copy", args).pod
    seen["copy"] = _inodes(space, copy["name"], copy["container"])
    on_node = {**args, "node": [space.pod("web")["spec"]["nodeName"]]}
    del on_node["name"]
    node = play.task("node_debugger", on_node).pod
    seen["node"] = _inodes(space, node["name"], node["container"])

    for name, cells in SHARING.items():
        for place in PLACES:
            where = f"{name} of {place}: {seen[place][name]}, the target has {target[name]}"
            shared = seen[place][name] == target[name]
            assert shared == (cells[place] in ("always", "node")), where
            if cells[place] == "chosen":
                assert chosen[place][name] == target[name], f"{name} of {place}, on choice"
            if cells[place] == "node":
                assert seen[place][name] == seen["node"][name], where
