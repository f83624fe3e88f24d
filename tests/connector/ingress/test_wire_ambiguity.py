"""What the parsers in use let through, and what we do with it, over a real socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.connector.ingress.serving import Serving, serving, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = b"Host: shop.example.com\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
BEHIND = b"GET /behind HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.fixture(scope="module")
def running() -> Iterator[Serving]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def _clear(running: Serving) -> None:
    running.handler.clear()


def post(lines: bytes, body: bytes = b"") -> bytes:
    return b"POST /p HTTP/1.1\r\n" + lines + b"\r\n" + body


REFUSED = {
    "trailer that poses as a signed header": post(
        HOST + CHUNKED, b"3\r\nabc\r\n0\r\nContent-Digest: sha-256=:AAAA:\r\n\r\n"
    ),
    "trailer that poses as a signature": post(
        HOST + CHUNKED + b"Trailer: Signature\r\n", b"0\r\nSignature: sig1=:AAAA:\r\n\r\n"
    ),
    "both lengths": post(HOST + CHUNKED + b"Content-Length: 5\r\n", b"0\r\n\r\n"),
    "both lengths, other order": post(HOST + b"Content-Length: 5\r\n" + CHUNKED, b"0\r\n\r\n"),
    "two equal lengths": post(HOST + b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc"),
    "list of lengths": post(HOST + b"Content-Length: 3, 3\r\n", b"abc"),
    "signed length": post(HOST + b"Content-Length: +3\r\n", b"abc"),
    "length with a space": post(HOST + b"Content-Length: 0 3\r\n", b"abc"),
    "space before the colon": post(HOST + b"Content-Length : 3\r\n", b"abc"),
    "folded line": post(HOST + b"X: a\r\n b\r\n"),
    "folded line with a tab": post(HOST + b"X: a\r\n\tb\r\n"),
    "folded first line": post(b" " + HOST),
    "bare LF between lines": post(HOST + b"X: a\nY: b\r\n"),
    "bare LF everywhere": post(HOST).replace(b"\r\n", b"\n"),
    "bare CR in a value": post(HOST + b"X: a\rY: b\r\n"),
    "bare CR between lines": post(HOST + b"X: a\r\rY: b\r\n"),
    "NUL in a value": post(HOST + b"X: a\0b\r\n"),
    "control in a value": post(HOST + b"X: a\x01b\r\n"),
    "DEL in a value": post(HOST + b"X: a\x7fb\r\n"),
    "control in a name": post(HOST + b"X\x01Y: b\r\n"),
    "empty name": post(HOST + b": b\r\n"),
    "line without a colon": post(HOST + b"X\r\n"),
    "two Hosts": post(HOST + b"Host: evil.example\r\n"),
    "two equal Hosts": post(HOST + HOST),
    "no Host": post(b"X: y\r\n"),
    "no Host in HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "empty Host": post(b"Host:\r\n"),
    "Host with user": post(b"Host: a@shop.example.com\r\n"),
    "Host with path": post(b"Host: shop.example.com/x\r\n"),
    "two in one Host": post(b"Host: shop.example.com, evil.example\r\n"),
    "gzip, chunked": post(HOST + b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "chunked, identity": post(HOST + b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
    "Chunked": post(HOST + b"Transfer-Encoding: Chunked\r\n", b"0\r\n\r\n"),
    "chunked twice": post(HOST + CHUNKED + CHUNKED, b"0\r\n\r\n"),
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n0\r\n\r\n",
    "vertical tab before chunked": post(HOST + b"Transfer-Encoding:\x0bchunked\r\n", b"0\r\n\r\n"),
    "absolute-form": b"GET http://shop.example.com/p HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute-form elsewhere": b"GET http://evil.example/p HTTP/1.1\r\n" + HOST + b"\r\n",
    "authority-form": b"CONNECT shop.example.com:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "asterisk-form": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "fragment": b"GET /p#f HTTP/1.1\r\n" + HOST + b"\r\n",
    "space in the target": b"GET /p /q HTTP/1.1\r\n" + HOST + b"\r\n",
    "tab for a space": b"GET\t/p HTTP/1.1\r\n" + HOST + b"\r\n",
    "backslash": b"GET /p\\q HTTP/1.1\r\n" + HOST + b"\r\n",
    "non-ASCII target": b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
    "dot segments": b"GET /a/../b HTTP/1.1\r\n" + HOST + b"\r\n",
    "encoded slash": b"GET /a%2fb HTTP/1.1\r\n" + HOST + b"\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\n" + HOST + b"\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "RTSP": b"GET / RTSP/1.0\r\n" + HOST + b"\r\n",
    "ICE": b"SOURCE / ICE/1.0\r\n" + HOST + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "unknown method": b"FROB / HTTP/1.1\r\n" + HOST + b"\r\n",
    "method in lower case": b"get / HTTP/1.1\r\n" + HOST + b"\r\n",
    "GET with a body": b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc",
    "DELETE with a body": b"DELETE / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n0\r\n\r\n",
    "upgrade with a body": post(
        HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n", b"abc"
    ),
    "upgrade with chunks": post(
        HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + CHUNKED, b"0\r\n\r\n"
    ),
    "Connection names a signed field": post(HOST + b"Connection: Content-Digest\r\n"),
    "name with underscore": post(HOST + b"Content_Length: 3\r\n"),
    "forwarded name with underscore": post(HOST + b"X_Forwarded_Host: evil.example\r\n"),
    "chunk extension": post(HOST + CHUNKED, b"3;a=b\r\nabc\r\n0\r\n\r\n"),
    "chunk extension with LF": post(HOST + CHUNKED, b"3;\nxx\r\nabc\r\n0\r\n\r\n"),
    "chunk size with space": post(HOST + CHUNKED, b"3 \r\nabc\r\n0\r\n\r\n"),
    "chunk longer than its size": post(HOST + CHUNKED, b"3\r\nabcd\r\n0\r\n\r\n"),
    "chunk size that overflows": post(HOST + CHUNKED, b"10000000000000003\r\nabc\r\n0\r\n\r\n"),
    "another expectation": post(HOST + b"Expect: 200-ok\r\nContent-Length: 3\r\n"),
    "two types": post(HOST + b"Content-Type: a/b\r\ncontent-type: c/d\r\n"),
    "two digests": post(HOST + b"Content-Digest: a\r\nContent-Digest: b\r\n"),
    "two keys": post(HOST + b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n"),
    "two agents": post(HOST + b"UCP-Agent: a\r\nUCP-Agent: b\r\n"),
    "two credentials": post(HOST + b"Authorization: a\r\nAuthorization: b\r\n"),
    "empty line first": b"\r\n" + BEHIND,
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_it_is_refused_and_what_follows_is_never_parsed(running: Serving, raw: bytes) -> None:
    answer = running.exchange(raw + BEHIND)
    assert running.handler.received == []
    [(refusal, _)] = running.handler.refused
    assert refusal.code.name == "malformed_request"
    assert status_of(answer) == 400
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\nrefused")


def test_another_host_is_refused_before_anything_else_is_said(running: Serving) -> None:
    answer = running.exchange(post(b"Host: evil.example\r\nContent-Length: 3\r\n", b"abc"))
    assert status_of(answer) == 421
    [(refusal, context)] = running.handler.refused
    assert refusal.code.name == "unknown_authority"
    assert (context.merchant, context.method, context.target) == (None, "POST", "/p")


def test_a_refusal_says_what_is_known_of_the_request(running: Serving) -> None:
    running.exchange(b"GET /a/../b HTTP/1.1\r\n" + HOST + b"X:  y \r\n\r\n")
    [(_, context)] = running.handler.refused
    assert (context.merchant, context.peer) == ("flower-shop", "127.0.0.1")
    assert (context.method, context.target) == ("GET", "/a/../b")
    assert context.headers == [(b"Host", b"shop.example.com"), (b"X", b"y")]


def test_without_a_head_there_is_neither_method_nor_target(running: Serving) -> None:
    running.exchange(b"GET /a HTTP/1.1\r\n" + HOST + b"X: y\r\nZ\0")
    [(_, context)] = running.handler.refused
    assert (context.merchant, context.method, context.target) == (None, "", "")
    assert context.headers == [(b"Host", b"shop.example.com")]


def test_a_request_is_handed_over_as_it_was_sent(running: Serving) -> None:
    raw = (
        b"PUT /carts/a:b?x=%2F..//&y HTTP/1.1\r\nhOST: SHOP.example.com:443\r\n"
        b"X-Two: \t a  b \t\r\nx-two:\r\nContent-Length: 4\r\nX-Last: \xc3\xa9\r\n\r\n\0\r\n\xff"
    )
    with running.connect() as client:
        client.send(raw)
        assert client.answer()[0] == 200
    [received] = running.handler.received
    request = received.request
    assert (request.method, request.target) == ("PUT", "/carts/a:b?x=%2F..//&y")
    assert list(request.headers) == [
        (b"hOST", b"SHOP.example.com:443"),
        (b"X-Two", b"a  b"),
        (b"x-two", b""),
        (b"Content-Length", b"4"),
        (b"X-Last", b"\xc3\xa9"),
    ]
    assert request.headers.index[b"x-two"] == [b"a  b", b""]
    assert request.body == b"\0\r\n\xff"
    assert (request.scheme, request.authority) == ("https", None)
    assert (received.merchant, received.peer) == ("flower-shop", "127.0.0.1")


def test_chunks_are_joined(running: Serving) -> None:
    with running.connect() as client:
        client.send(post(HOST + CHUNKED, b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"))
        assert client.answer()[0] == 200
    assert running.handler.received[0].request.body == b"abc0123456789"


def test_an_upgrade_without_content_is_answered_and_closed(running: Serving) -> None:
    lines = HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    answer = running.exchange(b"GET / HTTP/1.1\r\n" + lines + b"\r\n" + BEHIND)
    assert status_of(answer) == 200
    assert b"Connection: close" in answer
    assert [each.request.target for each in running.handler.received] == ["/"]


def test_nothing_is_parsed_behind_a_request_that_closes(running: Serving) -> None:
    answer = running.exchange(post(HOST + b"Connection: close\r\n") + b"\0garbage" + BEHIND)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert len(running.handler.received) == 1
    assert running.handler.refused == []
