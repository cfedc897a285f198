# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs suites side by side as far as their needs and the machine allow, and sums up.

A suite is a list of steps (commands). Each suite's output goes to its own log; the terminal gets
one line at its start and end, the tail of the log when it failed, and a sign of life each minute.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from ansible_collections.kubedebug.core.tests.tools.counts import Counts, step_counts, total

__all__ = ["Options", "Result", "Step", "Suite", "order", "run_suites", "sum_line"]

TAIL_LINES = 60
SIGN_OF_LIFE_SECONDS = 60.0
TIMED_OUT = 124
GRACE_SECONDS = 10.0
"""From SIGTERM to SIGKILL, for a step that has to clean up."""


@dataclass(frozen=True)
class Step:
    """One command of a suite."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    junit: Path | None = None
    """The file or folder with its results; without one the command is one check."""


@dataclass(frozen=True)
class Suite:
    """What runs as a whole, after its needs.

    `steps` is a function, since what it needs (environments, the cluster's variables) exists only
    when the suites that it needs have run. A setup suite prepares something: it counts only when it
    fails.
    """

    name: str
    steps: Callable[[], Sequence[Step]]
    needs: tuple[str, ...] = ()
    weight: int = 1
    """How many of the machine's slots it takes; 2 for one that must not be disturbed on two
    cores.
    """
    apart: tuple[str, ...] = ()
    """Suites that cannot run beside it, whatever room there is."""
    setup: bool = False
    timeout: float = 1800.0
    """Seconds for each step."""


@dataclass
class Result:
    """How a suite ended."""

    suite: Suite
    counts: Counts
    seconds: float
    notes: list[str]

    @property
    def ok(self) -> bool:
        """Tell whether those who need it may start."""
        return self.counts.failed == 0


@dataclass
class Options:
    """What the caller chooses."""

    logs: Path
    slots: int = 2
    live: bool = False
    """Also show the suites' output as it comes."""
    out: TextIO = field(default_factory=lambda: sys.stdout)


def order(suites: Sequence[Suite], wanted: Sequence[str]) -> list[Suite]:
    """Return the wanted suites and all that they need, in the order of `suites`.

    Raises KeyError for a name that is not among them.
    """
    by_name = {suite.name: suite for suite in suites}
    needed: set[str] = set()
    queue = list(wanted)
    while queue:
        name = queue.pop()
        if name not in needed:
            queue.extend(by_name[name].needs)
            needed.add(name)
    return [suite for suite in suites if suite.name in needed]


def sum_line(results: Sequence[Result]) -> str:
    """Return the line that the run closes with."""
    counts = total(result.counts for result in results)
    return f"{counts.passed} passed, {counts.failed} failed"


class Runner:
    """One run: who waits, who runs, what came out."""

    def __init__(self, suites: Sequence[Suite], options: Options) -> None:
        self.waiting = list(suites)
        self.options = options
        self.results: dict[str, Result] = {}
        self.running: dict[Future[Result], Suite] = {}
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.late: set[int] = set()
        """The processes that were ended because their time was over."""
        self.lock = threading.Lock()
        self.started = time.monotonic()
        self.begun: dict[str, float] = {}
        self.stopping = False

    def say(self, text: str) -> None:
        """Print a line with the time since the start."""
        elapsed = int(time.monotonic() - self.started)
        with self.lock:
            self.options.out.write(f"[{elapsed // 60:02d}:{elapsed % 60:02d}] {text}\n")
            self.options.out.flush()

    def run(self) -> list[Result]:
        """Run all; returns the results in the order in which the suites ended."""
        self.options.logs.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(max_workers=max(1, len(self.waiting))) as pool:
            try:
                while self.waiting or self.running:
                    self.start_ready(pool)
                    self.collect()
            except BaseException:
                self.stop()
                raise
        return list(self.results.values())

    def start_ready(self, pool: ThreadPoolExecutor) -> None:
        """Start those whose needs are met and that fit; fail those whose needs failed."""
        for suite in list(self.waiting):
            broken = [
                name for name in suite.needs if name in self.results and not self.results[name].ok
            ]
            if broken:
                self.waiting.remove(suite)
                note = f"not run, because {', '.join(broken)} failed"
                self.finish(Result(suite, Counts(failed=1), 0.0, [note]))
                continue
            if any(name not in self.results for name in suite.needs):
                continue
            if not self.fits(suite):
                continue
            self.waiting.remove(suite)
            self.begun[suite.name] = time.monotonic()
            self.say(f"start   {suite.name}")
            self.running[pool.submit(self.run_suite, suite)] = suite

    def fits(self, suite: Suite) -> bool:
        """Tell whether a suite may run beside those that run."""
        running = self.running.values()
        if any(each.name in suite.apart or suite.name in each.apart for each in running):
            return False
        taken = sum(each.weight for each in running)
        return not taken or taken + suite.weight <= self.options.slots

    def collect(self) -> None:
        """Wait until a suite ends; say what runs when none does for a while."""
        if not self.running:
            return
        done, _pending = wait(self.running, SIGN_OF_LIFE_SECONDS, FIRST_COMPLETED)
        for future in done:
            del self.running[future]
            self.finish(future.result())
        if not done and not self.options.live:
            for suite in self.running.values():
                minutes = (time.monotonic() - self.begun[suite.name]) / 60
                last = tail(self.log(suite), 1).strip()[:100]
                self.say(f"running {suite.name} ({minutes:.0f} min): {last}")

    def log(self, suite: Suite) -> Path:
        """Return the path of a suite's log."""
        return self.options.logs / f"{suite.name}.log"

    def finish(self, result: Result) -> None:
        """Record a result and show it."""
        suite = result.suite
        self.results[suite.name] = result
        word = "ok     " if result.ok else "FAILED "
        counts = "" if suite.setup else f": {result.counts}"
        self.say(f"{word} {suite.name}{counts} ({result.seconds:.0f} s)")
        for note in result.notes:
            self.say(f"        {suite.name}: {note}")
        if not result.ok and self.begun.get(suite.name):
            self.say(f"        the end of {self.log(suite)}:")
            if not self.options.live:
                self.options.out.write(tail(self.log(suite), TAIL_LINES) + "\n")
                self.options.out.flush()

    def run_suite(self, suite: Suite) -> Result:
        """Run a suite's steps one after the other, all of them, also after one failed."""
        begun = time.monotonic()
        counts = Counts()
        notes: list[str] = []
        with self.log(suite).open("w", encoding="utf-8") as log:
            try:
                steps = suite.steps()
            except (OSError, ValueError, RuntimeError, subprocess.SubprocessError) as error:
                log.write(f"{error}\n")
                return Result(suite, Counts(failed=1), 0.0, [f"cannot start: {error}"])
            for step in steps:
                if self.stopping:
                    break
                code = self.run_step(step, suite, log)
                found, note = step_counts(code, step.junit)
                counts += found
                if note or found.failed:
                    notes.append(f"{step.name}: {note or found}")
        if not steps:
            counts, notes = Counts(failed=1), ["has nothing to run"]
        if suite.setup:
            counts = Counts(failed=min(1, counts.failed))
        return Result(suite, counts, time.monotonic() - begun, notes)

    def run_step(self, step: Step, suite: Suite, log: TextIO) -> int:
        """Run one command with its output into the log; returns its exit status, TIMED_OUT if it
        was ended.
        """
        log.write(f"$ {' '.join(step.argv)}\n")
        log.flush()
        forget(step.junit)
        process = subprocess.Popen(
            step.argv,
            cwd=step.cwd,
            env=dict(step.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.processes[process.pid] = process
        timer = threading.Timer(suite.timeout, self.out_of_time, (process, step, suite))
        timer.start()
        assert process.stdout is not None
        # A daemon that the step leaves behind may hold the pipe open, so the end of the process
        # ends the reading.
        reader = threading.Thread(target=self.copy_output, args=(process, log), daemon=True)
        reader.start()
        code = process.wait()
        reader.join(timeout=2.0)
        timer.cancel()
        del self.processes[process.pid]
        return TIMED_OUT if process.pid in self.late else code

    def copy_output(self, process: subprocess.Popen[bytes], log: TextIO) -> None:
        """Copy what a step writes into the log, and to the terminal in live mode."""
        assert process.stdout is not None
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace")
            with contextlib.suppress(ValueError):  # the log was closed while a daemon still writes
                log.write(line)
                log.flush()
            if self.options.live:
                with self.lock:
                    self.options.out.write(line)
                    self.options.out.flush()

    def out_of_time(self, process: subprocess.Popen[bytes], step: Step, suite: Suite) -> None:
        """End a step that takes too long, with all that it started."""
        self.late.add(process.pid)
        self.say(
            f"        {suite.name}: {step.name} took more than {suite.timeout:.0f} s, ending it"
        )
        end_group(process)

    def stop(self) -> None:
        """End everything that this run started."""
        self.stopping = True
        self.waiting.clear()
        for process in list(self.processes.values()):
            end_group(process)


def forget(junit: Path | None) -> None:
    """Remove the results of a former run, which must not count for this one."""
    if junit is not None:
        for path in junit.glob("*.xml") if junit.is_dir() else [junit]:
            path.unlink(missing_ok=True)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and its group: politely, then for good; return when none of it runs."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline:
            # A signal reaches each process in its own time: that the first has ended says nothing
            # of its children.
            if process.poll() is not None and not group_runs(process.pid):
                return
            time.sleep(0.02)


def group_runs(group: int) -> bool:
    """Tell whether a process of the group runs; a zombie does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name before the last bracket may hold anything.
            state, _parent, of_group = (
                stat.read_text("utf-8", "replace").rpartition(")")[2].split()[:3]
            )
            if int(of_group) == group and state not in "ZX":
                return True
    return False


def tail(path: Path, lines: int) -> str:
    """Return the last lines of a text file, nothing when there is none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def run_suites(suites: Sequence[Suite], options: Options) -> int:
    """Run the suites, print the table and the closing line; returns the exit status."""
    runner = Runner(suites, options)
    results = runner.run()
    out = options.out
    out.write("\n")
    for result in results:
        if not result.suite.setup or not result.ok:
            out.write(f"{result.suite.name:<16} {result.counts!s:<36} {result.seconds:6.0f} s\n")
    out.write(f"Logs: {options.logs}\n{sum_line(results)}\n")
    out.flush()
    return 0 if results and all(result.ok for result in results) else 1
