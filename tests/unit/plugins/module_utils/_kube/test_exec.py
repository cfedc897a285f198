# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands over a real websocket: data, ends of all kinds, refusals, time."""

from __future__ import annotations

import hashlib
import io
import socket
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube import channels, errors
from ansible_collections.kubedebug.core.plugins.module_utils._kube import exec as kube_exec
from ansible_collections.kubedebug.core.plugins.module_utils._kube.exec_stream import (
    V4,
    V5,
    open_stream,
)

EXEC = "/api/v1/namespaces/shop/pods/web/exec"
LONG = 30.0


def call(client: Any, *argv: str, **options: Any) -> kube_exec.ExecResult:
    settings: dict[str, Any] = {"timeout": LONG, "max_output": 1 << 20, **options}
    return kube_exec.run(
        client,
        namespace="shop",
        pod="web",
        container="box",
        argv=list(argv or ("id",)),
        **settings,
    )


def serve(api: Any, talk: Any, protocol: str | None = None) -> None:
    api.on("GET", EXEC, lambda x: talk(x.websocket(protocol)))


def test_streams_exit_code_and_request(api, make_client):
    def talk(sock):
        sock.send(1, b"o")
        sock.send(2, b"err")
        sock.send(1, b"ut")
        sock.exit_code(3)

    serve(api, talk)
    client = make_client(api.url, impersonate_user="jane", impersonate_groups=("a", "b"))
    result = call(client, "sh", "-c", "echo 'a b' && {{ x }}; \u00e4")
    assert (result.rc, result.stdout, result.stderr) == (3, b"out", b"err")
    assert (result.stdout_bytes, result.stderr_bytes) == (3, 3)
    assert result.duration >= 0
    (request,) = api.requests
    assert request.query == {
        "container": ["box"],
        "command": ["sh", "-c", "echo 'a b' && {{ x }}; \u00e4"],
        "stdin": ["false"],
        "stdout": ["true"],
        "stderr": ["true"],
    }
    assert request.header("Authorization") == "Bearer s3cr3t-token"
    assert request.all("Impersonate-Group") == ["a", "b"]
    assert request.header("Sec-WebSocket-Protocol") == f"{V5}, {V4}"


def test_success_with_a_v4_server(api, client):
    def talk(sock):
        sock.send(1, b"")
        sock.send(1, b"x")
        sock.success()

    serve(api, talk, protocol=V4)
    assert call(client).rc == 0


def test_output_is_binary_and_bounded(api, client):
    data = bytes(range(256)) * 20_480
    assert len(data) == 5 * 1024 * 1024

    def talk(sock):
        for at in range(0, len(data), 32_768):
            sock.send(1, data[at : at + 32_768])
            sock.send(2, b"e")
        sock.success()

    serve(api, talk)
    digest = hashlib.sha256()
    result = call(client, max_output=1000, on_stdout=digest.update)
    assert result.stdout == data[:1000]
    assert (result.stdout_bytes, result.stderr_bytes) == (len(data), 160)
    assert digest.digest() == hashlib.sha256(data).digest(), "on_stdout sees all of it"
    assert call(client, max_output=len(data)).stdout == data


def test_a_frame_of_a_megabyte_and_a_message_in_parts(api, client):
    def talk(sock):
        sock.send(1, b"a" * 1_000_000)
        sock.frame(2, b"\x01bc", final=False)
        sock.frame(9, b"ping")
        sock.frame(0, b"de", final=False)
        sock.frame(0, b"f")
        sock.frame(2, b"")
        assert sock.receive() == (10, b"ping")
        sock.success()

    serve(api, talk)
    assert call(client, max_output=2_000_000).stdout == b"a" * 1_000_000 + b"bcdef"


def echo(sock):
    """Be `cat`: send each chunk back, and end when the input ends."""
    while True:
        opcode, data = sock.receive()
        if opcode != 2:
            continue
        if data == b"\xff\x00":
            sock.success()
            return
        assert data[0] == 0
        sock.send(1, data[1:])


@pytest.mark.parametrize("kind", [bytes, io.BytesIO])
def test_a_large_input_against_a_large_output(api, client, kind):
    """Neither side can wait for the other: the echo fills every buffer in between."""
    data = bytes(range(256)) * 32_768
    serve(api, echo)
    result = call(client, "cat", stdin=kind(data), max_output=len(data))
    assert result.stdout == data
    assert api.requests[0].header("Sec-WebSocket-Protocol") == V5
    assert api.requests[0].query["stdin"] == ["true"]


