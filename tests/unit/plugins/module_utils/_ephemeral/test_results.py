# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result and a diff show, what they never show, and when the task fails."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral import spec
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.entries import (
    Entry,
    State,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.results import (
    entry_result,
    exec_command,
    pod_result,
    raise_failures,
    session_diff,
    session_result,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.session import Session
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._options import DebuggerOptions
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import Result
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._ephemeral.test_session import (  # noqa: E501
    Json,
    make_pod,
    target,
)


def entry(state: State = "running", **more: Any) -> Entry:
    return Entry(name="dbg", image="toolbox:1", state=state, **more)


def errors(*texts: str | None) -> list[DebugError | None]:
    return [DebugError(text) if text is not None else None for text in texts]


@pytest.mark.parametrize(
    ("failed", "text"),
    [
        pytest.param(["a: one."], "a: one.", id="the-only-pod"),
        pytest.param(
            ["a: one.", None], "It failed on 1 of 2 pods: a: one.", id="one-of-several-pods"
        ),
        pytest.param(
            ["a: 1.", "b: 2.", "c: 3."],
            "It failed on 3 of 3 pods: a: 1. / b: 2. / c: 3.",
            id="as-many-as-are-told",
        ),
        pytest.param(
            ["a: 1.", None, "b: 2.", "c: 3.", "d: 4.", "e: 5."],
            "It failed on 5 of 6 pods: a: 1. / b: 2. / c: 3. / and 2 more, see pods in the result.",
            id="more-than-are-told",
        ),
    ],
)
def test_failures_are_told(failed: list[str | None], text: str) -> None:
    result = Result(changed=True, data={"pods": [1]}, diff=({"after": 1},), warnings=("w",))
    with pytest.raises(DebugError) as caught:
        raise_failures(errors(*failed), result, what="It")
    assert caught.value.msg == text
    # What was done before the failure stays in the result.
    assert caught.value.facts == {
        "changed": True,
        "pods": [1],
        "diff": [{"after": 1}],
        "warnings": ["w"],
    }


def test_failure_without_warnings_has_no_such_key() -> None:
    with pytest.raises(DebugError) as caught:
        raise_failures(errors("a: one."), Result(), what="It")
    assert caught.value.facts == {"changed": False, "diff": []}


@pytest.mark.parametrize("each", [pytest.param([], id="no-pod"), pytest.param([None], id="good")])
def test_no_failure(each: list[str | None]) -> None:
    raise_failures(errors(*each), Result(), what="It")


def test_diff_masks_every_value_but_the_marks() -> None:
    where = target(make_pod())
    where.pod["spec"]["containers"][0]["env"] = [
        {"name": "DB_PASSWORD", "value": "hunter2"},
        {"name": "FROM", "valueFrom": {"secretKeyRef": {"name": "db", "key": "pw"}}},
    ]
    options = DebuggerOptions(
        env={"TOKEN": "s3cr3t"}, custom={}, inherit=("env",), reason="TICKET-1", command=("top",)
    )
    built = spec.build_entry(options, where, name="dbg", identity="id", owner="jane", now=0.0).entry
    shown = Session(target=where, action="planned", debugger="dbg", added=built)
    same = Session(target=where, action="reused", debugger="dbg", entry=entry())
    (diff,) = session_diff([shown, same])
    assert diff["before_header"] == diff["after_header"] == "shop/web-0 ephemeralContainers"
    assert diff["before"] == {}
    after = diff["after"]
    assert after["command"] == ["(supervised)", "top"]
    values = {item["name"]: item.get("value") for item in after["env"]}
    assert (
        values.items()
        >= {
            "TOKEN": "********",
            "DB_PASSWORD": "********",
            "FROM": None,
            "KUBEDEBUG_OWNER": "jane",
            "KUBEDEBUG_REASON": "TICKET-1",
        }.items()
    )
    assert "s3cr3t" not in str(diff)
    assert "hunter2" not in str(diff)
    # The entry itself is what is sent: a mask must not reach the cluster.
    assert "s3cr3t" in str(built)


@pytest.mark.parametrize(
    ("found", "command"),
    [
        pytest.param(entry(), "kubectl exec -it -n shop web-0 -c dbg -- sh", id="one-that-runs"),
        pytest.param(entry("finished"), None, id="finished"),
        pytest.param(entry("waiting"), None, id="waiting"),
        pytest.param(None, None, id="none"),
    ],
)
def test_exec_command(found: Entry | None, command: str | None) -> None:
    assert exec_command("shop", "web-0", found) == command


@pytest.mark.parametrize(
    ("ports", "shown"),
    [
        pytest.param(None, [], id="none"),
        pytest.param([{"containerPort": 80}], [80], id="tcp-is-the-default"),
        pytest.param(
            [
                {"containerPort": 53, "protocol": "UDP"},
                {"containerPort": 443, "protocol": "TCP"},
                {"containerPort": 80, "protocol": "TCP"},
            ],
            [443, 80],
            id="tcp-in-its-order",
        ),
    ],
)
def test_ports_are_those_of_the_container(ports: list[Json] | None, shown: list[int]) -> None:
    pod = make_pod()
    pod["spec"]["containers"][0]["ports"] = ports
    pod["spec"]["containers"].append({"name": "other", "ports": [{"containerPort": 1}]})
    assert pod_result(target(pod)) == {
        "namespace": "shop",
        "name": "web-0",
        "uid": "web-0",
        "node": "node-1",
        "container": "app",
        "ports": shown,
    }


@pytest.mark.parametrize(
    ("epoch", "text"),
    [
        pytest.param(None, None, id="unbounded"),
        pytest.param(0.0, "1970-01-01T00:00:00Z", id="zero"),
        pytest.param(1767225599.9, "2025-12-31T23:59:59Z", id="whole-seconds"),
        pytest.param(99_999_999_999.0, "5138-11-16T09:46:39Z", id="the-greatest-that-is-read"),
    ],
)
def test_time_of_the_end(epoch: float | None, text: str | None) -> None:
    assert entry_result(entry(expires_at=epoch))["expires_at"] == text


@pytest.mark.parametrize(
    ("session", "shown"),
    [
        pytest.param(
            {"action": "created", "debugger": "dbg", "entry": entry(), "added": {"name": "dbg"}},
            ("created", True, "dbg", "running", None),
            id="created",
        ),
        pytest.param(
            {"action": "reused", "debugger": "dbg", "entry": entry()},
            ("reused", False, "dbg", "running", None),
            id="reused",
        ),
        pytest.param(
            {"action": "failed", "error": DebugError("why")},
            ("failed", False, None, None, "why"),
            id="failed",
        ),
    ],
)
def test_session(session: dict[str, Any], shown: tuple[object, ...]) -> None:
    found = session_result(Session(target=target(make_pod()), **session))
    state = found["entry"]["state"] if found["entry"] else None
    keys = ("action", "changed", "debugger", "error")
    action, changed, debugger, error = (found[key] for key in keys)
    assert (action, changed, debugger, state, error) == shown
