# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripts in the shells and with the tools that images have."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._transfer.plan import (
    parse_header,
    parse_sums,
)
from ansible_collections.kubedebug.core.plugins.module_utils._transfer.scripts import (
    send_argv,
    sums_argv,
)

from .conftest import Fault, Fetch, Remote, run_script

MIB = 1024 * 1024
_SHELLS = [["dash"], ["bash", "--posix"], ["busybox", "sh"]]


@pytest.fixture(params=_SHELLS, ids=lambda argv: argv[0])
def shell(request: pytest.FixtureRequest) -> list[str]:
    argv: list[str] = request.param
    path = shutil.which(argv[0])
    if path is None:
        pytest.skip(f"this machine has no {argv[0]}")
    return [path, *argv[1:]]


@pytest.fixture(params=["system", "busybox"])
def tools(request: pytest.FixtureRequest, remote: Remote) -> str:
    """The programs that the scripts find."""
    name: str = request.param
    if name == "busybox":
        remote.environ["PATH"] = request.getfixturevalue("busybox")
    return name


@pytest.mark.usefixtures("tools")
def test_a_file_comes_and_is_mended(
    fetch: Fetch, remote: Remote, shell: list[str], tmp_path: Path
) -> None:
    """Both scripts, with one chunk that was changed on the way."""
    remote.shell = shell
    source, target = tmp_path / "so\nurce", tmp_path / "target"
    source.write_bytes(os.urandom(33 * MIB + 7))

    def change(output: bytes) -> bytes:
        return output[: 17 * MIB] + b"changed" + output[17 * MIB + 7 :]

    remote.faults = [Fault(change=change)]
    got = fetch(source, target)

    assert got.whole
    assert target.read_bytes() == source.read_bytes()
    assert remote.sends == [["0", "", "sum"], ["16", "16", ""]]


@pytest.mark.usefixtures("tools")
def test_a_hole_of_many_gigabytes(remote: Remote, shell: list[str], tmp_path: Path) -> None:
    """Beyond 32 bits, from its last block on."""
    remote.shell = shell
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.truncate(20 * 1024 * MIB)
        file.seek(0, os.SEEK_END)
        file.write(b"end")
    argv = send_argv(
        str(source), reader=(), first=20 * 1024, count=None, with_sum=False, seconds=60
    )

    done = run_script([*shell, *argv[1:]], remote.environ)

    line, _newline, rest = done.stdout.partition(b"\n")
    facts = parse_header(line)
    assert facts is not None
    assert facts.size == 20 * 1024 * MIB + 3
    assert facts.allocated < MIB
    assert rest == b"end"
    assert done.returncode == 0


@pytest.mark.parametrize("digest", ["openssl", "python3", "sha256sum"])
def test_each_program_that_sums_up(tmp_path: Path, digest: str, busybox: str) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("dd", "head", "stat", "sleep"):
        (folder / name).symlink_to(Path(busybox) / name)
    program = shutil.which(digest)
    if program is None:
        pytest.skip(f"this machine has no {digest}")
    (folder / digest).symlink_to(os.path.realpath(program))
    source = tmp_path / "source"
    source.write_bytes(b"content")

    shell = shutil.which("dash") or "/bin/sh"
    done = run_script(
        [shell, *sums_argv(str(source), reader=(), size=7)[1:]], {"PATH": str(folder)}
    )

    assert parse_sums(done.stdout) == [hashlib.sha256(b"content").hexdigest()]


def test_an_image_without_any(tmp_path: Path, busybox: str) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "stat").symlink_to(Path(busybox) / "stat")

    shell = shutil.which("dash") or "/bin/sh"
    source = tmp_path / "source"
    source.write_bytes(b"content")
    done = run_script(
        [shell, *sums_argv(str(source), reader=(), size=7)[1:]], {"PATH": str(folder)}
    )

    assert done.returncode == 94


def _group(pid: int) -> list[str]:
    """The living processes of a session."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[3] == str(pid) and fields[0] not in {"Z", "X"}:
            found.append(entry.name)
    return found


def _until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline, "the awaited state was not reached"
        time.sleep(0.01)


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("why", ["input", "killed", "clock"])
def test_nothing_stays_when_nobody_reads(
    remote: Remote, shell: list[str], tmp_path: Path, why: str
) -> None:
    """The output is full and stays open, as a runtime leaves it when a connection has gone."""
    source = tmp_path / "source"
    source.write_bytes(bytes(4 * MIB))
    seconds = 1 if why == "clock" else 600
    argv = send_argv(str(source), reader=(), first=0, count=None, with_sum=False, seconds=seconds)
    process = subprocess.Popen(
        [*shell, *argv[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=remote.environ,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith(b"kubedebug ")
        # The shell, dd, whose file is larger than a pipe, and the two watches with a sleep.
        # The clock may be faster than this test.
        if why != "clock":
            _until(lambda: len(_group(process.pid)) == 5)
        if why == "killed":
            # containerd kills the first process at the moment at which it closes the input.
            process.kill()
        if why != "clock":
            process.stdin.close()
        _until(lambda: process.poll() is not None)
        _until(lambda: _group(process.pid) == [])
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()
