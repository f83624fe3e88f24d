"""What operators said beside the gateways is there until one of these has written it down."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from connector.admission import told as module
from connector.admission.told import Told
from tests.connector.admission.claims_in_store import connected
from tests.project.test_documents import read
from tests.store_servers import binaries, running_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from connector.store.client import StoreClient
    from tests.store_servers import StoreServer

HELD = "ucp1:{administration}:held"
TOLD = "ucp1:{administration}:told"


@pytest.fixture(scope="module", params=list(binaries()))
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StoreServer]:
    folder = tmp_path_factory.mktemp(request.param)
    with running_server(folder, binary=binaries()[request.param]) as server:
        yield server


@pytest.fixture
def server(running: StoreServer) -> StoreServer:
    running.ask("FLUSHALL")
    return running


def with_store(server: StoreServer, act: Callable[[StoreClient], Awaitable[None]]) -> None:
    async def main() -> None:
        async with connected(server) as client:
            await act(client)

    asyncio.run(main())


def line(number: int) -> str:
    return f'{{"number":{number},"%":".ü"}}\n'


def lines(*numbers: int) -> list[bytes]:
    return [line(number).encode() for number in numbers]


def test_what_was_said_is_taken_in_order_and_then_forgotten(server: StoreServer) -> None:
    async def act(client: StoreClient) -> None:
        told = Told(client, b"one")
        assert await told.take() == []
        for number in range(3):
            assert await told.push(line(number))
        assert await told.take() == lines(0, 1, 2)
        await told.done(lines(1)[0])
        assert await told.take() == lines(0, 2)
        await told.push(line(3))
        for left in lines(0, 2, 3):
            await told.done(left)
        assert await told.take() == []

    with_store(server, act)
    assert server.ask("KEYS", "*") == []


def test_what_is_said_or_done_twice_is_there_once(server: StoreServer) -> None:
    async def act(client: StoreClient) -> None:
        told = Told(client, b"one")
        for number in (1, 2, 1, 1):
            assert await told.push(line(number))
        assert await told.take() == lines(1, 2)
        await told.done(lines(1)[0])
        await told.done(lines(1)[0])
        assert await told.take() == lines(2)

    with_store(server, act)


def test_what_one_gateway_took_no_other_gets(server: StoreServer) -> None:
    async def act(client: StoreClient) -> None:
        one, other = Told(client, b"one"), Told(client, b"other")
        await one.push(line(1))
        await one.push(line(2))
        assert await one.take() == lines(1, 2)
        assert await other.take() == []
        await one.done(lines(1)[0])
        assert await other.take() == []
        assert 0 < server.ask("PTTL", HELD) <= 10_000
        # As if the time were over: the first one has ended.
        server.ask("DEL", HELD)
        assert await other.take() == lines(2)
        await one.done(lines(2)[0])
        assert server.ask("GET", HELD) == b"other"

    with_store(server, act)


def test_no_more_wait_than_there_is_room_for(
    server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LINES", 4)
    monkeypatch.setattr(module, "_AT_ONCE", 3)

    async def act(client: StoreClient) -> None:
        told = Told(client, b"one")
        pushed = [await told.push(line(number)) for number in range(6)]
        assert pushed == [True] * 4 + [False] * 2
        assert await told.push(line(0)), "it is there"
        assert await told.take() == lines(0, 1, 2)
        await told.done(lines(0)[0])
        assert await told.push(line(6))

    with_store(server, act)


def test_a_text_without_line_ends_does_not_stay_for_ever(server: StoreServer) -> None:
    async def act(client: StoreClient) -> None:
        server.ask("SET", TOLD, "one\rtwo")
        told = Told(client, b"one")
        while found := await told.take():
            for each in found:
                await told.done(each)

    with_store(server, act)
    assert server.ask("KEYS", "*") == []


@pytest.mark.parametrize("binary", binaries().values(), ids=binaries())
def test_the_documented_user_may_do_all_that(binary: str, tmp_path: Path) -> None:
    page = read("docs/reliability.md").partition("<!-- acl: begin -->")[2]
    (words,) = [each.split() for each in page.splitlines() if each.startswith("ACL SETUSER")]
    rights = [word for word in words[3:] if not word.startswith(">")]

    async def act(client: StoreClient) -> None:
        told = Told(client, b"one")
        assert await told.push(line(1))
        assert await told.take() == lines(1)
        await told.done(lines(1)[0])
        assert await told.take() == []

    with running_server(tmp_path, binary=binary) as server:
        # What a connection without a password may do from then on.
        server.ask("ACL", "SETUSER", "default", "resetkeys", *rights)
        with_store(server, act)
