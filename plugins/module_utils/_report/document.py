# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The report as data, put together from the results of the other modules.

Each field is picked by name: what a module may return one day, or what a registered result carries
besides (its invocation, the environment of a debugger), does not come into a report by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._report.captures import (
    CAPTURE,
    FILE,
    MERGED,
    SUMMARY,
)
from ansible_collections.kubedebug.core.plugins.module_utils._report.text import clip

__all__ = ["FORMAT", "Document", "Inputs", "build"]

Document: TypeAlias = dict[str, Any]
Item: TypeAlias = Mapping[str, Any]

FORMAT = "kubedebug.core/report/1"

# Of one stream of one command, in characters; what is beyond is counted.
_MOST_OUTPUT = 64 * 1024
_MOST_TEXT = 4096
_MOST_ITEMS = 1000

_POD = ("namespace", "name", "uid", "node", "container")
_PROBE = (
    *("method", "peer", "tool", "sent", "received", "loss_percent"),
    *("min", "avg", "max", "p50", "p90", "p99", "status_codes", "body_sample", "errors"),
)
_NAMESPACE = ("name", "target", "debugger", "shared", "evidence", "note")
_STEPS = {
    "session": "session",
    "probe": "probe",
    "namespaces": "namespaces",
    "capture": "captures",
    "command": "commands",
    "cleanup": "cleanup",
}
"""What a problem's step is called -> the part of a pod that it is in."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a run of the role found out, as the modules returned it."""

    title: str
    time: str
    owner: str | None = None
    reason: str | None = None
    ticket: str | None = None
    kept: bool = False
    sessions: Sequence[Item] = ()
    probes: Sequence[Item] = ()
    namespaces: Sequence[Item] = ()
    captures: Sequence[Item] = ()
    merged: Item | None = None
    commands: Sequence[Item] = ()
    cleanup: Sequence[Item] = ()
    problems: Sequence[Item] = ()
    notes: Sequence[str] = ()


def build(inputs: Inputs) -> Document:
    """Join the results by pod, in the order of namespace and name, and gather what went wrong."""
    pods = _pods(inputs)
    owners = {pod["session"]["owner"] for pod in pods if pod["session"] is not None}
    problems = list(_problems(inputs, pods))
    return {
        "format": FORMAT,
        "title": _text(inputs.title),
        "generated_at": inputs.time,
        # Where nobody was named, it is the name that the API server knows the credentials by.
        "owner": _text(inputs.owner) or (owners.pop() if len(owners) == 1 else None),
        "reason": _text(inputs.reason),
        "ticket": _text(inputs.ticket),
        "outcome": "failed" if problems else "ok",
        "kept": inputs.kept,
        "problems": problems,
        "notes": [_text(note) for note in inputs.notes],
        "merged": _pick(inputs.merged, MERGED) if inputs.merged else None,
        "pods": pods,
    }


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    kept, more = clip(str(value), _MOST_TEXT)
    return f"{kept} [+{more} characters]" if more else kept


