# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real HTTP(S) and websocket server on 127.0.0.1 that gives what a cluster rarely gives.

Its websocket code is its own, so that the client's is not tested against itself.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import json
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import AuthOptions
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.retry import RetryPolicy

Responder = Callable[["Exchange"], None]


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    def all(self, name: str) -> list[str]:
        return [v for k, v in self.headers if k.lower() == name.lower()]

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Exchange:
    """What a responder gets: the request, and the ways to answer it."""

    request: Request
    handler: BaseHTTPRequestHandler
    released: threading.Event

    def reply(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.handler.send_response_only(status)
        fields = {"Content-Type": "application/json", **(headers or {})}
        for name, value in {**fields, "Content-Length": str(len(raw))}.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.wfile.write(raw)

    def start_chunked(self) -> None:
        self.handler.send_response(200)
        self.handler.send_header("Transfer-Encoding", "chunked")
        self.handler.end_headers()

    def chunk(self, data: bytes) -> None:
        self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def lines(self, *events: Any, end: bool = True) -> None:
        """Answer a watch with events; without `end`, the stream is cut off."""
        self.start_chunked()
        for event in events:
            self.chunk(json.dumps(event).encode() + b"\n")
        if end:
            self.chunk(b"")
        else:
            self.drop()

    def hang(self) -> None:
        """Say nothing more until the test is over."""
        self.released.wait(30)
        self.drop()

    def drop(self) -> None:
        self.handler.close_connection = True
        self.handler.connection.close()

    def websocket(self, protocol: str | None = None) -> ServerSocket:
        """Accept a websocket, with the client's first protocol unless another one is named."""
        key = (self.request.header("Sec-WebSocket-Key") or "") + (
            "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        )
        offered = (self.request.header("Sec-WebSocket-Protocol") or "").split(",")
        self.handler.send_response(101)
        for name, value in {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": base64.b64encode(hashlib.sha1(key.encode()).digest()).decode(),
            "Sec-WebSocket-Protocol": protocol or offered[0].strip(),
        }.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.close_connection = True
        return ServerSocket(self.handler)


class ServerSocket:
    """The server's end of a websocket."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._in = handler.rfile
        self._out = handler.wfile

    def send(self, channel: int, data: bytes) -> None:
        self.frame(2, bytes([channel]) + data)

    def frame(self, opcode: int, payload: bytes, *, final: bool = True) -> None:
        first = (0x80 if final else 0) | opcode
        if len(payload) < 126:
            head = struct.pack("!BB", first, len(payload))
        elif len(payload) < 1 << 16:
            head = struct.pack("!BBH", first, 126, len(payload))
        else:
            head = struct.pack("!BBQ", first, 127, len(payload))
        self._out.write(head + payload)

    def receive(self) -> tuple[int, bytes]:
        first, length = self._in.read(2)
        assert length & 0x80, "a client must mask"
        size = length & 0x7F
        if size == 126:
            size = struct.unpack("!H", self._in.read(2))[0]
        elif size == 127:
            size = struct.unpack("!Q", self._in.read(8))[0]
        mask = self._in.read(4)
        data = self._in.read(size)
        return first & 0x0F, bytes(b ^ mask[i % 4] for i, b in enumerate(data)) if size < (
            1 << 12
        ) else _unmask(data, mask)

    def success(self) -> None:
        self.status({"status": "Success", "metadata": {}})

    def exit_code(self, code: int) -> None:
        self.status(
            {
                "status": "Failure",
                "reason": "NonZeroExitCode",
                "message": f"command terminated with non-zero exit code: exit status {code}",
                "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
            }
        )

    def status(self, status: dict[str, Any]) -> None:
        self.send(3, json.dumps(status).encode())
        self.frame(8, struct.pack("!H", 1000))


def _unmask(data: bytes, mask: bytes) -> bytes:
    pattern = (mask * (len(data) // 4 + 1))[: len(data)]
    number = int.from_bytes(data, "big") ^ int.from_bytes(pattern, "big")
    return number.to_bytes(len(data), "big")


@dataclass
class FakeApi:
    """The server. Responders of a route are used one after another, the last one for ever."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    released: threading.Event = field(default_factory=threading.Event)
    _routes: dict[tuple[str, str], list[Responder]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, method: str, path: str, *responders: Responder) -> None:
        self._routes[method, path] = list(responders)

    def json(self, method: str, path: str, *bodies: Any) -> None:
        self.on(method, path, *(_answer(200, body) for body in bodies))

    def fail(self, method: str, path: str, *statuses: int, then: Any = None) -> None:
        """Answer with these statuses, and then, where it is given, with an object."""
        answers = [
            _answer(code, {"kind": "Status", "reason": "Test", "message": f"status {code}"})
            for code in statuses
        ]
        self.on(method, path, *answers, *([_answer(200, then)] if then is not None else []))

    def respond(self, exchange: Exchange) -> None:
        request = exchange.request
        with self._lock:
            self.requests.append(request)
            route = self._routes.get((request.method, request.path))
            responder = None if not route else route.pop(0) if len(route) > 1 else route[0]
        if responder is None:
            exchange.reply(404, {"kind": "Status", "reason": "NotFound", "message": "no route"})
        else:
            responder(exchange)


def _answer(status: int, body: Any) -> Responder:
    return lambda exchange: exchange.reply(status, body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    api: FakeApi
    context: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        # In the connection's own thread: a handshake that fails must not end the server.
        self.api.connections += 1
        try:
            if self.context is None:
                super().finish_request(request, client_address)
            else:
                with self.context.wrap_socket(request, server_side=True) as secure:
                    super().finish_request(secure, client_address)
        except OSError:
            return


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without this, an answer of two writes waits for the client's delayed acknowledgement.
    disable_nagle_algorithm = True
    server: _Server

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = parse_qs(parts.query, keep_blank_values=True)
        request = Request(self.command, parts.path, query, list(self.headers.items()), body)
        self.server.api.respond(Exchange(request, self, self.server.api.released))

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_CONNECT = _handle

    def log_message(self, format: str, *args: Any) -> None:
        return


@dataclass
class Authority:
    """A certificate authority of the test, and the files of what it signed."""

    folder: Path
    strict: bool = True
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def __post_init__(self) -> None:
        self.cert = self._sign(self._name("test authority"), self.key, authority=True)
        self.ca_file = self.folder / "ca.crt"
        self.ca_file.write_bytes(self.cert.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Sign a certificate for 127.0.0.1 and `name`; return its files."""
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self._sign(self._name(name), key, names=[name])
        cert_file, key_file = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        cert_file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return cert_file, key_file

    @staticmethod
    def _name(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        authority: bool = False,
        names: list[str] | None = None,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if authority else self.cert.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if self.strict:
            usage = (True, False, False, False, False, authority, authority, False, False)
            identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
            issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
            builder = (
                builder.add_extension(identifier, critical=False)
                .add_extension(issuer, critical=False)
                .add_extension(x509.KeyUsage(*usage), critical=True)
            )
        if names is not None:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(
                x509.SubjectAlternativeName([address, *(x509.DNSName(n) for n in names)]),
                critical=False,
            )
        return builder.sign(self.key, hashes.SHA256())


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def lax_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that leaves out what only a strict check asks for."""
    return Authority(tmp_path_factory.mktemp("lax"), strict=False)


def _serve(context: ssl.SSLContext | None) -> Iterator[FakeApi]:
    server = _Server(("127.0.0.1", 0), _Handler)
    scheme = "http" if context is None else "https"
    server.api = FakeApi(url=f"{scheme}://127.0.0.1:{server.server_address[1]}")
    server.context = context
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.api
    finally:
        server.api.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def api() -> Iterator[FakeApi]:
    yield from _serve(None)


@pytest.fixture
def proxy() -> Iterator[FakeApi]:
    """Serve a second time, as a proxy that a test scripts."""
    yield from _serve(None)


@pytest.fixture
def tls_api(authority: Authority) -> Iterator[FakeApi]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("api.test"))
    yield from _serve(context)


@pytest.fixture
def lax_tls_api(lax_authority: Authority) -> Iterator[FakeApi]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*lax_authority.issue("api.test"))
    yield from _serve(context)


@dataclass
class Clock:
    """Time that passes by sleeping alone."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def policy(self, **changes: Any) -> RetryPolicy:
        return RetryPolicy(sleep=self.sleep, clock=lambda: self.now, random=lambda: 1.0, **changes)


@pytest.fixture
def clock() -> Clock:
    return Clock()


MakeClient = Callable[..., Client]


@pytest.fixture
def make_client(clock: Clock) -> Iterator[MakeClient]:
    """Make clients that never sleep, and close them."""
    clients: list[Client] = []

    def make(host: str, *, environ: dict[str, str] | None = None, **options: Any) -> Client:
        settings = {
            name: options.pop(name) for name in ("request_timeout", "retry") if name in options
        }
        settings.setdefault("retry", clock.policy())
        auth = AuthOptions(**{"host": host, "api_key": "s3cr3t-token", **options})
        client = Client(auth, environ=environ or {}, **settings)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(api: FakeApi, make_client: MakeClient) -> Client:
    return make_client(api.url)
