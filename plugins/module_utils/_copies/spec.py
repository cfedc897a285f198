# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""From a task's words to the pod that is made to debug with; pure.

Source: k8s.io/kubectl v0.37.2, pkg/cmd/debug/debug.go (generatePodCopyWithDebugContainer and
generateNodeDebugPod). What differs from kubectl's: the marks, the bound in time, and that labels
and the like are left out of every copy unless they are kept by an option.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._copies.options import (
    CopyOptions,
    MadeOptions,
    NodeOptions,
    check_for_container,
)
from ansible_collections.kubedebug.core.plugins.module_utils._copies.profiles import (
    apply_copy_profile,
    apply_node_profile,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.profiles import (
    apply_custom,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.spec import (
    MANAGED_BY,
    literal,
    masked_entry,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.supervisor import (
    SUPERVISOR,
    SUPERVISOR_NAME,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target

__all__ = [
    "COPY_ROLE",
    "MARKS",
    "NODE_ROLE",
    "build_copy",
    "build_node_pod",
    "free_name",
    "identity",
    "masked_pod",
    "waits_for",
]

MARKS = "kubedebug.core/"
COPY_ROLE, NODE_ROLE = "pod-copy", "node-debugger"

_IDENTITY_LENGTH = 10
_NOT_IDENTITY = {"reason", "ticket", "owner"}
_LONGEST_NAME = 63
# Of the copied pod: what says where and when it ran, and not what it is.
_FRESH = ("nodeName", "ephemeralContainers")


def identity(options: CopyOptions | NodeOptions, *, owner: str, subject: str) -> str:
    """The hash of everything that makes one such pod another, ten hexadecimal digits."""
    shape = asdict(options)
    shape["made"]["debugger"] = {
        key: value for key, value in shape["made"]["debugger"].items() if key not in _NOT_IDENTITY
    }
    shape |= {"owner": owner, "subject": subject}
    text = json.dumps(shape, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:_IDENTITY_LENGTH]


def free_name(prefix: str, identity_hash: str, taken: Collection[str]) -> str:
    """A name that depends on nothing but the identity, so that of two runs one has it.

    One that has ended keeps its name until it is deleted; the next one gets a number.
    """
    number = 1
    while True:
        tail = f"-{identity_hash}" + (f"-{number}" if number > 1 else "")
        name = prefix[: _LONGEST_NAME - len(tail)].rstrip("-.") + tail
        if name not in taken:
            return name
        number += 1


def build_copy(
    options: CopyOptions, target: Target, *, name: str, identity: str, owner: str, now: float
) -> dict[str, Any]:
    """The copy of *target* that *options* describe; *now* is the cluster's time (epoch, s).

    Raises OptionError for what does not fit the pod.
    """
    original, debugger = target.pod, options.made.debugger
    spec = copy.deepcopy(dict(original["spec"]))
    for field in _FRESH:
        if field != "nodeName" or not options.same_node:
            spec.pop(field, None)
    if options.share_processes is not None:
        spec["shareProcessNamespace"] = options.share_processes
    _set_images(spec, options.set_image)
    name_of_container = _debugging_container(spec, options, now)
    if name_of_container is not None:
        check_for_container(debugger.custom, [each["name"] for each in spec.get("volumes") or ()])
        spec = apply_copy_profile(spec, name_of_container, debugger.profile)
        spec["containers"] = [
            apply_custom(each, debugger.custom) if each["name"] == name_of_container else each
            for each in spec["containers"]
        ]
    for each in spec["containers"]:
        for field in ("livenessProbe", "readinessProbe", "startupProbe"):
            # A probe that custom gives to the debugging container is meant.
            if field not in options.kept_probes and not (
                each["name"] == name_of_container and field in debugger.custom
            ):
                each.pop(field, None)
    if not options.keep_init_containers:
        spec.pop("initContainers", None)
    spec["activeDeadlineSeconds"] = options.made.lifetime
    metadata = original["metadata"]
    labels = dict(metadata.get("labels") or {}) if options.keep_labels else {}
    annotations = dict(metadata.get("annotations") or {}) if options.keep_annotations else {}
    # Its own name, which no copy of it has.
    marks = {"target": target.ref, "target-uid": target.uid, "identity": identity, "name": name}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": target.namespace,
            "labels": {**labels, **_labels(COPY_ROLE, identity)},
            "annotations": {**annotations, **_annotations(options.made, marks, owner, now)},
        },
        "spec": spec,
    }


def waits_for(options: CopyOptions, target: Target) -> str:
    """The container of a copy that has to run for the copy to be of use."""
    return options.debugger_name if options.adds else target.container


def _set_images(spec: Mapping[str, Any], images: Mapping[str, str]) -> None:
    names = [each["name"] for each in spec["containers"]]
    unknown = sorted(set(images) - {*names, "*"})
    if unknown:
        raise OptionError(
            f"set_image: the pod has no container {', '.join(unknown)}. It has: {', '.join(names)}."
        )
    for each in spec["containers"]:
        image = images.get(each["name"], images.get("*"))
        if image:
            each["image"] = image


def _debugging_container(spec: dict[str, Any], options: CopyOptions, now: float) -> str | None:
    """Add or change the container that the task describes; None where it describes none."""
    debugger = options.made.debugger
    changes = options.made.image or debugger.command or debugger.args
    if not changes:
        return None
    containers: list[dict[str, Any]] = spec["containers"]
    name = options.container or options.debugger_name
    every = [*containers, *(spec.get("initContainers") or ())]
    found = next((each for each in containers if each["name"] == name), None)
    if options.container is None:
        if any(each["name"] == name for each in every):
            raise OptionError(
                f"debugger_name={name}: the pod has a container of that name. Choose another name, "
                "or give container to change that one."
            )
        containers.append(_new_container(name, options.made, now))
        return name
    if found is None:
        raise OptionError(
            f"container={name} is none of the containers that a copy can change. The pod has: "
            f"{', '.join(each['name'] for each in containers)}."
        )
    found.update(_overlay(options.made))
    if debugger.command:
        found.pop("args", None)
    for flag, given in (("stdin", debugger.stdin), ("tty", debugger.tty)):
        found.pop(flag, None)
        if given:
            found[flag] = True
    return name


def _overlay(made: MadeOptions) -> dict[str, Any]:
    """What the task says of a container, and nothing that it leaves open."""
    debugger = made.debugger
    given = {
        "image": made.image,
        "command": [literal(word) for word in debugger.command],
        "args": [literal(word) for word in debugger.args],
        "env": [{"name": key, "value": value} for key, value in debugger.env.items()],
        "imagePullPolicy": debugger.image_pull_policy,
    }
    return {key: value for key, value in given.items() if value}


def _new_container(name: str, made: MadeOptions, now: float) -> dict[str, Any]:
    """A container for debugging; without a command of its own it stays for the pod's lifetime."""
    debugger = made.debugger
    container: dict[str, Any] = {"name": name, "terminationMessagePolicy": "File", **_overlay(made)}
    for flag, given in (("stdin", debugger.stdin), ("tty", debugger.tty)):
        if given:
            container[flag] = True
    if not debugger.command and not debugger.args and not debugger.stdin:
        container["command"] = ["sh", "-c", literal(SUPERVISOR), SUPERVISOR_NAME]
        clock = {
            "KUBEDEBUG_LIFETIME": str(made.lifetime),
            "KUBEDEBUG_EXPIRES_AT": str(int(now) + made.lifetime),
        }
        marks = [{"name": key, "value": value} for key, value in clock.items()]
        container["env"] = [*marks, *container.get("env", ())]
    return container


def build_node_pod(
    options: NodeOptions,
    node: str,
    *,
    namespace: str,
    name: str,
    identity: str,
    owner: str,
    now: float,
) -> dict[str, Any]:
    """The debugger of a node; raises OptionError for a ``custom`` that does not fit."""
    debugger = options.made.debugger
    spec: dict[str, Any] = {
        "containers": [_new_container(options.container, options.made, now)],
        "nodeName": node,
        "restartPolicy": "Never",
        "tolerations": [{"operator": "Exists"}],
        "activeDeadlineSeconds": options.made.lifetime,
    }
    spec = apply_node_profile(spec, debugger.profile)
    check_for_container(debugger.custom, [each["name"] for each in spec.get("volumes") or ()])
    spec["containers"] = [apply_custom(spec["containers"][0], debugger.custom)]
    marks = {"target": f"node/{node}", "identity": identity, "name": name}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": _labels(NODE_ROLE, identity),
            "annotations": _annotations(options.made, marks, owner, now),
        },
        "spec": spec,
    }


def _labels(role: str, identity: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/managed-by": MANAGED_BY,
        f"{MARKS}role": role,
        f"{MARKS}identity": identity,
    }


def _annotations(
    made: MadeOptions, marks: Mapping[str, str], owner: str, now: float
) -> dict[str, str]:
    expires = datetime.fromtimestamp(int(now) + made.lifetime, tz=UTC)
    every = {
        **marks,
        "owner": owner,
        "reason": made.debugger.reason,
        "ticket": made.debugger.ticket,
        "expires-at": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return {f"{MARKS}{key}": value for key, value in every.items() if value}


def masked_pod(pod: Mapping[str, Any]) -> dict[str, Any]:
    """The pod as a diff may show it: the values of environments may be secrets."""
    spec = dict(pod["spec"])
    for kind in ("containers", "initContainers"):
        if spec.get(kind):
            spec[kind] = [masked_entry(each) if each.get("env") else each for each in spec[kind]]
    return {"metadata": dict(pod["metadata"]), "spec": spec}
