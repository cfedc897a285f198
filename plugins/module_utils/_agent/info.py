# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The use case of ``agent_job_info``: the agents' Jobs of a namespace or of the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from ansible_collections.kubedebug.core.plugins.module_utils._agent.manifest import SELECTOR
from ansible_collections.kubedebug.core.plugins.module_utils._agent.preflight import jobs_path
from ansible_collections.kubedebug.core.plugins.module_utils._agent.records import (
    Record,
    State,
    job_of,
    newest_pod,
    record,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.results import record_result
from ansible_collections.kubedebug.core.plugins.module_utils._agent.waiting import pods_path
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import Rule
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import Forbidden
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    OptionError,
    Spec,
    check_name,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import (
    explain_forbidden,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.scan import require_namespace
from ansible_collections.kubedebug.core.plugins.module_utils._pods.where import (
    compile_query,
    compile_where,
)
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
    open_client,
)

__all__ = ["AGENT_JOB_INFO", "info_rules"]

_SPEC = Spec.compose(
    {
        "namespace": {"type": "str"},
        "all_namespaces": {"type": "bool", "default": False},
        "target": {"type": "list", "elements": "str", "default": []},
        "states": {
            "type": "list",
            "elements": "str",
            "choices": list(get_args(State)),
            "default": [],
        },
        "owner": {"type": "str"},
        "managed_only": {"type": "bool", "default": True},
        "where": {"type": "str"},
        "query": {"type": "str"},
    }
)
# mirrord's own Jobs, for managed_only=false.
_MIRRORD_SELECTOR = "app=mirrord"


def info_rules(namespace: str | None) -> list[Rule]:
    """The RBAC that the list needs; None stands for all namespaces."""
    return [
        Rule(verb="list", group=group, resource=resource, namespace=namespace or "")
        for group, resource in (("batch", "jobs"), ("", "pods"))
    ]


def _run(params: Params, context: Context) -> Result:
    check_name("namespace", params["namespace"])
    if params["all_namespaces"] and params["namespace"]:
        raise OptionError(
            f"all_namespaces=true and namespace={params['namespace']} exclude each other: leave "
            "one of them out."
        )
    keeps = compile_where(params["where"]) if params["where"] else None
    query = compile_query(params["query"]) if params["query"] else None
    with open_client(params, context) as client:
        namespace = params["namespace"] or client.default_namespace
        where = None if params["all_namespaces"] else namespace
        with explain_forbidden(client, info_rules(where)):
            jobs = list(_jobs(client, where, managed_only=params["managed_only"]))
            pods, warnings = _pods(client, where)
        if not jobs and where is not None:
            require_namespace(client, where)
    records = [
        record(job, newest_pod(pods.get(_uid(job), ()), _uid(job)))
        for job in jobs
        if keeps is None or keeps(job)
    ]
    found = [record_result(each) for each in records if _wanted(each, params)]
    found.sort(key=lambda item: (item["namespace"], item["name"]))
    data = {"agents": found, "result": query(found) if query is not None else None}
    return Result(data=data, warnings=warnings)


def _uid(job: Mapping[str, Any]) -> str:
    return str((job.get("metadata") or {}).get("uid"))


def _jobs(
    client: Client, namespace: str | None, *, managed_only: bool
) -> Iterator[Mapping[str, Any]]:
    path = "/apis/batch/v1/jobs" if namespace is None else jobs_path(namespace)
    seen = set()
    for selector in (SELECTOR,) if managed_only else (SELECTOR, _MIRRORD_SELECTOR):
        for job in client.list(path, {"labelSelector": selector}):
            if _uid(job) not in seen:
                seen.add(_uid(job))
                yield job


def _pods(
    client: Client, namespace: str | None
) -> tuple[dict[str, list[Mapping[str, Any]]], tuple[str, ...]]:
    """The pods of Jobs, by the Job's UID; without the right to them the Jobs tell less."""
    path = "/api/v1/pods" if namespace is None else pods_path(namespace)
    by_job: dict[str, list[Mapping[str, Any]]] = {}
    try:
        for selector in (SELECTOR, _MIRRORD_SELECTOR):
            for pod in client.list(path, {"labelSelector": selector}):
                by_job.setdefault(job_of(pod) or "", []).append(pod)
    except Forbidden:
        return {}, (
            "Pods may not be listed, so what the agents' containers do is not known: state is "
            "waiting for those that run.",
        )
    return by_job, ()


def _wanted(found: Record, params: Params) -> bool:
    targets = [text for text in params["target"] if text]
    return (
        (not params["states"] or found.state in params["states"])
        and (not params["owner"] or found.owner == params["owner"])
        and (not targets or found.target in targets or _name(found.target) in targets)
    )


def _name(target: str | None) -> str | None:
    return target.rpartition("/")[2] if target else None


AGENT_JOB_INFO = UseCase(
    name="agent_job_info",
    spec=_SPEC,
    run=_run,
)
