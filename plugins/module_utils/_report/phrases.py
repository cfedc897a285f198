# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The sentences that the terminal and the page have in common; all of them are safe to print."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._report.text import (
    duration,
    moment,
    number,
    plural,
    visible,
)

__all__ = [
    "FIGURES",
    "answer",
    "cleanup",
    "command_state",
    "counts",
    "cut_note",
    "debugger",
    "expiry",
    "failed",
    "fault",
    "figures",
    "meta",
    "pod_ref",
    "probe_target",
    "problem",
    "shared",
    "shell_line",
    "when",
]

Item = Mapping[str, Any]

FIGURES = ("min", "avg", "p50", "p90", "p99", "max")


def pod_ref(pod: Item) -> str:
    """``namespace/name``."""
    return visible(f"{pod['namespace']}/{pod['name']}")


def when(text: str | None) -> str:
    """A time for people, always in UTC and marked so."""
    found = moment(text)
    return found.strftime("%Y-%m-%d %H:%M:%SZ") if found else visible(text or "-")


def meta(report: Item) -> list[tuple[str, str]]:
    """Who asked, why, and under which ticket; what was not given is left out."""
    names = ("owner", "reason", "ticket")
    return [(name, visible(report[name])) for name in names if report[name]]


def debugger(session: Item) -> str:
    """The debugger, how it came to be, and how it is."""
    name = visible(session["debugger"] or "none")
    words = [visible(session["action"])]
    if session["state"] and session["state"] != "running":
        words.append(visible(session["state"]))
        if session["why_state"]:
            words.append(visible(session["why_state"]))
    return f"{name} ({', '.join(words)})"


def expiry(session: Item, generated_at: str) -> str | None:
    """When the debugger ends by itself, and how long that is from the report's time."""
    ends, now = moment(session["expires_at"]), moment(generated_at)
    if ends is None:
        return None
    if now is None:
        return when(session["expires_at"])
    return f"{when(session['expires_at'])} (in {duration((ends - now).total_seconds())})"


def probe_target(probe: Item) -> str:
    """Method and peer."""
    return visible(" ".join(str(probe[name]) for name in ("method", "peer") if probe[name]))


def answer(probe: Item) -> str | None:
    """The first line of what the peer answered."""
    lines = str(probe["body_sample"] or "").strip().splitlines()
    return visible(lines[0]) if lines else None


def counts(probe: Item) -> str:
    """How many were sent and answered, and with which status."""
    sent, received = probe["sent"] or 0, probe["received"] or 0
    parts = [f"{received} of {sent} answered", f"loss {_percent(probe['loss_percent'])} %"]
    codes = probe["status_codes"]
    if isinstance(codes, Mapping) and codes:
        parts.append("status " + ", ".join(f"{visible(c)} x{n}" for c, n in codes.items()))
    return ", ".join(parts)


def _percent(value: float | None) -> str:
    """A percentage without a needless fraction."""
    return "-" if value is None else f"{value:g}"


def fault(error: object) -> str:
    """Why attempts were not answered, and how many of them."""
    if isinstance(error, Mapping):
        return f"{visible(error.get('reason'))} ({error.get('count')})"
    return visible(error)


def figures(probe: Item) -> list[tuple[str, str]]:
    """The latencies that there are, in milliseconds."""
    return [(name, number(probe[name])) for name in FIGURES if probe[name] is not None]


def shared(value: object) -> str:
    """Whether a namespace is shared, where it could be told."""
    if not isinstance(value, bool):
        return "unknown"
    return "yes" if value else "no"


def shell_line(argv: Any) -> str:
    """The argv as a person would type it."""
    return visible(shlex.join(str(word) for word in argv or ()))


def command_state(command: Item) -> str:
    """How a command ended, and after how long."""
    if not command["ran"]:
        return "did not run"
    if command["timed_out"]:
        return f"killed after {number(command['duration'])} s"
    return f"rc {command['rc']}, {number(command['duration'])} s"


def cut_note(stream: Item, name: str) -> str | None:
    """What a reader has to know of a stream besides its text."""
    words = []
    if stream["binary"]:
        words.append("not text, shown as far as it can be")
    if stream["truncated"]:
        words.append(f"cut, the whole was {plural(stream['bytes'], 'byte')}")
    return f"[{name}: {'; '.join(words)}]" if words else None


def failed(pod: Item) -> bool:
    """Whether any part of a pod went wrong."""
    lists = (*pod["captures"], *pod["commands"], *pod["cleanup"])
    parts = [pod["session"], pod["probe"], pod["namespaces"], *lists]
    return any(part and part["error"] for part in parts)


def problem(found: Item) -> str:
    """A problem with its pod, where it is of one."""
    message = visible(found["message"])
    return f"{visible(found['pod'])}: {message}" if found["pod"] else message


def cleanup(pod: Item, *, kept: bool) -> str | None:
    """What became of the debugger; None where there was none to clean up."""
    done = [_cleaned(one) for one in pod["cleanup"]]
    if done:
        return "; ".join(done)
    session = pod["session"]
    if session is None or session["debugger"] is None or session["action"] == "planned":
        return None
    if session["state"] != "running":
        return "its entry stays in the pod's list until the pod goes"
    if kept and session["expires_at"]:
        return "none, it goes on until it ends by itself"
    return "none, and nothing ends it by itself" if kept else None


def _cleaned(one: Item) -> str:
    if one["error"]:
        return f"{visible(one['debugger'])} NOT stopped"
    if one["action"] == "none":
        return "nothing was running any more"
    code = "" if one["exit_code"] is None else f" (exit code {one['exit_code']})"
    return f"{visible(one['debugger'])} {visible(one['action'])}{code}"
