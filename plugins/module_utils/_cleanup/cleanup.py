# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The use case of ``debug_cleanup``: look, decide, and then do what was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.act import Run, delete, stop
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.facts import gather
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.files import (
    check_folder,
    make_folder,
    write_file,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.filters import (
    finding_result,
    keeps,
    names_ownership,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.metrics import (
    counts,
    exposition,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.model import (
    Decision,
    Facts,
    Outcome,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.needs import needed_rules
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.options import (
    SPEC,
    CleanupOptions,
    limits_from,
    selection_from,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.policy import (
    by_pod,
    candidates,
    decide,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.rate import Pace
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.recycle import recycle
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.scan import scan
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import listing
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import require
from ansible_collections.kubedebug.core.plugins.module_utils._pods.where import fields_of
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
    open_client,
)

__all__ = ["DEBUG_CLEANUP", "TooMany"]

_MOST_REASONS = 3
# A server that has answered and stops is restarted, as a rule: about half a minute's patience.
_PATIENCE = 9


class TooMany(DebugError):
    """More would be done than the task allows; nothing was done."""


def _run(params: Params, context: Context) -> Result:
    widened = params["where"] and names_ownership(fields_of("where", str(params["where"])))
    options = CleanupOptions.from_params(
        params, any_ownership=params["ownership"] == "any" or bool(widened)
    )
    limits = limits_from(params)
    with open_client(params, context) as client:
        selection = selection_from(params, client.default_namespace)
        scanned = scan(client, selection, concurrency=limits.concurrency)
        now = client.server_time()
        pods = candidates(scanned.findings, options, now)
        facts = gather(client, pods, options, concurrency=limits.concurrency)
        decisions = decide(scanned.findings, scanned.others, options, facts, now)
        _guard(decisions, limits.max_actions)
        require(client, needed_rules(decisions, options))
        if context.check_mode:
            outcomes = [_foretold(each) for each in decisions]
        else:
            _prepare(options)
            client.retry = replace(client.retry, connect_attempts=_PATIENCE, granted=True)
            run = Run(
                client=client,
                options=options,
                keeps=keeps(selection),
                limits=limits,
                pace=Pace(limits.rate),
            )
            outcomes = _act(run, decisions, facts)
        return _result(outcomes, options, facts, context, now)


def _guard(decisions: Sequence[Decision], most: int) -> None:
    """Stop an accident; check mode as well, since it says what the real run would do."""
    pods = by_pod(decisions)
    single = [each.finding.ref for each in decisions if each.action in ("stop", "delete")]
    whole = [f"pod {each[0].finding.namespace}/{each[0].finding.name}" for each in pods.values()]
    if len(single) + len(whole) > most:
        raise TooMany(
            f"This would stop, delete or replace {len(single) + len(whole)} things, more than "
            f"max_actions={most}: {listing([*single, *whole])}. Nothing was done: narrow the "
            "selection, or raise max_actions.",
            facts={"actions": len(single) + len(whole)},
        )


def _foretold(decision: Decision) -> Outcome:
    return Outcome(decision=decision, status="kept" if decision.action == "none" else "planned")


def _prepare(options: CleanupOptions) -> None:
    """Find out before anything is done that what is to be written can be."""
    if options.evidence_dir is not None and options.want != "reported":
        make_folder("evidence_dir", options.evidence_dir)
        check_folder("evidence_dir", options.evidence_dir)
    if options.metrics_file is not None:
        check_folder("metrics_file", options.metrics_file.parent)


def _act(run: Run, decisions: Sequence[Decision], facts: Facts) -> list[Outcome]:
    """Do what was decided, what harms nobody first; the outcomes are in the decisions' order."""

    def chosen(action: str) -> list[Decision]:
        return [each for each in decisions if each.action == action]

    done = [
        *stop(run, chosen("stop")),
        *delete(run, chosen("delete")),
        *recycle(run, chosen("recycle"), facts),
    ]
    by_key = {each.decision.finding.key: each for each in done}
    return [by_key.get(each.finding.key) or _foretold(each) for each in decisions]


def _result(
    outcomes: list[Outcome],
    options: CleanupOptions,
    facts: Facts,
    context: Context,
    now: float,
) -> Result:
    errors = [each.error for each in outcomes if each.error is not None]
    halted = [each for each in outcomes if each.status == "left"]
    warnings = [facts.unknown] if facts.unknown else []
    if halted:
        warnings.append(
            f"{len(halted)} of what was decided was left undone: "
            f"{listing([each.note for each in halted], most=_MOST_REASONS)}"
        )
    if options.metrics_file is not None and not context.check_mode:
        text = exposition(outcomes, now=now, owners=options.metrics_owners, failed=bool(errors))
        # The collector runs as another user.
        write_file("metrics_file", options.metrics_file, text.encode("utf-8"), mode=0o644)
    result = Result(
        changed=any(each.changed for each in outcomes),
        data={
            "findings": [_item(each) for each in outcomes],
            "counts": counts(outcomes),
        },
        diff=_diff(outcomes),
        warnings=tuple(warnings),
    )
    if errors:
        raise _failure(errors, result)
    return result


def _failure(errors: Sequence[str], result: Result) -> DebugError:
    # A pod that carries several entries fails once for all of them.
    distinct = list(dict.fromkeys(errors))
    text = " / ".join(distinct[:_MOST_REASONS])
    if len(distinct) > _MOST_REASONS:
        text += f" / and {len(distinct) - _MOST_REASONS} more, see findings in the result."
    warnings = {"warnings": list(result.warnings)} if result.warnings else {}
    return DebugError(f"The cleanup failed in part: {text}", facts={**result.as_dict(), **warnings})


def _item(outcome: Outcome) -> dict[str, Any]:
    decision = outcome.decision
    return {
        **finding_result(decision.finding),
        "action": decision.action,
        "possible": decision.possible if decision.possible != "none" else decision.action,
        "code": decision.code,
        "why": decision.why,
        "status": outcome.status,
        "changed": outcome.changed,
        "note": outcome.note or None,
        "error": outcome.error,
        "evidence": outcome.evidence,
    }


def _diff(outcomes: Sequence[Outcome]) -> tuple[Mapping[str, Any], ...]:
    return tuple(
        {
            "before_header": each.decision.finding.ref,
            "after_header": each.decision.finding.ref,
            "before": {"state": each.decision.finding.state},
            "after": {"state": "finished"} if each.decision.action == "stop" else {},
        }
        for each in outcomes
        if each.changed
    )


DEBUG_CLEANUP = UseCase(name="debug_cleanup", spec=SPEC, run=_run)
