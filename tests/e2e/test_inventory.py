# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods as hosts: the inventory plugin, alone and with the connection plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.playbooks import Playbooks
from e2ekit.proxy import FaultProxy

__all__: list[str] = []

_WITHIN = 90
# A label cannot hold a template, an annotation can hold anything.
_HOSTILE = "{{ lookup('ansible.builtin.pipe', 'touch pwned') }}"


def _file(folder: Path, **options: Any) -> Path:
    path = folder / "pods.kubedebug.yml"
    path.write_text(json.dumps({"plugin": "kubedebug.core.pods", **options}), encoding="utf-8")
    return path


def _inventory(play: Playbooks, path: Path, *arguments: str, **environ: str) -> tuple[str, str]:
    """Run ansible-inventory in the environment of the test's playbooks."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(path), *arguments],
        capture_output=True,
        text=True,
        timeout=_WITHIN,
        check=False,
        env={**play._environment(), **environ},
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


_LIST_ONLY = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
_READ = r"^GET /api/v1/.*pods"


def _hosts(listed: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(listed)["_meta"]["hostvars"]
    return found


def _on_no_node(space: Space, name: str, **keywords: Any) -> dict[str, Any]:
    pod = manifests.pod(name, space.cluster.web, spec={"schedulerName": "none"}, **keywords)
    return {**pod, "metadata": {**pod["metadata"], "namespace": space.name}}


def test_the_cache(new_space: NewSpace, new_play: NewPlay, tmp_path: Path) -> None:
    """A second reading asks the API server nothing, until the cache expires or is flushed."""
    space = new_space(rules=_LIST_ONLY)
    space.create(_on_no_node(space, "first"))
    server, authority = space.cluster.server()
    proxy = FaultProxy(server, authority, tmp_path)
    token = space.cluster.token(space.name)
    space.write_kubeconfig(server=proxy.url, ca=proxy.authority.pem, token=token)
    play, kept = new_play(space), tmp_path / "cache"
    options = {
        "phases": [],
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": str(kept),
    }
    path = _file(tmp_path, **options)
    try:
        first, _errors = _inventory(play, path, "--list")
        reads = proxy.seen(_READ)
        space.create(_on_no_node(space, "second"))
        again, _errors = _inventory(play, path, "--list")
        assert reads > 0
        assert len(proxy.requests) == reads
        assert again == first
        assert list(_hosts(again)) == [f"first.{space.name}"]
        text = "".join(each.read_text(encoding="utf-8") for each in kept.iterdir())
        assert "kubedebug_pod" in text
        assert token not in text

        flushed, _errors = _inventory(play, path, "--list", "--flush-cache")
        assert len(_hosts(flushed)) == 2
        assert proxy.seen(_READ) > reads

        space.create(_on_no_node(space, "third"))
        for each in kept.iterdir():
            os.utime(each, (1, 1))
        expired, _errors = _inventory(play, path, "--list")
        assert len(_hosts(expired)) == 3

        # Another context is another inventory, with the same file and the same options.
        other = new_space(rules=_LIST_ONLY)
        space.kubeconfig.write_text(other.kubeconfig.read_text(encoding="utf-8"), encoding="utf-8")
        elsewhere, _errors = _inventory(play, path, "--list")
        assert _hosts(elsewhere) == {}
    finally:
        proxy.close()


def test_containers_and_predicates_as_hosts(
    new_space: NewSpace, new_play: NewPlay, tmp_path: Path
) -> None:
    space = new_space(rules=_LIST_ONLY)
    sidecar = {"name": "side", "image": space.cluster.toolbox, "restartPolicy": "Always"}
    first = {"name": "first", "image": space.cluster.toolbox}
    pod = _on_no_node(space, "web", labels={"app": "shop"})
    pod["spec"]["initContainers"] = [first, sidecar]
    space.create(pod, _on_no_node(space, "other", labels={"app": "else"}))
    play = new_play(space)
    options = {
        "hosts": "containers",
        "phases": [],
        "where": "metadata.labels.app == 'shop'",
        "keyed_groups": [{"key": "kubedebug_container", "prefix": "container"}],
        "groups": {"tools": "'toolbox' in kubedebug_container_image"},
        "compose": {"kubedebug_lifetime": "60 * 30"},
    }

    listed, _errors = _inventory(play, _file(tmp_path, **options), "--list")
    graph, _errors = _inventory(play, tmp_path / "pods.kubedebug.yml", "--graph")

    hosts, data = _hosts(listed), json.loads(listed)
    names = {each: f"{each}.web.{space.name}" for each in ("web", "side")}
    assert sorted(hosts) == sorted(names.values())
    assert data["container_side"]["hosts"] == data["tools"]["hosts"] == [names["side"]]
    assert {each["kubedebug_lifetime"] for each in hosts.values()} == {1800}
    assert f"|--@container_web: | |--{names['web']}" in " ".join(graph.split())


def test_an_expression_that_does_not_fit(
    new_space: NewSpace, new_play: NewPlay, tmp_path: Path
) -> None:
    """With strict it is an error that names it and the host; without, it is left out."""
    space = new_space(rules=_LIST_ONLY)
    space.create(_on_no_node(space, "web"))
    play, host = new_play(space), f"web.{space.name}"
    cases: dict[str, dict[str, Any]] = {
        "groups": {"groups": {"bad": "kubedebug_labels.nope.deeper == 'x'", "good": "true"}},
        "compose": {"compose": {"bad": "kubedebug_labels.nope.deeper", "good": "1"}},
        "keyed_groups": {"keyed_groups": [{"key": "kubedebug_nope", "prefix": "x"}]},
    }
    for name, options in cases.items():
        lax = _file(tmp_path, phases=[], strict=False, **options)
        listed, _errors = _inventory(play, lax, "--list")
        assert list(_hosts(listed)) == [host], name
        assert "bad" not in {*json.loads(listed), *_hosts(listed)[host]}, name
        strict = _file(tmp_path, phases=[], strict=True, **options)
        listed, errors = _inventory(play, strict, "--list")
        assert _hosts(listed) == {}, name
        assert "nope" in errors, name
        assert "Traceback" not in errors, name


def test_one_namespace_of_several_that_is_forbidden(
    new_space: NewSpace, new_play: NewPlay, tmp_path: Path
) -> None:
    """Half an inventory would look like a whole one: there is none, and the error says why."""
    space, other = new_space(rules=_LIST_ONLY), new_space(rules=_LIST_ONLY)
    space.create(_on_no_node(space, "web"))
    path = _file(tmp_path, phases=[], namespaces=[space.name, other.name])

    listed, errors = _inventory(new_play(space), path, "--list")

    assert _hosts(listed) == {}
    assert f'namespace="{other.name}"' in errors or f"namespace {other.name}" in errors
    assert 'verbs ["list"] on resources ["pods"]' in errors
    assert "Traceback" not in errors


def test_metadata_that_is_not_meant_well_in_a_play(
    new_space: NewSpace, new_play: NewPlay, tmp_path: Path
) -> None:
    """The text arrives as it is where a task uses it, and no template in it is evaluated."""
    space = new_space(rules=_LIST_ONLY)
    pod = _on_no_node(space, "web")
    escapes = "\x1b]0;owned\x07\x1b[2Jred"
    mark = tmp_path / "touched"
    hostile = f"{{{{ lookup('ansible.builtin.pipe', 'touch {mark}') }}}}"
    pod["metadata"]["annotations"] = {"note": hostile, "paint": escapes}
    space.create(pod)
    play = new_play(space)
    path = _file(
        tmp_path,
        phases=[],
        connection="local",
        compose={"note": "kubedebug_annotations.note", "twice": "note ~ '{{ 1 + 1 }}'"},
        groups={"noted": "kubedebug_annotations.note is search('lookup')"},
    )
    tasks = [
        {
            "name": "Use",
            "ansible.builtin.debug": {"msg": "{{ kubedebug_annotations.note }} {{ note }}"},
        },
        {"name": "Paint", "ansible.builtin.debug": {"var": "kubedebug_annotations"}},
    ]
    written = play.write(tasks)
    (one,) = json.loads(written.read_text(encoding="utf-8"))
    written.write_text(json.dumps([{**one, "hosts": "noted"}]), encoding="utf-8")

    run = play.play(written, "-i", str(path))

    assert run.task("Use").result["msg"] == f"{hostile} {hostile}"
    assert run.task("Paint").result["kubedebug_annotations"]["paint"] == escapes
    assert "\x1b" not in run.output
    assert not mark.exists()


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