def _plain(value: Any) -> Any:
    """A value without Ansible's marks and of bounded size; what is no JSON becomes text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return value + 0
    if isinstance(value, str):
        return _text(value) or ""
    if isinstance(value, Mapping):
        pairs = list(value.items())[:_MOST_ITEMS]
        return {str(key): _plain(item) for key, item in pairs}
    if isinstance(value, Iterable):
        return [_plain(item) for item in list(value)[:_MOST_ITEMS]]
    return _text(value)


def _pick(item: Item, names: Iterable[str]) -> dict[str, Any]:
    return {name: _plain(item.get(name)) for name in names}


def _key(item: Item) -> tuple[str, str]:
    return str(item.get("namespace") or ""), str(item.get("name") or "")


def _error(item: Item) -> Any:
    """An error as it reads beneath its pod, without the name of the pod before it."""
    namespace, name = _key(item)
    error = _plain(item.get("error"))
    return error.removeprefix(f"{namespace}/{name}: ") if isinstance(error, str) else error


def _of(items: Iterable[Item], key: tuple[str, str]) -> list[Item]:
    return [item for item in items if _key(item) == key]


def _pods(inputs: Inputs) -> list[dict[str, Any]]:
    ran = [(command, item) for command in inputs.commands for item in command.get("pods") or ()]
    groups = (
        *(inputs.sessions, inputs.probes, inputs.namespaces, inputs.captures),
        *([item for _command, item in ran], inputs.cleanup),
    )
    first: dict[tuple[str, str], Item] = {}
    for group in groups:
        for item in group:
            first.setdefault(_key(item), item)
    return [
        {
            **_pick(first[key], _POD),
            "session": _session(_of(inputs.sessions, key), _of(inputs.cleanup, key)),
            "probe": next(map(_probe, _of(inputs.probes, key)), None),
            "namespaces": next(map(_namespaces, _of(inputs.namespaces, key)), None),
            "captures": [one for item in _of(inputs.captures, key) for one in _captures(item)],
            "commands": [_command(command, item) for command, item in ran if _key(item) == key],
            "cleanup": [_cleaned(item) for item in _of(inputs.cleanup, key)],
        }
        for key in sorted(first)
    ]


def _session(items: Sequence[Item], cleanup: Sequence[Item]) -> dict[str, Any] | None:
    """The debugger of a pod; ``usable`` says whether a person can go on in it."""
    if not items:
        return None
    item = items[0]
    entry: Item = item.get("entry") or {}
    stopped = any(
        one.get("debugger") == item.get("debugger") and one.get("action") == "stopped"
        for one in cleanup
    )
    return {
        "usable": entry.get("state") == "running" and not stopped,
        **_pick(item, ("action", "debugger", "exec_command")),
        "error": _error(item),
        **_pick(entry, ("image", "state", "owner", "ticket", "expires_at")),
        "why_state": _plain(entry.get("reason")),
        "reason": _plain(entry.get("reason_given")),
    }


def _probe(item: Item) -> dict[str, Any]:
    found: Item = item.get("probe") or {}
    return {
        "done": bool(found),
        **_pick(found, _PROBE),
        "error": _error(item),
    }


def _namespaces(item: Item) -> dict[str, Any]:
    rows = item.get("namespaces") or ()
    return {
        "rows": [_pick(row, _NAMESPACE) for row in rows],
        "error": _error(item),
    }


def _captures(item: Item) -> Iterator[dict[str, Any]]:
    """The recordings of one result, the oldest first."""
    for earlier in item.get("earlier") or ():
        yield _capture({"capture": item.get("capture"), **earlier}, error=None)
    yield _capture(item, error=_error(item))


def _capture(item: Item, *, error: Any) -> dict[str, Any]:
    summary: Item | None = item.get("summary")
    return {
        **_pick(item, CAPTURE),
        "files": [_pick(file, FILE) for file in item.get("files") or ()],
        "summary": _pick(summary, SUMMARY) if summary else None,
        "error": error,
    }


def _command(command: Item, item: Item) -> dict[str, Any]:
    return {
        "argv": _plain(command.get("argv") or ()),
        **_pick(item, ("ran", "rc", "timed_out", "duration")),
        "error": _error(item),
        "stdout": _stream(item, "stdout"),
        "stderr": _stream(item, "stderr"),
    }


def _stream(item: Item, name: str) -> dict[str, Any]:
    """An output and what is missing of it: what the module cut (bytes), what the report cut."""
    text, more = clip(str(item.get(name) or ""), _MOST_OUTPUT)
    return {
        "text": text,
        "bytes": _plain(item.get(f"{name}_bytes") or 0),
        "binary": item.get(f"{name}_base64") is not None,
        "truncated": bool(item.get(f"{name}_truncated")) or more > 0,
    }


def _cleaned(item: Item) -> dict[str, Any]:
    entry: Item = item.get("entry") or {}
    return {
        **_pick(item, ("debugger", "action")),
        "error": _error(item),
        **_pick(entry, ("state", "exit_code")),
    }


def _problems(inputs: Inputs, pods: Sequence[Item]) -> Iterator[dict[str, Any]]:
    """Each thing that went wrong, once: a step's own text only where no pod of it has one."""
    told = set()
    for pod in pods:
        for step, error in _pod_errors(pod):
            told.add(step)
            yield {"step": step, "pod": f"{pod['namespace']}/{pod['name']}", "message": error}
    for command in inputs.commands:
        items = command.get("pods") or ()
        if command.get("msg") and not any(item.get("error") for item in items):
            yield {"step": "command", "pod": None, "message": _text(command["msg"])}
    for problem in inputs.problems:
        step = str(problem.get("step") or "")
        if step not in told:
            yield {"step": step, "pod": None, "message": _text(problem.get("msg"))}


def _pod_errors(pod: Item) -> Iterator[tuple[str, str]]:
    for step, name in _STEPS.items():
        part = pod[name]
        for one in part if isinstance(part, list) else [part]:
            if one and one.get("error"):
                yield step, one["error"]
