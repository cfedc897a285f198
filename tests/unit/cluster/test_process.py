# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kdcluster.process import (
    Identity,
    boot_id,
    find,
    is_alive,
    kill,
    parse_stat,
    read_pid,
    spawn,
)

TAIL = "S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 777 9000 10 18446744073709551615"
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)", "kubedebug-unit-test"]


def stat(pid: int = 42, name: str = "etcd", tail: str = TAIL) -> str:
    return f"{pid} ({name}) {tail}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(stat(), (Identity(42, 777), "S"), id="plain"),
        pytest.param(stat(name="a b"), (Identity(42, 777), "S"), id="blank-in-the-name"),
        pytest.param(
            stat(name="x) Z 1 (y"), (Identity(42, 777), "S"), id="parentheses-in-the-name"
        ),
        pytest.param("", None, id="empty"),
        pytest.param("42 (etcd", None, id="cut-off-in-the-name"),
        pytest.param("42 (etcd) S 1 2", None, id="cut-off-in-the-fields"),
        pytest.param(stat(tail=TAIL.replace("777", "x")), None, id="no-number"),
        pytest.param("x (etcd) " + TAIL, None, id="no-process-id"),
    ],
)
def test_parse_stat(text: str, expected: tuple[Identity, str] | None) -> None:
    assert parse_stat(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(stat(), True, id="runs"),
        pytest.param(stat(tail=TAIL.replace("777", "778")), False, id="the-id-was-used-again"),
        pytest.param(stat(tail="Z" + TAIL[1:]), False, id="waits-to-be-reaped"),
        pytest.param(
            stat(tail="Z" + TAIL[1:].replace(" 20 0 1 0 ", " 20 0 7 0 ")),
            True,
            id="its-other-threads-have-not-ended",
        ),
        pytest.param("", False, id="gone"),
    ],
)
def test_is_alive(text: str, expected: bool) -> None:
    assert is_alive(Identity(42, 777), lambda pid: text if pid == 42 else "") is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"{stat()}\nboot\n", Identity(42, 777), id="recorded"),
        pytest.param(f"{stat()}\nother\n", None, id="of-another-boot"),
        pytest.param(f"{stat()}\n", None, id="without-a-boot"),
        pytest.param("", None, id="empty"),
        pytest.param("\nboot\n", None, id="without-a-process"),
    ],
)
def test_read_pid(tmp_path: Path, text: str, expected: Identity | None) -> None:
    path = tmp_path / "pid"
    path.write_text(text, encoding="ascii")
    assert read_pid(path, "boot") == expected


def test_read_pid_of_no_file(tmp_path: Path) -> None:
    assert read_pid(tmp_path / "pid") is None


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Identity]:
    process = spawn(
        SLEEP, pid_file=tmp_path / "pid", log=tmp_path / "log", environ={"PATH": os.defpath}
    )
    identity = read_pid(tmp_path / "pid")
    assert identity is not None
    yield identity
    process.kill()
    process.wait()


def test_a_spawned_process_has_recorded_itself(sleeper: Identity) -> None:
    assert is_alive(sleeper)
    assert os.getsid(sleeper.pid) == sleeper.pid


def test_find_and_kill(sleeper: Identity) -> None:
    assert sleeper in find(lambda argv: argv[-1:] == SLEEP[-1:])
    assert kill([sleeper]) == []
    assert not is_alive(sleeper)


def test_kill_spares_a_process_that_only_has_the_same_id(sleeper: Identity) -> None:
    assert kill([Identity(sleeper.pid, sleeper.started - 1)]) == []
    assert is_alive(sleeper)


def test_a_process_that_cannot_start_is_not_alive(tmp_path: Path) -> None:
    process = spawn(
        ["/nonexistent"],
        pid_file=tmp_path / "pid",
        log=tmp_path / "log",
        environ={"PATH": os.defpath},
    )
    assert process.wait() == 127
    identity = read_pid(tmp_path / "pid")
    assert identity is not None and not is_alive(identity)
    assert "/nonexistent" in (tmp_path / "log").read_text(encoding="utf-8")


def test_boot_id_is_the_kernels() -> None:
    assert len(boot_id()) == 36
