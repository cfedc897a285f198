# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real shells and real PID namespaces for the tests of the scripts.

Outside of a PID namespace of its own no script that signals a whole container is ever run here: a
mistake in it would end processes of the machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable

import pytest

_SHELLS = [["sh"], ["dash"], ["bash", "--posix"], ["busybox", "sh"]]
# sh is one of the others, as a rule; the same program twice would tell nothing new.
_FOUND = [(shutil.which(argv[0]), argv) for argv in _SHELLS]
_PRESENT = {os.path.realpath(path): argv for path, argv in _FOUND if path}


@pytest.fixture(params=list(_PRESENT.values()) or [["none"]], ids=lambda argv: argv[0])
def shell(request: pytest.FixtureRequest) -> list[str]:
    """The argv of one POSIX shell of this machine; each test runs with all of them."""
    argv: list[str] = request.param
    if argv == ["none"]:
        pytest.fail("this machine has none of sh, dash, bash and busybox")
    return argv


def _permitted(unshare: list[str]) -> list[str]:
    for prefix in (unshare, [*unshare, "--user", "--map-root-user"]):
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
            return prefix
    pytest.skip(f"this machine does not let the user do this: {' '.join(unshare)}")


@pytest.fixture(scope="session")
def own_pid_namespace() -> list[str]:
    """What to put before an argv so that it becomes PID 1 of a namespace of its own."""
    return _permitted(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])


@pytest.fixture(scope="session")
def own_mounts() -> list[str]:
    """What to put before an argv so that it has mounts of its own, as a container has."""
    return _permitted(["unshare", "--mount"])


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait for a state of another process that nothing announces; fail after half a minute."""

    def wait(reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not reached():
            assert time.monotonic() < deadline, "the awaited state was not reached"
            time.sleep(0.01)

    return wait
