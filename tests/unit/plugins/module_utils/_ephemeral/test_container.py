# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The use case as a whole: present, stopped, check mode, and options that exclude each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.container import (
    EPHEMERAL_CONTAINER,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    ExecStartFailed,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import Refused
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import Result
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._ephemeral.test_running import (  # noqa: E501
    Exec,
    result,
)
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._ephemeral.test_session import (  # noqa: E501
    RUNNING,
    Cluster,
    Json,
    ended,
    make_entry,
    make_pod,
    serve_cluster,
    waits,
)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    yield from serve_cluster()


@pytest.fixture
def execs(monkeypatch: pytest.MonkeyPatch) -> Exec:
    return Exec(result()).install(monkeypatch)


def run(cluster: Cluster, **params: Any) -> Result:
    return cluster.run(EPHEMERAL_CONTAINER, **{"image": "toolbox:1", **params})


def actions(found: Result | DebugError) -> list[tuple[str, str | None]]:
    data = found.data if isinstance(found, Result) else found.facts
    return [(pod["action"], pod["debugger"]) for pod in data["pods"]]


def test_present_twice_changes_once(cluster: Cluster) -> None:
    cluster.add(make_pod())
    first, second = run(cluster), run(cluster)
    assert (first.changed, len(first.diff)) == (True, 1)
    assert (second.changed, second.diff) == (False, ())
    (created,), (reused,) = actions(first), actions(second)
    assert (created[0], reused[0]) == ("created", "reused")
    assert created[1] == reused[1]


def test_owner_is_who_the_server_takes_us_for(cluster: Cluster) -> None:
    cluster.add(make_pod())
    (pod,) = run(cluster).data["pods"]
    assert pod["entry"]["owner"] == "jane"
    (pod,) = run(cluster, owner="joe").data["pods"]
    assert (pod["action"], pod["entry"]["owner"]) == ("created", "joe")


def test_warnings_name_their_pod(cluster: Cluster) -> None:
    pod = make_pod()
    mount = {"name": "data", "mountPath": "/data", "subPath": "part"}
    pod["spec"]["containers"][0]["volumeMounts"] = [mount]
    cluster.add(pod)
    (warning,) = run(cluster, inherit=["mounts"]).warnings
    assert warning.startswith("shop/web-0: the mount at /data is not inherited")


def test_present_that_fails_tells_what_was_added(cluster: Cluster) -> None:
    cluster.add(make_pod("a"), make_pod("b", app=waits("CrashLoopBackOff")))
    with pytest.raises(DebugError) as caught:
        run(cluster)
    assert caught.value.msg.startswith("The debugger failed on 1 of 2 pods: shop/b: a debugger")
    assert [action for action, _name in actions(caught.value)] == ["created", "failed"]
    assert caught.value.facts["changed"] is True


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({"state": "present"}, id="present"),
        pytest.param({"state": "stopped"}, id="stopped"),
    ],
)
def test_check_mode_changes_nothing(cluster: Cluster, execs: Exec, params: Json) -> None:
    entry = make_entry("old", RUNNING, owner="jane", identity="x")
    cluster.add(make_pod("web-0", entry))
    found = run(cluster, check_mode=True, **params)
    assert found.changed
    assert [action for action, _name in actions(found)] == ["planned"]
    assert (execs.calls, cluster.patches()) == ([], [])
    writes = [asked for asked in cluster.requests if asked.method not in ("GET", "POST")]
    assert [asked.query["dryRun"] for asked in writes] == [["All"]] * len(writes)
    # The only POSTs are questions of the kind that stores nothing.
    posts = {asked.path for asked in cluster.requests if asked.method == "POST"}
    assert all("selfsubject" in path for path in posts)


FORGED = make_entry("forged", RUNNING)
FORGED[0]["env"] = [{"name": "KUBEDEBUG_OWNER", "value": "jane"}]
MIXED = (
    FORGED,
    make_entry("mine-1", RUNNING, owner="jane"),
    make_entry("mine-ended", ended(0), owner="jane"),
    make_entry("joes", RUNNING, owner="joe"),
    make_entry("debugger-by-hand", RUNNING),
    make_entry("mine-2", RUNNING, owner="jane"),
)
STOPPED = tuple((container, {**status, "state": ended(143)}) for container, status in MIXED)


