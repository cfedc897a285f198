# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that the tests put on the cluster, pure."""

from __future__ import annotations

from typing import Any

__all__ = ["access", "cluster_access", "deployment", "namespace", "pod"]

Manifest = dict[str, Any]

# What the collection documents as needed; the tests run with nothing else, unless they say so.
DEBUG_RULES: list[Manifest] = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods/ephemeralcontainers"], "verbs": ["patch"]},
    {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
]
CLEANUP_RULES: list[Manifest] = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "delete"]},
    {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
    {
        "apiGroups": ["apps"],
        "resources": ["deployments", "statefulsets", "daemonsets"],
        "verbs": ["get", "patch"],
    },
    {"apiGroups": ["apps"], "resources": ["replicasets"], "verbs": ["get"]},
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list", "watch", "delete"]},
    {"apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": ["list"]},
]
AGENT_RULES: list[Manifest] = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "create"]},
    {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["list", "watch"]},
    {
        "apiGroups": ["batch"],
        "resources": ["jobs"],
        "verbs": ["create", "delete", "get", "list", "watch"],
    },
]
MAKE_RULES: list[Manifest] = [
    {
        "apiGroups": [""],
        "resources": ["pods"],
        "verbs": ["get", "list", "watch", "create", "delete"],
    },
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
]
WORKLOAD_RULES: list[Manifest] = [
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]},
    {"apiGroups": ["apps"], "resources": ["replicasets"], "verbs": ["get", "list"]},
]
FORWARD_RULES: list[Manifest] = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"]},
]


def namespace(name: str, *, run: str, level: str | None = None) -> Manifest:
    """A namespace of the test run, with a Pod Security level where one is given."""
    labels = {"kubedebug-e2e-run": run}
    if level is not None:
        labels["pod-security.kubernetes.io/enforce"] = level
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": labels},
    }


def access(name: str, namespace: str, rules: list[Manifest]) -> list[Manifest]:
    """A service account that may do what *rules* say in its namespace, and nothing else."""
    metadata = {"name": name, "namespace": namespace}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": metadata,
            "rules": rules,
        },
        _binding("RoleBinding", metadata, name, namespace, "Role"),
    ]


def cluster_access(
    name: str, account: str, namespace: str, *, run: str, rules: list[Manifest]
) -> list[Manifest]:
    """The same in every namespace, for an account that exists already."""
    metadata = {"name": name, "labels": {"kubedebug-e2e-run": run}}
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": metadata,
            "rules": rules,
        },
        _binding("ClusterRoleBinding", metadata, account, namespace, "ClusterRole"),
    ]


def _binding(
    kind: str, metadata: Manifest, account: str, namespace: str, role_kind: str
) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": role_kind,
            "name": metadata["name"],
        },
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }


def pod(
    name: str,
    image: str,
    *,
    labels: dict[str, str] | None = None,
    container: Manifest | None = None,
    spec: Manifest | None = None,
) -> Manifest:
    """A pod with one container ``web``; *container* and *spec* are laid over it."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {"app": name}},
        "spec": _pod_spec(image, container, spec),
    }


def deployment(name: str, image: str, *, replicas: int) -> Manifest:
    """A deployment of such pods, told apart by the label ``app``."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": _pod_spec(image, None, None)},
        },
    }


def _pod_spec(image: str, container: Manifest | None, spec: Manifest | None) -> Manifest:
    web = {
        "name": "web",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"containerPort": 80}],
        **(container or {}),
    }
    return {
        "automountServiceAccountToken": False,
        # The tests delete many pods; none of them has anything to finish.
        "terminationGracePeriodSeconds": 1,
        "containers": [web],
        **(spec or {}),
    }
