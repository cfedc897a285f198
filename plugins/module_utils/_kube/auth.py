# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authentication options: the names, aliases, environment and precedence of kubernetes.core.

Compared with its release 6.6.0 (`args_common.AUTH_ARG_SPEC`, `k8s/client.py`); a test holds the
two specs together. Two differences, both in cases where kubernetes.core cannot be meant: an empty
value counts as not given, and an `api_key` wins over the token of a kubeconfig that renews it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.kubedebug.core.plugins.module_utils._kube.cluster import ClusterConfig
from ansible_collections.kubedebug.core.plugins.module_utils._kube.kubeconfig import is_content
from ansible_collections.kubedebug.core.plugins.module_utils._kube.resolve import (
    SERVICE_ACCOUNT,
    ServiceAccount,
    resolve,
)

__all__ = ["AUTH_SPEC", "ENVIRONMENT", "AuthOptions", "load_configuration", "secrets"]

_PROXY_HEADERS: dict[str, dict[str, Any]] = {
    "proxy_basic_auth": {"type": "str", "no_log": True},
    "basic_auth": {"type": "str", "no_log": True},
    "user_agent": {"type": "str"},
}

AUTH_SPEC: dict[str, dict[str, Any]] = {
    "kubeconfig": {"type": "raw"},
    "context": {"type": "str"},
    "host": {"type": "str"},
    "api_key": {"type": "str", "no_log": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "validate_certs": {"type": "bool", "aliases": ["verify_ssl"]},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca_cert"]},
    "client_cert": {"type": "path", "aliases": ["cert_file"]},
    # It is the name of a file; without the mark, Ansible would warn about the word "key".
    "client_key": {"type": "path", "aliases": ["key_file"], "no_log": False},
    "proxy": {"type": "str"},
    "no_proxy": {"type": "str"},
    "proxy_headers": {"type": "dict", "options": _PROXY_HEADERS},
    "persist_config": {"type": "bool"},
    "impersonate_user": {"type": "str"},
    "impersonate_groups": {"type": "list", "elements": "str"},
}

_CLIENT_NAMES = {
    "validate_certs": "verify_ssl",
    "ca_cert": "ssl_ca_cert",
    "client_cert": "cert_file",
    "client_key": "key_file",
}

ENVIRONMENT: dict[str, tuple[str, ...]] = {
    name: tuple(f"K8S_AUTH_{known.upper()}" for known in (name, _CLIENT_NAMES.get(name)) if known)
    for name in AUTH_SPEC
    if name != "proxy_headers"
}
"""The variables of each option, the first that is set wins."""

_FALSE = frozenset({"0", "false", "no"})
"""What kubernetes.core takes for false in a variable; anything else is true."""

_SECRET_FIELDS = frozenset(
    {
        "access-token",
        "api_key",
        "certificate-authority-data",
        "client-certificate-data",
        "client-key-data",
        "client-secret",
        "id-token",
        "password",
        "refresh-token",
        "secret",
        "token",
    }
)
"""The fields that kubernetes.core hides in a kubeconfig, and the two of oidc that it does not."""

_SECRET_WORDS = ("token", "secret", "password", "passwd", "key", "credential")


@dataclass(frozen=True)
class AuthOptions:
    """Who talks to which cluster. What may hold a secret stays out of `repr`."""

    kubeconfig: str | Mapping[str, Any] | None = field(default=None, repr=False)
    context: str | None = None
    host: str | None = None
    api_key: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    validate_certs: bool | None = None
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    proxy: str | None = field(default=None, repr=False)
    no_proxy: str | None = None
    proxy_headers: Mapping[str, str | None] | None = field(default=None, repr=False)
    persist_config: bool | None = None
    impersonate_user: str | None = None
    impersonate_groups: tuple[str, ...] | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> AuthOptions:
        """Take this class's options out of a task's; an empty text or dictionary is not given."""
        known = {name: params.get(name) for name in AUTH_SPEC}
        known = {name: None if value in ("", {}) else value for name, value in known.items()}
        groups = known["impersonate_groups"]
        known["impersonate_groups"] = tuple(groups) if groups else None
        return cls(**known)

    def with_environment(self, environ: Mapping[str, str]) -> AuthOptions:
        """Fill what the task leaves open from the K8S_AUTH_ variables."""
        found = {
            name: convert(value)
            for name, convert in _CONVERTERS.items()
            if getattr(self, name) is None
            and (value := _first(environ, ENVIRONMENT[name])) is not None
        }
        if self.proxy_headers is None:
            headers = {
                name: environ[f"K8S_AUTH_PROXY_HEADERS_{name.upper()}"]
                for name in _PROXY_HEADERS
                if environ.get(f"K8S_AUTH_PROXY_HEADERS_{name.upper()}")
            }
            found["proxy_headers"] = headers or None
        return replace(self, **found)


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)


def _boolean(value: str) -> bool:
    return value.lower() not in _FALSE


def _names(value: str) -> tuple[str, ...] | None:
    return tuple(name for name in value.split(",") if name) or None


_CONVERTERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(ENVIRONMENT, str),
    "validate_certs": _boolean,
    "persist_config": _boolean,
    "impersonate_groups": _names,
}


def load_configuration(
    auth: AuthOptions,
    environ: Mapping[str, str],
    *,
    service_account: ServiceAccount = SERVICE_ACCOUNT,
) -> tuple[ClusterConfig, str | None]:
    """Return the cluster that options and environment lead to, and its context's namespace.

    Raises ConfigError, or LibraryMissing.
    """
    config = resolve(auth.with_environment(environ), environ, service_account)
    return config, config.namespace


def secrets(auth: AuthOptions) -> set[str]:
    """Return every value of the options that Ansible must not print, for its no_log_values.

    It covers what `no_log` of an option cannot: a kubeconfig that is a dictionary, or a
    text by mistake, and the password in a proxy's URL.
    """
    found = {auth.api_key, auth.password}
    headers = auth.proxy_headers or {}
    for name in ("basic_auth", "proxy_basic_auth"):
        pair = headers.get(name) or ""
        found |= {pair, pair.partition(":")[2]}
    if auth.proxy:
        found |= _url_secrets(auth.proxy)
    if isinstance(auth.kubeconfig, Mapping):
        found |= set(_kubeconfig_secrets(auth.kubeconfig))
    elif auth.kubeconfig and is_content(auth.kubeconfig):
        found.add(auth.kubeconfig)
    return {value for value in found if value}


def _url_secrets(url: str) -> set[str]:
    userinfo, at, _host = urlsplit(url).netloc.rpartition("@")
    password = userinfo.partition(":")[2]
    return {userinfo, password, unquote(password)} if at and password else set()


def _kubeconfig_secrets(data: Any) -> Iterator[str]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            if key in _SECRET_FIELDS and isinstance(value, str):
                yield value
            elif key == "proxy-url" and isinstance(value, str):
                yield from _url_secrets(value)
            elif key == "value" and isinstance(value, str):
                # An exec plugin's env: hide what its name calls a secret, not AWS_PROFILE=default.
                name = str(data.get("name") or "").lower()
                if any(word in name for word in _SECRET_WORDS):
                    yield value
            else:
                yield from _kubeconfig_secrets(value)
    elif isinstance(data, (list, tuple)):
        for item in data:
            yield from _kubeconfig_secrets(item)
