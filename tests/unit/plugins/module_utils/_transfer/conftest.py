# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exec streams that run the real scripts on this machine, and lose or change what they say."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.retry import RetryPolicy
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat
from ansible_collections.kubedebug.core.plugins.module_utils._transfer import stream
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.download import (
    Source,
    Transferred,
    download,
)

_PIECE = 32 * 1024
_ENOUGH = 60


@dataclass(kw_only=True)
class Fault:
    """What happens to one stream.

    `keep` cuts the standard output after so many bytes, `silent` leaves the other one out, `end`
    says how the stream looks in the end: as it was, or lost, or ended well whatever was missing.
    `change` gets the output. `first` runs before the script does, `refuse` is raised instead.
    """

    keep: int | None = None
    silent: bool = False
    end: str = "true"
    change: Callable[[bytes], bytes] | None = None
    first: Callable[[], object] | None = None
    refuse: Exception | None = None


class FakeStream:
    """An exec stream of what a process of this machine has said."""

    problem: str | None = None

    def __init__(self, output: bytes, errors: bytes, code: int | None) -> None:
        self._messages = [
            *((1, output[at : at + _PIECE]) for at in range(0, len(output), _PIECE)),
            *([(2, errors)] if errors else []),
        ]
        self._code = code

    def __enter__(self) -> FakeStream:
        return self

    def __exit__(self, *details: object) -> None:
        return

    @property
    def ended(self) -> bool:
        return not self._messages

    def read(self, timeout: float | None) -> list[tuple[int, bytes]]:
        taken, self._messages = self._messages[:3], self._messages[3:]
        return taken

    def status(self) -> Mapping[str, Any] | None:
        if self._messages or self._code is None:
            return None
        if self._code == 0:
            return {"status": "Success"}
        causes = [{"reason": "ExitCode", "message": str(self._code)}]
        return {
            "status": "Failure",
            "reason": "NonZeroExitCode",
            "details": {"causes": causes},
        }


@dataclass
class Remote:
    """The other side: `faults` are met one after the other, then all goes well."""

    faults: list[Fault] = field(default_factory=list)
    argvs: list[list[str]] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    shell: list[str] = field(default_factory=lambda: ["sh"])

    @property
    def sends(self) -> list[list[str]]:
        """First block, count and whether a sum was asked for, of the streams that send."""
        return [argv[-4:-1] for argv in self.argvs if argv[-1] != "16"]

    def open(self, client: Any, *, argv: Sequence[str], **options: Any) -> FakeStream:
        assert options["stdin"] is True
        self.argvs.append(list(argv))
        fault = self.faults.pop(0) if self.faults else Fault()
        if fault.refuse is not None:
            raise fault.refuse
        if fault.first is not None:
            fault.first()
        words = [*self.shell, *argv[1:]] if argv[0] == "sh" else list(argv)
        done = run_script(words, self.environ)
        output = done.stdout if fault.change is None else fault.change(done.stdout)
        code: int | None = done.returncode
        if fault.keep is not None:
            output = output[: fault.keep]
        if fault.end != "true":
            code = None if fault.end == "lost" else 0
        return FakeStream(output, b"" if fault.silent else done.stderr, code)


def run_script(words: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Run a script with an input that stays open as long as it runs, as on a connection."""
    read, write = os.pipe()
    try:
        return subprocess.run(
            words, stdin=read, capture_output=True, env=environ, check=False, timeout=_ENOUGH
        )
    finally:
        os.close(read)
        os.close(write)


@dataclass
class FakeClient:
    """Only what a transfer asks a client for by itself; it never waits."""

    slept: list[float] = field(default_factory=list)

    @property
    def retry(self) -> RetryPolicy:
        return RetryPolicy(sleep=self.slept.append, random=lambda: 1.0)


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Remote:
    made = Remote()
    monkeypatch.setattr(stream, "open_stream", made.open)
    return made


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


Fetch = Callable[..., Transferred]


@pytest.fixture
def fetch(remote: Remote, client: FakeClient) -> Fetch:
    def run(source: Path | str, destination: Path | str, **options: Any) -> Transferred:
        options.setdefault("timeout", 120.0)
        seat = Seat(namespace="shop", pod="web", container="debugger")
        reader = options.pop("reader", ())
        given = Source(path=str(source), reader=reader)
        fake: Any = client
        return download(fake, seat, given, str(destination), **options)

    return run


@pytest.fixture(scope="session")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with nothing but busybox."""
    program = shutil.which("busybox")
    if program is None:
        pytest.skip("this machine has no busybox")
    folder = tmp_path_factory.mktemp("busybox")
    applets = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    for name in applets.stdout.split():
        (folder / name).symlink_to(program)
    return str(folder)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Path]:
    """A file of three blocks and a bit."""
    path = tmp_path / "source"
    path.write_bytes(os.urandom(3 * 1024 * 1024 + 123))
    yield path
    path.unlink(missing_ok=True)
