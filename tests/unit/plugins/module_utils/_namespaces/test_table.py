# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From inodes and specifications to the table."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._namespaces.reading import (
    NAMES,
    Reading,
)
from ansible_collections.kubedebug.core.plugins.module_utils._namespaces.table import (
    Row,
    Sight,
    build_table,
    why_unread,
)

_OWN = {name: 100 + index for index, name in enumerate(NAMES)}


def _sight(
    *,
    spec: dict[str, Any] | None = None,
    joined: str | None = "web",
    problem: str | None = None,
    **reading: Any,
) -> Sight:
    return Sight(
        pod={"spec": spec or {}},
        container="web",
        joined=joined,
        reading=Reading(**{"own": _OWN, "uid": 0, "sys_ptrace": True, **reading}),
        problem=problem,
    )


def _rows(sight: Sight) -> dict[str, Row]:
    return {row.name: row for row in build_table(sight)}


def test_order_is_always_the_same() -> None:
    expected = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"]
    assert [row.name for row in build_table(_sight())] == expected
    assert [row.name for row in build_table(_sight(own={}))] == expected


def test_inodes_are_the_proof() -> None:
    theirs = {**_OWN, "mnt": 7, "net": 8}
    rows = _rows(_sight(target=theirs, target_pid=1))
    assert {row.evidence for row in rows.values()} == {"inode"}
    assert {name for name, row in rows.items() if not row.shared} == {"mnt", "net"}
    assert rows["net"].as_dict() == {
        "name": "net",
        "target": 8,
        "debugger": _OWN["net"],
        "shared": False,
        "evidence": "inode",
        "note": None,
    }


@pytest.mark.parametrize(
    ("spec", "joined", "pid", "expected"),
    [
        pytest.param(
            {},
            None,
            None,
            {
                "cgroup": None,
                "ipc": True,
                "mnt": False,
                "net": True,
                "pid": False,
                "time": None,
                "user": True,
                "uts": True,
            },
            id="own-process-namespace",
        ),
        pytest.param({"shareProcessNamespace": True}, None, None, {"pid": True}, id="shared"),
        pytest.param({"hostPID": True}, None, None, {"pid": True}, id="the-node's"),
        pytest.param({}, "web", 1, {"pid": True}, id="joined-and-seen"),
        pytest.param({}, "web", None, {"pid": None}, id="joined-and-not-seen-proves-nothing"),
        pytest.param({}, "sidecar", None, {"pid": False}, id="joined-another"),
        pytest.param({"hostUsers": False}, None, None, {"user": True}, id="users-of-the-pod"),
        pytest.param({"hostNetwork": True}, None, None, {"net": True}, id="net-of-the-node"),
    ],
)
def test_specification_decides_without_inodes(
    spec: dict[str, Any], joined: str | None, pid: int | None, expected: dict[str, bool | None]
) -> None:
    rows = _rows(_sight(spec=spec, joined=joined, target_pid=pid))
    assert {name: rows[name].shared for name in expected} == expected
    for row in rows.values():
        assert row.target is None
        assert row.debugger == _OWN[row.name]
        assert row.evidence == ("unknown" if row.shared is None else "pod spec")
        assert row.note


@pytest.mark.parametrize(
    ("spec", "name", "note"),
    [
        pytest.param({"hostNetwork": True}, "net", "the node's own (hostNetwork: true)"),
        pytest.param({"hostPID": True}, "pid", "the node's own (hostPID: true)"),
        pytest.param({"hostIPC": True}, "ipc", "the node's own (hostIPC: true)"),
    ],
)
def test_namespace_of_the_node_is_named(spec: dict[str, Any], name: str, note: str) -> None:
    assert _rows(_sight(spec=spec, target=_OWN, target_pid=1))[name].note == note
    assert _rows(_sight(spec=spec))[name].note == note


def test_kernel_without_time_namespaces() -> None:
    known = {name: inode for name, inode in _OWN.items() if name != "time"}
    row = _rows(_sight(own=known, target=known, target_pid=1))["time"]
    assert (row.shared, row.evidence) == (None, "unknown")
    assert "kernel has no time namespaces" in str(row.note)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({"target": _OWN, "target_pid": 1}, None, id="read"),
        pytest.param({"joined": None}, "open one with target_container=true", id="not-joined"),
        pytest.param({"joined": "sidecar"}, "processes of container sidecar", id="another"),
        pytest.param({}, "may ignore targetContainerName", id="wish-ignored"),
        pytest.param(
            {"spec": {"shareProcessNamespace": True}, "joined": None},
            "may ignore targetContainerName, or show no container",
            id="shared-but-not-found",
        ),
        pytest.param(
            {"target_pid": 1, "uid": 0, "sys_ptrace": False}, "profile=general gives", id="root"
        ),
        pytest.param(
            {"target_pid": 1, "uid": 1000, "sys_ptrace": False}, "runAsUser: 0", id="not-root"
        ),
        pytest.param(
            {"target_pid": 1, "uid": None, "sys_ptrace": None}, "profile=general", id="unknown-user"
        ),
        pytest.param(
            {"target_pid": 1, "sys_ptrace": True}, "although it has SYS_PTRACE", id="refused-anyway"
        ),
        pytest.param({"target_gone": True}, "run the task again", id="gone"),
        pytest.param({"own": {}}, "neither readlink nor ls", id="image-without-tools"),
        pytest.param(
            {"problem": "container web is waiting: CrashLoopBackOff"},
            "CrashLoopBackOff",
            id="no-process-at-all",
        ),
    ],
)
def test_reason_for_missing_inodes(given: dict[str, Any], reason: str | None) -> None:
    found = why_unread(_sight(**given))
    assert found is None if reason is None else reason in str(found)
