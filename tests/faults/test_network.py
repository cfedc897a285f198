# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user gets when the API server or the network fails in the middle of a task."""

from __future__ import annotations

import re
from typing import Any

import pytest
from e2ekit.cluster import Space
from e2ekit.playbooks import Playbooks
from e2ekit.proxy import Answer, Cut, FaultProxy, Held, Slow

__all__: list[str] = []

_POD = r"^GET /api/v1/namespaces/[^/]+/pods/web( |$|\?)"
_DRY_RUN = r"^PATCH .*/ephemeralcontainers\?.*dryRun=All"
_PATCH = r"^PATCH .*/ephemeralcontainers(?!.*dryRun=All)"
_WATCH = r"^GET .*/pods\?.*watch=(1|[Tt]rue)"
_LIST = r"^GET .*/pods\?(?!.*watch=)"
_EXEC = r"^GET .*/pods/web/exec\?"

_BUSY = Answer.of_status(
    429, "TooManyRequests", "too many requests, please try again later", Retry_After="1"
)
_UNAVAILABLE = Answer.of_status(503, "ServiceUnavailable", "apiserver is shutting down")
_INTERNAL = Answer.of_status(500, "InternalError", "etcdserver: no leader")
_GONE = Answer.of_status(410, "Expired", "too old resource version: 1 (2)")
_GONE_EVENT = Answer(status=200, body={"type": "ERROR", "object": _GONE.body})
_HTML = Answer(status=502, body=b"<html><body><h1>502 Bad Gateway</h1>nginx</body></html>")


def _debugger(space: Space, **args: Any) -> dict[str, Any]:
    return {
        "namespace": space.name,
        "name": "web",
        "image": space.cluster.toolbox,
        "wait_timeout": 60,
        **args,
    }


@pytest.mark.parametrize(
    ("request_line", "answer"),
    [
        pytest.param(_POD, _BUSY, id="429 of a get"),
        pytest.param(_POD, _INTERNAL, id="500 of a get"),
        pytest.param(_POD, _HTML, id="502 of a get, from a proxy"),
        pytest.param(_DRY_RUN, _UNAVAILABLE, id="503 of the dry run"),
        pytest.param(_PATCH, _BUSY, id="429 of the patch"),
        pytest.param(_PATCH, _UNAVAILABLE, id="503 of the patch"),
        pytest.param(_PATCH, Cut(), id="lost answer of the patch"),
        pytest.param(_POD, Cut(), id="lost answer of a get"),
        pytest.param(_PATCH, Slow(seconds=3), id="slow answer of the patch"),
        pytest.param(_LIST, _BUSY, id="429 of the list before the watch"),
        pytest.param(_WATCH, _UNAVAILABLE, id="503 of the watch"),
        pytest.param(_WATCH, _GONE, id="410 of the watch"),
        pytest.param(_WATCH, _GONE_EVENT, id="410 within the watch"),
        pytest.param(_WATCH, Cut(), id="connection cut before the watch has begun"),
        pytest.param(_WATCH, Cut(marker=b"HTTP/1.1 200"), id="connection cut within the watch"),
    ],
)
def test_a_passing_failure_is_ridden_out(
    space: Space,
    play: Playbooks,
    proxy: FaultProxy,
    request_line: str,
    answer: Answer | Cut | Slow,
) -> None:
    space.web()
    # After one failure of the watch there may be nothing left to watch for.
    once = request_line == _WATCH or isinstance(answer, Slow)
    fault = proxy.inject(request_line, answer, times=1 if once else 2)
    # Long enough for a watch to be there when it fails.
    args = {"command": ["sleep", "2"], "wait_for": "finished"}

    opened = play.task("ephemeral_container", _debugger(space, **args))

    assert fault.met == fault.times, proxy.requests
    assert opened.pod["entry"]["state"] == "finished"
    assert opened.pod["entry"]["exit_code"] == 0
    (entry,) = space.entries("web")
    assert opened.pod["debugger"] == entry["name"]


@pytest.mark.parametrize("answer", [_GONE, _GONE_EVENT], ids=["answer", "event"])
def test_a_watch_whose_version_is_too_old_begins_with_a_new_list(
    space: Space, play: Playbooks, proxy: FaultProxy, answer: Answer
) -> None:
    space.web()
    proxy.inject(_WATCH, answer, times=1)

    play.task("ephemeral_container", _debugger(space, command=["sleep", "2"], wait_for="finished"))

    watches = [at for at, line in enumerate(proxy.requests) if re.search(_WATCH, line)]
    lists = [at for at, line in enumerate(proxy.requests) if re.search(_LIST, line)]
    assert any(watches[0] < at < watches[1] for at in lists), proxy.requests


