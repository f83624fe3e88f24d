"""Large answers and event streams over real sockets: passed on as they come, and held back."""

import asyncio

import pytest

from connector.upstream.client import UpstreamAnswer, UpstreamClient
from connector.upstream.errors import UpstreamBroken, UpstreamTimeout
from connector.upstream.stream import HIGH_WATER, AnswerStream
from tests.connector.upstream.merchant import (
    HELLO,
    OK,
    NewLoop,
    Script,
    Visit,
    answering,
    exchanges,
    get,
    on_both_loops,
    post,
    run,
    until,
)

pytestmark = on_both_loops
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
EVENTS = OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LARGE = bytes(range(256)) * 1024
SOON = 2.5
"""Seconds in which a healthy merchant answers even on a slow machine, and a test can wait."""


async def streamed(client: UpstreamClient) -> tuple[UpstreamAnswer, AnswerStream]:
    answer = await get(client)
    assert isinstance(answer.body, AnswerStream)
    return answer, answer.body


async def collected(stream: AnswerStream) -> bytes:
    return b"".join([piece async for piece in stream])


def in_chunks(body: bytes, size: int = 10_000) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (OK + b"Content-Length: %d\r\n\r\n" % len(LARGE) + LARGE, len(LARGE)),
        (CHUNKED + in_chunks(LARGE), None),
        (EVENTS + in_chunks(LARGE), None),
    ],
    ids=["length", "chunked", "events"],
)
def test_a_large_answer_is_streamed_and_its_connection_kept(
    new_loop: NewLoop, data: bytes, length: int | None
) -> None:
    async def main() -> None:
        async with exchanges(answering(data, data, HELLO)) as (seen, client):
            for _ in range(2):
                answer, stream = await streamed(client)
                assert (answer.status, stream.length) == (200, length)
                assert await collected(stream) == LARGE
            assert (await get(client)).body == b"hello"
            assert len(seen.visits) == 1

    run(new_loop, main())


def test_a_large_answer_may_end_with_the_connection(new_loop: NewLoop) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(OK + b"\r\n" + LARGE)

    async def main() -> None:
        async with exchanges(script) as (_seen, client):
            _, stream = await streamed(client)
            assert stream.length is None
            assert await collected(stream) == LARGE
            assert client.connections == 0

    run(new_loop, main())


def test_an_answer_at_the_limit_is_buffered(new_loop: NewLoop) -> None:
    body = LARGE[:1000]
    answers = [
        OK + b"Content-Length: 1000\r\n\r\n" + body,
        CHUNKED + in_chunks(body, 300),
    ]

    async def main() -> None:
        async with exchanges(answering(*answers), buffer_limit=1000) as (_seen, client):
            for _ in answers:
                assert (await get(client)).body == body

    run(new_loop, main())


def test_each_event_is_passed_on_as_it_comes(new_loop: NewLoop) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(EVENTS)
        for number in range(5):
            await visit.released.wait()
            visit.released.clear()
            event = b"data: %d\n\n" % number
            await visit.say(b"%x\r\n%b\r\n" % (len(event), event))
        await visit.say(b"0\r\n\r\n")
        await visit.closed_by_client()

    async def main() -> None:
        async with exchanges(script) as (seen, client):
            _, stream = await streamed(client)
            for number in range(5):
                seen.visits[0].released.set()
                assert await anext(stream) == b"data: %d\n\n" % number
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
            assert client.idle_connections == 1

    run(new_loop, main())


def test_a_merchant_that_is_faster_than_the_reader_is_held_back(new_loop: NewLoop) -> None:
    piece = LARGE
    count = 256  # 64 MiB, more than the sockets' buffers hold

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(OK + b"Content-Length: %d\r\n\r\n" % (len(piece) * count))
        for _ in range(count):
            await visit.say(piece)
        visit.released.set()
        await visit.closed_by_client()

    async def main() -> None:
        async with exchanges(script) as (seen, client):
            _, stream = await streamed(client)
            (connection,) = client._pool._live
            transport = connection._transport
            assert transport is not None
            await until(lambda: not transport.is_reading())
            assert stream.paused
            assert stream._held <= HIGH_WATER + (1 << 18)
            assert not seen.visits[0].released.is_set()
            received, most = 0, 0
            async for part in stream:
                received += len(part)
                most = max(most, stream._held)
            assert received == len(piece) * count
            # One read more than the high-water mark; a read is at most 256 KiB.
            assert most <= HIGH_WATER + (1 << 18)
            assert transport.is_reading()
            assert client.idle_connections == 1

    run(new_loop, main())


