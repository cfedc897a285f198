# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server lets us do, and who it takes us for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    Forbidden,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out

__all__ = ["Rule", "missing_rules", "whoami"]

_ACCESS_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_SUBJECT_REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_SIDE_BY_SIDE = 8


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One verb on one resource; without a namespace it is meant in all of them."""

    verb: str
    group: str
    resource: str
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    def describe(self) -> str:
        """Return what a Role must say, in RBAC's own words."""
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return (
            f"verbs {json.dumps([self.verb])} on resources {json.dumps([resource])} in apiGroup "
            f"{json.dumps(self.group)}"
        )


def missing_rules(client: Client, rules: Sequence[Rule]) -> list[Rule]:
    """Return the rules that the credentials lack, by a SelfSubjectAccessReview of each."""
    distinct = list(dict.fromkeys(rules))
    outcomes = fan_out(lambda rule: _is_allowed(client, rule), distinct, limit=_SIDE_BY_SIDE)
    return [rule for rule, outcome in zip(distinct, outcomes, strict=True) if not outcome.unwrap()]


def _is_allowed(client: Client, rule: Rule) -> bool:
    attributes = {
        "verb": rule.verb,
        "group": rule.group,
        "resource": rule.resource,
        "subresource": rule.subresource,
        "namespace": rule.namespace,
        "name": rule.name,
    }
    review = client.post(
        _ACCESS_REVIEW,
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        },
        idempotent=True,
    )
    return bool(review.get("status", {}).get("allowed"))


def whoami(client: Client) -> str:
    """Return the user name that the API server knows us by; empty where it does not tell.

    SelfSubjectReview is there from Kubernetes 1.28 on.
    """
    try:
        review = client.post(
            _SUBJECT_REVIEW,
            {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
            idempotent=True,
        )
    except (Forbidden, NotFound):
        return ""
    return str(review.get("status", {}).get("userInfo", {}).get("username") or "")
