# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine must have, and its installation by apt where that exists."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kdcluster.errors import ClusterError
from kdcluster.progress import Progress
from kdcluster.shell import command_path, run
from kdcluster.versions import Pair

__all__ = ["Tools", "cni_folder", "debian_containerd", "ensure", "find_busybox"]

_CNI_FOLDERS = ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni")
_CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap")
_COMMANDS = {
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "openssl": "openssl",
    "tcpdump": "tcpdump",
    "curl": "curl",
    "dash": "dash",
    "wget": "wget",
    "ping": "iputils-ping",
    "nsenter": "util-linux",
    "gcc": "gcc",
    "python3": "python3",
}


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Where the needed programs were found."""

    go: Path
    runc: Path
    busybox: Path
    cni: Path


def cni_folder() -> Path | None:
    for folder in map(Path, _CNI_FOLDERS):
        if all((folder / plugin).exists() for plugin in _CNI_PLUGINS):
            return folder
    return None


def find_busybox() -> Path | None:
    """A statically linked busybox: in the images no library stands beside it."""
    for name in ("/usr/bin/busybox", "/bin/busybox"):
        path = Path(name)
        if path.exists() and run(["ldd", path], check=False).returncode != 0:
            return path
    return None


def _missing_packages() -> list[str]:
    missing = [package for name, package in _COMMANDS.items() if command_path(name) is None]
    if cni_folder() is None:
        missing.append("containernetworking-plugins")
    if find_busybox() is None:
        missing.append("busybox-static")
    if not Path("/etc/ssl/certs/ca-certificates.crt").exists():
        missing.append("ca-certificates")
    if not any(Path("/usr/lib").glob("*/libc.a")):
        missing.append("libc6-dev")
    return missing


def ensure(pair: Pair, progress: Progress) -> Tools:
    """Installs what is missing, and says what.

    Raises ClusterError without root, without a Go that is new enough, or when something is missing
    and there is no apt-get to bring it.
    """
    if os.geteuid() != 0:
        raise ClusterError(
            "the cluster needs root (namespaces, mounts, a bridge): run it with sudo -E, or set "
            "KUBECONFIG to a cluster of your own and leave this one out"
        )
    missing = _missing_packages()
    if missing:
        _install(missing, progress)
        still = _missing_packages()
        if still:
            raise ClusterError(f"still missing after the installation: {', '.join(still)}")
    runc, busybox, cni = command_path("runc"), find_busybox(), cni_folder()
    if runc is None or busybox is None or cni is None:
        raise ClusterError("runc, busybox or the CNI plugins went away just now: run it again")
    return Tools(go=_find_go(pair), runc=runc, busybox=busybox, cni=cni)


def _install(packages: Iterable[str], progress: Progress) -> None:
    names = sorted(set(packages))
    if command_path("apt-get") is None:
        raise ClusterError(
            f"missing: {', '.join(names)} (Debian's names), and there is no apt-get: "
            "install them by the means of this system"
        )
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *names]
    silent = {"DEBIAN_FRONTEND": "noninteractive"}
    with progress.step(f"installing {', '.join(names)}"):
        if run(install, check=False, timeout=900, extra=silent).returncode != 0:
            # A fresh machine has no package lists, or has old ones.
            run(["apt-get", "update", "-qq"], timeout=300, extra=silent)
            run(install, timeout=900, extra=silent)


def _find_go(pair: Pair) -> Path:
    """Go from 1.21 on fetches the toolchain that go.mod asks for by itself, unless it is told not
    to (GOTOOLCHAIN=local), so only that case can be too old."""
    path = command_path("go")
    if path is None:
        raise ClusterError(
            f"go is missing: install Go {pair.go} or newer; the cluster's components are built once"
        )
    answer = run([path, "env", "GOTOOLCHAIN", "GOVERSION"]).stdout.split()
    found = re.match(r"go(\d+)\.(\d+)", answer[-1])
    version = tuple(map(int, found.groups())) if found else (0, 0)
    needed = tuple(map(int, pair.go.split(".")[:2]))
    if version < needed and (answer[0] == "local" or version < (1, 21)):
        raise ClusterError(
            f"{answer[-1]} is too old for Kubernetes {pair.kubernetes}: install Go {pair.go} or "
            "newer, or unset GOTOOLCHAIN so that it may fetch that one"
        )
    return path


def debian_containerd(folder: Path, progress: Progress) -> None:
    """Unpacks Debian's containerd package into a folder (in one rename).

    Not installed, because on a system with systemd the installation starts a second containerd.
    """
    if (folder / "containerd").exists():
        return
    if command_path("apt-get") is None:
        raise ClusterError("the pair 'old' needs Debian's containerd package, and there is no apt")
    work = folder.with_name(folder.name + ".new")
    run(["rm", "-rf", work])
    work.mkdir(parents=True)
    with progress.step("unpacking Debian's containerd"):
        script = 'cd "$1" && apt-get download -qq containerd'
        download: list[str | Path] = ["/bin/sh", "-c", script, "sh", work]
        if run(download, check=False, timeout=300).returncode != 0:
            run(["apt-get", "update", "-qq"], timeout=300)
            run(download, timeout=300)
        package = next(work.glob("containerd_*.deb"))
        run(["dpkg-deb", "-x", package, work / "tree"])
        for name in ("containerd", "containerd-shim-runc-v2", "ctr"):
            (work / "tree" / "usr" / "bin" / name).rename(work / name)
        run(["rm", "-rf", work / "tree", package])
        work.rename(folder)
