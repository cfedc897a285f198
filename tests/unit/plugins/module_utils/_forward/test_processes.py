# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes told apart, their ends noticed, and the playbook that a task belongs to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._forward import processes

LONG = 60.0


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait(LONG)


def test_a_process_runs_until_it_has_ended_and_not_as_a_zombie(
    child: subprocess.Popen[bytes],
) -> None:
    known = processes.process(child.pid)
    assert known.runs
    assert not known.wait(0.0)
    known.send(signal.SIGTERM)
    # Nobody has waited for the child yet: it stays as a zombie.
    assert known.wait(LONG)
    assert not known.runs


def test_another_process_of_the_same_id_is_another_one(child: subprocess.Popen[bytes]) -> None:
    known = processes.process(child.pid)
    former = processes.Process(pid=known.pid, began=f"{known.began}1")
    assert not former.runs
    assert former.open() is None
    former.send(signal.SIGKILL)
    assert known.runs


def test_a_process_that_never_was() -> None:
    gone = processes.process(2**22 - 1)
    assert not gone.runs
    assert gone.wait(0.0)


def test_the_descriptor_of_a_process_tells_its_end(child: subprocess.Popen[bytes]) -> None:
    known = processes.process(child.pid)
    descriptor = known.open()
    assert descriptor is not None
    os.close(descriptor)


@pytest.mark.parametrize(
    ("argv", "known"),
    [
        (["ansible-playbook", "x.yml"], True),
        (["/usr/bin/python3", "/usr/bin/ansible-playbook", "x.yml"], True),
        (["/usr/bin/python3", "-P", "/opt/bin/ansible-playbook"], True),
        (["python3", "-m", "ansible", "playbook", "x.yml"], True),
        (["/usr/bin/python3", "/usr/bin/ansible", "localhost"], True),
        (["python3", "/root/.ansible/tmp/x/AnsiballZ_pod_port_forward.py"], False),
        (["python3", "/usr/bin/ansible-test"], False),
        (["vim", "notes", "about", "ansible"], False),
        (["sh"], False),
        ([], False),
    ],
)
def test_what_counts_as_a_controller(argv: list[str], known: bool) -> None:
    assert processes._is_ansible([os.fsencode(word) for word in argv]) is known


_FORKS = """
import os, sys
sys.path[:0] = {path!r}
from ansible_collections.kubedebug.core.plugins.module_utils._forward import processes
main = os.getpid()
if os.fork() == 0:
    if os.fork() == 0:
        if {module}:
            os.execv(sys.executable, [sys.executable, "-c", {code!r}, str(main)])
        print(main, processes.controller().pid, flush=True)
        os._exit(0)
    os.wait()
    os._exit(0)
os.wait()
"""
_MODULE = """
import sys
sys.path[:0] = {path!r}
from ansible_collections.kubedebug.core.plugins.module_utils._forward import processes
print(sys.argv[1], processes.controller().pid, flush=True)
"""


@pytest.mark.parametrize("module", [False, True], ids=["a fork of it", "a module below a fork"])
def test_the_controller_is_the_outermost_of_its_forks(tmp_path: Path, module: bool) -> None:
    code = _MODULE.format(path=sys.path)
    script = tmp_path / "ansible-playbook"
    script.write_text(_FORKS.format(path=sys.path, module=module, code=code), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, str(script), "x.yml"],
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )

    main, found = done.stdout.split()
    assert found == main, done.stderr
