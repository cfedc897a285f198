# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What a task grants to whom, and the objects that say so. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._access.rules import (
    CAPABILITY_NAMES,
    CapabilityName,
    rules,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.objects import (
    LABEL,
    MANAGED_BY,
    is_ours,
    object_path,
    ref,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    OptionError,
    check_name,
)

__all__ = [
    "ACCESS_SPEC",
    "MANAGED_BY",
    "AccessOptions",
    "bindings",
    "is_ours",
    "object_path",
    "owned",
    "ref",
    "roles",
    "service_account",
]

Object: TypeAlias = dict[str, Any]

RBAC_GROUP = "rbac.authorization.k8s.io"

ACCESS_SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str", "default": "kubedebug"},
    "capabilities": {
        "type": "list",
        "elements": "str",
        "choices": list(CAPABILITY_NAMES),
        "default": ["workloads", "debug"],
    },
    "scope": {"type": "str", "choices": ["namespace", "cluster"], "default": "namespace"},
    "namespaces": {"type": "list", "elements": "str", "default": []},
    "service_account": {"type": "str"},
    "service_account_namespace": {"type": "str"},
    "users": {"type": "list", "elements": "str", "default": []},
    "groups": {"type": "list", "elements": "str", "default": []},
    "kubeconfig_path": {"type": "path"},
    # It is a number of seconds; without the mark, Ansible would warn about the word "token".
    "token_seconds": {"type": "int", "default": 8 * 3600, "no_log": False},
}

# Source: kubernetes, pkg/apis/authentication/validation (at least ten minutes).
_SHORTEST_TOKEN = 600
_LONGEST_TOKEN = 30 * 24 * 3600


@dataclass(frozen=True, kw_only=True)
class AccessOptions:
    """Capabilities, the place where they hold, and who has them; ``token_seconds`` in seconds.

    ``namespaces`` is never empty where ``cluster`` is False.
    """

    name: str
    capabilities: tuple[CapabilityName, ...]
    cluster: bool
    namespaces: tuple[str, ...]
    account: str | None
    account_namespace: str
    users: tuple[str, ...]
    groups: tuple[str, ...]
    kubeconfig_path: str | None
    token_seconds: int
    absent: bool

    @classmethod
    def from_params(cls, params: Mapping[str, Any], *, default_namespace: str) -> AccessOptions:
        """Read the options of ACCESS_SPEC; raise OptionError for what cannot be meant."""
        cluster = params["scope"] == "cluster"
        namespaces = tuple(dict.fromkeys(_texts(params["namespaces"])))
        if cluster and namespaces:
            raise OptionError(
                "scope=cluster holds in every namespace: leave namespaces out, or choose "
                "scope=namespace."
            )
        namespaces = namespaces or (() if cluster else (default_namespace,))
        options = cls(
            name=str(params["name"] or "kubedebug"),
            capabilities=tuple(dict.fromkeys(params["capabilities"] or ())),
            cluster=cluster,
            namespaces=namespaces,
            account=params["service_account"] or None,
            account_namespace=params["service_account_namespace"]
            or (namespaces[0] if namespaces else default_namespace),
            users=_texts(params["users"]),
            groups=_texts(params["groups"]),
            kubeconfig_path=params["kubeconfig_path"] or None,
            token_seconds=params["token_seconds"],
            absent=params["state"] == "absent",
        )
        options._check()
        return options

    def _check(self) -> None:
        check_name("name", self.name)
        check_name("service_account", self.account)
        for namespace in self.namespaces:
            check_name("namespaces", namespace)
        # Its default is one of the namespaces, so these are told first.
        check_name("service_account_namespace", self.account_namespace)
        if self.kubeconfig_path and not self.account:
            raise OptionError(
                "kubeconfig_path needs service_account: the kubeconfig is for that account."
            )
        if not _SHORTEST_TOKEN <= self.token_seconds <= _LONGEST_TOKEN:
            raise OptionError(
                f"token_seconds={self.token_seconds} is out of range: give {_SHORTEST_TOKEN} to "
                f"{_LONGEST_TOKEN} seconds."
            )
        if self.absent:
            return
        if not self.capabilities:
            raise OptionError(
                f"capabilities is empty: give some of {', '.join(CAPABILITY_NAMES)}, or "
                "state=absent to take them away."
            )
        if not (self.account or self.users or self.groups):
            raise OptionError(
                "Nobody is named to have the capabilities: give service_account, users or groups."
            )


def _texts(values: Any) -> tuple[str, ...]:
    """An AWX survey that was left empty sends "" where a playbook would omit the option."""
    return tuple(str(value).strip() for value in values or () if str(value).strip())


def service_account(options: AccessOptions) -> Object | None:
    """The account, where the task names one."""
    if options.account is None:
        return None
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(options.account, options.account_namespace),
    }


def roles(options: AccessOptions) -> list[Object]:
    """One ClusterRole, or a Role in each namespace."""
    granted = rules(options.capabilities)
    return [
        {
            "apiVersion": f"{RBAC_GROUP}/v1",
            "kind": "Role" if namespace else "ClusterRole",
            "metadata": _metadata(options.name, namespace),
            "rules": granted,
        }
        for namespace in _places(options)
    ]


def bindings(options: AccessOptions) -> list[Object]:
    """What gives each role to all that the task names."""
    subjects = list(_subjects(options))
    return [
        {
            "apiVersion": f"{RBAC_GROUP}/v1",
            "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
            "metadata": _metadata(options.name, namespace),
            "roleRef": {
                "apiGroup": RBAC_GROUP,
                "kind": "Role" if namespace else "ClusterRole",
                "name": options.name,
            },
            "subjects": subjects,
        }
        for namespace in _places(options)
    ]


def _places(options: AccessOptions) -> tuple[str, ...]:
    return ("",) if options.cluster else options.namespaces


def _subjects(options: AccessOptions) -> Iterator[Object]:
    if options.account is not None:
        yield {
            "kind": "ServiceAccount",
            "name": options.account,
            "namespace": options.account_namespace,
        }
    for kind, names in (("User", options.users), ("Group", options.groups)):
        for name in names:
            yield {"apiGroup": RBAC_GROUP, "kind": kind, "name": name}


def _metadata(name: str, namespace: str) -> Object:
    metadata: Object = {"name": name, "labels": {LABEL: MANAGED_BY}}
    return {**metadata, "namespace": namespace} if namespace else metadata


def owned(found: Mapping[str, Any] | None) -> Object:
    """The part of an object that this collection decides on, as it stands in a diff."""
    if found is None:
        return {}
    labels = found.get("metadata", {}).get("labels") or {}
    part: Object = {"kind": found.get("kind"), "labels": {LABEL: labels.get(LABEL)}}
    for name in ("rules", "roleRef", "subjects"):
        if found.get(name):
            part[name] = found[name]
    return part
