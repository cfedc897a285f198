# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command lines and configuration files of every component. Pure: text in, text out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kdcluster.images import PAUSE
from kdcluster.settings import Settings
from kdcluster.versions import Pair, build_key

__all__ = ["ORDER", "Component", "Programs", "components", "config_files", "config_key"]

# In the order of the start; `down` goes the other way round.
ORDER = (
    "containerd",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
)


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Folders and files of the programs that run."""

    kube: Path
    containerd: Path
    runc: Path
    cni: Path


@dataclass(frozen=True, kw_only=True)
class Component:
    name: str
    argv: tuple[str, ...]


def _etcd(settings: Settings, programs: Programs) -> list[str]:
    client = f"https://127.0.0.1:{settings.ports.etcd}"
    peer = f"https://127.0.0.1:{settings.ports.etcd_peer}"
    pki = settings.pki
    tls = [f"--cert-file={pki}/etcd.crt", f"--key-file={pki}/etcd.key"]
    tls += [f"--trusted-ca-file={pki}/ca.crt", "--client-cert-auth"]
    return [
        str(programs.kube / "etcd"),
        "--name=kubedebug",
        f"--data-dir={settings.etcd}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=kubedebug={peer}",
        # Nobody else on the machine may write past the API server.
        *tls,
        *(flag.replace("--", "--peer-", 1) for flag in tls),
        # The data is thrown away after a crash of the machine anyway, and without the waits for
        # the disk the API server is several times faster.
        "--unsafe-no-fsync",
        "--quota-backend-bytes=8589934592",
        "--log-level=warn",
    ]


def _apiserver(settings: Settings, programs: Programs) -> list[str]:
    pki = settings.pki
    return [
        str(programs.kube / "kube-apiserver"),
        "--bind-address=127.0.0.1",
        f"--secure-port={settings.ports.apiserver}",
        # Nothing writes the endpoints of the service `kubernetes`: a rule leads there (network.py).
        "--endpoint-reconciler-type=none",
        # Loopback is not accepted as the advertised address, and a machine may have no other.
        f"--advertise-address={settings.network.gateway}",
        f"--etcd-servers=https://127.0.0.1:{settings.ports.etcd}",
        f"--etcd-cafile={pki}/ca.crt",
        f"--etcd-certfile={pki}/etcd.crt",
        f"--etcd-keyfile={pki}/etcd.key",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/service-accounts.pub",
        f"--service-account-signing-key-file={pki}/service-accounts.key",
        f"--service-cluster-ip-range={settings.network.services}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/kubelet-client.crt",
        f"--kubelet-client-key={pki}/kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--allow-privileged=true",
    ]


def _controller_manager(settings: Settings, programs: Programs) -> list[str]:
    pki, name = settings.pki, "kube-controller-manager"
    config = f"{settings.config}/{name}.kubeconfig"
    return [
        str(programs.kube / name),
        "--bind-address=127.0.0.1",
        f"--secure-port={settings.ports.controller_manager}",
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        # There is no aggregated API, so no front proxy's CA to look up every few seconds.
        "--authentication-skip-lookup",
        f"--root-ca-file={pki}/ca.crt",
        f"--service-account-private-key-file={pki}/service-accounts.key",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--allocate-node-cidrs=false",
        # Jobs, evictions and namespaces of the tests go through here; the default is 20 a second.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    ]


def _scheduler(settings: Settings, programs: Programs) -> list[str]:
    config = f"{settings.config}/kube-scheduler.kubeconfig"
    return [
        str(programs.kube / "kube-scheduler"),
        "--bind-address=127.0.0.1",
        f"--secure-port={settings.ports.scheduler}",
        f"--config={settings.config}/kube-scheduler.yaml",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        # There is no aggregated API, so no front proxy's CA to look up every few seconds.
        "--authentication-skip-lookup",
    ]


def _kubelet(settings: Settings, programs: Programs) -> list[str]:
    return [
        str(programs.kube / "kubelet"),
        f"--config={settings.config}/kubelet.yaml",
        f"--kubeconfig={settings.config}/kubelet.kubeconfig",
        f"--root-dir={settings.kubelet}",
        f"--cert-dir={settings.kubelet}/pki",
        f"--hostname-override={settings.node}",
        # The bridge's own address: it is always there, whatever network the machine has.
        f"--node-ip={settings.network.gateway}",
        "--v=2",
    ]


def components(settings: Settings, programs: Programs) -> list[Component]:
    """In the order of the start."""
    containerd = [str(programs.containerd / "containerd")]
    containerd += ["--config", f"{settings.config}/containerd.toml"]
    commands = (
        containerd,
        _etcd(settings, programs),
        _apiserver(settings, programs),
        _controller_manager(settings, programs),
        _scheduler(settings, programs),
        _kubelet(settings, programs),
    )
    return [
        Component(name=name, argv=tuple(argv)) for name, argv in zip(ORDER, commands, strict=True)
    ]


def _kubelet_config(settings: Settings) -> dict[str, Any]:
    pki, network = settings.pki, settings.network
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network.gateway,
        "port": settings.ports.kubelet,
        "readOnlyPort": 0,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": settings.ports.kubelet_health,
        "tlsCertFile": f"{pki}/kubelet.crt",
        "tlsPrivateKeyFile": f"{pki}/kubelet.key",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{settings.containerd_socket}",
        "podLogsDir": f"{settings.state}/pod-logs",
        "volumePluginDir": f"{settings.kubelet}/volume-plugins",
        "resolvConf": f"{settings.config}/resolv.conf",
        "clusterDomain": "cluster.local",
        "clusterDNS": [network.dns],
        # A folder of its own in each hierarchy, so that `down` finds every process of a pod there.
        "cgroupRoot": f"/{settings.cgroup}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "makeIPTablesUtilChains": False,
        "localStorageCapacityIsolation": False,
        "enforceNodeAllocatable": [],
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "maxPods": 300,
        "serializeImagePulls": False,
        "registryPullQPS": 0,
        # The defaults (50 and 100) hold back 100 debuggers that start at once.
        "kubeAPIQPS": 500,
        "kubeAPIBurst": 1000,
        "eventRecordQPS": 0,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
    }


def _scheduler_config(settings: Settings) -> dict[str, Any]:
    connection = {
        "kubeconfig": f"{settings.config}/kube-scheduler.kubeconfig",
        "qps": 500,
        "burst": 1000,
    }
    return {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "leaderElection": {"leaderElect": False},
        "clientConnection": connection,
    }


def _cni_config(settings: Settings) -> dict[str, Any]:
    network = settings.network
    # Not isGateway: that would switch on forwarding for the whole machine. The bridge's address
    # and its own forwarding are set in network.py and go away with it.
    bridge = {
        "type": "bridge",
        "bridge": network.bridge,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": f"{settings.state}/cni",
            "ranges": [[{"subnet": network.pods, "gateway": network.gateway}]],
            "routes": [{"dst": "0.0.0.0/0", "gw": network.gateway}],
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "kubedebug", "plugins": [bridge, ports]}


def _containerd_config(settings: Settings, pair: Pair, programs: Programs) -> str:
    """`restrict_oom_score_adj`: a root without CAP_SYS_RESOURCE may not lower the score, and each
    sandbox would fail. `netns_mounts_under_state_dir`: `down` then finds every mount in one place.
    """
    text = _CONTAINERD_2 if pair.containerd else _CONTAINERD_1
    return text.format(
        root=settings.containerd_root,
        state=settings.containerd_state,
        socket=settings.containerd_socket,
        pause=PAUSE,
        runc=programs.runc,
        bin_dir=programs.cni,
        conf_dir=f"{settings.config}/cni",
    )


_CONTAINERD_HEAD = """\
root = "{root}"
state = "{state}"
oom_score = 0
disabled_plugins = [
  "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.erofs", "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.nri.v1.nri",
]
[grpc]
  address = "{socket}"
