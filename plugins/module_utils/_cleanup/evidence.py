# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What is kept of something before it is removed: what it was, how it ended, and its last lines.

Values of environment variables may be secrets, and so may annotations; they are masked. What a
program printed is kept, since that is the evidence; characters that would move the cursor of a
terminal, or the like, are written as Python writes them (``\\x1b``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.files import (
    make_folder,
    write_file,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.filters import finding_result
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.findings import PREFIX
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.model import (
    Decision,
    Finding,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.spec import masked_entry
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    BadRequest,
    DebugError,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import pod_path

__all__ = ["EvidenceFailed", "harmless", "masked_object", "save"]

_LOG_LINES = 2000
_LOG_BYTES = 1024 * 1024
_FORMAT = "kubedebug.core/cleanup-evidence/1"
_MASK = "********"
# A pod's name may be as long as a file's; the UID tells two of them apart.
_NAME_LIMIT = 160
_UNSAFE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\r(?!\n)"
)
# Programs are given passwords as arguments, too, and a probe may hold a header with one.
_COMMAND = ("command", "args", "lifecycle", "livenessProbe", "readinessProbe", "startupProbe")


class EvidenceFailed(DebugError):
    """Evidence could not be saved, so that nothing was removed."""


def save(
    client: Client,
    folder: Path,
    decisions: Sequence[Decision],
    item: Mapping[str, Any],
    pods: Sequence[Mapping[str, Any]],
    *,
    now: str,
) -> Path:
    """Save all that goes with one object; returns its folder. Raises EvidenceFailed.

    *item* is the pod or the Job, *pods* are those whose containers go (the pod itself, or those of
    the Job). A name that is used again gets another folder, by the UID.
    """
    finding = decisions[0].finding
    place = folder / finding.namespace / f"{finding.name[:_NAME_LIMIT]}-{finding.uid[:8]}"
    try:
        make_folder("evidence_dir", place)
        for pod in pods:
            for container in _containers(pod, finding):
                text = _log(client, pod, container)
                if text is not None:
                    name = f"{pod['metadata']['name'][:_NAME_LIMIT]}.{container}.log"
                    write_file("evidence_dir", place / name, harmless(text).encode("utf-8"))
        document = {
            "format": _FORMAT,
            "saved_at": now,
            "removed": [
                {**finding_result(each.finding), "action": each.action, "why": each.why}
                for each in decisions
            ],
            "object": masked_object(item, application=_is_application(finding)),
            "pods": [masked_object(pod) for pod in pods if pod is not item],
        }
        text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=True)
        write_file("evidence_dir", place / "evidence.json", f"{text}\n".encode())
    except DebugError as error:
        raise EvidenceFailed(
            f"{finding.ref}: it was not removed, because its evidence could not be saved: "
            f"{error.msg}"
        ) from error
    return place


def _containers(pod: Mapping[str, Any], finding: Finding) -> Iterator[str]:
    """The containers whose output goes: all debuggers of an application's pod, all of our own."""
    fields = ["ephemeralContainers"]
    if finding.kind != "ephemeral_container":
        fields.append("containers")
    for field in fields:
        for container in pod["spec"].get(field) or ():
            yield container["name"]


def harmless(text: str) -> str:
    """Output that a terminal only shows."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def _log(client: Client, pod: Mapping[str, Any], container: str) -> str | None:
    """The last lines of a container; None where it never had any."""
    metadata = pod["metadata"]
    params = {"container": container, "tailLines": _LOG_LINES, "limitBytes": _LOG_BYTES}
    try:
        return client.read_text(
            f"{pod_path(metadata['namespace'], metadata['name'])}/log",
            params,
            max_bytes=_LOG_BYTES,
        )
    except (BadRequest, NotFound):
        # It was never started, or its runtime has lost it: there is nothing that could be kept.
        return None


def _is_application(finding: Finding) -> bool:
    return finding.kind in ("ephemeral_container", "pod_copy")


def masked_object(item: Mapping[str, Any], *, application: bool = False) -> dict[str, Any]:
    """An object without the values that may be secrets; of an *application*, also its commands."""
    metadata = item["metadata"]
    annotations = {
        key: value if key.startswith(PREFIX) else _MASK
        for key, value in (metadata.get("annotations") or {}).items()
    }
    kept = {key: value for key, value in metadata.items() if key != "managedFields"}
    return {
        "metadata": {**kept, "annotations": annotations},
        "spec": _masked_spec(item.get("spec") or {}, application=application),
        "status": item.get("status") or {},
    }


def _masked_spec(spec: Mapping[str, Any], *, application: bool) -> dict[str, Any]:
    shown = dict(spec)
    for key in ("containers", "initContainers", "ephemeralContainers"):
        hidden = _COMMAND if application and key != "ephemeralContainers" else ()
        if spec.get(key):
            shown[key] = [
                {name: value for name, value in masked_entry(each).items() if name not in hidden}
                for each in spec[key]
            ]
    template = spec.get("template")
    if template:
        metadata = template.get("metadata") or {}
        inner = masked_object({"metadata": metadata, "spec": template.get("spec") or {}})
        shown["template"] = {"metadata": inner["metadata"], "spec": inner["spec"]}
    return shown
