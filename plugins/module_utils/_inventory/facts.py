# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What is known of a pod as variables of a host. Pure.

The names keep clear of those that the connection plugin reads for other things, as kubedebug_image
(of the debugger), kubedebug_owner (of the debugger) and kubedebug_host (the API server).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import entries
from ansible_collections.kubedebug.core.plugins.module_utils._pods.choose import choose_container

__all__ = ["FACTS", "host_name", "hosts_of", "workload_of"]

FACTS = (
    "kubedebug_annotations",
    "kubedebug_container",
    "kubedebug_container_id",
    "kubedebug_container_image",
    "kubedebug_container_ready",
    "kubedebug_container_restarts",
    "kubedebug_container_state",
    "kubedebug_containers",
    "kubedebug_created",
    "kubedebug_ephemeral_containers",
    "kubedebug_images",
    "kubedebug_labels",
    "kubedebug_namespace",
    "kubedebug_node",
    "kubedebug_node_ip",
    "kubedebug_phase",
    "kubedebug_pod",
    "kubedebug_pod_ip",
    "kubedebug_pod_ips",
    "kubedebug_ready",
    "kubedebug_restarts",
    "kubedebug_service_account",
    "kubedebug_uid",
    "kubedebug_workload",
)
"""The variables of every host."""

# It repeats the object that was applied, secrets in its environment included.
_LEFT_OUT = "kubectl.kubernetes.io/last-applied-configuration"
_HASH_LABEL = "pod-template-hash"
_ENTRY = (
    "name",
    "image",
    "state",
    "target_container",
    "managed",
    "tool",
    "owner",
    "ticket",
    "started_at",
    "finished_at",
    "exit_code",
    "expires_at",
)


def hosts_of(pod: Mapping[str, Any], *, containers: bool) -> list[dict[str, Any]]:
    """The hosts that a raw pod makes, each as its variables: one, or one for each container."""
    about = _pod_facts(pod)
    described: list[dict[str, Any]] = about["kubedebug_containers"]
    default = choose_container(pod, None)
    wanted = described if containers else [each for each in described if each["name"] == default]
    return [{**about, **_container_facts(each)} for each in wanted]


def host_name(facts: Mapping[str, Any], *, containers: bool) -> str:
    """A name that no other host has, and that is fit for a file and for a pattern.

    Neither namespaces nor containers have a dot in their names, so no two can come to the same.
    """
    name = f"{facts['kubedebug_pod']}.{facts['kubedebug_namespace']}"
    return f"{facts['kubedebug_container']}.{name}" if containers else name


def workload_of(pod: Mapping[str, Any]) -> str | None:
    """The pod's controller, as the option `workload` of the modules takes it; None for none.

    A Deployment is recognised by the name that it gives to its replica set, which the permission
    to read replica sets is not needed for.
    Source: k8s.io/kubernetes, pkg/controller/deployment/sync.go (getNewReplicaSet).
    """
    metadata = pod["metadata"]
    for owner in metadata.get("ownerReferences") or []:
        if not owner.get("controller"):
            continue
        kind, name = str(owner.get("kind", "")).lower(), str(owner.get("name", ""))
        suffix = f"-{(metadata.get('labels') or {}).get(_HASH_LABEL, '')}"
        if kind == "replicaset" and len(suffix) > 1 and name.endswith(suffix):
            return f"deployment/{name.removesuffix(suffix)}"
        return f"{kind}/{name}"
    return None


def _pod_facts(pod: Mapping[str, Any]) -> dict[str, Any]:
    metadata, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    described = _containers(spec, status)
    ready = [each for each in status.get("conditions") or [] if each.get("type") == "Ready"]
    annotations = metadata.get("annotations") or {}
    return {
        "kubedebug_annotations": {k: v for k, v in annotations.items() if k != _LEFT_OUT},
        "kubedebug_containers": described,
        "kubedebug_created": metadata.get("creationTimestamp"),
        "kubedebug_ephemeral_containers": [
            {key: value for key, value in asdict(entry).items() if key in _ENTRY}
            for entry in entries(pod)
        ],
        "kubedebug_images": sorted({each["image"] for each in described}),
        "kubedebug_labels": dict(metadata.get("labels") or {}),
        "kubedebug_namespace": metadata["namespace"],
        "kubedebug_node": spec.get("nodeName"),
        "kubedebug_node_ip": status.get("hostIP"),
        "kubedebug_phase": status.get("phase") or "Unknown",
        "kubedebug_pod": metadata["name"],
        "kubedebug_pod_ip": status.get("podIP"),
        "kubedebug_pod_ips": [each["ip"] for each in status.get("podIPs") or [] if each.get("ip")],
        "kubedebug_ready": bool(ready) and ready[0].get("status") == "True",
        "kubedebug_restarts": sum(each["restarts"] for each in described),
        "kubedebug_service_account": spec.get("serviceAccountName"),
        "kubedebug_uid": metadata["uid"],
        "kubedebug_workload": workload_of(pod),
    }


def _containers(spec: Mapping[str, Any], status: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The containers that are meant to run on: those of the pod, and sidecars."""
    lasting = [
        each for each in spec.get("initContainers") or [] if each.get("restartPolicy") == "Always"
    ]
    known = {
        each["name"]: each
        for kind in ("containerStatuses", "initContainerStatuses")
        for each in status.get(kind) or []
    }
    return [
        _container(each, known.get(each["name"]) or {})
        for each in [*(spec.get("containers") or []), *lasting]
    ]


def _container(container: Mapping[str, Any], status: Mapping[str, Any]) -> dict[str, Any]:
    state = status.get("state") or {}
    words = {"running": "running", "terminated": "finished", "waiting": "waiting"}
    return {
        "name": container["name"],
        "image": container.get("image") or "",
        "ready": bool(status.get("ready")),
        "restarts": int(status.get("restartCount") or 0),
        "state": next((word for key, word in words.items() if state.get(key)), "unknown"),
        "id": status.get("containerID") or None,
    }


def _container_facts(described: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "image", "ready", "restarts", "state")
    return {
        "kubedebug_container": described["name"],
        **{f"kubedebug_container_{name}": described[name] for name in names},
    }
