# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be refused, found out by few questions, and said with a way out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.preflight import (
    Proposal,
    check,
    exec_rules,
    explain,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    api_error,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    DebuggerOptions,
    Profile,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import Refused
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._ephemeral.test_session import (  # noqa: E501
    OPTIONS,
    Cluster,
    Json,
    Refusal,
    make_pod,
    serve_cluster,
    status_of,
)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    yield from serve_cluster()


def ask(cluster: Cluster, targets: list[Target], *, every_pod: bool = False) -> None:
    proposals = [Proposal(target, {"name": "dbg", "image": "toolbox:1"}) for target in targets]
    check(cluster.client, proposals, OPTIONS, every_pod=every_pod, concurrency=1)


@pytest.mark.parametrize(
    ("every_pod", "asked"),
    [
        pytest.param(False, ["a", "bare-1", "bare-2", "other"], id="one-for-each-controller"),
        pytest.param(True, ["a", "b", "bare-1", "bare-2", "c", "other"], id="each-pod"),
    ],
)
def test_pods_of_one_controller_are_rehearsed_once(
    cluster: Cluster, every_pod: bool, asked: list[str]
) -> None:
    alike = [make_pod(name, controller="rs-1") for name in ("a", "b", "c")]
    bare = [make_pod("bare-1"), make_pod("bare-2")]
    ask(
        cluster,
        cluster.add(*alike, make_pod("other", controller="rs-2"), *bare),
        every_pod=every_pod,
    )
    dry = cluster.patches(dry=True)
    assert sorted(request.path.split("/")[-2] for request in dry) == asked
    assert cluster.patches() == []


def test_missing_rules_are_told_before_any_patch(cluster: Cluster) -> None:
    cluster.denied = {"patch pods/ephemeralcontainers", "watch pods"}
    with pytest.raises(Refused) as caught:
        ask(cluster, cluster.add(make_pod("a"), make_pod("b")))
    assert caught.value.msg == (
        'RBAC does not allow this in namespace shop. Missing: verbs ["watch"] on resources '
        '["pods"] in apiGroup ""; verbs ["patch"] on resources ["pods/ephemeralcontainers"] in '
        'apiGroup "". The role kubedebug.core.rbac grants it (ansible-playbook '
        "kubedebug.core.rbac)."
    )
    assert {request.method for request in cluster.requests} == {"POST"}


@pytest.mark.parametrize(
    ("refused", "end"),
    [
        pytest.param("a", "not today", id="one"),
        pytest.param("abc", " 2 more are refused, too: shop/b, shop/c.", id="three"),
        pytest.param(
            "abcdefg", "6 more are refused, too: shop/b, shop/c, shop/d, shop/e.", id="seven"
        ),
    ],
)
def test_the_first_refusal_is_told_and_the_others_named(
    cluster: Cluster, refused: str, end: str
) -> None:
    cluster.admit = lambda path, _entry, _dry: (422, "not today") if path[-1] in refused else None
    with pytest.raises(Refused) as caught:
        ask(cluster, cluster.add(*(make_pod(name) for name in "abcdefg")))
    assert caught.value.msg.startswith("shop/a: the API server refuses the debugger: not today")
    assert caught.value.msg.endswith(end)


