# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A download through streams that break, lie and lose their end."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    CertificateInvalid,
    ConnectionFailed,
    DebugError,
    Forbidden,
    NotFound,
    ServerError,
)

from .conftest import FakeClient, Fault, Fetch, Remote

MIB = 1024 * 1024


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def forbidden() -> Forbidden:
    return Forbidden(status=403, reason="Forbidden", message="no role yet")


def missing() -> NotFound:
    return NotFound(status=404, reason="NotFound", message='pods "web" not found')


def flip(at: int) -> Callable[[bytes], bytes]:
    """Change one byte of the output, the header counted."""

    def change(output: bytes) -> bytes:
        return output[:at] + bytes([output[at] ^ 0xFF]) + output[at + 1 :]

    return change


def leftovers(destination: Path) -> list[str]:
    return sorted(path.name for path in destination.parent.glob(destination.name + ".*"))


def test_a_whole_file(fetch: Fetch, remote: Remote, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"

    got = fetch(source, target)

    assert (got.whole, got.error, got.path) == (True, None, str(target))
    assert got.size == got.expected == source.stat().st_size
    assert got.sha256 == sha256(source) == sha256(target)
    assert (got.resumed, got.retries, got.unchanged) == (0, 0, False)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert leftovers(target) == []
    assert remote.sends == [["0", "", "sum"]]


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_the_mode(fetch: Fetch, source: Path, tmp_path: Path, mode: int) -> None:
    target = tmp_path / "target"
    fetch(source, target, mode=mode)
    assert stat.S_IMODE(target.stat().st_mode) == mode


def test_an_empty_file(fetch: Fetch, source: Path, tmp_path: Path) -> None:
    source.write_bytes(b"")
    target = tmp_path / "target"

    got = fetch(source, target)

    assert (got.whole, got.size) == (True, 0)
    assert got.sha256 == hashlib.sha256().hexdigest()
    assert target.read_bytes() == b""
    assert leftovers(target) == []


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "-n",
        "line\nbreak\n",
        "100%d\\n",
        "$(touch x)`id`'\"",
        "gr\u00fc\u00dfe",
        "raw\udcff\udcfe",
        "\x1b[31m",
        "*",
    ],
)
def test_names_may_have_any_bytes(
    fetch: Fetch, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / name).write_bytes(b"content")
    monkeypatch.chdir(folder)

    by_path = fetch(folder / name, tmp_path / "target")
    relative = fetch(name, tmp_path / f"second {name}")

    assert (tmp_path / "target").read_bytes() == b"content"
    assert (tmp_path / f"second {name}").read_bytes() == b"content"
    assert by_path.whole
    assert relative.whole
    assert sorted(path.name for path in folder.iterdir()) == [name]


def test_holes_stay_holes(fetch: Fetch, source: Path, tmp_path: Path) -> None:
    with source.open("wb") as file:
        file.seek(5 * MIB)
        file.write(b"x" * 4096)
        file.truncate(20 * MIB)
    target = tmp_path / "target"

    got = fetch(source, target)

    assert got.sha256 == sha256(target) == sha256(source)
    assert target.stat().st_blocks * 512 < 2 * MIB


