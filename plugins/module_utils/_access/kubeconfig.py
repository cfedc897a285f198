# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""A kubeconfig for a service account, with a token that ends by itself."""

from __future__ import annotations

import base64
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible_collections.kubedebug.core.plugins.module_utils._access.manifests import (
    MANAGED_BY,
    AccessOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.cluster import ClusterConfig
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError

__all__ = ["Kubeconfig", "ensure_kubeconfig", "kubeconfig", "remove_kubeconfig"]

_MODE = 0o600
_MOST_BYTES = 1024 * 1024


class KubeconfigError(DebugError):
    """The kubeconfig cannot be written."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"kubeconfig_path={path}: {why}")


@dataclass(frozen=True, kw_only=True)
class Kubeconfig:
    """What became of the file; ``expires_at`` is None where it is not known yet (check mode)."""

    path: str
    changed: bool
    expires_at: str | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    def result(self) -> dict[str, Any]:
        """The file as an item of the module's result."""
        return {"path": self.path, "changed": self.changed, "expires_at": self.expires_at}

    def diff(self) -> dict[str, Any]:
        """The difference as Ansible shows it, without the token."""
        return {
            "before_header": self.path,
            "after_header": self.path,
            "before": dict(self.before),
            "after": dict(self.after),
        }


def kubeconfig(
    cluster: ClusterConfig, options: AccessOptions, *, token: str, uid: str, expires_at: str
) -> dict[str, Any]:
    """The file's content; its extension says whose it is and until when it serves. Pure but for
    a certificate authority that is a file, which is put into it.
    """
    tls = cluster.tls
    place: dict[str, Any] = {"server": cluster.host}
    ca = tls.ca_data if tls.ca_data is not None else tls.ca_file and tls.ca_file.read_bytes()
    if not tls.verify:
        place["insecure-skip-tls-verify"] = True
    elif ca:
        place["certificate-authority-data"] = base64.b64encode(ca).decode("ascii")
    if tls.server_name:
        place["tls-server-name"] = tls.server_name
    if cluster.proxy is not None:
        place["proxy-url"] = cluster.proxy.url
    user = f"{options.account_namespace}:{options.account}"
    namespace = options.namespaces[0] if options.namespaces else options.account_namespace
    context = {"cluster": "kubedebug", "user": user, "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kubedebug", "cluster": place}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "kubedebug", "context": context}],
        "current-context": "kubedebug",
        "extensions": [
            {
                "name": MANAGED_BY,
                "extension": {"serviceAccountUID": uid, "tokenExpiresAt": expires_at},
            }
        ],
    }


def ensure_kubeconfig(
    client: Client,
    cluster: ClusterConfig,
    options: AccessOptions,
    *,
    uid: str | None,
    check_mode: bool,
) -> Kubeconfig:
    """Have a kubeconfig whose token serves for at least half of the time that is asked for.

    *uid* is the service account's; None where it would only be made. Raises KubeconfigError.
    """
    path = Path(options.kubeconfig_path or "")
    stored = _stored(path)
    if stored is None and os.path.lexists(path):
        raise KubeconfigError(
            path, "there is a file that this module has not written. Choose another path."
        )
    old = _extension(stored)
    try:
        wanted = kubeconfig(
            cluster, options, token="", uid=uid or "", expires_at=old.get("tokenExpiresAt", "")
        )
    except OSError as error:
        raise KubeconfigError(path, f"the certificate authority: {error}") from error
    left = _seconds_left(old, client.server_time())
    same = uid is not None and _without_token(stored) == _without_token(wanted)
    if same and left >= options.token_seconds / 2 and _mode(path) == _MODE:
        return Kubeconfig(
            path=str(path),
            changed=False,
            expires_at=old["tokenExpiresAt"],
            before=_shown(stored),
            after=_shown(stored),
        )
    expires_at = None
    if not check_mode:
        token, expires_at = _request_token(client, options)
        wanted = kubeconfig(cluster, options, token=token, uid=uid or "", expires_at=expires_at)
        _write(path, wanted)
    after = {**_shown(wanted), "tokenExpiresAt": expires_at or "decided by the API server"}
    return Kubeconfig(
        path=str(path), changed=True, expires_at=expires_at, before=_shown(stored), after=after
    )


def remove_kubeconfig(options: AccessOptions, *, check_mode: bool) -> Kubeconfig:
    """Remove the file, if this module has written it."""
    path = Path(options.kubeconfig_path or "")
    stored = _stored(path)
    if stored is not None and not check_mode:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise KubeconfigError(path, f"{error.strerror}. Remove it by hand.") from error
    return Kubeconfig(
        path=str(path),
        changed=stored is not None,
        expires_at=None,
        before=_shown(stored),
        after={},
    )


def _request_token(client: Client, options: AccessOptions) -> tuple[str, str]:
    """A token, and when it ends: the API server may give a shorter one than is asked for."""
    namespace, account = options.account_namespace, str(options.account)
    answer = client.post(
        f"/api/v1/namespaces/{quote(namespace, safe='')}/serviceaccounts/"
        f"{quote(account, safe='')}/token",
        {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": options.token_seconds},
        },
        idempotent=True,
    )
    return answer["status"]["token"], answer["status"]["expirationTimestamp"]


def _stored(path: Path) -> dict[str, Any] | None:
    """The file's content where it is ours."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or path.lstat().st_size > _MOST_BYTES:
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise KubeconfigError(path, f"{error.strerror}. Choose a path that can be read.") from error
    return content if isinstance(content, dict) and _extension(content) else None


def _extension(content: Mapping[str, Any] | None) -> dict[str, Any]:
    for one in (content or {}).get("extensions") or ():
        if isinstance(one, Mapping) and one.get("name") == MANAGED_BY:
            found = one.get("extension")
            return dict(found) if isinstance(found, Mapping) else {}
    return {}


def _without_token(content: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (content or {}).items() if name != "users"}


def _shown(content: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a diff may show: never the token, nor a proxy's password."""
    if content is None:
        return {}
    return {
        "server": content["clusters"][0]["cluster"]["server"],
        "user": content["users"][0]["name"],
        **{name: value for name, value in _extension(content).items() if value},
    }


def _seconds_left(extension: Mapping[str, Any], now: float) -> float:
    try:
        return datetime.fromisoformat(str(extension.get("tokenExpiresAt"))).timestamp() - now
    except ValueError:
        return 0.0


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Write the file by a rename; it has its mode from the beginning."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                # JSON is YAML, and each client of Kubernetes reads it.
                stream.write(json.dumps(content, indent=2) + "\n")
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise KubeconfigError(
            path, f"{error.strerror}. Give a path that the user of the play may write to."
        ) from error
