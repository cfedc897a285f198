# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS and proxies against real sockets, for requests and for streams alike."""

from __future__ import annotations

import base64
import socket
import ssl
import sys
import threading
import warnings
from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube import errors
from ansible_collections.kubedebug.core.plugins.module_utils._kube.exec import run

POD = "/api/v1/namespaces/shop/pods/web"


def execute(client):
    return run(
        client,
        namespace="shop",
        pod="web",
        container="web",
        argv=["id"],
        timeout=10,
        max_output=100,
    )


def succeed(exchange):
    sock = exchange.websocket()
    sock.send(1, b"out")
    sock.success()


@pytest.fixture(params=["request", "stream"])
def ask(request):
    """Ask by both ways, which open their sockets differently."""
    if request.param == "request":
        return lambda client: client.get(POD)["kind"]
    return lambda client: execute(client).stdout and "Pod"


@pytest.fixture
def secure(tls_api):
    tls_api.json("GET", POD, {"kind": "Pod"})
    tls_api.on("GET", POD + "/exec", succeed)
    return tls_api


def test_a_certificate_that_verifies(secure, authority, make_client, ask):
    assert ask(make_client(secure.url, ca_cert=str(authority.ca_file))) == "Pod"


def test_certificate_authority_as_data(secure, authority, make_client, ask):
    source = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k"}}],
        "clusters": [
            {
                "name": "k",
                "cluster": {
                    "server": secure.url,
                    "certificate-authority-data": base64.b64encode(
                        authority.ca_file.read_bytes()
                    ).decode(),
                    "tls-server-name": "api.test",
                },
            }
        ],
    }
    assert ask(make_client(None, kubeconfig=source)) == "Pod"


def test_a_certificate_that_does_not_verify(secure, make_client, ask, clock):
    where = secure.url.removeprefix("https://")
    with pytest.raises(errors.CertificateInvalid) as caught:
        ask(make_client(secure.url))
    assert caught.value.msg.startswith(f"The certificate of {where} does not verify: ")
    assert "Set ca_cert to the certificate authority that signed it" in caught.value.msg
    assert "validate_certs=false" in caught.value.msg
    assert clock.slept == [], "another try would not change it"


def test_a_certificate_that_only_python_3_13_refuses(lax_tls_api, lax_authority, make_client, ask):
    lax_tls_api.json("GET", POD, {"kind": "Pod"})
    lax_tls_api.on("GET", POD + "/exec", succeed)
    client = make_client(lax_tls_api.url, ca_cert=str(lax_authority.ca_file))
    if sys.version_info < (3, 13):
        assert ask(client) == "Pod"
        return
    with pytest.raises(errors.CertificateInvalid) as caught:
        ask(client)
    assert "Python 3.13 and later ask for these extensions" in caught.value.msg


def test_a_name_that_the_certificate_does_not_have(secure, authority, make_client, ask):
    host = secure.url.replace("127.0.0.1", "localhost")
    with pytest.raises(errors.CertificateInvalid, match="Hostname mismatch"):
        ask(make_client(host, ca_cert=str(authority.ca_file)))


def test_the_check_can_be_left_out_without_a_warning(secure, make_client, ask):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ask(make_client(secure.url, validate_certs=False)) == "Pod"


def test_plain_http_behind_https_is_named(api, make_client, ask):
    with pytest.raises(errors.ConnectionFailed, match=r"does not speak TLS\. Check the scheme"):
        ask(make_client(api.url.replace("http:", "https:"), validate_certs=False))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"no certificate", "holds no PEM certificate", id="text"),
        pytest.param(b"", "holds no PEM certificate", id="empty"),
    ],
)
def test_a_certificate_authority_of_no_use(tmp_path, make_client, content, problem):
    path = tmp_path / "ca"
    path.write_bytes(content)
    with pytest.raises(errors.ConfigError) as caught:
        make_client("https://127.0.0.1:1", ca_cert=str(path))
    assert caught.value.msg.startswith(f"ca_cert ({path}) cannot be used: it {problem}.")


