# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The use case of ``debug_report``: one account of a session, for a terminal, a file and a page."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError, Spec
from ansible_collections.kubedebug.core.plugins.module_utils._report.document import (
    Document,
    Inputs,
    build,
)
from ansible_collections.kubedebug.core.plugins.module_utils._report.files import (
    EvidenceError,
    outdated,
    read_text,
    write_files,
)
from ansible_collections.kubedebug.core.plugins.module_utils._report.page import render_html
from ansible_collections.kubedebug.core.plugins.module_utils._report.phrases import problem
from ansible_collections.kubedebug.core.plugins.module_utils._report.terminal import render_text
from ansible_collections.kubedebug.core.plugins.module_utils._report.text import moment
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
    no_secrets,
)

__all__ = ["DEBUG_REPORT"]

_LIST: dict[str, Any] = {"type": "list", "elements": "dict", "default": []}
_RESULTS = ("sessions", "probes", "namespaces", "captures", "commands", "cleanup", "problems")

_SPEC = Spec(
    argument_spec={
        "title": {"type": "str", "default": "Debug report"},
        "owner": {"type": "str"},
        "reason": {"type": "str"},
        "ticket": {"type": "str"},
        **dict.fromkeys(_RESULTS, _LIST),
        "merged": {"type": "dict"},
        "notes": {"type": "list", "elements": "str", "default": []},
        "kept": {"type": "bool", "default": False},
        "evidence_dir": {"type": "path"},
        "time": {"type": "str"},
        "show": {"type": "bool", "default": True},
        "width": {"type": "int", "default": 100},
        "most_lines": {"type": "int", "default": 20},
    }
)
_WIDTHS = (60, 1000)
_LINES = (0, 10_000)


def _run(params: Params, context: Context) -> Result:
    _check_range("width", params["width"], *_WIDTHS)
    _check_range("most_lines", params["most_lines"], *_LINES)
    document = build(_inputs(params))
    folder = Path(params["evidence_dir"]) if params["evidence_dir"] else None
    if folder is not None:
        document = _keep_time(document, _stored(folder))
    text = render_text(document, width=params["width"], most_lines=params["most_lines"])
    contents = {
        # ASCII, so that nothing in it acts on a terminal, and exact: \u001b is ESC again for a
        # program that reads it.
        "report.json": json.dumps(document, indent=2) + "\n",
        "report.html": render_html(document),
        "report.txt": f"{text}\n",
    }
    data = {
        "text": text,
        "outcome": document["outcome"],
        "problems": [{**one, "text": problem(one)} for one in document["problems"]],
        "files": [str(folder / name) for name in contents] if folder is not None else [],
    }
    try:
        diff = _store(folder, contents, context.check_mode) if folder is not None else ()
    except EvidenceError as error:
        # What was found is shown all the same: nobody can find it out again.
        raise DebugError(error.msg, facts={**data, "files": []}) from error
    return Result(changed=bool(diff), data=data, diff=diff)


def _check_range(option: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise OptionError(f"{option}={value} is out of range: give {low} to {high}.")


def _inputs(params: Params) -> Inputs:
    return Inputs(
        title=params["title"] or "Debug report",
        time=_time(params["time"]),
        owner=params["owner"],
        reason=params["reason"],
        ticket=params["ticket"],
        kept=params["kept"],
        merged=params["merged"],
        notes=params["notes"] or (),
        **{name: params[name] or () for name in _RESULTS},
    )


def _time(given: str | None) -> str:
    if given:
        found = moment(given)
        if found is None:
            raise OptionError(
                f"time={given} is not a time of RFC 3339: give one like 2026-11-24T18:00:00Z."
            )
    else:
        found = datetime.fromtimestamp(time.time(), tz=UTC)
    return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _stored(folder: Path) -> str | None:
    try:
        return read_text(folder / "report.json")
    except EvidenceError:
        # Told of where the folder is written to.
        return None


def _keep_time(document: Document, stored: str | None) -> Document:
    """A report says the same until its content differs, so it keeps the time of its content.

    Else the clock alone would make every run a change.
    """
    try:
        old = json.loads(stored or "null")
    except ValueError:
        return document
    if not isinstance(old, Mapping):
        return document
    kept = {**document, "generated_at": old.get("generated_at")}
    # Through JSON, as the stored one went, so that a key that was a number compares as text.
    same = json.loads(json.dumps(kept)) == old and moment(str(old.get("generated_at")))
    return kept if same else document


def _store(
    folder: Path, contents: Mapping[str, str], check_mode: bool
) -> tuple[Mapping[str, Any], ...]:
    """Bring the folder up to date; the diff is that of the text, which stands for all three."""
    stale = outdated(folder, contents)
    if not stale:
        return ()
    path = folder / "report.txt"
    diff = {
        "before_header": str(path),
        "after_header": str(path),
        "before": read_text(path) or "",
        "after": contents["report.txt"],
    }
    if not check_mode:
        write_files(folder, {name: contents[name] for name in stale})
    return (diff,)


DEBUG_REPORT = UseCase(
    name="debug_report",
    spec=_SPEC,
    run=_run,
    secrets=no_secrets,
)
