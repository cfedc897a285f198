# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the real ``ansible-playbook``, with what they printed and what each task returned."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["E2E", "REPOSITORY", "Playbooks", "Run", "TaskResult"]

E2E = Path(__file__).resolve().parent.parent
REPOSITORY = E2E.parent.parent

# A run that fails fast ends far below; a wait_timeout in a playbook is above, so that a wait that
# should have failed at once is not mistaken for a failure of its own.
RUN_TIMEOUT = 90.0


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """What one task returned on the controller."""

    task: str
    action: str
    status: str
    result: dict[str, Any]
    host: str = ""

    def __getitem__(self, key: str) -> Any:
        return self.result[key]

    @property
    def msg(self) -> str:
        return str(self.result.get("msg", ""))

    @property
    def pod(self) -> dict[str, Any]:
        """The item of the one pod that the task was about."""
        pods = self.result["pods"]
        assert len(pods) == 1, pods
        found: dict[str, Any] = pods[0]
        return found


@dataclass(frozen=True, kw_only=True)
class Run:
    """An ended ``ansible-playbook``; ``seconds`` is its wall time."""

    argv: list[str]
    rc: int
    stdout: str
    stderr: str
    seconds: float
    tasks: list[TaskResult]

    @property
    def output(self) -> str:
        """What a person saw, both streams."""
        return f"{self.stdout}\n{self.stderr}"

    @property
    def text(self) -> str:
        """The output with single spaces: Ansible wraps its warnings to the terminal's width."""
        return " ".join(self.output.split())

    @property
    def failure(self) -> str:
        """Why the playbook failed, in its own words."""
        failed = [each for each in self.tasks if each.status in ("failed", "unreachable")]
        if not failed:
            return f"exit code {self.rc}"
        return f"{failed[-1].task}: {failed[-1].msg} {failed[-1].result.get('assertion', '')}"

    def task(self, name: str) -> TaskResult:
        """The result of the last task of that name (a role's tasks have it as a prefix)."""
        found = [each for each in self.tasks if each.task.rpartition(" : ")[2] == name]
        assert found, f"no task {name!r} ran; there were {[each.task for each in self.tasks]}"
        return found[-1]


