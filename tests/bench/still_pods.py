# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many pods for a bench: on no node, and as large as running ones.

They are of a scheduler that there is not; their status is that of a running pod, written by hand.
"""

from __future__ import annotations

import sys
from typing import Any

import benchkit

from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out

__all__ = ["fill", "template"]


def template(api: Any, space: str) -> dict[str, Any]:
    """A real running pod, from which the others get their size."""
    (name,) = benchkit.web_pods(api, space, 1)
    pod: dict[str, Any] = api.get(f"/api/v1/namespaces/{space}/pods/{name}")
    return pod


def fill(
    api: Any, space: str, model: Any, numbers: range, *, entries: int = 0, apps: int = 1
) -> None:
    """Write a pod for each number; those below *entries* get an ephemeral entry.

    They have *apps* different labels `app`.
    """
    pods = f"/api/v1/namespaces/{space}/pods"
    print(f"Writing {len(numbers)} pods ...", file=sys.stderr)

    containers = [
        {key: value for key, value in each.items() if key != "volumeMounts"}
        for each in model["spec"]["containers"]
    ]

    def make(number: int) -> None:
        name = f"still-{number}"
        made = {
            "metadata": {"name": name, "labels": {"app": f"still-{number % apps}"}},
            "spec": {"containers": containers, "schedulerName": "none"},
        }
        api.post(pods, made)
        if number < entries:
            entry = {"name": "debugger", "image": benchkit.TOOLBOX, "command": ["sleep", "60"]}
            body = {"spec": {"ephemeralContainers": [entry]}}
            api.patch(f"{pods}/{name}/ephemeralcontainers", body)
        status = {key: value for key, value in model["status"].items() if not key.startswith("o")}
        api.patch(f"{pods}/{name}/status", {"status": status})

    for outcome in fan_out(make, numbers, limit=16):
        outcome.unwrap()
