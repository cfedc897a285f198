# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one state of a pod means for the wait for its container."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._copies import waiting
from ansible_collections.kubedebug.core.plugins.module_utils._copies.model import Made

__all__: list[str] = []

_MADE = Made(subject="shop/web", namespace="shop", name="copy", container="debugger", action="none")


def _pod(state: dict[str, Any], **status: Any) -> dict[str, Any]:
    mine = {"name": "debugger", "state": state, "lastState": status.pop("last", {})}
    other = {"name": "web", "state": {"running": {}}}
    return {
        "metadata": {"namespace": "shop", "name": "copy", "uid": "u"},
        "spec": {"nodeName": "node-1", "containers": []},
        "status": {"phase": "Running", "containerStatuses": [other, mine], **status},
    }


@pytest.mark.parametrize(
    ("kind", "pod"),
    [
        pytest.param("MODIFIED", _pod({"running": {}}), id="running"),
        pytest.param("MODIFIED", _pod({"terminated": {"exitCode": 0}}), id="done"),
    ],
)
def test_reached(kind: str, pod: dict[str, Any]) -> None:
    judged = waiting._judge(_MADE, kind, pod)

    assert judged is not None
    assert (judged.error, judged.node) == (None, "node-1")


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(_pod({}), id="nothing-yet"),
        pytest.param(_pod({"waiting": {"reason": "ContainerCreating"}}), id="creating"),
    ],
)
def test_not_yet(pod: dict[str, Any]) -> None:
    assert waiting._judge(_MADE, "MODIFIED", pod) is None


_CRASH = {"terminated": {"exitCode": 9}}
_NO_NODE = {"type": "PodScheduled", "reason": "Unschedulable", "message": "no room"}


@pytest.mark.parametrize(
    ("kind", "pod", "words"),
    [
        pytest.param("DELETED", _pod({"running": {}}), ["was deleted"], id="deleted"),
        pytest.param(
            "MODIFIED", _pod({"terminated": {"exitCode": 9, "reason": "Error"}}), ["9"], id="ended"
        ),
        pytest.param(
            "MODIFIED",
            _pod({"waiting": {"reason": "CrashLoopBackOff"}}, last=_CRASH),
            ["again and again", "exit code 9"],
            id="loops",
        ),
        pytest.param(
            "MODIFIED",
            _pod({"waiting": {"reason": "ImagePullBackOff", "message": "no\x1b[31m"}}),
            ["ImagePullBackOff", "Way out: check image"],
            id="image",
        ),
        pytest.param(
            "MODIFIED",
            _pod({}, conditions=[_NO_NODE]),
            ["Unschedulable: no room", "same_node=true"],
            id="no-node",
        ),
        pytest.param(
            "MODIFIED", _pod({}, phase="Failed", reason="Evicted"), ["Evicted"], id="evicted"
        ),
    ],
)
def test_in_vain(kind: str, pod: dict[str, Any], words: list[str]) -> None:
    judged = waiting._judge(_MADE, kind, pod)

    assert judged is not None
    assert judged.error is not None
    assert judged.action == "failed"
    for word in ("shop/web: pod shop/copy", *words):
        assert word in judged.error.msg
    assert "\x1b" not in judged.error.msg
