# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The use case of ``ephemeral_container_info``: every entry of the pods that are meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import entries
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.results import (
    entry_result,
    exec_command,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    SELECT_SPEC,
    Spec,
    TargetOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import (
    explain_forbidden,
    pod_rules,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.scan import (
    iterate_pods,
    namespace_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.where import compile_query
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
    open_client,
)

__all__ = ["EPHEMERAL_CONTAINER_INFO"]

_SPEC = Spec.compose(
    SELECT_SPEC,
    {
        "states": {
            "type": "list",
            "elements": "str",
            "choices": ["waiting", "running", "finished", "unknown"],
            "default": [],
        },
        "managed_only": {"type": "bool", "default": False},
        "query": {"type": "str"},
    },
)


# What a page of pods must hold in its bytes to be worth parsing.
_MARK = b'"ephemeralContainers"'


def _run(params: Params, context: Context) -> Result:
    options = TargetOptions.from_params(params)
    query = compile_query(params["query"]) if params["query"] else None
    with (
        open_client(params, context) as client,
        explain_forbidden(client, pod_rules(namespace_of(client, options))[:2]),
    ):
        found = [
            item
            for pod in iterate_pods(client, options, containing=_MARK)
            if (item := _pod_item(pod, params))["ephemeral_containers"]
        ]
    found.sort(key=lambda item: (item["namespace"], item["name"]))
    return Result(data={"pods": found, "result": query(found) if query is not None else None})


def _pod_item(pod: Mapping[str, Any], params: Params) -> dict[str, Any]:
    metadata, status = pod["metadata"], pod.get("status", {})
    wanted = params["states"]
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "node": pod["spec"].get("nodeName"),
        "phase": status.get("phase"),
        "ephemeral_containers": [
            {
                **entry_result(entry),
                "exec_command": exec_command(metadata["namespace"], metadata["name"], entry),
            }
            for entry in entries(pod)
            if (not wanted or entry.state in wanted)
            and (entry.managed or not params["managed_only"])
        ],
    }


EPHEMERAL_CONTAINER_INFO = UseCase(
    name="ephemeral_container_info",
    spec=_SPEC,
    run=_run,
)
