# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script on made-up /proc trees with real shells, and output that is not the script's."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._namespaces.reading import (
    NAMES,
    Reading,
    ReadingError,
    parse,
    script_argv,
)

_ID = "a" * 64
_OTHER = "b" * 64
_SELF = 50
_V1 = "12:pids:/kubepods/besteffort/pod1/{}\n1:name=systemd:/kubepods/besteffort/pod1/{}\n"
_V2 = "0::/../{}\n"
_SYSTEMD = "0::/../cri-containerd-{}.scope\n"
_CONMON = "0::/../crio-conmon-{}.scope\n"
_SHELLS = [["dash"], ["bash", "--posix"], ["busybox", "sh"], ["sh"]]


class Proc:
    """A folder that looks like /proc to the script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process(_SELF, cgroup="0::/\n", inode=1000)
        (folder / "self").symlink_to(str(_SELF))
        (folder / "self" / "status").write_text(
            "Name:\tsh\nUid:\t0\t1000\t0\t0\nCapEff:\t00000000a80c25fb\n"
        )

    def process(
        self,
        pid: int,
        *,
        cgroup: str,
        inode: int | None = None,
        started: int = 100,
        name: bytes = b"web",
        state: str = "S",
    ) -> None:
        """Add a process whose namespaces have the inodes from *inode* on; None hides them."""
        folder = self.folder / str(pid)
        (folder / "ns").mkdir(parents=True)
        (folder / "cgroup").write_text(cgroup)
        rest = f") {state} 0 {' '.join(str(n) for n in range(5, 22))} {started} 0 0\n"
        (folder / "stat").write_bytes(f"{pid} (".encode() + name + rest.encode())
        if inode is not None:
            for offset, namespace in enumerate(NAMES):
                (folder / "ns" / namespace).symlink_to(f"{namespace}:[{inode + offset}]")


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    """A tree that has the debugger's own process alone."""
    return Proc(tmp_path)


@pytest.fixture(params=_SHELLS, ids=lambda argv: str(argv[0]))
def shell(request: pytest.FixtureRequest) -> list[str]:
    """The argv of one shell; each test runs with all that this machine has."""
    argv: list[str] = request.param
    if shutil.which(argv[0]) is None:
        pytest.skip(f"this machine has no {argv[0]}")
    return argv


def _read(
    proc: Proc, shell: list[str], *, first: bool = False, env: dict[str, str] | None = None
) -> Reading:
    _sh, *rest = script_argv(container_id=_ID, first=first)
    rest[rest.index("/proc")] = str(proc.folder)
    done = subprocess.run(
        [shutil.which(shell[0]) or "", *shell[1:], *rest], capture_output=True, check=False, env=env
    )
    assert done.returncode == 0, done.stderr
    return parse(done.stdout)


def _inodes(first: int) -> dict[str, int]:
    return {name: first + offset for offset, name in enumerate(NAMES)}


def test_debugger_alone(proc: Proc, shell: list[str]) -> None:
    assert _read(proc, shell) == Reading(own=_inodes(1000), uid=1000, sys_ptrace=True)


@pytest.mark.parametrize(
    "cgroup",
    [
        pytest.param(_V1.format(_ID, _ID), id="v1-path-of-the-node"),
        pytest.param(_V2.format(_ID), id="v2-path-relative-to-the-reader"),
        pytest.param(_SYSTEMD.format(_ID), id="v2-systemd-scope"),
        pytest.param(f"0::/../{_ID}/app/worker\n", id="nested"),
    ],
)
def test_target_is_found_by_its_container(proc: Proc, shell: list[str], cgroup: str) -> None:
    proc.process(1, cgroup=_V2.format(_OTHER), inode=3000, name=b"pause")
    proc.process(7, cgroup=cgroup, inode=2000)
    reading = _read(proc, shell)
    assert reading.target_pid == 7
    assert reading.target == _inodes(2000)


@pytest.mark.parametrize(
    ("processes", "expected"),
    [
        pytest.param({7: 300, 8: 100, 9: 200}, 8, id="the-oldest"),
        pytest.param({9: 100, 10: 100}, 9, id="of-equals-the-lower-number"),
        pytest.param({100: 5, 20: 5}, 20, id="numbers-are-no-texts"),
        pytest.param({7: 10**15, 8: 10**16}, 7, id="great-times"),
    ],
)
def test_main_process_is_the_oldest(
    proc: Proc, shell: list[str], processes: dict[int, int], expected: int
) -> None:
    for pid, started in processes.items():
        proc.process(pid, cgroup=_V2.format(_ID), inode=2000, started=started)
    assert _read(proc, shell).target_pid == expected


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(b"a b", id="space"),
        pytest.param(b"a) S 0 1 2", id="looks-like-the-end"),
        pytest.param(b"a\nb\n", id="line-breaks"),
        pytest.param(b"* ; $(id) `id`", id="shell-text"),
        pytest.param(b"\xff\x1b[2J", id="binary"),
        pytest.param(b"", id="empty"),
    ],
)
def test_name_of_a_process_may_be_anything(proc: Proc, shell: list[str], name: bytes) -> None:
    proc.process(7, cgroup=_V2.format(_ID), inode=2000, started=50, name=name)
    proc.process(8, cgroup=_V2.format(_ID), inode=2000, started=60)
    assert _read(proc, shell).target_pid == 7


