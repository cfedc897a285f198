# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A large file on its way while the other side, the server or the disk fails."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2ekit.cluster import Space, own_cluster, restart_api_server
from e2ekit.disk import small_disk
from e2ekit.playbooks import Playbooks
from e2ekit.proxy import FaultProxy, Paused

__all__: list[str] = []

_EXEC = r"^GET .*/pods/web/exec\?"
_MARK = b"<the middle>"
_PART = bytes(range(256)) * 40000
_CONTENT = _PART + _MARK + _PART * 3
# Seconds, for a debugger to start and the first bytes to come; on a busy machine that takes long.
_REACHED_WITHIN = 300
# The hole is more than all buffers on the way can hold, so that what waits cannot have passed.
_SIZE = 150_000_000
_WRITE = f"""
part = bytes(range(256)) * 40000
with open("/tmp/big", "wb") as file:
    file.write(part + {_MARK!r} + part * 3)
    file.truncate({_SIZE})
open("/tmp/ready", "w").close()
import time
time.sleep(600)
"""


@pytest.fixture
def paused(space: Space, proxy: FaultProxy) -> Iterator[Paused]:
    """A pod with a large file, whose first stream stops at the mark; later ones do not."""
    ready = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1}
    space.web(
        image=space.cluster.toolbox,
        container={"command": ["python3", "-c", _WRITE], "readinessProbe": ready},
    )
    does = Paused(marker=_MARK)
    proxy.inject(_EXEC, does)
    yield does
    does.release.set()


def _task(space: Space, dest: Path) -> dict[str, Any]:
    args = {
        "namespace": space.name,
        "name": "web",
        "image": space.cluster.toolbox,
        "paths": ["/tmp/big"],
        "dest": str(dest),
        "timeout": 300,
    }
    return {"name": "Fetch", "kubedebug.core.pod_fetch": args}


def _home(space: Space, dest: Path) -> Path:
    return dest / space.name / "web" / "web" / "tmp"


def _arrived(paused: Paused, home: Path) -> int:
    """Wait until all but the last of what was sent before the pause is on the disk; its bytes."""
    assert paused.reached.wait(_REACHED_WITHIN)
    part = home / "big.partial"
    deadline = time.monotonic() + _REACHED_WITHIN
    while not part.exists() or part.stat().st_size < len(_PART) - 1_000_000:
        assert time.monotonic() < deadline, "what was sent did not arrive"
        time.sleep(0.05)
    return part.stat().st_size


def _is_whole(path: Path) -> bool:
    content = path.read_bytes()
    return content == _CONTENT + bytes(_SIZE - len(_CONTENT))


@pytest.mark.alone
def test_the_api_server_is_killed_and_comes_again(
    space: Space, play: Playbooks, paused: Paused, tmp_path: Path
) -> None:
    own_cluster(space.cluster)
    started = play.start(play.write([_task(space, tmp_path)]))
    _arrived(paused, _home(space, tmp_path))

    restart_api_server(space.cluster)
    paused.release.set()
    run = started.wait()

    assert run.rc == 0, run.failure
    (file,) = run.task("Fetch").pod["files"]
    assert file["whole"] is True
    assert _is_whole(_home(space, tmp_path) / "big")
    assert [each.name for each in _home(space, tmp_path).iterdir()] == ["big"]


def test_a_killed_controller_is_followed_by_one_that_goes_on(
    space: Space, play: Playbooks, proxy: FaultProxy, paused: Paused, tmp_path: Path
) -> None:
    started = play.start(play.write([_task(space, tmp_path)]))
    home = _home(space, tmp_path)
    _arrived(paused, home)
    started.kill()
    paused.release.set()

    assert sorted(each.name for each in home.iterdir()) == ["big.partial", "big.partial.json"]
    kept = (home / "big.partial").stat().st_size
    # What sends ends by itself: in the debugger nothing of the first run is left.
    (entry,) = space.entries("web")
    gone = "while grep -qs kubedebug-transfe[r] /proc/[0-9]*/cmdline; do sleep 0.1; done"
    space.kubectl("exec", "web", "-c", entry["name"], "--", "sh", "-c", gone)

    run = play.play(play.write([_task(space, tmp_path)]))

    (file,) = run.task("Fetch").pod["files"]
    assert file["whole"] is True
    assert _is_whole(home / "big")
    assert [each.name for each in home.iterdir()] == ["big"]
    # The second run asked for what comes after the blocks that were there.
    begin = f"&command={kept // 1048576}&command=&command=sum"
    streams = [line[-160:] for line in proxy.requests if re.search(_EXEC, line)]
    assert any(begin in line for line in streams), (begin, streams)


def test_a_source_that_is_cut_meanwhile(
    space: Space, play: Playbooks, paused: Paused, tmp_path: Path
) -> None:
    started = play.start(play.write([_task(space, tmp_path)]))
    _arrived(paused, _home(space, tmp_path))
    cut = "import os; os.truncate('/tmp/big', 5)"
    space.kubectl("exec", "web", "-c", "web", "--", "python3", "-c", cut)
    paused.release.set()
    run = started.wait()

    assert run.rc != 0
    assert f"it had {_SIZE} bytes and has 5 now" in run.text
    assert "are kept in" in run.text
    home = _home(space, tmp_path)
    assert not (home / "big").exists()
    with (home / "big.partial").open("rb") as file:
        head = file.read(len(_PART))
    assert head == _PART[: len(head)]
    assert head


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    with small_disk(tmp_path / "disk", size="60m") as folder:
        yield folder


def test_the_disk_gets_full_meanwhile(
    space: Space, play: Playbooks, paused: Paused, disk: Path
) -> None:
    started = play.start(play.write([_task(space, disk)]))
    arrived = _arrived(paused, _home(space, disk))
    filler = disk / "filler"
    with filler.open("wb") as file:
        room = os.statvfs(disk)
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize)
    paused.release.set()
    run = started.wait()

    assert run.rc != 0
    assert "is full. Make room and run this again" in run.text
    kept = (_home(space, disk) / "big.partial").stat().st_size
    assert kept >= arrived

    filler.unlink()
    again = play.play(play.write([_task(space, disk)]))

    (file_,) = again.task("Fetch").pod["files"]
    assert file_["whole"] is True
    assert _is_whole(_home(space, disk) / "big")


def test_a_disk_that_is_too_small(
    space: Space, play: Playbooks, paused: Paused, disk: Path
) -> None:
    paused.release.set()
    (disk / "filler").write_bytes(bytes(40_000_000))

    run = play.play(play.write([_task(space, disk)]), ok=False)

    assert "more bytes and its disk has" in run.text
    assert "Make room, or give another destination" in run.text
    assert list(disk.rglob("big*")) == []
