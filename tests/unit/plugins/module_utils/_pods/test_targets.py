# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolving targets against a real HTTP server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    Forbidden,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    OptionError,
    TargetOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import TargetError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import Refused
from ansible_collections.kubedebug.core.plugins.module_utils._pods.scan import iterate_pods
from ansible_collections.kubedebug.core.plugins.module_utils._pods.targets import resolve

MakePod = Callable[..., dict[str, Any]]
_PODS = "/api/v1/namespaces/shop/pods"
_WEB = {"app": "web"}


def _options(**given: Any) -> TargetOptions:
    return TargetOptions(**{"namespace": "shop", **given})


def _workload(name: str, uid: str, owner: str | None = None, **spec: Any) -> dict[str, Any]:
    owners = [{"uid": owner, "controller": True}] if owner else []
    return {
        "metadata": {
            "namespace": "shop",
            "name": name,
            "uid": uid,
            "labels": _WEB,
            "ownerReferences": owners,
        },
        "spec": {"selector": {"matchLabels": _WEB}, **spec},
    }


@pytest.fixture
def shop(cluster: Any, make_pod: MakePod) -> Any:
    """Two pods of a deployment, one that only wears its labels, one of a job, one that failed."""
    apps, batch = "/apis/apps/v1/namespaces/{namespace}", "/apis/batch/v1/namespaces/{namespace}"
    cluster.add(f"{apps}/deployments", _workload("web", "d1"))
    cluster.add(f"{apps}/statefulsets", _workload("db", "s1"))
    cluster.add(
        f"{apps}/replicasets", _workload("web-1", "r1", "d1"), _workload("stray", "r2", "d9")
    )
    cluster.add(f"{batch}/cronjobs", {**_workload("nightly", "c1"), "spec": {"schedule": "x"}})
    cluster.add(f"{batch}/jobs", _workload("nightly-1", "j1", "c1"))
    cluster.pods(
        make_pod("web-b", labels=_WEB, owner="r1"),
        make_pod("web-a", labels={**_WEB, "tier": "front"}, owner="r1"),
        make_pod("web-by-hand", labels=_WEB),
        make_pod("web-of-another", labels=_WEB, owner="r2"),
        make_pod("nightly-x", owner="j1", spec={"nodeName": "node-2"}),
        make_pod("web-failed", labels=_WEB, owner="r1", status={"phase": "Failed"}),
    )
    return cluster


@pytest.mark.parametrize(
    ("given", "names"),
    [
        pytest.param({"name": ("web-b",)}, ["web-b"], id="name"),
        pytest.param({"name": ("web-b", "nightly-x")}, ["nightly-x", "web-b"], id="names-sorted"),
        pytest.param({"name": ("web-b", "web-b")}, ["web-b"], id="name-twice"),
        pytest.param({"workload": "deployment/web"}, ["web-a", "web-b"], id="by-owner-not-label"),
        pytest.param({"workload": "rs/web-1"}, ["web-a", "web-b"], id="replicaset"),
        pytest.param({"workload": "cronjob/nightly"}, ["nightly-x"], id="cronjob"),
        pytest.param(
            {"label_selectors": ("app=web",)},
            ["web-a", "web-b", "web-by-hand", "web-of-another"],
            id="labels",
        ),
        pytest.param({"label_selectors": ("app=web", "tier=front")}, ["web-a"], id="all-labels"),
        pytest.param({"field_selectors": ("spec.nodeName=node-2",)}, ["nightly-x"], id="field"),
        pytest.param({"where": "starts_with(metadata.name, 'web-a')"}, ["web-a"], id="where"),
        pytest.param(
            {"workload": "deploy/web", "label_selectors": ("tier=front",)}, ["web-a"], id="narrowed"
        ),
        pytest.param(
            {"name": ("web-a", "nightly-x"), "workload": "deploy/web"},
            ["web-a"],
            id="name-and-workload",
        ),
        pytest.param(
            {"name": ("web-a",), "label_selectors": ("tier=front",)}, ["web-a"], id="name-and-label"
        ),
        pytest.param(
            {"name": ("web-a", "web-b"), "label_selectors": ("tier=front",)},
            ["web-a"],
            id="names-and-label",
        ),
        pytest.param(
            {"name": ("web-a", "web-b"), "where": "metadata.labels.tier"},
            ["web-a"],
            id="name-and-where",
        ),
        pytest.param(
            {"namespace": None, "all_namespaces": True, "label_selectors": ("tier=front",)},
            ["web-a"],
            id="all-namespaces",
        ),
    ],
)
def test_resolved(shop: Any, given: dict[str, Any], names: list[str]) -> None:
    resolution = resolve(shop.client, _options(**given))
    assert [target.name for target in resolution.targets] == names


