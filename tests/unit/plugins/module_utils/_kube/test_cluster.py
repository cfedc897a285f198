# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""URLs, and which of them a proxy is for."""

from __future__ import annotations

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.cluster import (
    bypasses_proxy,
    check_url,
    environment_proxy,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import ConfigError


@pytest.mark.parametrize(
    ("host", "rules", "bypasses"),
    [
        pytest.param("https://api.example.com:6443", "", False, id="no-rule"),
        pytest.param("https://api.example.com:6443", "*", True, id="star"),
        pytest.param("https://api.example.com:6443", "example.com", True, id="domain"),
        pytest.param("https://api.example.com:6443", ".example.com", True, id="dot-domain"),
        pytest.param("https://api.example.com:6443", "x, API.Example.com ", True, id="host"),
        pytest.param("https://api.example.com:6443", "api.example.com:6443", True, id="port"),
        pytest.param("https://api.example.com:6443", "api.example.com:443", False, id="other-port"),
        pytest.param("https://apixexample.com", "example.com", False, id="not-a-subdomain"),
        pytest.param("https://10.1.2.3:6443", "10.0.0.0/8", True, id="network"),
        pytest.param("https://10.1.2.3:6443", "10.1.2.3", True, id="address"),
        pytest.param("https://11.1.2.3:6443", "10.0.0.0/8,localhost", False, id="other-network"),
        pytest.param("https://[fd00::1]:6443", "fd00::/8", True, id="ipv6-network"),
    ],
)
def test_bypasses_proxy(host, rules, bypasses):
    assert bypasses_proxy(host, rules) is bypasses


@pytest.mark.parametrize(
    ("host", "environ", "proxy"),
    [
        pytest.param("https://api:6443", {}, None, id="none"),
        pytest.param("https://api:6443", {"HTTPS_PROXY": "http://p:1"}, "http://p:1", id="upper"),
        pytest.param(
            "https://api:6443",
            {"https_proxy": "http://p:1", "HTTPS_PROXY": "http://q:1"},
            "http://p:1",
            id="lower-first",
        ),
        pytest.param("https://api:6443", {"HTTP_PROXY": "http://p:1"}, None, id="other-scheme"),
        pytest.param("https://api:6443", {"ALL_PROXY": "http://p:1"}, "http://p:1", id="all"),
        pytest.param(
            "https://api:6443", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "api"}, None, id="no"
        ),
        pytest.param("https://127.0.0.1:6443", {"HTTPS_PROXY": "http://p:1"}, None, id="loopback"),
        pytest.param("https://localhost:6443", {"HTTPS_PROXY": "http://p:1"}, None, id="localhost"),
    ],
)
def test_environment_proxy(host, environ, proxy):
    assert environment_proxy(host, environ) == proxy


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("127.0.0.1:6443", id="no-scheme"),
        pytest.param("ftp://api", id="other-scheme"),
        pytest.param("https://", id="no-host"),
        pytest.param("https://api:99999", id="port"),
        pytest.param("https://[::1", id="brackets"),
    ],
)
def test_what_is_no_url_is_refused(url):
    with pytest.raises(ConfigError, match=r"host is not a URL of the form https://host:port"):
        check_url(url, option="host")


def test_an_error_about_a_url_keeps_its_password():
    with pytest.raises(ConfigError) as caught:
        check_url("user:s3cr3t@proxy:3128", option="proxy")
    assert "s3cr3t" not in caught.value.msg


def test_a_slash_at_the_end_goes():
    assert check_url("https://api:6443/x//", option="host") == "https://api:6443/x"
