# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task may ask to be measured, and the bytes that it makes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError
from ansible_collections.kubedebug.core.plugins.module_utils._probe.options import (
    PROBE_SPEC,
    ProbeOptions,
    header_secrets,
)


def _params(**given: Any) -> dict[str, Any]:
    """Parameters as the shells hand them on: validated, coerced, with the defaults."""
    validated = ArgumentSpecValidator(PROBE_SPEC).validate(given)
    assert not validated.error_messages
    return dict(validated.validated_parameters)


def _options(**given: Any) -> ProbeOptions:
    return ProbeOptions.from_params(_params(**given))


def test_defaults_of_the_spec_are_those_of_the_dataclass() -> None:
    assert _options() == ProbeOptions()


@pytest.mark.parametrize(
    ("given", "peer"),
    [
        pytest.param({}, "http://localhost:80/", id="default"),
        pytest.param({"scheme": "https"}, "https://localhost:443/", id="port-of-the-scheme"),
        pytest.param({"port": 8080, "path": "/a?b=c"}, "http://localhost:8080/a?b=c", id="http"),
        pytest.param({"peer": "::1", "port": 81}, "http://[::1]:81/", id="ipv6"),
        pytest.param({"peer": "[::1]", "port": 81}, "http://[::1]:81/", id="ipv6-in-brackets"),
        pytest.param({"method": "tcp", "peer": "db.shop.svc", "port": 5432}, "db.shop.svc:5432"),
        pytest.param({"method": "tcp", "peer": "fe80::1%eth0", "port": 1}, "[fe80::1%eth0]:1"),
        pytest.param({"method": "ping", "peer": "10.0.0.1"}, "10.0.0.1", id="ping"),
        pytest.param({"method": "ping", "peer": "fd00::1"}, "[fd00::1]", id="ping-ipv6"),
        pytest.param({"peer": "db_1.shop.svc."}, "http://db_1.shop.svc.:80/", id="odd-but-valid"),
        pytest.param({"path": "/ä b%20c"}, "http://localhost:80/%C3%A4%20b%20c", id="quoted-path"),
    ],
)
def test_peer(given: dict[str, Any], peer: str) -> None:
    assert _options(**given).peer == peer


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"method": "tcp"}, "method=tcp needs port", id="tcp-without-port"),
        pytest.param({"method": "ping", "port": 80}, "port=80 does not go with method=ping"),
        pytest.param({"port": 0}, "port=0 is out of range: give 1 to 65535", id="port-0"),
        pytest.param({"port": 65536}, "port=65536", id="port-too-great"),
        pytest.param({"peer": ""}, "peer='' is no host", id="no-host"),
        pytest.param({"peer": "-oProxy"}, "is no host", id="host-like-an-option"),
        pytest.param({"peer": "a b"}, "is no host", id="host-with-space"),
        pytest.param({"peer": "a;reboot"}, "is no host", id="host-with-shell-text"),
        pytest.param({"peer": "$(id)"}, "is no host", id="host-with-substitution"),
        pytest.param({"peer": "a\n"}, "is no host", id="host-with-line-break"),
        pytest.param({"peer": "http://web/"}, "have options of their own", id="url-for-host"),
        pytest.param({"peer": "web:80"}, "have options of their own", id="port-in-host"),
        pytest.param({"peer": "bücher.de"}, "xn--", id="international-host"),
        pytest.param(
            {"peer": "fe80::1%eth0;id"}, "no network interface", id="zone-with-shell-text"
        ),
        pytest.param({"path": "index.html"}, "has to begin with a slash", id="path-no-slash"),
        pytest.param({"path": "/a\r\nX: y"}, "control character", id="path-smuggles-a-header"),
        pytest.param({"path": "/a#b"}, "write %23", id="path-with-fragment"),
        pytest.param({"headers": {"a b": "c"}}, "no name of an HTTP header", id="header-name"),
        pytest.param({"headers": {"X": "a\r\nY: b"}}, "control character", id="header-smuggles"),
        pytest.param({"headers": {"X": ["a"]}}, "is a list: give a text", id="header-list"),
        pytest.param({"headers": {"X": None}}, "is a NoneType", id="header-null"),
        pytest.param({"headers": {"Connection": "keep-alive"}}, "leave it out", id="connection"),
        pytest.param(
            {"headers": {"X": "a" * 20000}}, "more than 16384 bytes", id="headers-too-long"
        ),
        pytest.param({"count": 0}, "count=0 is out of range: give 1 to 1000", id="count-0"),
        pytest.param({"count": 1001}, "count=1001", id="count-too-great"),
        pytest.param({"interval": -1}, "interval=-1 is out of range", id="interval-negative"),
        pytest.param({"interval": float("nan")}, "interval=nan is out of range", id="interval-nan"),
        pytest.param({"timeout": 0}, "give 0.01 to 60 seconds", id="timeout-0"),
        pytest.param({"max_loss": 101}, "give 0 to 100 percent", id="max-loss"),
        pytest.param(
            {"count": 1000, "interval": 2, "timeout": 2},
            "can take 4020 s, more than the 3600 s",
            id="too-long-in-all",
        ),
    ],
)
def test_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as refused:
        _options(**given)
    assert message in refused.value.msg


def test_a_refused_header_keeps_its_value_out_of_the_message() -> None:
    with pytest.raises(OptionError) as refused:
        _options(headers={"Authorization": "Bearer hunter2\n"})
    assert "hunter2" not in refused.value.msg


def test_request_is_one_get_that_closes_its_connection() -> None:
    assert _options(port=8080, path="/x?y", headers={"X-A": "b"}).request() == (
        b"GET /x?y HTTP/1.1\r\n"
        b"Host: localhost:8080\r\n"
        b"User-Agent: kubedebug\r\n"
        b"Accept: */*\r\n"
        b"X-A: b\r\n"
        b"Connection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("given", "host"),
    [
        pytest.param({}, b"Host: localhost\r\n", id="default-port-is-not-named"),
        pytest.param({"scheme": "https", "port": 80}, b"Host: localhost:80\r\n", id="other-scheme"),
        pytest.param({"peer": "::1"}, b"Host: [::1]\r\n", id="ipv6"),
        pytest.param({"peer": "fe80::1%eth0", "port": 81}, b"Host: [fe80::1]:81\r\n", id="no-zone"),
        pytest.param({"headers": {"host": "shop.test"}}, b"host: shop.test\r\n", id="the-task's"),
    ],
)
def test_host_header(given: dict[str, Any], host: bytes) -> None:
    request = _options(**given).request()
    assert host in request
    assert request.lower().count(b"\r\nhost:") == 1


def test_longest_covers_all_attempts_and_the_start() -> None:
    assert _options(count=10, interval=0.5, timeout=2).longest == 25 + 20


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(
            {"Authorization": "Bearer abcdef"}, {"Bearer abcdef", "abcdef"}, id="token-alone-too"
        ),
        pytest.param({"X-Api-Key": "k123", "Host": "shop"}, {"k123"}, id="by-name"),
        pytest.param({"Cookie": "a=b"}, set(), id="too-short-to-mask"),
        pytest.param({"Accept": "text/html"}, set(), id="ordinary"),
        pytest.param(None, set(), id="none"),
        pytest.param("nonsense", set(), id="not-validated-yet"),
    ],
)
def test_header_secrets(headers: Any, expected: set[str]) -> None:
    assert header_secrets(headers) == expected
