# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What would be refused is found out before anything is created, and each refusal has a way out.

RBAC is asked by SelfSubjectAccessReview; everything that admission may object to (Pod Security,
webhooks, quotas) by a server dry run of the very patch. Neither is guessed from the objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral import spec
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
    Invalid,
    NotFound,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    DebuggerOptions,
    Profile,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import (
    Refused,
    missing_text,
    pod_rules,
    require,
)

__all__ = ["Proposal", "check", "debug_rules", "exec_rules", "exec_rules_of", "explain"]


@dataclass(frozen=True)
class Proposal:
    """An entry that is about to be added to a pod."""

    target: Target
    entry: Mapping[str, Any]


def debug_rules(namespace: str, name: str = "") -> list[Rule]:
    """The RBAC that adding a debugger and waiting for it needs in *namespace*."""
    return [
        *pod_rules(namespace),
        Rule(
            verb="patch",
            group="",
            resource="pods",
            subresource="ephemeralcontainers",
            namespace=namespace,
            name=name,
        ),
    ]


def exec_rules(namespace: str, name: str = "") -> list[Rule]:
    """The RBAC that running something in a debugger needs.

    ``create`` is what API servers check for a websocket from Kubernetes 1.35 on, ``get`` before.
    """
    return [
        Rule(
            verb=verb, group="", resource="pods", subresource="exec", namespace=namespace, name=name
        )
        for verb in ("get", "create")
    ]


def exec_rules_of(targets: Sequence[Target]) -> tuple[Rule, ...]:
    """The RBAC for running something beside *targets*: of each namespace, its first pod speaks."""
    first = {target.namespace: target for target in reversed(targets)}
    return tuple(
        rule for target in first.values() for rule in exec_rules(target.namespace, target.name)
    )


def check(
    client: Client,
    proposals: Sequence[Proposal],
    options: DebuggerOptions,
    *,
    every_pod: bool,
    concurrency: int,
) -> None:
    """Raise Refused when a proposal would be refused, before any is sent.

    Pods that one controller made are alike to admission, so one of them speaks for all, unless
    *every_pod* asks for each.
    """
    first = {proposal.target.namespace: proposal.target for proposal in reversed(proposals)}
    require(
        client,
        [rule for target in first.values() for rule in debug_rules(target.namespace, target.name)],
    )
    chosen = proposals if every_pod else _first_of_each_kin(proposals)
    outcomes = fan_out(
        lambda proposal: _dry_run(client, proposal.target, proposal.entry),
        chosen,
        limit=concurrency,
    )
    refused = [
        (proposal, outcome.error)
        for proposal, outcome in zip(chosen, outcomes, strict=True)
        if outcome.error is not None
    ]
    if not refused:
        return
    proposal, error = refused[0]
    explained = explain(client, proposal.target, options, error)
    if len(refused) > 1:
        more = ", ".join(other.target.ref for other, _error in refused[1:5])
        raise Refused(f"{explained.msg} {len(refused) - 1} more are refused, too: {more}.")
    raise explained


def _first_of_each_kin(proposals: Sequence[Proposal]) -> list[Proposal]:
    chosen: dict[str, Proposal] = {}
    for proposal in proposals:
        chosen.setdefault(_kin(proposal.target), proposal)
    return list(chosen.values())


def _kin(target: Target) -> str:
    """Tell pods apart by the controller that made them; a bare pod stands for itself."""
    for owner in target.pod.get("metadata", {}).get("ownerReferences", []):
        if owner.get("controller"):
            return str(owner["uid"])
    return target.uid


def _dry_run(client: Client, target: Target, entry: Mapping[str, Any]) -> None:
    client.patch(
        f"{target.path}/ephemeralcontainers",
        spec.patch_body([entry]),
        # Else a misspelt field in custom, as of the security context, would be left out in silence.
        params={"dryRun": "All", "fieldValidation": "Strict", "fieldManager": "kubedebug.core"},
    )


def explain(
    client: Client, target: Target, options: DebuggerOptions, error: DebugError
) -> DebugError:
    """Say in the user's terms why the API server refused a debugger, and what to do about it."""
    if isinstance(error, Forbidden):
        return _explain_forbidden(client, target, options, error)
    if isinstance(error, NotFound):
        return Refused(
            f"{target.ref}: the pod was deleted before the debugger was added. Run the task again "
            "on the pod that replaces it."
        )
    if isinstance(error, Invalid):
        if "static pods" in error.message:
            return Refused(
                f"{target.ref} is a static pod of node {target.node}, and the API does not allow "
                "ephemeral containers there. Debug its node instead."
            )
        return Refused(f"{target.ref}: the API server refuses the debugger: {_reason(error)}")
    if isinstance(error, ApiError):
        return Refused(f"{target.ref}: the debugger could not be added: {error.msg}")
    return error


def _reason(error: Invalid) -> str:
    """The server's reason. For a value of a wrong type it quotes the whole patch before it, with
    the values of the environment; then what comes after the quotation.
    """
    if "patch: Invalid value: " not in error.message:
        return error.message
    causes = error.details.get("causes") or [{}]
    _quoted, found, reason = str(causes[0].get("message")).rpartition('": ')
    told = f" ({clean(reason)})" if found else ""
    return f"custom does not fit what the API takes{told}"


def _explain_forbidden(
    client: Client, target: Target, options: DebuggerOptions, error: Forbidden
) -> DebugError:
    violation = explain_pod_security(error.message_full)
    if violation is None:
        missing = missing_rules(client, debug_rules(target.namespace, target.name))
        if missing:
            return Refused(missing_text(missing))
        return Refused(f"{target.ref}: an admission rule refuses the debugger: {error.message}")
    text = (
        f"{target.ref}: Pod Security level {violation.level} of namespace {target.namespace} "
        f"refuses profile={options.profile}: {violation.text}."
    )
    passing = _passing_profile(client, target, options)
    if passing is None:
        return Refused(
            f"{text} No profile passes, since Pod Security judges the whole pod together with "
            "image, inherit and custom. Ask for another level of the namespace (the label "
            "pod-security.kubernetes.io/enforce)."
        )
    return Refused(f"{text} profile={passing} passes.")


def _passing_profile(client: Client, target: Target, options: DebuggerOptions) -> Profile | None:
    """The first profile that a server dry run accepts, from the most useful to the least."""
    order: tuple[Profile, ...] = ("general", "netadmin", "baseline", "restricted")
    for profile in order:
        if profile == options.profile:
            continue
        tried = replace(options, profile=profile)
        built = spec.build_entry(
            tried, target, name="kubedebug-preflight", identity="preflight", owner="", now=0.0
        )
        try:
            _dry_run(client, target, built.entry)
        except ApiError:
            continue
        return profile
    return None