def test_a_connection_is_read_again_after_its_stream_was_held_back(new_loop: NewLoop) -> None:
    """The body's end had come by the time the reader lagged; the next answer must get through."""
    body = LARGE * 2
    data = OK + b"Content-Length: %d\r\n\r\n" % len(body) + body

    async def main() -> None:
        async with exchanges(answering(data, HELLO)) as (seen, client):
            _, stream = await streamed(client)
            await until(lambda: stream.paused or client.idle_connections == 1)
            assert await collected(stream) == body
            assert (await get(client)).body == b"hello"
            assert len(seen.visits) == 1

    run(new_loop, main())


def slowly(pause: float, count: int) -> Script:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(EVENTS)
        for _ in range(count):
            await visit.say(b"1\r\nx\r\n")
            await asyncio.sleep(pause)
        await visit.say(b"0\r\n\r\n")
        await visit.closed_by_client()

    return script


def test_a_stream_may_take_longer_than_an_answer(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(slowly(SOON / 6, 8), response_timeout=SOON) as (_seen, client):
            _, stream = await streamed(client)
            assert await collected(stream) == b"x" * 8

    run(new_loop, main())


def test_a_stream_in_which_nothing_comes_any_more_is_cut(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(answering(EVENTS + b"1\r\nx\r\n"), response_timeout=SOON) as (
            seen,
            client,
        ):
            _, stream = await streamed(client)
            assert await anext(stream) == b"x"
            with pytest.raises(UpstreamTimeout, match="sent nothing more"):
                await anext(stream)
            assert client.connections == 0
            await seen.has_ended(1)

    run(new_loop, main())


def test_a_reader_that_takes_nothing_does_not_hold_a_connection_for_ever(new_loop: NewLoop) -> None:
    data = OK + b"Content-Length: %d\r\n\r\n" % (1 << 24) + LARGE * 8

    async def main() -> None:
        async with exchanges(answering(data), response_timeout=SOON) as (seen, client):
            _, stream = await streamed(client)
            await seen.has_ended(1)
            assert client.connections == 0
            with pytest.raises(UpstreamTimeout, match="took nothing"):
                await collected(stream)

    run(new_loop, main())


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (b"5\r\nhello\r\n5\r\nhel", "before its answer was whole"),
        (b"5\r\nhello\r\nx", "was refused"),
    ],
)
def test_a_stream_that_breaks_says_so_behind_what_came(
    new_loop: NewLoop, said: bytes, problem: str
) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(EVENTS + said)

    async def main() -> None:
        async with exchanges(script) as (_seen, client):
            _, stream = await streamed(client)
            assert (await anext(stream)).startswith(b"hello")
            with pytest.raises(UpstreamBroken, match=problem):
                await anext(stream)
            assert client.connections == 0

    run(new_loop, main())


def test_bytes_behind_a_stream_close_the_connection(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(answering(EVENTS + b"1\r\nx\r\n0\r\n\r\n\r\n")) as (seen, client):
            _, stream = await streamed(client)
            assert await collected(stream) == b"x"
            assert client.connections == 0
            await seen.has_ended(1)

    run(new_loop, main())


def test_a_stream_that_is_closed_early_closes_its_connection(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(answering(EVENTS + b"1\r\nx\r\n")) as (seen, client):
            _, stream = await streamed(client)
            await stream.aclose()
            assert client.connections == 0
            await seen.has_ended(1)

    run(new_loop, main())


def test_cancelling_as_a_stream_begins_closes_its_connection(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(answering(EVENTS)) as (seen, client):
            request = asyncio.ensure_future(get(client))
            await until(lambda: any(each._stream is not None for each in client._pool._live))
            assert not request.done()
            request.cancel()
            await asyncio.wait([request])
            assert request.cancelled()
            assert client.connections == 0
            await seen.has_ended(1)

    run(new_loop, main())


def test_closing_the_client_ends_its_streams(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(answering(EVENTS + b"1\r\nx\r\n")) as (_seen, client):
            _, stream = await streamed(client)
            assert await anext(stream) == b"x"
            await client.aclose()
            with pytest.raises(UpstreamBroken, match="shut down"):
                await anext(stream)

    run(new_loop, main())


def test_other_requests_go_on_beside_a_stream(new_loop: NewLoop) -> None:
    async def script(visit: Visit) -> None:
        while True:
            request = await visit.request()
            await visit.say(EVENTS if request.startswith(b"GET") else HELLO)

    async def main() -> None:
        async with exchanges(script) as (seen, client):
            _, stream = await streamed(client)
            for _ in range(3):
                assert (await post(client)).body == b"hello"
            assert len(seen.visits) == 2
            await stream.aclose()

    run(new_loop, main())