def test_zombies_and_monitors_are_not_the_target(proc: Proc, shell: list[str]) -> None:
    proc.process(5, cgroup=_CONMON.format(_ID), inode=3000, started=1)
    proc.process(6, cgroup=_V2.format(_ID), started=2, state="Z")
    proc.process(7, cgroup=_V2.format(_ID), inode=2000, started=3)
    assert _read(proc, shell).target_pid == 7


def test_process_that_may_not_be_read(proc: Proc, shell: list[str]) -> None:
    proc.process(7, cgroup=_V2.format(_ID))
    reading = _read(proc, shell)
    assert (reading.target_pid, reading.target, reading.target_gone) == (7, {}, False)


@pytest.mark.parametrize(
    ("first", "cgroup", "expected"),
    [
        pytest.param(True, "0::/hidden\n", 1, id="another-cgroup-than-ours"),
        pytest.param(True, "0::/\n", None, id="our-own-cgroup-is-our-own-process"),
        pytest.param(False, "0::/hidden\n", None, id="not-where-several-containers-are"),
    ],
)
def test_first_process_stands_in_for_one_that_is_not_found(
    proc: Proc, shell: list[str], first: bool, cgroup: str, expected: int | None
) -> None:
    proc.process(1, cgroup=cgroup, inode=2000)
    assert _read(proc, shell, first=first).target_pid == expected


def test_image_without_readlink_has_ls(proc: Proc, shell: list[str], tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("ls", "cat"):
        (tools / tool).symlink_to(shutil.which(tool) or "")
    proc.process(7, cgroup=_V2.format(_ID), inode=2000)
    if shell[0] == "busybox":
        pytest.skip("this shell has a readlink of its own")
    reading = _read(proc, shell, env={"PATH": str(tools)})
    assert (reading.own, reading.target) == (_inodes(1000), _inodes(2000))


def test_real_proc(shell: list[str]) -> None:
    if not Path("/proc/self/ns/net").exists():
        pytest.skip("this machine has no /proc")
    argv = script_argv(container_id="", first=False)
    done = subprocess.run([*shell, *argv[1:]], capture_output=True, check=False)
    reading = parse(done.stdout)
    link = os.readlink("/proc/self/ns/net")  # noqa: PTH115 -- no path of a file
    assert link == f"net:[{reading.own['net']}]"
    assert reading.uid == os.geteuid()
    assert reading.target_pid is None


_HEAD, _TAIL = "kubedebug-namespaces\n", "end\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("", {}, id="empty"),
        pytest.param("own net net:[5]\n", {"own": {"net": 5}}, id="own"),
        pytest.param("own net \n", {}, id="not-readable"),
        pytest.param("target_pid 7\ntarget net net:[5]\n", {"target": {"net": 5}, "target_pid": 7}),
        pytest.param("target_gone 7\ntarget net net:[5]\n", {"target_gone": True}, id="gone"),
        pytest.param("uid 1000\n", {"uid": 1000}, id="uid"),
        pytest.param("capabilities 0000000000080000\n", {"sys_ptrace": True}, id="ptrace"),
        pytest.param("capabilities 0000000000000000\n", {"sys_ptrace": False}, id="no-ptrace"),
    ],
)
def test_parse(body: str, expected: dict[str, Any]) -> None:
    assert parse((_HEAD + body + _TAIL).encode()) == Reading(**expected)


@pytest.mark.parametrize(
    "output",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"hello\n", id="another-program"),
        pytest.param(_HEAD.encode(), id="cut"),
        pytest.param(b"kubedebug-namespaces\nown net net:[5]\nen", id="cut-in-the-last-line"),
        pytest.param(b"kubedebug-namespaces\nend\nmore\n", id="more-than-that"),
        pytest.param(b"\x1b[2J\xff\xfe", id="binary"),
        pytest.param(b"kubedebug-namespaces\nown net pid:[5]\nend\n", id="another-link"),
        pytest.param(b"kubedebug-namespaces\nown net /etc/passwd\nend\n", id="a-path"),
        pytest.param(b"kubedebug-namespaces\nown net net:[-5]\nend\n", id="negative"),
        pytest.param(b"kubedebug-namespaces\nown net net:[" + b"9" * 999 + b"]\nend\n", id="long"),
        pytest.param(b"kubedebug-namespaces\nown evil evil:[5]\nend\n", id="unknown-namespace"),
        pytest.param(b"kubedebug-namespaces\nuid root\nend\n", id="no-number"),
        pytest.param(b"kubedebug-namespaces\ntarget_pid \xd9\xa1\nend\n", id="digits-of-elsewhere"),
        pytest.param(b"kubedebug-namespaces\n\nend\n", id="empty-line"),
        pytest.param(b"kubedebug-namespaces\n\x1b[31mred 1\nend\n", id="unknown-line"),
    ],
)
def test_garbled_output_is_refused(output: bytes) -> None:
    with pytest.raises(ReadingError) as refused:
        parse(output)
    assert "\x1b" not in refused.value.msg
    assert len(refused.value.msg) < 400
