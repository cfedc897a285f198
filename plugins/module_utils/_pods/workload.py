# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The pods of a workload: by its selector, and then by who really owns them.

Labels alone are not proof: a selector matches any pod that wears them, also one that a person made
by hand or another workload with overlapping labels. So the chain of controller references decides
(Deployment, ReplicaSet, pod), as in kubectl's and the garbage collector's own view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import Rule
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import NotFound
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import TargetError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import explain_forbidden

__all__ = ["Members", "Workload", "members", "owned_by", "parse_workload", "selector_text"]


@dataclass(frozen=True)
class _Kind:
    kind: str
    group: str
    plural: str
    # The resource between the workload and its pods, where there is one.
    between: str = ""


_KINDS = {
    "deployment": _Kind("Deployment", "apps/v1", "deployments", "replicasets"),
    "statefulset": _Kind("StatefulSet", "apps/v1", "statefulsets"),
    "daemonset": _Kind("DaemonSet", "apps/v1", "daemonsets"),
    "replicaset": _Kind("ReplicaSet", "apps/v1", "replicasets"),
    "job": _Kind("Job", "batch/v1", "jobs"),
    "cronjob": _Kind("CronJob", "batch/v1", "cronjobs", "jobs"),
}
# Source: the short names of `kubectl api-resources`
_SHORT = {
    "deploy": "deployment",
    "sts": "statefulset",
    "ds": "daemonset",
    "rs": "replicaset",
    "cj": "cronjob",
}


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A workload as a task names it."""

    kind: str
    name: str

    @property
    def ref(self) -> str:
        """The name for messages."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Members:
    """How the pods of a workload are found: ``selector`` narrows the list (None: it has none, as
    a CronJob), ``owners`` are the UIDs one of which must be a pod's controller.
    """

    selector: str | None
    owners: frozenset[str]


def parse_workload(text: str) -> Workload:
    """Read ``kind/name``, with kubectl's plural and short names of the kind.

    Raises TargetError for another form and for a kind that owns no pods.
    """
    kind, separator, name = text.partition("/")
    known = kind.lower()
    known = _SHORT.get(known, known)
    known = known if known in _KINDS else known.removesuffix("s")
    if known in ("pod", "po"):
        raise TargetError(f"workload={text} names a pod: give name={name} instead.")
    if not separator or not name or "/" in name or known not in _KINDS:
        raise TargetError(
            f"workload={text} is not KIND/NAME with one of the kinds {', '.join(sorted(_KINDS))}."
        )
    return Workload(kind=known, name=name)


def members(client: Client, namespace: str, workload: Workload) -> Members:
    """Read the workload, and what stands between it and its pods.

    Raises TargetError when it does not exist, Refused with the missing rule when RBAC hides it.
    """
    kind = _KINDS[workload.kind]
    with explain_forbidden(client, _rules(kind, namespace, workload.name)):
        return _members(client, namespace, workload, kind)


def _rules(kind: _Kind, namespace: str, name: str) -> list[Rule]:
    group = kind.group.partition("/")[0]
    rules = [Rule(verb="get", group=group, resource=kind.plural, namespace=namespace, name=name)]
    if kind.between:
        rules.append(Rule(verb="list", group=group, resource=kind.between, namespace=namespace))
    return rules


def _members(client: Client, namespace: str, workload: Workload, kind: _Kind) -> Members:
    base = f"/apis/{kind.group}/namespaces/{quote(namespace, safe='')}"
    try:
        found = client.get(f"{base}/{kind.plural}/{quote(workload.name, safe='')}")
    except NotFound as error:
        raise TargetError(
            f"workload={workload.ref} does not exist in namespace {namespace}: check the name and "
            "the namespace."
        ) from error
    uid = found["metadata"]["uid"]
    selector = selector_text((found.get("spec") or {}).get("selector"))
    if not kind.between:
        return Members(selector=selector, owners=frozenset({uid}))
    params = {"labelSelector": selector} if selector else {}
    between = client.list(f"{base}/{kind.between}", params)
    owners = {item["metadata"]["uid"] for item in between if owned_by(item, {uid})}
    return Members(selector=selector, owners=frozenset(owners))


def owned_by(item: Mapping[str, Any], owners: frozenset[str] | set[str]) -> bool:
    """Whether the item's controller is one of *owners*."""
    references = item["metadata"].get("ownerReferences") or []
    return any(each.get("controller") and each.get("uid") in owners for each in references)


def selector_text(selector: Mapping[str, Any] | None) -> str | None:
    """A LabelSelector object in the form that a list request takes.

    Source: apimachinery, pkg/apis/meta/v1/helpers.go (LabelSelectorAsSelector).
    """
    if not selector:
        return None
    terms = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for each in selector.get("matchExpressions") or []:
        terms.append(_expression(each["key"], each["operator"], each.get("values") or []))
    return ",".join(terms) or None


def _expression(key: str, operator: str, values: Sequence[str]) -> str:
    if operator == "Exists":
        return key
    if operator == "DoesNotExist":
        return f"!{key}"
    word = "in" if operator == "In" else "notin"
    return f"{key} {word} ({','.join(values)})"
