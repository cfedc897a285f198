# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens that change: files, exec plugins, auth providers, and the renewal after a 401."""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import (
    AuthOptions,
    load_configuration,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.credentials import (
    ExecPlugin,
    TokenFile,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ConfigError,
    Unauthorized,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out
from ansible_collections.kubedebug.core.plugins.module_utils._kube.kubeconfig import Entry

POD = "/api/v1/namespaces/shop/pods/web"
API = "client.authentication.k8s.io/v1"
LEAK = "l3aked"


def kubeconfig(user: dict[str, Any], server: str = "https://127.0.0.1:1") -> dict[str, Any]:
    return {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "jane"}}],
        "clusters": [{"name": "k", "cluster": {"server": server, "tls-server-name": "api"}}],
        "users": [{"name": "jane", "user": user}],
    }


def plugin(folder: Path, code: str) -> dict[str, Any]:
    """Make an exec plugin of Python code, which counts its runs in a file."""
    path = folder / "plugin.py"
    path.write_text(
        "import json, os, pathlib, sys\n"
        f"runs = pathlib.Path({str(folder / 'runs')!r})\n"
        "n = int(runs.read_text()) + 1 if runs.exists() else 1\n"
        "runs.write_text(str(n))\n"
        "def answer(**status):\n"
        f"    print(json.dumps({{'apiVersion': {API!r}, 'kind': 'ExecCredential', "
        "'status': status}))\n" + code + "\n"
    )
    return {"command": sys.executable, "args": [str(path)], "apiVersion": API}


def runs(folder: Path) -> int:
    return int((folder / "runs").read_text())


def entry(exec_: dict[str, Any], folder: Path) -> Entry:
    return Entry("user", "jane", {"exec": exec_}, folder, "kubeconfig")


CLUSTER = Entry("cluster", "k", {"server": "https://k:1"}, Path(), "kubeconfig")


def test_an_exec_plugin_gives_the_token(tmp_path):
    spec = plugin(tmp_path, "answer(token='from-plugin')")
    config, _namespace = load_configuration(AuthOptions(kubeconfig=kubeconfig({"exec": spec})), {})
    assert config.credentials.authorization() == "Bearer from-plugin"
    assert config.credentials.authorization() == "Bearer from-plugin"
    assert runs(tmp_path) == 1


def test_what_an_exec_plugin_gets(tmp_path):
    seen = tmp_path / "seen"
    spec = plugin(
        tmp_path,
        f"pathlib.Path({str(seen)!r}).write_text(json.dumps([sys.stdin.read(), "
        "os.environ['KUBERNETES_EXEC_INFO'], os.environ['FROM_TASK'], os.environ['FROM_SPEC']]))\n"
        "answer(token='t')",
    )
    spec |= {"provideClusterInfo": True, "env": [{"name": "FROM_SPEC", "value": "spec"}]}
    source = kubeconfig({"exec": spec})
    source["clusters"][0]["cluster"]["extensions"] = [
        {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    ]
    load_configuration(AuthOptions(kubeconfig=source), {"FROM_TASK": "task"})
    stdin, info, task, own = json.loads(seen.read_text())
    assert (stdin, task, own) == ("", "task", "spec")
    assert json.loads(info) == {
        "apiVersion": API,
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {
                "server": "https://127.0.0.1:1",
                "tls-server-name": "api",
                "config": {"audience": "x"},
            },
        },
    }


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        pytest.param("print('l3aked', file=sys.stderr); sys.exit(3)", "exit code 3", id="exit"),
        pytest.param("print('l3aked')", "not JSON", id="no-json"),
        pytest.param("print('[\"l3aked\"]')", "no ExecCredential", id="no-object"),
        pytest.param('print(\'{"status": "l3aked"}\')', "no ExecCredential", id="no-status"),
        pytest.param(
            "print(json.dumps({'apiVersion': 'l3aked', 'status': {'token': 'l3aked'}}))",
            "did not answer in client.authentication.k8s.io/v1",
            id="version",
        ),
        pytest.param("answer(clientCertificateData='l3aked')", "neither a token nor", id="no-key"),
        pytest.param("answer(token='l3aked', expirationTimestamp='x')", "not a time", id="expiry"),
        pytest.param("answer(token='l3aked\\nX: y')", "holds a line break", id="header"),
    ],
)
def test_a_failing_exec_plugin_is_named_and_its_output_is_not(tmp_path, caplog, code, problem):
    spec = plugin(tmp_path, code)
    with pytest.raises(ConfigError, match=problem) as caught:
        load_configuration(AuthOptions(kubeconfig=kubeconfig({"exec": spec})), {})
    assert LEAK not in caught.value.msg
    assert LEAK not in caplog.text
    if "line break" not in problem:
        assert "kubeconfig (a dictionary): user jane: its exec plugin" in caught.value.msg


@pytest.mark.parametrize(
    ("command", "text"),
    [
        pytest.param("no-such-plugin-anywhere", "no-such-plugin-anywhere is not there", id="path"),
        pytest.param("./none", "/none is not there or not executable (install it)", id="relative"),
    ],
)
def test_an_exec_plugin_that_is_not_there(tmp_path, command, text):
    spec = {"command": command, "apiVersion": API, "installHint": "install it"}
    with pytest.raises(ConfigError) as caught:
        ExecPlugin(entry(spec, tmp_path), CLUSTER, environ={"PATH": "/usr/bin"})
    assert text in caught.value.msg


