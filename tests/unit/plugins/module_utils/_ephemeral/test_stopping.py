# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals that do not arrive, and ends that are proved by the pod alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import entries
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.stopping import (
    Stopped,
    stop_debuggers,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.supervisor import STOPPER
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    ExecError,
    ExecInterrupted,
    ExecStartFailed,
    ExecTimeout,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._ephemeral.test_running import (  # noqa: E501
    End,
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
    target,
)

NO_SH = ExecStartFailed("exec: sh: not found in $PATH")
BROKEN = ExecInterrupted("the connection ended")
GONE = NotFound(status=404, reason="NotFound", message="container not found")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    yield from serve_cluster()


def stop(cluster: Cluster, *targets: Target, timeout: float = 30.0) -> list[Stopped]:
    running = [(one, entry) for one in targets for entry in entries(one.pod)]
    return stop_debuggers(cluster.client, running, grace=7, timeout=timeout, concurrency=1)


def stop_one(cluster: Cluster, after: Json, *, timeout: float = 30.0) -> Stopped:
    """Stop a debugger that was running, and that is in the state *after* since then."""
    was = target(make_pod("web-0", make_entry("dbg", RUNNING)))
    cluster.add(make_pod("web-0", make_entry("dbg", after)))
    (stopped,) = stop(cluster, was, timeout=timeout)
    return stopped


def test_signal_goes_to_the_debugger(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    execs = Exec(result()).install(monkeypatch)
    stopped = stop_one(cluster, ended(143))
    (call,) = execs.calls
    assert call["argv"] == ["sh", "-c", STOPPER, "kubedebug-stop", "7", ""]
    assert (call["namespace"], call["pod"], call["container"]) == ("shop", "web-0", "dbg")
    assert call["timeout"] > 7
    assert stopped.error is None
    assert (stopped.entry.state, stopped.entry.exit_code) == ("finished", 143)


@pytest.mark.parametrize(
    ("signals", "after", "calls"),
    [
        pytest.param([BROKEN], ended(143), 1, id="broken-by-the-end"),
        pytest.param([ExecTimeout("slow")], ended(143), 1, id="no-answer-but-ended"),
        pytest.param([ExecError("odd")], ended(143), 1, id="odd-but-ended"),
        pytest.param([GONE], ended(0), 1, id="ended-before"),
    ],
)
def test_end_is_for_the_pod_to_tell(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, signals: list[End], after: Json, calls: int
) -> None:
    execs = Exec(*signals).install(monkeypatch)
    stopped = stop_one(cluster, after)
    assert (stopped.error, stopped.entry.state, len(execs.calls)) == (None, "finished", calls)


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(result(), id="arrives"),
        pytest.param(BROKEN, id="breaks-again"),
        # The shell is there: it ran a moment ago, so the container is what has gone.
        pytest.param(NO_SH, id="cannot-start-any-more"),
    ],
)
def test_signal_is_repeated_once_while_the_debugger_runs(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, second: End
) -> None:
    execs = Exec(BROKEN, second).install(monkeypatch)
    cluster.events = [("MODIFIED", make_pod("web-0", make_entry("dbg", ended(143))))]
    stopped = stop_one(cluster, RUNNING)
    assert (stopped.error, len(execs.calls)) == (None, 2)
    assert stopped.entry.exit_code == 143


def test_debugger_that_runs_on(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    Exec(result()).install(monkeypatch)
    stopped = stop_one(cluster, RUNNING, timeout=0.5)
    assert stopped.error is not None
    assert "debugger dbg is not stopped after 0.5 s: it is running" in stopped.error.msg
    assert stopped.entry.state == "running"


def test_image_without_a_shell_is_told_at_once(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    Exec(NO_SH).install(monkeypatch)
    stopped = stop_one(cluster, RUNNING)
    assert stopped.error is not None
    assert stopped.error.msg.startswith(
        "shop/web-0: debugger dbg cannot be stopped, because its image toolbox:1 has no sh"
    )
    assert cluster.requests == []


def test_refusals_and_ends_keep_the_order(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal: Any = DebugError("refused")
    Exec(result(), refusal, result()).install(monkeypatch)
    running = [target(make_pod(name, make_entry("dbg", RUNNING))) for name in "abc"]
    cluster.add(*(make_pod(name, make_entry("dbg", ended(0))) for name in "abc"))
    stopped = stop(cluster, *running)
    assert [(one.target.name, one.entry.state, one.error) for one in stopped] == [
        ("a", "finished", None),
        ("b", "running", refusal),
        ("c", "finished", None),
    ]


@pytest.mark.parametrize(
    ("signal", "successor"),
    [
        pytest.param(GONE, [], id="not-found"),
        pytest.param(BROKEN, [], id="broken"),
        pytest.param(
            GONE, [make_pod("web-0", make_entry("dbg", RUNNING), uid="new")], id="name-taken-again"
        ),
    ],
)
def test_debugger_is_gone_with_its_pod(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, signal: End, successor: list[Json]
) -> None:
    """A pod that was deleted before the watch began is in no list, which tells of its end."""
    execs = Exec(signal).install(monkeypatch)
    cluster.add(*successor)
    (stopped,) = stop(cluster, target(make_pod("web-0", make_entry("dbg", RUNNING))), timeout=1.0)
    assert (stopped.error, stopped.entry.state, len(execs.calls)) == (None, "finished", 1)
    assert len(cluster.lists()) == 1


@pytest.mark.parametrize(
    ("rc", "said", "until"),
    [
        pytest.param(3, b"extended 1900000000\n", 1_900_000_000.0, id="extended"),
        pytest.param(3, b"extended \x1b[2J\n", None, id="says-something-else"),
        pytest.param(1, b"extended 1900000000\n", None, id="ends-otherwise"),
    ],
)
def test_debugger_that_was_extended_is_spared(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, rc: int, said: bytes, until: float | None
) -> None:
    execs = Exec(result(rc, said)).install(monkeypatch)
    was = target(make_pod("web-0", make_entry("dbg", RUNNING)))
    cluster.add(make_pod("web-0", make_entry("dbg", RUNNING if until else ended(0))))
    running = [(was, entry) for entry in entries(was.pod)]
    (stopped,) = stop_debuggers(
        cluster.client, running, grace=7, timeout=30.0, concurrency=1, spare_extended=True
    )
    assert execs.calls[0]["argv"][-1] == "spare"
    assert (stopped.error, stopped.extended_until) == (None, until)
    assert stopped.entry.state == ("running" if until else "finished")


def test_pod_that_is_deleted_while_it_is_watched(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    Exec(result()).install(monkeypatch)
    cluster.events = [("DELETED", make_pod("web-0", make_entry("dbg", RUNNING)))]
    stopped = stop_one(cluster, RUNNING)
    assert (stopped.error, stopped.entry.state) == (None, "finished")
