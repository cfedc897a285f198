# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw JSON over HTTP: the requests of one API server, for any number of threads.

Objects are plain dictionaries. The kubernetes package's typed models cost a second to import and
ten times the time to parse, and they drop the fields of a newer server.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

from ansible_collections.kubedebug.core.plugins.module_utils._kube.answers import (
    continue_token,
    error_of,
    identity,
    marked_items,
    offered_token,
    parse_object,
    request_target,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import (
    AuthOptions,
    load_configuration,
    secrets,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.cluster import ClusterConfig
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    Gone,
    KubeError,
    Unauthorized,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.libraries import require
from ansible_collections.kubedebug.core.plugins.module_utils._kube.retry import (
    RetryPolicy,
    call_with_retries,
    is_transient,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.transport import Transport

__all__ = ["Client", "Headers", "Object", "Params"]

Object: TypeAlias = dict[str, Any]
Objects: TypeAlias = list[dict[str, Any]]
Params: TypeAlias = Mapping[str, Any]
Headers: TypeAlias = list[tuple[str, str]]
Value = TypeVar("Value")

DEFAULT_NAMESPACE = "default"
USER_AGENT = "kubedebug.core (Ansible)"
STRATEGIC_MERGE = "application/strategic-merge-patch+json"

_JSON_PATCH = "application/json-patch+json"
_ERROR_BODY_LIMIT = 64 * 1024
_IDEMPOTENT = frozenset({"GET", "PUT", "DELETE"})


class Client:
    """One API server as seen with one set of options; close it, or use it in a `with`.

    `config` is what the options lead to, where that is known already: loading it may run a program.
    `request_timeout` is in seconds, for each single wait for the server. `pool_size` is the number
    of connections that are kept open: at the best, that of the threads that ask at once. All
    methods raise ApiError for an answer that is a failure and ConnectionFailed for none at all,
    after the retries that `retry` allows.
    """

    def __init__(
        self,
        auth: AuthOptions,
        *,
        environ: Mapping[str, str] | None = None,
        config: ClusterConfig | None = None,
        retry: RetryPolicy | None = None,
        request_timeout: float = 30.0,
        pool_size: int = 128,
    ) -> None:
        environ = os.environ if environ is None else environ
        if config is None:
            config, _namespace = load_configuration(auth, environ)
        self.host = config.host
        self.default_namespace = config.namespace or DEFAULT_NAMESPACE
        self.retry = retry or RetryPolicy()
        self.request_timeout = request_timeout
        self.transport = Transport(config, pool_size=pool_size)
        self._credentials = config.credentials
        self._headers = (("User-Agent", USER_AGENT), *config.headers)
        self._secrets = secrets(auth.with_environment(environ))
        self._clock: tuple[float, float] | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the idle connections; one in use closes at its end."""
        self.transport.close()

    def get(self, path: str, params: Params | None = None) -> Object:
        return self._json(self._read("GET", path, params))

    def post(
        self,
        path: str,
        body: Any,
        params: Params | None = None,
        *,
        idempotent: bool = False,
        retry: RetryPolicy | None = None,
    ) -> Object:
        """Create an object; `idempotent` allows to repeat it when the outcome is unknown."""
        raw = self._read("POST", path, params, body=body, idempotent=idempotent, retry=retry)
        return self._json(raw)

    def patch(
        self,
        path: str,
        body: Any,
        *,
        content_type: str = STRATEGIC_MERGE,
        params: Params | None = None,
    ) -> Object:
        """Patch an object. Merge patches are repeated after a failure, a JSON patch is not."""
        raw = self._read(
            "PATCH",
            path,
            params,
            body=body,
            content_type=content_type,
            idempotent=content_type != _JSON_PATCH,
        )
        return self._json(raw)

    def delete(
        self,
        path: str,
        body: Any = None,
        params: Params | None = None,
        *,
        retry: RetryPolicy | None = None,
    ) -> Object:
        return self._json(self._read("DELETE", path, params, body=body, retry=retry))

    def read_text(self, path: str, params: Params | None = None, *, max_bytes: int) -> str:
        """Return the first `max_bytes` of a text, as of a container's log; what is no UTF-8 is
        replaced."""
        raw = self._read("GET", path, params, limit=max_bytes)
        return raw.decode("utf-8", "replace")

    def list(
        self,
        path: str,
        params: Params | None = None,
        *,
        page_size: int = 250,
        containing: bytes | Sequence[bytes] | None = None,
    ) -> Iterator[Object]:
        """Yield the items of a list page by page, so that memory holds one page.

        Items whose text does not hold `containing` (or none of several) are left out, as a rule
        unparsed.

        When the server has dropped the snapshot half way (410), the list goes on with the token
        that it offers instead, or from the start without what was yielded before.
        """
        marks = (containing,) if isinstance(containing, bytes) else tuple(containing or ())
        seen: set[str] = set()
        token: str | None = None
        while True:
            try:
                raw = self._page(path, params, page_size, token)
            except Gone as error:
                if token is None:
                    raise
                token = offered_token(error)
                continue
            if not marks or not raw.startswith(b"{"):
                # The latter is of no API server, which this says.
                page = self._json(raw)
                token = page.get("metadata", {}).get("continue") or None
                items = page.get("items") or []
            else:
                token, items = continue_token(raw), marked_items(raw, *marks)
            for item in items:
                key = identity(item)
                if key not in seen:
                    seen.add(key)
                    yield item
            if token is None:
                return

    def list_versioned(
        self, path: str, params: Params | None = None, *, retry: RetryPolicy | None = None
    ) -> tuple[Objects, str]:
        """Return all items and the resource version that a watch goes on from.

        Pages of different snapshots would make that version a lie, so after a 410 the list is
        asked for in one piece (client-go's pager does the same).
        """
        items: Objects = []
        token: str | None = None
        version = ""
        size = 500
        while True:
            try:
                page = self._json(self._page(path, params, size, token, retry=retry))
            except Gone:
                if size == 0:
                    raise
                items, token, version, size = [], None, "", 0
                continue
            metadata = page.get("metadata", {})
            version = version or str(metadata.get("resourceVersion") or "")
            items += page.get("items") or []
            token = metadata.get("continue") or None
            if token is None:
                return items, version

    def pages_raw(
        self, path: str, params: Params | None = None, *, page_size: int = 250
    ) -> Iterator[bytes]:
        """Yield the JSON of each page unparsed, for a scan that skips most of them.

        Raises Gone when the server drops the snapshot half way and offers no other token.
        """
        token: str | None = None
        while True:
            try:
                raw = self._page(path, params, page_size, token)
            except Gone as error:
                offered = offered_token(error)
                if offered is None or token is None:
                    raise
                token = offered
                continue
            yield raw
            token = continue_token(raw)
            if token is None:
                return

    def server_time(self) -> float:
        """Return the server's time in seconds of the epoch, by the Date of its last answer.

        Before any answer, it is this machine's time.
        """
        if self._clock is None:
            return time.time()
        date, at = self._clock
        return date + (time.monotonic() - at)

    def headers(self) -> Headers:
        """Return the headers of a request: credentials, impersonation, and who we are."""
        authorization = self._credentials.authorization()
        self.transport.use_certificate(self._credentials.certificate)
        known = list(self._headers)
        return [("Authorization", authorization), *known] if authorization else known

    def authorized(self, send: Callable[[Headers], Value]) -> Value:
        """Call `send`, and once more when new credentials are to be had after a 401."""
        headers = self.headers()
        try:
            return send(headers)
        except Unauthorized:
            if not self._credentials.renew(dict(headers).get("Authorization")):
                raise
        return send(self.headers())

    def error(
        self,
        status: int,
        body: bytes,
        *,
        retry_after: str | None,
        http_reason: str,
        method: str,
        path: str,
    ) -> KubeError:
        """Make the error of an answer of this server."""
        return error_of(
            status,
            body,
            retry_after=retry_after,
            http_reason=http_reason,
            method=method,
            path=path,
            where=self.transport.where,
            secrets=self._secrets | self._credentials.secrets(),
        )

    def _page(
        self,
        path: str,
        params: Params | None,
        size: int,
        token: str | None,
        *,
        retry: RetryPolicy | None = None,
    ) -> bytes:
        query = {**(params or {}), "limit": size or None, "continue": token}
        return self._read("GET", path, query, retry=retry)

    def _read(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        *,
        body: Any = None,
        content_type: str = "application/json",
        idempotent: bool | None = None,
        limit: int | None = None,
        retry: RetryPolicy | None = None,
    ) -> bytes:
        """Send a request, with retries, and return the body of its success."""
        target = request_target(path, params)
        encoded = None if body is None else json.dumps(body).encode()
        repeatable = method in _IDEMPOTENT if idempotent is None else idempotent
        extra = [("Accept", "application/json, */*")]
        if encoded is not None:
            extra.append(("Content-Type", content_type))

        def send(headers: Headers) -> bytes:
            return self._send(
                method, path, target=target, headers=headers + extra, body=encoded, limit=limit
            )

        policy = retry or self.retry
        return call_with_retries(
            policy,
            lambda: self.authorized(send),
            transient=lambda error: is_transient(
                error, idempotent=repeatable, granted=policy.granted
            ),
        )

    def _send(
        self,
        method: str,
        path: str,
        *,
        target: str,
        headers: Headers,
        body: bytes | None,
        limit: int | None,
    ) -> bytes:
        response = self.transport.request(
            method,
            target,
            headers=require("urllib3").HTTPHeaderDict(headers),
            body=body,
            timeout=self.request_timeout,
        )
        failed = not 200 <= response.status < 300
        with self.transport.failures(self.request_timeout):
            raw = response.read(_ERROR_BODY_LIMIT if failed else limit)
            if failed or limit is not None:
                # What is left unread would be taken for the next answer of this connection.
                response.close()
        self._note_date(response.headers.get("Date"))
        if failed:
            raise self.error(
                response.status,
                raw,
                retry_after=response.headers.get("Retry-After"),
                http_reason=response.reason or "",
                method=method,
                path=path,
            )
        return raw

    def _note_date(self, date: str | None) -> None:
        if date is None:
            return
        try:
            epoch = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return
        self._clock = (epoch, time.monotonic())

    def _json(self, raw: bytes) -> Object:
        return parse_object(raw, where=self.transport.where)
