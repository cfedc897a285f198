# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Where in a container secrets are mounted, by the specification of its pod. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target

__all__ = ["secret_mounts"]

_LISTS = ("containers", "initContainers", "ephemeralContainers")
# Of a projected volume's parts, those that hold a token, a key or a Secret.
_SECRET_SOURCES = frozenset({"secret", "serviceAccountToken", "podCertificate"})
# Source: secrets-store-csi-driver.sigs.k8s.io, and cert-manager's csi-driver and csi-driver-spiffe
_SECRET_DRIVERS = frozenset(
    {"secrets-store.csi.k8s.io", "csi.cert-manager.io", "spiffe.csi.cert-manager.io"}
    | {"csi.spiffe.io"}
)


def secret_mounts(target: Target) -> list[str]:
    """The paths at which the target's container has Secrets, tokens and keys mounted."""
    spec: Mapping[str, Any] = target.pod.get("spec") or {}
    volumes = {
        str(volume.get("name")) for volume in spec.get("volumes") or () if _is_secret(volume)
    }
    return sorted(
        str(mount["mountPath"])
        for name in _LISTS
        for container in spec.get(name) or ()
        if container.get("name") == target.container
        for mount in container.get("volumeMounts") or ()
        if mount.get("name") in volumes
    )


def _is_secret(volume: Mapping[str, Any]) -> bool:
    if volume.get("secret") is not None:
        return True
    sources = (volume.get("projected") or {}).get("sources") or ()
    if any(source.get(name) is not None for source in sources for name in _SECRET_SOURCES):
        return True
    return (volume.get("csi") or {}).get("driver") in _SECRET_DRIVERS
