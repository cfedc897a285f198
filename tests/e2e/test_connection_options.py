# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the connection's options come from."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay
from e2ekit.hosts import inventory, on_pods

__all__: list[str] = []

_GIVEN: dict[str, str] = {
    "image_pull_policy": "IfNotPresent",
    "profile": "netadmin",
    "target_container": "false",
    "lifetime": "1234",
    "owner": "ann",
    "reason": "a reason",
    "ticket": "INC-7",
    "wait_timeout": "77",
    "keep": "false",
}


@pytest.mark.parametrize("source", ["environment", "variables", "both"])
def test_where_the_options_come_from(
    space: Space, new_play: NewPlay, tmp_path: Path, source: str
) -> None:
    """A variable counts more than the environment."""
    space.web()
    given = {**_GIVEN, "image": space.cluster.toolbox, "namespace": space.name}
    wrong = {
        "image_pull_policy": "Never",
        "profile": "sysadmin",
        "target_container": "true",
        "lifetime": "4321",
        "image": "localhost/no/such:image",
        "namespace": "no-such-namespace",
    }
    variables = {} if source == "environment" else {f"kubedebug_{k}": v for k, v in given.items()}
    environ = wrong if source == "both" else given if source == "environment" else {}
    play = new_play(space, **{f"KUBEDEBUG_{key.upper()}": value for key, value in environ.items()})
    listed = inventory(space, tmp_path, {"web": {}}, **variables)
    if source == "environment":
        text = Path(listed).read_text(encoding="utf-8")
        for key in ("kubedebug_image", "kubedebug_namespace"):
            text = text.replace(key, f"not_{key}")
        Path(listed).write_text(text, encoding="utf-8")
    tasks = [
        {"name": "Task", "ansible.builtin.raw": "true"},
        {"name": "Reset", "ansible.builtin.meta": "reset_connection"},
    ]

    play.play(on_pods(play, tasks), "-i", listed)

    (entry,) = space.entries("web")
    marks = {each["name"]: each.get("value") for each in entry["env"]}
    assert entry["image"] == space.cluster.toolbox
    assert entry["imagePullPolicy"] == "IfNotPresent"
    assert "targetContainerName" not in entry
    assert "NET_ADMIN" in entry["securityContext"]["capabilities"]["add"]
    assert marks["KUBEDEBUG_LIFETIME"] == "1234"
    told = [marks[f"KUBEDEBUG_{key}"] for key in ("OWNER", "REASON", "TICKET")]
    assert told == ["ann", "a reason", "INC-7"]
    # keep=false, so that the reset has ended it.
    assert "terminated" in space.states("web")[entry["name"]]
