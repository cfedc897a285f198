# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""RBAC in the user's terms: which rule is missing, and where it can be had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import (
    Rule,
    missing_rules,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    Forbidden,
)

__all__ = ["Refused", "explain_forbidden", "missing_text", "pod_rules", "require"]


class Refused(DebugError):
    """The cluster's rules do not allow what the task wants; nothing was created."""


def pod_rules(namespace: str | None) -> list[Rule]:
    """The RBAC that finding pods and waiting for them needs; None stands for all namespaces."""
    return [
        Rule(verb=verb, group="", resource="pods", namespace=namespace or "")
        for verb in ("get", "list", "watch")
    ]


def require(client: Client, rules: Sequence[Rule]) -> None:
    """Raise Refused with the exact rules that the credentials lack."""
    missing = missing_rules(client, rules)
    if missing:
        raise Refused(missing_text(missing))


def missing_text(missing: Sequence[Rule]) -> str:
    """The rules as a role would state them, and the way to them."""
    rules = "; ".join(rule.describe() for rule in missing)
    where = sorted({rule.namespace for rule in missing if rule.namespace})
    place = f"in namespace {', '.join(where)}" if where else "in all namespaces"
    return (
        f"RBAC does not allow this {place}. Missing: {rules}. The role kubedebug.core.rbac grants "
        "it (ansible-playbook kubedebug.core.rbac)."
    )


@contextmanager
def explain_forbidden(client: Client, rules: Sequence[Rule]) -> Iterator[None]:
    """Turn a 403 into the missing ones of *rules*; a 403 for another reason stays as it is."""
    try:
        yield
    except Forbidden as error:
        missing = missing_rules(client, rules)
        if not missing:
            raise
        raise Refused(missing_text(missing)) from error
