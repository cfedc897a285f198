# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The use case of ``node_debugger``: a pod to debug a node in is there, or is deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ansible_collections.kubedebug.core.plugins.module_utils._copies.making import (
    find_made,
    make,
    remove,
)
from ansible_collections.kubedebug.core.plugins.module_utils._copies.model import (
    Made,
    MadePlan,
    as_made,
    is_reusable,
    mark,
)
from ansible_collections.kubedebug.core.plugins.module_utils._copies.options import (
    MADE_SPEC,
    NodeOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._copies.results import (
    result_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._copies.spec import (
    NODE_ROLE,
    build_node_pod,
    free_name,
    identity,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import whoami
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    Forbidden,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    TARGET_SPEC,
    WAIT_SPEC,
    OptionError,
    Spec,
    WaitOptions,
    check_name,
)
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
    open_client,
)

__all__ = ["NODE_DEBUGGER"]

_SPEC = Spec.compose(
    WAIT_SPEC,
    MADE_SPEC,
    {
        "namespace": {"type": "str"},
        "node": {"type": "list", "elements": "str", "required": True},
        "max_nodes": {"type": "int", "default": 10},
        "concurrency": TARGET_SPEC["concurrency"],
    },
)
_MOST_CONCURRENCY = 128


def _run(params: Params, context: Context) -> Result:
    nodes = tuple(dict.fromkeys(str(name) for name in params["node"] if str(name).strip()))
    _check(params, nodes)
    options = NodeOptions.from_params(params)
    wait = WaitOptions.from_params(params)
    with open_client(params, context) as client:
        plan = MadePlan(
            role=NODE_ROLE,
            owner=options.made.debugger.owner or whoami(client),
            profile=options.made.debugger.profile,
            wait=wait,
            check_mode=context.check_mode,
            concurrency=params["concurrency"],
        )
        namespace = params["namespace"] or client.default_namespace
        there = find_made(client, [namespace], role=NODE_ROLE)
        if params["state"] == "absent":
            return _absent(client, nodes, there, plan)
        _check_nodes(client, nodes, plan.concurrency)
        now = client.server_time()
        drafts = [
            _draft(node, namespace=namespace, there=there, options=options, plan=plan, now=now)
            for node in nodes
        ]
        return result_of(make(client, drafts, plan), what="The node's debugger")


def _check(params: Params, nodes: Sequence[str]) -> None:
    if not nodes:
        raise OptionError("node is empty: give the name of a node, or several.")
    for name in nodes:
        check_name("node", name)
    check_name("namespace", params["namespace"])
    if not 1 <= params["concurrency"] <= _MOST_CONCURRENCY:
        raise OptionError(
            f"concurrency={params['concurrency']} is out of range: give 1 to {_MOST_CONCURRENCY}."
        )
    if len(nodes) > params["max_nodes"]:
        raise OptionError(
            f"node names {len(nodes)} nodes, more than max_nodes={params['max_nodes']}. Name "
            "fewer, or raise max_nodes."
        )


def _check_nodes(client: Client, nodes: Sequence[str], concurrency: int) -> None:
    """Raise OptionError for a node that is not there: its pod would wait for ever.

    Who may not get nodes learns it from the pod, whose wait is bounded.
    """

    def is_missing(node: str) -> bool:
        try:
            client.get(f"/api/v1/nodes/{quote(node, safe='')}")
        except NotFound:
            return True
        except Forbidden:
            return False
        return False

    outcomes = fan_out(is_missing, nodes, limit=concurrency)
    missing = [node for node, outcome in zip(nodes, outcomes, strict=True) if outcome.unwrap()]
    if missing:
        raise OptionError(
            f"node: the cluster has no node {', '.join(missing)}. kubectl get nodes lists them."
        )


def _draft(
    node: str,
    *,
    namespace: str,
    there: Sequence[Mapping[str, Any]],
    options: NodeOptions,
    plan: MadePlan,
    now: float,
) -> Made:
    """The debugger that is there already, or the one to make."""
    hashed = identity(options, owner=plan.owner, subject=f"node/{node}")
    found = next((pod for pod in there if is_reusable(pod, hashed, now=now)), None)
    if found is not None:
        return as_made(found, action="reused")
    taken = {str(pod["metadata"]["name"]) for pod in there}
    name = free_name(f"node-debugger-{node}", hashed, taken)
    body = build_node_pod(
        options,
        node,
        namespace=namespace,
        name=name,
        identity=hashed,
        owner=plan.owner,
        now=now,
    )
    return Made(
        subject=f"node/{node}",
        namespace=namespace,
        name=name,
        container=options.container,
        action="created",
        node=node,
        added=body,
    )


def _absent(
    client: Client,
    nodes: Sequence[str],
    there: Sequence[Mapping[str, Any]],
    plan: MadePlan,
) -> Result:
    """Delete this owner's debuggers of the nodes."""
    doomed = [
        as_made(pod, action="none")
        for pod in there
        if pod["spec"].get("nodeName") in nodes and mark(pod, "owner") == plan.owner
    ]
    return result_of(remove(client, doomed, plan), what="Deleting the node's debugger")


NODE_DEBUGGER = UseCase(name="node_debugger", spec=_SPEC, run=_run)
