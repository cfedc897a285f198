# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each state of a pod means for the wait, and how many streams it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.waiting import (
    Goal,
    Waited,
    last_lines,
    wait_for_entries,
)
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._ephemeral.test_session import (  # noqa: E501
    RUNNING,
    Cluster,
    Json,
    ended,
    make_entry,
    make_pod,
    serve_cluster,
    target,
    waits,
)

LONG = 30.0
# Long enough for the first list to arrive in any case that expects one.
SHORT = 0.5


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    yield from serve_cluster()


def waited(cluster: Cluster, pod: Json, goal: Goal, *, timeout: float = LONG) -> Waited:
    (result,) = wait_for_entries(cluster.client, [(target(pod), "dbg")], goal=goal, timeout=timeout)
    return result


@pytest.mark.parametrize(
    ("goal", "state"),
    [
        pytest.param("running", RUNNING, id="runs"),
        pytest.param("running", ended(0), id="was-too-fast-to-be-seen-running"),
        pytest.param("finished", ended(0), id="finished"),
        pytest.param("stopped", ended(0), id="stopped"),
        pytest.param("stopped", ended(143), id="stopped-by-the-signal"),
    ],
)
def test_reached(cluster: Cluster, goal: Goal, state: Json) -> None:
    pod = make_pod("web-0", make_entry("dbg", state))
    cluster.add(pod)
    result = waited(cluster, pod, goal)
    assert (result.done, result.error) == (True, None)
    assert result.entry is not None
    assert result.entry.name == "dbg"


@pytest.mark.parametrize(
    ("goal", "state", "text"),
    [
        pytest.param(
            "running",
            waits("ErrImagePull", "no such manifest."),
            "shop/web-0: debugger dbg (image toolbox:1): ErrImagePull: no such manifest. Way out: "
            "check the option image, the registry",
            id="image",
        ),
        pytest.param("running", waits("ImagePullBackOff"), "imagePullSecrets", id="backoff"),
        pytest.param(
            "running", waits("InvalidImageName"), "correct the option image", id="image-name"
        ),
        pytest.param(
            "running", waits("ErrImageNeverPull"), "load the image onto the node", id="never-pull"
        ),
        pytest.param(
            "running", waits("CreateContainerConfigError"), "runAsUser: 1000", id="config"
        ),
        pytest.param(
            "running", waits("StartError"), "the image has the command (and sh", id="runtime"
        ),
        pytest.param("running", ended(3), "ended with exit code 3 (Error).", id="ended-badly"),
        pytest.param("running", ended(127), "The image has no such command", id="no-command"),
        pytest.param("finished", ended(3), "ended with exit code 3 (Error).", id="finished-badly"),
    ],
)
def test_failed(cluster: Cluster, goal: Goal, state: Json, text: str) -> None:
    pod = make_pod("web-0", make_entry("dbg", state))
    cluster.add(pod)
    result = waited(cluster, pod, goal)
    assert result.done
    assert result.entry is not None
    assert result.error is not None
    assert text in result.error.msg


@pytest.mark.parametrize(
    ("goal", "change", "text"),
    [
        pytest.param("running", {"phase": "Failed"}, "the pod has finished (Failed)", id="running"),
        pytest.param("finished", {"phase": "Failed"}, "the pod has finished", id="finished"),
        pytest.param("stopped", {"phase": "Failed"}, "is not stopped after 0.5 s", id="stopped"),
    ],
)
def test_pod_with_a_problem(cluster: Cluster, goal: Goal, change: Json, text: str) -> None:
    """A debugger that shall end may end in a pod that ends; any other has no hope left there."""
    pod = make_pod("web-0", make_entry("dbg", waits("ContainerCreating")), **change)
    cluster.add(pod)
    result = waited(cluster, pod, goal, timeout=SHORT if goal == "stopped" else LONG)
    assert result.error is not None
    assert text in result.error.msg


@pytest.mark.parametrize(
    ("goal", "fails"),
    [
        pytest.param("running", True, id="running"),
        pytest.param("finished", True, id="finished"),
        pytest.param("stopped", False, id="stopped"),
    ],
)
def test_pod_is_deleted(cluster: Cluster, goal: Goal, fails: bool) -> None:
    pod = make_pod("web-0", make_entry("dbg", waits("ContainerCreating")))
    cluster.add(pod)
    cluster.events = [("DELETED", pod)]
    result = waited(cluster, pod, goal)
    assert result.done
    assert (result.error is not None) is fails
    if result.error is not None:
        assert "the pod was deleted while the task waited for debugger dbg" in result.error.msg


@pytest.mark.parametrize(
    ("goal", "entries", "text"),
    [
        pytest.param(
            "running",
            [make_entry("dbg", waits("ContainerCreating"))],
            "shop/web-0: debugger dbg is not running after 0.5 s: it is waiting "
            "(ContainerCreating). Look at node node-1, or raise wait_timeout.",
            id="waiting",
        ),
        pytest.param("running", [make_entry("dbg", {})], "it is unknown", id="unreported"),
        pytest.param(
            "running",
            [make_entry("dbg", {"waiting": {}})],
            "it is waiting (the kubelet has not reported on it yet)",
            id="waiting-for-nothing",
        ),
        pytest.param("finished", [make_entry("dbg", RUNNING)], "it is running", id="runs-on"),
        pytest.param("stopped", [make_entry("dbg", RUNNING)], "is not stopped", id="unstoppable"),
        pytest.param(
            "running", [make_entry("other", RUNNING)], "the pod showed no such entry", id="missing"
        ),
    ],
)
def test_time_is_over(cluster: Cluster, goal: Goal, entries: list[Any], text: str) -> None:
    pod = make_pod("web-0", *entries)
    cluster.add(pod)
    result = waited(cluster, pod, goal, timeout=SHORT)
    assert not result.done
    assert result.error is not None
    assert text in result.error.msg


