# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tcpdump's command line, and what it says."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._capture.capture_options import (
    CAPTURE_SPEC,
    CaptureOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._capture.tcpdump import (
    Statistics,
    check_arguments,
    link_type,
    reason,
    record_argv,
    statistics,
)


def _options(**given: Any) -> CaptureOptions:
    return CaptureOptions.from_params(
        {**{key: each.get("default") for key, each in CAPTURE_SPEC.items()}, **given}
    )


_PLAIN = ["tcpdump", "-n", "-i", "any", "-p", "-s", "262144", "-B", "8192"]


@pytest.mark.parametrize(
    ("given", "user", "argv"),
    [
        pytest.param({}, None, [*_PLAIN, "-w", "packets"], id="defaults"),
        pytest.param(
            {},
            "root",
            ["tcpdump", "-n", "-Z", "root", *_PLAIN[2:], "-w", "packets"],
            id="a tcpdump that would give up root",
        ),
        pytest.param(
            {"filter": "tcp port 80 or -w /etc/passwd; reboot"},
            None,
            [*_PLAIN, "-w", "packets", "--", "tcp port 80 or -w /etc/passwd; reboot"],
            id="a filter is one word behind --",
        ),
        pytest.param(
            {"interface": "eth0", "promiscuous": True, "snaplen": 96, "buffer_size": 70000},
            None,
            ["tcpdump", "-n", "-i", "eth0", "-s", "96", "-B", "69", "-w", "packets"],
            id="interface",
        ),
        pytest.param(
            {"max_packets": 7}, None, [*_PLAIN, "-c", "7", "-w", "packets"], id="max_packets"
        ),
        pytest.param(
            {"files": 3, "file_size": 1_500_000},
            None,
            [*_PLAIN, "-C", "2", "-W", "3", "-w", "packets"],
            id="a ring",
        ),
    ],
)
def test_argv(given: dict[str, Any], user: str | None, argv: list[str]) -> None:
    assert list(record_argv(_options(**given), user=user)) == argv


def test_the_check_compiles_for_the_same_source_and_records_nothing() -> None:
    options = _options(interface="eth0", filter="udp", snaplen=100)

    assert check_arguments(options) == ("-d", "-i", "eth0", "-p", "-s", "100", "--", "udp")


@pytest.mark.parametrize(
    ("lines", "counts"),
    [
        pytest.param([], Statistics(), id="nothing"),
        pytest.param(
            ["12 packets captured", "24 packets received by filter", "0 packets dropped by kernel"],
            Statistics(captured=12, received=24, dropped_kernel=0),
            id="at the end",
        ),
        pytest.param(
            [
                "1 packet captured",
                "1 packet received by filter",
                "1 packet dropped by kernel",
                "3 packets dropped by interface",
            ],
            Statistics(captured=1, received=1, dropped_kernel=1, dropped_interface=3),
            id="one, and an interface that drops",
        ),
        pytest.param(
            [
                "tcpdump: 0 packets captured, 5 packets received by filter, 0 packets dropped by "
                "kernel",
                "tcpdump: 5 packets captured, 6 packets received by filter, 1 packet dropped by "
                "kernel",
            ],
            Statistics(captured=5, received=6, dropped_kernel=1),
            id="on request, the last counts",
        ),
    ],
)
def test_statistics(lines: list[str], counts: Statistics) -> None:
    assert statistics(lines) == counts


_LISTENS = (
    "tcpdump: listening on any, link-type LINUX_SLL2 (Linux cooked v2), snapshot length 262144 "
    "bytes"
)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(["tcpdump: data link type LINUX_SLL2", _LISTENS], "", id="nothing wrong"),
        pytest.param(
            ["tcpdump: data link type LINUX_SLL2", "tcpdump: can't parse filter expression: x"],
            "can't parse filter expression: x",
            id="a filter",
        ),
        pytest.param(
            ["tcpdump: eth7: No such device exists", "(No such device)"],
            "eth7: No such device exists; (No such device)",
            id="two lines",
        ),
        pytest.param(["tcpdump: \x1b[31mred\x1b[0m"], "red", id="escapes go"),
    ],
)
def test_reason(lines: list[str], said: str) -> None:
    assert reason(lines) == said


def test_link_type() -> None:
    assert link_type([_LISTENS]) == "LINUX_SLL2"
    assert link_type(["tcpdump: nothing of that"]) is None
