# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Container runtimes: what a container ID says of them, and where their sockets are; pure.

The runtime is that of the scheme of the kubelet's ``containerd://<id>``. Which distribution a node
belongs to is not told by its pods, so all the known places of the runtime are looked at, in order.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError

__all__ = ["HOST", "SOCKETS", "Mounted", "check_container_id", "check_socket", "mounted_sockets"]

HOST = "/host"
"""Where the node's folders are mounted in an agent."""

# Sources: mirrord, agent/src/runtime.rs; the kubelet's defaults for k3s, MicroK8s and k0s in their
# own documentation; dockershim's socket is that of old containerd configurations.
SOCKETS: Mapping[str, tuple[str, ...]] = {
    "containerd": (
        "/run/containerd/containerd.sock",
        "/run/k3s/containerd/containerd.sock",
        "/var/snap/microk8s/common/run/containerd.sock",
        "/run/k0s/containerd.sock",
        "/run/dockershim.sock",
    ),
    "docker": ("/run/docker.sock", "/run/cri-dockerd.sock"),
    "cri-o": ("/run/crio/crio.sock",),
}

# The folders that all known sockets are below. They exist on each node, so the runtime makes none.
_FOLDERS = ("/run", "/var")
_CONTAINER_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,127}")
_PATH = re.compile(r"/[0-9A-Za-z_.@+/-]{1,200}")


@dataclass(frozen=True, kw_only=True)
class Mounted:
    """Volumes and mounts of a Job for a runtime's socket, and where it then may be."""

    volumes: tuple[Mapping[str, Any], ...] = ()
    mounts: tuple[Mapping[str, Any], ...] = ()
    sockets: tuple[str, ...] = ()


def check_container_id(text: str) -> bool:
    """Whether a container ID is what runtimes give: it goes into arguments and is searched for."""
    return _CONTAINER_ID.fullmatch(text) is not None


def check_socket(value: str) -> str:
    """The option runtime_socket, normalized; raises OptionError for what is no place of a socket.

    ``/var/run`` is a link to ``/run`` on the node, and leads nowhere where that is mounted.
    """
    if value in ("", "auto"):
        return value
    path = posixpath.normpath(value)
    if not _PATH.fullmatch(value) or posixpath.dirname(path) == "/":
        raise OptionError(
            f"runtime_socket={value[:120]!r} is neither auto nor the absolute path of a socket in "
            "a folder of the node, as /run/containerd/containerd.sock."
        )
    return f"/run/{path.removeprefix('/var/run/')}" if path.startswith("/var/run/") else path


def mounted_sockets(option: str, runtime: str) -> Mounted:
    """What a Job mounts for the option runtime_socket; nothing for "".

    The folder is mounted and not the socket, which a restarted runtime makes anew; read-only, which
    is enough to connect.
    """
    if not option:
        return Mounted()
    folders = _FOLDERS if option == "auto" else (posixpath.dirname(option),)
    known = SOCKETS.get(runtime, tuple(path for paths in SOCKETS.values() for path in paths))
    paths = known if option == "auto" else (option,)
    names = [
        f"host{re.sub('[^a-z0-9]+', '-', folder.lower())}"[:60].rstrip("-") for folder in folders
    ]
    return Mounted(
        volumes=tuple(
            {"name": name, "hostPath": {"path": folder, "type": "Directory"}}
            for name, folder in zip(names, folders, strict=True)
        ),
        mounts=tuple(
            {"name": name, "mountPath": HOST + folder, "readOnly": True}
            for name, folder in zip(names, folders, strict=True)
        ),
        sockets=tuple(HOST + path for path in paths),
    )
