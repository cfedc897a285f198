# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of bad input have in common: a task that could wait for long, and its refusal."""

from __future__ import annotations

from typing import Any

from e2ekit.cluster import Space
from e2ekit.playbooks import Playbooks, TaskResult

__all__ = ["check_refusal", "task_args"]

# Far above the bound of a test's run: what waits in vain fails the test.
_FOREVER = 600


def task_args(space: Space, args: dict[str, Any], *, module: str) -> dict[str, Any]:
    """The options of *module* for the pod ``web``, overlaid by *args*; None leaves one out."""
    common: dict[str, Any] = {"namespace": space.name, "name": "web"}
    if module != "ephemeral_container_info":
        common = {**common, "image": space.cluster.toolbox, "wait_timeout": _FOREVER}
    return {key: value for key, value in {**common, **args}.items() if value is not None}


def check_refusal(failed: TaskResult, play: Playbooks, texts: list[str]) -> None:
    """The task failed with all *texts* in its message, and without a stack trace."""
    assert failed.status == "failed"
    for text in texts:
        assert text in failed.msg
    assert "Traceback" not in play.runs[-1].output
