# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cluster refuses: Pod Security, RBAC, and a server that cannot be talked to."""

from __future__ import annotations

from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.certificates import Authority
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.playbooks import Playbooks
from e2ekit.refusals import check_refusal, task_args

__all__: list[str] = []

_HARDENED = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.mark.parametrize(
    ("level", "passing", "custom"),
    [
        pytest.param("baseline", "baseline", {}, id="baseline"),
        pytest.param(
            "restricted", "restricted", {"securityContext": {"runAsUser": 1000}}, id="restricted"
        ),
    ],
)
def test_pod_security(
    new_space: NewSpace, new_play: NewPlay, level: str, passing: str, custom: dict[str, Any]
) -> None:
    space = new_space(level=level)
    play = new_play(space)
    low_ports = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
    space.web(
        container={"securityContext": _HARDENED}, spec={"securityContext": {"sysctls": low_ports}}
    )
    module = "ephemeral_command"
    args = task_args(space, {"argv": ["wget", "-qO-", "http://localhost:80"]}, module=module)

    failed = play.task(module, args, ok=False)

    check_refusal(
        failed,
        play,
        [
            f"{space.name}/web: Pod Security level {level} of namespace {space.name} refuses "
            "profile=general",
            "SYS_PTRACE",
            f"profile={passing} passes.",
        ],
    )
    assert space.entries("web") == []

    answer = play.task(module, {**args, "profile": passing, "custom": custom})

    assert "OK - GET" in answer.pod["stdout"]
    if level == "restricted":
        failed = play.task(module, {**args, "profile": passing}, ok=False)
        check_refusal(failed, play, ["runAsNonRoot", "runAsUser: 1000"])


@pytest.mark.parametrize(
    ("resource", "verb", "module"),
    [
        ("pods/ephemeralcontainers", "patch", "ephemeral_container"),
        ("pods", "watch", "ephemeral_container"),
        ("pods", "get", "ephemeral_container"),
        ("pods/exec", "create", "ephemeral_command"),
    ],
)
def test_missing_rbac(
    new_space: NewSpace, new_play: NewPlay, resource: str, verb: str, module: str
) -> None:
    rules = []
    for rule in manifests.DEBUG_RULES:
        verbs = [each for each in rule["verbs"] if [resource] != rule["resources"] or each != verb]
        rules += [{**rule, "verbs": verbs}] if verbs else []
    space = new_space(rules=rules)
    play = new_play(space)
    space.web()
    args = {"argv": ["true"]} if module == "ephemeral_command" else {}

    failed = play.task(module, task_args(space, args, module=module), ok=False)

    check_refusal(
        failed,
        play,
        [
            f'verbs ["{verb}"] on resources ["{resource}"] in apiGroup ""',
            space.name,
            "kubedebug.core.rbac",
        ],
    )
    assert space.entries("web") == []


@pytest.mark.parametrize("problem", ["token", "refused", "certificate", "kubeconfig", "context"])
def test_a_server_that_cannot_be_talked_to(
    shared: Space, shared_play: Playbooks, tmp_path: Any, problem: str
) -> None:
    space = Space(cluster=shared.cluster, name=shared.name, kubeconfig=tmp_path / "kubeconfig")
    options: dict[str, Any] = {}
    if problem == "token":
        space.write_kubeconfig(token="not-a-token-of-this-cluster")
        texts = ["401 Unauthorized", "does not accept these credentials", "api_key"]
    elif problem == "refused":
        space.write_kubeconfig(server="https://127.0.0.1:1")
        texts = ["No answer from 127.0.0.1:1", "connection refused", "host, context and proxy"]
    elif problem == "certificate":
        space.write_kubeconfig(ca=Authority().pem)
        texts = ["The certificate of", "does not verify", "Set ca_cert"]
    elif problem == "kubeconfig":
        texts = [str(space.kubeconfig), "no such file", "Correct the path"]
    else:
        space.write_kubeconfig()
        options = {"context": "nope"}
        texts = ["context", "nope", "e2e"]
    module = "ephemeral_container"
    args = task_args(shared, {"kubeconfig": str(space.kubeconfig), **options}, module=module)

    failed = shared_play.task(module, args, ok=False)

    check_refusal(failed, shared_play, texts)
    assert "not-a-token-of-this-cluster" not in shared_play.runs[-1].output
    assert shared.entries("web") == []
