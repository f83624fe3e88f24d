"""Which connection a request gets, and how many there are."""

import asyncio
import socket

import pytest

from connector.upstream.client import UpstreamClient
from connector.upstream.connection import Connection
from connector.upstream.errors import UpstreamTimeout, UpstreamUnreachable
from tests.connector.upstream.merchant import (
    HELLO,
    NewLoop,
    Visit,
    answering,
    exchanges,
    on_both_loops,
    post,
    run,
    turns,
    until,
)

ENDLESS = [HELLO] * 1000
SOON = 2.5
"""Seconds in which a healthy merchant answers even on a slow machine, and a test can wait."""


async def held(visit: Visit) -> None:
    """Answer each request when the test says so."""
    while True:
        await visit.request()
        await visit.released.wait()
        await visit.say(HELLO)


@on_both_loops
def test_the_connection_used_last_is_used_next(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(held) as (seen, client):
            requests = [asyncio.ensure_future(post(client)) for _ in range(3)]
            await seen.has_read(3)
            for idle, at in enumerate((0, 2, 1), start=1):
                seen.visits[at].released.set()
                await until(lambda expected=idle: client.idle_connections == expected)  # type: ignore[misc]  # a default fixes the value
            await asyncio.gather(*requests)
            for visit in seen.visits:
                visit.released.clear()
            again = asyncio.ensure_future(post(client))
            await seen.has_read(4)
            seen.visits[1].released.set()
            assert (await again).body == b"hello"

    run(new_loop, main())


@on_both_loops
def test_an_idle_connection_is_closed_in_time(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(answering(*ENDLESS), idle_timeout=0.05) as (seen, client):
            await post(client)
            await seen.has_ended(1)
            assert client.connections == 0
            await post(client)
            assert len(seen.visits) == 2

    run(new_loop, main())


@on_both_loops
def test_an_idle_connection_is_too_old_even_before_it_is_swept(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(answering(*ENDLESS), idle_timeout=0) as (seen, client):
            for count in range(1, 4):
                await post(client)
                assert len(seen.visits) == count

    run(new_loop, main())


@on_both_loops
def test_no_more_than_max_idle_are_kept(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(answering(*ENDLESS), max_idle=2) as (seen, client):
            await asyncio.gather(*[post(client) for _ in range(5)])
            assert client.connections == client.idle_connections == 2
            await seen.has_ended(3)

    run(new_loop, main())


@on_both_loops
def test_no_more_than_max_connections_are_opened_and_who_waits_is_served_in_order(
    new_loop: NewLoop,
) -> None:
    async def main() -> None:
        async with exchanges(held, max_connections=2) as (seen, client):
            done: list[int] = []

            async def one(number: int) -> None:
                await post(client)
                done.append(number)

            requests = [asyncio.ensure_future(one(number)) for number in range(6)]
            await seen.has_read(2)
            await turns()
            assert len(seen.requests) == len(seen.visits) == client.connections == 2
            seen.visits[0].released.set()
            await asyncio.gather(requests[0], *requests[2:])
            assert done == [0, 2, 3, 4, 5]
            seen.visits[1].released.set()
            await requests[1]
            assert len(seen.visits) == 2

    run(new_loop, main())


@on_both_loops
def test_waiting_for_a_connection_is_bounded(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(held, max_connections=1, connect_timeout=SOON) as (seen, client):
            first = asyncio.ensure_future(post(client))
            await seen.has_read(1)
            with pytest.raises(UpstreamUnreachable, match="stayed in use for"):
                await post(client)
            seen.visits[0].released.set()
            assert (await first).body == b"hello"
            assert (await post(client)).body == b"hello"
            assert len(seen.requests) == 2

    run(new_loop, main())


@on_both_loops
def test_a_lost_connection_makes_room_for_who_waits(new_loop: NewLoop) -> None:
    async def main() -> None:
        limits = {"max_connections": 1, "response_timeout": SOON}
        async with exchanges(held, **limits) as (seen, client):
            first = asyncio.ensure_future(post(client))
            await seen.has_read(1)
            second = asyncio.ensure_future(post(client))
            with pytest.raises(UpstreamTimeout):
                await first
            await seen.has_read(2)
            seen.visits[1].released.set()
            assert (await second).body == b"hello"

    run(new_loop, main())


@on_both_loops
@pytest.mark.parametrize("granted", [False, True])
def test_who_stops_waiting_takes_no_connection_away(
    new_loop: NewLoop, monkeypatch: pytest.MonkeyPatch, *, granted: bool
) -> None:
    async def main() -> None:
        async with exchanges(held, max_connections=1) as (seen, client):
            first = asyncio.ensure_future(post(client))
            await seen.has_read(1)
            second = asyncio.ensure_future(post(client))
            third = asyncio.ensure_future(post(client))
            await turns()
            if granted:
                # Cancelled in the very turn in which it was given the connection.
                released = client._pool.released

                def grant_and_cancel(connection: Connection) -> None:
                    released(connection)
                    second.cancel()

                monkeypatch.setattr(client._pool, "released", grant_and_cancel)
            else:
                second.cancel()
            seen.visits[0].released.set()
            await asyncio.wait([first, second, third])
            assert second.cancelled()
            assert [(await first).body, (await third).body] == [b"hello"] * 2
            assert (client.connections, client.idle_connections) == (1, 1)
            assert len(seen.requests) == 2

    run(new_loop, main())


@on_both_loops
def test_a_dial_that_is_cancelled_leaves_no_trace(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(answering(*ENDLESS), max_connections=1) as (_seen, client):
            for count in range(6):
                request = asyncio.ensure_future(post(client))
                await turns(count)
                request.cancel()
                await asyncio.wait([request])
                await turns()
            assert client.connections <= 1
            assert (await post(client)).body == b"hello"
            assert (client.connections, client.idle_connections) == (1, 1)

    run(new_loop, main())


@on_both_loops
def test_a_new_connection_may_take_the_place_of_an_idle_one(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(answering(*ENDLESS), max_connections=2) as (seen, client):
            await asyncio.gather(post(client), post(client))
            assert client.idle_connections == 2
            fresh = await client._pool.open()
            assert not fresh.reused
            await seen.has_ended(1)
            assert (client.connections, client.idle_connections) == (2, 1)

    run(new_loop, main())


@on_both_loops
def test_a_dial_that_outlives_the_client_is_given_up(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(answering(*ENDLESS)) as (seen, client):
            request = asyncio.ensure_future(post(client))
            await asyncio.sleep(0)
            assert client.connections == 1
            await client.aclose()
            with pytest.raises(UpstreamUnreachable):
                await request
            assert client.connections == 0
            assert seen.requests == []

    run(new_loop, main())


@pytest.mark.parametrize(
    ("response_timeout", "idle_timeout", "interval"),
    [(30, 1.5, 0.375), (0.4, 1.5, 0.1), (0.1, 60, 0.05), (600, 60, 1)],
)
def test_deadlines_are_looked_at_four_times_each(
    response_timeout: float, idle_timeout: float, interval: float
) -> None:
    client = UpstreamClient(
        "http://127.0.0.1:1",
        connect_timeout=1,
        response_timeout=response_timeout,
        idle_timeout=idle_timeout,
        buffer_limit=1,
    )
    assert client._pool._interval == interval


@on_both_loops
def test_who_waits_for_a_connection_learns_of_the_shutdown(new_loop: NewLoop) -> None:
    async def main() -> None:
        async with exchanges(held, max_connections=1) as (seen, client):
            first = asyncio.ensure_future(post(client))
            await seen.has_read(1)
            second = asyncio.ensure_future(post(client))
            await turns()
            await client.aclose()
            await asyncio.wait([first, second])
            assert isinstance(second.exception(), UpstreamUnreachable)
            assert first.exception() is not None

    run(new_loop, main())


@on_both_loops
def test_a_merchant_that_does_not_accept_is_unreachable_in_time(new_loop: NewLoop) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
            port = server.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)):
                # The backlog is full: the kernel answers no further SYN.
                client = UpstreamClient(
                    f"http://127.0.0.1:{port}",
                    connect_timeout=0.1,
                    response_timeout=5,
                    buffer_limit=1,
                )
                with pytest.raises(UpstreamUnreachable, match=r"within 0\.1 s"):
                    await post(client)
                assert client.connections == 0
                await client.aclose()

    run(new_loop, main())


def test_a_name_that_does_not_resolve_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def main() -> None:
        client = UpstreamClient(
            "http://merchant.invalid", connect_timeout=5, response_timeout=5, buffer_limit=1
        )
        with pytest.raises(UpstreamUnreachable, match="Name or service not known"):
            await post(client)
        await client.aclose()

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    asyncio.run(main())
