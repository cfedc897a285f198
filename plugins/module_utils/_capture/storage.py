# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Whether a capture fits into what a pod may store on its node; pure.

A debugger writes into the writable layer of its container, which counts against the pod: the
kubelet evicts a pod whose containers, logs and emptyDirs together exceed the sum of its containers'
limits of ephemeral-storage (kubernetes, pkg/kubelet/eviction/eviction_manager.go,
podEphemeralStorageLimitEviction). A capture must not end its target.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._capture.capture_options import (
    CaptureOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target

__all__ = ["obstacle", "quantity", "storage_limit", "way_out"]

# Source: k8s.io/apimachinery, pkg/api/resource/quantity.go
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[mkMGTPE]|[eE][+-]?[0-9]{1,3})?")
_BINARY = {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)}
_DECIMAL = {letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)}
_FACTORS: Mapping[str, Decimal] = {"": Decimal(1), "m": Decimal("0.001"), **_BINARY, **_DECIMAL}
# What the pod has stored already is known to its node only; this part of the limit is left to it.
_SHARE = 2
_RESOURCE = "ephemeral-storage"


def quantity(text: str) -> int | None:
    """Bytes of a Kubernetes quantity; None for what is none."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        return None
    number, suffix = Decimal(match[1]), match[2] or ""
    if suffix in _FACTORS:
        return int(number * _FACTORS[suffix])
    return int(number.scaleb(int(suffix[1:])))


def storage_limit(pod: Mapping[str, Any]) -> int | None:
    """The bytes that a pod may store; None where none of its containers has a limit."""
    limits = [
        str(limit)
        for container in pod.get("spec", {}).get("containers") or []
        if (limit := ((container.get("resources") or {}).get("limits") or {}).get(_RESOURCE))
        is not None
    ]
    found = [size for text in limits if (size := quantity(text)) is not None]
    return sum(found) if found else None


def obstacle(target: Target, options: CaptureOptions) -> str | None:
    """Why a capture in the pod could get it evicted; None where it cannot."""
    limit = storage_limit(target.pod)
    if limit is None or options.max_bytes * _SHARE <= limit:
        return None
    return (
        f"{target.ref} may store {limit} bytes (its limits of ephemeral-storage), and its node "
        f"evicts it when it has more: max_bytes={options.max_bytes} is more than the half of that "
        "which a capture may take"
    )


def way_out(target: Target) -> str:
    """What can be done about an obstacle."""
    limit = storage_limit(target.pod) or 0
    return f"Lower max_bytes to {limit // _SHARE}, or choose mode=job."
