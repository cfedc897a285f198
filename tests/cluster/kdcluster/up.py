# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the cluster up from whatever state it is in. Every step looks first at what is there, so
that one path serves the first start, the repair after a crash, and the second call."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from kdcluster import images, network, node, packages, pki, runtime
from kdcluster.api import Api, is_ready, wait_for
from kdcluster.build import build, containerd_build, kube_build
from kdcluster.components import (
    ORDER,
    Component,
    Programs,
    components,
    config_files,
    config_key,
)
from kdcluster.down import clear, leftovers, running
from kdcluster.errors import ClusterError
from kdcluster.lock import exclusive
from kdcluster.process import boot_id, kill, spawn
from kdcluster.progress import Progress
from kdcluster.record import Decision, Record, decide, load, save
from kdcluster.settings import Settings
from kdcluster.shell import command_path, environ
from kdcluster.versions import PAIRS, Pair

__all__ = ["planned_programs", "restart", "up"]

_ROUNDS = 3
_CLIENTS = ("kube-controller-manager", "kube-scheduler", "kubelet")


def planned_programs(settings: Settings, pair: Pair) -> Programs:
    """Where the programs are once they are built and installed."""
    if pair.containerd:
        containerd = containerd_build(settings, pair).target
    else:
        containerd = settings.cache / "bin" / "containerd-debian"
    return Programs(
        kube=kube_build(settings, pair).target,
        containerd=containerd,
        runc=command_path("runc") or Path("/usr/sbin/runc"),
        cni=packages.cni_folder() or Path("/usr/lib/cni"),
    )


def up(settings: Settings, pair: Pair, progress: Progress) -> Decision:
    """Returns what was found, and so done, first. Raises ClusterError when the cluster cannot be
    brought up, or another one than the wanted is up."""
    with exclusive(settings.lock, progress):
        decision = _decide(settings, pair)
        if decision.action == "refuse":
            raise ClusterError(
                f"{decision.reason}: run `cluster.py down` first, which removes its pods"
            )
        if decision.action == "nothing" and _serving(settings):
            return decision
        if decision.action == "recreate":
            progress.say(f"starting anew: {decision.reason}")
            clear(settings)
        elif decision.action == "repair":
            progress.say(f"repairing: {decision.reason}")
        _prepare_and_start(settings, pair, progress)
        return decision


def restart(settings: Settings, name: str, progress: Progress) -> None:
    """Kill one component without a warning and start it again; returns when the cluster serves.

    For tests of what happens to those who use it. When this itself is killed half way, the next
    `up` repairs. Raises ClusterError when no cluster is up, or it does not come back.
    """
    with exclusive(settings.lock, progress):
        record = load(settings.record)
        alive = running(settings)
        if record is None or record.phase != "up" or name not in alive:
            raise ClusterError(f"{name} does not run: run `cluster.py up` first")
        pair = PAIRS[record.pair]
        programs = planned_programs(settings, pair)
        if record.config != config_key(settings, pair, programs):
            raise ClusterError(
                "the cluster was made with another configuration: run `cluster.py down` and `up`"
            )
        record.phase = "starting"
        save(settings.record, record)
        if kill([alive[name]]):
            raise ClusterError(f"{name} (process {alive[name].pid}) does not end")
        _start(_Starter(settings, programs, record, progress), [], f"starting {name} again")
        record.phase = "up"
        save(settings.record, record)


def _decide(settings: Settings, pair: Pair) -> Decision:
    alive = running(settings)
    wanted = {
        "boot": boot_id(),
        "pair": pair.name,
        "config": config_key(settings, pair, planned_programs(settings, pair)),
        "images": images.names(settings, packages.find_busybox()),
    }
    return decide(
        load(settings.record),
        wanted=wanted,
        leftovers=leftovers(settings),
        alive={name: name in alive for name in ORDER},
    )


def _serving(settings: Settings) -> bool:
    api = Api(settings)
    return api.text("/readyz") is not None and is_ready(api.json(f"/api/v1/nodes/{settings.node}"))


def _prepare_and_start(settings: Settings, pair: Pair, progress: Progress) -> None:
    tools = packages.ensure(pair, progress)
    with ThreadPoolExecutor(max_workers=1) as beside:
        fetched = beside.submit(images.fetch, settings)
        build(kube_build(settings, pair), settings, progress)
        if pair.containerd:
            build(containerd_build(settings, pair), settings, progress)
        else:
            packages.debian_containerd(settings.cache / "bin" / "containerd-debian", progress)
        if not fetched.done():
            with progress.step("installing ansible-core for the image of it"):
                fetched.result()
    fetched.result()
    archives = images.make(settings, tools, progress)
    programs = planned_programs(settings, pair)
    record = _open_record(settings, pair, programs)
    starter = _Starter(settings, programs, record, progress)
    with progress.step("preparing certificates, network and control groups"):
        starter.prepare(pair)
    _start(starter, archives, f"starting Kubernetes {pair.kubernetes}")
    record.phase = "up"
    save(settings.record, record)


def _start(starter: _Starter, archives: list[images.Archive], text: str) -> None:
    for remaining in reversed(range(_ROUNDS)):
        with starter.progress.step(text):
            starter.start(archives)
        if not starter.dead():
            break
        # Controllers that lost the API server for a while may end by themselves.
        if not remaining:
            raise ClusterError(f"these end again and again: {', '.join(starter.dead())}")


