# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Bringing the objects of an access into the cluster, or out of it, and telling what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._access.manifests import owned
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    DebugError,
    Forbidden,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._kube.objects import (
    LABEL,
    MANAGED_BY,
    Applied,
    apply_object,
    delete_object,
    find_object,
    is_ours,
    ref,
)

__all__ = ["AccessError", "Applied", "apply_all", "delete_all"]

Object = Mapping[str, Any]

_SIDE_BY_SIDE = 8


class AccessError(DebugError):
    """An object that grants access cannot be made, or taken away."""


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
    found = find_object(client, wanted, explain=_explain)
    if found is not None and not is_ours(found):
        if wanted["kind"] != "ServiceAccount":
            raise AccessError(
                f"{ref(wanted)} exists and was not made by this collection, which would replace "
                f"what it grants. Choose another name, or give it the label {LABEL}={MANAGED_BY}."
            )
        # An account that somebody else made serves as it is.
        before, uid = owned(found), found["metadata"].get("uid")
        return Applied(wanted=wanted, action="foreign", before=before, after=before, uid=uid)
    return apply_object(
        client,
        wanted,
        found=found,
        owned=owned,
        explain=_explain,
        check_mode=check_mode,
        ask=not pending,
    )


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
    done = fan_out(
        lambda wanted: delete_object(
            client, wanted, owned=owned, explain=_explain, check_mode=check_mode
        ),
        objects,
        limit=1,
    )
    return [outcome.unwrap() for outcome in done]