def test_pod_of_the_same_name_is_another_pod(cluster: Cluster) -> None:
    old = make_pod("web-0", make_entry("dbg", waits("ContainerCreating")), uid="old")
    cluster.add(make_pod("web-0", make_entry("dbg", RUNNING), uid="new"))
    result = waited(cluster, old, "running", timeout=SHORT)
    assert result.entry is None
    assert result.error is not None


def test_events_end_the_wait_and_keep_the_order(cluster: Cluster) -> None:
    """Two entries of one pod and one of another, which come to their ends the other way round."""
    first = make_pod("a", make_entry("one", RUNNING), make_entry("two", RUNNING))
    second = make_pod("b", make_entry("one", ended(0)))
    cluster.add(first, second)
    cluster.events = [
        ("MODIFIED", make_pod("a", make_entry("one", RUNNING), make_entry("two", ended(0)))),
        ("MODIFIED", make_pod("a", make_entry("one", ended(1)), make_entry("two", ended(0)))),
    ]
    pending = [(target(first), "one"), (target(first), "two"), (target(second), "one")]
    results = wait_for_entries(cluster.client, pending, goal="stopped", timeout=LONG)
    found = [result.entry and (result.entry.name, result.entry.exit_code) for result in results]
    assert found == [("one", 1), ("two", 0), ("one", 0)]
    assert [result.error for result in results] == [None, None, None]


def test_nothing_to_wait_for_asks_nothing(cluster: Cluster) -> None:
    assert wait_for_entries(cluster.client, [], goal="running", timeout=LONG) == []
    assert cluster.requests == []


@pytest.mark.parametrize("count", [1, 5])
def test_pod_gone_before_the_watch_begins(cluster: Cluster, count: int) -> None:
    others = [make_pod(f"web-{n}", make_entry("dbg", RUNNING)) for n in range(count - 1)]
    targets = [*cluster.add(*others), target(make_pod("gone", make_entry("dbg", RUNNING)))]
    pending = [(one, "dbg") for one in targets]
    *rest, last = wait_for_entries(cluster.client, pending, goal="running", timeout=LONG)
    assert [result.error for result in rest] == [None] * (count - 1)
    assert last.error is not None
    assert "was deleted while the task waited" in last.error.msg


@pytest.mark.parametrize(
    ("count", "labels", "selectors"),
    [
        pytest.param(1, ("app=web",), [{"fieldSelector": ["metadata.name=web-0"]}], id="one"),
        pytest.param(
            4, (), [{"fieldSelector": [f"metadata.name=web-{n}"]} for n in range(4)], id="four"
        ),
        pytest.param(5, ("app=web", "x"), [{"labelSelector": ["app=web,x"]}], id="five"),
        pytest.param(5, (), [{}], id="five-without-labels"),
    ],
)
def test_streams(
    cluster: Cluster, count: int, labels: tuple[str, ...], selectors: list[Json]
) -> None:
    pods = [make_pod(f"web-{n}", make_entry("dbg", RUNNING)) for n in range(count)]
    pending = [(one, "dbg") for one in cluster.add(*pods)]
    results = wait_for_entries(
        cluster.client, pending, goal="running", timeout=LONG, label_selectors=labels
    )
    assert [result.done for result in results] == [True] * count
    lists = sorted(cluster.lists(), key=str)
    assert lists == [("/api/v1/namespaces/shop/pods", each) for each in selectors]


@pytest.mark.parametrize(
    ("log", "end"),
    [
        pytest.param(
            (200, b"one\n\x1b[2Jtwo\x07\n"), "Its last output: one |  [2Jtwo ", id="cleaned"
        ),
        pytest.param((200, b""), "exit code 3 (Error).", id="empty"),
        pytest.param((403, b"no"), "exit code 3 (Error).", id="not-allowed"),
    ],
)
def test_log_of_one_that_ended_badly(cluster: Cluster, log: tuple[int, bytes], end: str) -> None:
    pod = make_pod("web-0", make_entry("dbg", ended(3)))
    cluster.add(pod)
    cluster.log = log
    result = waited(cluster, pod, "running")
    assert result.error is not None
    assert result.error.msg.endswith(end)


def test_log_is_asked_for_the_failed_alone(cluster: Cluster) -> None:
    cluster.log = (200, b"fine")
    good = make_pod("a", make_entry("dbg", ended(0)))
    stuck = make_pod("b", make_entry("dbg", waits("ErrImagePull")))
    pending = [(one, "dbg") for one in cluster.add(good, stuck)]
    wait_for_entries(cluster.client, pending, goal="finished", timeout=LONG)
    assert [asked for asked in cluster.requests if asked.path.endswith("/log")] == []


def test_last_lines_are_bounded_by_the_server(cluster: Cluster) -> None:
    (one,) = cluster.add(make_pod())
    cluster.log = (200, b"a\nb\n")
    assert last_lines(cluster.client, one, "dbg") == ["a", "b"]
    (asked,) = cluster.requests
    assert (asked.path, asked.query["container"]) == (f"{one.path}/log", ["dbg"])
    assert asked.query["tailLines"] == ["10"]
    cluster.log = (403, b"{}")
    assert last_lines(cluster.client, one, "dbg") == []
