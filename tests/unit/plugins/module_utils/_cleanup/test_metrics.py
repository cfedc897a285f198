# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers, and the text that Prometheus reads."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.metrics import (
    counts,
    exposition,
)
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.model import (
    Action,
    Decision,
    Finding,
    Outcome,
    Status,
)

__all__: list[str] = []

_NOW = 1_800_000_000.0
# A line of the format: https://prometheus.io/docs/instrumenting/exposition_formats/
_LINE = re.compile(
    r"# (HELP|TYPE) [a-z_]+ .+|"
    r'[a-z_]+(\{[a-z_]+="([^"\\\n]|\\["\\n])*"(,[a-z_]+="([^"\\\n]|\\["\\n])*")*\})? -?\d+(\.\d+)?'
)


def _outcome(
    name: str, action: Action = "none", status: Status = "kept", **changed: Any
) -> Outcome:
    known: dict[str, Any] = {
        "kind": "ephemeral_container",
        "namespace": "shop",
        "name": name,
        "uid": name,
        "container": "c",
        "image": "i",
        "state": "running",
        "tool": "kubedebug",
        "managed": True,
        "owner": "alice",
        "started": _NOW - 100,
        "expires": _NOW - 10,
    }
    finding = Finding(**{**known, **changed})
    return Outcome(
        decision=Decision(finding=finding, action=action, code="x", why="x."), status=status
    )


def _text(*outcomes: Outcome, owners: int = 20, failed: bool = False) -> list[str]:
    text = exposition(outcomes, now=_NOW, owners=owners, failed=failed)
    assert text.endswith("\n")
    lines = text.splitlines()
    assert [line for line in lines if not _LINE.fullmatch(line)] == []
    return lines


def test_nothing_is_a_number_too() -> None:
    lines = _text()

    assert 'kubedebug_leftovers{kind="agent_job",state="running",owner="(none)"} 0' in lines
    assert "kubedebug_leftovers_oldest_running_seconds 0" in lines
    assert "kubedebug_cleanup_failed 0" in lines
    assert "kubedebug_cleanup_timestamp_seconds 1800000000" in lines


def test_what_is_left_counts_and_what_is_gone_does_not() -> None:
    lines = _text(
        _outcome("kept"),
        _outcome("deleted", "delete", "done"),
        _outcome("replaced", "recycle", "done"),
        _outcome("theirs", "delete", "gone"),
        _outcome("stopped", "stop", "done", owner="bob"),
        _outcome("failed", "delete", "failed", owner="carol"),
        failed=True,
    )

    kind = 'kind="ephemeral_container"'
    assert f'kubedebug_leftovers{{{kind},state="running",owner="alice"}} 1' in lines
    assert f'kubedebug_leftovers{{{kind},state="finished",owner="bob"}} 1' in lines
    assert f'kubedebug_leftovers{{{kind},state="running",owner="carol"}} 1' in lines
    assert "kubedebug_leftovers_overdue 2" in lines
    assert "kubedebug_leftovers_oldest_running_seconds 100" in lines
    assert 'kubedebug_cleanup_decisions{action="delete",status="done"} 1' in lines
    assert "kubedebug_cleanup_failed 1" in lines


def test_names_are_escaped_and_short() -> None:
    lines = _text(_outcome("a", owner='a"b\\c\nd'), _outcome("b", owner="x" * 500))

    assert any(line.endswith('owner="a\\"b\\\\c\\nd"} 1') for line in lines)
    assert max(len(line) for line in lines) < 250


def test_the_number_of_series_is_bounded_and_nobody_is_lost() -> None:
    many = [_outcome(f"p{number}", owner=f"o{number}") for number in range(500)]
    lines = _text(*many, _outcome("b", owner="busy"), _outcome("c", owner="busy"), owners=3)

    series = [line for line in lines if line.startswith("kubedebug_leftovers{")]
    assert len(series) < 12
    assert sum(int(line.split()[-1]) for line in series) == 502
    assert any('owner="busy"} 2' in line for line in series)
    assert any('owner="(others)"} 498' in line for line in series)


def test_counts_have_each_known_value() -> None:
    told = counts([_outcome("a"), _outcome("b", owner=None, state="finished")])

    assert told["total"] == 2
    assert told["by_kind"] == {
        "ephemeral_container": 2,
        "agent_job": 0,
        "node_debugger": 0,
        "pod_copy": 0,
    }
    assert told["by_state"] == {"waiting": 0, "running": 1, "finished": 1, "unknown": 0}
    assert told["by_owner"] == {"(none)": 1, "alice": 1}
    assert told["by_status"]["kept"] == 2