def test_an_exec_plugin_runs_again_when_its_token_expires(tmp_path):
    spec = plugin(tmp_path, "answer(token=f't{n}', expirationTimestamp='2030-01-01T00:00:00Z')")
    now = [time.mktime((2029, 1, 1, 0, 0, 0, 0, 0, 0))]
    source = ExecPlugin(entry(spec, tmp_path), CLUSTER, environ={}, clock=lambda: now[0])
    assert source.authorization() == "Bearer t1"
    now[0] += 2 * 366 * 86400
    assert source.authorization() == "Bearer t2"


def test_an_exec_plugin_may_give_a_certificate(tmp_path):
    spec = plugin(tmp_path, "answer(clientCertificateData='CERT', clientKeyData='KEY')")
    source = ExecPlugin(entry(spec, tmp_path), CLUSTER, environ={})
    assert source.authorization() is None
    assert source.certificate is not None
    assert (source.certificate.cert_data, source.certificate.key_data) == (b"CERT", b"KEY")


def accept(token: str):
    def respond(exchange):
        if exchange.request.header("Authorization") == f"Bearer {token}":
            exchange.reply(200, {"kind": "Pod"})
        else:
            exchange.reply(401, {"kind": "Status", "reason": "Unauthorized", "message": "no"})

    return respond


def test_many_threads_renew_a_refused_token_once(tmp_path, api, make_client):
    spec = plugin(tmp_path, "answer(token=f't{n}')")
    api.on("GET", POD, accept("t2"))
    client = make_client(None, api_key=None, kubeconfig=kubeconfig({"exec": spec}, api.url))
    outcomes = fan_out(lambda _: client.get(POD), range(32), limit=16)
    assert all(outcome.ok for outcome in outcomes)
    assert runs(tmp_path) == 2


def test_a_token_that_stays_refused_is_an_error(tmp_path, api, make_client):
    spec = plugin(tmp_path, "answer(token=f't{n}')")
    api.on("GET", POD, accept("another"))
    client = make_client(None, api_key=None, kubeconfig=kubeconfig({"exec": spec}, api.url))
    with pytest.raises(Unauthorized, match="The API server does not accept these credentials"):
        client.get(POD)
    assert len(api.requests) == 2


def test_a_static_token_that_is_refused_is_not_tried_twice(api, client):
    api.on("GET", POD, accept("another"))
    with pytest.raises(Unauthorized):
        client.get(POD)
    assert len(api.requests) == 1


def test_a_token_file_is_read_again(tmp_path):
    path = tmp_path / "token"
    path.write_text("one\n")
    now = [0.0]
    source = TokenFile(path, option="tokenFile", clock=lambda: now[0])
    path.write_text("two\n")
    now[0] = 59.0
    assert source.authorization() == "Bearer one"
    now[0] = 60.0
    assert source.authorization() == "Bearer two"
    path.write_text("three\n")
    assert source.renew("Bearer two")
    assert source.authorization() == "Bearer three"
    assert not source.renew("Bearer three")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b" \n", "which is empty", id="empty"),
        pytest.param(b"\xff\xfe\x00", r"cannot be read \(it is not text\)", id="binary"),
        pytest.param(None, r"cannot be read \(No such file", id="missing"),
    ],
)
def test_a_token_file_that_is_of_no_use(tmp_path, content, problem):
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"tokenFile names {path}, {problem}|which {problem}"):
        TokenFile(path, option="tokenFile")


def jwt(expires: int) -> str:
    """Make a token that the kubernetes package's oidc code takes: no `=`, `+` or `/` in it."""
    parts = ({"alg": "none"}, {"exp": expires}, {"sig": 1})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join(part.rstrip("=") for part in encoded)


def test_an_auth_provider_is_left_to_the_kubernetes_package():
    token = jwt(4_000_000_000)
    user = {"auth-provider": {"name": "oidc", "config": {"id-token": token}}}
    config, _namespace = load_configuration(AuthOptions(kubeconfig=kubeconfig(user)), {})
    assert config.credentials.authorization() == f"Bearer {token}"


@pytest.mark.parametrize(
    "provider",
    [
        pytest.param({"name": "oidc", "config": {"id-token": "a.b/" + LEAK}}, id="no-token"),
        pytest.param({"name": LEAK}, id="unknown"),
        pytest.param(
            {
                "name": "oidc",
                "config": {"id-token": jwt(1), "idp-issuer-url": "http://127.0.0.1:1"},
            },
            id="cannot-renew",
        ),
    ],
)
def test_an_auth_provider_that_fails_is_not_quoted(provider):
    source = kubeconfig({"auth-provider": provider})
    with pytest.raises(ConfigError, match="user jane: its auth-provider") as caught:
        load_configuration(AuthOptions(kubeconfig=source), {})
    assert LEAK not in caught.value.msg
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_options_spare_the_plugin(tmp_path):
    spec = {"command": "no-such-plugin-anywhere"}
    auth = AuthOptions(kubeconfig=kubeconfig({"exec": spec}), api_key="t")
    config, _namespace = load_configuration(auth, {})
    assert config.credentials.authorization() == "Bearer t"
