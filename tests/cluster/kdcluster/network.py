# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods' bridge and the firewall rules, made and removed.

No setting of the whole machine is touched: forwarding is on for the bridge only, and goes with it.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path

from kdcluster.errors import ClusterError
from kdcluster.settings import Network, Ports, Settings
from kdcluster.shell import run

__all__ = [
    "Rule",
    "check_ports",
    "cni_chains",
    "deletions",
    "ensure",
    "overlapping_routes",
    "remove",
    "rules",
]

_COMMENT = "kubedebug-cluster"
# The chains of the CNI plugin portmap, which appear with the first hostPort of a pod.
_CNI_CHAIN = re.compile(r"^(?:-N|:)\s*(CNI-\S+)", re.MULTILINE)

Rule = tuple[str, str, list[str]]


def rules(network: Network, ports: Ports) -> list[Rule]:
    """Table, chain and the words of each rule.

    A pod reaches the API server under the address of the service `kubernetes` (there is no
    kube-proxy), and other pods; nothing else, and it is told at once: a lookup of a name fails
    with "refused" and not after 10 s.
    """
    note = ["-m", "comment", "--comment", _COMMENT]
    bridge = ["-i", network.bridge]
    to_api = ["-d", f"{network.api_service}/32", "-p", "tcp", "--dport", "443", *note]
    to_api += ["-j", "DNAT", "--to-destination", f"127.0.0.1:{ports.apiserver}"]
    return [
        ("nat", "PREROUTING", [*bridge, *to_api]),
        ("nat", "OUTPUT", to_api),
        ("filter", "FORWARD", [*bridge, *note, "-j", "REJECT"]),
        ("filter", "FORWARD", [*bridge, "-o", network.bridge, *note, "-j", "ACCEPT"]),
    ]


def deletions(listing: str) -> list[list[str]]:
    """The words that delete each rule of ours in a listing by `iptables -S`."""
    found = []
    for line in listing.splitlines():
        words = shlex.split(line)
        if words[:1] == ["-A"] and _COMMENT in words:
            found.append(["-D", *words[1:]])
    return found


def overlapping_routes(listing: str, network: Network) -> list[str]:
    """Lines of `ip -4 route` that lead another way for an address of the pods."""
    pods = ipaddress.ip_network(network.pods)
    found = []
    for line in listing.splitlines():
        words = line.split()
        try:
            route = ipaddress.ip_network(words[0])
        except (IndexError, ValueError):
            continue  # "default", "unreachable ..."
        if route.overlaps(pods) and f" dev {network.bridge} " not in line + " ":
            found.append(line.strip())
    return found


def check_ports(ports: Iterable[tuple[str, str, int]]) -> None:
    """For (component, address, port) of those that are about to start; raises ClusterError when
    another process has the port, before a component fails half way with it in its log only."""
    for component, address, port in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                raise ClusterError(
                    f"{component} needs {address}:{port}, which cannot be had "
                    f"({error.strerror}): stop the program that uses it (ss -ltnp)"
                ) from error


def _iptables(table: str, words: Sequence[str], *, check: bool = True) -> bool:
    argv = ["iptables", "-w", "10", "-t", table, *words]
    return run(argv, check=check).returncode == 0


def cni_chains() -> list[str]:
    listing = run(["iptables", "-w", "10", "-t", "nat", "-S"]).stdout
    return sorted(set(_CNI_CHAIN.findall(listing)))


def _settings_of(interface: str) -> Path:
    """Of this process's network namespace, whereas /sys shows the one that it was mounted in."""
    return Path("/proc/sys/net/ipv4/conf", interface)


def ensure(settings: Settings) -> None:
    """Makes what is missing of the bridge and the rules."""
    network = settings.network
    clash = overlapping_routes(run(["ip", "-4", "route", "show"]).stdout, network)
    if clash:
        raise ClusterError(
            f"the pods' network {network.pods} is in use on this machine ({clash[0]}): "
            "stop what made that route"
        )
    if not _settings_of(network.bridge).exists():
        run(["ip", "link", "add", network.bridge, "type", "bridge"])
    # Without an address of its own the bridge takes its lowest port's, and changes it with the
    # pods that come and go, while the pods still have the old one in their ARP tables.
    run(["ip", "link", "set", network.bridge, "address", "0a:58:0a:f4:00:01", "up"])
    address = f"{network.gateway}/{network.prefix}"
    run(["ip", "address", "replace", address, "dev", network.bridge])
    for name in ("forwarding", "route_localnet"):
        (_settings_of(network.bridge) / name).write_text("1", encoding="ascii")
    for table, chain, words in rules(network, settings.ports):
        if not _iptables(table, ["-C", chain, *words], check=False):
            _iptables(table, ["-I", chain, *words])


def remove(settings: Settings, *, chains_before: Iterable[str] | None) -> None:
    """Removes the bridge with the pods' ends on it, the rules, and the CNI's chains, but for those
    that were there before; None when that is not known, then they stay."""
    for table in ("nat", "filter"):
        listing = run(["iptables", "-w", "10", "-t", table, "-S"], check=False).stdout
        for words in deletions(listing):
            _iptables(table, words, check=False)
    if chains_before is not None:
        _remove_chains(sorted(set(cni_chains()) - set(chains_before)))
    name = settings.network.bridge
    if not _settings_of(name).exists():
        return
    for line in run(["ip", "-brief", "link", "show", "master", name]).stdout.splitlines():
        # It may go by itself at this moment, with its network namespace.
        run(["ip", "link", "delete", line.split()[0].partition("@")[0]], check=False)
    run(["ip", "link", "delete", name], check=False)


def _remove_chains(chains: Sequence[str]) -> None:
    listing = run(["iptables", "-w", "10", "-t", "nat", "-S"]).stdout
    for line in listing.splitlines():
        words = shlex.split(line)
        if words[:1] == ["-A"] and "-j" in words and words[words.index("-j") + 1] in chains:
            _iptables("nat", ["-D", *words[1:]], check=False)
    for chain in chains:
        _iptables("nat", ["-F", chain], check=False)
    for chain in chains:
        _iptables("nat", ["-X", chain], check=False)
