# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Which mode an agent can have: asked before anything is made, with each refusal as a reason.

The order is from what touches least: an ephemeral container in the target's own pod, then a Job
on its node, which needs the host's process namespace.

A copy of the pod is the third, and none that an agent is put into: it has another first process,
another network namespace and none of the target's state, so what an agent promises would be false
of it, and it would start a second instance of the application that nobody asked for. Where the two
others are refused, the refusal holds a task of ``pod_copy`` instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._agent.model import AgentPlan
from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import (
    PLACEHOLDERS,
    AgentOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.preflight import (
    LevelRefused,
    kin,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.spec import (
    capabilities_of,
    debugger_options,
    ephemeral_obstacle,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral import preflight, spec
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import (
    explain_pod_security,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import (
    Rule,
    missing_rules,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    DebugError,
    Forbidden,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import (
    missing_text,
)

__all__ = ["Verdict", "copy_instead", "judge_ephemeral"]

# Seconds, the least that pod_copy takes.
_SHORTEST_COPY = 10


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a target's agent can be an ephemeral container, by which options, and why not.

    ``options`` is None where it cannot. ``reasons`` has a text for each thing that was refused,
    ``level`` is that of Pod Security where it was what refused.
    """

    options: AgentOptions | None = None
    reasons: tuple[str, ...] = field(default_factory=tuple)
    level: str | None = None


def judge_ephemeral(client: Client, targets: Sequence[Target], plan: AgentPlan) -> list[Verdict]:
    """Ask the API server about an ephemeral agent of each target; nothing is changed.

    Pods of one controller are alike to admission, so one of them speaks for all.
    """
    obstacle = ephemeral_obstacle(plan.options)
    if obstacle is not None:
        return [Verdict(reasons=(f"ephemeral: {obstacle}",)) for _target in targets]
    lacking = _lacking(client, targets, plan)
    asked: dict[str, Target] = {}
    for target in targets:
        if target.namespace not in lacking:
            asked.setdefault(kin(target), target)
    outcomes = fan_out(
        lambda target: _ask(client, target, plan), list(asked.values()), limit=plan.concurrency
    )
    told = dict(zip(asked, (outcome.unwrap() for outcome in outcomes), strict=True))
    return [
        Verdict(reasons=(f"ephemeral: {lacking[target.namespace]}",))
        if target.namespace in lacking
        else told[kin(target)]
        for target in targets
    ]


def _lacking(client: Client, targets: Sequence[Target], plan: AgentPlan) -> Mapping[str, str]:
    """The namespaces where the credentials may not add a debugger, and the rules they lack."""
    lacking = {}
    for namespace in dict.fromkeys(target.namespace for target in targets):
        rules: list[Rule] = list(preflight.debug_rules(namespace))
        if plan.execs:
            rules += preflight.exec_rules(namespace)
        missing = missing_rules(client, rules)
        if missing:
            lacking[namespace] = missing_text(missing)
    return lacking


def _ask(client: Client, target: Target, plan: AgentPlan) -> Verdict:
    """Try the wish, and then what the work can do with; the first that passes counts."""
    candidates = [plan.options]
    if plan.fallback_capabilities is not None:
        candidates.append(replace(plan.options, capabilities=plan.fallback_capabilities))
    reasons: list[str] = []
    level: str | None = None
    for candidate in candidates:
        error = _refusal(client, target, candidate)
        if error is None:
            return Verdict(options=candidate, reasons=tuple(reasons))
        level = error.level if isinstance(error, LevelRefused) else level
        names = ", ".join(capabilities_of(candidate, job=False)) or "no added capability"
        reasons.append(f"ephemeral with {names}: {error.msg}")
    return Verdict(reasons=tuple(reasons), level=level)


def _refusal(client: Client, target: Target, options: AgentOptions) -> DebugError | None:
    debugger = debugger_options(options, target)
    built = spec.build_entry(
        debugger, target, name="kubedebug-preflight", identity="preflight", owner="", now=0.0
    )
    try:
        client.patch(
            f"{target.path}/ephemeralcontainers",
            spec.patch_body([built.entry]),
            params={"dryRun": "All", "fieldValidation": "Strict", "fieldManager": "kubedebug.core"},
        )
    except Forbidden as error:
        violation = explain_pod_security(error.message_full)
        if violation is None:
            return preflight.explain(client, target, debugger, error)
        return LevelRefused(
            f"Pod Security level {violation.level} of namespace {target.namespace} refuses it: "
            f"{violation.text}.",
            level=violation.level,
        )
    except ApiError as error:
        return preflight.explain(client, target, debugger, error)
    return None


def copy_instead(target: Target, options: AgentOptions, level: str | None) -> str:
    """What a copy would be, and the task that makes it, ready to be pasted (JSON is YAML).

    *level* of Pod Security chooses the profile, which is named as the level is. An argv that names
    the target's process means nothing in a copy, and is left out: then the container stays.
    """
    argv: list[str] = [*(options.command or ()), *options.args]
    words = "\n".join(argv)
    args: dict[str, Any] = {
        "namespace": target.namespace,
        "name": target.name,
        "image": options.image,
        "lifetime": max(options.lifetime, _SHORTEST_COPY),
        "profile": level if level in ("baseline", "restricted") else None,
    }
    if options.command and not any(f"{{{name}}}" in words for name in PLACEHOLDERS):
        args["command"] = argv
    task = {"kubedebug.core.pod_copy": {key: value for key, value in args.items() if value}}
    return (
        "copy: not taken by itself, for a copy is not the target: its processes are fresh ones, "
        "its network is its own, and the application runs twice. Where that will do, with the "
        f"capability copies, the task is: - {json.dumps(task)}"
    )
