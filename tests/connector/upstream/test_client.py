"""Whole exchanges over real sockets: what goes out, what comes back, what is kept."""

import asyncio
import gc
import socket

import pytest

from connector.upstream.errors import UpstreamBroken, UpstreamUnreachable
from tests.connector.upstream.merchant import (
    BODY,
    GET,
    HELLO,
    OK,
    POST,
    NewLoop,
    Visit,
    answering,
    client_of,
    exchanges,
    get,
    merchant,
    on_both_loops,
    post,
    run,
    turns,
)

CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
pytestmark = on_both_loops


def test_a_request_arrives_byte_for_byte_and_its_answer_too(new_loop: NewLoop) -> None:
    answer_bytes = (
        b"HTTP/1.1 201 Made\r\nx-B: 1\r\nX-b:  2 \r\nContent-Length: 4\r\n\r\n\x00\xff\r\n"
    )

    async def main() -> None:
        async with exchanges(answering(answer_bytes)) as (seen, client):
            answer = await post(client)
            assert seen.requests == [POST + BODY]
            assert answer.status == 201
            assert answer.headers == [(b"x-B", b"1"), (b"X-b", b"2"), (b"Content-Length", b"4")]
            assert answer.body == b"\x00\xff\r\n"

    run(new_loop, main())


def test_a_large_request_arrives_whole(new_loop: NewLoop) -> None:
    body = bytes(range(256)) * (16 * 1024)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)

    async def main() -> None:
        async with exchanges(answering(HELLO, HELLO)) as (seen, client):
            for _ in range(2):
                assert (await client.send(b"POST", head, body, retry_read=False)).body == b"hello"
            assert seen.requests == [head + body] * 2
            assert len(seen.visits) == 1

    run(new_loop, main())


