# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of two runs made comparable: what differs by nature is replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_KEYS = (
    "changed", "failed", "msg", "pods", "diff", "result", "warnings", "skipped",
    "objects", "rules", "kubeconfig", "cronjob", "text", "outcome", "problems", "files",
    "findings",
)  # fmt: skip
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_NAME = re.compile(r"kubedebug-(agent-)?[0-9a-f]{10}(-\d+)?")
_LOOPBACK = re.compile(r"\b127\.0\.0\.1:\d+")
_HASH = re.compile(r"\b[0-9a-f]{10}\b")
# What is measured, or chosen by the cluster, differs each time.
_MEASURED = {
    "avg", "bytes_from_pod", "bytes_to_pod", "debugger", "duration", "ends_with_playbook",
    "exec_command", "identity", "jitter", "local_port", "max", "min", "offset", "p50", "p90", "p99",
    "pid", "resolved", "samples", "serviceAccountUID", "stddev", "uid", "uncertainty", "why",
}  # fmt: skip


def _text(value: str, way: str) -> str:
    value = value.replace(way, "WAY")
    value = _LOOPBACK.sub("LOOPBACK", value)
    value = _HASH.sub("HASH", _NAME.sub("NAME", _TIME.sub("TIME", value)))
    # The pod has more of them with each way.
    return re.sub("NAME(, NAME)+", "NAMES", value)


def _plain(value: Any, way: str) -> Any:
    if isinstance(value, str):
        return _text(value, way)
    if isinstance(value, Mapping):
        return {
            str(key): "MEASURED"
            if key in _MEASURED and isinstance(item, (int, float, str, list))
            else _plain(item, way)
            for key, item in sorted(value.items())
        }
    if isinstance(value, Sequence):
        return [_plain(item, way) for item in value]
    return value


def comparable(results: Mapping[str, Any], way: str) -> dict[str, Any]:
    """The results by their names, each with the keys that a user reads."""
    told = {}
    for name, result in results.items():
        for index, one in enumerate(result.get("results", [result])):
            kept = {key: one[key] for key in _KEYS if key in one and one[key] not in (None, [])}
            # failed_when sets this key, and only then is it there for a success as well.
            kept["failed"] = bool(one.get("failed") or "exception" in one)
            label = f"{name} {index}" if "results" in result else name
            told[label] = _plain(kept, way)
    return told


def differences(ways: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where the ways differ from the first, as paths with both values."""
    return [text for other in ways[1:] for text in _compare(ways[0], other, "")]


def _compare(one: Any, two: Any, path: str) -> list[str]:
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        keys = sorted({*one, *two})
        return [
            text
            for key in keys
            for text in _compare(one.get(key, "(none)"), two.get(key, "(none)"), f"{path}/{key}")
        ]
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        return [
            text
            for index, (left, right) in enumerate(zip(one, two, strict=True))
            for text in _compare(left, right, f"{path}/{index}")
        ]
    return [] if one == two else [f"{path}: {one!r} / {two!r}"]


class FilterModule:
    """The filters, as Ansible finds them."""

    def filters(self) -> dict[str, Any]:
        return {"kd_comparable": comparable, "kd_differences": differences}
