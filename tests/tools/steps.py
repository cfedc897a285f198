# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the suites' steps are made of: commands of an environment, these tools' own, and the
cluster's variables.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible_collections.kubedebug.core.tests.tools.environments import (
    Environment,
    ensure,
    ensure_peer,
    variables,
)
from ansible_collections.kubedebug.core.tests.tools.layout import ROOT
from ansible_collections.kubedebug.core.tests.tools.run_suites import Step

__all__ = [
    "ARGUMENTS",
    "PACKAGE",
    "cluster_up",
    "cluster_variables",
    "commands_step",
    "own_variables",
    "parse_assignments",
    "playbook_variables",
    "tool",
    "tshark",
]

PACKAGE = "ansible_collections.kubedebug.core"

ARGUMENTS: list[str] = []
"""What the user added for pytest (`make unit ARGS="-k retry"`); set by the command line."""


def own_variables() -> dict[str, str]:
    """Return the variables for a step that is one of these tools again, or the cluster's
    program.
    """
    return {**os.environ, "PYTHONUNBUFFERED": "1"}


def tool(name: str, *arguments: str) -> list[Step]:
    """Return the step that runs one of these tools' own commands."""
    module = f"{PACKAGE}.tests.tools"
    argv = (sys.executable, "-P", "-m", module, name, *arguments)
    return [Step(" ".join((name, *arguments)), argv, own_variables(), ROOT)]


def commands_step(
    environment: Environment, env: Mapping[str, str], command: Sequence[str], cwd: Path = ROOT
) -> Step:
    """Return the step that runs one of an environment's commands."""
    own = environment.bin / command[0]
    argv = (str(own) if own.exists() else command[0], *command[1:])
    words = [word for word in command if not word.startswith("-")]
    return Step(" ".join(words[:2]), argv, env, cwd)


def cluster_up() -> list[Step]:
    """Bring the test cluster up, unless the user named one by KUBECONFIG."""
    if os.environ.get("KUBECONFIG"):
        probe = "import os; print('Using the cluster of KUBECONFIG:', os.environ['KUBECONFIG'])"
        return [Step("KUBECONFIG", (sys.executable, "-c", probe), own_variables(), ROOT)]
    argv = (sys.executable, str(ROOT / "tests/cluster/cluster.py"), "up")
    return [Step("cluster up", argv, own_variables(), ROOT)]


def tshark() -> list[Step]:
    """Install what captures are read with, where it is missing and apt is there."""
    return [Step("tshark", ("sh", "tests/tools/install-tshark"), own_variables(), ROOT)]


def cluster_variables() -> dict[str, str]:
    """Return KUBECONFIG and the images' variables as the cluster's program tells them.

    With KUBECONFIG set by the user all of them are the user's. The program prints `NAME=value`,
    with or without `export`, quoted for a shell.

    Raises RuntimeError with the program's own words when it fails.
    """
    if os.environ.get("KUBECONFIG"):
        return {}
    answer = subprocess.run(
        (sys.executable, str(ROOT / "tests/cluster/cluster.py"), "env"),
        cwd=ROOT,
        env=own_variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise RuntimeError(f"cluster.py env: {answer.stderr.strip() or answer.returncode}")
    return parse_assignments(answer.stdout)


def parse_assignments(text: str) -> dict[str, str]:
    """Return the variables of shell assignments."""
    found = {}
    for word in shlex.split(text, comments=True):
        name, equals, value = word.partition("=")
        if equals:
            found[name] = value
    return found


def playbook_variables() -> dict[str, str]:
    """Return the variables of a step that talks to the cluster from the newest environment."""
    return {
        **variables(ensure("newest")),
        **cluster_variables(),
        "KUBEDEBUG_PEER_SITE_PACKAGES": str(ensure_peer()),
    }
