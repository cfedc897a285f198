# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The result of a task that makes or deletes pods, always of one shape; pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._agent.records import agent_status
from ansible_collections.kubedebug.core.plugins.module_utils._copies.model import Made, mark
from ansible_collections.kubedebug.core.plugins.module_utils._copies.spec import masked_pod
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.results import (
    raise_failures,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import Result

__all__ = ["made_diff", "made_result", "result_of"]

_LIMIT = 512


def made_result(made: Made) -> dict[str, Any]:
    """One pod: what was done with it, what it is now, and how a person goes on in it."""
    pod: Mapping[str, Any] = made.pod or made.added or {"metadata": {}}
    status = pod.get("status") or {}
    running = (agent_status(pod, made.container).get("state") or {}).get("running") is not None
    there = made.action in ("created", "reused")
    argv = ["kubectl", "exec", "-it", "-n", made.namespace, made.name, "-c", made.container]
    return {
        "target": made.subject,
        "namespace": made.namespace,
        "name": made.name or None,
        "uid": made.uid or None,
        "node": made.node or (pod.get("spec") or {}).get("nodeName") or None,
        "container": made.container or None,
        "action": made.action,
        "changed": made.changed,
        "phase": status.get("phase") if there else None,
        "owner": clean(mark(pod, "owner"), limit=_LIMIT) or None,
        "expires_at": clean(mark(pod, "expires-at"), limit=_LIMIT) or None,
        "exec_command": shlex.join([*argv, "--", "sh"]) if there and running else None,
        "error": made.error.msg if made.error is not None else None,
    }


def made_diff(made: Sequence[Made]) -> tuple[Mapping[str, Any], ...]:
    """What was made or deleted, or would be, with the values of the environment masked."""
    return tuple(
        {
            "before_header": f"pod {one.ref}",
            "after_header": f"pod {one.ref}",
            "before": {} if one.added is not None else {"metadata": {"name": one.name}},
            "after": masked_pod(one.added) if one.added is not None else {},
        }
        for one in made
        if one.error is None and (one.added is not None or one.action in ("deleted", "planned"))
    )


def result_of(made: Sequence[Made], *, warnings: tuple[str, ...] = (), what: str) -> Result:
    """The result of a task; raises DebugError with all of it where one failed."""
    result = Result(
        changed=any(one.changed or one.action == "planned" for one in made),
        data={"pods": [made_result(one) for one in made]},
        diff=made_diff(made),
        warnings=warnings,
    )
    raise_failures([one.error for one in made], result, what=what)
    return result
