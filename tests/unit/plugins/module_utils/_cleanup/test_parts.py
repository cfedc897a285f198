# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Selectors of budgets, files, the pace, the options, and what a new pod says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.budgets import matches
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.evidence import (
    harmless,
    masked_object,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.files import (
    FileError,
    check_folder,
    write_file,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.filters import (
    keeps,
    names_ownership,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.findings import job_finding
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.health import trouble
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.options import (
    SPEC,
    CleanupOptions,
    Selection,
    limits_from,
    selection_from,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.rate import Pace
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.where import fields_of

__all__: list[str] = []


def _expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "labels", "matched"),
    [
        (None, {"a": "1"}, False),
        ({}, {}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "1", "b": "2"}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "2"}, False),
        ({"matchLabels": {"a": "1"}}, {}, False),
        (_expression("a", "In", "1", "2"), {"a": "2"}, True),
        (_expression("a", "In", "1", "2"), {}, False),
        (_expression("a", "NotIn", "1"), {"a": "2"}, True),
        (_expression("a", "NotIn", "1"), {}, True),
        (_expression("a", "NotIn", "1"), {"a": "1"}, False),
        (_expression("a", "Exists"), {"a": ""}, True),
        (_expression("a", "Exists"), {}, False),
        (_expression("a", "DoesNotExist"), {}, True),
        (_expression("a", "DoesNotExist"), {"a": "1"}, False),
        (_expression("a", "Unheard"), {"a": "1"}, False),
    ],
)
def test_a_selector(selector: Any, labels: dict[str, str], matched: bool) -> None:
    assert matches(selector, labels) is matched


def _status(**container: Any) -> dict[str, Any]:
    return {"status": {"containerStatuses": [{"name": "web", **container}]}}


@pytest.mark.parametrize(
    ("pod", "bad"),
    [
        ({}, False),
        (_status(state={"waiting": {"reason": "ContainerCreating"}}), False),
        (_status(state={"running": {}}), False),
        (_status(state={"waiting": {"reason": "ImagePullBackOff"}}), True),
        (_status(state={"waiting": {"reason": "CrashLoopBackOff"}}, restartCount=1), True),
        (_status(state={"running": {}}, restartCount=1), True),
        (_status(state={"terminated": {"exitCode": 1}}), True),
        (_status(state={"terminated": {"exitCode": 0}}), False),
        ({"status": {"phase": "Failed", "reason": "Evicted"}}, True),
        (
            {
                "status": {
                    "initContainerStatuses": [
                        {"name": "i", "state": {"terminated": {"exitCode": 0}}}
                    ]
                }
            },
            False,
        ),
        (
            {
                "status": {
                    "initContainerStatuses": [
                        {"name": "i", "state": {"terminated": {"exitCode": 2}}}
                    ]
                }
            },
            True,
        ),
    ],
)
def test_trouble(pod: dict[str, Any], bad: bool) -> None:
    assert bool(trouble(pod)) is bad


def test_the_pace_is_even_and_has_no_burst() -> None:
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))
        now[0] += seconds

    pace = Pace(10.0, clock=lambda: now[0], sleep=sleep)
    for _turn in range(4):
        pace.wait()
    now[0] += 100
    for _turn in range(2):
        pace.wait()

    assert slept == [0.1, 0.1, 0.1, 0.1]


def test_a_file_is_whole_and_its_owner_s(tmp_path: Path) -> None:
    path = tmp_path / "evidence.json"
    write_file("evidence_dir", path, b"one")
    write_file("evidence_dir", path, b"two")

    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["evidence.json"]


@pytest.mark.parametrize("call", [check_folder, lambda o, p: write_file(o, p / "x", b"")])
def test_a_folder_that_is_none(tmp_path: Path, call: Any) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(FileError, match=r"evidence_dir=.*file"):
        call("evidence_dir", tmp_path / "file")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain\tand\r\nlines\n", "plain\tand\r\nlines\n"),
        ("é 字 \\x1b", "é 字 \\x1b"),
        ("\x1b]0;title\x07\x1b[2J", "\\x1b]0;title\\x07\\x1b[2J"),
        ("over\rwritten", "over\\rwritten"),
        ("\x00\x9b31m\u202e", "\\x00\\x9b31m\\u202e"),
    ],
)
def test_output_that_a_terminal_only_shows(text: str, kept: str) -> None:
    assert harmless(text) == kept


