# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Bringing the objects of an access into the cluster, or out of it, and telling what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.kubedebug.core.plugins.module_utils._access.manifests import (
    MANAGED_BY,
    is_ours,
    object_path,
    owned,
    ref,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    DebugError,
    Forbidden,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out

__all__ = ["AccessError", "Applied", "apply_all", "delete_all"]

Object = Mapping[str, Any]

_APPLY = "application/apply-patch+yaml"
_SIDE_BY_SIDE = 8


class AccessError(DebugError):
    """An object that grants access cannot be made, or taken away."""


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


def apply_all(
    client: Client, objects: Sequence[Object], *, check_mode: bool, pending: bool = False
) -> list[Applied]:
    """Have each object in the cluster as it is wanted.

    A check is a server dry run; with *pending*, what the objects refer to is not there yet, so
    that the server could only say so, and it is not asked. Raises AccessError at the first
    object that is refused; a second run goes on from there.
    """
    done = fan_out(
        lambda wanted: _apply(client, wanted, check_mode=check_mode, pending=pending),
        objects,
        limit=_SIDE_BY_SIDE,
    )
    return [outcome.unwrap() for outcome in done]


def _apply(client: Client, wanted: Object, *, check_mode: bool, pending: bool) -> Applied:
    found = _find(client, wanted)
    before, after = owned(found), owned(wanted)
    uid = (found or {}).get("metadata", {}).get("uid")
    if found is not None and not is_ours(found):
        if wanted["kind"] != "ServiceAccount":
            raise AccessError(
                f"{ref(wanted)} exists and was not made by this collection, which would replace "
                f"what it grants. Choose another name, or give it the label "
                f"app.kubernetes.io/managed-by={MANAGED_BY}."
            )
        # An account that somebody else made serves as it is.
        return Applied(wanted=wanted, action="foreign", before=before, after=before, uid=uid)
    # The live object may lack its kind where it comes from a list; a get has it.
    if before == after:
        return Applied(wanted=wanted, action="unchanged", before=before, after=after, uid=uid)
    if not (check_mode and pending):
        params = {"fieldManager": MANAGED_BY, "force": "true"}
        dry = {"dryRun": "All"} if check_mode else {}
        try:
            made = client.patch(
                object_path(wanted), dict(wanted), content_type=_APPLY, params={**params, **dry}
            )
        except ApiError as error:
            raise _explain(wanted, error) from error
        after, uid = owned(made), made["metadata"].get("uid")
    action: Literal["created", "updated"] = "created" if found is None else "updated"
    return Applied(wanted=wanted, action=action, before=before, after=after, uid=uid)


def _find(client: Client, wanted: Object) -> dict[str, Any] | None:
    try:
        return client.get(object_path(wanted))
    except NotFound:
        return None
    except ApiError as error:
        raise _explain(wanted, error) from error


def _explain(wanted: Object, error: ApiError) -> AccessError:
    namespace = wanted["metadata"].get("namespace")
    if isinstance(error, NotFound) and namespace:
        return AccessError(
            f"{ref(wanted)}: namespace {namespace} does not exist. Create it first, or correct "
            "namespaces and service_account_namespace."
        )
    if isinstance(error, Forbidden) and "attempting to grant" in error.message_full:
        return AccessError(
            f"{ref(wanted)}: Kubernetes lets nobody grant what they do not have: {error.message}. "
            "Run this with credentials that have the verbs escalate and bind, as an administrator."
        )
    if isinstance(error, Forbidden):
        return AccessError(
            f"{ref(wanted)}: {error.message}. Run this with the credentials of an administrator: "
            "it needs get, create, patch and delete on roles, rolebindings and serviceaccounts (or "
            "clusterroles and clusterrolebindings)."
        )
    return AccessError(f"{ref(wanted)}: {error.msg}")


def delete_all(client: Client, objects: Sequence[Object], *, check_mode: bool) -> list[Applied]:
    """Take each object out of the cluster, in order, unless somebody else made it."""
    done = fan_out(lambda wanted: _delete(client, wanted, check_mode=check_mode), objects, limit=1)
    return [outcome.unwrap() for outcome in done]


def _delete(client: Client, wanted: Object, *, check_mode: bool) -> Applied:
    found = _find(client, wanted)
    before = owned(found)
    if found is None:
        return Applied(wanted=wanted, action="absent", before={}, after={})
    if not is_ours(found):
        return Applied(wanted=wanted, action="foreign", before=before, after=before)
    # The very object that was looked at, and not one that has taken its name meanwhile.
    body: dict[str, Any] = {"preconditions": {"uid": found["metadata"]["uid"]}}
    if check_mode:
        # Not a parameter of the query: the API server ignores those where there is a body.
        body["dryRun"] = ["All"]
    try:
        client.delete(object_path(wanted), body)
    except NotFound:
        return Applied(wanted=wanted, action="absent", before={}, after={})
    except ApiError as error:
        raise _explain(wanted, error) from error
    return Applied(wanted=wanted, action="deleted", before=before, after={})
