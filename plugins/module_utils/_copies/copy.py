# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The use case of ``pod_copy``: a pod's copy to debug in is there, or is deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._copies.making import (
    delete_rules,
    delete_uid,
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
    KEPT,
    MADE_SPEC,
    CopyOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._copies.results import (
    result_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._copies.spec import (
    COPY_ROLE,
    build_copy,
    free_name,
    identity,
    waits_for,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import whoami
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    SELECT_SPEC,
    TARGET_SPEC,
    WAIT_SPEC,
    OptionError,
    Spec,
    TargetOptions,
    WaitOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target, pod_path
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import require
from ansible_collections.kubedebug.core.plugins.module_utils._pods.scan import namespace_of
from ansible_collections.kubedebug.core.plugins.module_utils._pods.targets import resolve
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
    open_client,
)

__all__ = ["POD_COPY"]

_SPEC = Spec.compose(
    SELECT_SPEC,
    TARGET_SPEC,
    WAIT_SPEC,
    MADE_SPEC,
    {
        "copy_name": {"type": "str"},
        "debugger_name": {"type": "str"},
        "set_image": {"type": "dict", "default": {}},
        "same_node": {"type": "bool", "default": False},
        "share_processes": {"type": "bool"},
        "keep_labels": {"type": "bool", "default": False},
        "keep_annotations": {"type": "bool", "default": False},
        "keep_init_containers": {"type": "bool", "default": True},
        **{option: {"type": "bool", "default": False} for option in KEPT},
        "replace": {"type": "bool", "default": False},
    },
)


def _run(params: Params, context: Context) -> Result:
    targets = TargetOptions.from_params(params)
    options = CopyOptions.from_params(params)
    wait = WaitOptions.from_params(params)
    if targets.all_namespaces:
        raise OptionError("all_namespaces: a copy is of the pods of one namespace: give namespace.")
    with open_client(params, context) as client:
        plan = MadePlan(
            role=COPY_ROLE,
            owner=options.made.debugger.owner or whoami(client),
            profile=options.made.debugger.profile,
            wait=wait,
            check_mode=context.check_mode,
            concurrency=targets.concurrency,
        )
        namespace = namespace_of(client, targets) or client.default_namespace
        copies = find_made(client, [namespace], role=COPY_ROLE)
        if params["state"] == "absent":
            return _absent(
                client,
                copies,
                namespace=namespace,
                targets=targets,
                options=options,
                plan=plan,
            )
        return _present(client, copies, targets, options, plan)


def _present(
    client: Client,
    copies: Sequence[Mapping[str, Any]],
    targets: TargetOptions,
    options: CopyOptions,
    plan: MadePlan,
) -> Result:
    now = client.server_time()
    there, targets = _replaced(client, copies, targets, options, plan, now=now)
    warnings: tuple[str, ...] = ()
    made: list[Made] = []
    if targets.name or not there:
        # Pods that do not come up are what copies are for.
        chosen = resolve(client, targets, need_running=False)
        if options.copy_name and len(chosen.targets) > 1:
            raise OptionError(
                f"copy_name={options.copy_name} is one name, and {len(chosen.targets)} pods are "
                "meant: leave it out, and each copy gets a name of its own."
            )
        if options.replace:
            require(client, [rule for each in chosen.targets for rule in _replace_rules(each)])
        drafts = [_draft(target, copies, options, plan, now) for target in chosen.targets]
        made = make(client, drafts, plan)
        if options.replace:
            made = _without_originals(client, chosen.targets, made, plan)
        warnings = (*chosen.warnings, *_adoption(options))
    every = [*there, *made]
    return result_of(every, warnings=warnings, what="The copy")


def _replace_rules(target: Target) -> list[Any]:
    return delete_rules(target.namespace, target.name)


def _replaced(
    client: Client,
    copies: Sequence[Mapping[str, Any]],
    targets: TargetOptions,
    options: CopyOptions,
    plan: MadePlan,
    *,
    now: float,
) -> tuple[list[Made], TargetOptions]:
    """The copies that have taken their pod's place already, and what is left to do.

    A pod that its copy was made of, and that is there still, is left to do: its deletion failed.
    """
    if not options.replace or not targets.name:
        return [], targets
    namespace = namespace_of(client, targets) or client.default_namespace
    there, open_names = [], []
    for name in targets.name:
        ref = f"{namespace}/{name}"
        hashed = identity(options, owner=plan.owner, subject=ref)
        found = next((pod for pod in copies if is_reusable(pod, hashed, now=now)), None)
        if found is None or _is_there(client, namespace, name, mark(found, "target-uid")):
            open_names.append(name)
        else:
            there.append(as_made(found, container=_container_of(found, options), action="reused"))
    return there, replace(targets, name=tuple(open_names))


def _is_there(client: Client, namespace: str, name: str, uid: str) -> bool:
    try:
        pod = client.get(pod_path(namespace, name))
    except NotFound:
        return False
    return str(pod["metadata"]["uid"]) == uid


def _container_of(pod: Mapping[str, Any], options: CopyOptions) -> str:
    names = [str(each["name"]) for each in pod["spec"]["containers"]]
    wanted = options.debugger_name if options.adds else options.container
    return wanted if wanted in names else names[0]


def _draft(
    target: Target,
    copies: Sequence[Mapping[str, Any]],
    options: CopyOptions,
    plan: MadePlan,
    now: float,
) -> Made:
    """The copy that is there already, or the one to make."""
    hashed = identity(options, owner=plan.owner, subject=target.ref)
    container = waits_for(options, target)
    found = next((pod for pod in copies if is_reusable(pod, hashed, now=now)), None)
    if found is not None:
        return as_made(found, container=container, action="reused")
    taken = {str(pod["metadata"]["name"]) for pod in copies}
    name = options.copy_name or free_name(target.name, hashed, taken)
    body = build_copy(options, target, name=name, identity=hashed, owner=plan.owner, now=now)
    return Made(
        subject=target.ref,
        namespace=target.namespace,
        name=name,
        container=container,
        action="created",
        node=target.node if options.same_node else "",
        added=body,
    )


def _without_originals(
    client: Client, targets: Sequence[Target], made: Sequence[Made], plan: MadePlan
) -> list[Made]:
    """Delete the pods whose copy runs; where the copy failed, its pod stays."""

    def dispose(pair: tuple[Target, Made]) -> Made:
        target, copy = pair
        if copy.error is not None:
            return copy
        original = replace(copy, name=target.name, uid=target.uid)
        delete_uid(client, original, check_mode=plan.check_mode, grace=0)
        return replace(copy, replaced=True)

    outcomes = fan_out(dispose, list(zip(targets, made, strict=True)), limit=plan.concurrency)
    return [
        replace(one, action="failed", error=_not_replaced(one, outcome.error))
        if outcome.error is not None
        else outcome.unwrap()
        for one, outcome in zip(made, outcomes, strict=True)
    ]


def _not_replaced(made: Made, error: DebugError) -> DebugError:
    return DebugError(
        f"{made.subject}: the copy {made.name} was made, and the pod itself could not be deleted: "
        f"{error.msg}"
    )


def _adoption(options: CopyOptions) -> tuple[str, ...]:
    if not options.keep_labels:
        return ()
    return (
        "keep_labels: a service whose selector matches sends requests to the copy, and a "
        "controller whose selector matches adopts it and may delete a pod of its own in exchange.",
    )


def _absent(
    client: Client,
    copies: Sequence[Mapping[str, Any]],
    *,
    namespace: str,
    targets: TargetOptions,
    options: CopyOptions,
    plan: MadePlan,
) -> Result:
    """Delete this owner's copies of the named pods, or the one of that name."""
    if not targets.name and not options.copy_name:
        raise OptionError(
            "state=absent needs name (the pods whose copies are meant) or copy_name (the copy); "
            "debug_cleanup removes copies by their age or owner."
        )
    subjects = {f"{namespace}/{name}" for name in targets.name}
    doomed = [
        as_made(pod, action="none")
        for pod in copies
        if pod["metadata"]["name"] == options.copy_name
        or (
            options.copy_name is None
            and mark(pod, "target") in subjects
            and mark(pod, "owner") == plan.owner
        )
    ]
    return result_of(remove(client, doomed, plan), what="Deleting the copy")


POD_COPY = UseCase(name="pod_copy", spec=_SPEC, run=_run)
