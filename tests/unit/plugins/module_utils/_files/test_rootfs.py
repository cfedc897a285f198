# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resolver on trees that are made to lead it out of the target's root."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._files.rootfs import (
    Problem,
    Root,
    find_pid,
    reopen,
)
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._files.conftest import (
    CONTAINER,
    Proc,
)

__all__: list[str] = []


def _read(root: Root, path: str, *, follow: bool = True) -> tuple[str, str]:
    """The content and the real path of what *path* names."""
    fd, real = root.open(os.fsencode(path), follow)
    source = reopen(fd)
    try:
        return os.read(source, 4096).decode(), os.fsdecode(real)
    finally:
        os.close(source)
        os.close(fd)


@pytest.fixture
def tree(proc: Proc) -> Proc:
    """A root with links of every bad kind."""
    root = proc.root
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("of the target", encoding="utf-8")
    (root / "deep/a").mkdir(parents=True)
    (root / "deep/a/leaf").write_text("leaf", encoding="utf-8")
    for name, text in {
        "absolute": "/etc/passwd",
        "up": "../../../../../../etc/passwd",
        "deep/up": "../../../etc/passwd",
        "folder": "deep/a",
        "chain": "absolute",
        "loop": "loop",
        "ping": "pong",
        "pong": "ping",
        "outside": str(proc.outside / "secret"),
        "outside-folder": str(proc.outside),
        "root-of-process": "/proc/7/root/etc/passwd",
        "dangling": "/nowhere",
        "into-file": "/etc/passwd/x",
        "to-root": "/",
        "dots": "./deep/./a/../a//leaf",
        "trailing": "deep/a/",
    }.items():
        (root / name).symlink_to(text)
    return proc


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("/etc/passwd", "/etc/passwd"),
        ("/absolute", "/etc/passwd"),
        ("/up", "/etc/passwd"),
        ("/deep/up", "/etc/passwd"),
        ("/chain", "/etc/passwd"),
        ("/../../etc/passwd", "/etc/passwd"),
        ("/to-root/etc/passwd", "/etc/passwd"),
        ("/folder/leaf", "/deep/a/leaf"),
        ("/folder/../a/leaf", "/deep/a/leaf"),
        ("/dots", "/deep/a/leaf"),
        ("/trailing/leaf", "/deep/a/leaf"),
        ("//etc//passwd", "/etc/passwd"),
    ],
)
def test_links_are_resolved_inside(tree: Proc, path: str, real: str) -> None:
    expected = "leaf" if real.endswith("leaf") else "of the target"
    assert _read(Root(str(tree.path), 7), path) == (expected, real)


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("/outside", errno.ENOENT),
        ("/outside-folder/secret", errno.ENOENT),
        ("/root-of-process", errno.ENOENT),
        ("/dangling", errno.ENOENT),
        ("/into-file", errno.ENOTDIR),
        ("/loop", errno.ELOOP),
        ("/ping", errno.ELOOP),
        ("/" + "a" * 5000, errno.ENAMETOOLONG),
    ],
)
def test_what_leads_out_or_nowhere_is_not_there(tree: Proc, path: str, number: int) -> None:
    with pytest.raises(OSError) as caught:
        Root(str(tree.path), 7).open(path.encode(), True)
    assert caught.value.errno == number


def test_a_link_itself_can_be_looked_at(tree: Proc) -> None:
    fd, real = Root(str(tree.path), 7).open(b"/outside", False)
    assert os.readlink(b"", dir_fd=fd) == os.fsencode(tree.outside / "secret")
    assert real == b"/outside"
    os.close(fd)


def test_the_root_itself(tree: Proc) -> None:
    fd, real = Root(str(tree.path), 7).open(b"/..//", True)
    assert (os.fstat(fd).st_ino, real) == (tree.root.stat().st_ino, b"/")
    os.close(fd)


def test_no_descriptor_is_left_open(tree: Proc) -> None:
    root = Root(str(tree.path), 7)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in (b"/chain", b"/loop", b"/into-file", b"/folder/leaf", b"/dangling"):
        try:
            os.close(root.open(path, True)[0])
        except OSError:
            continue
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@contextmanager
def _swapping(path: Path, target: Path) -> Iterator[None]:
    """Replace a folder by a link to *target* and back again, all the time."""
    stop = threading.Event()
    aside = path.with_name("aside")
    link = path.with_name("link-to-be")

    def swap() -> None:
        while not stop.is_set():
            link.symlink_to(target)
            path.rename(aside)
            link.rename(path)
            path.unlink()
            aside.rename(path)
            # Else a machine with little to spare may never see it in its place.
            stop.wait(0.0005)

    worker = threading.Thread(target=swap)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


def test_links_that_are_swapped_meanwhile_lead_nowhere(proc: Proc) -> None:
    folder = proc.root / "folder"
    folder.mkdir()
    (folder / "secret").write_text("of the target", encoding="utf-8")
    root = Root(str(proc.path), 7)
    seen = set()
    with _swapping(folder, proc.outside):
        end = time.monotonic() + 60
        attempts = 0
        while attempts < 3000 or ("of the target" not in seen and time.monotonic() < end):
            attempts += 1
            try:
                seen.add(_read(root, "/folder/secret")[0])
            except OSError as error:
                seen.add(errno.errorcode[error.errno or 0])
    assert seen <= {"of the target", "ENOENT"}
    assert "of the target" in seen


def test_the_oldest_process_of_the_container_is_the_target(proc: Proc) -> None:
    proc.process(3, started=60)
    proc.process(2, started=10, state="Z")
    proc.process(4, started=5, cgroup=f"/crio-conmon-{CONTAINER}")
    proc.process(5, started=1, cgroup="/kubepods/of-another")
    (proc.path / "self").mkdir()
    assert find_pid(str(proc.path), CONTAINER, False) == 7


def test_process_1_is_the_target_where_only_it_can_be(proc: Proc) -> None:
    proc.process(1, started=1, cgroup="/hidden")
    assert find_pid(str(proc.path), "unknown", True) == 1
    with pytest.raises(Problem, match="no process of the target"):
        find_pid(str(proc.path), "unknown", False)


def test_a_process_that_is_gone_has_no_root(proc: Proc) -> None:
    with pytest.raises(Problem, match="root cannot be opened: No such file"):
        Root(str(proc.path), 99)