def test_zeros_replace_what_was_there_before(
    fetch: Fetch, remote: Remote, source: Path, tmp_path: Path
) -> None:
    """A hole must not let bytes of an earlier try shine through."""
    target = tmp_path / "target"
    source.write_bytes(b"x" * MIB + b"y" * MIB + b"z")
    remote.faults = [Fault(keep=1_500_000, end="lost"), Fault(refuse=missing())]
    fetch(source, target)
    with source.open("r+b") as file:
        file.seek(MIB)
        file.write(bytes(MIB))
    # A file whose time was set back, so that only the checksum can tell.
    note = Path(f"{target}.partial.json")
    data = json.loads(note.read_text())
    data["facts"]["mtime"] = int(source.stat().st_mtime)
    note.write_text(json.dumps(data))

    got = fetch(source, target)

    assert got.resumed == MIB
    assert sha256(target) == sha256(source)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(keep=0, end="lost"), id="before-the-header"),
        pytest.param(Fault(keep=7, end="lost"), id="in-the-header"),
        pytest.param(Fault(keep=1_700_000, end="lost"), id="in-the-middle"),
        pytest.param(Fault(keep=1_700_000, end="well"), id="early-end-with-code-0"),
        pytest.param(Fault(keep=3 * MIB + 100, end="well"), id="the-tail-is-lost"),
        pytest.param(Fault(silent=True), id="the-checksum-is-lost"),
        pytest.param(Fault(silent=True, end="lost"), id="the-checksum-and-the-end-are-lost"),
        pytest.param(Fault(keep=900, silent=True, end="lost"), id="almost-nothing-came"),
    ],
)
def test_a_stream_that_breaks_is_gone_on_with(
    fetch: Fetch, remote: Remote, source: Path, tmp_path: Path, fault: Fault
) -> None:
    target = tmp_path / "target"
    remote.faults = [fault]

    got = fetch(source, target)

    assert got.whole
    assert sha256(target) == sha256(source)
    assert got.retries == 1
    assert len(remote.argvs) == 2


def test_only_what_is_missing_comes_again(
    fetch: Fetch, remote: Remote, source: Path, tmp_path: Path
) -> None:
    remote.faults = [Fault(keep=2 * MIB + 500_000, end="lost")]

    got = fetch(source, tmp_path / "target")

    assert got.whole
    # From the block in which it broke; the checksum had come with the first stream.
    assert remote.sends == [["0", "", "sum"], ["2", "", ""]]