@pytest.mark.parametrize(
    ("status", "message", "denied", "text"),
    [
        pytest.param(404, "x", (), "the pod was deleted before the debugger was added", id="gone"),
        pytest.param(
            422,
            "Forbidden: static pods do not support ephemeral containers",
            (),
            "shop/web-0 is a static pod of node node-1, and the API does not allow",
            id="static",
        ),
        pytest.param(
            422, "image: Required", (), "refuses the debugger: image: Required", id="bad-entry"
        ),
        pytest.param(
            422,
            '"" is invalid: patch: Invalid value: "map[env:[map[name:A value:s3cr3t]]]": no int',
            (),
            "shop/web-0: the API server refuses the debugger: custom does not fit what",
            id="wrong-type",
        ),
        pytest.param(
            403,
            "no",
            ("patch pods/ephemeralcontainers",),
            'Missing: verbs ["patch"] on resources ["pods/ephemeralcontainers"]',
            id="rbac",
        ),
        pytest.param(
            403, "policy x", (), "an admission rule refuses the debugger: policy x", id="admission"
        ),
        pytest.param(
            500, "webhook down", (), "the debugger could not be added: 500", id="server-error"
        ),
    ],
)
def test_explain(
    cluster: Cluster, status: int, message: str, denied: tuple[str, ...], text: str
) -> None:
    (target,) = cluster.add(make_pod())
    cluster.denied = set(denied)
    code, body = status_of(status, message)
    found = explain(cluster.client, target, OPTIONS, api_error(code, body))
    assert isinstance(found, Refused)
    assert text in found.msg
    assert "s3cr3t" not in found.msg


def test_explain_leaves_other_errors_alone(cluster: Cluster) -> None:
    (target,) = cluster.add(make_pod())
    error = DebugError("of another kind")
    assert explain(cluster.client, target, OPTIONS, error) is error


def _capabilities(entry: Json) -> list[str]:
    return list(entry.get("securityContext", {}).get("capabilities", {}).get("add", []))


def violating(level: str) -> Refusal:
    return 403, f'pods "web-0" is forbidden: violates PodSecurity "{level}:latest": reasons'


def baseline(_path: str, entry: Json, _dry: bool) -> Refusal | None:
    """Pod Security's level baseline, as far as the profiles differ for it."""
    privileged = entry.get("securityContext", {}).get("privileged")
    return violating("baseline") if privileged or _capabilities(entry) else None


def restricted(_path: str, entry: Json, _dry: bool) -> Refusal | None:
    context = entry.get("securityContext", {})
    return None if context.get("runAsNonRoot") else violating("restricted")


def no_privilege(_path: str, entry: Json, _dry: bool) -> Refusal | None:
    """A policy of the kind that lets capabilities pass."""
    return violating("baseline") if entry.get("securityContext", {}).get("privileged") else None


@pytest.mark.parametrize(
    ("admit", "profile", "level", "end"),
    [
        pytest.param(baseline, "general", "baseline", "profile=baseline passes.", id="baseline"),
        pytest.param(
            restricted, "general", "restricted", "profile=restricted passes.", id="restricted"
        ),
        pytest.param(
            no_privilege, "sysadmin", "baseline", "profile=general passes.", id="most-useful-first"
        ),
    ],
)
def test_pod_security_names_the_profile_that_passes(
    cluster: Cluster, admit: object, profile: Profile, level: str, end: str
) -> None:
    (target,) = cluster.add(make_pod())
    cluster.admit = admit  # type: ignore[assignment]
    options = DebuggerOptions(profile=profile, env={}, custom={})
    code, body = status_of(*violating(level))
    found = explain(cluster.client, target, options, api_error(code, body))
    assert found.msg == (
        f"shop/web-0: Pod Security level {level} of namespace shop refuses profile={profile}: "
        f"reasons. {end}"
    )
    assert cluster.patches() == []


def test_pod_security_that_no_profile_passes(cluster: Cluster) -> None:
    (target,) = cluster.add(make_pod())
    cluster.admit = lambda _path, _entry, _dry: violating("restricted")
    code, body = status_of(*violating("restricted"))
    found = explain(cluster.client, target, OPTIONS, api_error(code, body))
    assert "No profile passes" in found.msg
    assert "pod-security.kubernetes.io/enforce" in found.msg
    # The task's own profile is known to be refused.
    assert len(cluster.patches(dry=True)) == 3


def test_exec_is_asked_by_both_verbs() -> None:
    rules = exec_rules("shop", "web-0")
    assert [(rule.verb, rule.resource, rule.subresource, rule.namespace) for rule in rules] == [
        ("get", "pods", "exec", "shop"),
        ("create", "pods", "exec", "shop"),
    ]
