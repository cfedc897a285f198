# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a debugger's container looks like: profiles, custom, inheritance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from e2ekit.cluster import Space
from e2ekit.playbooks import Playbooks

__all__: list[str] = []

_PROFILES = ["general", "baseline", "restricted", "netadmin", "sysadmin"]
_CUSTOM = {
    "env": [{"name": "EXTRA", "value": "1"}, {"name": "PLACE", "value": "here"}],
    "imagePullPolicy": "Never",
    "workingDir": "/tmp",
    "volumeMounts": [{"name": "data", "mountPath": "/mnt"}],
    "securityContext": {
        "capabilities": {"add": ["NET_RAW"], "drop": ["ALL"]},
        "runAsUser": 0,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}
_DATA = [{"name": "data", "emptyDir": {}}]


def _comparable(entry: dict[str, Any], *, ignored: set[str]) -> dict[str, Any]:
    """An entry without what may differ: its name, the collection's marks, and *ignored*."""
    kept = {key: value for key, value in entry.items() if key not in ignored | {"name"}}
    marked = [each for each in entry.get("env", []) if not each["name"].startswith("KUBEDEBUG_")]
    return {**kept, "env": marked} if marked else {k: v for k, v in kept.items() if k != "env"}


def test_entries_equal_those_of_kubectl_debug(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    space.web(spec={"volumes": _DATA})
    custom = tmp_path / "custom.json"
    custom.write_text(json.dumps(_CUSTOM), encoding="utf-8")
    sleep, target = ("sleep", "600"), "--target=web"
    for profile in _PROFILES:
        space.kubectl_debug("web", f"by-{profile}", *sleep, profile=profile, options=[target])
    options = [target, f"--custom={custom}"]
    space.kubectl_debug("web", "by-custom", *sleep, profile="netadmin", options=options)

    run = play.play("profiles", kd_profiles=_PROFILES, kd_custom=_CUSTOM)

    entries = {each["name"]: each for each in space.entries("web")}

    def ours(task: str, number: int) -> dict[str, Any]:
        return entries[run.task(task)["results"][number]["pods"][0]["debugger"]]

    for number, profile in enumerate(_PROFILES):
        theirs = entries[f"by-{profile}"]
        plain = ours("Add an entry of each profile that runs the command as it is", number)
        bounded = ours("Add an entry of each profile that is bounded in time", number)
        assert _comparable(plain, ignored=set()) == _comparable(theirs, ignored=set()), profile
        assert _comparable(bounded, ignored={"command"}) == _comparable(
            theirs, ignored={"command"}
        ), profile
    customised = entries[run.task("Add an entry with a custom part").pod["debugger"]]
    assert _comparable(customised, ignored=set()) == _comparable(
        entries["by-custom"], ignored=set()
    )


def test_inheritance_and_custom(space: Space, play: Playbooks) -> None:
    space.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "secret"},
            "stringData": {"key": "from the secret"},
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "map"},
            "data": {"FROM_MAP": "from the map"},
        },
    )
    secret = {"secretKeyRef": {"name": "secret", "key": "key"}}
    space.web(
        container={
            "env": [
                {"name": "PLAIN", "value": "plain"},
                {"name": "FROM_SECRET", "valueFrom": secret},
            ],
            "envFrom": [{"configMapRef": {"name": "map"}}],
            "volumeMounts": [
                {"name": "data", "mountPath": "/data"},
                {"name": "map", "mountPath": "/etc/all"},
                {"name": "map", "mountPath": "/etc/one", "subPath": "FROM_MAP"},
            ],
            "securityContext": {"runAsUser": 1234, "runAsGroup": 4321},
        },
        spec={
            "volumes": [*_DATA, {"name": "map", "configMap": {"name": "map"}}],
            "securityContext": {
                "fsGroup": 4321,
                "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
            },
        },
    )

    run = play.play("inherit")

    assert "/etc/one" in run.text
    assert "subPath" in run.text
    assert "from the secret" not in json.dumps(space.entries("web"))
