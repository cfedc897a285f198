# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads of HTTP/1, in one segment and in many, in order and out of it."""

from __future__ import annotations

import random

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._capture.http import (
    Budget,
    HttpStream,
    Request,
    Response,
    parse_head,
)


def request(
    method: str, host: str | None, path: str, *, query: bool = False, body: int | None = 0
) -> Request:
    return Request(method=method, host=host, path=path, query=query, body=body)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param(
            b"GET /a/b HTTP/1.1\r\nHost: web:8080", request("GET", "web:8080", "/a/b"), id="get"
        ),
        pytest.param(
            b"POST /a HTTP/1.0\r\nCONTENT-LENGTH: 12\r\nhost:web",
            request("POST", "web", "/a", body=12),
            id="post",
        ),
        pytest.param(
            b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked",
            request("PUT", None, "/a", body=None),
            id="chunked",
        ),
        pytest.param(
            b"GET /login?token=secret&user=x HTTP/1.1\r\nAuthorization: Bearer secret",
            request("GET", None, "/login", query=True),
            id="no-query-and-no-credentials",
        ),
        pytest.param(
            b"GET http://user:secret@web:81/a?b=c HTTP/1.1",
            request("GET", "web", "/a", query=True),
            id="absolute-form",
        ),
        pytest.param(b"GET http://[bad/ HTTP/1.1", request("GET", None, "(unreadable)"), id="url"),
        pytest.param(
            b"CONNECT web:443 HTTP/1.1", request("CONNECT", None, "web:443"), id="connect"
        ),
        pytest.param(b"OPTIONS * HTTP/1.1", request("OPTIONS", None, "*"), id="asterisk"),
        pytest.param(
            b"GET /\x1b[31mred\xe2\x80\xae HTTP/1.1", request("GET", None, "/red"), id="escapes"
        ),
        pytest.param(
            b"GET /" + b"a" * 500 + b" HTTP/1.1",
            request("GET", None, "/" + "a" * 198 + "…"),
            id="long-path",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 5", Response(status=200, body=5), id="response"
        ),
        pytest.param(b"HTTP/1.1 404 ", Response(status=404, body=None), id="until-it-ends"),
        pytest.param(
            b"HTTP/1.1 304 x\r\nContent-Length: 5", Response(status=304, body=0), id="no-body"
        ),
        pytest.param(b"HTTP/1.1 100 Continue", Response(status=100, body=0), id="continue"),
        pytest.param(b"HTTP/1.1 20 OK", None, id="status-of-two-digits"),
        pytest.param(b"HTTP/2 200", None, id="http2"),
        pytest.param(b"GET /a b HTTP/1.1", None, id="space-in-path"),
        pytest.param(b"GET this and that", None, id="no-version"),
        pytest.param(b"get / HTTP/1.1", None, id="lower-case"),
    ],
)
def test_parse_head(head: bytes, expected: Request | Response | None) -> None:
    assert parse_head(head) == expected


def shown(message: Request | Response) -> str:
    return str(message.status) if isinstance(message, Response) else message.path


class Sender:
    """A stream, and the pieces that it was given."""

    def __init__(self, start: int = 1000, *, budget: Budget | None = None) -> None:
        self.budget = budget or Budget(1 << 20)
        self.stream = HttpStream(self.budget)
        self.next = start

    def __call__(self, *pieces: bytes, head: bool = False) -> list[str]:
        found = []
        for piece in pieces:
            found += self.at(self.next, piece, head=head)
            self.next = (self.next + len(piece)) & 0xFFFFFFFF
        return found

    def at(
        self, sequence: int, piece: bytes, *, size: int | None = None, head: bool = False
    ) -> list[str]:
        found = []
        for _time, message in self.stream.push(sequence, piece, size or len(piece), 7):
            if head:
                self.stream.without_body()
            found.append(shown(message))
        return found


A = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
B = b"POST /b HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789"
C = b"GET /c HTTP/1.1\r\n\r\n"


def test_one_segment_with_several_messages() -> None:
    assert Sender()(A + B + C) == ["/a", "/b", "/c"]


@pytest.mark.parametrize("size", range(1, 50))
def test_heads_across_segments_of_any_size(size: int) -> None:
    whole = A + B + C
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert Sender(0xFFFFFFF0)(*pieces) == ["/a", "/b", "/c"]


def test_a_body_that_looks_like_a_request_is_stepped_over() -> None:
    body = b"GET /inside HTTP/1.1\r\n\r\n"
    head = b"POST /up HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (len(body) * 2)
    assert Sender()(head, body, body, C) == ["/up", "/c"]


def test_the_answer_to_a_head_request_has_no_body() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    assert Sender()(answer, answer, head=True) == ["200", "200"]
    assert Sender()(answer, answer) == ["200"]


def test_the_beginning_of_the_next_message_is_found_after_a_body_of_unknown_length() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n"
    assert Sender()(chunked, b"2\r\nef\r\n0\r\n\r\n", chunked) == ["200", "200"]


def test_segments_out_of_order_are_put_in_order() -> None:
    send = Sender()
    assert send.at(1000, A[:10]) == []
    assert send.at(1000 + 20, A[20:] + C) == []
    assert send.at(1000 + 10, A[10:20]) == ["/a", "/c"]


def test_a_segment_that_is_sent_again_counts_once() -> None:
    send = Sender()
    assert send.at(1000, A) == ["/a"]
    assert send.at(1000, A) == []
    assert send.at(1000 + len(A), C) == ["/c"]


def test_a_loss_ends_the_head_that_it_is_in_and_no_more() -> None:
    send = Sender()
    assert send.at(1000, A[:10]) == []
    place, found = 1000 + len(A), []
    for _count in range(40):
        found += send.at(place, C)
        place += len(C)
    assert found == ["/c"] * 40
    assert send.budget.left == 1 << 20


def test_what_was_not_captured_of_a_segment_does_not_come_any_more() -> None:
    send = Sender()
    assert send.at(1000, b"GET /long HTTP/1.1\r\nHost: w", size=900) == ["/long"]
    assert send.at(1900, A) == ["/a"]


def test_a_head_without_an_end_is_given_up() -> None:
    send = Sender()
    assert send(b"GET /endless HTTP/1.1\r\n", *[b"x: y\r\n" * 200] * 30) == ["/endless"]
    assert send(A) == ["/a"]


def test_what_all_streams_hold_together_is_bounded() -> None:
    budget = Budget(100)
    one, two = Sender(budget=budget), Sender(budget=budget)
    one.at(1000, A[:5])
    two.at(1000, A[:5])
    one.at(1050, b"x" * 80)
    assert budget.left == 20
    # There is no room: what comes is read where it stands.
    assert two.at(2000, A) == ["/a"]
    one.stream.close()
    assert budget.left == 100


def test_no_bytes_raise() -> None:
    source = random.Random(4)
    whole = A + B + C + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
    for _round in range(3000):
        send = Sender(source.randrange(1 << 32))
        broken = bytearray(whole)
        for _flip in range(source.randint(0, 5)):
            broken[source.randrange(len(broken))] = source.randrange(256)
        for _piece in range(source.randint(1, 30)):
            at = source.randrange(len(broken))
            piece = bytes(broken[at : at + source.randint(1, 40)])
            start = (send.next + at) & 0xFFFFFFFF
            send.at(start, piece, size=len(piece) + source.choice((0, 0, 0, 5)))
        send.stream.close()
        assert send.budget.left == 1 << 20
