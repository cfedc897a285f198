# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorder's scripts in real shells, with a program that behaves as tcpdump does."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._capture import calls, recorder
from ansible_collections.kubedebug.core.plugins.module_utils._capture.recordings import (
    Listing,
    Recording,
    read_check,
    read_listing,
    read_start,
)

# Says what it is told to, then that it listens, and writes on. What it was given before SIGINT it
# has only written when it was asked for its counters: as the kernel's last block.
_TCPDUMP = r"""
echo "tcpdump: data link type EN10MB" >&2
case $* in *bad*) echo "tcpdump: can't parse filter expression: syntax error" >&2; exit 1 ;; esac
case $* in *-d*) exit 0 ;; esac
captured=0
trap 'printf last >>packets; captured=1
      counts="$captured packets captured, 1 packets received by filter"
      echo "tcpdump: $counts, 0 packets dropped by kernel" >&2
' USR1
trap 'echo "$captured packets captured" >&2; exit 0' INT TERM
printf first >packets
echo "tcpdump: listening on any, link-type EN10MB (Ethernet), snapshot length 262144 bytes" >&2
case $* in *count*) echo "5 packets captured" >&2; exit 0 ;; esac
case $* in *flood*) while :; do echo "$*" >>packets; sleep 0.01; done ;; esac
while :; do sleep 0.05; done
"""
_SHELLS = [
    pytest.param(["dash"], id="dash"),
    pytest.param(["busybox", "sh"], id="busybox"),
    pytest.param(["bash"], id="bash"),
]

Call = Callable[..., str]


@pytest.fixture(params=_SHELLS)
def call(request: pytest.FixtureRequest, tmp_path: Path) -> Call:
    shell: list[str] = request.param
    if shutil.which(shell[0]) is None:
        pytest.skip(f"no {shell[0]} here")
    program = tmp_path / "tcpdump"
    program.write_text(f"#!/bin/sh\n{_TCPDUMP}", encoding="utf-8")
    program.chmod(0o755)

    def run(script: str, capture: str, *args: str) -> str:
        done = subprocess.run(
            [*shell, "-c", script, recorder.NAME, str(tmp_path / "base"), capture, *args],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"PATH": f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"},
        )
        assert done.returncode == 0, done
        assert done.stderr == ""
        return done.stdout

    return run


def _start(call: Call, *argv: str, seconds: int = 60, limit: int = 0) -> Recording:
    text = call(
        calls.START,
        "one",
        r'{"filter": "a \\ b \n %s $(x)"}',
        recorder.RECORD,
        str(seconds),
        str(limit),
        "",
        "tcpdump",
        *argv,
    )
    word, number, listing = read_start(text)
    assert word == "started"
    return next(each for each in listing.recordings if each.number == number)


def _stop(call: Call) -> Listing:
    return read_listing(call(calls.STOP, "one", "30"))


def _wait(call: Call, number: str) -> Recording:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        listing = read_listing(call(calls.WAIT, "one", "20"))
        if listing.running is None:
            return next(each for each in listing.recordings if each.number == number)
    raise AssertionError("it did not end")


def test_a_recording_from_start_to_end(call: Call, tmp_path: Path) -> None:
    begun = _start(call)
    assert begun.running
    assert begun.began is not None
    assert begun.spec == {"filter": "a \\ b \n %s $(x)"}
    folder = tmp_path / "base/one/0001"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert read_start(call(calls.START, "one", "{}", recorder.RECORD, "9", "0", "", "x"))[0] == (
        "busy"
    )

    listing = _stop(call)

    assert listing.stopped
    (ended,) = listing.recordings
    assert ended.end == "stopped"
    assert ended.counts.captured == 1
    assert (folder / "packets").read_text(encoding="utf-8") == "firstlast"
    assert not _stop(call).stopped


def test_what_was_not_fetched_is_never_written_over(call: Call, tmp_path: Path) -> None:
    for number in ("0001", "0002"):
        assert _start(call).number == number
        _stop(call)
    before = (tmp_path / "base/one/0001/packets").read_bytes()
    third = _start(call)
    _stop(call)

    assert third.number == "0003"
    assert (tmp_path / "base/one/0001/packets").read_bytes() == before

    for number in ("0001", "0002"):
        listing = read_listing(call(calls.FORGET, "one", number, '{"files": []}'))
    assert [each.number for each in listing.recordings] == ["0002", "0003"]
    fetched, last = listing.recordings
    assert fetched.fetched == {"files": []}
    assert not fetched.waits
    assert last.waits


def test_it_ends_after_its_time(call: Call) -> None:
    begun = _start(call, seconds=1)

    ended = _wait(call, begun.number)

    assert ended.end == "max_seconds"
    assert ended.ended is not None


def test_it_ends_before_it_has_too_many_bytes(call: Call) -> None:
    limit = 20480
    begun = _start(call, "flood" * 20, limit=limit)

    ended = _wait(call, begun.number)

    assert ended.end == "max_bytes"
    assert 0 < ended.size <= limit


def test_it_ends_with_tcpdump(call: Call) -> None:
    begun = _start(call, "count")

    ended = _wait(call, begun.number)

    assert ended.counts.captured == 5
    assert ended.began is not None
    assert ended.end == "killed", "without max_packets nothing else is known"


def test_a_tcpdump_that_does_not_listen_is_told(call: Call) -> None:
    begun = _start(call, "bad")

    assert not begun.running
    assert begun.began is None
    assert begun.end == "failed"
    assert begun.said == "can't parse filter expression: syntax error"
    assert not begun.waits


def test_the_check_records_nothing(call: Call, tmp_path: Path) -> None:
    good = read_check(call(calls.CHECK, "one", "", "-d", "--", "fine"))
    assert (good.rc, good.user, good.writable) == (0, "root", True)
    assert good.free
    bad = read_check(call(calls.CHECK, "one", "", "-d", "--", "bad"))
    assert bad.rc == 1
    assert bad.said == "can't parse filter expression: syntax error"
    assert "lo" in bad.interfaces
    assert list((tmp_path / "base/one").iterdir()) == []


def test_looking_at_what_is_not_there_makes_nothing(call: Call, tmp_path: Path) -> None:
    listing = read_listing(call(calls.LOOK, "one"))

    assert listing.recordings == ()
    assert listing.clock is not None
    assert not (tmp_path / "base").exists()
