# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The CronJob that a schedule is. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.spec import MANAGED_BY
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import clean
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    OptionError,
    check_name,
    read_resources,
)
from ansible_collections.kubedebug.core.plugins.module_utils._schedule.cron import (
    CronError,
    parse,
)

__all__ = ["SCHEDULE_SPEC", "ScheduleOptions", "cronjob", "owned"]

Object: TypeAlias = dict[str, Any]
Pull: TypeAlias = Literal["Always", "IfNotPresent", "Never"]

# Source: kubernetes.io, "Recommended Labels"
_LABEL = "app.kubernetes.io/managed-by"


SCHEDULE_SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str", "default": "kubedebug-cleanup"},
    "namespace": {"type": "str"},
    "schedule": {"type": "str"},
    "time_zone": {"type": "str"},
    "suspend": {"type": "bool", "default": False},
    "playbook": {"type": "str", "default": "kubedebug.core.cleanup"},
    "variables": {"type": "dict", "default": {}},
    "image": {"type": "str"},
    "image_pull_policy": {"type": "str", "choices": ["Always", "IfNotPresent", "Never"]},
    "image_pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "service_account": {"type": "str"},
    "run_as_user": {"type": "int"},
    "claim": {"type": "str"},
    "claim_path": {"type": "str", "default": "/var/lib/kubedebug"},
    "fs_group": {"type": "int"},
    "resources": {
        "type": "dict",
        "default": {
            "requests": {"cpu": "100m", "memory": "256Mi"},
            "limits": {"memory": "512Mi"},
        },
    },
    "node_selector": {"type": "dict", "default": {}},
    "tolerations": {"type": "list", "elements": "dict", "default": []},
    "starting_deadline": {"type": "int", "default": 300},
    "active_deadline": {"type": "int", "default": 1800},
    "backoff_limit": {"type": "int", "default": 0},
    "successful_jobs": {"type": "int", "default": 3},
    "failed_jobs": {"type": "int", "default": 3},
    "ttl": {"type": "int", "default": 86400},
}

