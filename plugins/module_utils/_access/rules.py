# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The table of what each capability needs of a cluster. Pure.

The documentation and the objects are made of it, and a test holds it together with what the
preflight checks ask the API server for, so that a refusal never names a rule that this lacks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

__all__ = ["CAPABILITIES", "CAPABILITY_NAMES", "Capability", "CapabilityName", "Grant", "rules"]

CapabilityName: TypeAlias = Literal[
    "info", "workloads", "debug", "agent", "forward", "cleanup", "copies", "nodes"
]
CAPABILITY_NAMES: tuple[CapabilityName, ...] = get_args(CapabilityName)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Verbs on resources of one API group, and what they are for."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str


@dataclass(frozen=True, kw_only=True)
class Capability:
    """What somebody may be allowed to do as a whole."""

    purpose: str
    modules: tuple[str, ...]
    grants: tuple[Grant, ...]


_READ_PODS = Grant(
    group="", resources=("pods",), verbs=("get", "list"), why="find the pods that are meant"
)

_MAKE_PODS = (
    _READ_PODS,
    Grant(
        group="",
        resources=("pods",),
        verbs=("create", "delete", "watch"),
        why="make a pod, wait until it runs, and delete it; whoever may create pods can use the "
        "namespace's secrets and service accounts and, as far as Pod Security allows, the nodes",
    ),
    Grant(group="", resources=("pods/log",), verbs=("get",), why="show why one has failed"),
)

CAPABILITIES: dict[CapabilityName, Capability] = {
    "info": Capability(
        purpose="See pods and their ephemeral containers",
        modules=("ephemeral_container_info",),
        grants=(_READ_PODS,),
    ),
    "workloads": Capability(
        purpose="Find pods by the option workload",
        modules=("every module that has the option workload",),
        grants=(
            Grant(
                group="apps",
                resources=("deployments", "statefulsets", "daemonsets"),
                verbs=("get",),
                why="read the workload that is named",
            ),
            Grant(
                group="apps",
                resources=("replicasets",),
                verbs=("get", "list"),
                why="find what stands between a deployment and its pods",
            ),
            Grant(
                group="batch",
                resources=("cronjobs",),
                verbs=("get",),
                why="read the workload that is named",
            ),
            Grant(
                group="batch",
                resources=("jobs",),
                verbs=("get", "list"),
                why="find what stands between a cron job and its pods",
            ),
        ),
    ),
    "debug": Capability(
        purpose="Open, use and stop debuggers in running pods",
        modules=(
            "ephemeral_container",
            "ephemeral_command",
            "pod_probe",
            "pod_fetch",
            "pod_capture",
            "pod_namespaces_info",
        ),
        grants=(
            _READ_PODS,
            Grant(
                group="", resources=("pods",), verbs=("watch",), why="wait until a debugger runs"
            ),
            Grant(
                group="",
                resources=("pods/ephemeralcontainers",),
                verbs=("patch",),
                why="add a debugger to a pod",
            ),
            Grant(
                group="",
                resources=("pods/exec",),
                # Source: the feature gate AuthorizePodWebsocketUpgradeCreatePermission
                verbs=("create", "get"),
                why="run and stop something in a debugger: create is checked from Kubernetes 1.35 "
                "on, get before",
            ),
            Grant(
                group="",
                resources=("pods/log",),
                verbs=("get",),
                why="show the last lines of a debugger that failed",
            ),
        ),
    ),
    "agent": Capability(
        purpose="Start, list and end agents that run as Jobs",
        modules=("agent_job", "agent_job_info"),
        grants=(
            Grant(
                group="",
                resources=("pods",),
                verbs=("get", "list", "watch", "create"),
                why="find the pods that are meant, wait until an agent runs, and try its pod by a "
                "dry run: Pod Security and quotas judge pods and not Jobs",
            ),
            Grant(
                group="batch",
                resources=("jobs",),
                verbs=("create", "delete", "get", "list", "watch"),
                why="make agents, find and end them",
            ),
            Grant(
                group="",
                resources=("pods/log",),
                verbs=("get",),
                why="read that an agent is ready, and why it failed",
            ),
            Grant(
                group="",
                resources=("pods/exec",),
                verbs=("create", "get"),
                why="run something in an agent",
            ),
            Grant(
                group="",
                resources=("events",),
                verbs=("list", "watch"),
                why="hear at once that a Job gets no pod",
            ),
        ),
    ),
    "forward": Capability(
        purpose="Connect to ports of pods",
        modules=("pod_port_forward",),
        grants=(
            _READ_PODS,
            Grant(
                group="",
                resources=("pods",),
                verbs=("watch",),
                why="end a forward when its pod goes",
            ),
            Grant(
                group="",
                resources=("pods/portforward",),
                # Source: the feature gate AuthorizePodWebsocketUpgradeCreatePermission
                verbs=("create", "get"),
                why="connect to a port: create is checked from Kubernetes 1.35 on, get before",
            ),
        ),
    ),
    "cleanup": Capability(
        purpose="Find and remove what debugging left behind",
        modules=("debug_cleanup",),
        grants=(
            Grant(
                group="",
                resources=("pods",),
                verbs=("get", "list", "watch", "delete"),
                why="find what was left, and delete node debuggers and copies",
            ),
            Grant(
                group="",
                resources=("pods/exec",),
                verbs=("create", "get"),
                why="end a running debugger by a signal",
            ),
            Grant(
                group="",
                resources=("pods/log",),
                verbs=("get",),
                why="save the last output before it is gone",
            ),
            Grant(
                group="",
                resources=("pods/eviction",),
                verbs=("create",),
                why="replace a pod as its disruption budget allows",
            ),
            Grant(
                group="apps",
                resources=("deployments", "statefulsets", "daemonsets"),
                verbs=("get", "patch"),
                why="see whether a workload is whole, and restart its rollout",
            ),
            Grant(
                group="apps",
                resources=("replicasets",),
                verbs=("get",),
                why="find the deployment of a pod",
            ),
            Grant(
                group="batch",
                resources=("jobs",),
                verbs=("get", "list", "watch", "delete"),
                why="find and delete agents",
            ),
            Grant(
                group="policy",
                resources=("poddisruptionbudgets",),
                verbs=("list",),
                why="see what a disruption budget allows",
            ),
        ),
    ),
    "copies": Capability(
        purpose="Make and delete copies of pods to debug in",
        modules=("pod_copy",),
        grants=_MAKE_PODS,
    ),
    "nodes": Capability(
        purpose="Make and delete pods that debug a node",
        modules=("node_debugger",),
        grants=_MAKE_PODS,
    ),
}


def rules(names: Iterable[CapabilityName]) -> list[dict[str, Any]]:
    """The capabilities as the rules of a Role, each resource once, in a stable order."""
    verbs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name in names:
        for grant in CAPABILITIES[name].grants:
            for resource in grant.resources:
                verbs[grant.group, resource].update(grant.verbs)
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (group, resource), allowed in sorted(verbs.items()):
        alike[group, tuple(sorted(allowed))].append(resource)
    return [
        {"apiGroups": [group], "resources": resources, "verbs": list(allowed)}
        for (group, allowed), resources in alike.items()
    ]