def test_an_empty_input_ends_at_once(api, client):
    serve(api, echo)
    assert call(client, "cat", stdin=b"").stdout == b""


def test_a_command_that_ends_before_its_input(api, client):
    def talk(sock):
        sock.receive()
        sock.send(1, b"enough")
        sock.exit_code(1)

    serve(api, talk)
    result = call(client, "head", stdin=b"x" * 20_000_000)
    assert (result.rc, result.stdout) == (1, b"enough")


def test_an_api_server_that_cannot_end_the_input(api, client):
    serve(api, lambda sock: None, protocol=V4)
    with pytest.raises(errors.KubeError, match=r"speaks none of v5\.channel\.k8s\.io"):
        call(client, "cat", stdin=b"x")


def test_time_is_bounded_also_in_silence(api, client):
    api.on("GET", EXEC, lambda x: (x.websocket().send(1, b"first"), x.hang()))
    with pytest.raises(errors.ExecTimeout):
        call(client, "sleep", timeout=0.2)


class Jump:
    """Stands for the module `time` of the loop: a callback lets it jump beyond the deadline."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def beyond(self, _data: bytes) -> None:
        self.now = 1e6


def test_a_command_that_takes_too_long_keeps_its_output(api, client, monkeypatch):
    clock = Jump()
    monkeypatch.setattr(kube_exec, "time", clock)
    api.on("GET", EXEC, lambda x: (x.websocket().send(1, b"first"), x.hang()))
    with pytest.raises(errors.ExecTimeout) as caught:
        call(client, "sleep", timeout=20, on_stdout=clock.beyond)
    assert caught.value.stdout == b"first"
    assert caught.value.msg.startswith(
        "shop/web, container box: the command did not end within 20 seconds."
    )


def test_time_is_bounded_while_much_comes(api, client, monkeypatch):
    clock = Jump()
    monkeypatch.setattr(kube_exec, "time", clock)

    def talk(exchange):
        sock = exchange.websocket()
        while not exchange.released.is_set():
            sock.send(1, b"x" * 30_000)

    api.on("GET", EXEC, talk)
    with pytest.raises(errors.ExecTimeout) as caught:
        call(client, "yes", timeout=20, max_output=10, on_stdout=clock.beyond)
    assert caught.value.stdout == b"x" * 10


def test_time_is_bounded_in_the_handshake(api, client):
    api.on("GET", EXEC, lambda x: x.hang())
    with pytest.raises(errors.ExecTimeout, match=r"could not be started within 0\.1 seconds"):
        call(client, timeout=0.1)


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        pytest.param(lambda x: x.drop(), "the connection ended without a close", id="dropped"),
        pytest.param(
            lambda x: x.websocket_.frame(8, b"\x03\xe8"), "the server closed it", id="closed"
        ),
        pytest.param(
            lambda x: x.websocket_.frame(8, b"\x03\xf3oh \x1b[31mno"),
            "closed it with code 1011 oh no",
            id="failed",
        ),
        pytest.param(
            lambda x: x.websocket_.frame(8, b""), "the server closed it", id="closed-silently"
        ),
        pytest.param(
            lambda x: (x.websocket_.send(3, b"{broken"), x.websocket_.frame(8, b"\x03\xe8")),
            "the server closed it",
            id="status-broken",
        ),
        pytest.param(
            lambda x: x.handler.wfile.write(b"\x82\x81"), "is masked", id="protocol-broken"
        ),
    ],
)
def test_no_exit_status_is_no_success(api, client, talk, reason):
    def respond(exchange):
        exchange.websocket_ = exchange.websocket()
        exchange.websocket_.send(1, b"some")
        talk(exchange)

    api.on("GET", EXEC, respond)
    with pytest.raises(errors.ExecInterrupted) as caught:
        call(client)
    assert reason in caught.value.msg
    assert "before the exit status came" in caught.value.msg
    assert caught.value.stdout == b"some"
    assert len(api.requests) == 1, "a command that may have run is not run again"


def failure(message: str, reason: str = "InternalError") -> dict[str, Any]:
    return {"status": "Failure", "reason": reason, "message": message, "code": 500}


OCI = (
    "Internal error occurred: error executing command in container: failed to exec in container: "
    'failed to start exec "0a1b": OCI runtime exec failed: exec failed: unable to start container '
    "process: "
)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(
            OCI + 'exec: "nope": executable file not found in $PATH: unknown',
            'exec: "nope": executable file not found in $PATH',
            id="not-in-the-path",
        ),
        pytest.param(
            OCI + 'exec: "/nope": stat /nope: no such file or directory: unknown',
            'exec: "/nope": stat /nope: no such file or directory',
            id="no-such-file",
        ),
        pytest.param(
            OCI + 'exec: "/etc": is a directory: unknown', 'exec: "/etc": is a directory', id="dir"
        ),
        pytest.param(
            OCI + "\x1b[31msomething else", "exec failed: unable to start container process: "
            "something else", id="another",
        ),
    ],
)  # fmt: skip
def test_a_command_that_the_image_does_not_have(api, client, message, reason):
    serve(api, lambda sock: sock.status(failure(message)))
    with pytest.raises(errors.ExecStartFailed) as caught:
        call(client, "nope")
    assert caught.value.msg == (
        f"shop/web, container box: nope could not be started: {reason}. Check that the image has "
        "it, or name its full path."
    )


def test_another_failure_has_its_reason(api, client):
    serve(api, lambda sock: sock.status(failure("error dialing backend: \x1b[1mno route")))
    with pytest.raises(errors.ExecInterrupted, match="error dialing backend: no route"):
        call(client)


@pytest.mark.parametrize(
    "respond",
    [
        pytest.param(
            lambda x: x.websocket().status(failure('container not found ("box")')), id="status"
        ),
        pytest.param(
            lambda x: x.reply(
                500,
                {
                    "kind": "Status",
                    "message": 'unable to upgrade connection: container not found ("box")',
                },
            ),
            id="handshake",
        ),
        pytest.param(
            lambda x: x.reply(
                404, b'container not found ("box")\n', {"Content-Type": "text/plain"}
            ),
            id="plain-text",
        ),
    ],
)
def test_a_container_that_does_not_run(api, client, respond):
    api.on("GET", EXEC, respond)
    with pytest.raises(errors.NotFound, match=r'container not found \("box"\)'):
        call(client)
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("code", "cls"),
    [
        pytest.param(400, errors.BadRequest, id="400"),
        pytest.param(401, errors.Unauthorized, id="401"),
        pytest.param(403, errors.Forbidden, id="403"),
        pytest.param(404, errors.NotFound, id="404"),
    ],
)
def test_a_refused_handshake(api, client, code, cls):
    body = {"kind": "Status", "reason": "Test", "message": 'pods "web" no; s3cr3t-token'}
    api.on("GET", EXEC, lambda x: x.reply(code, body))
    with pytest.raises(cls) as caught:
        call(client)
    assert caught.value.message == 'pods "web" no; ********'
    assert (caught.value.path, len(api.requests)) == (EXEC, 1)


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_handshake_that_fails_for_now_is_tried_again(api, client, code):
    body = {"kind": "Status", "message": "not now"}
    api.on(
        "GET",
        EXEC,
        lambda x: x.reply(code, body),
        lambda x: x.reply(code, body, {"Retry-After": "1"}),
        lambda x: x.websocket().success(),
    )
    assert call(client).rc == 0
    assert len(api.requests) == 3


def test_a_handshake_that_fails_for_long(api, client):
    api.fail("GET", EXEC, 500)
    with pytest.raises(errors.ServerError):
        call(client)
    assert len(api.requests) == 6


def test_a_refused_connection_is_tried_again(make_client, clock):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(errors.ConnectionFailed, match="connection refused"):
        call(make_client(f"http://127.0.0.1:{port}"))
    assert len(clock.slept) == 2


def test_a_lost_answer_is_not_tried_again(api, client):
    """The command may have begun."""
    api.on("GET", EXEC, lambda x: x.drop())
    with pytest.raises(errors.ConnectionFailed):
        call(client)
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("respond", "text"),
    [
        pytest.param(
            lambda x: x.handler.wfile.write(b"HTTP/1.1 101 OK\r\nUpgrade: websocket\r\n\r\n"),
            "handshake does not fit",
            id="no-accept",
        ),
        pytest.param(lambda x: x.handler.wfile.write(b"SSH-2.0\r\n\r\n"), "not HTTP", id="ssh"),
        pytest.param(
            lambda x: x.handler.wfile.write(b"HTTP/1.1 101 OK\r\nX: " + b"x" * 70_000),
            "has no end",
            id="endless",
        ),
    ],
)
def test_what_speaks_no_websocket(api, client, respond, text):
    api.on("GET", EXEC, respond)
    with pytest.raises(errors.KubeError, match=f"{text}.* passes websockets on"):
        call(client)


def test_a_refusal_in_chunks(api, client):
    def respond(exchange):
        exchange.handler.wfile.write(
            b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n"
            b'20\r\n{"kind": "Status", "reason": "No\r\n'
            b'12\r\n", "message": "x"}\r\n0\r\n\r\n'
        )

    api.on("GET", EXEC, respond)
    with pytest.raises(errors.Forbidden, match="403 No: x"):
        call(client)


def test_a_server_that_never_closes_is_not_waited_for(api, client, monkeypatch):
    monkeypatch.setattr(kube_exec, "_GRACE", 0.05)

    def talk(exchange):
        exchange.websocket().send(3, b'{"status": "Success"}')
        exchange.hang()

    api.on("GET", EXEC, talk)
    assert call(client).rc == 0


def test_output_that_comes_after_the_status(api, client):
    def talk(sock):
        sock.send(3, b'{"status": "Success"}')
        sock.send(1, b"late")
        sock.frame(8, b"\x03\xe8")

    serve(api, talk)
    assert call(client).stdout == b"late"


def test_a_failing_callback_closes_the_connection(api, client):
    def talk(sock):
        while True:
            sock.send(1, b"x" * 30_000)

    serve(api, talk)

    def broken(_data: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call(client, on_stdout=broken)


def test_silence_is_kept_alive_by_a_ping(api, client, monkeypatch):
    monkeypatch.setattr(channels, "_PING_PERIOD", 0.01)

    def talk(sock):
        assert sock.receive() == (9, b"")
        sock.success()

    serve(api, talk)
    assert call(client).rc == 0


def opened(client: Any, **options: Any) -> Any:
    return open_stream(
        client,
        **{"namespace": "shop", "pod": "web", "container": "box", "argv": ["cat"], **options},
    )


def test_a_stream_by_hand(api, client):
    serve(api, echo)
    with opened(client, stdin=True) as stream:
        assert stream.protocol == V5
        stream.write_stdin(b"one", timeout=LONG)
        received = b""
        while received != b"one":
            received += b"".join(data for _channel, data in stream.read(LONG))
        assert stream.status() is None
        stream.close_stdin()
        while not stream.ended:
            assert stream.read(LONG) == []
        assert stream.status() == {"status": "Success", "metadata": {}}
        assert stream.problem is None
    stream.close()


def test_writing_keeps_what_comes_meanwhile(api, client):
    data = b"x" * 4_000_000
    serve(api, echo)
    with opened(client, stdin=True) as stream:
        stream.write_stdin(data, timeout=LONG)
        stream.close_stdin()
        received = 0
        while not stream.ended:
            received += sum(len(part) for _channel, part in stream.read(LONG))
        assert received == len(data)


def test_writing_is_bounded(api, client):
    api.on("GET", EXEC, lambda x: (x.websocket(), x.hang()))
    with opened(client, stdin=True) as stream, pytest.raises(errors.ExecTimeout):
        stream.write_stdin(b"x" * 50_000_000, timeout=0.1)


def test_writing_to_a_command_that_is_gone(api, client):
    serve(api, lambda sock: sock.frame(8, b"\x03\xe8"))
    with opened(client, stdin=True) as stream, pytest.raises(errors.ExecInterrupted):
        stream.write_stdin(b"x" * 50_000_000, timeout=LONG)


def test_a_v4_stream_cannot_end_its_input(api, client):
    api.on("GET", EXEC, lambda x: (x.websocket(V4), x.hang()))
    with (
        opened(client, stdin=True, protocols=[V4]) as stream,
        pytest.raises(errors.ExecError, match=r"needs Kubernetes 1\.30 or later"),
    ):
        stream.close_stdin()


def test_an_empty_argv_is_a_mistake(client):
    with pytest.raises(ValueError, match="argv is empty"):
        opened(client, argv=[])


def test_the_namespace_cannot_lead_elsewhere(api, client):
    with pytest.raises(errors.ConfigError, match="not a path"):
        opened(client, pod="../../secrets/x")
    assert api.requests == []
