# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real HTTP server with a few objects: an API server as far as resolving targets asks for one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import AuthOptions
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client

Pod = dict[str, Any]


class Cluster:
    """Objects by their path; ``refused`` holds paths that are answered with a status instead,
    ``denied`` the "verb resource" pairs that an access review finds not allowed.

    Of the selectors' languages it knows what the tests use: equality, and one field.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Mapping[str, Any]] = {}
        self.refused: dict[str, int] = {}
        self.denied: set[str] = set()
        self.requests: list[str] = []
        self.client: Client

    def add(self, collection: str, *items: Mapping[str, Any]) -> None:
        for item in items:
            metadata = item["metadata"]
            base = collection.format(namespace=metadata.get("namespace"))
            self.objects[f"{base}/{metadata['name']}"] = item

    def pods(self, *items: Mapping[str, Any]) -> None:
        self.add("/api/v1/namespaces/{namespace}/pods", *items)

    def answer(self, target: str) -> tuple[int, Any]:
        self.requests.append(unquote(target))
        path = unquote(urlsplit(target).path)
        query = {key: value[0] for key, value in parse_qs(urlsplit(target).query).items()}
        if path in self.refused:
            return self.refused[path], _status(self.refused[path])
        if path in self.objects:
            return 200, self.objects[path]
        kind = path.rsplit("/", 1)[1]
        if kind not in ("pods", "replicasets", "jobs"):
            return 404, _status(404)
        return 200, {"metadata": {}, "items": self._items(path, query)}

    def review(self, body: Mapping[str, Any]) -> dict[str, Any]:
        asked = body["spec"]["resourceAttributes"]
        return {"status": {"allowed": f"{asked['verb']} {asked['resource']}" not in self.denied}}

    def _items(self, path: str, query: Mapping[str, str]) -> list[Mapping[str, Any]]:
        every = path == "/api/v1/pods"
        labels = dict(each.split("=") for each in _terms(query.get("labelSelector")))
        fields = dict(each.split("=") for each in _terms(query.get("fieldSelector")))
        name = fields.pop("metadata.name", None)
        node = fields.pop("spec.nodeName", None)
        assert not fields, "a field that the tests' API does not know"
        return [
            item
            for key, item in sorted(self.objects.items())
            if (key.rsplit("/", 2)[1] == "pods" if every else key.rsplit("/", 1)[0] == path)
            and labels.items() <= (item["metadata"].get("labels") or {}).items()
            and name in (None, item["metadata"]["name"])
            and node in (None, item["spec"].get("nodeName"))
        ]


def _terms(selector: str | None) -> list[str]:
    return selector.split(",") if selector else []


def _status(code: int) -> dict[str, Any]:
    return {"kind": "Status", "code": code, "message": f"refused with {code}"}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """An API server that has one namespace, ``shop``."""
    found = Cluster()
    found.objects["/api/v1/namespaces/shop"] = {"metadata": {"name": "shop"}}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(*found.answer(self.path))

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self.reply(201, found.review(json.loads(self.rfile.read(length))))

        def reply(self, status: int, body: Any) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args: object) -> None:
            """Requests are recorded, not printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    host = f"http://127.0.0.1:{server.server_address[1]}"
    with Client(AuthOptions(host=host, api_key="token"), environ={}) as client:
        found.client = client
        yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def make_pod() -> Callable[..., Pod]:
    """Make a raw pod that runs, with what the test says instead."""

    def make(
        name: str = "web",
        *,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        owner: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        spec: Mapping[str, Any] | None = None,
        status: Mapping[str, Any] | None = None,
    ) -> Pod:
        owners = [{"uid": owner, "controller": True}] if owner else []
        return {
            "metadata": {
                "namespace": "shop",
                "name": name,
                "uid": f"uid-{name}",
                "labels": dict(labels or {}),
                "annotations": dict(annotations or {}),
                "ownerReferences": owners,
                **(metadata or {}),
            },
            "spec": {"nodeName": "node-1", "containers": [{"name": "app"}], **(spec or {})},
            "status": {
                "phase": "Running",
                "containerStatuses": [
                    {
                        "name": "app",
                        "containerID": "containerd://0123abc",
                        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
                    }
                ],
                **(status or {}),
            },
        }

    return make
