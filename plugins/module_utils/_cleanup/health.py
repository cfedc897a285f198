# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Whether a workload is whole, and whether what replaces a pod comes to serve."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.act import Halt
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.facts import read_workload
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.findings import is_ready
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.model import (
    Outcome,
    Owner,
    Workload,
    owner_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.scan import pods_path
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    clean,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.watch import Stream, Watch
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import is_deleting

__all__ = ["Harm", "Members", "settle", "trouble"]

# Waiting for these reasons does not end well by itself.
# Source: k8s.io/kubernetes, pkg/kubelet/images/types.go and kuberuntime_manager.go.
_FATAL = frozenset(
    {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)
# Somebody may scale the workload meanwhile, which its pods do not tell.
_SLICE = 15.0


class Harm(DebugError):
    """What replaces a pod does not come to serve."""


def settle(halt: Halt, outcomes: Sequence[Outcome], wait: Callable[[], None]) -> list[Outcome]:
    """See the replacement through; harm makes failures of what was done, and halts the run."""
    try:
        wait()
    except DebugError as error:
        text = error.msg
        if not isinstance(error, Harm):
            text = f"Pods were replaced, but whether the new ones serve was not seen: {text}"
        halt.because(f"{text.rstrip('.')}; nothing else was begun after that.")
        return [
            replace(each, status="failed", error=text, acted=True)
            if each.status == "done"
            else each
            for each in outcomes
        ]
    return list(outcomes)


def trouble(pod: Mapping[str, Any]) -> str:
    """Why a new pod will not come to serve, as a clause; "" while there is hope."""
    status = pod.get("status") or {}
    if status.get("phase") == "Failed":
        return f"has failed ({clean(str(status.get('reason') or 'Failed'), limit=64)})"
    for each in (*_statuses(status, "initContainerStatuses"), *_statuses(status)):
        state = each.get("state") or {}
        reason = str((state.get("waiting") or {}).get("reason") or "")
        name = each.get("name")
        if reason in _FATAL:
            return f"cannot start: container {name}: {reason}"
        if int(each.get("restartCount") or 0) > 0:
            ended = (each.get("lastState") or {}).get("terminated") or {}
            return f"crashes: container {name} ended with exit code {ended.get('exitCode')}"
        if (state.get("terminated") or {}).get("exitCode"):
            return f"crashes: container {name} ended with {state['terminated']['exitCode']}"
    return ""


def _statuses(
    status: Mapping[str, Any], field: str = "containerStatuses"
) -> Iterable[Mapping[str, Any]]:
    found: Iterable[Mapping[str, Any]] = status.get(field) or ()
    return found


class Members:
    """The pods of one workload, watched."""

    def __init__(self, client: Client, namespace: str, workload: Workload) -> None:
        self._client = client
        self._namespace = namespace
        self._workload = workload
        self._before: set[str] = set()
        self._wanted = workload.wanted

    def begin(self) -> None:
        """Note which pods there are, so that others count as new."""
        selector = self._selector()
        listed = self._client.list(pods_path(self._namespace), selector)
        own = [pod for pod in listed if self._is_own(pod)]
        self._before = {pod["metadata"]["uid"] for pod in own}
        if not self._workload.counted:
            self._wanted = sum(is_ready(pod) for pod in own)

    def until_whole(self, timeout: float) -> None:
        """Wait until as many pods are ready as there shall be; raises DebugError at the end."""
        self.begin()
        if not self._wait(set(), timeout):
            raise DebugError(
                f"{self._name()} did not have all of its {self._wanted} pods ready within "
                f"{timeout:g} s, before one more was to be replaced."
            )
        self.begin()

    def until_replaced(self, gone: Iterable[str], timeout: float) -> None:
        """Wait until the pods of these UIDs are gone and others are ready; raises Harm."""
        if not self._wait(set(gone), timeout):
            raise Harm(
                f"{self._name()}: what replaces a pod was not ready within wait_timeout="
                f"{timeout:g} s. Look at its new pods, or raise wait_timeout."
            )

    def _wait(self, gone: set[str], timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        waiting = set(gone)
        while (left := deadline - time.monotonic()) > 0:
            if self._watch(waiting, min(left, _SLICE), strict=bool(gone)):
                return True
            if not self._look_again():
                return True
        return False

    def _watch(self, waiting: set[str], seconds: float, *, strict: bool) -> bool:
        """Follow the pods for a while; whether what is waited for has come. Raises Harm."""
        known = [{"metadata": {"uid": uid}} for uid in sorted(waiting)]
        stream = Stream(pods_path(self._namespace), self._selector(), known)
        ready: set[str] = set()
        if self._wanted == 0 and not waiting:
            return True
        with Watch(self._client, [stream], deadline_seconds=seconds) as watch:
            for event in watch:
                pod = event.object
                uid = str((pod.get("metadata") or {}).get("uid"))
                if event.type == "DELETED":
                    waiting.discard(uid)
                    ready.discard(uid)
                elif self._is_own(pod):
                    if strict and uid not in self._before and not is_deleting(pod):
                        self._check(pod)
                    ready = ready | {uid} if is_ready(pod) else ready - {uid}
                if not waiting and len(ready - waiting) >= self._wanted:
                    return True
        return False

    def _check(self, pod: Mapping[str, Any]) -> None:
        problem = trouble(pod)
        if problem:
            raise Harm(
                f"{self._name()}: the new pod {pod['metadata']['name']} {problem}. No further pod "
                "was replaced."
            )

    def _look_again(self) -> bool:
        """Read how many pods there shall be by now; False where the workload is gone."""
        if not self._workload.counted:
            return True
        owner = Owner(kind=self._workload.kind, name=self._workload.name, uid=self._workload.uid)
        now = read_workload(self._client, self._namespace, owner, rollout=False)
        self._wanted = now.wanted
        return not now.missing

    def _is_own(self, pod: Mapping[str, Any]) -> bool:
        owner = owner_of(pod) if "metadata" in pod else None
        if owner is None:
            return False
        if self._workload.kind == "Deployment":
            # Its next ReplicaSet is not known yet; the selector has narrowed the list.
            return owner.kind == "ReplicaSet" and owner.name.startswith(f"{self._workload.name}-")
        return owner.uid == self._workload.uid

    def _selector(self) -> dict[str, str]:
        return {"labelSelector": self._workload.selector} if self._workload.selector else {}

    def _name(self) -> str:
        return f"{self._workload.ref} in namespace {self._namespace}"
