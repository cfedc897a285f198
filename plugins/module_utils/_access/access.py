# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The use case of ``debug_access``: somebody may use the collection, or may no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._access.kubeconfig import (
    Kubeconfig,
    ensure_kubeconfig,
    remove_kubeconfig,
)
from ansible_collections.kubedebug.core.plugins.module_utils._access.manifests import (
    ACCESS_SPEC,
    AccessOptions,
    bindings,
    roles,
    service_account,
)
from ansible_collections.kubedebug.core.plugins.module_utils._access.objects import (
    Applied,
    apply_all,
    delete_all,
)
from ansible_collections.kubedebug.core.plugins.module_utils._access.rules import rules
from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import (
    AuthOptions,
    load_configuration,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._options import Spec
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
    open_client,
)

__all__ = ["DEBUG_ACCESS"]

_SPEC = Spec.compose(ACCESS_SPEC)


def _run(params: Params, context: Context) -> Result:
    with open_client(params, context) as client:
        options = AccessOptions.from_params(params, default_namespace=client.default_namespace)
        if options.absent:
            return _absent(client, options, context)
        return _present(client, options, params, context)


def _present(client: Client, options: AccessOptions, params: Params, context: Context) -> Result:
    account = service_account(options)
    check_mode = context.check_mode
    accounts = apply_all(client, [account] if account else [], check_mode=check_mode)
    made = apply_all(client, roles(options), check_mode=check_mode)
    # A role that the check has only planned cannot be referred to yet.
    pending = any(one.action == "created" for one in made)
    bound = apply_all(client, bindings(options), check_mode=check_mode, pending=pending)
    file = None
    if options.kubeconfig_path:
        cluster, _namespace = load_configuration(AuthOptions.from_params(params), context.environ)
        planned = check_mode and accounts[0].action == "created"
        file = ensure_kubeconfig(
            client,
            cluster,
            options,
            uid=None if planned else accounts[0].uid,
            check_mode=check_mode,
        )
    return _result([*accounts, *made, *bound], file, rules(options.capabilities))


def _absent(client: Client, options: AccessOptions, context: Context) -> Result:
    """The bindings go first: whatever comes in between, nobody keeps more than before."""
    account = service_account(options)
    wanted = [*bindings(options), *roles(options), *([account] if account else [])]
    removed = delete_all(client, wanted, check_mode=context.check_mode)
    file = None
    if options.kubeconfig_path:
        file = remove_kubeconfig(options, check_mode=context.check_mode)
    return _result(removed, file, [])


def _result(
    objects: Sequence[Applied], file: Kubeconfig | None, granted: list[dict[str, Any]]
) -> Result:
    changes: list[Applied | Kubeconfig] = [one for one in objects if one.changed]
    if file is not None and file.changed:
        changes.append(file)
    return Result(
        changed=bool(changes),
        data={
            "objects": [one.result() for one in objects],
            "rules": granted,
            "kubeconfig": file.result() if file is not None else None,
        },
        diff=tuple(one.diff() for one in changes),
    )


DEBUG_ACCESS = UseCase(
    name="debug_access",
    spec=_SPEC,
    run=_run,
)
