# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets to one API server: TLS, proxies, a pool for requests, and single ones for streams.

Requests and streams share one TLS context, so that both trust the same certificates by the same
rules, and a CA bundle is parsed once and not for each connection.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ansible_collections.kubedebug.core.plugins.module_utils._kube.cluster import (
    ClusterConfig,
    Proxy,
    Tls,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.credentials import (
    ClientCertificate,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ConfigError,
    KubeError,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.failures import (
    connection_failure,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.libraries import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    import urllib3

__all__ = ["CONNECT_TIMEOUT", "Transport"]

CONNECT_TIMEOUT = 10.0
"""Seconds for a TCP connection and its TLS handshake."""


class Transport:
    """The way to one API server, for any number of threads."""

    def __init__(self, config: ClusterConfig, *, pool_size: int) -> None:
        self.host = config.host
        parts = urlsplit(config.host)
        self.where = parts.netloc.rpartition("@")[2]
        self.prefix = parts.path
        self._name = parts.hostname or ""
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._tls = config.tls
        self._proxy = config.proxy
        self._context = _tls_context(config.tls) if self._secure else None
        self._certificate: ClientCertificate | None = None
        self._lock = threading.Lock()
        self._pool = self._make_pool(pool_size)
        self.use_certificate(config.credentials.certificate)

    def use_certificate(self, certificate: ClientCertificate | None) -> None:
        """Present this client certificate in every connection made from now on."""
        if certificate is None or certificate == self._certificate or self._context is None:
            return
        with self._lock:
            if certificate != self._certificate:
                _load_certificate(self._context, certificate)
                self._certificate = certificate
                self._pool.clear()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Any,
        body: bytes | None,
        timeout: float,
    ) -> urllib3.BaseHTTPResponse:
        """Send one request and return the answer, its body unread; raises ConnectionFailed.

        Nothing is retried and no redirect followed: the token must not go to another host.
        """
        lib = require("urllib3")
        try:
            response: urllib3.BaseHTTPResponse = self._pool.request(
                method,
                self.host + url,
                body=body,
                headers=headers,
                timeout=lib.Timeout(connect=CONNECT_TIMEOUT, read=timeout),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (lib.exceptions.HTTPError, OSError) as error:
            raise connection_failure(error, where=self.where, timeout=timeout) from None
        return response

    @contextmanager
    def failures(self, timeout: float) -> Iterator[None]:
        """Turn the errors of reading an answer into ConnectionFailed."""
        lib = require("urllib3")
        try:
            yield
        except (lib.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            raise connection_failure(error, where=self.where, timeout=timeout) from None

    def connect(self) -> socket.socket:
        """Open a socket of its own for a stream, through the proxy and with TLS as configured.

        Raises ConnectionFailed, whose `sent` is false, or ConfigError for a proxy of a kind
        that can only carry requests.
        """
        try:
            sock = self._connect_proxy(self._proxy) if self._proxy else self._connect_direct()
        except OSError as error:
            raise connection_failure(
                error, where=self.where, timeout=CONNECT_TIMEOUT, connecting=True
            ) from None
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                name = self._tls.server_name or self._name
                sock = self._context.wrap_socket(sock, server_hostname=name)
        except OSError as error:
            sock.close()
            raise connection_failure(
                error, where=self.where, timeout=CONNECT_TIMEOUT, connecting=True
            ) from None
        return sock

    def close(self) -> None:
        self._pool.clear()

    def _connect_direct(self) -> socket.socket:
        sock = socket.create_connection((self._name, self._port), CONNECT_TIMEOUT)
        for option in _keepalive_options():
            sock.setsockopt(*option)
        return sock

    def _connect_proxy(self, proxy: Proxy) -> socket.socket:
        parts = urlsplit(proxy.url)
        if parts.scheme != "http":
            raise ConfigError(
                f"The proxy is of the kind {parts.scheme}, which can carry requests but not "
                "watches and the output of commands. Set proxy to one with http://."
            )
        link = http.client.HTTPConnection(
            parts.hostname or "", parts.port or 80, timeout=CONNECT_TIMEOUT
        )
        link.set_tunnel(self._name, self._port, headers=dict(proxy.headers))
        link.connect()
        sock: socket.socket = link.sock
        for option in _keepalive_options():
            sock.setsockopt(*option)
        return sock

    def _make_pool(self, size: int) -> Any:
        lib = require("urllib3")
        options: dict[str, Any] = {
            "num_pools": 4,
            "maxsize": size,
            "socket_options": [
                (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
                *_keepalive_options(),
            ],
        }
        if self._context is not None:
            options["ssl_context"] = self._context
            options["cert_reqs"] = "CERT_REQUIRED" if self._tls.verify else "CERT_NONE"
            if self._tls.server_name:
                options["server_hostname"] = self._tls.server_name
            if not self._tls.verify:
                # The user has said so; a warning for each connection says nothing new.
                lib.disable_warnings(lib.exceptions.InsecureRequestWarning)
        if self._proxy is None:
            return lib.PoolManager(**options)
        return _proxy_pool(lib, self._proxy, options)


def _proxy_pool(lib: Any, proxy: Proxy, options: Mapping[str, Any]) -> Any:
    if not proxy.url.startswith("socks"):
        return lib.ProxyManager(proxy.url, proxy_headers=dict(proxy.headers), **options)
    try:
        socks = require("urllib3.contrib.socks")
    except KubeError as error:
        raise ConfigError(
            "A SOCKS proxy needs the Python package PySocks. Install it, or set proxy to one with "
            "http://."
        ) from error
    return socks.SOCKSProxyManager(proxy.url, **options)


def _keepalive_options() -> list[tuple[int, int, int]]:
    """Notice within about a minute that the other side is gone without a word."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    # Not every system knows all of them.
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        number = getattr(socket, name, None)
        if number is not None:
            options.append((socket.IPPROTO_TCP, number, value))
    return options


def _tls_context(tls: Tls) -> ssl.SSLContext:
    """Make a context by urllib3's rules, which are strict from Python 3.13 on."""
    reqs = ssl.CERT_REQUIRED if tls.verify else ssl.CERT_NONE
    context: ssl.SSLContext = require("urllib3.util.ssl_").create_urllib3_context(cert_reqs=reqs)
    context.check_hostname = tls.verify
    context.verify_mode = reqs
    if not tls.verify:
        return context
    if tls.ca_file is None and tls.ca_data is None:
        context.load_default_certs()
        return context
    try:
        if tls.ca_file is not None:
            context.load_verify_locations(cafile=str(tls.ca_file))
        elif tls.ca_data is not None:
            context.load_verify_locations(cadata=tls.ca_data.decode("ascii", "ignore"))
    except (OSError, ValueError) as error:
        name = f" ({tls.ca_file})" if tls.ca_file else ""
        problem = _file_problem(error) or "it holds no PEM certificate"
        raise ConfigError(
            f"{tls.option}{name} cannot be used: {problem}. Give the certificate authority of the "
            "API server as PEM."
        ) from None
    return context


def _file_problem(error: OSError | ValueError) -> str | None:
    """Return what the system says of a file; ssl's errors are no text for a user."""
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return error.strerror
    return None


def _load_certificate(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Give a certificate to the context; ssl takes files only, so data is one for a moment."""
    try:
        with (
            _as_file(certificate.cert_file, certificate.cert_data) as cert,
            _as_file(certificate.key_file, certificate.key_data) as key,
        ):
            if cert is not None:
                # Without this, OpenSSL asks for a key's passphrase on the terminal.
                context.load_cert_chain(cert, key, password=_no_passphrase)
    except (OSError, ValueError) as error:
        problem = _file_problem(error) or (
            "it is no PEM certificate with its key, or the key has a passphrase"
        )
        raise ConfigError(
            f"{certificate.option} cannot be used: {problem}. Check the certificate and its key."
        ) from None


def _no_passphrase() -> str:
    return ""


@contextmanager
def _as_file(path: Path | None, data: bytes | None) -> Iterator[str | None]:
    if data is None:
        yield None if path is None else str(path)
        return
    # mkstemp makes it readable by its owner alone.
    number, name = tempfile.mkstemp(prefix="kubedebug-")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
        yield name
    finally:
        Path(name).unlink()