# A controller adds 11 characters to the name of each Job, whose name is a label of its pods.
# Source: kubernetes, pkg/apis/batch/validation (validateCronJobName).
_LONGEST_NAME = 52
# A name of a collection's playbook, or a path in the image.
_PLAYBOOK = re.compile(r"[A-Za-z0-9_/][A-Za-z0-9_./-]*", re.ASCII)
# An object of Kubernetes may be 1 MiB as a whole.
_MOST_VARIABLES = 256 * 1024
_BOUNDS = {
    # Source: kubernetes, cronjob_controllerv2.go: below 10 s the controller may look too late.
    "starting_deadline": (10, 24 * 3600),
    "active_deadline": (10, 24 * 3600),
    "backoff_limit": (0, 10),
    "successful_jobs": (0, 100),
    "failed_jobs": (0, 100),
    "ttl": (0, 30 * 24 * 3600),
}
_HOME = "/tmp"  # where a volume of its own is, since the root filesystem is read only
# Source: kubernetes, pkg/apis/core/validation (ValidateVolumeMounts: no colon in a mount path)
_CLAIM_PATH = re.compile(r"(/[A-Za-z0-9_.-]+)+", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class ScheduleOptions:
    """What runs, when, from what, and within which bounds (all in seconds)."""

    name: str
    namespace: str
    absent: bool
    schedule: str
    time_zone: str | None
    suspend: bool
    playbook: str
    variables: Mapping[str, Any]
    image: str
    image_pull_policy: Pull | None
    image_pull_secrets: tuple[str, ...]
    service_account: str
    run_as_user: int | None
    claim: str | None
    claim_path: str
    fs_group: int | None
    resources: Mapping[str, Any]
    node_selector: Mapping[str, str]
    tolerations: tuple[Mapping[str, Any], ...]
    starting_deadline: int
    active_deadline: int
    backoff_limit: int
    successful_jobs: int
    failed_jobs: int
    ttl: int

    @classmethod
    def from_params(cls, params: Mapping[str, Any], *, default_namespace: str) -> ScheduleOptions:
        """Read the options of SCHEDULE_SPEC; raise OptionError for what cannot be meant."""
        name = str(params["name"] or "kubedebug-cleanup")
        options = cls(
            name=name,
            namespace=params["namespace"] or default_namespace,
            absent=params["state"] == "absent",
            schedule=(params["schedule"] or "").strip(),
            time_zone=params["time_zone"] or None,
            suspend=bool(params["suspend"]),
            playbook=str(params["playbook"] or ""),
            variables=params["variables"] or {},
            image=(params["image"] or "").strip(),
            image_pull_policy=params["image_pull_policy"],
            image_pull_secrets=tuple(str(item) for item in params["image_pull_secrets"] if item),
            service_account=params["service_account"] or name,
            run_as_user=params["run_as_user"],
            claim=params["claim"] or None,
            claim_path=str(params["claim_path"] or ""),
            fs_group=params["run_as_user"] if params["fs_group"] is None else params["fs_group"],
            resources=read_resources(params["resources"] or {}),
            node_selector={str(k): str(v) for k, v in (params["node_selector"] or {}).items()},
            tolerations=tuple(params["tolerations"] or ()),
            **{bound: params[bound] for bound in _BOUNDS},
        )
        options._check()
        return options

    def _check(self) -> None:
        check_name("name", self.name)
        check_name("namespace", self.namespace)
        check_name("service_account", self.service_account)
        if len(self.name) > _LONGEST_NAME:
            raise OptionError(
                f"name={self.name} has {len(self.name)} characters: Kubernetes adds to it, give at "
                f"most {_LONGEST_NAME}."
            )
        if self.absent:
            return
        for option in ("schedule", "image", "playbook"):
            if not getattr(self, option):
                raise OptionError(f"{option} is missing: state=present needs it.")
        try:
            parse(self.schedule)
        except CronError as error:
            raise OptionError(f"schedule={clean(self.schedule)!r}: {error}.") from None
        if not _PLAYBOOK.fullmatch(self.playbook):
            raise OptionError(
                f"playbook={clean(self.playbook)!r} is not the name of a playbook: write it as "
                "kubedebug.core.cleanup, or as a path in the image."
            )
        if self.run_as_user is not None and self.run_as_user < 1:
            raise OptionError("run_as_user=0 is root: give the number of an ordinary user.")
        self._check_claim()
        for option, (low, high) in _BOUNDS.items():
            value = getattr(self, option)
            if not low <= value <= high:
                raise OptionError(f"{option}={value} is out of range: give {low} to {high}.")
        if len(self.variables_text) > _MOST_VARIABLES:
            raise OptionError(
                f"variables are {len(self.variables_text)} characters as JSON: give at most "
                f"{_MOST_VARIABLES}, or put them into the image."
            )

    def _check_claim(self) -> None:
        if self.claim is None:
            return
        check_name("claim", self.claim)
        # A folder of the pod's own there would hide the volume, or be hidden by it.
        own = self.claim_path in (_HOME, "/proc", "/sys", "/dev") or ".." in self.claim_path
        if own or not _CLAIM_PATH.fullmatch(self.claim_path):
            raise OptionError(
                f"claim_path={clean(self.claim_path)!r} is no place for the volume: give an "
                "absolute path of letters, digits and . _ - as /var/lib/kubedebug."
            )
        if self.fs_group is not None and self.fs_group < 1:
            raise OptionError("fs_group=0 is the group of root: give that of an ordinary user.")

    @property
    def variables_text(self) -> str:
        """The variables as `-e` takes them: JSON, always in the same order."""
        try:
            return json.dumps(self.variables, sort_keys=True)
        except (TypeError, ValueError):
            raise OptionError(
                "variables hold what JSON cannot: give texts, numbers, booleans, lists and "
                "dictionaries."
            ) from None


def _literal(argument: str) -> str:
    """An argument in which the kubelet expands nothing: ``$(NAME)`` would be.

    Source: k8s.io/kubernetes/third_party/forked/golang/expansion/expand.go ($$ is a $)
    """
    return argument.replace("$", "$$")


def cronjob(options: ScheduleOptions) -> Object:
    """The CronJob; only one run at a time, each bounded and without any privilege."""
    spec: Object = {
        "schedule": options.schedule,
        "suspend": options.suspend,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": options.starting_deadline,
        "successfulJobsHistoryLimit": options.successful_jobs,
        "failedJobsHistoryLimit": options.failed_jobs,
        "jobTemplate": {
            # Without the label of what this collection manages: that is on what debugging left
            # behind, and a clean-up must not take its own Job for such a thing.
            "metadata": {"labels": _labels(options)},
            "spec": {
                "backoffLimit": options.backoff_limit,
                "activeDeadlineSeconds": options.active_deadline,
                "ttlSecondsAfterFinished": options.ttl,
                "template": {"metadata": {"labels": _labels(options)}, "spec": _pod(options)},
            },
        },
    }
    if options.time_zone:
        spec["timeZone"] = options.time_zone
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": options.name,
            "namespace": options.namespace,
            "labels": {_LABEL: MANAGED_BY, **_labels(options)},
        },
        "spec": spec,
    }