@dataclass
class Playbooks:
    """The runner of one test: its folder, its environment and what it ran, for the report."""

    folder: Path
    collections: Path
    environ: Mapping[str, str]
    extra_vars: Mapping[str, Any]
    runs: list[Run] = field(default_factory=list)
    _started: list[Started] = field(default_factory=list)

    def play(
        self,
        playbook: str | Path,
        *options: str,
        timeout: float = RUN_TIMEOUT,
        ok: bool = True,
        environ: Mapping[str, str] | None = None,
        **extra_vars: Any,
    ) -> Run:
        """Run a playbook of ``tests/e2e/playbooks`` (or of a path) to its end.

        With *ok* a failure of the playbook is the test's; without, a success is.
        """
        started = self.start(playbook, *options, environ=environ, **extra_vars)
        run = started.wait(timeout)
        if ok:
            assert run.rc == 0, f"{playbook} failed: {run.failure}"
        else:
            assert run.rc != 0, f"{playbook} should have failed"
        return run

    def task(
        self,
        module: str,
        args: Mapping[str, Any],
        *options: str,
        ok: bool = True,
        timeout: float = RUN_TIMEOUT,
        environ: Mapping[str, str] | None = None,
        **keywords: Any,
    ) -> TaskResult:
        """Run one task with *args*; *keywords* are the task's own, such as ``environment``."""
        path = self.write([{"name": "Task", f"kubedebug.core.{module}": dict(args), **keywords}])
        run = self.play(path, *options, ok=ok, timeout=timeout, environ=environ)
        return run.task("Task")

    def write(self, tasks: list[dict[str, Any]]) -> Path:
        """Write a playbook of one play; JSON is YAML."""
        play = {"name": "Play", "hosts": "localhost", "gather_facts": False, "tasks": tasks}
        path = self.folder / f"playbook-{len(list(self.folder.glob('playbook-*')))}.yml"
        path.write_text(json.dumps([play], indent=1), encoding="utf-8")
        return path

    def start(
        self,
        playbook: str | Path,
        *options: str,
        environ: Mapping[str, str] | None = None,
        **extra_vars: Any,
    ) -> Started:
        """Start a playbook; the caller waits for it or kills it."""
        number = len(list(self.folder.glob("run-*")))
        folder = self.folder / f"run-{number}"
        folder.mkdir()
        results, variables = folder / "results.jsonl", folder / "vars.json"
        variables.write_text(json.dumps({**self.extra_vars, **extra_vars}), encoding="utf-8")
        path = playbook if isinstance(playbook, Path) else self._find(playbook)
        argv = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            str(path),
            "-e",
            f"@{variables}",
            *options,
        ]
        environment = {
            **self._environment(),
            "KUBEDEBUG_E2E_RESULTS": str(results),
            **(environ or {}),
        }
        started = Started(
            argv=argv, folder=folder, environ=environment, results=results, done=self.runs.append
        )
        self._started.append(started)
        return started

    def end(self) -> None:
        """Kill what a failed test has left running."""
        for started in self._started:
            if started.process.poll() is None:
                started.kill()

    def _find(self, name: str) -> str | Path:
        """A name with dots is a playbook of the collection, everything else one of the tests."""
        return name if name.count(".") > 1 else E2E / "playbooks" / f"{name}.yml"

    def _environment(self) -> dict[str, str]:
        kept = {key: os.environ[key] for key in ("LANG", "TZ") if key in os.environ}
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        # An empty one, so that nobody's own settings count.
        config = self.folder / "ansible.cfg"
        config.touch()
        return {
            **kept,
            "LC_ALL": "C.UTF-8",
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            # Its default follows the password file and not HOME.
            "ANSIBLE_ASYNC_DIR": str(home / ".ansible_async"),
            "ANSIBLE_CALLBACKS_ENABLED": "kubedebug_e2e",
            "ANSIBLE_CALLBACK_PLUGINS": str(E2E / "callbacks"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_CONFIG": str(config),
            "ANSIBLE_HOME": str(home / ".ansible"),
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOWS": "1",
            **self.environ,
        }


def _descendants(root: int) -> list[int]:
    """The processes below one, as /proc tells; none where there is no /proc."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name in it may hold spaces and parentheses.
            fields = entry.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            parents[int(entry.parent.name)] = int(fields[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


class Started:
    """A running ``ansible-playbook``, in a process group of its own."""

    def __init__(
        self,
        *,
        argv: list[str],
        folder: Path,
        environ: Mapping[str, str],
        results: Path,
        done: Callable[[Run], None],
    ) -> None:
        self._argv, self._folder, self._results, self._done = argv, folder, results, done
        self._since = time.monotonic()
        # Files, not pipes: nobody reads while the test looks at the cluster.
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            self.process = subprocess.Popen(
                argv,
                cwd=folder,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def wait(self, timeout: float = RUN_TIMEOUT) -> Run:
        """Wait for the end; a run that takes longer than *timeout* seconds fails the test."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            self._ended()
            raise AssertionError(f"ansible-playbook took longer than {timeout:g} s") from None
        return self._ended()

    def kill(self) -> None:
        """End the controller and its workers at once, as a power cut would."""
        # Workers have a session of their own, so the group is not all of them. The controller is
        # stopped first, so that it starts no more while they are looked for.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGSTOP)
        for pid in [*_descendants(self.process.pid), self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def _ended(self) -> Run:
        run = Run(
            argv=self._argv,
            rc=self.process.returncode,
            stdout=self._read("stdout"),
            stderr=self._read("stderr"),
            seconds=time.monotonic() - self._since,
            tasks=list(self._task_results()),
        )
        self._done(run)
        return run

    def _read(self, name: str) -> str:
        return (self._folder / name).read_text(encoding="utf-8", errors="replace")

    def _task_results(self) -> Iterator[TaskResult]:
        if not self._results.exists():
            return
        for line in self._results.read_text(encoding="utf-8").splitlines():
            item = json.loads(line)
            yield TaskResult(
                task=item["task"],
                action=item["action"],
                status=item["status"],
                result=item["result"],
                host=item["host"],
            )
