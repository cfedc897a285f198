# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The use case as a whole: output as text or base64, what fails the task, and check mode."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.command import (
    EPHEMERAL_COMMAND,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    ExecInterrupted,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.rights import Refused
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import Result
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
)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    yield from serve_cluster()


@pytest.fixture
def execs(monkeypatch: pytest.MonkeyPatch) -> Exec:
    return Exec(result(0, b"out")).install(monkeypatch)


def run(cluster: Cluster, **params: Any) -> Result:
    return cluster.run(EPHEMERAL_COMMAND, **{"argv": ["id"], "image": "toolbox:1", **params})


def only(found: Result) -> Json:
    (pod,) = found.data["pods"]
    return dict(pod)


UMLAUT = "ä".encode()


@pytest.mark.parametrize(
    ("kept", "cut", "text", "exact"),
    [
        pytest.param(b"a\n" + UMLAUT, 0, "a\nä", None, id="text"),
        pytest.param(b"", 0, "", None, id="empty"),
        pytest.param(b"", 9, "", None, id="nothing-kept"),
        pytest.param(b"a\x00\xff", 0, "a\x00\ufffd", b"a\x00\xff", id="binary"),
        pytest.param(b"\xffa", 5, "\ufffda", b"\xffa", id="binary-and-cut"),
        pytest.param(b"a" + UMLAUT[:1], 1, "a", None, id="cut-within-a-character"),
        pytest.param(
            b"a" + UMLAUT[:1], 0, "a\ufffd", b"a" + UMLAUT[:1], id="ends-within-a-character"
        ),
    ],
)
def test_output(cluster: Cluster, kept: bytes, cut: int, text: str, exact: bytes | None) -> None:
    cluster.add(make_pod())
    with pytest.MonkeyPatch.context() as patch:
        Exec(result(0, kept, more=cut)).install(patch)
        found = run(cluster)
    pod = only(found)
    assert pod["stdout"] == text
    assert pod["stdout_base64"] == (base64.b64encode(exact).decode() if exact is not None else None)
    assert (pod["stdout_bytes"], pod["stdout_truncated"]) == (len(kept) + cut, cut > 0)
    assert (pod["stderr"], pod["stderr_base64"], pod["stderr_bytes"]) == ("", None, 0)
    warned = [f"shop/web-0: {len(kept) + cut}"] if cut else []
    assert [warning.split(" bytes")[0] for warning in found.warnings] == warned


@pytest.mark.parametrize(
    ("end", "failed_when_rc", "error"),
    [
        pytest.param(result(), True, None, id="good"),
        pytest.param(result(5), True, "ended with exit code 5", id="rc"),
        pytest.param(result(5), False, None, id="rc-is-a-result"),
        pytest.param(result(127), False, None, id="even-that-of-no-command"),
        pytest.param(
            result(124, duration=60.0), False, "was killed after 60 s", id="timed-out-is-no-result"
        ),
        pytest.param(ExecInterrupted("cut"), False, "cut", id="nothing-ran"),
    ],
)
def test_what_fails_the_task(
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    end: End,
    failed_when_rc: bool,
    error: str | None,
) -> None:
    Exec(end).install(monkeypatch)
    cluster.add(make_pod())
    if error is None:
        assert only(run(cluster, failed_when_rc=failed_when_rc))["error"] is None
        return
    with pytest.raises(DebugError) as caught:
        run(cluster, failed_when_rc=failed_when_rc)
    assert error in caught.value.msg
    (pod,) = caught.value.facts["pods"]
    assert pod["error"] == caught.value.msg
    assert pod["ran"] is not isinstance(end, DebugError)