def _open_record(settings: Settings, pair: Pair, programs: Programs) -> Record:
    """The record stands on the disk before the first thing on the machine is changed."""
    record = load(settings.record)
    if record is None:
        for log in settings.logs.glob("*.log"):
            log.unlink()
        record = Record(
            boot=boot_id(),
            pair=pair.name,
            config=config_key(settings, pair, programs),
            created=time.time(),
            kube=str(programs.kube),
            ctr=str(programs.containerd / "ctr"),
            chains=network.cni_chains(),
        )
    record.phase = "starting"
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    save(settings.record, record)
    return record


@dataclass
class _Starter:
    """One start of the components, in the order in which they need each other."""

    settings: Settings
    programs: Programs
    record: Record
    progress: Progress

    def prepare(self, pair: Pair) -> None:
        settings = self.settings
        pki.ensure(settings)
        for client in pki.CLIENTS[1:]:
            pki.write_kubeconfig(settings, client, settings.config / f"{client}.kubeconfig")
        for name, text in config_files(settings, pair, self.programs).items():
            path = settings.config / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="ascii")
        network.ensure(settings)
        node.ensure_cgroups(settings)

    def dead(self) -> list[str]:
        alive = running(self.settings)
        return [name for name in ORDER if name not in alive]

    def start(self, archives: list[images.Archive]) -> None:
        commands = {
            component.name: component for component in components(self.settings, self.programs)
        }
        missing = self.dead()
        network.check_ports(self._ports(missing))
        for name in ("etcd", "containerd", "kube-apiserver"):
            if name in missing:
                self._spawn(commands[name])
        ctr = self.programs.containerd / "ctr"
        runtime.wait_until_serving(self.settings, ctr, seconds=30.0)
        self._import(archives, ctr)
        self._wait_for_api()
        for name in _CLIENTS:
            if name in missing:
                self._spawn(commands[name])
        self._wait_for_node()
        # Last, so that whoever finds the kubeconfig finds a cluster that serves.
        pki.write_kubeconfig(self.settings, "admin", self.settings.kubeconfig)

    def _spawn(self, component: Component) -> None:
        folder = str(self.programs.containerd)
        extra = {"PATH": f"{folder}:{environ()['PATH']}"}
        clean = {
            name: value
            for name, value in environ(extra).items()
            # Kubernetes' clients would obey these, and the server is on loopback.
            if not name.lower().endswith("_proxy") and name != "KUBECONFIG"
        }
        spawn(
            component.argv,
            pid_file=self.settings.pids / component.name,
            log=self.settings.logs / f"{component.name}.log",
            environ=clean,
        )

    def _ports(self, names: list[str]) -> list[tuple[str, str, int]]:
        ports, local = self.settings.ports, "127.0.0.1"
        wanted = [
            ("etcd", local, ports.etcd),
            ("etcd", local, ports.etcd_peer),
            ("kube-apiserver", local, ports.apiserver),
            ("kube-controller-manager", local, ports.controller_manager),
            ("kube-scheduler", local, ports.scheduler),
            ("kubelet", local, ports.kubelet_health),
            ("kubelet", self.settings.network.gateway, ports.kubelet),
        ]
        return [item for item in wanted if item[0] in names]

    def _import(self, archives: list[images.Archive], ctr: Path) -> None:
        for archive in archives:
            names = [image.name for image in archive.images]
            if all(self.record.images.get(name) == archive.key for name in names):
                continue
            runtime.import_archive(self.settings, ctr, archive.path)
            self.record.images.update(dict.fromkeys(names, archive.key))
            save(self.settings.record, self.record)

    def _check_alive(self, *names: str) -> None:
        gone = sorted(set(names).intersection(self.dead()))
        if gone:
            log = self.settings.logs / f"{gone[0]}.log"
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
            raise ClusterError(
                f"{gone[0]} ended while starting; its log is {log}:\n  "
                + "\n  ".join(line[:300] for line in lines)
            )

    def _wait_for_api(self) -> None:
        api = Api(self.settings)
        # /readyz is right a little before the roles are there that the controllers run with.
        roles = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/"

        def serving() -> bool:
            return api.text("/readyz") is not None and all(
                api.text(f"{roles}system:{name}") is not None
                for name in ("kube-controller-manager", "kube-scheduler", "basic-user")
            )

        wait_for(
            serving,
            what="the API server",
            seconds=90.0,
            still_running=lambda: self._check_alive("etcd", "kube-apiserver"),
        )

    def _wait_for_node(self) -> None:
        api = Api(self.settings)
        account = "/api/v1/namespaces/default/serviceaccounts/default"

        def ready() -> bool:
            return (
                _kubelet_healthy(self.settings)
                and is_ready(api.json(f"/api/v1/nodes/{self.settings.node}"))
                and api.text(account) is not None
            )

        wait_for(
            ready,
            what=f"the node {self.settings.node}",
            seconds=120.0,
            still_running=lambda: self._check_alive("kube-apiserver", "kubelet", "containerd"),
        )


def _kubelet_healthy(settings: Settings) -> bool:
    """Asked of the kubelet itself: of a dead one the API server says Ready for 40 s more."""
    url = f"http://127.0.0.1:{settings.ports.kubelet_health}/healthz"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2.0):
            return True
    except (OSError, urllib.error.URLError):
        return False
