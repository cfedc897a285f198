# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as data: joined by pod, picked by name, bounded, with each problem once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._report.document import build

__all__: list[str] = []


def test_results_are_joined_by_pod_in_a_stable_order(results: Any) -> None:
    report = build(
        results.inputs(
            sessions=[results.session("web-1"), results.session("web-0", action="reused")],
            probes=[results.probe("web-0")],
            namespaces=[results.namespaces("web-1", {"name": "net", "shared": True})],
            commands=[
                results.command("id", name="web-0"),
                results.command("ps", name="web-0"),
                results.command("ps", name="web-1"),
            ],
            cleanup=[results.cleanup("web-1")],
        )
    )

    first, second = report["pods"]
    assert (first["name"], second["name"]) == ("web-0", "web-1")
    assert first["session"]["action"] == "reused"
    assert first["probe"]["p90"] == 12.34
    assert first["namespaces"] is None
    assert [command["argv"] for command in first["commands"]] == [["id"], ["ps"]]
    assert second["probe"] is None
    assert second["namespaces"]["rows"][0]["shared"] is True
    assert second["cleanup"][0]["exit_code"] == 143
    assert report["outcome"] == "ok"
    json.dumps(report)


def test_fields_are_picked_by_name(results: Any) -> None:
    secret = {"api_key": "hunter2", "env": {"TOKEN": "hunter2"}}
    carried = {"invocation": {"module_args": secret}, "diff": [secret]}
    sources = {
        "sessions": [results.session(entry=secret, **carried)],
        "probes": [{**results.probe(**secret), **carried}],
        "namespaces": [{**results.namespaces("web-0", {"name": "net", **secret}), **carried}],
        "commands": [{**results.command("ps", **carried), **carried}],
        "cleanup": [results.cleanup(**carried)],
        "problems": [{"step": "probe", "msg": "lost", **secret}],
    }

    assert "hunter2" not in json.dumps(build(results.inputs(**sources)))


@pytest.mark.parametrize(
    ("stopped", "state", "usable"),
    [
        pytest.param(None, "running", True, id="running"),
        pytest.param("kubedebug-1", "running", False, id="stopped at the end"),
        pytest.param("kubedebug-2", "running", True, id="another one stopped"),
        pytest.param(None, "waiting", False, id="never started"),
    ],
)
def test_a_person_can_go_on_in_what_runs(
    results: Any, stopped: str | None, state: str, usable: bool
) -> None:
    report = build(
        results.inputs(
            sessions=[results.session(entry={"state": state})],
            cleanup=[results.cleanup(debugger=stopped)] if stopped else [],
        )
    )

    assert report["pods"][0]["session"]["usable"] is usable


@pytest.mark.parametrize(
    ("given", "owners", "shown"),
    [
        pytest.param("bob", ["alice"], "bob", id="named"),
        pytest.param(None, ["alice", "alice"], "alice", id="as the debuggers say"),
        pytest.param("", ["alice", "carol"], None, id="as they do not agree on"),
    ],
)
def test_owner(results: Any, given: str | None, owners: list[str], shown: str | None) -> None:
    sessions = [
        results.session(f"web-{index}", entry={"owner": owner})
        for index, owner in enumerate(owners)
    ]

    assert build(results.inputs(owner=given, sessions=sessions))["owner"] == shown


def test_each_problem_is_told_once(results: Any) -> None:
    lost = "shop/web-0: no answer"
    report = build(
        results.inputs(
            sessions=[results.session()],
            probes=[results.probe(error=lost)],
            commands=[
                results.command("ps", error="shop/web-0: ps ended with exit code 1."),
                {"argv": ["id"], "pods": [], "msg": "no pod is left"},
            ],
            problems=[{"step": "probe", "msg": lost}, {"step": "session", "msg": "denied"}],
        )
    )

    assert report["outcome"] == "failed"
    assert report["problems"] == [
        {"step": "probe", "pod": "shop/web-0", "message": "no answer"},
        {"step": "command", "pod": "shop/web-0", "message": "ps ended with exit code 1."},
        {"step": "command", "pod": None, "message": "no pod is left"},
        {"step": "session", "pod": None, "message": "denied"},
    ]


@pytest.mark.parametrize(
    ("made", "truncated"),
    [
        pytest.param({"stdout": "a" * 70_000, "stdout_bytes": 70_000}, True, id="by the report"),
        pytest.param(
            {"stdout": "a", "stdout_bytes": 5_000_000, "stdout_truncated": True},
            True,
            id="by the module",
        ),
        pytest.param({"stdout": "a", "stdout_bytes": 1, "stdout_truncated": False}, False, id="no"),
    ],
)
def test_output_is_bounded_and_says_so(results: Any, made: dict[str, Any], truncated: bool) -> None:
    report = build(results.inputs(commands=[results.command("cat", **made)]))

    stream = report["pods"][0]["commands"][0]["stdout"]
    assert stream["truncated"] is truncated
    assert len(stream["text"]) <= 64 * 1024
    assert stream["bytes"] == made["stdout_bytes"]


def test_values_of_any_type_become_plain_and_bounded(results: Any) -> None:
    odd = {
        "body_sample": "x" * 10_000,
        "status_codes": {200: 3},
        "errors": [{"reason": object(), "count": 2}] * 2_000,
    }
    report = build(results.inputs(probes=[results.probe(**odd)]))

    probe = json.loads(json.dumps(report))["pods"][0]["probe"]
    assert len(probe["body_sample"]) < 5_000
    assert probe["status_codes"] == {"200": 3}
    assert len(probe["errors"]) == 1_000


def test_nothing_at_all_is_a_report_too(results: Any) -> None:
    report = build(results.inputs(title=""))

    assert (report["pods"], report["problems"], report["title"]) == ([], [], None)
