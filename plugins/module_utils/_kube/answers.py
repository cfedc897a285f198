# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and answers as text: what a path may be, what a body means. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    ConfigError,
    KubeError,
    api_error,
    clean,
)

__all__ = [
    "continue_token",
    "error_of",
    "identity",
    "marked_items",
    "offered_token",
    "parse_object",
    "request_target",
]

_PATH = re.compile(r"/[A-Za-z0-9._~:@!$&'()*+,;=/-]*")
_HEAD = 8192
_ITEM = '{"metadata":{'
_PLAIN_TO_TLS = b"HTTP request to an HTTPS server"
"""A part of what Go's net/http says to a client without TLS."""


def request_target(path: str, params: Mapping[str, Any] | None = None) -> str:
    """Return path and query of a request; raises ConfigError for what is no path of the API.

    It protects against a name with a `/..` or a `?` in it, which would lead elsewhere. A None
    among the parameters is left out, a sequence is repeated.
    """
    if not _PATH.fullmatch(path) or "//" in path or {".", ".."} & set(path.split("/")):
        raise ConfigError(
            f"{clean(path)} is not a path of the Kubernetes API. Check namespace and name: they "
            "hold letters, digits, dots and dashes only."
        )
    pairs = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in (params or {}).items()
        if value is not None
    }
    return f"{path}?{urlencode(pairs, doseq=True)}" if pairs else path


def error_of(
    status: int,
    body: bytes,
    *,
    retry_after: str | None,
    http_reason: str,
    method: str,
    path: str,
    where: str,
    secrets: Iterable[str],
) -> KubeError:
    """Make the error of an answer that is no success.

    Secrets are cut out, should a server or a proxy echo one.
    """
    if 300 <= status < 400:
        return ConfigError(
            f"{where} answers with a redirect ({status}), so it is no API server. Check host, or "
            "the kubeconfig's server."
        )
    if status == 400 and _PLAIN_TO_TLS in body:
        return ConfigError(f"{where} speaks TLS only. Begin host with https:// and set ca_cert.")
    text = body.decode("utf-8", "replace")
    # The longest first, for one may hold another.
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "********")
    try:
        known = json.loads(text)
    except ValueError:
        known = None
    return api_error(
        status,
        known if isinstance(known, dict) else None,
        http_reason=http_reason,
        method=method,
        path=path,
        retry_after=_seconds(retry_after),
    )


def parse_object(raw: bytes, *, where: str) -> dict[str, Any]:
    """Parse a successful answer; raises ConfigError when it is no object at all."""
    try:
        value = json.loads(raw)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ConfigError(
            f"{where} answers with something that is not a Kubernetes object, so it is no API "
            "server. Check host, the kubeconfig's server and proxy."
        )
    return value


def _seconds(value: str | None) -> float | None:
    """Read the seconds of a Retry-After; API servers do not send the form with a date."""
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None


def offered_token(error: ApiError) -> str | None:
    """Return the token of an inconsistent continuation that a 410 carries."""
    return str(error.metadata.get("continue") or "") or None


def identity(item: Mapping[str, Any]) -> str:
    """Return what tells an object of a list from the others, over its whole life."""
    metadata = item.get("metadata") or {}
    return str(metadata.get("uid") or f"{metadata.get('namespace')}/{metadata.get('name')}")


def continue_token(raw: bytes) -> str | None:
    """Find the continue token of a page; API servers write the metadata before the items."""
    head, items, _rest = raw[:_HEAD].partition(b'"items"')
    _before, found, metadata = head.partition(b'"metadata":')
    if items and found:
        try:
            value, _end = json.JSONDecoder().raw_decode(metadata.decode("utf-8").lstrip())
            return value.get("continue") or None
        except (ValueError, AttributeError):
            # Another order of the fields: parse the whole page.
            pass
    return json.loads(raw).get("metadata", {}).get("continue") or None


def marked_items(raw: bytes, *marks: bytes) -> list[dict[str, Any]]:
    """Return the items of a page in whose text one of `marks` is, as the name of a field in quotes.

    The others are not parsed, which is most of the work for a cluster's pods. API servers write
    an item's metadata first, so that is what an item is found by; a page of another layout is
    parsed as a whole.
    """
    wanted = [mark.decode("utf-8") for mark in marks if mark in raw]
    if not wanted:
        return []
    text = raw.decode("utf-8")
    items: list[dict[str, Any]] = []
    position = text.find('"items":[') + 1
    places = {mark: text.find(mark, position) for mark in wanted}
    try:
        while (at := min((place for place in places.values() if place >= 0), default=-1)) >= 0:
            item, position = _item_around(text, at, position)
            items.append(item)
            for mark, place in places.items():
                if 0 <= place < position:
                    places[mark] = text.find(mark, position)
    except ValueError:
        whole = json.loads(raw).get("items") or []
        return [item for item in whole if _holds(item, wanted)]
    return items


def _holds(item: Mapping[str, Any], wanted: Iterable[str]) -> bool:
    text = json.dumps(item, separators=(",", ":"))
    return any(mark in text for mark in wanted)


def _item_around(text: str, at: int, low: int) -> tuple[dict[str, Any], int]:
    """Parse the item that holds the place `at`, and tell its end; raises ValueError for none."""
    decoder = json.JSONDecoder()
    begin = at
    while (begin := text.rfind(_ITEM, low, begin)) > 0:
        # What stands behind a colon is within an item, as a claim's template is within a volume.
        if text[begin - 1] in "[,":
            item, end = decoder.raw_decode(text, begin)
            if end > at:
                return item, end
    raise ValueError("no item around the mark")
