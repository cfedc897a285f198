# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The use case of ``pod_capture``: packets of one pod or many, recorded and brought home."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._agent.model import AgentPlan
from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import (
    AGENT_SPEC,
    MODE_SPEC,
    AgentOptions,
    ModeOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.capture_options import (
    CAPTURE_SPEC,
    CaptureOptions,
    FetchOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.clock import (
    Reading,
    apart,
    best,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.fetching import (
    is_file,
    merge_all,
    prepare_folder,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.merge import MergeInput
from ansible_collections.kubedebug.core.plugins.module_utils._capture.model import (
    PodCapture,
    pod_capture_result,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.opening import (
    agent_options,
    jobs_of,
    open_places,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.recordings import (
    RecordingError,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.steps import Steps
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.preflight import (
    exec_rules_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.results import (
    raise_failures,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.spec import masked_entry
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import whoami
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    SELECT_SPEC,
    TARGET_SPEC,
    OptionError,
    Spec,
    TargetOptions,
    WaitOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import require
from ansible_collections.kubedebug.core.plugins.module_utils._pods.targets import resolve
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
    open_client,
)

__all__ = ["POD_CAPTURE"]

_SPEC = Spec.compose(
    SELECT_SPEC,
    TARGET_SPEC,
    AGENT_SPEC,
    MODE_SPEC,
    CAPTURE_SPEC,
    {"wait_timeout": {"type": "int", "default": 120}},
)
# Seconds that a container has to stay after the longest recording, for it to be brought home.
_FETCH_MARGIN = 60


def _run(params: Params, context: Context) -> Result:
    options = CaptureOptions.from_params(params)
    fetch = FetchOptions.from_params(params)
    agent = agent_options(params, options)
    mode = ModeOptions.from_params(params)
    targets = TargetOptions.from_params(params)
    starts = params["state"] in ("started", "completed")
    if starts:
        _check_lifetime(agent, options)
    with open_client(params, context) as client:
        chosen = resolve(client, targets)
        steps = Steps(
            client=client,
            options=options,
            concurrency=targets.concurrency,
            jobs=jobs_of(client, chosen.targets, mode),
        )
        if context.check_mode:
            require(client, exec_rules_of(chosen.targets))
        elif fetch is not None:
            prepare_folder(fetch.dest)
        pods = [PodCapture(target=target, begins=starts) for target in chosen.targets]
        if fetch is not None and is_file(fetch.dest) and len(pods) > 1:
            raise OptionError(
                f"dest={fetch.dest} is a file, and {len(pods)} pods are meant: give a folder."
            )
        stops = not starts and not context.check_mode
        pods = steps.each(pods, partial(steps.find, stop=stops))
        if starts:
            plan = _plan(client, params, agent, options, check_mode=context.check_mode)
            pods = _begin(client, steps, pods, plan)
        else:
            pods = steps.each(pods, steps.require_found)
        if context.check_mode:
            pods = [_planned(pod, params["state"]) for pod in pods]
        else:
            pods = _go_on(steps, pods, params["state"], fetch)
    return _finish(pods, params, fetch, options, warnings=chosen.warnings)


def _check_lifetime(agent: AgentOptions, options: CaptureOptions) -> None:
    needed = options.max_seconds + _FETCH_MARGIN
    if agent.launcher and agent.lifetime < needed:
        raise OptionError(
            f"lifetime={agent.lifetime} is too short for max_seconds={options.max_seconds}: what "
            "was recorded is lost with the debugger, so give lifetime at least "
            f"{needed} s, or lower max_seconds."
        )


def _plan(
    client: Client,
    params: Params,
    agent: AgentOptions,
    options: CaptureOptions,
    *,
    check_mode: bool,
) -> AgentPlan:
    targets = TargetOptions.from_params(params)
    return AgentPlan(
        options=agent,
        mode=ModeOptions.from_params(params),
        owner=agent.owner or whoami(client),
        wait=WaitOptions.from_params({"wait": True, "wait_timeout": params["wait_timeout"]}),
        check_mode=check_mode,
        concurrency=targets.concurrency,
        label_selectors=targets.label_selectors,
        min_remaining=float(options.max_seconds + _FETCH_MARGIN),
        # As root, tcpdump needs no more than what runtimes give a container by default.
        fallback_capabilities=(),
        execs=True,
    )


def _begin(
    client: Client, steps: Steps, pods: list[PodCapture], plan: AgentPlan
) -> list[PodCapture]:
    """Have a recording on every pod, or on none: all are checked before the first begins.

    Raises DebugError where one of them cannot be.
    """
    pods = steps.each(pods, steps.adopt)
    _require_all(pods)
    without = [index for index, pod in enumerate(pods) if pod.number is None]
    if without:
        wanting = [pods[index].target for index in without]
        agents = open_places(client, wanting, plan, steps.options)
        for index, agent in zip(without, agents, strict=True):
            pods[index] = replace(
                pods[index],
                agent=agent,
                changed=agent.changed,
                warnings=agent.warnings,
                error=agent.error,
            )
    if plan.check_mode:
        return pods
    pods = steps.each(pods, steps.check)
    return pods if any(pod.error for pod in pods) else steps.each(pods, steps.start)


def _require_all(pods: Sequence[PodCapture]) -> None:
    failed = next((pod.error for pod in pods if pod.error is not None), None)
    if failed is not None:
        raise failed


def _planned(pod: PodCapture, state: str) -> PodCapture:
    """What a run would change, as far as that is known without doing it."""
    running = pod.spot is not None and pod.spot.listing.running is not None
    waits = any(each.waits for spot in pod.spots for each in spot.listing.recordings)
    would = {
        "started": pod.number is None,
        "completed": True,
        "stopped": running,
        "fetched": running or waits,
    }
    return replace(pod, changed=pod.changed or would[state])


def _go_on(
    steps: Steps, pods: list[PodCapture], state: str, fetch: FetchOptions | None
) -> list[PodCapture]:
    """From where the state begins to where it ends."""
    if state == "completed":
        pods = steps.each(steps.each(pods, steps.wait), steps.stop)
    if fetch is not None:
        pods = steps.each(pods, lambda pod: steps.fetch(pod, fetch))
    return pods


def _finish(
    pods: Sequence[PodCapture],
    params: Params,
    fetch: FetchOptions | None,
    options: CaptureOptions,
    *,
    warnings: Sequence[str],
) -> Result:
    """The result; raises DebugError with it where a pod has failed."""
    merged, problem = _merged(pods, fetch, options)
    data = {
        "pods": [pod_capture_result(pod, capture=options.capture) for pod in pods],
        "merged": merged,
    }
    result = Result(
        changed=any(pod.changed for pod in pods),
        data=data,
        diff=_diff(pods),
        warnings=(*warnings, *_warnings(pods, params)),
    )
    errors = [pod.error for pod in pods]
    raise_failures(errors, result, what=f"The capture {options.capture}")
    raise_failures([problem], result, what="The merge")
    return result


def _merged(
    pods: Sequence[PodCapture], fetch: FetchOptions | None, options: CaptureOptions
) -> tuple[dict[str, Any] | None, RecordingError | None]:
    if fetch is None or not fetch.merge:
        return None, None
    inputs = [each for pod in pods for each in _merge_inputs(pod)]
    if not inputs:
        return None, None
    try:
        path, done = merge_all(inputs, _merge_path(pods, fetch, options), force=fetch.force)
    except RecordingError as error:
        return None, error
    return {
        "path": path,
        "size": done.size,
        "sha256": done.sha256,
        "packets": done.packets,
        "interfaces": list(done.interfaces),
        "notes": list(done.notes),
    }, None


def _merge_inputs(pod: PodCapture) -> list[MergeInput]:
    status: Mapping[str, Any] = pod.target.pod.get("status") or {}
    ips = tuple(str(each["ip"]) for each in status.get("podIPs") or [] if each.get("ip"))
    reading = best(pod.readings)
    return [
        MergeInput(
            path=file.path,
            pod=pod.target.ref,
            node=pod.target.node,
            ips=ips,
            comment=each.partial or "",
            received=each.recording.counts.received,
            dropped=each.recording.counts.dropped_kernel,
            clock_offset=reading.offset if reading is not None else None,
            clock_uncertainty=reading.uncertainty if reading is not None else 0.0,
            filter=str(each.recording.spec.get("filter") or ""),
        )
        for each in pod.fetched
        for file in each.files
        if file.size
    ]


def _merge_path(pods: Sequence[PodCapture], fetch: FetchOptions, options: CaptureOptions) -> str:
    if fetch.merge_dest:
        return fetch.merge_dest
    folder = Path(fetch.dest).parent if is_file(fetch.dest) else Path(fetch.dest)
    begun = [each.recording.began or 0.0 for pod in pods for each in pod.fetched]
    stamp = f"{datetime.fromtimestamp(min(begun), tz=UTC):%Y%m%dT%H%M%SZ}"
    return str(folder / f"{options.capture}_{stamp}.pcapng")


def _diff(pods: Sequence[PodCapture]) -> tuple[Mapping[str, Any], ...]:
    return tuple(
        {
            "before_header": f"{pod.target.ref} ephemeralContainers",
            "after_header": f"{pod.target.ref} ephemeralContainers",
            "before": {},
            "after": masked_entry(pod.agent.added),
        }
        for pod in pods
        if pod.agent is not None and pod.agent.added is not None
    )


def _warnings(pods: Sequence[PodCapture], params: Params) -> list[str]:
    texts = [f"{pod.target.ref}: {text}" for pod in pods for text in pod.warnings]
    nodes: dict[str, list[Reading]] = {}
    for pod in pods:
        nodes.setdefault(pod.target.node, []).extend(pod.readings)
    texts += apart(nodes)
    for pod in pods:
        recording = pod.recording
        if recording is not None and recording.end == "target_gone" and pod.error is None:
            texts.append(
                f"{pod.target.ref}: the recording ended before its time, when its target did."
            )
        dropped = recording.counts.dropped_kernel if recording is not None else None
        if dropped:
            texts.append(
                f"{pod.target.ref}: the kernel dropped {dropped} packets that tcpdump was too slow "
                "for: narrow filter, lower snaplen, or raise buffer_size."
            )
    planned = [pod for pod in pods if pod.agent is not None and pod.agent.action == "planned"]
    if planned and params["filter"]:
        texts.append(
            "In check mode the filter is not validated: tcpdump does that in the debugger, which "
            "is not there yet."
        )
    return texts


POD_CAPTURE = UseCase(name="pod_capture", spec=_SPEC, run=_run)
