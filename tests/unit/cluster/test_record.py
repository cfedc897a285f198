# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kdcluster.record import Decision, Record, decide, load, save

UP = Record(boot="b1", pair="new", config="c1", phase="up", images={"web": "k1"})
WANTED = {"boot": "b1", "pair": "new", "config": "c1", "images": {"web": "k1"}}
ALIVE = {"etcd": True, "kubelet": True}
DEAD = dict.fromkeys(ALIVE, False)


def decision(record: Record | None, **changes: Any) -> Decision:
    arguments = {"wanted": WANTED, "leftovers": record is not None, "alive": ALIVE, **changes}
    return decide(record, **arguments)


@pytest.mark.parametrize(
    ("record", "changes", "action", "reason"),
    [
        pytest.param(None, {}, "create", "no cluster", id="first-start"),
        pytest.param(
            None, {"leftovers": True}, "recreate", "no readable record", id="unreadable-record"
        ),
        pytest.param(UP, {}, "nothing", "all components run", id="up"),
        pytest.param(
            UP,
            {"alive": {"etcd": True, "kubelet": False}},
            "repair",
            "not running: kubelet",
            id="one-died",
        ),
        pytest.param(UP, {"alive": DEAD}, "repair", "not running: etcd, kubelet", id="all-died"),
        pytest.param(
            replace(UP, phase="starting"), {}, "repair", "did not finish", id="up-was-killed"
        ),
        pytest.param(
            UP, {"wanted": {**WANTED, "images": {"web": "k2"}}}, "repair", "images", id="image"
        ),
        pytest.param(
            UP, {"wanted": {**WANTED, "boot": "b2"}}, "recreate", "restarted", id="machine-restart"
        ),
        pytest.param(
            UP,
            {"wanted": {**WANTED, "pair": "old"}},
            "refuse",
            "the pair 'new' is up",
            id="other-pair-up",
        ),
        pytest.param(
            UP,
            {"wanted": {**WANTED, "pair": "old"}, "alive": DEAD},
            "recreate",
            "another configuration",
            id="other-pair-dead",
        ),
        pytest.param(
            UP,
            {"wanted": {**WANTED, "config": "c2"}},
            "refuse",
            "another configuration",
            id="other-flags-up",
        ),
        pytest.param(
            replace(UP, phase="starting"),
            {"wanted": {**WANTED, "config": "c2"}},
            "recreate",
            "another configuration",
            id="other-flags-half-made",
        ),
        pytest.param(
            UP,
            {"wanted": {**WANTED, "boot": "b2", "pair": "old"}},
            "recreate",
            "restarted",
            id="a-restart-counts-more-than-the-pair",
        ),
    ],
)
def test_decide(record: Record | None, changes: dict[str, Any], action: str, reason: str) -> None:
    found = decision(record, **changes)
    assert found.action == action
    assert reason in found.reason


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "record.json"
    save(path, UP)
    assert load(path) == UP
    assert [entry.name for entry in path.parent.iterdir()] == ["record.json"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="cut-off"),
        pytest.param("[]", id="no-object"),
        pytest.param("{}", id="fields-missing"),
        pytest.param('{"boot": "b", "pair": "new", "config": "c", "x": 1}', id="field-unknown"),
    ],
)
def test_an_unreadable_record_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(text, encoding="ascii")
    assert load(path) is None


def test_a_missing_record_is_none(tmp_path: Path) -> None:
    assert load(tmp_path / "record.json") is None
