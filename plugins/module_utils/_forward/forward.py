# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The use case of ``pod_port_forward``."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from signal import SIGUSR1
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.results import (
    raise_failures,
)
from ansible_collections.kubedebug.core.plugins.module_utils._forward.daemon import (
    Launch,
    launch,
)
from ansible_collections.kubedebug.core.plugins.module_utils._forward.options import (
    FORWARD_SPEC,
    ForwardOptions,
    port_of,
    selection_id,
)
from ansible_collections.kubedebug.core.plugins.module_utils._forward.processes import (
    Process,
    controller,
)
from ansible_collections.kubedebug.core.plugins.module_utils._forward.results import (
    Forwarded,
    forward_result,
)
from ansible_collections.kubedebug.core.plugins.module_utils._forward.stopping import (
    chosen,
    stop_all,
)
from ansible_collections.kubedebug.core.plugins.module_utils._forward.store import (
    Record,
    Store,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import Rule
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._kube.port_forward import probe
from ansible_collections.kubedebug.core.plugins.module_utils._kube.relay import listen
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    SELECT_SPEC,
    TARGET_SPEC,
    OptionError,
    Spec,
    TargetOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import (
    Resolution,
    Skipped,
    Target,
    TargetError,
    listing,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import require
from ansible_collections.kubedebug.core.plugins.module_utils._pods.scan import namespace_of
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import (
    is_running,
    pod_problem,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.targets import (
    resolve,
    selection_text,
)
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
    open_client,
)

if TYPE_CHECKING:
    import socket

__all__ = ["POD_PORT_FORWARD", "forward_rules"]

_SPEC = Spec.compose(SELECT_SPEC, TARGET_SPEC, FORWARD_SPEC)


def forward_rules(namespace: str, name: str = "") -> list[Rule]:
    """The RBAC that a connection to a port needs.

    ``create`` is what API servers check for a websocket from Kubernetes 1.35 on, ``get`` before.
    """
    return [
        Rule(
            verb=verb,
            group="",
            resource="pods",
            subresource="portforward",
            namespace=namespace,
            name=name,
        )
        for verb in ("get", "create")
    ]


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """What a run works with."""

    params: Params
    context: Context
    options: ForwardOptions
    client: Client
    store: Store
    selection: str
    playbook: Process | None


def _run(params: Params, context: Context) -> Result:
    options = ForwardOptions.from_params(params)
    target = TargetOptions.from_params(params)
    store = Store.open(context.environ)
    with open_client(params, context) as client:
        namespace = namespace_of(client, target)
        scene = _Scene(
            params=params,
            context=context,
            options=options,
            client=client,
            store=store,
            selection=selection_id(target, options, namespace=namespace, server=client.host),
            playbook=None if options.outlive_playbook else controller(),
        )
        if options.state == "stopped":
            return _stopped(scene, target)
        return _started(scene, target)


def _stopped(scene: _Scene, target: TargetOptions) -> Result:
    mine = [
        record
        for record in scene.store.records()
        if record.server == scene.client.host and _is_within_reach(record)
    ]
    found = chosen(scene.client, target, scene.options, mine, selection=scene.selection)
    check_mode = scene.context.check_mode
    outcomes = stop_all(scene.store, found, check_mode=check_mode)
    if not check_mode:
        scene.store.prune()
    result = Result(
        changed=any(outcome.changed for outcome in outcomes),
        data={"pods": [forward_result(outcome) for outcome in outcomes]},
    )
    raise_failures([each.error for each in outcomes], result, what="Ending the forward")
    return result


def _is_within_reach(record: Record) -> bool:
    """Whether the record is of this playbook, or of none: another's forwards are not ours to end.

    A task that runs apart from its playbook (async, another host) does not know of one.
    """
    own = controller()
    return record.controller is None or own is None or record.controller == own


def _started(scene: _Scene, target: TargetOptions) -> Result:
    options = scene.options
    resolution = _running(resolve(scene.client, target, need_running=False), target, scene.client)
    wanted = [_record(scene, each) for each in resolution.targets]
    if options.local_port and len(wanted) > 1:
        raise OptionError(
            f"local_port={options.local_port} is one port, but {len(wanted)} pods are meant: leave "
            "local_port out, and each of them gets a port of its own."
        )
    first = {each.namespace: each.name for each in reversed(resolution.targets)}
    require(scene.client, [rule for place in first.items() for rule in forward_rules(*place)])
    if scene.context.check_mode:
        outcomes = [_foretold(scene, each) for each in wanted]
    else:
        scene.store.prune()
        with scene.store.lock([each.id for each in wanted], timeout=float(options.timeout)):
            outcomes = _start(scene, wanted)
    result = Result(
        changed=any(outcome.changed for outcome in outcomes),
        data={"pods": [forward_result(outcome) for outcome in outcomes]},
        warnings=resolution.warnings,
    )
    errors = [each.error for each in outcomes]
    raise_failures(errors, result, what=f"Forwarding port {options.port}")
    return result


def _running(resolution: Resolution, options: TargetOptions, client: Client) -> Resolution:
    """Leave out the pods that do not run; raises TargetError where that is what was asked for."""
    targets, skipped = [], []
    for target in resolution.targets:
        if is_running(target.pod):
            targets.append(target)
            continue
        reason = pod_problem(target.pod) or "the pod is not running"
        skipped.append(Skipped(namespace=target.namespace, name=target.name, reason=reason))
    reasons = listing([f"{each.ref}: {each.reason}" for each in skipped])
    if skipped and options.name:
        raise TargetError(f"{reasons}.")
    if not targets:
        raise TargetError(f"{selection_text(client, options)} matches no pod that runs: {reasons}.")
    return Resolution(targets=targets, skipped=skipped)


def _record(scene: _Scene, target: Target) -> Record:
    """The forward that is wanted. Its ID is the same for the same port, pod and playbook."""
    port = port_of(target, scene.options.port or "")
    playbook = scene.playbook
    parts = [
        scene.client.host,
        target.namespace,
        target.uid,
        str(port),
        f"{playbook.pid} {playbook.began}" if playbook is not None else "",
    ]
    return Record(
        id=hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16],
        selection=scene.selection,
        server=scene.client.host,
        namespace=target.namespace,
        pod=target.name,
        uid=target.uid,
        node=target.node,
        container=target.container,
        port=port,
        port_name=scene.options.port or "",
        local_port=scene.options.local_port,
        expires=time.time() + scene.options.lifetime,
        controller_pid=playbook.pid if playbook is not None else 0,
        controller_began=playbook.began if playbook is not None else "",
    )


def _foretold(scene: _Scene, wanted: Record) -> Forwarded:
    known = scene.store.get(wanted.id)
    if known is not None and known.runs:
        return Forwarded(record=known, action="reused", error=_other_port(scene, known))
    return Forwarded(record=wanted, action="planned")


def _other_port(scene: _Scene, known: Record) -> DebugError | None:
    """A forward that is there cannot move to another local port without breaking connections."""
    local_port = scene.options.local_port
    if local_port in (0, known.local_port):
        return None
    return OptionError(
        f"local_port={local_port}: port {known.port} of {known.namespace}/{known.pod} is forwarded "
        f"from {known.local_port} already. Leave local_port out, or stop that forward first "
        "(state=stopped)."
    )


def _start(scene: _Scene, wanted: Sequence[Record]) -> list[Forwarded]:
    known = {each.id: scene.store.get(each.id) for each in wanted}
    there = [record for record in known.values() if record is not None and record.runs]
    reused = {each.record.id: each for each in _reuse(scene, there)}
    fresh = {
        each.record.id: each
        for each in _launch(scene, [each for each in wanted if each.id not in reused])
    }
    return [{**reused, **fresh}[each.id] for each in wanted]


def _reuse(scene: _Scene, there: Sequence[Record]) -> list[Forwarded]:
    """Look whether what is there works still, and let it last as long as the task asks for."""
    probes = (
        fan_out(lambda each: _probe(scene, each), there, limit=scene.params["concurrency"])
        if scene.options.probe
        else [None] * len(there)
    )
    outcomes = []
    for record, outcome in zip(there, probes, strict=True):
        error = _other_port(scene, record) or (outcome.error if outcome is not None else None)
        known = record
        expires = time.time() + scene.options.lifetime
        if error is None and known.expires < expires:
            known = replace(known, expires=expires)
            scene.store.write(known)
            known.process.send(SIGUSR1)
        outcomes.append(Forwarded(record=known, action="reused", error=error))
    return outcomes


def _probe(scene: _Scene, record: Record) -> None:
    probe(
        scene.client,
        namespace=record.namespace,
        pod=record.pod,
        port=record.port,
        timeout=float(scene.options.timeout),
    )


def _launch(scene: _Scene, wanted: Sequence[Record]) -> list[Forwarded]:
    """Start a process for each; all of them get ready side by side.

    All local ports are had before the first process is started.
    """
    listeners: list[socket.socket] = []
    with contextlib.ExitStack() as stack:
        for record in wanted:
            listeners.append(stack.enter_context(listen(record.local_port)))
        starting = [
            launch(_order(scene, record, listener), listener, scene.store)
            for record, listener in zip(wanted, listeners, strict=True)
        ]
    outcomes = []
    for record, each in zip(wanted, starting, strict=True):
        try:
            outcomes.append(Forwarded(record=each.wait(), action="started"))
        except DebugError as error:
            outcomes.append(Forwarded(record=record, action="failed", error=error))
    return outcomes


def _order(scene: _Scene, record: Record, listener: socket.socket) -> Launch:
    local_port: int = listener.getsockname()[1]
    environ: Mapping[str, Any] = scene.context.environ
    return Launch(
        record=replace(record, local_port=local_port),
        params=scene.params,
        environ=environ,
        probe=scene.options.probe,
        timeout=float(scene.options.timeout),
    )


POD_PORT_FORWARD = UseCase(name="pod_port_forward", spec=_SPEC, run=_run)
