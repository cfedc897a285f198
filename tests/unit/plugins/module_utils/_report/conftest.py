# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results as the modules return them, for the tests of the report."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._report.document import Inputs

Item = dict[str, Any]


def _pod(name: str, more: Item) -> Item:
    where = {"namespace": "shop", "name": name, "node": "node-1", "container": "web"}
    return {**where, "error": None, **more}


class Results:
    """Builds items of one shape; what a test is about is given by name."""

    @staticmethod
    def session(name: str = "web-0", *, entry: Item | None = None, **more: Any) -> Item:
        found = {
            "image": "toolbox:1",
            "state": "running",
            "reason": None,
            "owner": "alice",
            "expires_at": "2026-11-24T18:15:00Z",
            **(entry or {}),
        }
        line = f"kubectl exec -it -n shop {name} -c kubedebug-1 -- sh"
        debugger = {"action": "created", "debugger": "kubedebug-1", "exec_command": line}
        return _pod(name, {**debugger, "entry": found, **more})

    @staticmethod
    def probe(name: str = "web-0", *, error: str | None = None, **more: Any) -> Item:
        figures = {"min": 0.4123, "avg": 1.5, "max": 123.4, "p50": 1.0, "p90": 12.34, "p99": 99.0}
        found = {
            "method": "http",
            "peer": "http://localhost:80/",
            "sent": 10,
            "received": 10,
            "loss_percent": 0.0,
            "status_codes": {"200": 10},
            "body_sample": "OK - GET: Request completed\n",
            "errors": [],
            **figures,
            **more,
        }
        return _pod(name, {"probe": found, "error": error})

    @staticmethod
    def namespaces(name: str = "web-0", *rows: Item) -> Item:
        return _pod(name, {"namespaces": list(rows)})

    @staticmethod
    def command(*argv: str, name: str = "web-0", **more: Any) -> Item:
        ran = {"ran": True, "rc": 0, "timed_out": False, "duration": 0.034, "stdout": "", **more}
        return {"argv": list(argv), "pods": [_pod(name, ran)]}

    @staticmethod
    def cleanup(name: str = "web-0", **more: Any) -> Item:
        done = {"action": "stopped", "debugger": "kubedebug-1"}
        return _pod(name, {**done, "entry": {"state": "finished", "exit_code": 143}, **more})

    @staticmethod
    def inputs(**more: Any) -> Inputs:
        return Inputs(**{"title": "Debug report", "time": "2026-11-24T18:00:00Z", **more})


@pytest.fixture
def results() -> type[Results]:
    return Results
