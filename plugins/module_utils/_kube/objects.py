# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Objects that this collection keeps on a cluster: made, changed and taken away, told as a diff.

Each carries a label that says whose it is; one without it belongs to somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    DebugError,
    NotFound,
)

__all__ = [
    "LABEL",
    "MANAGED_BY",
    "Applied",
    "Owned",
    "apply_object",
    "delete_object",
    "find_object",
    "is_ours",
    "object_path",
    "ref",
]

Object: TypeAlias = Mapping[str, Any]
Owned: TypeAlias = Callable[["Object | None"], dict[str, Any]]
"""The part of an object that its capability decides on, as it stands in a diff; {} of none."""
Explain: TypeAlias = Callable[[Object, ApiError], DebugError]
"""What a refusal of an object means for the user."""

# Source: kubernetes.io, "Recommended Labels"
LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "kubedebug.core"

_APPLY = "application/apply-patch+yaml"


def object_path(wanted: Mapping[str, Any]) -> str:
    """The API path of an object, for kinds whose plural is the kind with an s."""
    metadata = wanted["metadata"]
    base = "/api/v1" if wanted["apiVersion"] == "v1" else f"/apis/{wanted['apiVersion']}"
    if "namespace" in metadata:
        base += f"/namespaces/{quote(metadata['namespace'], safe='')}"
    return f"{base}/{wanted['kind'].lower()}s/{quote(metadata['name'], safe='')}"


def ref(wanted: Mapping[str, Any]) -> str:
    """The name for messages."""
    metadata = wanted["metadata"]
    place = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    return f"{wanted['kind']} {place}{metadata['name']}"


def is_ours(found: Mapping[str, Any]) -> bool:
    """Whether the object carries this collection's mark."""
    labels = found.get("metadata", {}).get("labels") or {}
    return bool(labels.get(LABEL) == MANAGED_BY)


@dataclass(frozen=True, kw_only=True)
class Applied:
    """One object, what was done with it, and the part that is ours before and after."""

    wanted: Object
    action: Literal["created", "updated", "unchanged", "foreign", "deleted", "absent"]
    before: Object
    after: Object
    uid: str | None = None

    @property
    def changed(self) -> bool:
        """Whether the cluster differs now, or would in check mode."""
        return self.action in ("created", "updated", "deleted")

    def result(self) -> dict[str, Any]:
        """The object as an item of the module's result."""
        metadata = self.wanted["metadata"]
        return {
            "kind": self.wanted["kind"],
            "namespace": metadata.get("namespace"),
            "name": metadata["name"],
            "action": self.action,
            "changed": self.changed,
        }

    def diff(self) -> dict[str, Any]:
        """The difference as Ansible shows it."""
        header = ref(self.wanted)
        return {
            "before_header": header,
            "after_header": header,
            "before": dict(self.before),
            "after": dict(self.after),
        }


def find_object(client: Client, wanted: Object, *, explain: Explain) -> dict[str, Any] | None:
    """The object as it is now; None where there is none."""
    try:
        return client.get(object_path(wanted))
    except NotFound:
        return None
    except ApiError as error:
        raise explain(wanted, error) from error


def apply_object(
    client: Client,
    wanted: Object,
    *,
    found: Object | None,
    owned: Owned,
    explain: Explain,
    check_mode: bool,
    ask: bool = True,
) -> Applied:
    """Have the object as it is wanted, where *found* is what `find_object` gave.

    A check is a server dry run; without *ask* not even that, as where something that the object
    refers to is only planned. Raises what *explain* makes of a refusal.
    """
    before, after = owned(found), owned(wanted)
    uid = (found or {}).get("metadata", {}).get("uid")
    # The live object may lack its kind where it comes from a list; a get has it.
    if before == after:
        return Applied(wanted=wanted, action="unchanged", before=before, after=after, uid=uid)
    if ask or not check_mode:
        params = {"fieldManager": MANAGED_BY, "force": "true"}
        dry = {"dryRun": "All"} if check_mode else {}
        try:
            made = client.patch(
                object_path(wanted), dict(wanted), content_type=_APPLY, params={**params, **dry}
            )
        except ApiError as error:
            raise explain(wanted, error) from error
        after, uid = owned(made), made["metadata"].get("uid")
        if found is not None and before == after:
            # What differed were defaults that the server fills in.
            return Applied(wanted=wanted, action="unchanged", before=before, after=after, uid=uid)
    action: Literal["created", "updated"] = "created" if found is None else "updated"
    return Applied(wanted=wanted, action=action, before=before, after=after, uid=uid)


def delete_object(
    client: Client, wanted: Object, *, owned: Owned, explain: Explain, check_mode: bool
) -> Applied:
    """Take the object out of the cluster, with what it controls, unless somebody else made it."""
    found = find_object(client, wanted, explain=explain)
    before = owned(found)
    if found is None:
        return Applied(wanted=wanted, action="absent", before={}, after={})
    if not is_ours(found):
        return Applied(wanted=wanted, action="foreign", before=before, after=before)
    # The very object that was looked at, and not one that has taken its name meanwhile.
    body: dict[str, Any] = {
        "preconditions": {"uid": found["metadata"]["uid"]},
        "propagationPolicy": "Background",
    }
    if check_mode:
        # Not a parameter of the query: the API server ignores those where there is a body.
        body["dryRun"] = ["All"]
    try:
        client.delete(object_path(wanted), body)
    except NotFound:
        return Applied(wanted=wanted, action="absent", before={}, after={})
    except ApiError as error:
        raise explain(wanted, error) from error
    return Applied(wanted=wanted, action="deleted", before=before, after={})
