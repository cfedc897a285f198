# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put the demo's objects on the cluster and wait for their pods, or take the namespace away.

The collection has no module for objects of any kind, and the demo must not need another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.watch import Stream, Watch
from ansible_collections.kubedebug.core.plugins.module_utils._options import Spec
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
    open_client,
)

__all__ = ["main"]

_APPLY = "application/apply-patch+yaml"
# Seconds; images may have to be pulled.
_PATIENCE = 180.0

_SPEC = Spec.compose(
    {
        "objects": {"type": "list", "elements": "dict", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
)


def _run(params: Params, context: Context) -> Result:
    namespace = params["objects"][0]
    with open_client(params, context) as client:
        if params["state"] == "absent":
            return _absent(client, _path(namespace), check_mode=context.check_mode)
        changed = [_apply(client, one, check_mode=context.check_mode) for one in params["objects"]]
        pods = [] if context.check_mode else _pods(client, params["objects"])
        return Result(changed=any(changed), data={"pods": pods})


def _path(wanted: Mapping[str, Any]) -> str:
    version, metadata = wanted["apiVersion"], wanted["metadata"]
    base = f"/api/{version}" if version == "v1" else f"/apis/{version}"
    place = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{base}{place}/{wanted['kind'].lower()}s/{metadata['name']}"


def _version(client: Client, path: str) -> str | None:
    """What differs when somebody has changed the object, and not when its status has."""
    try:
        return _version_of(client.get(path))
    except NotFound:
        return None


def _version_of(found: Mapping[str, Any]) -> str:
    metadata = found["metadata"]
    return str(metadata.get("generation") or metadata["resourceVersion"])


def _apply(client: Client, wanted: Mapping[str, Any], *, check_mode: bool) -> bool:
    """Whether the object differs from before; in check mode only whether it is missing."""
    path = _path(wanted)
    before = _version(client, path)
    if check_mode:
        return before is None
    manager = {"fieldManager": "kubedebug-demo", "force": "true"}
    made = client.patch(path, wanted, content_type=_APPLY, params=manager)
    return _version_of(made) != before


def _pods(client: Client, objects: list[dict[str, Any]]) -> list[str]:
    """Wait until all pods of the workloads are ready, and return their names."""
    workloads = [one for one in objects if one["apiVersion"] == "apps/v1"]
    wanted = sum(one["spec"]["replicas"] for one in workloads)
    namespace = workloads[0]["metadata"]["namespace"]
    ready: dict[str, bool] = {}
    stream = Stream(f"/api/v1/namespaces/{namespace}/pods")
    with Watch(client, [stream], deadline_seconds=_PATIENCE) as watch:
        for event in watch:
            pod = event.object
            ready[pod["metadata"]["name"]] = event.type != "DELETED" and _is_ready(pod)
            if sum(ready.values()) >= wanted:
                break
    names = sorted(name for name, is_ready in ready.items() if is_ready)
    if len(names) < wanted:
        raise DebugError(
            f"{len(names)} of {wanted} pods in {namespace} are ready after {_PATIENCE:g} s. Look "
            f"at them with: kubectl get pods -n {namespace}"
        )
    return names


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _absent(client: Client, path: str, *, check_mode: bool) -> Result:
    """Delete the namespace, and wait until it has gone with all that is in it."""
    if _version(client, path) is None:
        return Result(data={"pods": []})
    if not check_mode:
        name = path.rpartition("/")[2]
        client.delete(path)
        stream = Stream("/api/v1/namespaces", {"fieldSelector": f"metadata.name={name}"})
        with Watch(client, [stream], deadline_seconds=_PATIENCE) as watch:
            # A namespace that has gone before the watch began gives no event.
            gone = _version(client, path) is None or any(event.type == "DELETED" for event in watch)
        if not gone:
            raise DebugError(f"Namespace {name} is still there after {_PATIENCE:g} s.")
    return Result(changed=True, data={"pods": []})


def main() -> None:
    """Run the use case as a module."""
    run_module(UseCase(name="demo_objects", spec=_SPEC, run=_run))


if __name__ == "__main__":
    main()
