# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""From a task's options to the pods and containers it works on, or to the reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    OptionError,
    TargetOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.choose import choose_container
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import (
    Resolution,
    Skipped,
    Target,
    TargetError,
    listing,
    ref_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import (
    explain_forbidden,
    pod_rules,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.scan import (
    iterate_pods,
    namespace_of,
    require_namespace,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import (
    container_identity,
    container_problem,
    pod_problem,
)

__all__ = ["resolve", "selection_text", "target_of"]


def resolve(
    client: Client,
    options: TargetOptions,
    *,
    need_running: bool = True,
    allow_everything: bool = False,
) -> Resolution:
    """Find the targets: what ``name``, ``workload``, the selectors and ``where`` have in common.

    Several names are alternatives; everything else narrows. With *need_running*, a pod that no
    debugger can work in is an error when it was named, and is left out (with its reason in
    ``skipped``) when it was only matched. *allow_everything* permits a task that selects nothing.

    Raises OptionError when nothing is selected; TargetError when no pod is left, more than
    ``max_pods`` are, or a container does not exist; ApiError when the server refuses.
    """
    if not allow_everything and not _selects(options):
        raise OptionError(
            "The task says no pod: give name, workload, label_selectors, field_selectors or where "
            "(where: metadata matches every pod of the namespace)."
        )
    with explain_forbidden(client, pod_rules(namespace_of(client, options))):
        return _resolve(client, options, need_running=need_running)


def _resolve(client: Client, options: TargetOptions, *, need_running: bool) -> Resolution:
    kept: list[dict[str, Any]] = []
    refs: list[str] = []
    skipped: list[Skipped] = []
    for pod in iterate_pods(client, options):
        problem = pod_problem(pod) if need_running else None
        if problem is not None:
            metadata = pod["metadata"]
            skipped.append(
                Skipped(namespace=metadata["namespace"], name=metadata["name"], reason=problem)
            )
            continue
        refs.append(ref_of(pod))
        # Past the limit only the count is needed, for the message.
        if len(kept) <= options.max_pods:
            kept.append(pod)
    if skipped and options.name:
        raise TargetError(f"{listing([f'{pod.ref}: {pod.reason}' for pod in skipped])}.")
    if len(refs) > options.max_pods:
        raise TargetError(
            f"{selection_text(client, options)} matches {len(refs)} pods, more than "
            f"max_pods={options.max_pods}: {listing(sorted(refs))}. Narrow the selection, or raise "
            "max_pods."
        )
    if not refs:
        _nothing(client, options, skipped)
    targets = [target_of(pod, options.container) for pod in kept]
    return Resolution(
        targets=sorted(targets, key=lambda target: (target.namespace, target.name)),
        skipped=skipped,
    )


def target_of(pod: Mapping[str, Any], container: str | None) -> Target:
    """The target that a raw pod makes; raises TargetError when it lacks *container*."""
    chosen = choose_container(pod, container)
    runtime, container_id = container_identity(pod, chosen)
    metadata = pod["metadata"]
    return Target(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        node=pod["spec"].get("nodeName") or "",
        container=chosen,
        container_id=container_id,
        runtime=runtime,
        container_problem=container_problem(pod, chosen),
        pod=pod,
    )


def _selects(options: TargetOptions) -> bool:
    return bool(
        options.name
        or options.workload
        or options.label_selectors
        or options.field_selectors
        or options.where is not None
    )


def selection_text(client: Client, options: TargetOptions) -> str:
    """The selection in the words of the task, for a message."""
    given = {
        "name": ",".join(options.name),
        "workload": options.workload,
        "label_selectors": ",".join(options.label_selectors),
        "field_selectors": ",".join(options.field_selectors),
        "where": options.where,
    }
    text = " ".join(f"{key}={value}" for key, value in given.items() if value) or "The task"
    namespace = namespace_of(client, options)
    return f"{text} in {f'namespace {namespace}' if namespace else 'all namespaces'}"


def _nothing(client: Client, options: TargetOptions, skipped: list[Skipped]) -> NoReturn:
    text = selection_text(client, options)
    if skipped:
        reasons = listing([f"{pod.ref}: {pod.reason}" for pod in skipped])
        raise TargetError(f"{text} matches no pod that a debugger can work in: {reasons}.")
    namespace = namespace_of(client, options)
    doubt = require_namespace(client, namespace) if namespace else ""
    hint = ""
    if options.where and '"' in options.where:
        hint = " In JMESPath a text stands in single quotes; double quotes name a field."
    raise TargetError(
        f"{text} matches no pod{doubt}. Check the selection with kubectl get pods.{hint}"
    )
