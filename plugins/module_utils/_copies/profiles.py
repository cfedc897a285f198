# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""kubectl's debugging profiles for copies of pods and for nodes, pure.

Source: k8s.io/kubectl v0.37.2, pkg/cmd/debug/profiles.go (the ``podCopy`` and ``node`` branches of
each profile's Apply); what a profile does to the container is the same as in ephemeral ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.profiles import (
    apply_profile,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import Profile

__all__ = ["HOST_MOUNT", "apply_copy_profile", "apply_node_profile"]

HOST_MOUNT = "/host"
"""Where a node's debugger finds the root of the node's file system."""

_HOST_VOLUME = "host-root"
_HOST_NAMESPACES: tuple[Profile, ...] = ("general", "netadmin", "sysadmin")
_HOST_ROOT: tuple[Profile, ...] = ("general", "sysadmin")


def apply_copy_profile(spec: Mapping[str, Any], container: str, profile: Profile) -> dict[str, Any]:
    """The specification of a copy with the profile in *container*; it shares its processes."""
    containers = [
        apply_profile(dict(each), profile) if each["name"] == container else each
        for each in spec["containers"]
    ]
    # An explicit false is the pod's own will.
    return {"shareProcessNamespace": True, **spec, "containers": containers}


def apply_node_profile(spec: Mapping[str, Any], profile: Profile) -> dict[str, Any]:
    """The specification of a node's debugger, whose first container is it."""
    container, *others = spec["containers"]
    # Root on the host, with its file system and processes: kubectl takes its context away here.
    alike: Profile = "baseline" if profile == "general" else profile
    changed: dict[str, Any] = {**spec}
    container = apply_profile(dict(container), alike)
    if profile in _HOST_NAMESPACES:
        changed |= {"hostNetwork": True, "hostPID": True, "hostIPC": True}
    if profile in _HOST_ROOT:
        volume = {"name": _HOST_VOLUME, "hostPath": {"path": "/"}}
        mount = {"name": _HOST_VOLUME, "mountPath": HOST_MOUNT}
        changed["volumes"] = [*(spec.get("volumes") or ()), volume]
        container["volumeMounts"] = [*(container.get("volumeMounts") or ()), mount]
    changed["containers"] = [container, *others]
    return changed
