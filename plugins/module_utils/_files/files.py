# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The use case of ``pod_fetch``: files of each target listed, or brought home and verified."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.command import (
    SESSION_SPEC,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.results import (
    raise_failures,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.fetching import (
    Fetched,
    fetch,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.local import Store
from ansible_collections.kubedebug.core.plugins.module_utils._files.model import (
    FILES_SPEC,
    FilesOptions,
    Problem,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.places import (
    PLACE_SPEC,
    Origin,
    open_places,
)
from ansible_collections.kubedebug.core.plugins.module_utils._files.remote import (
    FilesError,
    Listing,
    list_files,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    DEBUGGER_SPEC,
    SELECT_SPEC,
    TARGET_SPEC,
    OptionError,
    Spec,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import listing
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
    open_client,
)

__all__ = ["POD_FETCH"]

_SPEC = Spec.compose(SELECT_SPEC, TARGET_SPEC, DEBUGGER_SPEC, SESSION_SPEC, PLACE_SPEC, FILES_SPEC)


@dataclass
class _Outcome:
    """What came of one target."""

    origin: Origin
    listing: Listing = field(default_factory=Listing)
    fetched: Fetched = field(default_factory=Fetched)
    error: DebugError | None = None

    @property
    def problems(self) -> list[Problem]:
        return [*self.listing.problems, *self.fetched.problems]


def _run(params: Params, context: Context) -> Result:
    options = FilesOptions.from_params(params)
    with open_client(params, context) as client:
        opened = open_places(
            client, params, needs=float(options.timeout), check_mode=context.check_mode
        )
        if options.flat and len(opened.origins) > 1:
            raise OptionError("flat=true writes one file, and the selection has several pods.")
        outcomes = fan_out(
            lambda origin: _work(client, origin, options, check_mode=context.check_mode),
            opened.origins,
            limit=params["concurrency"],
        )
    found = [
        outcome.value if outcome.value is not None else _Outcome(origin=origin, error=outcome.error)
        for origin, outcome in zip(opened.origins, outcomes, strict=True)
    ]
    for one in found:
        one.error = one.error or _verdict(one, options)
    result = Result(
        changed=any(origin.changed for origin in opened.origins)
        or any(each.changed for one in found for each in one.fetched.files),
        data={"pods": [_pod_result(one, options) for one in found]},
        diff=opened.diff,
        warnings=(*opened.warnings, *_told(found, options)),
    )
    raise_failures([one.error for one in found], result, what="Reading files")
    return result


def _work(client: Client, origin: Origin, options: FilesOptions, *, check_mode: bool) -> _Outcome:
    """List, and in state fetched bring home; in check mode only what a running debugger tells."""
    place = origin.place
    if origin.error is not None or place is None:
        return _Outcome(origin=origin, error=origin.error)
    if origin.target.container_problem is not None:
        raise FilesError(
            f"{origin.target.ref}: {origin.target.container_problem}, so that there is no "
            "process whose files could be read."
        )
    found = list_files(client, place, options, timeout=options.timeout)
    outcome = _Outcome(origin=origin, listing=found)
    outcome.error = _too_much(outcome, options)
    if outcome.error is None and options.state == "fetched" and not check_mode:
        store = Store(options, origin.target)
        outcome.fetched = fetch(client, place, store, found.entries)
        outcome.error = outcome.fetched.error
    return outcome


def _too_much(outcome: _Outcome, options: FilesOptions) -> DebugError | None:
    """What forbids to fetch what was listed: nothing is fetched then."""
    ref, found = outcome.origin.target.ref, outcome.listing
    if found.full:
        return FilesError(
            f"{ref}: paths name more than max_files={options.max_files} files and folders. Raise "
            "it, name fewer, or leave some out by exclude."
        )
    if options.state == "listed":
        return None
    files = [each for each in found.entries if each.type == "file"]
    size = sum(each.size for each in files)
    if size > options.max_bytes:
        return FilesError(
            f"{ref}: the {len(files)} files have {size} bytes, more than "
            f"max_bytes={options.max_bytes}. Raise it, or name fewer."
        )
    folders = [each for each in found.entries if each.type == "directory"]
    if folders and not options.recurse:
        return FilesError(
            f"{ref}: {clean(folders[0].path)} is a folder: set recurse=true to fetch what is in it."
        )
    if options.flat and len(files) != 1:
        return FilesError(
            f"{ref}: flat=true writes one file to dest, and paths name {len(files)}. Leave it out."
        )
    if options.flat and Path(options.dest).is_dir():
        return OptionError(f"dest={clean(options.dest)} is a folder: flat=true needs a file name.")
    return None


def _verdict(outcome: _Outcome, options: FilesOptions) -> DebugError | None:
    """What a user asked for and did not get is a failure, unless it is allowed."""
    failed = [each for each in outcome.problems if not each.expected]
    if options.allow_partial or not failed:
        return None
    texts = [f"{clean(each.path)}: {each.reason.rstrip('.')}" for each in failed]
    return FilesError(
        f"{outcome.origin.target.ref}: {len(failed)} of what paths name could not be read: "
        f"{listing(texts, most=3)}. allow_partial=true takes the rest."
    )


def _told(outcomes: list[_Outcome], options: FilesOptions) -> list[str]:
    """What is neither a failure nor what was asked for."""
    told = []
    for one in outcomes:
        ref = one.origin.target.ref
        odd = sorted({each.type for each in one.listing.entries} - {"file", "directory", "link"})
        if options.state == "fetched" and odd:
            told.append(f"{ref}: not read, only reported: {', '.join(odd)}.")
        if options.allow_partial and any(not each.expected for each in one.problems):
            told.append(f"{ref}: {len(one.problems)} of what paths name could not be read.")
    return told


def _pod_result(outcome: _Outcome, options: FilesOptions) -> dict[str, Any]:
    received = {each.entry.path: each for each in outcome.fetched.files}
    nothing = {"dest": None, "sha256": None, "changed": False, "whole": None}
    files = [
        received[each.path].as_dict() if each.path in received else {**each.as_dict(), **nothing}
        for each in outcome.listing.entries
    ]
    base = Store(options, outcome.origin.target).base if options.state == "fetched" else None
    return {
        **outcome.origin.result,
        "dest": None if base is None else str(base),
        "files": files,
        "bytes": sum(each.entry.size for each in outcome.fetched.files if each.whole),
        "partial": bool(outcome.fetched.error)
        or any(not each.expected for each in outcome.problems),
        "problems": [each.as_dict() for each in outcome.problems],
        "error": outcome.error.msg if outcome.error is not None else None,
    }


POD_FETCH = UseCase(name="pod_fetch", spec=_SPEC, run=_run)
