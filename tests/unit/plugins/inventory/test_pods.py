# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin with pods that are not meant well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.plugin_utils import _expressions

_HOSTILE = "{{ lookup('ansible.builtin.pipe', 'touch %s') }}"
_LONG = 300

Read = Callable[..., "Found"]


def _pod(name: str, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": name, **metadata},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        "status": {"phase": "Running"},
    }


class Found:
    """What ansible-inventory printed."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.text = " ".join(f"{done.stdout} {done.stderr}".split())
        self.data = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        self.hosts = {
            name: {key: _plain(value) for key, value in variables.items()}
            for name, variables in self.data.get("_meta", {}).get("hostvars", {}).items()
        }

    def members(self, group: str) -> list[str]:
        return sorted(self.data.get(group, {}).get("hosts", []))


def _plain(value: Any) -> Any:
    """Without the marks of what is no template."""
    if isinstance(value, dict):
        if value.keys() == {"__ansible_unsafe"}:
            return value["__ansible_unsafe"]
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


class Api:
    """An API server that has these pods."""

    def __init__(self) -> None:
        self.pods: list[dict[str, Any]] = []
        self.reads = 0
        self.status = 200
        self.url = ""


@pytest.fixture
def api() -> Iterator[Api]:
    served = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            served.reads += "/pods" in self.path
            self.answer(served.status, {"metadata": {}, "items": served.pods})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(201, {"status": {"allowed": False}})

        def answer(self, status: int, item: Any) -> None:
            body = json.dumps(item).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        served.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield served
        server.shutdown()
        thread.join(_LONG)


@pytest.fixture
def inventory(api: Api, tmp_path: Path) -> Read:
    """Read an inventory file with these pods in the cluster."""

    def read(pods: list[dict[str, Any]], *arguments: str, **options: Any) -> Found:
        api.pods = pods
        path = tmp_path / "kubedebug.yml"
        said = {"plugin": "kubedebug.core.pods", "host": api.url, "api_key": "s3cret", **options}
        path.write_text(json.dumps(said), encoding="utf-8")
        environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("K8S_AUTH")},
            "ANSIBLE_HOME": str(tmp_path / "home"),
            "ANSIBLE_NOCOLOR": "1",
        }
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible-inventory")),
                *("-i", str(path), *(arguments or ("--list",))),
            ],
            capture_output=True,
            text=True,
            timeout=_LONG,
            check=False,
            env=environ,
            cwd=tmp_path,
        )
        return Found(done)

    return read


def test_hosts_groups_and_variables(inventory: Read) -> None:
    found = inventory(
        [_pod("a", labels={"app": "web"}), _pod("b", labels={"app": "db"})],
        keyed_groups=[{"key": "kubedebug_labels.app", "prefix": "app"}],
        groups={"webs": "kubedebug_labels.app == 'web'", "none": "kubedebug_restarts > 0"},
        compose={
            "upper": "kubedebug_pod | upper",
            "one": "1",
            "no": "kubedebug_labels.missing.more",
        },
    )
    assert sorted(found.hosts) == ["a.shop", "b.shop"]
    assert found.members("kubedebug") == ["a.shop", "b.shop"]
    assert found.members("app_web") == found.members("webs") == ["a.shop"]
    assert found.members("app_db") == ["b.shop"]
    assert found.members("none") == []
    a, b = found.hosts["a.shop"], found.hosts["b.shop"]
    assert (a["upper"], b["upper"], a["one"]) == ("A", "B", 1)
    assert "no" not in a
    assert a["ansible_connection"] == "kubedebug.core.ephemeral"
    assert a["kubedebug_host"].startswith("http://127.0.0.1:")
    assert "s3cret" not in found.text


def test_filters_and_tests_of_ansible_are_known(inventory: Read) -> None:
    """Those that are evaluated once for hosts alike, and one that is evaluated each time."""
    pods = [_pod(name, labels={"app": "shop-web", "version": "1.10"}) for name in ("a", "b")]

    found = inventory(
        pods,
        strict=True,
        groups={
            "searched": "kubedebug_labels.app is search('web')",
            "new": "kubedebug_labels.version is version('1.9', '>')",
            "encoded": "kubedebug_labels.app | b64encode is truthy",
        },
        compose={"app": "kubedebug_labels.app | regex_replace('-.*', '') | upper"},
        keyed_groups=[{"key": "kubedebug_labels.app | split('-') | first", "prefix": "part"}],
    )

    for group in ("searched", "new", "encoded", "part_shop"):
        assert found.members(group) == ["a.shop", "b.shop"], found.text
    assert {variables["app"] for variables in found.hosts.values()} == {"SHOP"}


def test_text_of_the_cluster_is_never_a_template(inventory: Read, tmp_path: Path) -> None:
    witness = tmp_path / "pwned"
    text = _HOSTILE % witness
    pods = [_pod("a", annotations={"note": text}), _pod("b", annotations={"note": "fine"})]
    options = {
        "keyed_groups": [{"key": "kubedebug_annotations.note", "prefix": "note"}],
        "groups": {"fine_ones": "kubedebug_annotations.note == 'fine'"},
        "compose": {"copied": "kubedebug_annotations.note", "longer": "'x ' ~ copied"},
        "hostnames": ["kubedebug_annotations.note"],
        "strict": False,
    }

    found = inventory(pods, **options)

    (name,) = [name for name, host in found.hosts.items() if host["kubedebug_pod"] == "a"]
    assert found.hosts[name]["copied"] == text
    assert found.data["_meta"]["hostvars"][name]["copied"] == {"__ansible_unsafe": text}
    assert not set(name) & set("{}'/ ()")
    assert len(found.members("fine_ones")) == 1
    assert not witness.exists()
    # Not when a variable is used, either.
    play = tmp_path / "play.yml"
    debug = {"ansible.builtin.debug": {"msg": "{{ copied }} {{ kubedebug_annotations.note }}"}}
    play.write_text(
        json.dumps([{"hosts": "kubedebug", "gather_facts": False, "tasks": [debug]}]),
        encoding="utf-8",
    )
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", str(tmp_path / "kubedebug.yml"), str(play)),
        ],
        capture_output=True,
        text=True,
        timeout=_LONG,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    assert "lookup(" in done.stdout
    assert not witness.exists()


def test_two_hosts_of_one_name_are_an_error_and_not_one_host(inventory: Read) -> None:
    found = inventory([_pod("a"), _pod("b")], hostnames=["kubedebug_namespace"])
    assert "hostnames gives the name shop to shop/a, container web and to shop/b" in found.text


def test_strictness_tells_the_expression_and_the_pod(inventory: Read) -> None:
    for options in (
        {"compose": {"x": "kubedebug_labels.missing.more"}},
        {"groups": {"x": "kubedebug_labels.missing.more"}},
        {"hostnames": ["kubedebug_labels.missing.more"]},
    ):
        found = inventory([_pod("a")], strict=True, **options)
        assert "shop" in found.text and "missing" in found.text
        assert "Failed to parse inventory" in found.text


def test_errors_are_told_without_a_trace(inventory: Read, api: Api) -> None:
    api.status = 403
    found = inventory([])
    assert "Failed to parse inventory" in found.text
    assert 'verbs ["list"] on resources ["pods"]' in found.text
    assert "kubedebug.core.rbac" in found.text
    assert "Traceback" not in found.text
    assert "phases: running is no phase" in inventory([], phases=["running"]).text


def test_the_cache_spares_the_cluster_until_the_options_differ(
    inventory: Read, api: Api, tmp_path: Path
) -> None:
    cached = {
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": str(tmp_path / "cache"),
    }
    for _reading in range(2):
        assert sorted(inventory([_pod("a")], **cached).hosts) == ["a.shop"]
    assert api.reads == 1
    # What does not select is made of the same pods.
    found = inventory([_pod("x")], **cached, groups={"all_of_them": "true"})
    assert found.members("all_of_them") == ["a.shop"]
    assert api.reads == 1
    assert sorted(inventory([_pod("b")], **cached, namespaces=["bank"]).hosts) == ["b.shop"]
    assert api.reads == 2
    found = inventory([_pod("c")], "--list", "--flush-cache", **cached)
    assert sorted(found.hosts) == ["c.shop"]
    text = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "cache").iterdir())
    assert "kubedebug_pod" in text
    assert "s3cret" not in text


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("kubedebug_labels.app", {"kubedebug_labels"}),
        ("kubedebug_labels['a'] | default('x')", {"kubedebug_labels"}),
        ("1800", set()),
        ("a > 1 and b", {"a", "b"}),
        ("lookup('env', 'HOME')", {"lookup"}),
        ("a | random", None),
        ("a | bool", {"a"}),
        ("a | regex_replace('x', b)", {"a", "b"}),
        ("a is search('x')", {"a"}),
        ("a is version('1.2', '>=')", {"a"}),
        ("a is defined and a in b", {"a", "b"}),
        ("a is some.other.test", None),
        ("[1, 2] | shuffle", None),
        ("a |", None),
        ("%}", None),
    ],
)
def test_what_an_expression_depends_on(expression: str, names: set[str] | None) -> None:
    found = _expressions.dependencies(expression)
    assert found == (None if names is None else frozenset(names))
