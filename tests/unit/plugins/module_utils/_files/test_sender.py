# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that sends one large file, run as it is sent, and what a transfer makes of it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._files.program import sender_argv
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat
from ansible_collections.kubedebug.core.plugins.module_utils._transfer import stream
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.download import (
    Source,
    Transferred,
    download,
)
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.scripts import (
    send_argv,
    sums_argv,
)
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._transfer.conftest import (
    FakeClient,
    Fault,
    Remote,
    run_script,
)

__all__: list[str] = []

_MIB = 1024 * 1024
_CONTENT = bytes(range(256)) * 8192 + bytes(3 * _MIB) + b"the end"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file whose name no argument of a runtime can have."""
    found = Path(os.fsdecode(os.fsencode(tmp_path) + b"/a b\xff\n"))
    found.write_bytes(_CONTENT)
    return found


def _sender(file: Path, **changes: Any) -> tuple[str, ...]:
    status = file.stat()
    options: dict[str, Any] = {
        "pid": os.getpid(), "container_id": "", "first": False, "path": str(file),
        "device": status.st_dev, "inode": status.st_ino, **changes,
    }  # fmt: skip
    return (sys.executable, *sender_argv(**options)[1:])


def _send(sender: tuple[str, ...], **changes: Any) -> subprocess.CompletedProcess[bytes]:
    options = {"first": 0, "count": None, "with_sum": True, "seconds": 60.0, **changes}
    return run_script(send_argv("", reader=(), sender=sender, **options), dict(os.environ))


def test_the_file_is_sent_with_its_sum_and_not_touched(path: Path) -> None:
    os.utime(path, ns=(10**18, 2 * 10**18))
    ran = _send(_sender(path))
    head, _newline, content = ran.stdout.partition(b"\n")
    status = path.stat()
    facts = (status.st_size, status.st_ino, 2 * 10**9, status.st_blocks, 512)
    assert head.split() == [b"kubedebug", *(str(each).encode() for each in facts)]
    assert (content, ran.returncode) == (_CONTENT, 0)
    assert ran.stderr == f"sum {hashlib.sha256(_CONTENT).hexdigest()}\n".encode()
    assert status.st_atime_ns == 10**18


def test_blocks_are_sent_alone(path: Path) -> None:
    ran = _send(_sender(path), first=1, count=2, with_sum=False)
    assert ran.stdout.partition(b"\n")[2] == _CONTENT[_MIB : 3 * _MIB]
    assert ran.stderr == b""


def test_chunks_are_summed_up(path: Path) -> None:
    size = 17 * _MIB
    with path.open("ab") as file:
        file.truncate(size + 5)
    ran = run_script(sums_argv("", reader=(), sender=_sender(path), size=size), dict(os.environ))
    content = path.read_bytes()
    sums = [hashlib.sha256(part).hexdigest() for part in (content[: 16 * _MIB], bytes(_MIB))]
    assert ran.stdout.split(b"\n")[1:-1] == [f"sum {each}".encode() for each in sums]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"inode": 1}, "another file has its name by now"),
        ({"path": "/nowhere/at/all"}, "No such file or directory"),
        ({"pid": 2**22 + 1}, "root cannot be opened"),
    ],
)
def test_it_says_why_it_cannot(path: Path, change: dict[str, Any], reason: str) -> None:
    ran = _send(_sender(path, **change))
    assert (ran.returncode, ran.stdout) == (126, b"")
    assert reason in ran.stderr.decode()


def test_a_pipe_that_got_the_number_is_not_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "it is no plain file any more" in _send(_sender(pipe)).stderr.decode()


@pytest.mark.parametrize("seconds", [1.0, 600.0])
def test_it_ends_when_nobody_reads(path: Path, seconds: float) -> None:
    """With its time, and with its input; its output is a pipe that nobody empties."""
    argv = send_argv(
        "", reader=(), sender=_sender(path), first=0, count=None, with_sum=True, seconds=seconds
    )
    stdin, ends = os.pipe()
    kept, stdout = os.pipe()
    process = subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL)
    os.close(stdin)
    os.close(stdout)
    assert os.read(kept, 10) == b"kubedebug "
    if seconds > 1:
        os.close(ends)
    assert process.wait(timeout=60) != 0
    os.close(kept)
    if seconds <= 1:
        os.close(ends)


def _download(
    path: Path, dest: Path, monkeypatch: pytest.MonkeyPatch, *faults: Fault
) -> tuple[Remote, Transferred]:
    remote = Remote(faults=list(faults))
    monkeypatch.setattr(stream, "open_stream", remote.open)
    client: Any = FakeClient()
    seat = Seat(namespace="shop", pod="web", container="debugger")
    source = Source(path="/in the target", sender=_sender(path))
    return remote, download(client, seat, source, str(dest), timeout=120.0)


def test_a_transfer_goes_on_and_is_mended(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rot(output: bytes) -> bytes:
        return output.replace(b"\x01\x02\x03", b"\x01\xff\x03", 1)

    cut = Fault(keep=2 * _MIB + 5000, end="lost", silent=True, change=rot)
    remote, got = _download(path, tmp_path / "dest", monkeypatch, cut)
    assert (got.whole, got.retries, got.sha256) == (True, 1, hashlib.sha256(_CONTENT).hexdigest())
    assert (tmp_path / "dest").read_bytes() == _CONTENT
    # Whole, from where it broke, the sums of chunks before and after, and the chunk that was wrong.
    assert [argv[-4:-1] for argv in remote.argvs if argv[-1] != "16"] == [
        ["0", "", "sum"],
        ["2", "", "sum"],
        ["0", "16", ""],
    ]


def test_a_file_that_becomes_shorter_is_told(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = Fault(keep=_MIB + 5000, end="lost", silent=True)
    shorten = Fault(first=lambda: os.truncate(path, 2 * _MIB))
    _remote, got = _download(path, tmp_path / "dest", monkeypatch, cut, shorten)
    assert got.error is not None
    assert f"it had {len(_CONTENT)} bytes and has {2 * _MIB} now" in got.error.msg
    assert not (tmp_path / "dest").exists()
