# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends of a command that a real pod gives rarely, each with its text.

`Exec` stands in for the websocket, which _kube/test_exec.py is about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.running import (
    Command,
    Ran,
    run_in_sessions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.session import Session
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.supervisor import (
    KILLER,
    RUNNER,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube import exec as kube_exec
from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import AuthOptions
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ConnectionFailed,
    DebugError,
    ExecError,
    ExecInterrupted,
    ExecStartFailed,
    ExecTimeout,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.exec import ExecResult
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._ephemeral.test_session import (  # noqa: E501
    make_pod,
    target,
)

End: TypeAlias = ExecResult | DebugError


def result(
    rc: int = 0,
    stdout: bytes = b"",
    stderr: bytes = b"",
    *,
    more: int = 0,
    duration: float = 0.1,
) -> ExecResult:
    """A command's end; *more* is how many bytes of stdout were not kept."""
    return ExecResult(rc, stdout, stderr, len(stdout) + more, len(stderr), duration)


class Exec:
    """Gives each call the next end, the last one for ever, and keeps what it was called with."""

    def __init__(self, *ends: End) -> None:
        self.calls: list[dict[str, Any]] = []
        self._ends = list(ends)

    def __call__(self, _client: Client, **call: Any) -> ExecResult:
        self.calls.append(call)
        end = self._ends.pop(0) if len(self._ends) > 1 else self._ends[0]
        if isinstance(end, DebugError):
            raise end
        return end

    def install(self, patch: pytest.MonkeyPatch) -> Exec:
        patch.setattr(kube_exec, "run", self)
        return self


Install: TypeAlias = Callable[..., Exec]


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Install:
    def install(*ends: End) -> Exec:
        return Exec(*ends).install(monkeypatch)

    return install


def sessions(*names: str) -> list[Session]:
    return [
        Session(target=target(make_pod(name)), action="reused", debugger="dbg") for name in names
    ]


def ran(*opened: Session, **command: Any) -> list[Ran]:
    settings: dict[str, Any] = {"argv": ("curl", "-s", "x"), "timeout": 20, **command}
    client = Client(AuthOptions(host="http://127.0.0.1:9", api_key="token"), environ={})
    with client:
        return run_in_sessions(
            client, opened or sessions("web-0"), Command(**settings), concurrency=1
        )


@pytest.mark.parametrize(
    ("end", "timed_out", "text"),
    [
        pytest.param(result(0, b"ok", b"noise"), False, None, id="good"),
        pytest.param(result(3), False, "shop/web-0: curl ended with exit code 3.", id="silent"),
        pytest.param(
            result(3, b"", b"\n  first \x1b[1m\nsecond"),
            False,
            "curl ended with exit code 3 (first  [1m).",
            id="first-line",
        ),
        pytest.param(
            result(3, b"", b"\xff" + b"x" * 300),
            False,
            f"exit code 3 (\ufffd{'x' * 199}).",
            id="long-line-that-is-no-text",
        ),
        pytest.param(
            result(127, b"", b"sh: curl: not found"),
            False,
            "curl ended with exit code 127: the debugger's image has no such command (sh: curl: "
            "not found). Choose another image, or give the full path.",
            id="no-command",
        ),
        pytest.param(
            result(124, duration=20.0), True, "curl was killed after 20 s. Raise", id="timed-out"
        ),
        pytest.param(
            result(124, duration=19.9), False, "curl ended with exit code 124.", id="its-own-124"
        ),
        pytest.param(result(127, b"", b""), False, "full path.", id="no-command-and-no-reason"),
        pytest.param(
            result(137, duration=25.0),
            False,
            "ended with exit code 137: a signal ended it, as where the lifetime of the debugger is "
            "over, its target has restarted or the pod is deleted.",
            id="late-but-by-itself",
        ),
    ],
)
def test_ends(ends: Install, end: ExecResult, timed_out: bool, text: str | None) -> None:
    ends(end)
    (one,) = ran()
    assert (one.result, one.timed_out) == (end, timed_out)
    if text is None:
        assert one.error is None
    else:
        assert one.error is not None
        assert text in one.error.msg


@pytest.mark.parametrize(
    ("end", "text"),
    [
        pytest.param(
            ExecStartFailed("exec: sh: not found in $PATH"),
            "nothing can be run in debugger dbg, because its image has no sh: exec: sh: not found",
            id="no-sh",
        ),
        pytest.param(
            ExecInterrupted("the connection ended"),
            "shop/web-0: curl in debugger dbg: the connection ended",
            id="interrupted",
        ),
        pytest.param(ConnectionFailed("no answer"), "curl in debugger dbg: no answer", id="down"),
    ],
)
def test_command_that_did_not_run(ends: Install, end: DebugError, text: str) -> None:
    execs = ends(end)
    (one,) = ran()
    assert (one.result, one.timed_out, len(execs.calls)) == (None, False, 1)
    assert one.error is not None
    assert text in one.error.msg


@pytest.mark.parametrize(
    "kill",
    [
        pytest.param(result(), id="killed"),
        pytest.param(ExecInterrupted("gone"), id="killing-failed"),
    ],
)
def test_command_that_does_not_answer_is_killed(ends: Install, kill: End) -> None:
    execs = ends(ExecTimeout("slow"), kill)
    (one,) = ran()
    assert isinstance(one.error, ExecError)
    assert "curl in debugger dbg did not end within 20 s and was killed" in one.error.msg
    first, second = execs.calls
    *_start, token, curl, _s, _x = first["argv"]
    assert curl == "curl"
    assert len(token) == 16
    assert second["argv"] == ["sh", "-c", KILLER, "kubedebug-kill", token]
    for call in execs.calls:
        assert (call["namespace"], call["pod"], call["container"]) == ("shop", "web-0", "dbg")


def test_what_arrived_of_a_command_without_an_end_is_kept(ends: Install) -> None:
    ends(ExecTimeout("slow", stdout=b"ok", stderr=b"no", totals=(9, 2)), result())
    (one,) = ran()
    assert one.timed_out
    assert one.result == ExecResult(124, b"ok", b"no", 9, 2, 30.0)


def test_a_command_line_as_one_word_is_told_what_argv_is(ends: Install) -> None:
    ends(result(127))
    (one,) = ran(argv=("echo a b",))
    assert one.error is not None
    assert one.error.msg.endswith("Give argv as a list with an item for each word.")


def test_what_is_sent(ends: Install) -> None:
    execs = ends(result())
    ran(argv=("cat", "a b", "$x"), stdin=b"in", timeout=5, max_output=9)
    (call,) = execs.calls
    *start, token, cat, spaced, dollar = call["argv"]
    assert start == ["sh", "-c", RUNNER, "kubedebug-run", "5"]
    assert (cat, spaced, dollar) == ("cat", "a b", "$x")
    assert int(token, 16) >= 0
    assert (call["stdin"], call["max_output"]) == (b"in", 9)
    assert call["timeout"] > 5


def test_tokens_differ(ends: Install) -> None:
    execs = ends(result())
    ran(*sessions("a", "b"))
    assert len({call["argv"][5] for call in execs.calls}) == 2


def test_failures_stay_with_their_pod(ends: Install) -> None:
    execs = ends(result(0, b"one"), ExecInterrupted("gone"), result(0, b"three"))
    good, broken, last = sessions("a", "b", "c")
    error = DebugError("no debugger")
    closed = Session(target=target(make_pod("d")), action="failed", error=error)
    found = ran(good, closed, broken, last)
    assert [one.session.target.name for one in found] == ["a", "d", "b", "c"]
    assert [one.result and one.result.stdout for one in found] == [b"one", None, None, b"three"]
    assert found[1].error is error
    assert len(execs.calls) == 3
