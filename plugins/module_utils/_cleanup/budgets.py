# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Which disruption budgets a pod is under, and what they allow; pure.

Source: k8s.io/kubernetes, pkg/registry/core/pod/storage/eviction.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.model import Budget

__all__ = ["budget_of", "matches", "objection"]


def budget_of(item: Mapping[str, Any]) -> Budget:
    """A raw PodDisruptionBudget (policy/v1)."""
    spec, status = item.get("spec") or {}, item.get("status") or {}
    return Budget(
        namespace=item["metadata"]["namespace"],
        name=item["metadata"]["name"],
        selector=spec.get("selector"),
        allowed=int(status.get("disruptionsAllowed") or 0),
        healthy=int(status.get("currentHealthy") or 0),
        desired=int(status.get("desiredHealthy") or 0),
        evict_unready=spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow",
    )


def objection(
    budgets: Sequence[Budget], namespace: str, labels: Mapping[str, str], *, ready: bool
) -> tuple[str, str] | None:
    """Why no eviction of such a pod would be let through now, as a code and a clause."""
    over = [
        each for each in budgets if each.namespace == namespace and matches(each.selector, labels)
    ]
    if len(over) > 1:
        names = ", ".join(sorted(each.name for each in over))
        return "pdb_several", (
            f"it is under several PodDisruptionBudgets ({names}), and the API evicts no such pod"
        )
    for each in over:
        if each.allowed > 0 or (each.evict_unready and not ready):
            continue
        return "pdb_blocks", (
            f"PodDisruptionBudget {each.name} allows no disruption now ({each.healthy} healthy of "
            f"{each.desired} that it wants)"
        )
    return None


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector matches; an empty one matches everything, none nothing.

    Source: k8s.io/apimachinery, pkg/apis/meta/v1/helpers.go (LabelSelectorAsSelector).
    """
    if selector is None:
        return False
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_meets(each, labels) for each in selector.get("matchExpressions") or ())


def _meets(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator = expression.get("key", ""), expression.get("operator")
    values = expression.get("values") or ()
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    if operator == "Exists":
        return key in labels
    return operator == "DoesNotExist" and key not in labels