def test_failure_on_one_of_several_pods(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    Exec(result(0, b"one"), result(2), result(0, b"three")).install(monkeypatch)
    cluster.add(*(make_pod(name) for name in ("a", "b", "c")))
    with pytest.raises(DebugError) as caught:
        run(cluster, concurrency=1)
    assert caught.value.msg.startswith("id failed on 1 of 3 pods: shop/b: id ended with exit code")
    pods = caught.value.facts["pods"]
    assert [(pod["stdout"], pod["rc"]) for pod in pods] == [("one", 0), ("", 2), ("three", 0)]
    assert caught.value.facts["changed"] is True


def test_result_of_a_good_run(cluster: Cluster, execs: Exec) -> None:
    cluster.add(make_pod())
    found = run(cluster, stdin="in\udcff", argv=["cat", "-"], timeout=9)
    pod = only(found)
    assert found.changed
    assert len(found.diff) == 1
    assert {key: pod[key] for key in ("action", "ran", "rc", "timed_out", "duration")} == {
        "action": "created",
        "ran": True,
        "rc": 0,
        "timed_out": False,
        "duration": 0.1,
    }
    # Bytes that Ansible read as surrogates go out as they came.
    assert execs.calls[0]["stdin"] == b"in\xff"


def test_check_mode_plans_and_runs_nothing(cluster: Cluster, execs: Exec) -> None:
    cluster.add(make_pod("a", controller="rs"), make_pod("b", controller="rs"))
    found = run(cluster, check_mode=True)
    assert [(pod["action"], pod["ran"], pod["rc"]) for pod in found.data["pods"]] == [
        ("planned", False, None)
    ] * 2
    assert (found.changed, len(found.diff), execs.calls) == (True, 2, [])
    assert (len(cluster.patches(dry=True)), cluster.patches()) == (2, [])


def own_debugger(cluster: Cluster, *, left: float, **params: Any) -> None:
    """Let a run open its debugger, and then let that be about to end in *left* seconds."""
    pod = make_pod()
    cluster.add(pod)
    run(cluster, **params)
    cluster.requests.clear()
    env = pod["spec"]["ephemeralContainers"][0]["env"]
    (mark,) = [item for item in env if item["name"] == "KUBEDEBUG_EXPIRES_AT"]
    mark["value"] = str(int(time.time() + left))


@pytest.mark.usefixtures("execs")
@pytest.mark.parametrize(
    ("left", "timeout", "lifetime", "action"),
    [
        pytest.param(3600, 60, 3600, "reused", id="long-enough"),
        pytest.param(40, 60, 3600, "created", id="ends-before-the-command"),
        pytest.param(40, 20, 3600, "reused", id="long-enough-for-a-short-one"),
        pytest.param(5, 1, 3600, "reused", id="long-enough-for-the-shortest"),
        pytest.param(70, 600, 120, "reused", id="its-lifetime-is-shorter-than-the-command"),
        pytest.param(50, 600, 120, "created", id="short-lived-and-old"),
    ],
)
def test_debugger_must_outlast_the_command(
    cluster: Cluster, left: float, timeout: int, lifetime: int, action: str
) -> None:
    own_debugger(cluster, left=left, lifetime=lifetime)
    found = run(cluster, timeout=timeout, lifetime=lifetime)
    assert only(found)["action"] == action
    assert len(cluster.patches()) == (action == "created")


def test_named_debugger_is_used_as_it_is(cluster: Cluster, execs: Exec) -> None:
    cluster.add(make_pod("web-0", make_entry("debugger-abc", RUNNING)))
    found = run(cluster, debugger="debugger-abc")
    assert (only(found)["action"], found.diff, cluster.patches()) == ("reused", (), [])
    assert found.changed
    assert execs.calls[0]["container"] == "debugger-abc"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("nope", "nope of shop/web-0 does not exist. Running there: one.", id="none"),
        pytest.param("two", "two of shop/web-0 is finished. Running there: one.", id="finished"),
    ],
)
def test_named_debugger_that_does_not_run(
    cluster: Cluster, execs: Exec, name: str, text: str
) -> None:
    cluster.add(make_pod("web-0", make_entry("one", RUNNING), make_entry("two", ended(0))))
    with pytest.raises(DebugError) as caught:
        run(cluster, debugger=name)
    assert text in caught.value.msg
    assert (execs.calls, cluster.patches()) == ([], [])


def test_right_to_exec_is_asked_before_a_debugger_is_opened(cluster: Cluster, execs: Exec) -> None:
    cluster.add(make_pod())
    cluster.denied = {"create pods/exec"}
    with pytest.raises(Refused, match=r'verbs \["create"\] on resources \["pods/exec"\]'):
        run(cluster)
    assert (execs.calls, cluster.patches(), cluster.patches(dry=True)) == ([], [], [])


@pytest.mark.parametrize(
    ("params", "text"),
    [
        pytest.param({"argv": []}, "argv is empty", id="no-argv"),
        pytest.param({"argv": [""]}, "argv is empty", id="empty-command"),
        pytest.param({"timeout": 0}, "timeout=0 is out of range", id="no-time"),
        pytest.param({"timeout": 86_401}, "timeout=86401 is out of range", id="too-long"),
        pytest.param({"max_output": -1}, "max_output=-1 is out of range", id="negative-output"),
        pytest.param({"max_output": 1 << 40}, "is out of range", id="too-much-output"),
    ],
)
def test_bad_options_ask_nothing(cluster: Cluster, params: Json, text: str) -> None:
    cluster.add(make_pod())
    with pytest.raises(OptionError, match=text):
        run(cluster, **params)
    assert cluster.requests == []
