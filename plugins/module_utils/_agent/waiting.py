# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Waiting for the pods of Jobs by watch, ending at the first sign that it is in vain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from ansible_collections.kubedebug.core.plugins.module_utils._agent.manifest import SELECTOR
from ansible_collections.kubedebug.core.plugins.module_utils._agent.model import (
    Agent,
    AgentFailed,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import (
    AgentOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.preflight import (
    event_rules,
    jobs_path,
    refusal_text,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.presets import SHAPES
from ansible_collections.kubedebug.core.plugins.module_utils._agent.records import (
    agent_status,
    job_of,
    job_problem,
    newest_pod,
    pod_failure,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import missing_rules
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import ApiError, clean
from ansible_collections.kubedebug.core.plugins.module_utils._kube.watch import Stream, Watch
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat

__all__ = ["Waited", "container_log", "log_path", "pods_path", "wait_for_jobs", "wait_until_gone"]

_LOG_LINES = 10
_LOG_BYTES = 16 * 1024
_WAYS_OUT = {
    "ErrImageNeverPull": "load the image onto the node, or choose another image_pull_policy",
    "InvalidImageName": "correct the option image",
    "ErrImagePull": "check the option image, the registry and image_pull_secrets",
    "ImagePullBackOff": "check the option image, the registry and image_pull_secrets",
    "Unschedulable": "look at what overrides says of the node, and at tolerations and resources",
    "CreateContainerConfigError": "look at env, image_pull_secrets and overrides: what they refer "
    "to must exist in the agent's namespace",
}
_OTHER_WAY_OUT = (
    "check that the image has the command (and sh, unless launcher=false), and that the node "
    "allows what the agent asks for"
)
# What a shell exits with when it finds no such command.
_NOT_FOUND = 127


@dataclass(frozen=True, kw_only=True)
class Waited:
    """An agent after the wait; ``stuck`` says that its Job would go on trying in vain."""

    agent: Agent
    pod: Mapping[str, Any] | None = None
    stuck: bool = False
    done: bool = False


def pods_path(namespace: str, name: str = "") -> str:
    """The API path of a namespace's pods, or of one."""
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods"
    return f"{path}/{quote(name, safe='')}" if name else path


def log_path(seat: Seat) -> str:
    """The API path of a seat's log."""
    return f"{pods_path(seat.namespace, seat.pod)}/log"


def wait_for_jobs(
    client: Client, agents: Sequence[Agent], options: AgentOptions, *, timeout: float
) -> list[Waited]:
    """Wait until the pod of each Job runs; one watch for all, *timeout* in seconds.

    The result is in the order of *agents*; an agent that failed has its error, without its log.
    """
    if not agents:
        return []
    waiter = _Waiter(agents, options)
    with Watch(client, _streams(client, agents), deadline_seconds=timeout) as watch:
        for event in watch:
            waiter.take(client, event.type, event.object)
            if not waiter.open:
                break
    return waiter.results(timeout)


def _streams(client: Client, agents: Sequence[Agent]) -> list[Stream]:
    by_namespace: dict[str, list[Agent]] = defaultdict(list)
    for agent in agents:
        by_namespace[str(agent.namespace)].append(agent)
    streams = []
    for namespace, members in sorted(by_namespace.items()):
        names = sorted({str(agent.name) for agent in members})
        chosen = {"labelSelector": SELECTOR}
        pods = {"labelSelector": f"batch.kubernetes.io/job-name in ({','.join(names)})"}
        known = [{"metadata": {"uid": agent.uid}} for agent in members]
        streams += [
            Stream(jobs_path(namespace), chosen, known),
            Stream(pods_path(namespace), pods),
        ]
        if not missing_rules(client, event_rules(namespace)):
            refused = {"fieldSelector": "involvedObject.kind=Job,reason=FailedCreate"}
            path = f"/api/v1/namespaces/{quote(namespace, safe='')}/events"
            streams.append(Stream(path, refused))
    return streams


class _Waiter:
    """What is known of each Job, from events that come in any order between the streams."""

    def __init__(self, agents: Sequence[Agent], options: AgentOptions) -> None:
        self._agents = {str(agent.uid): agent for agent in agents}
        self._order = [str(agent.uid) for agent in agents]
        self._options = options
        self._container = SHAPES[options.preset].container
        self._ready = options.ready_port is not None and not options.launcher
        self._pods: dict[str, Mapping[str, Any]] = {}
        self._settled: dict[str, Waited] = {}

    @property
    def open(self) -> bool:
        """Whether one is not settled yet."""
        return len(self._settled) < len(self._agents)

    def take(self, client: Client, kind: str, item: Mapping[str, Any]) -> None:
        """Judge one event."""
        if "involvedObject" in item:
            self._event(item)
            return
        uid = str((item.get("metadata") or {}).get("uid"))
        if uid in self._agents:
            self._job(client, uid, kind, item)
            return
        owner = job_of(item)
        if owner is not None and owner in self._agents:
            self._pod(owner, kind, item)

    def results(self, timeout: float) -> list[Waited]:
        """All of them; those that are open yet have run out of time."""
        return [self._settled.get(uid) or self._timed_out(uid, timeout) for uid in self._order]

    def _event(self, event: Mapping[str, Any]) -> None:
        uid = str(event["involvedObject"].get("uid"))
        if uid in self._agents and uid not in self._settled:
            agent = self._agents[uid]
            text = refusal_text(
                str(agent.namespace), self._options, str(event.get("message") or "")
            )
            self._fail(uid, text, stuck=True)

    def _job(self, client: Client, uid: str, kind: str, job: Mapping[str, Any]) -> None:
        if uid in self._settled:
            return
        if kind == "DELETED":
            self._fail(
                uid,
                "its Job was deleted while the task waited for it, by somebody or since its target "
                "was deleted. Run the task again on the pod that is there now",
            )
            return
        problem = job_problem(job)
        if problem is None:
            return
        # Its pod knows more than the Job, and what it knows may not have come yet.
        pod = self._pods.get(uid) or _pod_of(client, self._agents[uid])
        if pod is None or not self._judge_pod(uid, pod):
            self._fail(uid, problem)

    def _pod(self, uid: str, kind: str, pod: Mapping[str, Any]) -> None:
        self._pods[uid] = pod
        if uid in self._settled:
            return
        if kind == "DELETED":
            self._fail(uid, "its pod was deleted while the task waited for it", stuck=True)
        else:
            self._judge_pod(uid, pod)

    def _judge_pod(self, uid: str, pod: Mapping[str, Any]) -> bool:
        found = pod_failure(pod, self._container)
        if found is not None:
            reason, message = found
            self._fail(uid, _pod_text(pod, self._container, reason, message), stuck=True, pod=pod)
            return True
        status = agent_status(pod, self._container)
        running = (status.get("state") or {}).get("running") is not None
        if running and (status.get("ready") or not self._ready):
            self._settled[uid] = Waited(agent=self._seated(uid, pod), pod=pod, done=True)
        return running

    def _seated(self, uid: str, pod: Mapping[str, Any]) -> Agent:
        metadata = pod["metadata"]
        seat = Seat(
            namespace=metadata["namespace"], pod=metadata["name"], container=self._container
        )
        return replace(self._agents[uid], seat=seat)

    def _fail(
        self, uid: str, text: str, *, stuck: bool = False, pod: Mapping[str, Any] | None = None
    ) -> None:
        agent = self._seated(uid, pod) if pod is not None else self._agents[uid]
        error = AgentFailed(f"{agent.ref}: {text.rstrip('.')}.")
        failed = replace(agent, action="failed", error=error)
        self._settled[uid] = Waited(agent=failed, pod=pod, stuck=stuck, done=True)

    def _timed_out(self, uid: str, timeout: float) -> Waited:
        agent, pod = self._agents[uid], self._pods.get(uid)
        waiting: Mapping[str, Any] = {}
        if pod is not None:
            waiting = (agent_status(pod, self._container).get("state") or {}).get("waiting") or {}
        seen = "its Job has no pod yet" if pod is None else "its pod does not run"
        if waiting.get("reason"):
            seen = f"its container is waiting ({clean(str(waiting['reason']))})"
        error = AgentFailed(
            f"{agent.ref} is not running after {timeout:g} s: {seen}. It goes on trying until its "
            f"lifetime is over; look at node {agent.target.node}, raise wait_timeout, or end it by "
            "state=absent."
        )
        return Waited(agent=replace(agent, action="failed", error=error), pod=pod)


def _pod_of(client: Client, agent: Agent) -> Mapping[str, Any] | None:
    chosen = {"labelSelector": f"batch.kubernetes.io/job-name={agent.name}"}
    return newest_pod(client.list(pods_path(str(agent.namespace)), chosen), str(agent.uid))


def _pod_text(pod: Mapping[str, Any], container: str, reason: str, message: str) -> str:
    status = agent_status(pod, container)
    state = status.get("state") or {}
    text = f"{reason}: {message.rstrip('.')}" if message else reason
    if state.get("waiting"):
        image = clean(str(status.get("image") or ""))
        return f"(image {image}) {text}. Way out: {_WAYS_OUT.get(reason, _OTHER_WAY_OUT)}"
    if (state.get("terminated") or {}).get("exitCode") == _NOT_FOUND:
        text += ". The image has no such command: choose another image, or give the full path"
    return f"{text}. Way out: {_WAYS_OUT[reason]}" if reason in _WAYS_OUT else text


def container_log(client: Client, seat: Seat) -> list[str]:
    """The end of a seat's log, cleaned; empty where it may not be read."""
    params = {"container": seat.container, "tailLines": str(_LOG_LINES)}
    try:
        text = client.read_text(log_path(seat), params, max_bytes=_LOG_BYTES)
    except ApiError:
        # The log is a help for the reader of an error, never a reason for another one.
        return []
    return [clean(line) for line in text.splitlines() if line.strip()]


def wait_until_gone(
    client: Client, pods: Sequence[Mapping[str, Any]], *, timeout: float
) -> list[Mapping[str, Any]]:
    """Wait until each pod is gone; returns those that are there yet after *timeout* seconds."""
    left = {str(pod["metadata"]["uid"]): pod for pod in pods}
    if not left:
        return []
    by_namespace: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for pod in pods:
        by_namespace[str(pod["metadata"]["namespace"])].append(pod)
    streams = [
        Stream(pods_path(namespace), {"labelSelector": SELECTOR}, _uids(members))
        for namespace, members in sorted(by_namespace.items())
    ]
    with Watch(client, streams, deadline_seconds=timeout) as watch:
        for event in watch:
            if event.type == "DELETED":
                left.pop(str((event.object.get("metadata") or {}).get("uid")), None)
            if not left:
                break
    return list(left.values())


def _uids(pods: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"metadata": {"uid": pod["metadata"]["uid"]}} for pod in pods]
