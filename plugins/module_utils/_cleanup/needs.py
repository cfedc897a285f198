# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The RBAC that a cleanup's decisions need, asked for before the first of them is carried out."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.model import Decision
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.options import (
    CleanupOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.preflight import exec_rules
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import Rule

__all__ = ["all_rules", "needed_rules"]


def _rule(namespace: str, verb: str, resource: str, subresource: str = "", group: str = "") -> Rule:
    return Rule(
        verb=verb,
        group=group,
        resource=resource,
        subresource=subresource,
        namespace=namespace,
    )


def _watching(namespace: str) -> list[Rule]:
    return [_rule(namespace, verb, "pods") for verb in ("get", "list", "watch")]


def _stop(namespace: str) -> list[Rule]:
    return [*_watching(namespace), *exec_rules(namespace)]


def _delete_pod(namespace: str) -> list[Rule]:
    return [*_watching(namespace), _rule(namespace, "delete", "pods")]


def _delete_job(namespace: str) -> list[Rule]:
    verbs = ("get", "list", "watch", "delete")
    return [
        *_watching(namespace),
        *(_rule(namespace, verb, "jobs", group="batch") for verb in verbs),
    ]


def _evict(namespace: str) -> list[Rule]:
    return [*_watching(namespace), _rule(namespace, "create", "pods", "eviction")]


def _restart(namespace: str, kinds: Sequence[str]) -> list[Rule]:
    plurals = {"DaemonSet": "daemonsets", "StatefulSet": "statefulsets"}
    # Behind a ReplicaSet there is the deployment that is restarted.
    resources = {plurals.get(kind, "deployments") for kind in kinds}
    return [
        *_watching(namespace),
        *(_rule(namespace, "patch", each, group="apps") for each in sorted(resources)),
    ]


def needed_rules(decisions: Sequence[Decision], options: CleanupOptions) -> list[Rule]:
    """The rules for these decisions, each once."""
    rules: list[Rule] = []
    owners: dict[str, set[str]] = {}
    for each in decisions:
        place, finding = each.finding.namespace, each.finding
        if each.action == "stop":
            rules += _stop(place)
        elif each.action == "delete":
            rules += _delete_job(place) if finding.kind == "agent_job" else _delete_pod(place)
        elif each.action == "recycle" and finding.host is not None:
            kind = finding.host.owner.kind if finding.host.owner is not None else ""
            owners.setdefault(place, set()).add(kind)
        if options.evidence_dir is not None and each.action in ("delete", "recycle"):
            rules.append(_rule(place, "get", "pods", "log"))
    for place, kinds in owners.items():
        rules += _restart(place, sorted(kinds)) if options.rollout else _evict(place)
    return list(dict.fromkeys(rules))


def all_rules(namespace: str) -> list[Rule]:
    """Everything that a cleanup may ask for, for the table of capabilities."""
    return [
        *_stop(namespace),
        *_delete_pod(namespace),
        *_delete_job(namespace),
        *_evict(namespace),
        *_restart(namespace, ("Deployment", "StatefulSet", "DaemonSet")),
        _rule(namespace, "get", "pods", "log"),
    ]
