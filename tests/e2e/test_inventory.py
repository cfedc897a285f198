# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods as hosts: the inventory plugin, alone and with the connection plugin."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.playbooks import Playbooks

__all__: list[str] = []

_WITHIN = 90
# A label cannot hold a template, an annotation can hold anything.
_HOSTILE = "{{ lookup('ansible.builtin.pipe', 'touch pwned') }}"


def _file(folder: Path, **options: Any) -> Path:
    path = folder / "pods.kubedebug.yml"
    path.write_text(json.dumps({"plugin": "kubedebug.core.pods", **options}), encoding="utf-8")
    return path


def _inventory(play: Playbooks, path: Path, *arguments: str) -> tuple[str, str]:
    """Run ansible-inventory in the environment of the test's playbooks."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(path), *arguments],
        capture_output=True,
        text=True,
        timeout=_WITHIN,
        check=False,
        env=play._environment(),
        cwd=play.folder,
    )
    return done.stdout, " ".join(done.stderr.split())


def test_the_hosts_of_a_namespace(new_space: NewSpace, new_play: NewPlay, tmp_path: Path) -> None:
    """With nothing but `list` on pods; what comes from the pods stays data."""
    space = new_space(rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}])
    pod = manifests.pod("web", space.cluster.web, labels={"app": "shop", "tier": "front"})
    pod["metadata"]["annotations"] = {"note": _HOSTILE}
    space.create(pod, manifests.pod("later", space.cluster.web, spec={"schedulerName": "none"}))
    space.wait("pod/web", "condition=Ready")
    play = new_play(space)
    options: dict[str, Any] = {
        "namespaces": [space.name],
        "keyed_groups": [{"key": "kubedebug_labels", "prefix": "label"}],
        "groups": {"ready": "kubedebug_ready"},
        "compose": {"note": "kubedebug_annotations.note"},
        "strict": False,
    }
    host = f"web.{space.name}"

    listed, _errors = _inventory(play, _file(tmp_path, **options), "--list")
    graph, _errors = _inventory(play, tmp_path / "pods.kubedebug.yml", "--graph")

    data = json.loads(listed)
    assert list(data["_meta"]["hostvars"]) == [host]
    facts = data["_meta"]["hostvars"][host]
    assert facts["note"] == {"__ansible_unsafe": _HOSTILE}
    assert facts["kubedebug_phase"] == {"__ansible_unsafe": "Running"}
    assert facts["kubedebug_ready"] is True
    for group in ("kubedebug", "label_app_shop", "label_tier_front", "ready"):
        assert data[group]["hosts"] == [host]
        assert f"@{group}:" in graph
    assert not list(tmp_path.rglob("pwned"))
    # The one that is not scheduled is a host only when its phase is asked for.
    listed, _errors = _inventory(play, _file(tmp_path, **{**options, "phases": []}), "--list")
    assert len(json.loads(listed)["_meta"]["hostvars"]) == 2
    # Another namespace is another permission, and the refusal names it.
    refused = _file(tmp_path, namespaces=[space.name, "kube-system"])
    listed, errors = _inventory(play, refused, "--list")
    assert json.loads(listed)["_meta"]["hostvars"] == {}
    assert 'verbs ["list"] on resources ["pods"]' in errors


def test_a_play_over_the_hosts(space: Space, play: Playbooks, tmp_path: Path) -> None:
    """The hosts find their pods by the connection plugin, with no variable but the image."""
    for name in ("web-a", "web-b"):
        space.create(manifests.pod(name, space.cluster.web, labels={"app": "web"}))
    for name in ("web-a", "web-b"):
        space.wait(f"pod/{name}", "condition=Ready")
    inventory = _file(
        tmp_path,
        kubeconfig=str(space.kubeconfig),
        label_selectors=["app=web"],
        compose={"kubedebug_image": "kd_image"},
        use_extra_vars=True,
    )
    path = play.write(
        [
            {
                "name": "Ask",
                "ansible.builtin.raw": "wget -qO- http://localhost:80; hostname",
                "changed_when": False,
            }
        ]
    )
    (written,) = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps([{**written, "hosts": "kubedebug"}]), encoding="utf-8")

    run = play.play(
        path,
        "-i",
        str(inventory),
        environ={"K8S_AUTH_KUBECONFIG": ""},
        kd_image=space.cluster.toolbox,
    )

    answers = sorted(each.result["stdout_lines"][-1] for each in run.tasks if each.task == "Ask")
    assert answers == [
        "OK - GET: Request completedweb-a",
        "OK - GET: Request completedweb-b",
    ]