def test_evidence_has_no_secrets() -> None:
    pod = {
        "metadata": {
            "name": "web",
            "annotations": {"token": "s3cret", "kubedebug.core/owner": "alice"},
            "managedFields": [{"x": "s3cret"}],
        },
        "spec": {
            "containers": [
                {
                    "name": "web",
                    "env": [{"name": "PASSWORD", "value": "s3cret"}],
                    "args": ["--password=s3cret"],
                    "command": ["s3cret"],
                    "livenessProbe": {"httpGet": {"httpHeaders": [{"value": "s3cret"}]}},
                }
            ],
            "ephemeralContainers": [{"name": "d", "env": [{"name": "KEY", "value": "s3cret"}]}],
        },
    }
    job = {
        "metadata": {"name": "agent", "annotations": {}},
        "spec": {
            "template": {
                "metadata": {"annotations": {"token": "s3cret"}},
                "spec": {"containers": [{"name": "a", "env": [{"name": "K", "value": "s3cret"}]}]},
            }
        },
    }

    text = json.dumps([masked_object(pod, application=True), masked_object(job)])

    assert "s3cret" not in text
    assert "PASSWORD" in text
    assert "alice" in text


def _params(**changed: Any) -> dict[str, Any]:
    known = {name: option.get("default") for name, option in SPEC.argument_spec.items()}
    return {**known, **changed}


@pytest.mark.parametrize(
    "changed",
    [
        {"rate": 0.0},
        {"rate": float("nan")},
        {"max_unavailable": 0},
        {"concurrency": 0},
        {"min_age": -1},
        {"metrics_file": "/tmp/x.txt"},
        {"namespaces": ["Upper"]},
        {"namespaces": ["a"], "all_namespaces": True},
        # A variable that is not set must not mean all owners, or that nothing is protected.
        {"owners": [""]},
        {"owners": ["alice", " "]},
        {"images": [""]},
        {"label_selectors": [""]},
        {"protected_namespaces": [""]},
        {"workload_kinds": [""]},
    ],
)
def test_what_cannot_be_meant(changed: dict[str, Any]) -> None:
    params = _params(**changed)

    with pytest.raises(OptionError, match=next(iter(changed))):
        CleanupOptions.from_params(params, any_ownership=False)
        limits_from(params)
        selection_from(params, "default")


def test_what_a_survey_leaves_empty() -> None:
    selection = selection_from(_params(namespaces=["", " "], kinds=[]), "mine")

    assert selection.namespaces == ("mine",)
    assert len(selection.kinds) == 4
    assert selection.owners == ()


@pytest.mark.parametrize(
    ("expression", "own"),
    [
        ("age > `60`", False),
        ("tool == 'mirrord'", True),
        ("!managed", True),
        ("owner == 'tool'", False),
        ("labels.tool == 'x'", True),
        ("kind == 'agent_job' && (age > `60` || managed)", True),
    ],
)
def test_an_expression_that_decides_about_ownership(expression: str, own: bool) -> None:
    assert names_ownership(fields_of("where", expression)) is own


@pytest.mark.parametrize(
    ("selection", "kept"),
    [
        ({}, True),
        ({"kinds": ("pod_copy",)}, False),
        ({"owners": ("bob",)}, False),
        ({"owners": ("bob", "alice")}, True),
        ({"images": ("*/agent:*",)}, True),
        ({"images": ("agent:*",)}, False),
        ({"images": ("*",)}, True),
        ({"images": ("R.IO/*",)}, False),
        ({"images": ("r.io/[",)}, False),
        ({"images": ("r.io/agent:1@sha256:*",)}, False),
        ({"images": ("*" * 200 + "x",)}, False),
        ({"where": "age == `60` && labels.team == 'a'"}, True),
        ({"where": "finished_age > `0`"}, False),
        ({"where": "started_at == null"}, False),
    ],
)
def test_filters(selection: dict[str, Any], kept: bool) -> None:
    finding = job_finding(
        {
            "metadata": {
                "name": "a",
                "namespace": "shop",
                "uid": "u",
                "labels": {
                    "app.kubernetes.io/managed-by": "kubedebug.core",
                    "kubedebug.core/role": "agent",
                    "kubedebug.core/identity": "1a",
                    "team": "a",
                },
                "annotations": {
                    "kubedebug.core/owner": "alice",
                    "kubedebug.core/identity": "1a",
                },
            },
            "spec": {"template": {"spec": {"containers": [{"image": "r.io/agent:1"}]}}},
            "status": {"active": 1, "startTime": "2026-11-25T10:00:00Z"},
        }
    )
    assert finding is not None
    assert finding.started is not None

    test = keeps(Selection(namespaces=(), **selection))

    assert test(finding, finding.started + 60) is kept
