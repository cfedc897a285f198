# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are: every path, port and address of the cluster, from the environment.

Pure: nothing is created here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kdcluster.errors import ClusterError

__all__ = ["SOURCE", "Network", "Ports", "Settings"]

SOURCE = Path(__file__).resolve().parent.parent

# A Unix socket's address is at most 107 bytes (sun_path in unix(7)); the longest one in the state
# folder is kubelet/device-plugins/kubelet.sock below it.
_LONGEST_STATE = 60


@dataclass(frozen=True)
class Ports:
    """All on loopback, but the kubelet's, which is on the bridge."""

    apiserver: int = 6443
    etcd: int = 12379
    etcd_peer: int = 12380
    kubelet: int = 10250
    kubelet_health: int = 10248
    controller_manager: int = 10257
    scheduler: int = 10259


@dataclass(frozen=True)
class Network:
    """The pods' bridge. /22, because 300 pods do not fit in /24."""

    bridge: str = "kubedebug0"
    gateway: str = "10.244.0.1"
    prefix: int = 22
    pods: str = "10.244.0.0/22"
    services: str = "10.96.0.0/16"
    api_service: str = "10.96.0.1"
    dns: str = "10.96.0.10"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Folders of one user. `state` goes away with `down` (but for the logs), `cache` stays."""

    cache: Path
    state: Path
    node: str = "kubedebug-node"
    cgroup: str = "kubedebug"
    ports: Ports = Ports()
    network: Network = Network()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """The folders by the XDG variables; raises ClusterError when no home is known or the state
        folder's path is too long for the sockets in it."""
        cache = _base(environ, "XDG_CACHE_HOME", ".cache") / "kubedebug"
        state = _base(environ, "XDG_STATE_HOME", ".local/state") / "kubedebug" / "cluster"
        if len(str(state)) > _LONGEST_STATE:
            raise ClusterError(
                f"the state folder {state} is longer than {_LONGEST_STATE} characters, too long "
                "for the Unix sockets in it: set XDG_STATE_HOME to a shorter folder"
            )
        return cls(cache=cache, state=state)

    @property
    def record(self) -> Path:
        return self.state / "record.json"

    @property
    def lock(self) -> Path:
        """Beside the state folder, because `down` removes that one while it holds the lock."""
        return self.state.with_name("cluster.lock")

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def pids(self) -> Path:
        return self.state / "pids"

    @property
    def config(self) -> Path:
        return self.state / "config"

    @property
    def etcd(self) -> Path:
        return self.state / "etcd"

    @property
    def kubelet(self) -> Path:
        return self.state / "kubelet"

    @property
    def containerd_root(self) -> Path:
        return self.state / "containerd"

    @property
    def containerd_state(self) -> Path:
        return self.state / "run"

    @property
    def containerd_socket(self) -> Path:
        return self.state / "containerd.sock"

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self.ports.apiserver}"


def _base(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    # The XDG specification: a relative path is invalid and has to be ignored.
    value = environ.get(variable, "")
    if value.startswith("/"):
        return Path(value)
    home = environ.get("HOME", "")
    if not home.startswith("/"):
        raise ClusterError(f"neither {variable} nor HOME is an absolute path: set one of them")
    return Path(home) / below_home
