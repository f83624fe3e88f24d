"""The driver of the table, without sockets: what it does to its transport, pool and caller."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.upstream.connection import Connection, UpstreamAnswer
from connector.upstream.errors import UpstreamBroken, UpstreamError, UpstreamUnreachable
from connector.upstream.states import State
from connector.upstream.stream import HIGH_WATER, AnswerStream
from tests.connector.upstream.merchant import BODY, HELLO, OK, POST

CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
LIMIT = 50


class Transport(asyncio.Transport):
    """Notes what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.wire, self.peer = socket.socketpair()
        self.writes: list[bytes] = []
        self.reading = True
        self.aborted = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"socket": self.wire}.get(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert (high, low) == (0, 0)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.writes.append(b"".join(list_of_data))

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_reading(self) -> bool:
        return self.reading

    def abort(self) -> None:
        assert not self.aborted
        self.aborted = True

    def close_wire(self) -> None:
        self.wire.close()
        self.peer.close()


class Owner:
    def __init__(self) -> None:
        self.told: list[str] = []

    def released(self, connection: Connection) -> None:
        assert connection.state is State.IDLE
        self.told.append("released")

    def closed(self, connection: Connection) -> None:
        assert connection.state is State.CLOSED
        self.told.append("closed")


class Bench:
    """A connection with all that it talks to."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.owner = Owner()
        self.transport = Transport()
        self.connection = Connection(loop, self.owner, response_timeout=1, buffer_limit=LIMIT)
        self.connection.connection_made(self.transport)

    def send(self, body: bytes = BODY, *, to_head: bool = False) -> asyncio.Future[UpstreamAnswer]:
        return self.connection.exchange(POST, body, to_head=to_head, deadline=1)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def bench(loop: asyncio.AbstractEventLoop) -> Iterator[Bench]:
    bench = Bench(loop)
    yield bench
    bench.transport.close_wire()


@pytest.mark.parametrize("body", [b"", BODY, b"x" * (1 << 20)])
def test_a_request_is_one_write(bench: Bench, body: bytes) -> None:
    bench.send(body)
    assert bench.transport.writes == [POST + body]


def test_a_buffered_answer_is_delivered_and_the_connection_released(bench: Bench) -> None:
    for count in range(1, 4):
        future = bench.send()
        bench.connection.data_received(HELLO)
        assert future.result().body == b"hello"
        assert bench.owner.told == ["released"] * count
        assert bench.connection.reused
    assert not bench.transport.aborted


def test_a_busy_connection_writes_no_second_request(bench: Bench) -> None:
    first = bench.send()
    with pytest.raises(UpstreamUnreachable):
        bench.send()
    assert bench.transport.writes == [POST + BODY]
    assert isinstance(first.exception(), UpstreamBroken)
    assert bench.transport.aborted


def test_a_closed_connection_writes_nothing(bench: Bench) -> None:
    bench.connection.eof_received()
    with pytest.raises(UpstreamUnreachable):
        bench.send()
    assert bench.transport.writes == []
    assert bench.owner.told == ["closed"]


def test_unread_bytes_are_seen_before_the_loop_looks(bench: Bench) -> None:
    assert not bench.connection.has_unread()
    bench.transport.peer.send(b"x")
    assert bench.connection.has_unread()


def test_what_stays_unread_closes_the_connection(
    bench: Bench, loop: asyncio.AbstractEventLoop
) -> None:
    bench.transport.peer.send(b"x")
    loop.run_until_complete(bench.connection.settle())
    assert bench.owner.told == ["closed"]


def test_a_connection_with_nothing_unread_settles_at_once(
    bench: Bench, loop: asyncio.AbstractEventLoop
) -> None:
    loop.run_until_complete(bench.connection.settle())
    assert bench.owner.told == []
    assert bench.connection.state is State.IDLE


def test_an_unread_end_is_seen_before_the_loop_looks(bench: Bench) -> None:
    bench.transport.peer.close()
    assert bench.connection.has_unread()


@pytest.mark.parametrize("data", [HELLO, CHUNKED])
def test_an_answer_before_the_request_is_out_is_delivered_and_closes(
    bench: Bench, data: bytes
) -> None:
    for at in range(1, len(data)):
        bench_at = Bench(bench.connection._loop)
        future = bench_at.send()
        bench_at.connection.pause_writing()
        bench_at.connection.data_received(data[:at])
        bench_at.connection.resume_writing()
        bench_at.connection.data_received(data[at:])
        assert future.result().body == b"hello"
        assert bench_at.owner.told == ["closed"]
        assert bench_at.transport.aborted
        bench_at.transport.close_wire()


def test_a_request_that_went_out_in_parts_is_answered_like_any_other(bench: Bench) -> None:
    future = bench.send()
    bench.connection.pause_writing()
    bench.connection.resume_writing()
    bench.connection.data_received(HELLO)
    assert future.result().body == b"hello"
    assert bench.owner.told == ["released"]


@pytest.mark.parametrize("whole", [True, False])
def test_only_a_whole_request_without_an_answer_counts_as_unanswered(
    bench: Bench, *, whole: bool
) -> None:
    future = bench.send()
    bench.connection.pause_writing()
    if whole:
        bench.connection.resume_writing()
    bench.connection.eof_received()
    error = future.exception()
    assert isinstance(error, UpstreamBroken)
    assert error.answered is not whole


@pytest.mark.parametrize("data", [HELLO, CHUNKED], ids=["length", "chunked"])
def test_an_end_at_any_boundary_is_a_failure(bench: Bench, data: bytes) -> None:
    for at in range(len(data)):
        bench_at = Bench(bench.connection._loop)
        future = bench_at.send()
        if at:
            bench_at.connection.data_received(data[:at])
        bench_at.connection.eof_received()
        error = future.exception()
        assert isinstance(error, UpstreamBroken)
        assert error.answered == (at > 0)
        assert bench_at.owner.told == ["closed"]
        bench_at.transport.close_wire()


@pytest.mark.parametrize("data", [HELLO, CHUNKED], ids=["length", "chunked"])
def test_an_extra_byte_at_the_end_closes_however_it_is_split(bench: Bench, data: bytes) -> None:
    for at in range(1, len(data) + 1):
        bench_at = Bench(bench.connection._loop)
        future = bench_at.send()
        bench_at.connection.data_received((data + b"\n")[:at])
        bench_at.connection.data_received((data + b"\n")[at:])
        assert future.result().body == b"hello"
        assert bench_at.owner.told[-1] == "closed"
        assert bench_at.transport.aborted
        bench_at.transport.close_wire()


def test_the_time_for_the_next_piece_begins_when_the_reader_has_caught_up(
    bench: Bench, loop: asyncio.AbstractEventLoop
) -> None:
    future = bench.send()
    bench.connection.data_received(OK + b"Content-Length: %d\r\n\r\n" % (2 * HIGH_WATER))
    stream = future.result().body
    assert isinstance(stream, AnswerStream)
    bench.connection.data_received(b"x" * HIGH_WATER)
    assert not bench.transport.is_reading()
    bench.connection.deadline = 0
    loop.run_until_complete(anext(stream))
    assert bench.transport.is_reading()
    assert bench.connection.deadline > 0


def test_an_answer_for_nobody_closes_the_connection(bench: Bench) -> None:
    future = bench.send()
    future.cancel()
    bench.connection.data_received(HELLO)
    assert bench.owner.told == ["closed"]


def test_abandoning_a_delivered_answer_leaves_the_connection_alone(bench: Bench) -> None:
    first = bench.send()
    bench.connection.data_received(HELLO)
    second = bench.send()
    bench.connection.abandon(first)
    bench.connection.data_received(HELLO)
    assert second.result().body == b"hello"
    assert not bench.transport.aborted


ACTIONS = st.lists(
    st.one_of(
        st.sampled_from(["send", "head", "pause", "resume", "eof", "lost", "reset", "expire"]),
        st.sampled_from(["cancel", "abandon", "close", "drop"]),
        st.sampled_from([HELLO, HELLO, CHUNKED, OK, b"\r\n", b"x", b"HTTP/1.1 103 X\r\n\r\n"]),
        st.sampled_from(
            [OK + b"\r\n", OK + b"Content-Length: 99\r\n\r\n", b"y" * 99, b"0\r\n\r\n"]
        ),
        st.sampled_from(
            [OK + b"Transfer-Encoding: chunked\r\n\r\n", b"63\r\n" + b"z" * 99 + b"\r\n"]
        ),
        st.binary(min_size=1, max_size=10),
    ),
    max_size=20,
)


def act(bench: Bench, action: str | bytes, futures: list[asyncio.Future[UpstreamAnswer]]) -> None:
    connection = bench.connection
    if isinstance(action, bytes):
        connection.data_received(action)
    elif action in ("send", "head"):
        # As the pool does: only an idle connection is given a request.
        if connection.state is State.IDLE:
            futures.append(bench.send(to_head=action == "head"))
    elif action == "cancel":
        if futures:
            futures[-1].cancel()
    elif action == "abandon":
        if futures:
            connection.abandon(futures[-1])
    elif action == "drop":
        for future in futures:
            body = future.result().body if has_answer(future) else b""
            if isinstance(body, AnswerStream):
                body.drop()
    else:
        {
            "pause": connection.pause_writing,
            "resume": connection.resume_writing,
            "eof": connection.eof_received,
            "lost": lambda: connection.connection_lost(None),
            "reset": lambda: connection.connection_lost(ConnectionResetError(104, "reset")),
            "expire": connection.expire,
            "close": connection.close,
        }[action]()


def has_answer(future: asyncio.Future[UpstreamAnswer]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


@settings(max_examples=400)
@given(ACTIONS)
def test_whatever_happens_the_connection_accounts_for_itself(
    loop: asyncio.AbstractEventLoop, actions: list[str | bytes]
) -> None:
    bench = Bench(loop)
    futures: list[asyncio.Future[UpstreamAnswer]] = []
    for action in actions:
        act(bench, action, futures)
        state = bench.connection.state
        told = bench.owner.told
        assert len(bench.transport.writes) == len(futures)
        assert (state is State.CLOSED) == bench.transport.aborted == ("closed" in told)
        assert told.count("closed") <= 1
        assert "closed" not in told[:-1]
        # Whoever asked has an outcome, unless the connection still works for him.
        for future in futures[:-1]:
            assert future.done()
        waiting = state not in (State.IDLE, State.CLOSED, State.STREAMING, State.STREAMING_LAST)
        if futures and not futures[-1].cancelled() and "abandon" not in actions:
            assert futures[-1].done() == (not waiting)
    for future in futures:
        if future.done() and not future.cancelled() and future.exception() is not None:
            error = future.exception()
            assert isinstance(error, UpstreamError)
            assert error.sent
    bench.transport.close_wire()
