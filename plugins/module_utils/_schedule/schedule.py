# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The use case of ``debug_schedule``: a playbook runs by the clock in the cluster, or no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    DebugError,
    Forbidden,
    NotFound,
)
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
from ansible_collections.kubedebug.core.plugins.module_utils._options import Spec
from ansible_collections.kubedebug.core.plugins.module_utils._schedule.spec import (
    SCHEDULE_SPEC,
    ScheduleOptions,
    cronjob,
    owned,
)
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
    open_client,
)

__all__ = ["DEBUG_SCHEDULE", "ScheduleError"]

_SPEC = Spec.compose(SCHEDULE_SPEC)


class ScheduleError(DebugError):
    """A schedule cannot be made, or taken away."""


def _run(params: Params, context: Context) -> Result:
    with open_client(params, context) as client:
        options = ScheduleOptions.from_params(params, default_namespace=client.default_namespace)
        wanted = cronjob(options)
        if options.absent:
            done = delete_object(
                client, wanted, owned=owned, explain=_explain, check_mode=context.check_mode
            )
            return _result(done, None, options)
        return _present(client, wanted, options, context)


def _present(
    client: Client, wanted: dict[str, Any], options: ScheduleOptions, context: Context
) -> Result:
    found = find_object(client, wanted, explain=_explain)
    if found is not None and not is_ours(found):
        raise ScheduleError(
            f"{ref(wanted)} exists and was not made by this collection, which would replace what "
            f"it runs. Choose another name, or give it the label {LABEL}={MANAGED_BY}."
        )
    done = apply_object(
        client,
        wanted,
        found=found,
        owned=owned,
        explain=_explain,
        check_mode=context.check_mode,
    )
    warnings = () if context.check_mode else _warnings(client, options)
    return _result(done, found, options, warnings)


def _warnings(client: Client, options: ScheduleOptions) -> tuple[str, ...]:
    """A CronJob may be made before its account and its claim, but no pod of it before these."""
    account = _object("ServiceAccount", options.service_account, options)
    found = []
    if _lacks(client, account):
        found.append(
            f"{ref(account)} does not exist, so no run can start: grant it what the playbook "
            "needs, as by kubedebug.core.debug_access or the role kubedebug.core.schedule."
        )
    if options.claim:
        claim = _object("PersistentVolumeClaim", options.claim, options)
        if _lacks(client, claim):
            found.append(
                f"{ref(claim)} does not exist, so each run waits for it until its end: make one, "
                "or correct claim."
            )
    return tuple(found)


def _object(kind: str, name: str, options: ScheduleOptions) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": options.namespace},
    }


def _lacks(client: Client, wanted: dict[str, Any]) -> bool:
    """Tell whether it is known not to be there."""
    try:
        return find_object(client, wanted, explain=_explain) is None
    except DebugError:
        # Whoever may make CronJobs may still be one who does not see accounts and claims.
        return False


def _result(
    done: Applied,
    found: Mapping[str, Any] | None,
    options: ScheduleOptions,
    warnings: tuple[str, ...] = (),
) -> Result:
    status = (found or {}).get("status") or {}
    present = done.action not in ("absent", "deleted", "foreign")
    return Result(
        changed=done.changed,
        data={
            "cronjob": {
                **done.result(),
                "schedule": options.schedule if present else None,
                "suspended": options.suspend if present else None,
                "active": [one.get("name") for one in status.get("active") or ()],
                "last_scheduled_at": status.get("lastScheduleTime"),
                "last_succeeded_at": status.get("lastSuccessfulTime"),
            }
        },
        diff=(done.diff(),) if done.changed else (),
        warnings=warnings,
    )


def _explain(wanted: Mapping[str, Any], error: ApiError) -> ScheduleError:
    namespace = wanted["metadata"]["namespace"]
    if isinstance(error, NotFound):
        return ScheduleError(
            f"{ref(wanted)}: namespace {namespace} does not exist. Create it first, or correct "
            "namespace."
        )
    if isinstance(error, Forbidden):
        return ScheduleError(
            f"{ref(wanted)}: {error.message}. Run this with credentials that have get, create, "
            f"patch and delete on cronjobs of the API group batch in namespace {namespace}."
        )
    return ScheduleError(f"{ref(wanted)}: {error.msg}")


DEBUG_SCHEDULE = UseCase(name="debug_schedule", spec=_SPEC, run=_run)
