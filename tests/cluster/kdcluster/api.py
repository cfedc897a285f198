# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A few questions to the API server, by the standard library: kubectl takes longer to start."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from kdcluster.errors import ClusterError
from kdcluster.settings import Settings

__all__ = ["Api", "is_ready", "wait_for"]


class Api:
    """GET requests as the cluster's administrator."""

    def __init__(self, settings: Settings) -> None:
        self._server = settings.server
        context = ssl.create_default_context(cafile=str(settings.pki / "ca.crt"))
        context.load_cert_chain(settings.pki / "admin.crt", settings.pki / "admin.key")
        # No proxy, whatever the environment says: the server is on loopback.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def text(self, path: str, *, timeout: float = 5.0) -> str | None:
        """The body of a 200, None for any other answer or none at all."""
        try:
            with self._opener.open(self._server + path, timeout=timeout) as answer:
                body: bytes = answer.read()
                return body.decode("utf-8", "replace")
        except (OSError, urllib.error.URLError, http.client.HTTPException):
            return None

    def json(self, path: str) -> dict[str, Any] | None:
        text = self.text(path)
        return json.loads(text) if text is not None else None


def is_ready(node: dict[str, Any] | None) -> bool:
    """Whether a node (its JSON) has the condition Ready."""
    conditions = ((node or {}).get("status") or {}).get("conditions") or []
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def wait_for(
    test: Callable[[], bool],
    *,
    what: str,
    seconds: float,
    still_running: Callable[[], None],
    beat: Callable[[], None] = lambda: None,
) -> None:
    """Until the test holds; `still_running` raises when a component that it depends on died.

    Raises ClusterError after that time.
    """
    deadline = time.monotonic() + seconds
    while not test():
        still_running()
        beat()
        if time.monotonic() > deadline:
            raise ClusterError(
                f"{what} is not there after {seconds:.0f} s: see `cluster.py diagnose`"
            )
        time.sleep(0.05)
