# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What an inventory file says, apart from what Ansible makes of it itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import AUTH_SPEC
from ansible_collections.kubedebug.core.plugins.module_utils._kube.kubeconfig import is_content
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    OptionError,
    TargetOptions,
    check_name,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.where import compile_where

__all__ = ["HANDED_ON", "InventoryOptions", "cache_suffix", "handed_on"]

HostKind: TypeAlias = Literal["pods", "containers"]
_PHASES = frozenset({"Pending", "Running", "Succeeded", "Failed", "Unknown"})
_MOST_NAMESPACES = 1000
_FORMAT = 2
"""Of what is kept in the cache; another one is not read."""

HANDED_ON = (
    "ca_cert",
    "client_cert",
    "client_key",
    "context",
    "host",
    "impersonate_groups",
    "impersonate_user",
    "kubeconfig",
    "no_proxy",
    "validate_certs",
)
"""The options of authentication that the connection plugin is given, too: none is a secret."""


@dataclass(frozen=True, kw_only=True)
class InventoryOptions:
    """Which pods are hosts, and whether each or each of their containers is one."""

    hosts: HostKind = "pods"
    namespaces: tuple[str, ...] = ()
    all_namespaces: bool = False
    phases: tuple[str, ...] = ("Running",)
    label_selectors: tuple[str, ...] = ()
    field_selectors: tuple[str, ...] = ()
    workload: str | None = None
    where: str | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> InventoryOptions:
        """Read the options; raises OptionError or ExpressionError for what cannot be meant."""
        options = cls(
            hosts=params["hosts"],
            namespaces=tuple(dict.fromkeys(_texts("namespaces", params["namespaces"]))),
            all_namespaces=bool(params["all_namespaces"]),
            phases=tuple(dict.fromkeys(_texts("phases", params["phases"]))),
            label_selectors=_texts("label_selectors", params["label_selectors"]),
            field_selectors=_texts("field_selectors", params["field_selectors"]),
            workload=str(params["workload"] or "").strip() or None,
            where=str(params["where"] or "").strip() or None,
        )
        options._check()
        return options

    def targets(self) -> list[TargetOptions]:
        """One selection for each list of the API that is to be read."""
        fields = list(self.field_selectors)
        if len(self.phases) == 1:
            # The server can leave out the others only one by one.
            fields.append(f"status.phase={self.phases[0]}")
        common: dict[str, Any] = {
            "label_selectors": self.label_selectors,
            "field_selectors": tuple(fields),
            "workload": self.workload,
            "where": self.where,
        }
        if self.all_namespaces:
            return [TargetOptions(all_namespaces=True, **common)]
        return [TargetOptions(namespace=each, **common) for each in self.namespaces or (None,)]

    def _check(self) -> None:
        if self.hosts not in get_args(HostKind):
            raise OptionError(f"hosts={self.hosts!r} is none of {', '.join(get_args(HostKind))}.")
        for namespace in self.namespaces:
            check_name("namespaces", namespace)
        if len(self.namespaces) > _MOST_NAMESPACES:
            raise OptionError(
                f"namespaces names {len(self.namespaces)} of them: use all_namespaces=true and "
                "selectors."
            )
        if self.all_namespaces and self.namespaces:
            raise OptionError(
                "all_namespaces=true and namespaces exclude each other: leave one of them out."
            )
        if self.all_namespaces and self.workload:
            raise OptionError(
                "workload means an object of one namespace: give namespaces instead of "
                "all_namespaces=true."
            )
        unknown = sorted(set(self.phases) - _PHASES)
        if unknown:
            raise OptionError(
                f"phases: {', '.join(unknown)} is no phase of a pod. They are "
                f"{', '.join(sorted(_PHASES))}."
            )
        if self.where is not None:
            compile_where(self.where)


def _texts(option: str, value: Any) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else list(value or ())
    for item in items:
        if isinstance(item, (dict, list)):
            raise OptionError(f"{option} has to be a list of texts.")
    return tuple(str(item).strip() for item in items if str(item or "").strip())


def cache_suffix(
    options: InventoryOptions, auth: Mapping[str, Any], reader: Mapping[str, Any]
) -> str:
    """What the kept data depend on, as a short text: other options find nothing in the cache.

    It depends on who asks (*reader*, what the options and the environment lead to), since RBAC
    shows different things to different people, and a kubeconfig may have another context by now;
    of a secret only the digest of it with everything else is kept.
    """
    said = {
        "format": _FORMAT,
        "options": asdict(options),
        "auth": {name: auth.get(name) for name in sorted(AUTH_SPEC)},
        "reader": reader,
    }
    text = json.dumps(said, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def handed_on(auth: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that lead the connection plugin to the same cluster as the inventory."""
    found = {
        f"kubedebug_{name}": auth[name]
        for name in HANDED_ON
        if auth.get(name) not in (None, "", [], {})
    }
    kubeconfig = found.pop("kubedebug_kubeconfig", None)
    # As a dictionary, or as the content of a file, it holds secrets.
    if isinstance(kubeconfig, str) and not is_content(kubeconfig):
        # A play may run elsewhere than this.
        found["kubedebug_kubeconfig"] = str(Path(kubeconfig).expanduser().absolute())
    return found
