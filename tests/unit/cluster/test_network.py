# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
import shlex
import socket

import pytest
from kdcluster.errors import ClusterError
from kdcluster.network import check_ports, deletions, overlapping_routes, rules
from kdcluster.settings import Network, Ports

LISTING = """\
-P PREROUTING ACCEPT
-A PREROUTING -i kubedebug0 -m comment --comment kubedebug-cluster -j DNAT --to 127.0.0.1:1
-A POSTROUTING -m comment --comment "of another program" -j MASQUERADE
-A OUTPUT -m comment --comment "kubedebug-cluster of another" -j ACCEPT
"""


def test_only_rules_with_our_comment_are_deleted() -> None:
    assert deletions(LISTING) == [
        shlex.split(
            "-D PREROUTING -i kubedebug0 -m comment --comment kubedebug-cluster "
            "-j DNAT --to 127.0.0.1:1"
        )
    ]


def test_every_rule_is_found_again_by_its_comment() -> None:
    for _table, chain, words in rules(Network(), Ports()):
        assert deletions(shlex.join(["-A", chain, *words])) == [["-D", chain, *words]]


def test_pods_are_accepted_among_themselves_before_all_else_is_rejected() -> None:
    # Each is inserted at the top, so the last one of the list is looked at first.
    forward = [words for table, chain, words in rules(Network(), Ports()) if chain == "FORWARD"]
    assert [words[-1] for words in forward] == ["REJECT", "ACCEPT"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("10.244.0.0/16 dev cni0 proto kernel", True, id="wider"),
        pytest.param("10.244.1.0/24 via 10.0.0.1 dev eth0", True, id="narrower"),
        pytest.param("10.244.3.9 dev eth1 scope link", True, id="one-address"),
        pytest.param("10.244.0.0/22 dev kubedebug0 proto kernel", False, id="our-own"),
        pytest.param("10.244.4.0/24 dev eth0", False, id="beside"),
        pytest.param("default via 10.0.0.1 dev eth0", False, id="default"),
        pytest.param("unreachable 10.244.0.0/16", False, id="a-kind-first"),
        pytest.param("", False, id="empty"),
    ],
)
def test_overlapping_routes(line: str, expected: bool) -> None:
    assert overlapping_routes(line + "\n", Network()) == ([line] if expected else [])


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ClusterError, match=re.escape(f"etcd needs 127.0.0.1:{port}, which")):
            check_ports([("etcd", "127.0.0.1", port)])
    check_ports([("etcd", "127.0.0.1", port)])
