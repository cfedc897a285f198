# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays whose hosts are pods, through the connection plugin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e2ekit.cluster import Space
from e2ekit.playbooks import Playbooks

__all__ = ["HOSTS_PATIENCE", "inventory", "locally", "on_pods"]

# Seconds. A task of a host is a process of its own, and there are many of them.
HOSTS_PATIENCE = 300


def inventory(
    space: Space, folder: Path, hosts: Mapping[str, Mapping[str, Any]], **more: Any
) -> str:
    """Write an inventory of hosts that are pods; JSON is YAML."""
    common = {
        "ansible_connection": "kubedebug.core.ephemeral",
        "ansible_python_interpreter": "/usr/bin/python3",
        "kubedebug_image": space.cluster.toolbox,
        "kubedebug_namespace": space.name,
        **more,
    }
    path = folder / "inventory.yml"
    groups = {"pods": {"vars": common, "hosts": hosts}}
    path.write_text(json.dumps({"all": {"children": groups}}), encoding="utf-8")
    return str(path)


def on_pods(play: Playbooks, tasks: list[dict[str, Any]], **more: Any) -> Path:
    """Write a playbook for the hosts of such an inventory; *more* are keywords of the play."""
    path = play.write(tasks)
    (written,) = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps([{**written, "hosts": "pods", **more}]), encoding="utf-8")
    return path


def locally(task: Mapping[str, Any]) -> dict[str, Any]:
    """A task that the controller does once, in the middle of such a play."""
    return {**task, "delegate_to": "localhost", "run_once": True}
