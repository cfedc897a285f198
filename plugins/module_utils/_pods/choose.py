# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Which container of a pod a task means, pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import (
    TargetError,
    ref_of,
)

__all__ = ["DEFAULT_CONTAINER_ANNOTATION", "SIDECARS", "choose_container"]

# Source: k8s.io/kubectl/pkg/cmd/util/podcmd/podcmd.go (DefaultContainerAnnotationName)
DEFAULT_CONTAINER_ANNOTATION = "kubectl.kubernetes.io/default-container"

# Containers that meshes, Vault, Knative and Telepresence put beside the application.
# Source: mirrord, kube/src/api/container/mod.rs (SKIP_NAMES), and the injectors' own names.
SIDECARS = frozenset(
    {
        "istio-proxy",
        "istio-init",
        "istio-validation",
        "kuma-sidecar",
        "kuma-init",
        "linkerd-proxy",
        "linkerd-init",
        "queue-proxy",
        "traffic-agent",
        "vault-agent",
        "vault-agent-init",
    }
)


def choose_container(pod: Mapping[str, Any], explicit: str | None) -> str:
    """The container that a task means by *explicit*, or by not saying.

    Without a name: the one that the pod's annotation names, else the first that is not a known
    sidecar, else the first. Raises TargetError for a name that the pod does not have.
    """
    names = _names(pod, "containers")
    if explicit is not None:
        return _explicit(pod, explicit, names)
    annotated = (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER_ANNOTATION)
    if annotated in names:
        return str(annotated)
    return next((name for name in names if name not in SIDECARS), names[0])


def _names(pod: Mapping[str, Any], kind: str) -> list[str]:
    return [str(container["name"]) for container in pod["spec"].get(kind) or []]


def _explicit(pod: Mapping[str, Any], explicit: str, names: list[str]) -> str:
    # An init container that restarts always is Kubernetes' own kind of sidecar: it keeps running.
    init = pod["spec"].get("initContainers") or []
    lasting = [str(each["name"]) for each in init if each.get("restartPolicy") == "Always"]
    if explicit in names or explicit in lasting:
        return explicit
    if explicit in _names(pod, "initContainers"):
        what = "is an init container, which has ended before the pod runs"
    elif explicit in _names(pod, "ephemeralContainers"):
        what = "is an ephemeral container, which cannot be the target of another one"
    else:
        what = "does not exist"
    raise TargetError(
        f"container={explicit} {what} in pod {ref_of(pod)}. It has: {', '.join(names + lasting)}."
    )