def test_one_connection_serves_request_after_request(new_loop: NewLoop) -> None:
    answers = [HELLO, CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"] * 10

    async def main() -> None:
        async with exchanges(answering(*answers)) as (seen, client):
            for _ in answers:
                assert (await post(client)).body == b"hello"
                assert (client.connections, client.idle_connections) == (1, 1)
            assert len(seen.visits) == 1

    run(new_loop, main())


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (HELLO, b"hello"),
        (CHUNKED + b"2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n", b"hello"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nLink: a\r\n\r\n" + HELLO, b"hello"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
    ids=["length", "chunked", "1xx", "204"],
)
def test_a_split_answer_is_whole_at_every_boundary(
    new_loop: NewLoop, data: bytes, body: bytes
) -> None:
    async def script(visit: Visit) -> None:
        for at in range(1, len(data)):
            await visit.request()
            await visit.say(data[:at])
            await turns()
            await visit.say(data[at:])
        await visit.closed_by_client()

    async def main() -> None:
        async with exchanges(script) as (seen, client):
            for _ in range(1, len(data)):
                assert (await post(client)).body == body
            assert len(seen.visits) == 1

    run(new_loop, main())


@pytest.mark.parametrize(
    "data", [HELLO, CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"], ids=["length", "chunked"]
)
def test_an_answer_that_misses_bytes_is_an_error_at_every_boundary(
    new_loop: NewLoop, data: bytes
) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(data[: visit.number])

    async def main() -> None:
        async with exchanges(script) as (seen, client):
            for missing in range(1, len(data)):
                with pytest.raises(UpstreamBroken, match="before its answer was whole"):
                    await post(client)
                assert len(seen.requests) == missing
            assert client.connections == 0

    run(new_loop, main())


def test_a_second_answer_behind_the_first_is_never_anybodys(new_loop: NewLoop) -> None:
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"

    async def main() -> None:
        async with exchanges(answering(HELLO + forged, HELLO)) as (seen, client):
            for _ in range(3):
                assert (await post(client)).body == b"hello"
                assert client.connections == 0
            assert len(seen.visits) == 3

    run(new_loop, main())


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged", b"\r\n", b"x"]
)
def test_bytes_on_an_idle_connection_close_it(new_loop: NewLoop, data: bytes) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(HELLO)
        await asyncio.sleep(0.01)
        await visit.say(data)
        await visit.closed_by_client()

    async def main() -> None:
        async with exchanges(script) as (seen, client):
            await post(client)
            await seen.has_ended(1)
            assert client.connections == 0
            assert (await post(client)).body == b"hello"
            assert len(seen.visits) == 2

    run(new_loop, main())


def test_an_answer_before_the_request_is_never_the_answer(new_loop: NewLoop) -> None:
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"

    async def main() -> None:
        async with exchanges(answering(HELLO)) as (seen, client):
            assert (await post(client)).body == b"hello"
            # Within one turn of the loop: the merchant speaks, and the client is to write.
            with seen.visits[0].wire() as wire:
                wire.send(forged)
            assert (await post(client)).body == b"hello"
            assert len(seen.visits) == 2
            assert seen.requests == [POST + BODY] * 2

    run(new_loop, main())


def test_a_merchant_that_speaks_first_on_a_new_connection_is_no_merchant(new_loop: NewLoop) -> None:
    async def script(visit: Visit) -> None:
        await visit.say(HELLO)
        await visit.closed_by_client()

    async def main() -> None:
        async with exchanges(script) as (seen, client):
            # Whether the bytes come before the request is written is the network's choice; they
            # are an answer if not. Here they are let come.
            connection = await client._pool.open()
            await turns()
            with pytest.raises(UpstreamUnreachable):
                connection.exchange(GET, b"", to_head=False, deadline=0)
            assert client.connections == 0
            await seen.has_ended(1)
            assert seen.requests == []

    run(new_loop, main())


def test_a_connection_that_was_closed_while_idle_is_not_written_to(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(answering(HELLO)) as (seen, client):
            for count in range(1, 4):
                assert (await post(client)).body == b"hello"
                assert len(seen.requests) == len(seen.visits) == count
                with seen.visits[-1].wire() as wire:
                    wire.shutdown(socket.SHUT_WR)

    run(new_loop, main())


def test_a_closed_idle_connection_leaves_the_pool_at_once(new_loop: NewLoop) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(HELLO)

    async def main() -> None:
        async with exchanges(script) as (seen, client):
            await post(client)
            await seen.has_ended(1)
            await turns()
            assert (client.connections, client.idle_connections) == (0, 0)

    run(new_loop, main())


@pytest.mark.parametrize(
    "data",
    [
        OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
    ],
    ids=["close", "HTTP/1.0"],
)
def test_a_last_answer_closes_the_connection(new_loop: NewLoop, data: bytes) -> None:
    async def main() -> None:
        async with exchanges(answering(data, HELLO)) as (seen, client):
            for _ in range(3):
                assert (await post(client)).body == b"hello"
                assert client.connections == 0
            await seen.has_ended(3)

    run(new_loop, main())


def test_an_answer_may_end_with_the_connection(new_loop: NewLoop) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(OK + b"A: b\r\n\r\nhel")
        await visit.say(b"lo")

    async def main() -> None:
        async with exchanges(script) as (_seen, client):
            answer = await post(client)
            assert (answer.body, answer.headers) == (b"hello", [(b"A", b"b")])
            assert client.connections == 0

    run(new_loop, main())


def test_an_answer_that_would_end_with_the_connection_is_no_answer_after_a_reset(
    new_loop: NewLoop,
) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(OK + b"\r\nhello")
        await turns()
        visit.reset_hard()

    async def main() -> None:
        async with exchanges(script) as (_seen, client):
            with pytest.raises(
                UpstreamBroken, match="before its answer was whole: Connection reset"
            ):
                await post(client)

    run(new_loop, main())


def test_head_has_no_body_whatever_it_announces(new_loop: NewLoop) -> None:
    head = b"HEAD /.well-known/ucp HTTP/1.1\r\nHost: x\r\n\r\n"

    async def main() -> None:
        async with exchanges(answering(OK + b"Content-Length: 5\r\n\r\n", HELLO)) as (_, client):
            for _ in range(2):
                answer = await client.send(b"HEAD", head, b"", retry_read=True)
                assert (answer.body, answer.headers) == (b"", [(b"Content-Length", b"5")])
                assert client.connections == 0

    run(new_loop, main())


def test_an_answer_that_comes_before_the_request_is_all_out_closes_the_connection(
    new_loop: NewLoop,
) -> None:
    body = b"x" * (1 << 24)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    refused = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"

    async def script(visit: Visit) -> None:
        await visit.reader.readuntil(b"\r\n\r\n")
        visit.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a read transport
        await visit.say(refused)
        await visit.released.wait()

    async def main() -> None:
        async with exchanges(script) as (seen, client):
            answer = await client.send(b"POST", head, body, retry_read=False)
            assert answer.status == 413
            assert client.connections == 0
            seen.visits[0].released.set()

    run(new_loop, main())


@pytest.mark.parametrize(
    "data",
    [
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 102 X\r\n\r\n",
        CHUNKED + b"5\r\nhello\r\nx",
        b"SSH-2.0-OpenSSH\r\n",
    ],
)
def test_an_answer_that_is_refused_closes_the_connection(new_loop: NewLoop, data: bytes) -> None:
    async def main() -> None:
        async with exchanges(answering(data)) as (seen, client):
            with pytest.raises(UpstreamBroken, match="The merchant's answer was refused: it"):
                await get(client)
            assert client.connections == 0
            await seen.has_ended(1)
            assert len(seen.requests) == 1

    run(new_loop, main())


def test_many_requests_at_once_get_each_its_own_answer(new_loop: NewLoop) -> None:
    async def script(visit: Visit) -> None:
        while True:
            target = (await visit.request()).split(b" ")[1]
            await turns(target[-1] % 4)
            await visit.say(OK + b"Content-Length: %d\r\n\r\n%b" % (len(target), target))

    async def main() -> None:
        async with exchanges(script, max_connections=7) as (seen, client):

            async def one(number: int) -> None:
                head = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number
                answer = await client.send(b"GET", head, b"", retry_read=True)
                assert answer.body == b"/%d" % number

            await asyncio.gather(*map(one, range(200)))
            assert len(seen.visits) <= 7

    run(new_loop, main())


def test_a_client_that_is_closed_leaves_nothing_behind(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with merchant(answering(HELLO)) as seen:
            async with client_of(seen) as client:
                await asyncio.gather(*[post(client) for _ in range(3)])
                waiting = asyncio.ensure_future(post(client))
                await turns()
            assert client.connections == 0
            with pytest.raises(UpstreamBroken, match="shut down"):
                await waiting
            with pytest.raises(UpstreamUnreachable, match="shutting down"):
                await post(client)
            await seen.has_ended(len(seen.visits))
        del client
        gc.collect()

    run(new_loop, main())


def test_a_merchant_that_is_not_there_is_unreachable(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with merchant(answering()) as seen:
            pass
        async with client_of(seen) as client:
            with pytest.raises(UpstreamUnreachable) as caught:
                await post(client)
            assert caught.value.sent is False
            expected = "No connection to the merchant: Connection refused."
            assert caught.value.explanation == expected
            assert client.connections == 0

    run(new_loop, main())
