# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo`: a cluster, a small shop on it without a shell, and a debugging session on one of its
pods.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence

from ansible_collections.kubedebug.core.tests.tools.environments import ensure, variables
from ansible_collections.kubedebug.core.tests.tools.layout import ROOT
from ansible_collections.kubedebug.core.tests.tools.steps import cluster_up, cluster_variables

__all__ = ["demo"]

APPLICATION = "tests/demo/demo.yml"
"""Makes the namespace `kubedebug-demo` and the shop in it, and waits until it runs."""

VARIABLES = "tests/demo/vars/debug-pod.yml"
"""What is debugged: the variables of playbooks/debug-pod.yml for the demo."""


def run(title: str, argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run one step on the terminal, with a heading and the time it took."""
    print(f"\n=== {title}\n$ {' '.join(argv)}", flush=True)
    begun = time.monotonic()
    code = subprocess.run(argv, cwd=ROOT, env=dict(env), check=False).returncode
    word = "done" if code == 0 else f"failed with {code}"
    print(f"=== {title}: {word} after {time.monotonic() - begun:.0f} s", flush=True)
    return code


def demo(arguments: Sequence[str]) -> int:
    """Run the demo; `arguments` go to debug-pod.yml. Returns the exit status of the first step that
    failed.
    """
    print("\n=== The environment", flush=True)
    environment = ensure("newest")
    for step in cluster_up():
        if code := run("The cluster", step.argv, step.env):
            return code
    env = {**variables(environment), **cluster_variables()}
    playbook = str(environment.bin / "ansible-playbook")
    if code := run("The application", (playbook, APPLICATION), env):
        return code
    session = (playbook, "playbooks/debug-pod.yml", "-e", f"@{VARIABLES}", *arguments)
    if code := run("The session", session, env):
        return code
    print(
        "\nmake demo          again: the debugger is reused"
        "\nmake shell         a shell with this ansible-playbook, kubectl and cluster"
        "\nmake cluster-down  the end",
        flush=True,
    )
    return 0
