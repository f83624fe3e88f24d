"""Answers on the wire: framing, streams, back-pressure, clients that go away."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from connector.ingress.limits import WireLimits
from connector.steps import Answer
from tests.connector.ingress.serving import PATIENCE, Serving, ok, serving, status_of, wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from connector.errors import Refusal
    from connector.ingress.context import WireContext
    from connector.steps import Received

HOST = b"Host: shop.example.com\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"


class Pieces:
    """A stream that counts what was asked of it."""

    def __init__(
        self, pieces: list[bytes], length: int | None = None, error: Exception | None = None
    ) -> None:
        self._pieces = pieces
        self._error = error
        self.length = length
        self.given = 0
        self.closed = threading.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.given += 1
            yield piece
        if self._error is not None:
            raise self._error

    async def aclose(self) -> None:
        self.closed.set()


class Endless(Pieces):
    """A stream that never ends and, when told to, waits for ever."""

    def __init__(self, piece: bytes, *, then_wait: bool = False) -> None:
        super().__init__([])
        self._piece = piece
        self._then_wait = then_wait

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.given += 1
            yield self._piece
            if self._then_wait:
                await asyncio.Event().wait()
            await asyncio.sleep(0)


@pytest.fixture(scope="module")
def running() -> Iterator[Serving]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def _clear(running: Serving) -> None:
    running.handler.clear()


def answer_with(server: Serving, answer: Answer) -> None:
    async def respond(_: Received) -> Answer:
        return answer

    server.handler.respond = respond


def test_an_answer_is_framed_by_its_length_and_dated(running: Serving) -> None:
    with running.connect() as client:
        for _ in range(3):
            client.send(GET)
            status, head, body = client.answer()
            assert (status, body) == (200, b"ok")
            assert b"\r\nDate: " in head
            assert b"connection:" not in head.lower()
            assert b"server:" not in head.lower()


def test_an_answer_to_http_1_0_is_closed(running: Serving) -> None:
    answer = running.exchange(b"GET / HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n")
    assert status_of(answer) == 200
    assert b"\r\nConnection: close\r\n" in answer


def test_an_error_of_the_handler_keeps_a_connection_that_is_in_order(running: Serving) -> None:
    answer_with(running, Answer(404, [], b"no"))
    with running.connect() as client:
        client.send(GET + GET)
        for _ in range(2):
            status, head, body = client.answer()
            assert (status, body) == (404, b"no")
            assert b"connection:" not in head.lower()


def test_head_has_the_length_and_no_body(running: Serving) -> None:
    raw = b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n"
    with running.connect() as client:
        client.send(raw)
        assert b"\r\nContent-Length: 2\r\n" in client.until(b"\r\n\r\n")
        stream = Pieces([b"abc"], length=3)
        answer_with(running, Answer(200, [], stream))
        client.send(raw)
        assert b"\r\nContent-Length: 3\r\n" in client.until(b"\r\n\r\n")
        running.handler.respond = None
        client.send(GET)
        assert client.answer()[2] == b"ok"
    assert stream.closed.is_set()
    assert stream.given == 0


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_content_has_neither_body_nor_length(
    running: Serving, status: int
) -> None:
    with running.connect() as client:
        for answer in (Answer(status, [], b""), Answer(status, [], Pieces([b"x"]))):
            answer_with(running, answer)
            client.send(GET)
            head = client.until(b"\r\n\r\n").lower()
            assert b"content-length" not in head
            assert b"transfer-encoding" not in head
        running.handler.respond = None
        client.send(GET)
        assert client.answer()[2] == b"ok"


def test_a_stream_with_a_length_keeps_it(running: Serving) -> None:
    stream = Pieces([b"abc", b"", b"de"], length=5)
    answer_with(running, Answer(200, [], stream))
    with running.connect() as client:
        client.send(GET)
        assert client.answer()[2] == b"abcde"
        assert stream.closed.wait(PATIENCE)
        running.handler.respond = None
        client.send(GET)
        assert client.answer()[0] == 200


def test_a_stream_without_a_length_is_chunked(running: Serving) -> None:
    answer_with(running, Answer(200, [], Pieces([b"abc", b"", b"0123456789"])))
    with running.connect() as client:
        client.send(GET)
        assert b"\r\nTransfer-Encoding: chunked\r\n" in client.until(b"\r\n\r\n")
        assert client.until(b"0\r\n\r\n") == b"3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n"
        running.handler.respond = None
        client.send(GET)
        assert client.answer()[0] == 200


def test_a_stream_to_http_1_0_ends_with_the_connection(running: Serving) -> None:
    answer_with(running, Answer(200, [], Pieces([b"abc", b"de"])))
    head, _, body = running.exchange(b"GET / HTTP/1.0\r\n" + HOST + b"\r\n").partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"Connection: close" in head
    assert body == b"abcde"


@pytest.mark.parametrize(
    ("stream", "start"),
    [
        (Pieces([b"abc"], error=OSError("gone")), b"GET / HTTP/1.1\r\n"),
        (Pieces([b"abc"], length=5, error=OSError("gone")), b"GET / HTTP/1.1\r\n"),
        (Pieces([b"abc"], length=5), b"GET / HTTP/1.1\r\n"),
        (Pieces([b"abc"], length=2), b"GET / HTTP/1.1\r\n"),
        (Pieces([b"abc"], error=OSError("gone")), b"GET / HTTP/1.0\r\n"),
    ],
    ids=["chunked", "length", "too short", "too long", "HTTP/1.0"],
)
def test_a_stream_that_fails_never_ends_well(
    running: Serving, stream: Pieces, start: bytes
) -> None:
    answer_with(running, Answer(200, [], stream))
    with running.connect() as client:
        client.send(start + HOST + b"\r\n")
        answer = b""
        with pytest.raises(ConnectionResetError):  # noqa: PT012 - some of it may come before
            while True:
                piece = client.socket.recv(65536)
                assert piece, "closed as if it were whole"
                answer += piece
    assert not answer.endswith(b"0\r\n\r\n")
    assert stream.closed.wait(PATIENCE)


def test_a_client_that_does_not_read_stops_the_stream(running: Serving) -> None:
    stream = Endless(b"x" * 65536)
    answer_with(running, Answer(200, [], stream))
    with running.connect() as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.send(GET)
        given = -1

        def stalled() -> bool:
            nonlocal given
            before, given = given, stream.given
            running.exchange(b"\0")  # the loop goes round meanwhile
            return 0 < before == stream.given

        wait_for(stalled)
        taken = 0
        while stream.given == given:
            taken += len(client.socket.recv(65536))
        assert taken > 65536
    assert stream.closed.wait(PATIENCE)


def test_a_client_that_never_reads_is_cut() -> None:
    with serving(WireLimits(send_timeout=0.1)) as server, server.connect() as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        answer_with(server, ok(b"x" * (16 << 20)))
        client.send(GET)
        wait_for(lambda: len(server.handler.received) == 1)
        wait_for(lambda: not server.server.server_state.connections)
        assert server.front.in_flight == 0


def test_a_stream_ends_when_its_reader_goes(running: Serving) -> None:
    for half in (True, False):
        stream = Endless(b"event", then_wait=True)
        answer_with(running, Answer(200, [], stream))
        with running.connect() as client:
            client.send(GET)
            client.until(b"event")
            if half:
                client.end()
                assert stream.closed.wait(PATIENCE)
        assert stream.closed.wait(PATIENCE)
    wait_for(lambda: not running.server.server_state.tasks)
    assert running.front.in_flight == 0


def test_a_client_that_goes_does_not_stop_the_handler(running: Serving) -> None:
    begun, go_on, done = threading.Event(), asyncio.Event(), threading.Event()

    async def respond(_: Received) -> Answer:
        begun.set()
        await go_on.wait()
        done.set()
        return ok()

    running.handler.respond = respond
    with running.connect() as client:
        client.send(GET)
        assert begun.wait(PATIENCE)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_for(lambda: not running.server.server_state.connections)
    assert running.front.in_flight == 1
    running.loop.call_soon_threadsafe(go_on.set)
    assert done.wait(PATIENCE)
    wait_for(lambda: running.front.in_flight == 0)


def test_a_stream_for_a_client_that_has_gone_is_closed_unread(running: Serving) -> None:
    begun, go_on, stream = threading.Event(), asyncio.Event(), Pieces([b"abc"])

    async def respond(_: Received) -> Answer:
        begun.set()
        await go_on.wait()
        return Answer(200, [], stream)

    running.handler.respond = respond
    with running.connect() as client:
        client.send(GET)
        assert begun.wait(PATIENCE)
    running.loop.call_soon_threadsafe(go_on.set)
    assert stream.closed.wait(PATIENCE)
    assert stream.given == 0


def test_a_client_that_closed_its_half_gets_its_answer(running: Serving) -> None:
    with running.connect() as client:
        client.send(GET)
        client.end()
        answer = client.rest()
    assert status_of(answer) == 200
    assert answer.endswith(b"ok")


def test_pipelined_requests_are_answered_in_order_one_at_a_time(running: Serving) -> None:
    together = []

    async def respond(received: Received) -> Answer:
        together.append(running.front.in_flight)
        await asyncio.sleep(0)
        return ok(received.request.target.encode())

    running.handler.respond = respond
    count = 500
    raw = b"".join(
        b"POST /%d HTTP/1.1\r\n" % number + HOST + b"Content-Length: 3\r\n\r\nabc"
        for number in range(count)
    )
    with running.connect() as client:
        threading.Thread(target=client.send, args=(raw,)).start()
        for number in range(count):
            assert client.answer()[2] == b"/%d" % number
    assert set(together) == {1}


def test_reading_stops_while_a_request_is_handled(running: Serving) -> None:
    go_on = asyncio.Event()

    async def respond(_: Received) -> Answer:
        await go_on.wait()
        return ok()

    running.handler.respond = respond
    with running.connect() as client:
        client.send(GET)
        wait_for(lambda: len(running.handler.received) == 1)
        client.socket.settimeout(0.5)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 64 << 20:
                sent += client.socket.send(b"\0" * 65536)
        assert sent < 64 << 20
        client.socket.settimeout(PATIENCE)
        running.loop.call_soon_threadsafe(go_on.set)
        answer = client.rest()
    assert status_of(answer) == 200
    assert answer.count(b"HTTP/1.1 431") == 1


def test_an_error_of_ours_is_503_and_says_nothing(
    running: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    async def respond(_: Received) -> Answer:
        raise KeyError("a secret of ours")

    running.handler.respond = respond
    with caplog.at_level(logging.ERROR, "connector.ingress"):
        answer = running.exchange(GET)
    assert status_of(answer) == 503
    assert b"secret" not in answer
    [(refusal, context)] = running.handler.refused
    assert (refusal.code.name, refusal.reason) == ("overloaded", "internal_error")
    assert (context.merchant, context.method, context.target) == ("flower-shop", "GET", "/")
    assert "KeyError" in caplog.text


@pytest.mark.parametrize("body", [b"x", Pieces([b"x"])], ids=["octets", "stream"])
def test_a_header_that_would_split_the_answer_is_an_error_of_ours(
    running: Serving, body: bytes | Pieces, caplog: pytest.LogCaptureFixture
) -> None:
    answer_with(running, Answer(200, [(b"X", b"a\r\nSet-Cookie: b")], body))
    with caplog.at_level(logging.CRITICAL, "connector.ingress"):
        answer = running.exchange(GET)
    assert status_of(answer) == 503
    assert b"Set-Cookie" not in answer
    assert isinstance(body, bytes) or body.closed.is_set()


def test_a_refusal_that_cannot_be_rendered_is_a_bare_503(
    running: Serving, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(refusal: Refusal, context: WireContext) -> Answer:
        raise LookupError(refusal.reason, context)

    monkeypatch.setattr(running.handler, "refuse", refuse)
    with caplog.at_level(logging.CRITICAL, "connector.ingress"):
        answer = running.exchange(b"GET / HTTP/1.1\r\n\r\n")
    assert status_of(answer) == 503
    assert answer.endswith(b"\r\n\r\n")


def test_a_refused_head_request_gets_no_body(running: Serving) -> None:
    answer = running.exchange(b"HEAD /../ HTTP/1.1\r\n" + HOST + b"\r\n")
    assert status_of(answer) == 400
    assert answer.endswith(b"\r\n\r\n")


def test_it_works_on_the_loop_of_the_standard_library_too() -> None:
    with serving(loop_factory=asyncio.new_event_loop) as server, server.connect() as client:
        client.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc" + GET)
        assert client.answer()[2] == b"ok"
        assert client.answer()[2] == b"ok"
        assert status_of(server.exchange(b"GET / HTTP/1.1\r\n\r\n" + GET)) == 400
