# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong on the way to the server, in words; the HTTP library's error ends here."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    CertificateInvalid,
    ConnectionFailed,
    RequestTimeout,
    clean,
)

__all__ = ["connection_failure", "is_retryable"]

_CAUSES = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "the connection was reset",
    errno.EPIPE: "the connection was closed",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "the network is unreachable",
    errno.ETIMEDOUT: "the connection timed out",
}
_NOT_SENT = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH})
_REACH = "Check that the API server runs and that host, context and proxy lead to it."
_STRICT_CHECKS = ("key identifier", "key usage", "basic constraints")
"""What OpenSSL misses in a certificate by X509_V_FLAG_X509_STRICT, which Python 3.13 turned on."""

_CLIENT_ALERTS = ("alert certificate", "alert bad certificate", "alert unknown ca")


def connection_failure(
    error: BaseException, *, where: str, timeout: float, connecting: bool = False
) -> ConnectionFailed:
    """Make the user's error of whatever urllib3, ssl or a socket has raised.

    `where` is the host and port that was spoken to, `timeout` the seconds of the request;
    `connecting` tells that no request had been sent yet.
    """
    chain = list(_chain(error))
    names = {type(link).__name__ for link in chain}
    through = " through the proxy" if "ProxyError" in names else ""
    head = f"No answer from {where}{through}: "
    sent = not connecting
    for link in chain:
        if isinstance(link, ssl.SSLError):
            return _tls_failure(link, where)
        if isinstance(link, socket.gaierror):
            return ConnectionFailed(
                f"{head}the name does not resolve. Check host, the kubeconfig's server and DNS."
            )
        if isinstance(link, OSError) and link.errno in _CAUSES:
            unsent = not sent or link.errno in _NOT_SENT
            return ConnectionFailed(f"{head}{_CAUSES[link.errno]}. {_REACH}", sent=not unsent)
    if "ConnectTimeoutError" in names or (connecting and _is_timeout(chain)):
        return RequestTimeout(f"{head}no connection within the connect timeout. {_REACH}")
    if "ReadTimeoutError" in names or _is_timeout(chain):
        return RequestTimeout(
            f"{head}nothing came within {timeout:g} seconds. The API server is overloaded, or the "
            "network drops the connection; try again.",
            sent=sent,
        )
    tunnel = next((str(link) for link in chain if "Tunnel connection failed" in str(link)), None)
    if tunnel is not None:
        # The text is http.client's own: the proxy's status line.
        return ConnectionFailed(
            f"{head}{clean(tunnel, limit=100)}. Check proxy and proxy_headers.", sent=False
        )
    if "ConnectTimeoutError" in names or "NewConnectionError" in names:
        return ConnectionFailed(f"{head}no connection. {_REACH}")
    return ConnectionFailed(
        f"{head}the connection ended before the answer was whole. {_REACH}", sent=sent
    )


def is_retryable(error: ConnectionFailed) -> bool:
    """Tell whether another try may help: a certificate that does not verify will not change."""
    return not isinstance(error, CertificateInvalid)


def _tls_failure(error: ssl.SSLError, where: str) -> ConnectionFailed:
    if isinstance(error, ssl.SSLCertVerificationError):
        problem = clean(error.verify_message, limit=120)
        if any(check in problem.lower() for check in _STRICT_CHECKS):
            return CertificateInvalid(
                f"The certificate of {where} does not verify: {problem.rstrip('.')}. Python 3.13 "
                "and later ask for these extensions. Renew the certificate or its authority with "
                "them, or run the task by an earlier Python (ansible_python_interpreter)."
            )
        return CertificateInvalid(
            f"The certificate of {where} does not verify: {problem.rstrip('.')}. Set ca_cert to "
            "the certificate authority that signed it (or the right kubeconfig and host); "
            "validate_certs=false skips the check, and with it the protection of the credentials."
        )
    text = str(error).lower().replace("_", " ")
    if any(alert in text for alert in _CLIENT_ALERTS):
        return CertificateInvalid(
            f"{where} refuses the client certificate. Check client_cert and client_key, or the "
            "kubeconfig's user."
        )
    if "wrong version number" in text or "http request" in text:
        return ConnectionFailed(
            f"{where} does not speak TLS. Check the scheme and the port of host, and the proxy."
        )
    if "eof occurred" in text or "unexpected eof" in text:
        return ConnectionFailed(
            f"No answer from {where}: the connection was closed. {_REACH}", sent=True
        )
    reason = clean(str(error.reason or "TLS failed").replace("_", " ").lower(), limit=80)
    return ConnectionFailed(f"No TLS connection to {where}: {reason}. {_REACH}")


def _is_timeout(chain: list[BaseException]) -> bool:
    return any(isinstance(link, TimeoutError) for link in chain)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Walk through what an error wraps: urllib3 keeps it in `reason`, in `args` or as a cause."""
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        link = pending.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        pending += [getattr(link, "reason", None), *link.args, link.__cause__, link.__context__]
