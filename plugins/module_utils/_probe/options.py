# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What to measure, checked before anything is sent, and the request that it makes. Pure."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import quote

from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError

__all__ = ["PROBE_SPEC", "Method", "ProbeOptions", "Scheme", "header_secrets"]

Method: TypeAlias = Literal["http", "tcp", "ping"]
Scheme: TypeAlias = Literal["http", "https"]

PROBE_SPEC: dict[str, dict[str, Any]] = {
    "method": {"type": "str", "choices": list(get_args(Method)), "default": "http"},
    # Not "host": with that name the API server's URL is given.
    "peer": {"type": "str", "default": "localhost"},
    "port": {"type": "int"},
    "scheme": {"type": "str", "choices": list(get_args(Scheme)), "default": "http"},
    "path": {"type": "str", "default": "/"},
    "headers": {"type": "dict", "default": {}},
    "validate_peer_certs": {"type": "bool", "default": True},
    "count": {"type": "int", "default": 10},
    "interval": {"type": "float", "default": 0.2},
    "timeout": {"type": "float", "default": 2.0},
    "max_loss": {"type": "float"},
}

_SCHEME_PORTS: dict[Scheme, int] = {"http": 80, "https": 443}
_MOST_ATTEMPTS = 1000
_LONGEST_INTERVAL = 60.0
_SHORTEST_TIMEOUT = 0.01
_LONGEST_TIMEOUT = 60.0
_LONGEST_PROBE = 3600
# What a probe may take beside its attempts: the start of the program, and the name's resolution.
_RESOLVE_SECONDS = 10.0
_START_SECONDS = 10.0
_MOST_HEADER_BYTES = 16 * 1024

