# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the recorder's scripts print, read back."""

from __future__ import annotations

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._capture.recordings import (
    RecordingError,
    RemoteFile,
    read_check,
    read_listing,
    read_start,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.tcpdump import Statistics

_ENDED = """clock 1795624004.5
recording 0001
status state=ended pid=3 pid_born=4 began=1795624001.25 ended=1795624003.5 reason={} rc={}
lives recorder=gone tcpdump=gone
spec {}
file 1198 packets
log tcpdump: listening on any, link-type LINUX_SLL2 (Linux cooked v2), snapshot length 262144 bytes
log 10 packets captured
log 12 packets received by filter
log 2 packets dropped by kernel
end
"""


def test_a_recording() -> None:
    listing = read_listing(_ENDED.format("stopped", 0, '{"filter": "udp", "files": 1}'))

    assert listing.clock == 1795624004.5
    (recording,) = listing.recordings
    assert recording.number == "0001"
    assert not recording.running
    assert recording.end == "stopped"
    assert (recording.began, recording.ended) == (1795624001.25, 1795624003.5)
    assert recording.files == (RemoteFile(name="packets", size=1198),)
    assert recording.counts == Statistics(captured=10, received=12, dropped_kernel=2)
    assert recording.link_type == "LINUX_SLL2"
    assert recording.spec["filter"] == "udp"
    assert recording.waits


@pytest.mark.parametrize(
    ("reason", "code", "spec", "end"),
    [
        pytest.param("stopped", "0", "{}", "stopped", id="stopped"),
        pytest.param("max_seconds", "0", "{}", "max_seconds", id="time"),
        pytest.param("max_bytes", "0", "{}", "max_bytes", id="bytes"),
        pytest.param("itself", "153", "{}", "max_bytes", id="the wall behind the bound of bytes"),
        pytest.param("target_gone", "0", "{}", "target_gone", id="target"),
        pytest.param("itself", "0", '{"max_packets": 5}', "max_packets", id="packets"),
        pytest.param("itself", "0", '{"max_packets": 0}', "killed", id="a polite signal"),
        pytest.param("itself", "137", "{}", "killed", id="a rude one"),
        pytest.param("terminated", "0", "{}", "killed", id="with its container"),
        pytest.param("recorder_gone", "", "{}", "killed", id="nobody saw it"),
        pytest.param("itself", "1", "{}", "failed", id="an error"),
    ],
)
def test_why_a_recording_ended(reason: str, code: str, spec: str, end: str) -> None:
    (recording,) = read_listing(_ENDED.format(reason, code, spec)).recordings

    assert recording.end == end


@pytest.mark.parametrize(
    ("lives", "running"),
    [
        pytest.param("recorder=lives tcpdump=lives", True, id="both"),
        pytest.param("recorder=gone tcpdump=lives", True, id="tcpdump alone"),
        pytest.param("recorder=gone tcpdump=gone", False, id="none, without a word"),
    ],
)
def test_what_runs(lives: str, running: bool) -> None:
    text = f"recording 0002\nstatus state=running began=5\nlives {lives}\nend\n"
    listing = read_listing(text)

    assert (listing.running is not None) is running
    assert listing.recordings[0].end == (None if running else "killed")


def test_the_start() -> None:
    word, number, listing = read_start("started 0002\n" + _ENDED.format("stopped", 0, "{}"))
    assert (word, number) == ("started", "0002")
    assert len(listing.recordings) == 1
    assert read_start("busy 0001\nend\n")[0] == "busy"


def test_the_check() -> None:
    text = (
        "space 1000 500\ntcpdump 1 \nsays tcpdump: data link type X\nsays tcpdump: eth7: No such\n"
        "interface lo\ninterface eth0\nend\n"
    )
    checked = read_check(text)
    assert (checked.rc, checked.user, checked.writable) == (1, None, True)
    assert (checked.total, checked.free) == (1024000, 512000)
    assert checked.said == "eth7: No such"
    assert checked.interfaces == ("lo", "eth0")

    checked = read_check("unwritable\ntcpdump 0 root\nend\n")
    assert (checked.rc, checked.user, checked.writable, checked.free) == (0, "root", False, None)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("recording 0001\nstatus state=ended\n", id="cut"),
        pytest.param("sh: out of memory\n", id="something else"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    for read in (read_listing, read_start, read_check):
        with pytest.raises(RecordingError, match="cannot be read"):
            read(text)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("file 5 ../../etc/passwd", id="a path"),
        pytest.param("file -1 packets", id="a size"),
        pytest.param("status began=1e400", id="a time"),
        pytest.param("spec [1", id="no JSON"),
        pytest.param("spec [1]", id="no object"),
    ],
)
def test_what_does_not_fit_is_left_out(line: str) -> None:
    (recording,) = read_listing(f"recording 0001\n{line}\nend\n").recordings

    assert recording.files == ()
    assert recording.began is None
    assert recording.spec == {}
