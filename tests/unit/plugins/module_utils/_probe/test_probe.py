# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a measurement is a failure, what it says then, and the shape of its result."""

from __future__ import annotations

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._probe.model import Measured
from ansible_collections.kubedebug.core.plugins.module_utils._probe.options import ProbeOptions
from ansible_collections.kubedebug.core.plugins.module_utils._probe.probe import (
    POD_PROBE,
    no_tool,
    probe_result,
    verdict,
)

_FIELDS = {
    *("method", "peer", "address", "tool", "sent", "received", "loss_percent", "min", "avg"),
    *("max", "p50", "p90", "p99", "stddev", "resolved", "status_codes", "body_sample"),
    *("errors", "samples"),
}


def _measured(*samples: float | None, reason: str = "timed out") -> Measured:
    return Measured(
        tool="python3", samples=samples, reasons=(reason,) * samples.count(None), body=None
    )


@pytest.mark.parametrize(
    ("samples", "max_loss", "failed"),
    [
        pytest.param((1.0, 1.0), None, False, id="none-lost"),
        pytest.param((1.0, None), None, False, id="some-lost-is-a-result"),
        pytest.param((None, None), None, True, id="all-lost-is-a-failure"),
        pytest.param((None, None), 100, False, id="all-lost-is-allowed"),
        pytest.param((1.0, None), 50, False, id="at-the-bound"),
        pytest.param((1.0, None), 49.9, True, id="above-the-bound"),
        pytest.param((1.0, 1.0), 0, False, id="no-loss-wanted-and-none-there"),
        pytest.param((1.0, None), 0, True, id="no-loss-wanted"),
    ],
)
def test_loss_that_fails(
    samples: tuple[float | None, ...], max_loss: float | None, failed: bool
) -> None:
    error = verdict(_measured(*samples), ProbeOptions(max_loss=max_loss), ref="shop/web-0")
    assert (error is not None) is failed


@pytest.mark.parametrize(
    ("reason", "way_out"),
    [
        pytest.param("connection refused", "check peer and port", id="refused"),
        pytest.param("timed out", "Raise timeout", id="slow"),
        pytest.param("name resolution failed: x", "name resolution of the pod", id="name"),
        pytest.param(
            "TLS: the peer's certificate does not verify: self-signed certificate",
            "validate_peer_certs=false",
            id="certificate",
        ),
        pytest.param("TLS: WRONG_VERSION_NUMBER", "speak no TLS", id="no-tls"),
        pytest.param("no valid HTTP answer (BadStatusLine)", "speak TLS or no HTTP", id="no-http"),
        pytest.param("connection reset by peer", "connection reset by peer (1).", id="the-peer's"),
    ],
)
def test_failure_says_what_to_do(reason: str, way_out: str) -> None:
    error = verdict(_measured(None, reason=reason), ProbeOptions(), ref="shop/web-0")
    assert error is not None
    assert error.msg.startswith("shop/web-0: http://localhost:80/ did not answer 1 of 1 attempts")
    assert reason in error.msg
    assert way_out in error.msg


def test_failure_names_the_bound() -> None:
    error = verdict(_measured(1.0, None), ProbeOptions(max_loss=2.5), ref="shop/web-0")
    assert error is not None
    assert "50 % lost, more than max_loss=2.5" in error.msg


@pytest.mark.parametrize(
    ("options", "reasons", "way_out"),
    [
        pytest.param(ProbeOptions(), ["no python3", "no curl"], "python3 or curl", id="http"),
        pytest.param(
            ProbeOptions(method="ping", port=None),
            ["no python3", "no ping"],
            "python3 or ping",
            id="ping",
        ),
        pytest.param(
            ProbeOptions(method="ping", port=None),
            ["python3: it may not open an ICMP socket", "no ping"],
            "profile=netadmin",
            id="ping-without-the-right",
        ),
    ],
)
def test_no_tool(options: ProbeOptions, reasons: list[str], way_out: str) -> None:
    error = no_tool(reasons, options, where="shop/web-0: debugger d")
    assert error.msg.startswith("shop/web-0: debugger d cannot measure: " + reasons[0])
    assert way_out in error.msg


@pytest.mark.parametrize(
    "measured", [_measured(1.0, 2.0), _measured(None), Measured(tool="ping", samples=(1.0,))]
)
def test_result_has_one_shape(measured: Measured) -> None:
    assert probe_result(measured, ProbeOptions()).keys() == _FIELDS


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(None, None, id="none"),
        pytest.param(b"", "", id="empty"),
        pytest.param(b"a\n\tb", "a\n\tb", id="lines"),
        pytest.param(b"\x1b[31m\x00\x07", "\ufffd[31m\ufffd\ufffd", id="terminal-escapes"),
        pytest.param("\u202eabc".encode(), "\ufffdabc", id="bidirectional-override"),
        pytest.param(b"\xff\xc3", "\ufffd\ufffd", id="no-utf-8"),
        pytest.param(b"{{ 1 + 1 }}", "{{ 1 + 1 }}", id="template-stays-text"),
    ],
)
def test_body_sample_is_fit_for_a_terminal(body: bytes | None, text: str | None) -> None:
    measured = Measured(tool="python3", samples=(1.0,), body=body)
    assert probe_result(measured, ProbeOptions())["body_sample"] == text


def test_secrets_of_headers_are_masked() -> None:
    params = dict.fromkeys(POD_PROBE.spec.argument_spec)
    params |= {"headers": {"Authorization": "Bearer abcdef"}, "api_key": "uvwxyz"}
    assert {"Bearer abcdef", "abcdef"} <= POD_PROBE.secrets(params)