_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?")
# Source: RFC 9110, 5.6.2 (token)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Source: RFC 3986, 3.3 and 3.4; "%" stays, so that a path that is quoted already stays as it is.
_PATH_SAFE = "/?:@!$&'()*+,;=-._~%[]"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Masking anything shorter would make holes in every result and hide nothing.
_SHORTEST_SECRET = 4
_SECRET_HEADER = re.compile(r"auth|cookie|token|secret|key|session|passw|credential", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ProbeOptions:
    """One measurement; ``interval`` and ``timeout`` are in seconds, ``max_loss`` in percent.

    ``port`` is None for ping alone. ``max_loss`` None means that only an answer to none of the
    attempts is a failure.
    """

    method: Method = "http"
    host: str = "localhost"
    port: int | None = 80
    scheme: Scheme = "http"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    validate_certs: bool = True
    count: int = 10
    interval: float = 0.2
    timeout: float = 2.0
    max_loss: float | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> ProbeOptions:
        """Read the options of PROBE_SPEC; raise OptionError for what cannot be meant."""
        max_loss = params["max_loss"]
        options = cls(
            method=params["method"],
            host=_host(params["peer"]),
            port=_port(params["method"], params["scheme"], params["port"]),
            scheme=params["scheme"],
            path=_path(params["path"]),
            headers=_headers(params["headers"] or {}),
            validate_certs=bool(params["validate_peer_certs"]),
            count=int(_within("count", params["count"], 1, _MOST_ATTEMPTS)),
            interval=_within("interval", params["interval"], 0, _LONGEST_INTERVAL, " seconds"),
            timeout=_within(
                "timeout", params["timeout"], _SHORTEST_TIMEOUT, _LONGEST_TIMEOUT, " seconds"
            ),
            max_loss=(
                None if max_loss is None else _within("max_loss", max_loss, 0, 100, " percent")
            ),
        )
        if options.longest > _LONGEST_PROBE:
            raise OptionError(
                f"count={options.count}, interval={options.interval:g} and timeout="
                f"{options.timeout:g} can take {options.longest} s, more than the {_LONGEST_PROBE} "
                "s that one probe may take: lower one of them."
            )
        return options

    @property
    def longest(self) -> int:
        """Whole seconds after which the measurement is over, whatever the peer does."""
        attempts = self.count * (self.interval + self.timeout)
        return math.ceil(attempts + _RESOLVE_SECONDS + _START_SECONDS)

    @property
    def resolve_seconds(self) -> float:
        """How long the host's name may take to resolve, in seconds."""
        return _RESOLVE_SECONDS

    @property
    def authority(self) -> str:
        """Host and port as in a URL: an IPv6 address stands in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def peer(self) -> str:
        """What is measured, in one word."""
        if self.method == "http":
            return f"{self.scheme}://{self.authority}{self.path}"
        return self.authority

    def all_headers(self) -> tuple[tuple[str, str], ...]:
        """The headers of the request: the task's, and those that it leaves to us."""
        given = {name.lower() for name, _value in self.headers}
        default = self.port == _SCHEME_PORTS[self.scheme]
        host = self.authority.rsplit(":", 1)[0] if default else self.authority
        # A zone is of this machine and not for the peer. Source: RFC 9844
        host = re.sub(r"%[^\]]*", "", host)
        ours = (("Host", host), ("User-Agent", "kubedebug"), ("Accept", "*/*"))
        left = tuple(pair for pair in ours if pair[0].lower() not in given)
        return (*left, *self.headers, ("Connection", "close"))

    def request(self) -> bytes:
        """The whole HTTP request."""
        lines = [f"GET {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.all_headers()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


def header_secrets(headers: Any) -> set[str]:
    """Values of headers whose name says that they are nobody else's business."""
    if not isinstance(headers, Mapping):
        return set()
    values = [str(value) for name, value in headers.items() if _SECRET_HEADER.search(str(name))]
    # A token also stands alone where a peer shows it without the word before it.
    words = [value.rsplit(" ", 1)[-1] for value in values]
    return {text for text in (*values, *words) if len(text) >= _SHORTEST_SECRET}


def _within(option: str, value: float, low: float, high: float, unit: str = "") -> float:
    # A comparison that NaN cannot pass.
    if not low <= value <= high:
        raise OptionError(f"{option}={value:g} is out of range: give {low:g} to {high:g}{unit}.")
    return value


def _host(text: str) -> str:
    host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in host or "%" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError as error:
            raise OptionError(
                f"peer={text!r} is no host: give a name or an address alone; port, scheme and path "
                "have options of their own."
            ) from error
        if not re.fullmatch(r"[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]{1,15})?", host):
            raise OptionError(f"peer={text!r}: the zone of the address is no network interface.")
        return host
    if not _HOST_NAME.fullmatch(host):
        raise OptionError(
            f"peer={text!r} is no host: give a name (an international one in its ASCII form, "
            "xn--...) or an address alone; port, scheme and path have options of their own."
        )
    return host


def _port(method: Method, scheme: Scheme, port: int | None) -> int | None:
    if method == "ping":
        if port is not None:
            raise OptionError(
                f"port={port} does not go with method=ping, which knows no ports: leave it out, or "
                "choose method=tcp."
            )
        return None
    if port is None:
        if method == "tcp":
            raise OptionError("method=tcp needs port.")
        return _SCHEME_PORTS[scheme]
    return int(_within("port", port, 1, 65535))


def _path(path: str) -> str:
    if not path.startswith("/"):
        raise OptionError(f"path={path!r} has to begin with a slash.")
    if _CONTROL.search(path):
        raise OptionError("path has a control character: leave it out, or write it as %XX.")
    if "#" in path:
        raise OptionError(
            f"path={path!r}: what follows # is never sent to a server: leave it out, or write %23."
        )
    return quote(path, safe=_PATH_SAFE)


def _headers(headers: Mapping[Any, Any]) -> tuple[tuple[str, str], ...]:
    """Checked pairs; a value never stands in a message, since it may be a secret."""
    pairs = []
    for key, value in headers.items():
        name = str(key)
        if not _HEADER_NAME.fullmatch(name):
            raise OptionError(f"headers: {name!r} is no name of an HTTP header.")
        if name.lower() in ("connection", "content-length", "transfer-encoding"):
            raise OptionError(
                f"headers: {name} is for the probe to say, which sends no body and uses a "
                "connection for each attempt; leave it out."
            )
        if value is None or isinstance(value, (Mapping, list, tuple)):
            raise OptionError(
                f"headers: the value of {name} is a {type(value).__name__}: give a text."
            )
        text = str(value).strip(" \t")
        if _CONTROL.search(text):
            raise OptionError(f"headers: the value of {name} has a control character.")
        pairs.append((name, text))
    if sum(len(name) + len(text.encode()) for name, text in pairs) > _MOST_HEADER_BYTES:
        raise OptionError(f"headers are more than {_MOST_HEADER_BYTES} bytes.")
    return tuple(pairs)
