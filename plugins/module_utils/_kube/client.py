# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw JSON over HTTP (the signatures; the work follows)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import AuthOptions

__all__ = ["Client"]

Params = Mapping[str, Any]


class Client:
    """One API server, for any number of threads."""

    host: str
    default_namespace: str

    def __init__(
        self,
        auth: AuthOptions,
        *,
        environ: Mapping[str, str] | None = None,
        request_timeout: float = 30.0,
    ) -> None:
        raise NotImplementedError

    def get(self, path: str, params: Params | None = None) -> dict[str, Any]:
        raise NotImplementedError

    def list(
        self, path: str, params: Params | None = None, *, page_size: int = 250
    ) -> Iterator[dict[str, Any]]:
        raise NotImplementedError

    def post(self, path: str, body: Any, params: Params | None = None) -> dict[str, Any]:
        raise NotImplementedError

    def patch(
        self,
        path: str,
        body: Any,
        *,
        content_type: str = "application/strategic-merge-patch+json",
        params: Params | None = None,
    ) -> dict[str, Any]:
        raise NotImplementedError
