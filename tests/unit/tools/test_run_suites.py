# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner, with real small processes in place of the suites."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.tests.tools.run_suites import (
    Options,
    Step,
    Suite,
    order,
    run_suites,
)

__all__: list[str] = []

JUNIT = "<testsuites><testsuite><testcase name='a'/>{more}</testsuite></testsuites>"


def step(tmp_path: Path, code: str, junit: Path | None = None, name: str = "step") -> Step:
    """Return a step that runs a line of Python."""
    return Step(name, (sys.executable, "-c", code), dict(os.environ), tmp_path, junit)


def suite(name: str, *steps: Step, needs: Sequence[str] = (), setup: bool = False) -> Suite:
    """Return a suite of those steps."""
    return Suite(name, lambda: steps, tuple(needs), setup=setup)


def run(tmp_path: Path, *suites: Suite, slots: int = 2) -> tuple[int, list[str]]:
    """Run the suites; returns the exit status and the lines of the terminal."""
    out = io.StringIO()
    status = run_suites(suites, Options(tmp_path / "logs", slots=slots, out=out))
    return status, out.getvalue().splitlines()


def test_all_pass_and_the_last_line_is_the_sum(tmp_path: Path) -> None:
    junit = tmp_path / "unit.xml"
    write = f"open({str(junit)!r}, 'w').write({JUNIT.format(more='')!r})"
    status, lines = run(
        tmp_path,
        suite("setup", step(tmp_path, "print('prepared')"), setup=True),
        suite("lint", step(tmp_path, "pass"), step(tmp_path, "pass"), needs=["setup"]),
        suite("unit", step(tmp_path, write, junit), needs=["setup"]),
    )
    assert (status, lines[-1]) == (0, "3 passed, 0 failed")
    assert "prepared" in (tmp_path / "logs/setup.log").read_text(encoding="utf-8")


def test_a_failed_check_fails_the_run_and_shows_its_log(tmp_path: Path) -> None:
    status, lines = run(
        tmp_path,
        suite(
            "lint",
            step(tmp_path, "print('line 1'); raise SystemExit('what is wrong')", name="checker"),
            step(tmp_path, "pass"),
        ),
        suite("types", step(tmp_path, "pass")),
    )
    assert (status, lines[-1]) == (1, "2 passed, 1 failed")
    assert "what is wrong" in lines
    assert any(line.endswith("lint: checker: 0 passed, 1 failed") for line in lines)


def test_who_needs_what_failed_does_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    status, lines = run(
        tmp_path,
        suite("cluster", step(tmp_path, "raise SystemExit(3)"), setup=True),
        suite("e2e", step(tmp_path, f"open({str(trace)!r}, 'w')"), needs=["cluster"]),
        suite("after", step(tmp_path, "pass"), needs=["e2e"]),
        suite("unit", step(tmp_path, "pass")),
    )
    assert (status, lines[-1]) == (1, "1 passed, 3 failed")
    assert not trace.exists()
    assert any("e2e: not run, because cluster failed" in line for line in lines)


@pytest.mark.parametrize("steps", [pytest.param(0, id="no-steps"), pytest.param(1, id="no-tests")])
def test_a_suite_that_runs_nothing_fails(tmp_path: Path, steps: int) -> None:
    empty = "<testsuites/>"
    junit = tmp_path / "e2e.xml"
    write = f"open({str(junit)!r}, 'w').write({empty!r})"
    all_steps = [step(tmp_path, write, junit)][:steps]
    status, lines = run(tmp_path, suite("e2e", *all_steps))
    assert (status, lines[-1]) == (1, "0 passed, 1 failed")


def test_no_suite_is_no_success(tmp_path: Path) -> None:
    status, lines = run(tmp_path)
    assert (status, lines[-1]) == (1, "0 passed, 0 failed")


def test_a_result_of_a_former_run_does_not_count(tmp_path: Path) -> None:
    junit = tmp_path / "unit.xml"
    junit.write_text(JUNIT.format(more=""), encoding="utf-8")
    status, lines = run(tmp_path, suite("unit", step(tmp_path, "pass", junit)))
    assert (status, lines[-1]) == (1, "0 passed, 1 failed")


def test_a_suite_that_cannot_tell_its_steps_fails(tmp_path: Path) -> None:
    def broken() -> list[Step]:
        raise RuntimeError("cluster.py env: no cluster runs")

    status, lines = run(tmp_path, Suite("e2e", broken))
    assert (status, lines[-1]) == (1, "0 passed, 1 failed")
    assert any("cannot start: cluster.py env: no cluster runs" in line for line in lines)


def test_a_step_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)"
    )
    hanging = Suite("e2e", lambda: [step(tmp_path, code)], timeout=3.0)
    status, lines = run(tmp_path, hanging)
    assert (status, lines[-1]) == (1, "0 passed, 1 failed")
    state = Path(f"/proc/{pid.read_text(encoding='utf-8')}/status")
    assert not state.exists() or "\nState:\tZ" in state.read_text(encoding="utf-8")


def test_a_daemon_that_a_step_leaves_does_not_hold_the_run(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = (
        "import subprocess\n"
        "daemon = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"open({str(pid)!r}, 'w').write(str(daemon.pid))"
    )
    status, lines = run(tmp_path, suite("cluster", step(tmp_path, code)))
    os.kill(int(pid.read_text(encoding="utf-8")), signal.SIGKILL)  # fails when it is not there
    assert (status, lines[-1]) == (0, "1 passed, 0 failed")


def test_a_heavy_suite_runs_alone(tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    def marking(name: str) -> Step:
        code = f"f = open({str(trace)!r}, 'a')\nf.write('+{name}'); f.flush(); f.write('-{name}')"
        return step(tmp_path, code)

    light = [suite(f"l{number}", marking(f"l{number}")) for number in range(3)]
    heavy = Suite("h", lambda: [marking("h")], weight=2)
    status, _lines = run(tmp_path, *light, heavy)
    assert status == 0
    assert "+h-h" in trace.read_text(encoding="utf-8")


def test_suites_that_are_kept_apart(tmp_path: Path) -> None:
    """The second waits for the first one's end, and lets the third go beside that."""
    trace, pipe = tmp_path / "trace", tmp_path / "pipe"
    os.mkfifo(pipe)
    mark = f"open({str(trace)!r}, 'a').write"
    first = f"{mark}('+a'); open({str(pipe)!r}).read(); {mark}('-a')"
    second = f"{mark}('+b')"
    third = f"{mark}('+c'); open({str(pipe)!r}, 'w').close()"

    status, _lines = run(
        tmp_path,
        suite("a", step(tmp_path, first)),
        Suite("b", lambda: [step(tmp_path, second)], apart=("a",)),
        suite("c", step(tmp_path, third)),
    )

    assert status == 0
    assert trace.read_text(encoding="utf-8").endswith("-a+b")


def test_order_takes_the_needs_along() -> None:
    suites = [suite("a"), suite("b", needs=["a"]), suite("c", needs=["b"]), suite("d")]
    assert [each.name for each in order(suites, ["c"])] == ["a", "b", "c"]
    with pytest.raises(KeyError):
        order(suites, ["unknown"])
