# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The raw pods that a task's options select, one by one.

``name`` and ``workload`` and each selector narrow each other: a pod must fit all that are given.
Several names are alternatives of each other. A list is read lazily by pages, so that the memory
does not grow with the cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    BadRequest,
    Forbidden,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    OptionError,
    TargetOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import (
    TargetError,
    pod_path,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.where import compile_where
from ansible_collections.kubedebug.core.plugins.module_utils._pods.workload import (
    Members,
    members,
    owned_by,
    parse_workload,
)

__all__ = ["iterate_pods", "namespace_of", "require_namespace"]

_PODS = "/api/v1/pods"


def namespace_of(client: Client, options: TargetOptions) -> str | None:
    """The namespace that is meant; None for all."""
    return None if options.all_namespaces else options.namespace or client.default_namespace


def iterate_pods(
    client: Client, options: TargetOptions, *, containing: bytes | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the raw pods that the options select; all of the namespace when they select nothing.

    With *containing*, pods whose text does not hold it may be left out unparsed.

    Raises OptionError, TargetError (no such pod, workload or namespace) and ExpressionError for
    what the task says, ApiError for what the server refuses.
    """
    keeps = compile_where(options.where) if options.where is not None else None
    workload = parse_workload(options.workload) if options.workload is not None else None
    namespace = namespace_of(client, options)
    owners = None
    if workload is not None and namespace is not None:
        owners = members(client, namespace, workload)
    if options.name and namespace is not None:
        pods = _named(client, options, namespace)
    else:
        pods = _listed(client, options, namespace, owners, containing)
    for pod in pods:
        if owners is not None and not owned_by(pod, owners.owners):
            continue
        if keeps is None or keeps(pod):
            yield pod


def _named(client: Client, options: TargetOptions, namespace: str) -> Iterator[dict[str, Any]]:
    names = list(dict.fromkeys(options.name))
    outcomes = fan_out(
        lambda name: client.get(pod_path(namespace, name)), names, limit=options.concurrency
    )
    missing = []
    for name, outcome in zip(names, outcomes, strict=True):
        if isinstance(outcome.error, NotFound):
            missing.append(name)
        elif outcome.error is not None:
            raise outcome.error
    if missing:
        doubt = require_namespace(client, namespace)
        what = "pod" if len(missing) == 1 else "pods"
        raise TargetError(
            f"name: namespace {namespace} has no {what} {', '.join(missing)}{doubt}. Pods that "
            "a controller makes get new names; workload=KIND/NAME finds them."
        )
    matching = _matching_uids(client, options, namespace, names)
    for outcome in outcomes:
        pod = outcome.unwrap()
        if matching is None or pod["metadata"]["uid"] in matching:
            yield pod


def _matching_uids(
    client: Client, options: TargetOptions, namespace: str, names: list[str]
) -> set[str] | None:
    """The UIDs that the API's selectors match; the API alone knows their full language."""
    params = _selectors(options, None)
    if not params:
        return None
    if len(names) == 1:
        fields = [params.get("fieldSelector", ""), f"metadata.name={names[0]}"]
        params["fieldSelector"] = ",".join(filter(None, fields))
    try:
        return {pod["metadata"]["uid"] for pod in client.list(_list_path(namespace), params)}
    except BadRequest as error:
        raise _bad_selector(params, error) from error


def _bad_selector(params: Mapping[str, str], error: BadRequest) -> OptionError:
    options = {"labelSelector": "label_selectors", "fieldSelector": "field_selectors"}
    given = "; ".join(f"{options[key]}: {value}" for key, value in params.items())
    return OptionError(
        f"{given}: the API server does not understand the selector: {error.message}. It is written "
        "as for kubectl get pods -l or --field-selector."
    )


def _selectors(options: TargetOptions, owners: Members | None) -> dict[str, str]:
    selector = owners.selector if owners is not None else None
    labels = [*([selector] if selector else []), *options.label_selectors]
    params = {"labelSelector": ",".join(labels), "fieldSelector": ",".join(options.field_selectors)}
    return {key: value for key, value in params.items() if value}


def _list_path(namespace: str | None) -> str:
    return _PODS if namespace is None else f"/api/v1/namespaces/{quote(namespace, safe='')}/pods"


def _listed(
    client: Client,
    options: TargetOptions,
    namespace: str | None,
    owners: Members | None,
    containing: bytes | None,
) -> Iterator[dict[str, Any]]:
    params = _selectors(options, owners)
    empty = True
    try:
        for pod in client.list(_list_path(namespace), params, containing=containing):
            empty = False
            yield pod
    except BadRequest as error:
        raise _bad_selector(params, error) from error
    if empty and namespace is not None:
        # An empty list is what the API answers for a namespace that does not exist, too.
        require_namespace(client, namespace)


def require_namespace(client: Client, namespace: str) -> str:
    """Raise TargetError for a namespace that does not exist.

    Returns the doubt that is left, as text to append to a message: "" when it exists.
    """
    try:
        client.get(f"/api/v1/namespaces/{quote(namespace, safe='')}")
    except NotFound as error:
        raise TargetError(
            f"namespace={namespace} does not exist: check the name and the kubeconfig's context."
        ) from error
    except Forbidden:
        return (
            " (whether that namespace exists cannot be told: these credentials may not get "
            "namespaces)"
        )
    return ""
