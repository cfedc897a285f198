# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._pods.choose import choose_container
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import TargetError


def _pod(
    *names: str, default: str | None = None, init: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    annotation = {"kubectl.kubernetes.io/default-container": default} if default else None
    return {
        "metadata": {"namespace": "shop", "name": "web", "annotations": annotation},
        "spec": {
            "containers": [{"name": name} for name in names],
            "initContainers": init,
            "ephemeralContainers": [{"name": "debugger-x"}],
        },
    }


_INIT = [{"name": "migrate"}, {"name": "proxy", "restartPolicy": "Always"}]


@pytest.mark.parametrize(
    ("pod", "explicit", "chosen"),
    [
        pytest.param(_pod("app", "log"), None, "app", id="first"),
        pytest.param(_pod("app", "log"), "log", "log", id="explicit"),
        pytest.param(_pod("app", "log", default="log"), None, "log", id="annotation"),
        pytest.param(_pod("app", "log", default="log"), "app", "app", id="explicit-wins"),
        pytest.param(_pod("app", "log", default="gone"), None, "app", id="annotation-of-none"),
        pytest.param(_pod("istio-proxy", "app"), None, "app", id="istio"),
        pytest.param(_pod("linkerd-proxy", "app"), None, "app", id="linkerd"),
        pytest.param(_pod("vault-agent", "kuma-sidecar", "app"), None, "app", id="two-sidecars"),
        pytest.param(_pod("queue-proxy", "user-container"), None, "user-container", id="knative"),
        pytest.param(_pod("istio-proxy"), None, "istio-proxy", id="nothing-but-a-sidecar"),
        pytest.param(_pod("istio-proxy", "app"), "istio-proxy", "istio-proxy", id="wanted-sidecar"),
        pytest.param(_pod("app", init=_INIT), "proxy", "proxy", id="init-that-stays"),
        pytest.param(_pod("app", init=_INIT), None, "app", id="init-is-no-default"),
    ],
)
def test_chosen(pod: dict[str, Any], explicit: str | None, chosen: str) -> None:
    assert choose_container(pod, explicit) == chosen


@pytest.mark.parametrize(
    ("explicit", "why"),
    [
        pytest.param("ap", "container=ap does not exist in pod shop/web", id="unknown"),
        pytest.param("migrate", "is an init container", id="init"),
        pytest.param("debugger-x", "is an ephemeral container", id="ephemeral"),
    ],
)
def test_refused(explicit: str, why: str) -> None:
    with pytest.raises(TargetError) as raised:
        choose_container(_pod("app", "log", init=_INIT), explicit)
    assert why in raised.value.msg
    assert raised.value.msg.endswith("It has: app, log, proxy.")