def _labels(options: ScheduleOptions) -> Object:
    return {
        "app.kubernetes.io/name": options.name,
        "app.kubernetes.io/component": "schedule",
        "app.kubernetes.io/part-of": MANAGED_BY,
    }


def _pod(options: ScheduleOptions) -> Object:
    """A pod that passes the Pod Security level ``restricted``."""
    security: Object = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if options.run_as_user is not None:
        security["runAsUser"] = options.run_as_user
    volumes: list[Object] = [{"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}}]
    if options.claim:
        volumes.append({"name": "kept", "persistentVolumeClaim": {"claimName": options.claim}})
        if options.fs_group is not None:
            security["fsGroup"] = options.fs_group
            # Once for each volume: there may be many files after a while.
            security["fsGroupChangePolicy"] = "OnRootMismatch"
    pod: Object = {
        "serviceAccountName": options.service_account,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": security,
        "containers": [_container(options)],
        "volumes": volumes,
    }
    if options.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in options.image_pull_secrets]
    if options.node_selector:
        pod["nodeSelector"] = dict(options.node_selector)
    if options.tolerations:
        pod["tolerations"] = [dict(item) for item in options.tolerations]
    return pod


def _container(options: ScheduleOptions) -> Object:
    container: Object = {
        "name": "ansible",
        "image": options.image,
        # In place of the image's entry point, which may want to write to its root filesystem.
        "command": [
            "ansible-playbook",
            "--extra-vars",
            _literal(options.variables_text),
            options.playbook,
        ],
        "env": [
            {"name": "HOME", "value": _HOME},
            {"name": "ANSIBLE_HOME", "value": f"{_HOME}/.ansible"},
            {"name": "ANSIBLE_LOCAL_TEMP", "value": f"{_HOME}/.ansible/tmp"},
            {"name": "ANSIBLE_LOCALHOST_WARNING", "value": "false"},
            {"name": "ANSIBLE_INVENTORY_UNPARSED_WARNING", "value": "false"},
            {"name": "ANSIBLE_NOCOLOR", "value": "true"},
            {"name": "PYTHONUNBUFFERED", "value": "1"},
        ],
        "resources": dict(options.resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        # The reason of a failure stands in the pod's status, also when its log is gone.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "tmp", "mountPath": _HOME}],
    }
    if options.claim:
        container["volumeMounts"].append({"name": "kept", "mountPath": options.claim_path})
    if options.image_pull_policy:
        container["imagePullPolicy"] = options.image_pull_policy
    return container


def owned(found: Mapping[str, Any] | None) -> Object:
    """The part of a CronJob that the module decides on, with the defaults of the server."""
    if found is None:
        return {}
    labels = found.get("metadata", {}).get("labels") or {}
    ours = {name: value for name, value in labels.items() if name.startswith("app.kubernetes.io/")}
    return {"kind": found.get("kind"), "labels": ours, "spec": found.get("spec")}
