# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a container's mounts hold secrets."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._files.sealed import secret_mounts
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target

__all__: list[str] = []


def _mounts(volume: dict[str, Any], kind: str = "containers", container: str = "web") -> list[str]:
    mounted = [{"name": "v", "mountPath": "/m"}, {"name": "other", "mountPath": "/other"}]
    spec = {
        "volumes": [{"name": "v", **volume}, {"name": "other", "emptyDir": {}}],
        kind: [{"name": "side"}, {"name": "web", "volumeMounts": mounted}],
    }
    target = Target(
        namespace="n", name="p", uid="u", node="x", container=container, pod={"spec": spec}
    )
    return secret_mounts(target)


@pytest.mark.parametrize(
    ("volume", "sealed"),
    [
        ({"secret": {"secretName": "tls"}}, True),
        ({"secret": {}}, True),
        ({"projected": {"sources": [{"configMap": {}}, {"serviceAccountToken": {}}]}}, True),
        ({"projected": {"sources": [{"secret": {"name": "a"}}]}}, True),
        ({"projected": {"sources": [{"podCertificate": {}}]}}, True),
        ({"csi": {"driver": "secrets-store.csi.k8s.io"}}, True),
        ({"projected": {"sources": [{"configMap": {}}, {"downwardAPI": {}}]}}, False),
        ({"projected": {}}, False),
        ({"csi": {"driver": "ebs.csi.aws.com"}}, False),
        ({"configMap": {"name": "a"}}, False),
    ],
    ids=str,
)
def test_volumes(volume: dict[str, Any], sealed: bool) -> None:
    assert _mounts(volume) == (["/m"] if sealed else [])


@pytest.mark.parametrize("kind", ["containers", "initContainers", "ephemeralContainers"])
def test_only_what_the_target_has_mounted_counts(kind: str) -> None:
    assert _mounts({"secret": {}}, kind) == ["/m"]
    assert _mounts({"secret": {}}, kind, container="side") == []


def test_a_pod_without_anything() -> None:
    target = Target(namespace="n", name="p", uid="u", node="x", container="web", pod={})
    assert secret_mounts(target) == []
