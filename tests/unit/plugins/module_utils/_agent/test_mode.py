# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task that an agent's refusal holds is one that pod_copy takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._agent.mode import copy_instead
from ansible_collections.kubedebug.core.plugins.module_utils._agent.options import AgentOptions
from ansible_collections.kubedebug.core.plugins.module_utils._copies.copy import POD_COPY
from ansible_collections.kubedebug.core.plugins.module_utils._copies.options import CopyOptions
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target

__all__: list[str] = []

_TARGET = Target(
    namespace="shop",
    name="web",
    uid="u-1",
    node="node-1",
    container="app",
    container_id="ab" * 32,
    runtime="containerd",
    pod={"metadata": {"namespace": "shop", "name": "web"}, "spec": {}},
)


def _task(options: AgentOptions, level: str | None = None) -> dict[str, Any]:
    text = copy_instead(_TARGET, options, level)
    ((module, args),) = json.loads(text.partition("the task is: - ")[2]).items()
    assert module == "kubedebug.core.pod_copy"
    spec = POD_COPY.spec.argument_spec
    params = {name: option.get("default") for name, option in spec.items()}
    assert not set(args) - set(spec)
    CopyOptions.from_params({**params, **args})
    found: dict[str, Any] = args
    return found


def test_the_command_goes_along_and_stays_a_list() -> None:
    argv = ("sh", "-c", 'echo "it\'s"; sleep 9')

    task = _task(AgentOptions(image="box:1", command=argv, lifetime=60))

    assert task == {
        "namespace": "shop",
        "name": "web",
        "image": "box:1",
        "lifetime": 60,
        "command": list(argv),
    }


@pytest.mark.parametrize("word", ["--pid={pid}", "{container_id}", "{socket}", "{runtime}"])
def test_what_names_the_process_of_the_target_is_left_out(word: str) -> None:
    assert "command" not in _task(AgentOptions(command=("agent", word)))


@pytest.mark.parametrize(
    ("level", "profile"),
    [(None, None), ("privileged", None), ("baseline", "baseline"), ("restricted", "restricted")],
)
def test_the_profile_is_what_the_namespace_allows(level: str | None, profile: str | None) -> None:
    assert _task(AgentOptions(), level).get("profile") == profile


def test_a_lifetime_that_is_too_short_for_a_copy_is_not_told() -> None:
    assert _task(AgentOptions(lifetime=1))["lifetime"] == 10