def test_another_controller_that_is_faster_is_joined(
    space: Space, play: Playbooks, proxy: FaultProxy
) -> None:
    """Both have seen a pod without a debugger; the patch of one comes after that of the other."""
    space.web()
    held = Held()
    proxy.inject(_PATCH, held, times=1)
    args = _debugger(space, owner="alice")
    task = {"name": "Task", "kubedebug.core.ephemeral_container": args}

    slower = play.start(play.write([task]))
    assert held.reached.wait(60), proxy.requests
    direct = {**args, "kubeconfig": str(space.cluster.kubeconfig)}
    faster = play.task("ephemeral_container", direct)
    held.release.set()
    run = slower.wait()

    assert run.rc == 0, run.failure
    assert faster.pod["action"] == "created"
    assert run.task("Task").pod["action"] == "reused"
    assert run.task("Task").pod["debugger"] == faster.pod["debugger"]
    assert len(space.entries("web")) == 1


@pytest.mark.parametrize(
    ("request_line", "answer", "texts"),
    [
        pytest.param(
            _POD, _BUSY, ["429 TooManyRequests", "Try again later, or lower concurrency"], id="429"
        ),
        pytest.param(_POD, _INTERNAL, ["500 InternalError", "etcdserver: no leader"], id="500"),
        pytest.param(
            _DRY_RUN, _UNAVAILABLE, ["503 ServiceUnavailable", "Try again later"], id="503"
        ),
        pytest.param(_POD, _HTML, ["502"], id="502 of a proxy"),
        pytest.param(_POD, Cut(), ["No answer from 127.0.0.1"], id="connection cut"),
    ],
)
def test_a_lasting_failure_is_told_and_nothing_is_created(  # noqa: PLR0917
    space: Space,
    play: Playbooks,
    proxy: FaultProxy,
    request_line: str,
    answer: Answer | Cut,
    texts: list[str],
) -> None:
    space.web()
    proxy.inject(request_line, answer)

    failed = play.task("ephemeral_container", _debugger(space, wait_timeout=600), ok=False)

    for text in texts:
        assert text in failed.msg
    assert "<html>" not in failed.msg
    assert "Traceback" not in play.runs[-1].output
    # A bound on the retries, not on their time.
    assert 2 <= proxy.seen(request_line) <= 12
    assert space.entries("web") == []


def test_a_patch_that_the_server_fails_is_not_taken_for_done(
    space: Space, play: Playbooks, proxy: FaultProxy
) -> None:
    """A 500 without Retry-After may mean anything; only what can be repeated safely is."""
    space.web()
    proxy.inject(_PATCH, _INTERNAL)

    failed = play.task("ephemeral_container", _debugger(space, wait_timeout=600), ok=False)

    assert f"{space.name}/web" in failed.msg
    assert "500 InternalError" in failed.msg
    assert failed.pod["action"] == "failed"
    assert failed.pod["changed"] is False
    assert space.entries("web") == []


def test_a_busy_server_before_a_command(space: Space, play: Playbooks, proxy: FaultProxy) -> None:
    space.web()
    fault = proxy.inject(_EXEC, _BUSY, times=2)

    answer = play.task("ephemeral_command", _debugger(space, argv=["echo", "done"]))

    assert fault.met == fault.times
    assert answer.pod["stdout"] == "done\n"


def test_a_command_whose_connection_is_cut_is_not_taken_for_done(
    space: Space, play: Playbooks, proxy: FaultProxy
) -> None:
    space.web()
    fault = proxy.inject(_EXEC, Cut(marker=b"half-way"))

    failed = play.task(
        "ephemeral_command",
        _debugger(space, argv=["sh", "-c", "echo half-way; sleep 47110; echo whole"], timeout=60),
        ok=False,
    )

    assert fault.met == 1, "a command must not be run twice"
    assert f"{space.name}/web" in failed.msg
    assert "before" in failed.msg
    assert "exit" in failed.msg
    assert failed.pod["ran"] is False
    assert failed.pod["rc"] is None


def test_stopping_does_not_depend_on_its_connection(
    space: Space, play: Playbooks, proxy: FaultProxy
) -> None:
    """The signal is on its way when the connection goes; the watch tells what became of it."""
    space.web()
    debugger = play.task("ephemeral_container", _debugger(space)).pod["debugger"]
    fault = proxy.inject(_EXEC, Cut(marker=b"HTTP/1.1 101"), times=1)

    stopped = play.task("ephemeral_container", _debugger(space, state="stopped"))

    assert fault.met == 1
    assert stopped.pod["action"] == "stopped"
    assert "terminated" in space.states("web")[debugger]
