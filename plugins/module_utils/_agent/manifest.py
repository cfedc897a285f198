# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The Job that is an agent, and what a diff shows of it; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._agent.launcher import (
    LAUNCHER,
    LAUNCHER_NAME,
    launch_argv,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import (
    MARKS,
    AgentOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.overrides import (
    apply_overrides,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.presets import SHAPES
from ansible_collections.kubedebug.core.plugins.module_utils._agent.runtime import (
    mounted_sockets,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.spec import (
    capabilities_of,
    filled,
    nsenter_flags,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.spec import (
    MANAGED_BY,
    literal,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target

__all__ = ["SCRATCH", "SELECTOR", "build_job", "masked_job", "pod_of"]

_ROLE = "agent"
SCRATCH = "/kubedebug"
"""Where the Job's scratch volume is mounted."""

_MANAGED_LABEL = "app.kubernetes.io/managed-by"
_ROLE_LABEL = f"{MARKS}role"
SELECTOR = f"{_MANAGED_LABEL}={MANAGED_BY},{_ROLE_LABEL}={_ROLE}"
"""What the API finds the collection's agents by."""

# The names by which the meshes' injectors leave a pod alone: as annotations, and as labels, which
# the newer versions of two of them read.
_NO_MESH_ANNOTATIONS = {
    "sidecar.istio.io/inject": "false",
    "linkerd.io/inject": "disabled",
    "kuma.io/sidecar-injection": "disabled",
}
_NO_MESH_LABELS = {"sidecar.istio.io/inject": "false", "kuma.io/sidecar-injection": "disabled"}

_GRACE = 10
# The launcher ends the agent first, with its own words; the API's bound is for what it cannot end.
_DEADLINE_SLACK = 60
_MASK = "********"
_MARK_ENV = "KUBEDEBUG_"


def build_job(
    options: AgentOptions,
    target: Target,
    *,
    namespace: str,
    name: str,
    identity: str,
    owner: str,
    now: float,
) -> dict[str, Any]:
    """The Job that *options* describe for *target*; *now* is the cluster's time (epoch, s).

    Raises OptionError for overrides that would break what the collection promises of its Jobs.
    """
    shape = SHAPES[options.preset]
    expires = int(now) + options.lifetime
    slack = _DEADLINE_SLACK + options.linger if options.launcher else 0
    marks = _marks(options, target, identity=identity, owner=owner, expires=expires)
    labels = {
        **options.labels,
        _MANAGED_LABEL: MANAGED_BY,
        _ROLE_LABEL: _ROLE,
        f"{MARKS}identity": identity,
        f"{MARKS}target-uid": target.uid,
    }
    annotations = {**options.annotations, **marks}
    job: dict[str, Any] = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels,
            "annotations": annotations,
            **_owner_reference(options, target, namespace),
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": options.active_deadline or options.lifetime + slack,
            "ttlSecondsAfterFinished": options.ttl,
            "template": {
                "metadata": {
                    "labels": {**_NO_MESH_LABELS, **labels},
                    "annotations": {**_NO_MESH_ANNOTATIONS, **annotations},
                },
                "spec": _pod_spec(options, target, expires=expires),
            },
        },
    }
    return apply_overrides(job, options.overrides, container=shape.container, marks=MARKS)


def pod_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """The pod that the Job controller will make: what admission judges, and no Job is judged by."""
    metadata, template = job["metadata"], job["spec"]["template"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **template["metadata"],
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
        },
        "spec": template["spec"],
    }


def _marks(
    options: AgentOptions, target: Target, *, identity: str, owner: str, expires: int
) -> dict[str, str]:
    marks = {
        "target": target.ref,
        "container": target.container,
        "container-id": target.container_id,
        "runtime": target.runtime,
        "identity": identity,
        "namespaces": ",".join(options.namespaces),
        "preset": options.preset or "",
        "owner": owner,
        "reason": options.reason or "",
        "ticket": options.ticket or "",
        "expires-at": datetime.fromtimestamp(expires, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return {MARKS + key: value for key, value in marks.items() if value}


def _owner_reference(options: AgentOptions, target: Target, namespace: str) -> dict[str, Any]:
    """The target as the Job's owner, so that the garbage collector ends it when its target goes.

    The launcher does that by itself; an image without sh has nothing else. An agent that lingers
    has to outlive its target. An owner must be in the same namespace.
    """
    if namespace != target.namespace or options.linger:
        return {}
    return {
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "Pod", "name": target.name, "uid": target.uid}
        ]
    }


def _pod_spec(options: AgentOptions, target: Target, *, expires: int) -> dict[str, Any]:
    mounted = mounted_sockets(options.runtime_socket, target.runtime)
    scratch = {"name": "scratch", "emptyDir": {"sizeLimit": options.scratch_size}}
    spec: dict[str, Any] = {
        "hostPID": options.host_pid,
        "nodeName": target.node,
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _GRACE,
        "tolerations": (
            [{"operator": "Exists"}]
            if options.tolerations is None
            else [dict(each) for each in options.tolerations]
        ),
        "volumes": [scratch, *(dict(volume) for volume in mounted.volumes)],
        "containers": [_container(options, target, expires=expires)],
    }
    if options.service_account:
        spec["serviceAccountName"] = options.service_account
    if options.priority_class:
        spec["priorityClassName"] = options.priority_class
    if options.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in options.image_pull_secrets]
    return spec


def _container(options: AgentOptions, target: Target, *, expires: int) -> dict[str, Any]:
    mounted = mounted_sockets(options.runtime_socket, target.runtime)
    scratch = {"name": "scratch", "mountPath": SCRATCH}
    container: dict[str, Any] = {
        "name": SHAPES[options.preset].container,
        "image": options.image,
        **_process(options, target, mounted.sockets),
        "env": _environment(options, expires),
        "securityContext": _security_context(options, target),
        "volumeMounts": [scratch, *(dict(mount) for mount in mounted.mounts)],
    }
    if options.image_pull_policy:
        container["imagePullPolicy"] = options.image_pull_policy
    if options.resources:
        container["resources"] = dict(options.resources)
    if options.ready_port is not None and not options.launcher:
        # By the kubelet: nothing of ours runs in the container.
        probe = {"tcpSocket": {"port": options.ready_port}, "periodSeconds": 1}
        container["readinessProbe"] = {**probe, "failureThreshold": 3600}
    return container


def _process(options: AgentOptions, target: Target, sockets: Sequence[str]) -> dict[str, Any]:
    words = filled(options.command, target)
    if options.launcher:
        argv = launch_argv(
            words,
            container_id=target.container_id,
            flags=nsenter_flags(options.namespaces) if words else (),
            port=options.ready_port,
            sockets=sockets,
            linger=options.linger,
        )
        return {"command": [literal(word) for word in argv]}
    # A path that is given is known without the launcher.
    result: dict[str, Any] = {}
    if words:
        result["command"] = [literal(word) for word in words]
    if options.args:
        result["args"] = [literal(word) for word in filled(options.args, target)]
    return result


def _environment(options: AgentOptions, expires: int) -> list[dict[str, str]]:
    marks = {
        f"{_MARK_ENV}LIFETIME": str(options.lifetime),
        f"{_MARK_ENV}EXPIRES_AT": str(expires),
    }
    items = {**(marks if options.launcher else {}), **options.env}
    return [{"name": key, "value": literal(value)} for key, value in items.items()]


def _security_context(options: AgentOptions, target: Target) -> dict[str, Any]:
    context: dict[str, Any] = {"privileged": options.privileged}
    if options.launcher:
        # Capabilities are of no use to another user, and an image may name one.
        context["runAsUser"] = 0
    if SHAPES[options.preset].run_as_group:
        digest = hashlib.sha256(target.uid.encode("utf-8")).digest()
        context["runAsGroup"] = 3000 + int.from_bytes(digest[:4], "big") % 50000
    added = capabilities_of(options, job=True)
    if added:
        context["capabilities"] = {"add": list(added)}
    return context


def masked_job(job: Mapping[str, Any]) -> dict[str, Any]:
    """The Job as a diff may show it: every value of an environment may be a secret, and the text
    of the launcher is a constant that would hide what differs.
    """
    spec = job["spec"]
    pod = spec["template"]["spec"]
    kinds = ("containers", "initContainers")
    masked = {kind: [_masked(each) for each in pod[kind]] for kind in kinds if pod.get(kind)}
    template = {**spec["template"], "spec": {**pod, **masked}}
    return {**job, "spec": {**spec, "template": template}}


def _masked(container: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(container)
    shown["env"] = [
        dict(item)
        if "value" not in item or str(item["name"]).startswith(_MARK_ENV)
        else {**item, "value": _MASK}
        for item in container.get("env") or []
    ]
    command = list(container.get("command") or [])
    if literal(LAUNCHER) in command:
        shown["command"] = ["(launcher)", *command[command.index(LAUNCHER_NAME) + 1 :]]
    return shown
