# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person or a failing test wants to know of the cluster: status, logs, diagnosis."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from kdcluster.api import Api, is_ready
from kdcluster.components import ORDER
from kdcluster.down import leftovers, running
from kdcluster.process import boot_id
from kdcluster.record import load
from kdcluster.settings import Settings

__all__ = ["diagnose", "errors_of", "event_lines", "pod_lines", "status", "tail"]

_LINE = 300
_ERRORS = 15
_EVENTS = 40
_PODS = 40
# klog writes E or F and the date, etcd JSON with a level, containerd and Go panics the rest.
_IS_ERROR = re.compile(r'^[EF]\d{4} |"level":"(error|fatal|panic)"|level=(error|fatal)|^panic: ')
# Numbers, times, and the IDs of containers and pods.
_VARIES = re.compile(r"[0-9a-f]{6,}|\d+")
_TAIL_BYTES = 1 << 20


def status(settings: Settings) -> dict[str, Any]:
    """All that is known, as JSON data; `state` is up, partial or down."""
    record, alive = load(settings.record), running(settings)
    current = record is not None and record.boot == boot_id()
    ready = False
    if current and settings.kubeconfig.exists() and "kube-apiserver" in alive:
        ready = is_ready(Api(settings).json(f"/api/v1/nodes/{settings.node}"))
    if len(alive) == len(ORDER) and ready and record is not None and record.phase == "up":
        state = "up"
    else:
        state = "partial" if leftovers(settings) else "down"
    return {
        "state": state,
        "pair": record.pair if record else None,
        "kubeconfig": str(settings.kubeconfig) if settings.kubeconfig.exists() else None,
        "server": settings.server,
        "node": settings.node,
        "node_ready": ready,
        "components": {name: alive[name].pid if name in alive else None for name in ORDER},
        "images": sorted(record.images) if record else [],
        "logs": str(settings.logs),
    }


def tail(settings: Settings, component: str, lines: int) -> list[str]:
    """The last lines of a component's log, of its last MiB at most."""
    path = settings.logs / f"{component}.log"
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - _TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-lines:] if lines > 0 else []


def errors_of(lines: list[str]) -> list[str]:
    """The last error lines, cut to a readable length; of the same message with other numbers and
    IDs only the last, with how often it came."""
    found: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for line in lines:
        if _IS_ERROR.search(line):
            message = _VARIES.sub("", line)
            counts[message] += 1
            found.pop(message, None)
            found[message] = line[:_LINE]
    return [
        line + (f" ({counts[message]} times)" if counts[message] > 1 else "")
        for message, line in list(found.items())[-_ERRORS:]
    ]


def event_lines(events: list[dict[str, Any]]) -> list[str]:
    """The last events, oldest first."""

    def when(event: dict[str, Any]) -> str:
        return str(
            event.get("lastTimestamp")
            or event.get("eventTime")
            or event["metadata"].get("creationTimestamp")
            or ""
        )

    lines = []
    for event in sorted(events, key=when)[-_EVENTS:]:
        about = event.get("involvedObject") or {}
        where = f"{about.get('namespace', '')}/{about.get('kind', '')}/{about.get('name', '')}"
        text = f"{when(event)} {event.get('type')} {event.get('reason')} {where}: "
        lines.append((text + " ".join(str(event.get("message", "")).split()))[:_LINE])
    return lines


def pod_lines(pods: list[dict[str, Any]]) -> list[str]:
    """Pods that do not simply run, each with the state of its containers that are not running."""
    lines = []
    for pod in pods:
        problems = list(_problems(pod.get("status") or {}))
        phase = (pod.get("status") or {}).get("phase")
        if phase != "Running" or problems:
            name = f"{pod['metadata'].get('namespace')}/{pod['metadata']['name']}"
            lines.append(f"{name} {phase} {'; '.join(problems)}".rstrip()[:_LINE])
    more = len(lines) - _PODS
    return lines[:_PODS] + ([f"... and {more} more"] if more > 0 else [])


def _problems(status: dict[str, Any]) -> Iterator[str]:
    for group in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"):
        for container in status.get(group) or []:
            for kind, detail in (container.get("state") or {}).items():
                bad_exit = kind == "terminated" and detail.get("exitCode")
                if kind == "waiting" or bad_exit:
                    message = " ".join(str(detail.get("message", "")).split())
                    yield f"{container['name']}: {detail.get('reason')} {message}".rstrip()


def diagnose(settings: Settings) -> list[str]:
    """The part that explains a failure, some 200 lines at most."""
    now = status(settings)
    missing = [name for name, pid in now["components"].items() if pid is None]
    lines = [f"cluster: {now['state']}, node ready: {now['node_ready']}, logs: {now['logs']}"]
    if missing:
        lines.append(f"not running: {', '.join(missing)}")
    for name in ORDER:
        errors = errors_of(tail(settings, name, 20_000))
        lines += [f"== {name}: last errors", *(errors or ["(none)"])]
    if now["kubeconfig"] and "kube-apiserver" not in missing:
        api = Api(settings)
        pods = (api.json("/api/v1/pods?limit=500") or {}).get("items") or []
        events = (api.json("/api/v1/events?limit=2000") or {}).get("items") or []
        lines += ["== pods that do not run", *(pod_lines(pods) or ["(none)"])]
        lines += ["== last events", *(event_lines(events) or ["(none)"])]
    return lines
