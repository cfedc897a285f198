# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends the cluster and takes back everything that it made on the machine, but for its logs.

Nothing is asked to end in good order: all its data goes away a moment later.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from kdcluster import network, node
from kdcluster.build import stop_builds
from kdcluster.components import ORDER
from kdcluster.errors import ClusterError
from kdcluster.lock import exclusive
from kdcluster.process import Identity, is_alive, kill, read_pid
from kdcluster.progress import Progress
from kdcluster.record import load
from kdcluster.settings import Settings

__all__ = ["clear", "down", "leftovers", "running"]


def leftovers(settings: Settings) -> bool:
    """Whether the state folder holds anything but logs."""
    if not settings.state.exists():
        return False
    return any(path != settings.logs for path in settings.state.iterdir())


def running(settings: Settings) -> dict[str, Identity]:
    """The components that run, by their recorded processes."""
    found = {}
    for name in ORDER:
        identity = read_pid(settings.pids / name)
        if identity is not None and is_alive(identity):
            found[name] = identity
    return found


def down(settings: Settings, progress: Progress) -> bool:
    """Returns whether there was anything to end."""
    with exclusive(settings.lock, progress):
        stop_builds(settings)
        if not leftovers(settings):
            return False
        with progress.step("removing the cluster"):
            clear(settings)
        return True


def _kill_components(settings: Settings, names: Sequence[str]) -> list[Identity]:
    alive = running(settings)
    return kill([alive[name] for name in names if name in alive])


def clear(settings: Settings) -> None:
    """Safe to repeat after a crash at any point: the record is removed last.

    Raises ClusterError, and keeps the record, when something stays.
    """
    record = load(settings.record)
    # The kubelet and containerd first, since they would start the containers again.
    stuck = _kill_components(settings, ["kubelet", "containerd"])
    stuck += node.kill_containers(settings)
    stuck += _kill_components(settings, list(reversed(ORDER)))
    if stuck:
        pids = ", ".join(str(identity.pid) for identity in stuck)
        raise ClusterError(
            f"these processes do not end: {pids}; they wait in the kernel (ps -o pid,wchan,cmd "
            f"{pids}); run `down` again later, or restart the machine"
        )
    node.unmount(settings.state)
    network.remove(settings, chains_before=record.chains if record else None)
    groups = node.remove_cgroups(settings)
    if groups:
        raise ClusterError(f"the control group {groups[0]} cannot be removed: a process is in it")
    for path in settings.state.iterdir():
        if path not in (settings.logs, settings.record):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    node.remove_files(settings)
    settings.record.unlink(missing_ok=True)
