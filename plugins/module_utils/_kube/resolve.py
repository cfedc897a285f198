# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From options to a cluster: which source counts, and what the options override in it.

The order is that of kubernetes.core (`_create_configuration`): a host with credentials; the
kubeconfig or the context that is named; the service account of the pod that runs this; the
default kubeconfig. Options win over what the source says.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ansible_collections.kubedebug.core.plugins.module_utils._kube.cluster import (
    ClusterConfig,
    Proxy,
    Tls,
    bypasses_proxy,
    check_url,
    environment_proxy,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.credentials import (
    AuthProvider,
    ClientCertificate,
    Credentials,
    ExecPlugin,
    TokenFile,
    basic,
    bearer,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import ConfigError
from ansible_collections.kubedebug.core.plugins.module_utils._kube.kubeconfig import (
    Entry,
    Kubeconfig,
    Selection,
    expand,
)

if TYPE_CHECKING:
    from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import AuthOptions

__all__ = ["SERVICE_ACCOUNT", "ServiceAccount", "resolve"]

_DEFAULT_KUBECONFIG = "~/.kube/config"
_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h", "socks4", "socks4a")


@dataclass(frozen=True)
class ServiceAccount:
    """The files that a kubelet mounts into a pod."""

    folder: Path

    @property
    def token(self) -> Path:
        return self.folder / "token"

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def namespace(self) -> str | None:
        path = self.folder / "namespace"
        return (path.read_text(encoding="utf-8").strip() or None) if path.is_file() else None


SERVICE_ACCOUNT = ServiceAccount(Path("/var/run/secrets/kubernetes.io/serviceaccount"))


@dataclass(frozen=True)
class _Source:
    """What a source says before the options override it."""

    host: str | None = None
    credentials: Credentials | None = None
    tls: Tls | None = None
    proxy: str | None = None
    namespace: str | None = None


def resolve(
    auth: AuthOptions, environ: Mapping[str, str], service_account: ServiceAccount
) -> ClusterConfig:
    """Find the cluster; raises ConfigError. `auth` has the environment's values in it already."""
    source = _source(auth, environ, service_account)
    host = auth.host or source.host
    if host is None:
        raise ConfigError("No cluster is named. Set host, kubeconfig or context.")
    host = check_url(host, option="host" if auth.host else "the server of the kubeconfig's cluster")
    return ClusterConfig(
        host=host,
        credentials=_credentials(auth, environ, source),
        tls=_tls(auth, environ, source),
        proxy=_proxy(auth, environ, source, host),
        headers=_impersonation(auth),
        namespace=source.namespace,
    )


def _source(
    auth: AuthOptions, environ: Mapping[str, str], service_account: ServiceAccount
) -> _Source:
    complete = auth.api_key or (auth.username and auth.password)
    complete = complete or (auth.client_cert and auth.client_key)
    if auth.host and complete:
        return _Source()
    if auth.kubeconfig or auth.context:
        return _from_kubeconfig(auth, environ)
    if _is_in_cluster(environ, service_account):
        return _from_service_account(environ, service_account)
    return _from_kubeconfig(auth, environ)


def _is_in_cluster(environ: Mapping[str, str], service_account: ServiceAccount) -> bool:
    named = environ.get("KUBERNETES_SERVICE_HOST") and environ.get("KUBERNETES_SERVICE_PORT")
    return bool(named) and service_account.token.is_file() and service_account.ca.is_file()


def _from_service_account(environ: Mapping[str, str], service_account: ServiceAccount) -> _Source:
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ["KUBERNETES_SERVICE_PORT"]
    if ":" in host:
        host = f"[{host}]"
    return _Source(
        host=f"https://{host}:{port}",
        credentials=TokenFile(service_account.token, option="the pod's service account"),
        tls=Tls(ca_file=service_account.ca, option="the pod's service account"),
        namespace=service_account.namespace,
    )


def _from_kubeconfig(auth: AuthOptions, environ: Mapping[str, str]) -> _Source:
    source, config = _read_kubeconfig(auth, environ)
    chosen = config.select(auth.context)
    return _Source(
        host=chosen.cluster.text("server"),
        # Options that replace the credentials spare a plugin's run, and its failure.
        credentials=(
            None
            if auth.api_key or (auth.username and auth.password)
            else _user_credentials(source, chosen, auth, environ)
        ),
        tls=_cluster_tls(chosen.cluster),
        proxy=chosen.cluster.text("proxy-url"),
        namespace=chosen.namespace,
    )


def _read_kubeconfig(
    auth: AuthOptions, environ: Mapping[str, str]
) -> tuple[str | Mapping[str, Any], Kubeconfig]:
    source = auth.kubeconfig
    if isinstance(source, Mapping):
        return source, Kubeconfig.from_dict(source, origin="kubeconfig (a dictionary)")
    if source is not None and not isinstance(source, str):
        raise ConfigError(
            f"kubeconfig is a {type(source).__name__}. Give the path of a file, or a dictionary."
        )
    if source:
        return source, Kubeconfig.from_files(source, origin="kubeconfig", environ=environ)
    named = environ.get("KUBECONFIG")
    if named:
        origin = "the environment variable KUBECONFIG"
        return named, Kubeconfig.from_files(named, origin=origin, environ=environ)
    if not expand(_DEFAULT_KUBECONFIG, environ).exists():
        raise ConfigError(
            "No cluster is named: there is neither a kubeconfig nor a host with credentials, this "
            f"is not a pod of a cluster, and {_DEFAULT_KUBECONFIG} does not exist. Set the option "
            "kubeconfig (or K8S_AUTH_KUBECONFIG), or host and api_key."
        )
    return _DEFAULT_KUBECONFIG, Kubeconfig.from_files(
        _DEFAULT_KUBECONFIG, origin="the default kubeconfig", environ=environ
    )


def _cluster_tls(cluster: Entry) -> Tls:
    data = cluster.decoded("certificate-authority-data")
    return Tls(
        verify=not cluster.data.get("insecure-skip-tls-verify"),
        ca_file=None if data else cluster.file("certificate-authority"),
        ca_data=data,
        server_name=cluster.text("tls-server-name"),
        option=f"the certificate authority of cluster {cluster.name} in {cluster.origin}",
    )


def _user_credentials(
    source: str | Mapping[str, Any],
    chosen: Selection,
    auth: AuthOptions,
    environ: Mapping[str, str],
) -> Credentials:
    """Choose by the kubernetes package's order: auth-provider, token, exec, password."""
    user = chosen.user
    if user is None:
        return Credentials()
    certificate = _user_certificate(user)
    if user.data.get("auth-provider"):
        return AuthProvider(
            _expanded(source, environ),
            chosen.context,
            user,
            persist=bool(auth.persist_config),
            certificate=certificate,
        )
    token_file = user.file("tokenFile")
    if token_file is not None:
        return TokenFile(
            token_file,
            option=f"tokenFile of user {user.name} in {user.origin}",
            certificate=certificate,
        )
    token = user.text("token")
    if token is not None:
        return Credentials(bearer(token), certificate)
    if user.data.get("exec"):
        return ExecPlugin(user, chosen.cluster, environ=environ, certificate=certificate)
    username, password = user.text("username"), user.text("password")
    if username is not None and password is not None:
        return Credentials(basic(username, password), certificate)
    return Credentials(None, certificate)


def _expanded(
    source: str | Mapping[str, Any], environ: Mapping[str, str]
) -> str | Mapping[str, Any]:
    if not isinstance(source, str):
        return source
    return os.pathsep.join(str(expand(path, environ)) for path in source.split(os.pathsep) if path)


def _user_certificate(user: Entry) -> ClientCertificate | None:
    cert_data, key_data = user.decoded("client-certificate-data"), user.decoded("client-key-data")
    cert_file = None if cert_data else user.file("client-certificate")
    key_file = None if key_data else user.file("client-key")
    if not cert_data and not cert_file:
        return None
    return ClientCertificate(
        f"the client certificate of user {user.name} in {user.origin}",
        cert_file=cert_file,
        key_file=key_file,
        cert_data=cert_data,
        key_data=key_data,
    )


def _credentials(auth: AuthOptions, environ: Mapping[str, str], source: _Source) -> Credentials:
    base = source.credentials or Credentials()
    certificate = base.certificate
    if auth.client_cert:
        certificate = ClientCertificate(
            "client_cert",
            cert_file=_existing(auth.client_cert, "client_cert", environ),
            key_file=(
                _existing(auth.client_key, "client_key", environ) if auth.client_key else None
            ),
        )
    if auth.api_key:
        return Credentials(bearer(auth.api_key), certificate)
    if auth.username and auth.password:
        return Credentials(basic(auth.username, auth.password), certificate)
    base.certificate = certificate
    return base


def _tls(auth: AuthOptions, environ: Mapping[str, str], source: _Source) -> Tls:
    tls = source.tls or Tls()
    if auth.ca_cert:
        path = _existing(auth.ca_cert, "ca_cert", environ)
        tls = replace(tls, ca_file=path, ca_data=None, option="ca_cert")
    if auth.validate_certs is not None:
        tls = replace(tls, verify=auth.validate_certs)
    return tls


def _existing(path: str, option: str, environ: Mapping[str, str]) -> Path:
    found = expand(path, environ)
    if not found.is_file():
        raise ConfigError(
            f"{option} names {found}, and there is no such file. Correct the path; it is that of "
            "the machine on which the task runs."
        )
    return found


def _proxy(
    auth: AuthOptions, environ: Mapping[str, str], source: _Source, host: str
) -> Proxy | None:
    """Choose the proxy: the option, the kubeconfig's, the environment's.

    NO_PROXY of the environment belongs to the environment's proxy alone.
    """
    url = auth.proxy or source.proxy
    if url is None:
        url = environment_proxy(host, environ)
    if url is None or (auth.no_proxy and bypasses_proxy(host, auth.no_proxy)):
        return None
    url = check_url(url, option="proxy", schemes=_PROXY_SCHEMES)
    return Proxy(url, _proxy_headers(auth, url))


def _proxy_headers(auth: AuthOptions, url: str) -> dict[str, str]:
    given = auth.proxy_headers or {}
    headers: dict[str, str] = {}
    userinfo, at, _host = urlsplit(url).netloc.rpartition("@")
    if at:
        name, _colon, password = userinfo.partition(":")
        headers["proxy-authorization"] = basic(unquote(name), unquote(password))
    pairs = (("proxy_basic_auth", "proxy-authorization"), ("basic_auth", "authorization"))
    for option, header in pairs:
        value = given.get(option)
        if value:
            name, _colon, password = value.partition(":")
            headers[header] = basic(name, password)
    if given.get("user_agent"):
        headers["user-agent"] = str(given["user_agent"])
    return headers


def _impersonation(auth: AuthOptions) -> tuple[tuple[str, str], ...]:
    user = (auth.impersonate_user,) if auth.impersonate_user else ()
    groups = auth.impersonate_groups or ()
    for option, values in (("impersonate_user", user), ("impersonate_groups", groups)):
        # A line break would smuggle another header into the request.
        if not all(value.isprintable() and value.isascii() for value in values):
            raise ConfigError(f"{option} holds a character that no HTTP header can carry.")
    headers = [("Impersonate-User", value) for value in user]
    return (*headers, *(("Impersonate-Group", value) for value in groups))
