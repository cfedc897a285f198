# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a connection to one API server needs, and the rules of proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.kubedebug.core.plugins.module_utils._kube.credentials import Credentials
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import ConfigError, clean

__all__ = ["ClusterConfig", "Proxy", "Tls", "bypasses_proxy", "check_url", "environment_proxy"]


@dataclass(frozen=True)
class Tls:
    """How the server's certificate is verified; `option` is what an error names for the CA."""

    verify: bool = True
    ca_file: Path | None = None
    ca_data: bytes | None = field(default=None, repr=False)
    server_name: str | None = None
    option: str = "ca_cert"


@dataclass(frozen=True)
class Proxy:
    """A proxy, and the headers for it alone."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class ClusterConfig:
    """The outcome of all options, environment variables and kubeconfigs.

    `headers` go with each request (impersonation); a name may occur more than once.
    """

    host: str
    credentials: Credentials
    tls: Tls = field(default_factory=Tls)
    proxy: Proxy | None = None
    headers: tuple[tuple[str, str], ...] = ()
    namespace: str | None = None


def check_url(url: str, *, option: str, schemes: tuple[str, ...] = ("https", "http")) -> str:
    """Return the URL without a slash at its end; raises ConfigError when it is not one.

    The value itself may hold a password, so an error says only what is missing.
    """
    try:
        parts = urlsplit(url)
        valid = parts.scheme in schemes and bool(parts.hostname)
        valid = valid and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(
            f"{option} is not a URL of the form {schemes[0]}://host:port. Correct it"
            + ("." if "@" in url else f" (it is {clean(url, limit=80)}).")
        )
    return url.rstrip("/")


def environment_proxy(host: str, environ: Mapping[str, str]) -> str | None:
    """Choose the proxy that the environment names for `host`, as kubectl and Python do.

    A loopback host never takes one, by the rule of Go's net/http.
    """
    parts = urlsplit(host)
    if _is_loopback(parts.hostname or ""):
        return None
    names = (f"{parts.scheme}_proxy", f"{parts.scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    url = next((environ[name] for name in names if environ.get(name)), None)
    rules = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    return None if url is None or bypasses_proxy(host, rules) else url


def bypasses_proxy(host: str, no_proxy: str) -> bool:
    """Tell whether a rule of the comma-separated `no_proxy` matches the host of a URL.

    A rule is a host, a domain (with or without a dot before it), an address, a network, any of
    them with a port, or `*`; the rules of the kubernetes package from release 37.
    """
    parts = urlsplit(host)
    name = (parts.hostname or "").lower()
    for rule in (rule.strip().lower() for rule in no_proxy.split(",")):
        if not rule:
            continue
        if rule == "*" or _in_network(name, rule):
            return True
        domain = rule.lstrip(".")
        for candidate in (name, parts.netloc.rpartition("@")[2].lower()):
            if candidate == domain or candidate.endswith(f".{domain}"):
                return True
    return False


def _in_network(name: str, rule: str) -> bool:
    try:
        return ipaddress.ip_address(name) in ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return False


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
