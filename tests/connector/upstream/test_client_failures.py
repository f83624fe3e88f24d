"""Time-outs, early ends, retries and cancellation over real sockets; the merchant counts."""

import asyncio
from typing import Any

import pytest

from connector.upstream.connection import Connection
from connector.upstream.errors import UpstreamBroken, UpstreamTimeout
from tests.connector.upstream.merchant import (
    BODY,
    GET,
    HELLO,
    OK,
    POST,
    NewLoop,
    Script,
    Visit,
    answering,
    exchanges,
    get,
    on_both_loops,
    post,
    run,
    turns,
    until,
)

pytestmark = on_both_loops
SOON = 0.2


def saying(data: bytes) -> Script:
    """Say so much of an answer, and nothing more."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(data)
        await visit.closed_by_client()

    return script


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"H",
        OK,
        b"HTTP/1.1 100 Continue\r\n\r\n",
        OK + b"Content-Length: 5\r\n\r\n",
        OK + b"Content-Length: 5\r\n\r\nhell",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        OK + b"\r\nhello",
    ],
    ids=["nothing", "a byte", "a line", "100", "a head", "all but one", "no last chunk", "no end"],
)
def test_an_answer_that_is_not_whole_in_time_is_a_time_out(new_loop: NewLoop, data: bytes) -> None:
    async def main() -> None:
        async with exchanges(saying(data), response_timeout=SOON) as (seen, client):
            with pytest.raises(UpstreamTimeout) as caught:
                await get(client)
            assert caught.value.sent is True
            assert caught.value.explanation == "The merchant gave no whole answer within 0.2 s."
            assert client.connections == 0
            await seen.has_ended(1)
            assert seen.requests == [GET]

    run(new_loop, main())


def test_a_trickle_does_not_put_the_time_out_off(new_loop: NewLoop) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(OK + b"Content-Length: 1000\r\n\r\n")
        while True:
            await visit.say(b"x")
            await asyncio.sleep(0.01)

    async def main() -> None:
        async with exchanges(script, response_timeout=SOON) as (_seen, client):
            with pytest.raises(UpstreamTimeout):
                await get(client)

    run(new_loop, main())


def test_a_time_out_never_comes_early(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(saying(b""), response_timeout=SOON) as (_seen, client):
            loop = asyncio.get_running_loop()
            before = loop.time()
            with pytest.raises(UpstreamTimeout):
                await get(client)
            assert loop.time() >= before + SOON

    run(new_loop, main())


def test_a_new_connection_that_closes_without_an_answer_is_not_tried_again(
    new_loop: NewLoop,
) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()

    async def main() -> None:
        async with exchanges(script) as (seen, client):
            for send, sent in ((get, GET), (post, POST + BODY)):
                seen.requests.clear()
                with pytest.raises(UpstreamBroken, match="without an answer") as caught:
                    await send(client)
                assert caught.value.sent is True
                assert seen.requests == [sent]

    run(new_loop, main())


def closing_on_the_second(*, after: bytes = b"", hard: bool = False) -> Script:
    """Serve one request of each connection; end it at the next, perhaps after some bytes."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(HELLO)
        await visit.request()
        if after:
            await visit.say(after)
            await turns()
        if hard:
            visit.reset_hard()

    return script


@pytest.mark.parametrize("hard", [False, True], ids=["end", "reset"])
def test_a_get_on_a_reused_connection_is_sent_once_more(new_loop: NewLoop, *, hard: bool) -> None:
    async def main() -> None:
        async with exchanges(closing_on_the_second(hard=hard)) as (seen, client):
            assert (await get(client)).body == b"hello"
            assert (await get(client)).body == b"hello"
            assert seen.requests == [GET] * 3
            assert len(seen.visits) == 2

    run(new_loop, main())


def test_it_is_sent_once_more_on_a_new_connection_though_others_are_idle(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(closing_on_the_second(), max_connections=3) as (seen, client):
            await asyncio.gather(*[get(client) for _ in range(3)])
            assert client.idle_connections == 3
            assert (await get(client)).body == b"hello"
            assert len(seen.visits) == 4
            assert client.connections <= 3

    run(new_loop, main())


def test_a_get_is_not_sent_a_third_time(new_loop: NewLoop) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        if visit.number == 1:
            await visit.say(HELLO)
            await visit.request()

    async def main() -> None:
        async with exchanges(script) as (seen, client):
            await get(client)
            with pytest.raises(UpstreamBroken):
                await get(client)
            assert seen.requests == [GET] * 3

    run(new_loop, main())


def test_a_second_try_has_no_time_of_its_own(
    new_loop: NewLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadlines: list[float] = []
    exchange = Connection.exchange

    def noting(self: Connection, *args: Any, deadline: float, **others: Any) -> Any:
        deadlines.append(deadline)
        return exchange(self, *args, deadline=deadline, **others)

    async def main() -> None:
        async with exchanges(closing_on_the_second()) as (_seen, client):
            await get(client)
            await get(client)

    monkeypatch.setattr(Connection, "exchange", noting)
    run(new_loop, main())
    first, second, again = deadlines
    assert first <= second == again


@pytest.mark.parametrize("hard", [False, True], ids=["end", "reset"])
def test_a_write_is_never_sent_twice(new_loop: NewLoop, *, hard: bool) -> None:
    async def main() -> None:
        async with exchanges(closing_on_the_second(hard=hard)) as (seen, client):
            await post(client)
            with pytest.raises(UpstreamBroken, match="without an answer"):
                await post(client)
            assert seen.requests == [POST + BODY] * 2

    run(new_loop, main())


def test_a_get_that_is_no_read_is_not_sent_twice(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(closing_on_the_second()) as (seen, client):
            await get(client)
            with pytest.raises(UpstreamBroken):
                await client.send(b"GET", GET, b"", retry_read=False)
            assert seen.requests == [GET] * 2

    run(new_loop, main())


@pytest.mark.parametrize("after", [b"H", OK, b"HTTP/1.1 103 X\r\n\r\n", HELLO[:-1]])
def test_after_any_byte_of_an_answer_nothing_is_sent_twice(new_loop: NewLoop, after: bytes) -> None:
    async def main() -> None:
        async with exchanges(closing_on_the_second(after=after)) as (seen, client):
            await get(client)
            with pytest.raises(UpstreamBroken, match="before its answer was whole"):
                await get(client)
            assert seen.requests == [GET] * 2

    run(new_loop, main())


@pytest.mark.parametrize("said", [b"", OK, OK + b"Content-Length: 5\r\n\r\nhel"])
def test_cancelling_closes_the_connection(new_loop: NewLoop, said: bytes) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(said)
        visit.released.set()
        await visit.closed_by_client()

    async def main() -> None:
        async with exchanges(script) as (seen, client):
            request = asyncio.ensure_future(post(client))
            await seen.has_read(1)
            await seen.visits[0].released.wait()
            await turns()
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            assert client.connections == 0
            await seen.has_ended(1)

    run(new_loop, main())


def test_cancelling_as_the_answer_arrives_harms_nobody_else(new_loop: NewLoop) -> None:
    """The connection is back in the pool, and may carry somebody else's request by then."""

    async def main() -> None:
        async with exchanges(answering(*[HELLO] * 20)) as (_seen, client):
            request = asyncio.ensure_future(post(client))
            await until(lambda: client.idle_connections == 1)
            assert not request.done()
            other = asyncio.ensure_future(post(client))
            request.cancel()
            await asyncio.wait([request])
            assert (await other).body == b"hello"

    run(new_loop, main())