def test_target(shop: Any) -> None:
    target = resolve(shop.client, _options(name=("web-a",))).targets[0]
    assert (target.namespace, target.uid, target.node) == ("shop", "uid-web-a", "node-1")
    assert (target.container, target.runtime, target.container_id) == (
        "app",
        "containerd",
        "0123abc",
    )
    assert target.container_problem is None
    assert target.ref == "shop/web-a"
    assert target.path == f"{_PODS}/web-a"
    assert target.pod["metadata"]["name"] == "web-a"


def test_skipped_pods_are_told(shop: Any) -> None:
    resolution = resolve(shop.client, _options(workload="deployment/web"))
    assert [(pod.ref, pod.reason) for pod in resolution.skipped] == [
        ("shop/web-failed", "the pod has finished (Failed)")
    ]
    assert resolution.warnings == (
        "1 matching pod was left out: shop/web-failed: the pod has finished (Failed).",
    )


def test_finished_pods_are_kept_when_nothing_runs_in_them(shop: Any) -> None:
    options = _options(name=("web-failed",))
    resolution = resolve(shop.client, options, need_running=False)
    assert [target.name for target in resolution.targets] == ["web-failed"]
    assert resolution.warnings == ()


@pytest.mark.parametrize(
    ("given", "error", "messages"),
    [
        pytest.param({}, OptionError, ["The task says no pod: give name"], id="nothing-selected"),
        pytest.param(
            {"name": ("web-c", "web-a", "web-d")},
            TargetError,
            ["namespace shop has no pods web-c, web-d", "workload=KIND/NAME"],
            id="no-such-pod",
        ),
        pytest.param(
            {"namespace": "shpo", "name": ("web-a",)},
            TargetError,
            ["namespace=shpo does not exist"],
            id="no-such-namespace-of-a-name",
        ),
        pytest.param(
            {"namespace": "shpo", "label_selectors": ("app=web",)},
            TargetError,
            ["namespace=shpo does not exist"],
            id="no-such-namespace-of-a-selector",
        ),
        pytest.param(
            {"label_selectors": ("app=none",)},
            TargetError,
            ["label_selectors=app=none in namespace shop matches no pod."],
            id="no-match",
        ),
        pytest.param(
            {"where": 'metadata.name == "web-a"'},
            TargetError,
            ["matches no pod", "a text stands in single quotes"],
            id="double-quotes",
        ),
        pytest.param(
            {"name": ("web-failed", "web-a")},
            TargetError,
            ["shop/web-failed: the pod has finished (Failed)."],
            id="named-pod-has-finished",
        ),
        pytest.param(
            {"label_selectors": ("app=web",), "where": "status.phase == 'Failed'"},
            TargetError,
            ["matches no pod that a debugger can work in", "shop/web-failed: the pod has finished"],
            id="none-runs",
        ),
        pytest.param(
            {"label_selectors": ("app=web",), "max_pods": 3},
            TargetError,
            [
                "matches 4 pods, more than max_pods=3",
                "shop/web-a, shop/web-b, shop/web-by-hand, shop/web-of-another",
                "raise max_pods",
            ],
            id="too-many",
        ),
        pytest.param(
            {"name": ("web-a",), "container": "sidecar"},
            TargetError,
            ["container=sidecar does not exist in pod shop/web-a. It has: app."],
            id="no-such-container",
        ),
        pytest.param(
            {"workload": "deployment/wbe"},
            TargetError,
            ["workload=deployment/wbe does not exist in namespace shop"],
            id="no-such-workload",
        ),
        pytest.param(
            {"workload": "sts/db"},
            TargetError,
            ["workload=sts/db in namespace shop matches no pod."],
            id="workload-without-pods",
        ),
        pytest.param(
            {"name": ("../secrets/key",)},
            DebugError,
            ["Check namespace and name"],
            id="name-is-no-path",
        ),
    ],
)
def test_refused(
    shop: Any, given: dict[str, Any], error: type[DebugError], messages: list[str]
) -> None:
    with pytest.raises(error) as raised:
        resolve(shop.client, _options(**given))
    for message in messages:
        assert message in raised.value.msg


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"name": ("gone",)}, id="name"),
        pytest.param({"label_selectors": ("app=none",)}, id="selector"),
    ],
)
def test_namespace_that_may_not_be_read(shop: Any, given: dict[str, Any]) -> None:
    shop.refused["/api/v1/namespaces/shop"] = 403
    with pytest.raises(TargetError, match="whether that namespace exists cannot be told"):
        resolve(shop.client, _options(**given))


