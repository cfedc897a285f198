# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One table of namespaces: what docs show is what the code goes by."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import (
    NAMESPACES,
    AgentOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.spec import shared_in_pod
from ansible_collections.kubedebug.core.plugins.module_utils._namespaces.reading import (
    NAMES,
    Reading,
)
from ansible_collections.kubedebug.core.plugins.module_utils._namespaces.table import (
    Sight,
    build_table,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.namespaces import (
    SHARING,
    Place,
    table,
)

__all__: list[str] = []

_DOCUMENT = Path(__file__).parents[5] / "docs" / "namespaces.md"


def _rendered() -> str:
    rows = table()
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def test_the_document_shows_the_table_of_the_code() -> None:
    text = _DOCUMENT.read_text(encoding="utf-8")
    shown = text.partition("<!-- table -->\n")[2].partition("\n<!-- end -->")[0]
    assert shown == _rendered(), f"paste this into {_DOCUMENT.name}:\n{_rendered()}"


def test_an_agent_can_choose_what_the_table_says() -> None:
    for place in ("job", "joined"):
        chosen = {name for name, cells in SHARING.items() if cells[place] == "chosen"}
        anyhow = {name for name, cells in SHARING.items() if cells[place] == "always"}
        assert chosen | anyhow >= set(NAMESPACES)
        assert chosen <= set(NAMESPACES)
    assert {kind for kind in NAMESPACES if shared_in_pod(kind)} == {
        name for name in NAMESPACES if SHARING[name]["joined"] == "always"
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("user", "mode=ephemeral is in the target's anyhow"),
        ("time", "that of its pod or of the node. Leave it out"),
        ("network", "choose among net, mnt, pid, ipc, uts, cgroup"),
    ],
)
def test_what_cannot_be_chosen_is_refused_with_the_way(name: str, text: str) -> None:
    with pytest.raises(OptionError) as caught:
        AgentOptions.from_params({"namespaces": [name]})
    assert text in caught.value.msg


@pytest.mark.parametrize(("place", "joined"), [("joined", "web"), ("apart", None)])
def test_what_the_specification_proves_is_what_the_table_says(
    place: Place, joined: str | None
) -> None:
    """`pod_namespaces_info` reasons from the specification where it may not read the inodes."""
    reading = Reading(target_pid=1 if joined else None)
    pod = {"spec": {"hostUsers": False, "containers": [{"name": "web"}]}}
    rows = build_table(Sight(pod=pod, container="web", joined=joined, reading=reading))
    assert [row.name for row in rows] == list(NAMES)
    assert set(NAMES) == set(SHARING)
    for row in rows:
        if row.shared is not None:
            assert row.shared == (SHARING[row.name][place] == "always"), row.name
    assert {row.name for row in rows if row.shared is not None} >= {"net", "ipc", "uts", "user"}
