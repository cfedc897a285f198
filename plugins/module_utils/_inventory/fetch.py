# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The pods of an inventory, read from the API, as what the cache keeps."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._inventory.facts import hosts_of
from ansible_collections.kubedebug.core.plugins.module_utils._inventory.options import (
    InventoryOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import Rule
from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import AuthOptions
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.cluster import ClusterConfig
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._options import TargetOptions
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import explain_forbidden
from ansible_collections.kubedebug.core.plugins.module_utils._pods.scan import (
    iterate_pods,
    namespace_of,
)

__all__ = ["Hosts", "fetch", "list_rule", "reader_of"]

Hosts = list[dict[str, Any]]
"""The variables of each host, in the order of namespace, pod and container."""

_SIDE_BY_SIDE = 8


def reader_of(config: ClusterConfig) -> dict[str, Any]:
    """Which cluster and namespace are read, and by whom, without asking the cluster.

    What changes by itself, as the token of a file or of a plugin, does not count: the options and
    the kubeconfig say whose it is. It holds secrets.
    """
    credentials = config.credentials
    certificate = credentials.certificate
    return {
        "host": config.host,
        "namespace": config.namespace,
        "headers": config.headers,
        "authorization": None if credentials.changes else credentials.authorization(),
        "certificate": certificate and [str(certificate.cert_file), str(certificate.cert_data)],
    }


def fetch(
    auth: Mapping[str, Any],
    options: InventoryOptions,
    *,
    environ: Mapping[str, str],
    config: ClusterConfig | None = None,
) -> Hosts:
    """Read the pods that are meant; raises DebugError.

    *config* is what *auth* and *environ* lead to, where that is known already.
    A namespace that cannot be read fails all of it: an inventory that lacks some of its hosts
    would look like a whole one.
    """
    with Client(AuthOptions.from_params(auth), environ=environ, config=config) as client:
        outcomes = fan_out(partial(_hosts, client, options), options.targets(), limit=_SIDE_BY_SIDE)
    hosts = [host for outcome in outcomes for host in outcome.unwrap()]
    return sorted(hosts, key=lambda host: (host["kubedebug_namespace"], host["kubedebug_pod"]))


def list_rule(namespace: str) -> Rule:
    """The RBAC that reading pods needs; an empty *namespace* means all of them."""
    return Rule(verb="list", group="", resource="pods", namespace=namespace)


def _hosts(client: Client, options: InventoryOptions, target: TargetOptions) -> Hosts:
    rule = list_rule(namespace_of(client, target) or "")
    containers = options.hosts == "containers"
    with explain_forbidden(client, [rule]):
        return [
            host
            for pod in iterate_pods(client, target)
            if not options.phases or (pod.get("status") or {}).get("phase") in options.phases
            for host in hosts_of(pod, containers=containers)
        ]
