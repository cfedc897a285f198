# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small API server on 127.0.0.1 that keeps objects, as far as granting access needs one.

What a real cluster does with these objects is for the end-to-end tests; this one is for the
refusals that a test cluster's administrator never meets, and for what is asked of the server.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._access.access import DEBUG_ACCESS
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import Context, Result

EXPIRES = "2099-01-01T00:00:00Z"
Refuse = Callable[[str, str], "tuple[int, dict[str, Any]] | None"]


@dataclass
class Api:
    """The objects by path, the requests so far, and what is refused."""

    url: str = ""
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, list[str]], Any]] = field(default_factory=list)
    expires: str = EXPIRES
    refuse: Refuse = lambda _method, _path: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def writes(self) -> list[tuple[str, str]]:
        """Method and path of each request that was no question and no rehearsal."""
        return [
            (method, path)
            for method, path, query, body in self.requests
            if method != "GET" and not _is_dry(method, query, body)
        ]

    def run(self, *, check_mode: bool = False, **params: Any) -> Result:
        """The use case with this server."""
        spec = DEBUG_ACCESS.spec.argument_spec
        defaults = {name: option.get("default") for name, option in spec.items()}
        auth = {"host": self.url, "api_key": "admin-token"}
        context = Context(check_mode=check_mode, environ={})
        return DEBUG_ACCESS.run({**defaults, **auth, **params}, context)

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], body: Any
    ) -> tuple[int, dict[str, Any]]:
        with self.lock:
            self.requests.append((method, path, query, body))
            refused = self.refuse(method, path)
            if refused is not None:
                return refused
            return self._do(method, path, _is_dry(method, query, body), body)

    def _do(self, method: str, path: str, dry: bool, body: Any) -> tuple[int, dict[str, Any]]:
        found = self.objects.get(path)
        if method == "POST" and path.endswith("/token"):
            serial = len(self.requests)
            status = {"token": f"token-{serial}", "expirationTimestamp": self.expires}
            return 201, {"kind": "TokenRequest", "status": status}
        if method == "PATCH":
            uid = found["metadata"]["uid"] if found else f"uid-{len(self.requests)}"
            made = {**body, "metadata": {**body["metadata"], "uid": uid}}
            if not dry:
                self.objects[path] = made
            return 200, made
        if found is None:
            return 404, {"kind": "Status", "code": 404, "reason": "NotFound"}
        if method == "DELETE" and not dry:
            if body["preconditions"]["uid"] != found["metadata"]["uid"]:
                return 409, {"kind": "Status", "code": 409, "reason": "Conflict"}
            del self.objects[path]
        return 200, found


def _is_dry(method: str, query: dict[str, list[str]], body: Any) -> bool:
    """A DELETE with a body takes its options from there alone.

    Source: apiserver, pkg/endpoints/handlers/delete.go (DeleteResource)
    """
    if method == "DELETE" and body is not None:
        return bool(body.get("dryRun") == ["All"])
    return query.get("dryRun") == ["All"]


@pytest.fixture
def api() -> Iterator[Api]:
    state = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            url = urlsplit(self.path)
            code, answer = state.answer(self.command, url.path, parse_qs(url.query), body)
            raw = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_PATCH = do_POST = do_DELETE = _serve

        def log_message(self, *_args: Any) -> None:
            """Nothing: the requests are kept."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()