@pytest.fixture
def mutual(authority):
    """Serve one TLS connection after another that wants a client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("mutual.test"))
    context.load_verify_locations(authority.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    seen: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                raw, _address = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(raw, server_side=True) as sock:
                    subject = sock.getpeercert()["subject"]
                    seen.append(subject[0][0][1])
                    sock.recv(65536)
                    sock.sendall(
                        b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n" + b'{"kind":"Pod"}'
                    )
            except OSError:
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}", seen
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_a_client_certificate_from_files(mutual, authority, make_client):
    url, seen = mutual
    cert, key = authority.issue("jane")
    client = make_client(
        url,
        api_key=None,
        ca_cert=str(authority.ca_file),
        client_cert=str(cert),
        client_key=str(key),
    )
    assert client.get(POD) == {"kind": "Pod"}
    assert seen == ["jane"]


def test_a_client_certificate_as_data_leaves_no_file(
    mutual, authority, make_client, tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    url, seen = mutual
    cert, key = authority.issue("joe")
    encoded = [base64.b64encode(Path(path).read_bytes()).decode() for path in (cert, key)]
    source = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [
            {
                "name": "k",
                "cluster": {"server": url, "certificate-authority": str(authority.ca_file)},
            }
        ],
        "users": [
            {
                "name": "u",
                "user": {"client-certificate-data": encoded[0], "client-key-data": encoded[1]},
            }
        ],
    }
    client = make_client(None, api_key=None, kubeconfig=source)
    assert client.get(POD) == {"kind": "Pod"}
    assert seen == ["joe"]
    assert list(tmp_path.iterdir()) == []


def test_no_client_certificate_where_one_is_wanted(mutual, authority, make_client):
    url, seen = mutual
    with pytest.raises(errors.ConnectionFailed) as caught:
        make_client(url, ca_cert=str(authority.ca_file)).get(POD)
    assert url.removeprefix("https://") in caught.value.msg
    assert seen == []


def test_a_client_certificate_and_a_key_that_do_not_fit(authority, make_client):
    cert, _key = authority.issue("one")
    _cert, key = authority.issue("two")
    with pytest.raises(errors.ConfigError, match="client_cert cannot be used: it is no PEM"):
        make_client("https://127.0.0.1:1", client_cert=str(cert), client_key=str(key))


def tunnel(exchange):
    """Be a CONNECT proxy: pass the bytes on until one side ends."""
    host, _colon, port = exchange.handler.path.partition(":")
    upstream = socket.create_connection((host, int(port)))
    exchange.handler.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    downstream = exchange.handler.connection

    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return

    back = threading.Thread(target=pump, args=(upstream, downstream), daemon=True)
    back.start()
    pump(downstream, upstream)
    back.join()
    upstream.close()
    exchange.handler.close_connection = True


@pytest.fixture
def tunnelling(proxy):
    # What a CONNECT asks for is no path, so every request of the proxy lands here.
    proxy.respond = lambda exchange: (proxy.requests.append(exchange.request), tunnel(exchange))
    return proxy


def test_through_a_proxy(secure, tunnelling, authority, make_client, ask):
    client = make_client(
        secure.url,
        ca_cert=str(authority.ca_file),
        proxy=tunnelling.url,
        proxy_headers={"proxy_basic_auth": "me:pass", "user_agent": "agent/1"},
    )
    assert ask(client) == "Pod"
    (request,) = tunnelling.requests
    assert request.method == "CONNECT"
    assert request.header("Proxy-Authorization") == "Basic bWU6cGFzcw=="
    assert request.header("User-Agent") == "agent/1"
    assert request.header("Authorization") is None
    assert secure.requests[0].header("Proxy-Authorization") is None


def test_no_proxy_goes_past_it(secure, tunnelling, authority, make_client, ask):
    client = make_client(
        secure.url,
        ca_cert=str(authority.ca_file),
        proxy=tunnelling.url,
        no_proxy="127.0.0.0/8",
    )
    assert ask(client) == "Pod"
    assert tunnelling.requests == []


def test_a_proxy_that_refuses(secure, proxy, authority, make_client, ask):
    proxy.respond = lambda exchange: exchange.reply(407, {})
    client = make_client(
        secure.url, ca_cert=str(authority.ca_file), proxy=proxy.url.replace("://", "://me:s3cr3t@")
    )
    with pytest.raises(errors.ConnectionFailed) as caught:
        ask(client)
    assert "Tunnel connection failed: 407" in caught.value.msg
    assert "Check proxy and proxy_headers" in caught.value.msg
    assert "s3cr3t" not in caught.value.msg


def test_a_proxy_that_is_not_there(make_client, ask):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client = make_client("https://api.test:6443", proxy=f"http://127.0.0.1:{port}")
    with pytest.raises(errors.ConnectionFailed, match="connection refused"):
        ask(client)


def test_a_proxy_of_a_kind_that_carries_no_stream(make_client):
    client = make_client("https://api.test:6443", proxy="https://127.0.0.1:1")
    with pytest.raises(errors.ConfigError, match="The proxy is of the kind https"):
        execute(client)
