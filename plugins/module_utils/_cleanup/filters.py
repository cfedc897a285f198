# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Which findings a task is about at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.model import Finding
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.options import Selection
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import rfc3339
from ansible_collections.kubedebug.core.plugins.module_utils._pods.where import (
    compile_expression,
    is_true,
)

__all__ = ["Keeps", "finding_result", "keeps", "names_ownership"]

Keeps: TypeAlias = Callable[[Finding, float], bool]


def finding_result(finding: Finding) -> dict[str, Any]:
    """A finding as plain data; times are RFC 3339 in UTC, null where the API has none."""
    owner = finding.host.owner if finding.host is not None else None
    return {
        "kind": finding.kind,
        "namespace": finding.namespace,
        "name": finding.name,
        "container": finding.container,
        "uid": finding.uid,
        "node": finding.node,
        "workload": owner.ref if owner is not None else None,
        "image": finding.image,
        "tool": finding.tool,
        "managed": finding.managed,
        "identity": finding.identity,
        "owner": finding.owner,
        "reason_given": finding.reason_given,
        "ticket": finding.ticket,
        "state": finding.state,
        "exit_code": finding.exit_code,
        "started_at": rfc3339(finding.started),
        "finished_at": rfc3339(finding.finished),
        "expires_at": rfc3339(finding.expires),
    }


def _for_where(finding: Finding, now: float) -> Mapping[str, Any]:
    """What an expression sees: the result, and what it is easier to compare."""
    return {
        **finding_result(finding),
        "age": None if finding.started is None else now - finding.started,
        "finished_age": None if finding.finished is None else now - finding.finished,
        "labels": dict(finding.labels),
    }


def keeps(selection: Selection) -> Keeps:
    """A test of a finding at a time; raises ExpressionError for what is not JMESPath."""
    search = compile_expression("where", selection.where) if selection.where is not None else None

    def test(finding: Finding, now: float) -> bool:
        if finding.kind not in selection.kinds:
            return False
        if selection.owners and finding.owner not in selection.owners:
            return False
        if selection.images and not any(
            fnmatchcase(finding.image, pattern) for pattern in selection.images
        ):
            return False
        return search is None or is_true(search(_for_where(finding, now), finding.ref))

    return test


def names_ownership(fields: frozenset[str]) -> bool:
    """Whether an expression looks at whose something is, and so decides about that itself."""
    return bool(fields & {"tool", "managed"})