@pytest.mark.parametrize(
    ("params", "stopped"),
    [
        pytest.param({}, ["mine-1", "mine-2"], id="those-of-the-owner"),
        pytest.param({"owner": "joe"}, ["joes"], id="those-of-another-owner"),
        pytest.param({"owner": "nobody"}, [], id="an-owner-of-none"),
        pytest.param({"debugger": ["debugger-by-hand"]}, ["debugger-by-hand"], id="by-name"),
        pytest.param({"debugger": ["mine-ended", "joes"]}, ["joes"], id="named-and-ended-before"),
    ],
)
def test_who_is_stopped(cluster: Cluster, execs: Exec, params: Json, stopped: list[str]) -> None:
    cluster.add(make_pod("web-0", *MIXED))
    cluster.events = [("MODIFIED", make_pod("web-0", *STOPPED))]
    found = run(cluster, state="stopped", concurrency=1, **params)
    assert [call["container"] for call in execs.calls] == stopped
    assert [action for action, _name in actions(found)] == (["stopped"] * len(stopped) or ["none"])
    assert [name for _action, name in actions(found) if name] == stopped
    assert found.changed is bool(stopped)
    assert [(diff["before"], diff["after"]) for diff in found.diff] == [
        ({"state": "running"}, {"state": "finished"})
    ] * len(stopped)


def test_stopping_gives_an_item_for_each_pod(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is stopped, one has none, one cannot be stopped, which fails the task."""
    Exec(result(), ExecStartFailed("no sh")).install(monkeypatch)
    running, over = make_entry("dbg", RUNNING, owner="jane"), make_entry("dbg", ended(0))
    cluster.add(make_pod("a", running), make_pod("b", over), make_pod("c", running))
    cluster.events = [("MODIFIED", make_pod("a", over))]
    with pytest.raises(DebugError) as caught:
        run(cluster, state="stopped", concurrency=1)
    error = caught.value
    assert error.msg.startswith("Stopping failed on 1 of 2 debuggers: shop/c: debugger dbg")
    assert actions(error) == [("stopped", "dbg"), ("none", None), ("failed", "dbg")]
    assert [pod["changed"] for pod in error.facts["pods"]] == [True, False, False]
    assert error.facts["changed"] is True


def test_unknown_name_stops_none(cluster: Cluster, execs: Exec) -> None:
    cluster.add(make_pod("a", make_entry("one", RUNNING)), make_pod("b"))
    with pytest.raises(OptionError) as caught:
        run(cluster, state="stopped", debugger=["one", "zwei"])
    assert caught.value.msg == ("debugger: shop/a has no ephemeral container zwei. It has: one.")
    assert execs.calls == []


def test_name_left_empty_in_a_survey_is_none(cluster: Cluster, execs: Exec) -> None:
    cluster.add(make_pod("web-0"))
    result = run(cluster, state="stopped", debugger=[""])
    assert [pod["action"] for pod in result.data["pods"]] == ["none"]
    assert execs.calls == []


def test_right_to_exec_is_asked_before_a_signal(cluster: Cluster, execs: Exec) -> None:
    cluster.add(make_pod("web-0", make_entry("dbg", RUNNING, owner="jane")))
    cluster.denied = {"create pods/exec"}
    with pytest.raises(Refused, match=r'verbs \["create"\] on resources \["pods/exec"\]'):
        run(cluster, state="stopped")
    assert execs.calls == []


@pytest.mark.parametrize(
    ("params", "text"),
    [
        pytest.param({"debugger": ["x"]}, "debugger names running debuggers", id="name-of-present"),
        pytest.param({"wait_for": "finished"}, "needs a command", id="finish-without-a-command"),
        pytest.param(
            {"wait_for": "finished", "command": ["x"], "wait": False},
            "exclude each other",
            id="finish-without-a-wait",
        ),
        pytest.param({"grace_period": -1}, "grace_period=-1 is out of range", id="grace-below"),
        pytest.param({"grace_period": 301}, "grace_period=301 is out of range", id="grace-above"),
    ],
)
def test_options_that_exclude_each_other_ask_nothing(
    cluster: Cluster, params: Json, text: str
) -> None:
    cluster.add(make_pod())
    with pytest.raises(OptionError, match=text):
        run(cluster, **params)
    assert cluster.requests == []


def test_finished_is_for_the_images_own_command_too(cluster: Cluster) -> None:
    cluster.add(make_pod())
    cluster.starts = ended(0)
    found = run(cluster, wait_for="finished", lifetime=0)
    (pod,) = found.data["pods"]
    assert (pod["action"], pod["entry"]["state"]) == ("created", "finished")
