# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the containers of the cluster leave on the machine: control groups, shims, mounts, files."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

from kdcluster.errors import ClusterError
from kdcluster.process import Identity, find, kill
from kdcluster.settings import Settings
from kdcluster.shell import run

__all__ = [
    "cgroup_folders",
    "ensure_cgroups",
    "is_shim",
    "kill_containers",
    "mounts_below",
    "remove_cgroups",
    "remove_files",
    "unmount",
]

# Written by containerd's shim, the CNI library and the kubelet at fixed places; the sockets have no
# name that tells whose they are, so they are removed when nobody listens (remove_files).
_SHIM_SOCKETS = Path("/run/containerd/s")
_CNI_RESULTS = Path("/var/lib/cni/results")
_DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
_LOG_LINKS = Path("/var/log/containers")
_PROC_MOUNTS = Path("/proc/self/mountinfo")
_PLACE, _DASH = 4, "-"


def _mounts(listing: str) -> Iterator[tuple[str, str]]:
    """(mount point, file system type) of each line of /proc/self/mountinfo (proc(5))."""
    for line in listing.splitlines():
        fields = line.split(" ")
        # The kernel writes a blank in a name as \040.
        place = fields[_PLACE].encode("latin-1", "backslashreplace").decode("unicode_escape")
        yield place, fields[fields.index(_DASH) + 1]


def cgroup_folders(listing: str, name: str) -> list[Path]:
    """The folder of that name in each hierarchy of control groups, version 1 and 2."""
    return [Path(place, name) for place, kind in _mounts(listing) if kind in {"cgroup", "cgroup2"}]


def _own_cgroups(settings: Settings) -> list[Path]:
    listing = _PROC_MOUNTS.read_text(encoding="utf-8", errors="replace")
    return cgroup_folders(listing, settings.cgroup)


def ensure_cgroups(settings: Settings) -> None:
    """The kubelet wants its root group to exist in every hierarchy that it uses."""
    for folder in _own_cgroups(settings):
        folder.mkdir(exist_ok=True)
        # A new group of cpuset (version 1) has no CPU and no memory node, and takes no process.
        for name in ("cpuset.cpus", "cpuset.mems"):
            file = folder / name
            if file.exists() and not file.read_text(encoding="ascii").strip():
                inherited = (folder.parent / name).read_text(encoding="ascii")
                file.write_text(inherited, encoding="ascii")
        control = folder.parent / "cgroup.subtree_control"
        if control.exists():
            _enable_controllers(folder)


def _enable_controllers(folder: Path) -> None:
    """Version 2: a group has the controllers that its parent hands down."""
    for level in (folder.parent, folder):
        have = (level / "cgroup.controllers").read_text(encoding="ascii").split()
        wanted = {"cpu", "cpuset", "memory", "pids", "io", "hugetlb"}
        for controller in sorted(wanted.intersection(have)):
            (level / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")


def _processes(folder: Path) -> set[int]:
    found: set[int] = set()
    for file in folder.rglob("cgroup.procs"):
        try:
            found.update(map(int, file.read_text(encoding="ascii").split()))
        except OSError:
            continue  # The group went away meanwhile.
    return found


def is_shim(socket: str) -> Callable[[list[str]], bool]:
    """Whether a command line is a shim of the containerd behind that socket."""

    def matches(argv: list[str]) -> bool:
        if not argv or not argv[0].endswith("containerd-shim-runc-v2"):
            return False
        return ("-address", socket) in pairwise(argv)

    return matches


def kill_containers(settings: Settings) -> list[Identity]:
    """Kills every process in our own control groups, and our shims; returns the shims that stay.

    The kubelet and containerd have to be dead before, or they start them again.
    """
    folders = _own_cgroups(settings)
    deadline = time.monotonic() + 10.0
    while True:
        processes = set().union(*(_processes(folder) for folder in folders))
        for pid in processes:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if not processes or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return kill(find(is_shim(str(settings.containerd_socket))))


def remove_cgroups(settings: Settings) -> list[Path]:
    """Removes our groups from the leaves up; returns those that stay."""
    folders = _own_cgroups(settings)
    for _attempt in range(50):
        left = [folder for folder in folders if folder.exists()]
        if not left:
            return []
        for folder in left:
            groups = [path for path in folder.rglob("*") if path.is_dir()]
            for group in [*sorted(groups, key=lambda path: -len(path.parts)), folder]:
                try:
                    group.rmdir()
                except OSError:
                    continue  # A dying process still holds it: the next round.
        time.sleep(0.02)
    return [folder for folder in folders if folder.exists()]


def mounts_below(listing: str, folder: Path) -> list[str]:
    """Mount points in a folder, the last mounted first."""
    start = f"{folder}/"
    return [place for place, _kind in _mounts(listing) if place.startswith(start)][::-1]


def unmount(folder: Path) -> None:
    """Unmounts all below a folder; raises ClusterError when something cannot be."""
    for _attempt in range(3):
        places = mounts_below(_PROC_MOUNTS.read_text(encoding="utf-8"), folder)
        if not places:
            return
        for start in range(0, len(places), 100):
            run(["umount", "-l", *places[start : start + 100]], check=False)
    left = mounts_below(_PROC_MOUNTS.read_text(encoding="utf-8"), folder)
    if left:
        raise ClusterError(f"cannot unmount {left[0]} ({len(left)} left): see fuser -m {left[0]}")


def _listening_sockets() -> set[str]:
    """The paths of Unix sockets that some process has open."""
    lines = Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace").splitlines()
    return {line.split()[-1] for line in lines if "/" in line}


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # Not there, or another runtime's files are in it.


def _remove_dead_sockets() -> None:
    """Those of our dead shims and kubelet; a socket that somebody listens on is another's."""
    found = [path for folder in (_SHIM_SOCKETS, _DEVICE_PLUGINS) for path in folder.glob("*")]
    used = _listening_sockets()  # After the listing: what came later is not in it.
    for path in found:
        if path.is_socket() and str(path) not in used:
            path.unlink(missing_ok=True)


def remove_files(settings: Settings) -> None:
    """What containerd, the CNI library and the kubelet leave at places that cannot be chosen."""
    _remove_dead_sockets()
    if _CNI_RESULTS.exists():
        # A result names the pod's network namespace, which is in our state folder.
        mine = f'"{settings.state}/'.encode()
        for path in _CNI_RESULTS.iterdir():
            if path.is_file() and mine in path.read_bytes():
                path.unlink(missing_ok=True)
    if _LOG_LINKS.exists():
        for path in _LOG_LINKS.iterdir():
            if path.is_symlink() and str(path.readlink()).startswith(f"{settings.state}/"):
                path.unlink(missing_ok=True)
    if _DEVICE_PLUGINS.exists() and not (_DEVICE_PLUGINS / "kubelet.sock").exists():
        (_DEVICE_PLUGINS / "DEPRECATION").unlink(missing_ok=True)
    for folder in (_SHIM_SOCKETS, _CNI_RESULTS, _DEVICE_PLUGINS):
        _remove_empty(folder)
        _remove_empty(folder.parent)
    _remove_empty(_LOG_LINKS)