_APPS = "/apis/apps/v1/namespaces/shop"
_FORBIDDEN = [
    pytest.param(f"{_PODS}/web-b", {"name": ("web-a", "web-b")}, "get pods", "", id="pod"),
    pytest.param(_PODS, {"label_selectors": ("app=web",)}, "list pods", "", id="pods"),
    pytest.param(
        f"{_APPS}/deployments/web",
        {"workload": "deploy/web"},
        "get deployments",
        "apps",
        id="workload",
    ),
    pytest.param(
        f"{_APPS}/replicasets", {"workload": "deploy/web"}, "list replicasets", "apps", id="between"
    ),
]


@pytest.mark.parametrize(("path", "given", "denied", "group"), _FORBIDDEN)
def test_missing_rule_is_named(
    shop: Any, path: str, given: dict[str, Any], denied: str, group: str
) -> None:
    shop.refused[path] = 403
    shop.denied.add(denied)
    verb, resource = denied.split()
    with pytest.raises(Refused) as raised:
        resolve(shop.client, _options(**given))
    assert f'verbs ["{verb}"] on resources ["{resource}"] in apiGroup "{group}"' in raised.value.msg


@pytest.mark.parametrize(("path", "given", "denied", "group"), _FORBIDDEN)
def test_other_refusal_is_passed_on(
    shop: Any, path: str, given: dict[str, Any], denied: str, group: str
) -> None:
    shop.refused[path] = 403
    with pytest.raises(Forbidden, match="refused with 403"):
        resolve(shop.client, _options(**given))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"label_selectors": ("a=b",)}, "label_selectors: a=b", id="labels"),
        pytest.param(
            {"name": ("web-a",), "field_selectors": ("spec.x=y",)},
            "field_selectors: spec.x=y",
            id="fields-with-a-name",
        ),
    ],
)
def test_selector_that_the_server_refuses(shop: Any, given: dict[str, Any], message: str) -> None:
    shop.refused[_PODS] = 400
    with pytest.raises(OptionError) as raised:
        resolve(shop.client, _options(**given))
    assert message in raised.value.msg
    assert "does not understand the selector: refused with 400" in raised.value.msg


def test_expressions_are_checked_before_the_first_request(shop: Any) -> None:
    with pytest.raises(DebugError, match="where is not valid JMESPath"):
        resolve(shop.client, _options(name=("web-a",), where="["))
    with pytest.raises(TargetError, match="is not KIND/NAME"):
        resolve(shop.client, _options(workload="web"))
    assert shop.requests == []


def test_everything_when_the_caller_allows_it(shop: Any) -> None:
    resolution = resolve(shop.client, _options(), allow_everything=True)
    assert len(resolution.targets) == 5


def test_many_names_in_a_message_are_cut(cluster: Any, make_pod: MakePod) -> None:
    cluster.pods(*(make_pod(f"web-{number}", labels=_WEB) for number in range(9)))
    with pytest.raises(TargetError) as raised:
        resolve(cluster.client, _options(label_selectors=("app=web",), max_pods=2))
    assert "matches 9 pods" in raised.value.msg
    assert "shop/web-4 and 4 more." in raised.value.msg


def test_iterate_pods_reads_an_empty_namespace(cluster: Any) -> None:
    assert list(iterate_pods(cluster.client, _options())) == []
    with pytest.raises(TargetError, match="namespace=shpo does not exist"):
        list(iterate_pods(cluster.client, _options(namespace="shpo")))


def test_iterate_pods_leaves_out_pods_without_the_mark(shop: Any) -> None:
    assert list(iterate_pods(shop.client, _options(), containing=b"no such bytes")) == []
    found = list(iterate_pods(shop.client, _options(), containing=b"web-a"))
    assert [pod["metadata"]["name"] for pod in found] == ["web-a"]
