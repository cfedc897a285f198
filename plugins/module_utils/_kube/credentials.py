# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the Authorization header and the client certificate come from, one class a source.

A source may renew what it gives; `Client` asks before each request and, after a 401, once more
with `renew`. All of them may be asked by many threads.
"""

from __future__ import annotations

import base64
import datetime
import importlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import ConfigError, clean
from ansible_collections.kubedebug.core.plugins.module_utils._kube.kubeconfig import Entry
from ansible_collections.kubedebug.core.plugins.module_utils._kube.libraries import require

__all__ = [
    "AuthProvider",
    "ClientCertificate",
    "Credentials",
    "ExecPlugin",
    "TokenFile",
    "basic",
    "bearer",
]

TOKEN_FILE_PERIOD = 60.0
"""Seconds after which a token file is read again, as client-go does; kubelets rotate them."""

_EXEC_GROUP = "client.authentication.k8s.io/"
_EXEC_TIMEOUT = 60.0
_EXPIRY_SKEW = 30.0


def bearer(token: str) -> str:
    """Return the header of a token; raises ConfigError for one that no header can carry."""
    token = token.strip()
    if not token.isascii() or not token.isprintable():
        raise ConfigError(
            "The token (api_key, or the kubeconfig's) holds a line break or another character that "
            "no HTTP header can carry. Correct it."
        )
    return f"Bearer {token}"


def basic(username: str, password: str) -> str:
    pair = f"{username}:{password}".encode()
    return f"Basic {base64.b64encode(pair).decode('ascii')}"


@dataclass(frozen=True)
class ClientCertificate:
    """A certificate and its key, each a file or PEM bytes; without a key it is in the first.

    `option` is what an error names.
    """

    option: str
    cert_file: Path | None = None
    key_file: Path | None = None
    cert_data: bytes | None = field(default=None, repr=False)
    key_data: bytes | None = field(default=None, repr=False)


class Credentials:
    """What does not change: a token, a password, a certificate, or nothing at all."""

    changes = False

    def __init__(
        self, authorization: str | None = None, certificate: ClientCertificate | None = None
    ) -> None:
        self._authorization = authorization
        self.certificate = certificate

    def authorization(self) -> str | None:
        """Return the value of the Authorization header."""
        return self._authorization

    def renew(self, refused: str | None) -> bool:
        """Get new credentials after a 401 for `refused`; False when there are no others.

        Of many threads that were refused together, the first one renews for all.
        """
        del refused
        return False

    def secrets(self) -> set[str]:
        """Return what must not stand in any message."""
        value = self._authorization
        return {value, value.split(" ", 1)[-1]} if value else set()


class TokenFile(Credentials):
    """A token in a file that something else renews, as in a pod."""

    changes = True

    def __init__(
        self,
        path: Path,
        *,
        option: str,
        certificate: ClientCertificate | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(None, certificate)
        self._path = path
        self._option = option
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = 0.0
        self._read()

    def authorization(self) -> str | None:
        with self._lock:
            if self._clock() - self._read_at >= TOKEN_FILE_PERIOD:
                self._read()
            return self._authorization

    def renew(self, refused: str | None) -> bool:
        with self._lock:
            if self._authorization == refused:
                self._read()
            return self._authorization != refused

    def _read(self) -> None:
        try:
            token = self._path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            problem = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ConfigError(
                f"{self._option} names {self._path}, which cannot be read ({problem}). Correct the "
                "path or the file's permissions."
            ) from None
        if not token:
            raise ConfigError(
                f"{self._option} names {self._path}, which is empty. It needs a token."
            )
        self._authorization = bearer(token)
        self._read_at = self._clock()


async def _communicate(
    asyncio: ModuleType, argv: list[str], environ: Mapping[str, str]
) -> tuple[int | None, bytes]:
    """Run a program to its end, or to the end of its time; returns exit code and output.

    Its own words on stderr may hold secrets, so nobody reads them. asyncio works in any thread and
    has the bound that AnsibleModule.run_command, which this layer could not reach, has not.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environ,
    )
    try:
        output, _nothing = await asyncio.wait_for(process.communicate(), _EXEC_TIMEOUT)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return process.returncode, output