def test_a_new_run_goes_on(fetch: Fetch, remote: Remote, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    remote.faults = [Fault(keep=2 * MIB + 500_000, end="lost"), Fault(refuse=missing())]

    first = fetch(source, target)

    assert not first.whole
    assert first.path == f"{target}.partial"
    assert first.expected == source.stat().st_size
    assert first.sha256 is None
    assert first.error is not None
    assert f"{first.size} of {first.expected} bytes are kept in {target}.partial" in first.error.msg
    assert "run this again" in first.error.msg
    assert Path(first.path).stat().st_size == first.size
    assert not target.exists()

    remote.argvs.clear()
    second = fetch(source, target)

    assert second.whole
    assert second.resumed == 2 * MIB
    assert remote.sends == [["2", "", "sum"]]
    assert sha256(target) == sha256(source)
    assert leftovers(target) == []


def test_a_part_that_rotted_is_mended(fetch: Fetch, remote: Remote, tmp_path: Path) -> None:
    """Only the chunk that differs is fetched again."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(40 * MIB))
    remote.faults = [Fault(keep=38 * MIB, end="lost"), Fault(refuse=missing())]
    fetch(source, target)
    with Path(f"{target}.partial").open("r+b") as file:
        file.seek(20 * MIB)
        file.write(b"rotten")
    remote.argvs.clear()

    got = fetch(source, target)

    assert got.whole
    assert got.sha256 == sha256(target) == sha256(source)
    assert remote.sends == [["37", "", "sum"], ["16", "16", ""]]


def test_a_byte_that_changed_on_the_way_is_found(
    fetch: Fetch, remote: Remote, source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    remote.faults = [Fault(change=flip(2_000_000))]

    got = fetch(source, target)

    assert got.whole
    assert got.sha256 == sha256(target) == sha256(source)
    assert remote.sends[1:] == [["0", "16", ""]]


def test_what_never_fits_is_no_success(
    fetch: Fetch, remote: Remote, source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    good, bad = Fault(), Fault(change=flip(2_000_000))
    remote.faults = [bad, good, bad, good, bad, good, bad, good]

    got = fetch(source, target)

    assert not got.whole
    assert got.sha256 is None
    assert got.error is not None
    assert "1 of 1 chunks" in got.error.msg
    assert not target.exists()


def test_failures_without_progress_are_bounded(
    fetch: Fetch, remote: Remote, client: FakeClient, source: Path, tmp_path: Path
) -> None:
    remote.faults = [Fault(keep=1_500_000, end="lost")]
    remote.faults += [Fault(keep=60, end="lost") for _count in range(100)]

    got = fetch(source, tmp_path / "target", retries=4)

    assert not got.whole
    # That which brought something on, and four in vain; the fifth is the end.
    assert got.retries == 1 + 4
    assert len(remote.argvs) == 1 + 5
    assert client.slept == [0.25, 0.25, 0.5, 1.0, 2.0]


def test_failures_with_progress_do_not_add_up(fetch: Fetch, remote: Remote, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(12 * MIB))
    # Each stream brings a block and a half, the half of which the next one brings again.
    remote.faults = [Fault(keep=MIB + MIB // 2, end="lost") for _count in range(20)]

    got = fetch(source, tmp_path / "target", retries=1)

    assert got.whole
    assert got.retries > 5


def test_nothing_at_all_is_an_error(
    fetch: Fetch, remote: Remote, source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    remote.faults = [Fault(keep=0, end="lost") for _count in range(100)]

    with pytest.raises(DebugError, match="Nothing has come"):
        fetch(source, target, retries=2)

    assert leftovers(target) == []
    assert not target.exists()


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(ConnectionFailed("no answer"), id="no-connection"),
        pytest.param(ServerError(status=503, reason="x", message="starting"), id="503"),
        pytest.param(forbidden(), id="403-of-a-server-that-knows-no-roles-yet"),
    ],
)
def test_a_server_that_starts_again_is_waited_for(
    fetch: Fetch, remote: Remote, source: Path, tmp_path: Path, refusal: Exception
) -> None:
    remote.faults = [Fault(keep=1_500_000, end="lost"), *[Fault(refuse=refusal)] * 6]

    got = fetch(source, tmp_path / "target")

    assert got.whole
    assert got.retries == 7


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(missing(), id="the-pod-is-gone"),
        pytest.param(CertificateInvalid("no trust"), id="certificate"),
    ],
)
def test_what_does_not_pass_is_told_at_once(
    fetch: Fetch, remote: Remote, source: Path, tmp_path: Path, refusal: DebugError
) -> None:
    remote.faults = [Fault(keep=1_500_000, end="lost"), Fault(refuse=refusal)]

    got = fetch(source, tmp_path / "target")

    assert not got.whole
    assert got.error is not None
    assert refusal.msg.rstrip(".") in got.error.msg
    assert len(remote.argvs) == 2


def test_no_right_from_the_start_is_told_at_once(
    fetch: Fetch, remote: Remote, source: Path, tmp_path: Path
) -> None:
    remote.faults = [Fault(refuse=forbidden())]

    with pytest.raises(Forbidden):
        fetch(source, tmp_path / "target")

    assert len(remote.argvs) == 1


def test_the_time_bounds_all_of_it(fetch: Fetch, source: Path, tmp_path: Path) -> None:
    with pytest.raises(DebugError, match="did not come within 0 seconds"):
        fetch(source, tmp_path / "target", timeout=0.0)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        pytest.param(lambda path: os.truncate(path, 10), "has 10 now", id="cut"),
        pytest.param(lambda path: path.unlink(), "does not exist", id="gone"),
        pytest.param(
            lambda path: (path.rename(f"{path}.1"), path.write_bytes(bytes(4 * MIB))),
            "replaced by another file",
            id="replaced",
        ),
        pytest.param(lambda path: os.utime(path, (1, 1)), "was written to", id="written"),
    ],
)
def test_a_source_that_changes_is_told(fetch, remote, source, change, text):
    target = source.parent / "target"
    remote.faults = [
        Fault(keep=1_500_000, end="lost"),
        Fault(first=lambda: change(source)),
    ]

    got = fetch(source, target)

    assert not got.whole
    assert text in got.error.msg
    assert got.size > MIB
    assert Path(got.path).stat().st_size == got.size
    assert not target.exists()


def test_a_source_that_grows_is_whole_as_it_was(
    fetch: Fetch, remote: Remote, source: Path, tmp_path: Path
) -> None:
    target, before = tmp_path / "target", source.read_bytes()

    def grow() -> None:
        with source.open("ab") as file:
            file.write(b"more" * 1000)

    remote.faults = [
        Fault(keep=1_500_000, silent=True, end="lost"),
        Fault(first=grow),
    ]

    got = fetch(source, target)

    assert got.whole
    assert target.read_bytes() == before
    assert got.sha256 == hashlib.sha256(before).hexdigest()


def test_a_part_of_a_file_that_was_replaced_is_set_aside(
    fetch: Fetch, remote: Remote, source: Path, tmp_path: Path
) -> None:
    """It may be all that there is left of a capture."""
    target = tmp_path / "target"
    remote.faults = [Fault(keep=1_500_000, end="lost"), Fault(refuse=missing())]
    first = fetch(source, target)
    kept = Path(first.path).read_bytes()
    source.rename(f"{source}.old")
    source.write_bytes(b"new")

    got = fetch(source, target)

    assert got.whole
    assert target.read_bytes() == b"new"
    assert got.set_aside == f"{target}.partial.1"
    assert Path(got.set_aside).read_bytes() == kept
    assert leftovers(target) == [f"{target.name}.partial.1"]


def test_the_same_content_is_not_fetched_again(
    fetch: Fetch, remote: Remote, source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    fetch(source, target)
    before = target.stat()
    remote.argvs.clear()

    got = fetch(source, target)

    assert (got.whole, got.unchanged, got.sha256) == (True, True, sha256(source))
    assert target.stat().st_ino == before.st_ino
    assert remote.sends == [["0", "0", "sum"]]
    assert leftovers(target) == []


def test_another_file_at_the_destination_stays(fetch: Fetch, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")

    with pytest.raises(DebugError, match="is there with another content"):
        fetch(source, target)
    assert target.read_bytes() == b"precious"
    assert leftovers(target) == []

    assert fetch(source, target, force=True).whole
    assert sha256(target) == sha256(source)


def test_a_file_that_appears_meanwhile_stays(
    fetch: Fetch, remote: Remote, source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    remote.faults = [Fault(first=lambda: target.write_bytes(b"precious"))]

    got = fetch(source, target)

    assert not got.whole
    assert got.error is not None
    assert "was made by somebody else" in got.error.msg
    assert target.read_bytes() == b"precious"
    assert sha256(Path(got.path)) == sha256(source)


@pytest.mark.parametrize("suffix", ["", ".partial"])
@pytest.mark.parametrize("force", [False, True])
def test_a_link_is_never_followed(fetch: Fetch, source: Path, suffix: str, *, force: bool) -> None:
    target, other = source.parent / "target", source.parent / "other"
    other.write_bytes(b"precious")
    Path(f"{target}{suffix}").symlink_to(other)

    with pytest.raises(DebugError, match="symbolic link, which is never followed"):
        fetch(source, target, force=force)

    assert other.read_bytes() == b"precious"
    assert Path(f"{target}{suffix}").is_symlink()


def test_a_foreign_part_stays(fetch: Fetch, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    part = Path(f"{target}.partial")
    part.write_bytes(b"of a browser")

    with pytest.raises(DebugError, match="not a part that this collection left"):
        fetch(source, target)
    assert part.read_bytes() == b"of a browser"

    assert fetch(source, target, force=True).whole


def test_two_at_once(fetch: Fetch, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    with Path(f"{target}.partial").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(DebugError, match="is being written by another run"):
            fetch(source, target)


@pytest.mark.parametrize(
    ("destination", "text"),
    [
        pytest.param("missing/target", "does not exist. Create it first", id="no-folder"),
        pytest.param("file/target", "is no folder", id="a-file-as-folder"),
        pytest.param("folder/", "is no name of a file", id="slash-at-the-end"),
        pytest.param("folder/..", "is no name of a file", id="dots"),
        pytest.param("folder", "is a folder", id="a-folder"),
        pytest.param("x" * 250, "too long", id="long"),
        pytest.param("nul\0byte", "is no name of a file", id="nul"),
        pytest.param("pipe", "is no plain file", id="pipe"),
    ],
)
def test_a_destination_that_cannot_be(
    fetch: Fetch, remote: Remote, source: Path, destination: str, text: str
) -> None:
    tmp_path = source.parent
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(DebugError) as caught:
        fetch(source, f"{tmp_path}/{destination}")

    assert text in caught.value.msg
    assert remote.argvs == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "pipe", "source"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("missing", "does not exist", id="missing"),
        pytest.param("folder", "is no plain file", id="folder"),
        pytest.param("pipe", "is no plain file", id="pipe"),
    ],
)
def test_a_source_that_cannot_be(
    fetch: Fetch, remote: Remote, tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(DebugError, match=text):
        fetch(tmp_path / name, tmp_path / "target")

    assert len(remote.argvs) == 1
    assert leftovers(tmp_path / "target") == []


def test_a_reader_that_fails_is_told_at_once(
    fetch: Fetch, remote: Remote, source: Path, tmp_path: Path
) -> None:
    reader = ("sh", "-c", "echo nsenter: no such process >&2; exit 1", "reader")

    with pytest.raises(DebugError, match=r"exit code 1 \(nsenter: no such process\)"):
        fetch(source, tmp_path / "target", reader=reader)

    assert len(remote.argvs) == 1


def test_the_disk_that_is_too_small(
    fetch: Fetch, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ansible_collections.kubedebug.core.plugins.module_utils._transfer.partial.Partial.room",
        lambda self: 1000,
    )

    with pytest.raises(DebugError, match="its disk has 1000"):
        fetch(source, tmp_path / "target")

    assert leftovers(tmp_path / "target") == []


def test_a_disk_that_gets_full(
    fetch: Fetch, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    real = os.pwrite

    def full(number: int, data: bytes, at: int) -> int:
        if at > 2 * MIB:
            raise OSError(28, "No space left on device")
        return real(number, data, at)

    monkeypatch.setattr(os, "pwrite", full)
    first = fetch(source, target)
    assert not first.whole
    assert first.error is not None
    assert f"the disk of {tmp_path} is full" in first.error.msg
    assert first.size > 2 * MIB

    monkeypatch.setattr(os, "pwrite", real)
    second = fetch(source, target)
    assert second.whole
    assert second.resumed == 2 * MIB
    assert sha256(target) == sha256(source)


@pytest.mark.parametrize("note", [b"", b"{}", b"[1]", b"not json", b'{"kubedebug_partial": 2}'])
def test_a_note_that_is_none(fetch: Fetch, source: Path, tmp_path: Path, note: bytes) -> None:
    target = tmp_path / "target"
    Path(f"{target}.partial").write_bytes(b"some")
    Path(f"{target}.partial.json").write_bytes(note)

    with pytest.raises(DebugError, match="not a part that this collection left"):
        fetch(source, target)


def test_a_run_that_ended_between_its_last_two_steps(
    fetch: Fetch, remote: Remote, source: Path, tmp_path: Path
) -> None:
    """The destination has its name, and the part still has its own."""
    target = tmp_path / "target"
    remote.faults = [Fault(keep=1_500_000, end="lost"), Fault(refuse=missing())]
    fetch(source, target)
    Path(f"{target}.partial").write_bytes(source.read_bytes())
    os.link(f"{target}.partial", target)

    got = fetch(source, target)

    assert got.whole
    assert got.unchanged
    assert leftovers(target) == []
