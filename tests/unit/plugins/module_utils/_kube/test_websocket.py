# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames and handshakes, byte by byte."""

from __future__ import annotations

import struct

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.websocket import (
    Answer,
    Decoder,
    Opcode,
    ProtocolError,
    encode,
    handshake_request,
    parse_answer,
    verify_answer,
)


def frame(opcode: int, payload: bytes, *, final: bool = True, flags: int = 0) -> bytes:
    first = (0x80 if final else 0) | flags | opcode
    if len(payload) < 126:
        return bytes([first, len(payload)]) + payload
    if len(payload) < 1 << 16:
        return bytes([first, 126]) + struct.pack("!H", len(payload)) + payload
    return bytes([first, 127]) + struct.pack("!Q", len(payload)) + payload


def decode(*parts: bytes) -> list[tuple[int, bool, bytes]]:
    decoder = Decoder()
    return [
        (item.opcode, item.final, bytes(item.payload))
        for part in parts
        for item in decoder.feed(part)
    ]


SIZES = [0, 1, 125, 126, 127, 65535, 65536, 200_000]


@pytest.mark.parametrize("size", SIZES)
def test_lengths(size):
    payload = bytes(range(256)) * (size // 256 + 1)
    assert decode(frame(2, payload[:size])) == [(2, True, payload[:size])]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_frames_may_arrive_in_any_pieces(step):
    data = frame(2, b"a" * 300) + frame(9, b"") + frame(2, b"b", final=False) + frame(0, b"c")
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    expected = [(2, True, b"a" * 300), (9, True, b""), (2, False, b"b"), (0, True, b"c")]
    assert decode(*pieces) == expected


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(bytes([0x82, 0x81]), "is masked", id="masked"),
        pytest.param(frame(2, b"x", flags=0x40), "extension", id="compressed"),
        pytest.param(frame(9, b"x" * 126), "control frame", id="long-ping"),
        pytest.param(frame(9, b"x", final=False), "control frame", id="ping-in-parts"),
        pytest.param(
            bytes([0x82, 127]) + struct.pack("!Q", 1 << 40), "more than 16777216", id="huge"
        ),
    ],
)
def test_what_breaks_the_protocol(data, problem):
    with pytest.raises(ProtocolError, match=problem):
        decode(data)


@pytest.mark.parametrize("size", SIZES)
def test_encode_masks(size):
    payload = bytes(range(256)) * (size // 256 + 1)
    data = encode(Opcode.BINARY, payload[:size])
    head = 2 if size < 126 else 4 if size < 1 << 16 else 10
    assert data[0] == 0x82
    assert data[1] & 0x80
    mask, masked = data[head : head + 4], data[head + 4 :]
    assert bytes(b ^ mask[i % 4] for i, b in enumerate(masked)) == payload[:size]


def test_each_frame_has_its_own_mask():
    assert len({encode(Opcode.BINARY, b"same" * 10) for _round in range(10)}) == 10


KEY = "dGhlIHNhbXBsZSBub25jZQ=="
"""The example of RFC 6455, section 1.3."""

ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_the_request_offers_no_extension():
    request = handshake_request(
        "/exec?command=id",
        host="h:1",
        headers=[("Authorization", "Bearer t"), ("Impersonate-Group", "a")],
        protocols=["v5.channel.k8s.io", "v4.channel.k8s.io"],
        key=KEY,
    ).decode()
    assert request.startswith("GET /exec?command=id HTTP/1.1\r\nHost: h:1\r\n")
    assert "Sec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io\r\n" in request
    assert "Impersonate-Group: a\r\n" in request
    assert request.endswith("\r\n\r\n")
    assert "xtensions" not in request


def test_parse_answer():
    answer = parse_answer(b"HTTP/1.1 101 Switching Protocols\r\nUPGRADE: websocket\r\nX:y: z")
    assert answer == Answer(101, "Switching Protocols", {"upgrade": "websocket", "x": "y: z"})


@pytest.mark.parametrize("head", [b"", b"SSH-2.0-x", b"HTTP/1.1 abc", b"\xff\xfe"])
def test_what_is_no_http_answer(head):
    with pytest.raises(ProtocolError, match="not HTTP"):
        parse_answer(head)


def test_verify_answer():
    headers = {"sec-websocket-accept": ACCEPT, "sec-websocket-protocol": "v4"}
    answer = Answer(101, "", headers)
    assert verify_answer(answer, key=KEY, protocols=["v5", "v4"]) == "v4"
    with pytest.raises(ProtocolError, match="none of v5"):
        verify_answer(answer, key=KEY, protocols=["v5"])
    with pytest.raises(ProtocolError, match="does not fit"):
        verify_answer(answer, key="another", protocols=["v4"])