class ExecPlugin(Credentials):
    """A program that a kubeconfig names and that prints an ExecCredential.

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
    It runs without a terminal, for a task of Ansible has none, and in the task's environment.
    What it prints never gets into a message: a failing one may well print its token.
    """

    changes = True

    def __init__(
        self,
        user: Entry,
        cluster: Entry,
        *,
        environ: Mapping[str, str],
        certificate: ClientCertificate | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(None, certificate)
        spec = user.data.get("exec")
        if not isinstance(spec, Mapping) or not spec.get("command"):
            raise user.error("its exec has no command")
        self._user = user
        self._spec = spec
        self._info = _exec_info(spec, cluster)
        self._environ = {**environ, **_exec_environ(spec, user)}
        self._clock = clock
        self._lock = threading.Lock()
        self._expires: float | None = None
        self._run()

    def authorization(self) -> str | None:
        with self._lock:
            if self._expires is not None and self._clock() >= self._expires - _EXPIRY_SKEW:
                self._run()
            return self._authorization

    def renew(self, refused: str | None) -> bool:
        with self._lock:
            if self._authorization == refused:
                self._run()
            return self._authorization != refused

    def _run(self) -> None:
        self._take(self._parse(self._output()))

    def _argv(self) -> list[str]:
        command = str(self._spec["command"])
        # A name with a folder counts from the kubeconfig's own (client-go does the same).
        if "/" in command:
            command = str(self._user.base / command)
        found = shutil.which(command, path=self._environ.get("PATH"))
        if found is None:
            hint = clean(str(self._spec.get("installHint") or ""))
            raise self._user.error(
                f"its exec plugin {clean(command)} is not there or not executable"
                + (f" ({hint})" if hint else "")
            )
        return [found, *(str(arg) for arg in self._spec.get("args") or [])]

    def _output(self) -> bytes:
        code: int | None
        output: bytes
        argv = self._argv()
        environ = {**self._environ, "KUBERNETES_EXEC_INFO": json.dumps(self._info)}
        # At its first use: it costs each module's process 25 ms, and few kubeconfigs have a plugin.
        asyncio = importlib.import_module("asyncio")
        try:
            code, output = asyncio.run(_communicate(asyncio, argv, environ))
        except TimeoutError:
            raise self._problem(f"did not end within {_EXEC_TIMEOUT:g} seconds") from None
        except OSError as error:
            raise self._problem(f"could not be run ({error.strerror})") from None
        if code != 0:
            raise self._problem(f"ended with exit code {code}")
        return output

    def _parse(self, output: bytes) -> Mapping[str, Any]:
        try:
            credential = json.loads(output)
        except ValueError:
            raise self._problem("printed something that is not JSON") from None
        status = credential.get("status") if isinstance(credential, Mapping) else None
        if not isinstance(status, Mapping):
            raise self._problem("printed no ExecCredential with a status")
        if credential.get("apiVersion") != self._info["apiVersion"]:
            raise self._problem(f"did not answer in {self._info['apiVersion']}")
        return status

    def _take(self, status: Mapping[str, Any]) -> None:
        token, cert, key = (
            status.get(name) for name in ("token", "clientCertificateData", "clientKeyData")
        )
        if not token and not (cert and key):
            raise self._problem("gave neither a token nor a certificate with its key")
        self._authorization = bearer(str(token)) if token else None
        if cert and key:
            self.certificate = ClientCertificate(
                f"exec plugin of user {self._user.name}",
                cert_data=str(cert).encode(),
                key_data=str(key).encode(),
            )
        self._expires = self._expiry(status.get("expirationTimestamp"))

    def _expiry(self, stamp: Any) -> float | None:
        if not stamp:
            return None
        try:
            # Python 3.11 and later read the trailing Z.
            return datetime.datetime.fromisoformat(str(stamp)).timestamp()
        except ValueError:
            raise self._problem("gave an expirationTimestamp that is not a time") from None

    def _problem(self, text: str) -> ConfigError:
        command = clean(str(self._spec["command"]))
        return self._user.error(
            f"its exec plugin {command} {text}; run it by hand to see what it says"
        )


def _exec_info(spec: Mapping[str, Any], cluster: Entry) -> dict[str, Any]:
    """Build KUBERNETES_EXEC_INFO; the plugin never gets a terminal."""
    version = str(spec.get("apiVersion") or f"{_EXEC_GROUP}v1")
    info: dict[str, Any] = {
        "apiVersion": version,
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }
    if spec.get("provideClusterInfo"):
        info["spec"]["cluster"] = _cluster_info(cluster)
    return info


def _cluster_info(cluster: Entry) -> dict[str, Any]:
    """Describe the cluster as ExecCredential's spec.cluster, which has no file names."""
    known = dict(cluster.data)
    extensions = known.pop("extensions", None) or []
    ca_file = cluster.file("certificate-authority")
    known.pop("certificate-authority", None)
    if ca_file is not None and "certificate-authority-data" not in known:
        encoded = base64.b64encode(ca_file.read_bytes())
        known["certificate-authority-data"] = encoded.decode("ascii")
    for item in extensions:
        if item.get("name") == f"{_EXEC_GROUP}exec":
            known["config"] = item.get("extension")
    return known


def _exec_environ(spec: Mapping[str, Any], user: Entry) -> dict[str, str]:
    items = spec.get("env") or []
    if not all(isinstance(item, Mapping) and "name" in item for item in items):
        raise user.error("its exec has an env that is not a list of names and values")
    return {str(item["name"]): str(item.get("value") or "") for item in items}


class AuthProvider(Credentials):
    """The legacy `auth-provider` of a kubeconfig (oidc, gcp), left to the kubernetes package.

    Its loader renews the token and, with `persist_config`, writes the new refresh token back;
    this is the only use of that package.
    """

    changes = True

    def __init__(
        self,
        source: str | Mapping[str, Any],
        context: str,
        user: Entry,
        *,
        persist: bool,
        certificate: ClientCertificate | None = None,
    ) -> None:
        super().__init__(None, certificate)
        self._user = user
        self._lock = threading.Lock()
        self._configuration = require("kubernetes.client").Configuration()
        config = require("kubernetes.config")
        options: dict[str, Any] = {
            "context": context,
            "client_configuration": self._configuration,
            "persist_config": persist,
        }
        with self._failures():
            if isinstance(source, str):
                config.load_kube_config(config_file=source, **options)
            else:
                config.load_kube_config_from_dict(config_dict=source, **options)
        self.authorization()

    def authorization(self) -> str | None:
        with self._lock, self._failures():
            # Release 33 has it in auth_settings under the same name; the hook renews it.
            setting = self._configuration.auth_settings().get("BearerToken")
        if not setting or not setting["value"]:
            raise self._user.error("its auth-provider gave no token")
        self._authorization = str(setting["value"])
        return self._authorization

    def _failures(self) -> _AuthProviderFailures:
        return _AuthProviderFailures(self._user)


class _AuthProviderFailures:
    """Turns whatever a provider raises into a ConfigError that quotes nothing of it."""

    def __init__(self, user: Entry) -> None:
        self._user = user

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is not None and issubclass(kind, Exception):
            raise self._user.error(
                f"its auth-provider failed ({kind.__name__}); log in anew with its own tool, or "
                "use an exec plugin"
            ) from None