[ttrpc]
  address = "{socket}.ttrpc"
"""
_CONTAINERD_2 = (
    "version = 3\n"
    + _CONTAINERD_HEAD
    + """\
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{pause}"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["{bin_dir}"]
  conf_dir = "{conf_dir}"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "{runc}"
  Root = "{state}/runc"
  SystemdCgroup = false
"""
)
_CONTAINERD_1 = (
    "version = 2\n"
    + _CONTAINERD_HEAD
    + """\
[plugins.'io.containerd.grpc.v1.cri']
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
[plugins.'io.containerd.grpc.v1.cri'.cni]
  bin_dir = "{bin_dir}"
  conf_dir = "{conf_dir}"
[plugins.'io.containerd.grpc.v1.cri'.containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"
[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc.options]
  BinaryName = "{runc}"
  Root = "{state}/runc"
  SystemdCgroup = false
"""
)


def config_files(settings: Settings, pair: Pair, programs: Programs) -> dict[str, str]:
    """Paths relative to the configuration folder with their text; JSON is YAML too."""

    def as_json(value: dict[str, Any]) -> str:
        return json.dumps(value, indent=2) + "\n"

    return {
        "kubelet.yaml": as_json(_kubelet_config(settings)),
        "kube-scheduler.yaml": as_json(_scheduler_config(settings)),
        "cni/10-kubedebug.conflist": as_json(_cni_config(settings)),
        "containerd.toml": _containerd_config(settings, pair, programs),
        # For pods with dnsPolicy Default: no DNS of the machine's, tests have no outside.
        "resolv.conf": f"nameserver {settings.network.dns}\n",
    }


def config_key(settings: Settings, pair: Pair, programs: Programs) -> str:
    """Changes with any flag or file of a component: a running cluster with another one is stale."""
    parts = [text for _path, text in sorted(config_files(settings, pair, programs).items())]
    parts += ["\n".join(component.argv) for component in components(settings, programs)]
    return build_key([part.encode() for part in parts])
