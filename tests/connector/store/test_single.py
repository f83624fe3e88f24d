"""A store of one node: found, logged in to, left alone while it is silent, and found again."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from connector.store.errors import StoreUnavailable
from connector.store.scripts import Script
from connector.store.single import SingleClient
from connector.store.targets import Endpoint, parse_target
from tests.connector.moved_time import outcome_of, pass_time, run, until
from tests.connector.store.scripted_server import REPLICA, scripted_server
from tests.store_servers import StoreServer, binaries, running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.connector.store.scripted_server import ScriptedServer

_TIMEOUT: Final = 0.25
_SCRIPT: Final = Script("sum", "return {KEYS[1], ARGV[1] + 1}")
_ARGUMENTS: Final[Any] = ([b"{a}1"], [b"41"])
_PASSWORD: Final = "correct-horse"  # noqa: S105 - made up here


def _client(endpoint: Endpoint, **options: Any) -> SingleClient:
    async def locate() -> Endpoint:
        return endpoint

    return SingleClient(locate, **{"timeout": _TIMEOUT, "scripts": [_SCRIPT], **options})


@asynccontextmanager
async def _started(client: SingleClient) -> AsyncIterator[SingleClient]:
    await client.start()
    try:
        yield client
    finally:
        await client.aclose()


async def _refused(work: Awaitable[Any]) -> StoreUnavailable:
    error = await outcome_of(work)
    assert isinstance(error, StoreUnavailable), error
    return error


def _with_scripted(act: Callable[[ScriptedServer, SingleClient], Awaitable[None]]) -> None:
    async def main() -> None:
        async with (
            scripted_server() as server,
            _started(_client(server.endpoint())) as client,
        ):
            server.forget()
            await act(server, client)

    run(main())


# Scripts


def test_a_script_is_loaded_with_the_connection_and_called_by_its_digest() -> None:
    async def main() -> None:
        async with (
            scripted_server() as server,
            _started(_client(server.endpoint())) as client,
        ):
            assert server.commands[0] == [b"SCRIPT", b"LOAD", _SCRIPT.source]
            server.forget()
            server.says[b"EVALSHA"] = b":7\r\n"
            assert await client.run(_SCRIPT, *_ARGUMENTS) == 7
            assert server.commands == [[b"EVALSHA", _SCRIPT.digest, b"1", b"{a}1", b"41"]]

    run(main())


def test_a_script_that_was_forgotten_is_sent_whole() -> None:
    async def act(server: ScriptedServer, client: SingleClient) -> None:
        server.says[b"EVALSHA"] = b"-NOSCRIPT No matching script.\r\n"
        server.says[b"EVAL"] = b":7\r\n"

        assert await client.run(_SCRIPT, *_ARGUMENTS) == 7
        assert server.commands[1] == [b"EVAL", _SCRIPT.source, b"1", b"{a}1", b"41"]

    _with_scripted(act)


def test_replicas_are_asked_for_behind_the_script() -> None:
    async def act(server: ScriptedServer, client: SingleClient) -> None:
        server.says |= {b"EVALSHA": b":7\r\n", b"WAIT": b":0\r\n"}

        error = await _refused(client.run(_SCRIPT, *_ARGUMENTS, replicas=1))
        assert error.applied
        assert server.names == [b"EVALSHA", b"WAIT"]
        server.says[b"WAIT"] = b":1\r\n"
        assert await client.run(_SCRIPT, *_ARGUMENTS, replicas=1) == 7

    _with_scripted(act)


# What the store says instead

_SAID: Final = {
    "LOADING Valkey is loading the dataset in memory": ("The store is loading its data.", False),
    "READONLY You can't write against a replica.": ("The store's node is a replica.", False),
    "MOVED 3999 127.0.0.1:6381": ("The store is a cluster: name it as redis+cluster://.", False),
    "OOM command not allowed when used memory > 'maxmemory'.": (
        "The store's memory is full.",
        False,
    ),
    "NOPERM No permissions to access key ucp1:{secret}:claim:secret": (
        "The store's user may not do this; docs/reliability.md lists what it needs.",
        False,
    ),
    "NOPERM secret script: f00, on @user_script:1.": (
        "The store's user may not do this; docs/reliability.md lists what it needs.",
        True,
    ),
    "ERR secret is not an integer script: f00, on @user_script:1.": (
        "The store refused with ERR.",
        True,
    ),
    "ERR max number of clients reached": ("The store refused with ERR.", False),
    "WRONGTYPE secret": ("The store refused with WRONGTYPE.", True),
    "se=cret": ("The store refused with an error.", True),
}


@pytest.mark.parametrize("text", _SAID)
def test_an_error_reply_is_told_in_words_that_hold_nothing_of_ours(text: str) -> None:
    async def act(server: ScriptedServer, client: SingleClient) -> None:
        server.says[b"EVALSHA"] = b"-%b\r\n" % text.encode()

        error = await _refused(client.run(_SCRIPT, *_ARGUMENTS))
        assert (error.explanation, error.applied) == _SAID[text]

    _with_scripted(act)


@pytest.mark.parametrize("reply", [b"-READONLY replica\r\n", b"-MOVED 1 h:1\r\n"])
def test_a_node_that_takes_no_writes_is_left_and_looked_for_again(reply: bytes) -> None:
    async def main() -> None:
        async with scripted_server() as old, scripted_server() as new:
            nodes = [old.endpoint(), new.endpoint()]

            async def locate() -> Endpoint:
                return nodes.pop(0)

            client = SingleClient(locate, timeout=_TIMEOUT)
            async with _started(client):
                old.says[b"EVALSHA"], new.says[b"EVALSHA"] = reply, b":2\r\n"
                await _refused(client.run(_SCRIPT, *_ARGUMENTS))
                await until(lambda: new.names == [b"INFO"])
                await pass_time()
                assert await client.run(_SCRIPT, *_ARGUMENTS) == 2

    run(main())


# The connection


def test_a_node_is_logged_in_to_before_anything_else_is_said() -> None:
    async def main() -> None:
        async with scripted_server() as server:
            endpoint = server.endpoint(login=("gateway", _PASSWORD))._replace(database=3)
            async with _started(_client(endpoint)):
                assert server.commands == [
                    [b"AUTH", b"gateway", _PASSWORD.encode()],
                    [b"SELECT", b"3"],
                    [b"SCRIPT", b"LOAD", _SCRIPT.source],
                    [b"INFO", b"replication"],
                ]

    run(main())


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ({b"INFO": REPLICA}, "The store's node is a replica."),
        ({b"INFO": b"-LOADING data\r\n"}, "The store is loading its data."),
        ({b"AUTH": b"-WRONGPASS bad\r\n"}, "The store refuses this user and password."),
        ({b"AUTH": b"-NOAUTH no\r\n"}, "The store asks for a password."),
        ({b"AUTH": b"-ERR no user correct-horse\r\n"}, "The store refused with ERR."),
        ({b"SCRIPT": b"-NOPERM no\r\n"}, "The store's user may not do this;"),
        ({b"SELECT": b"-ERR DB index is out of range\r\n"}, "The store refused with ERR."),
    ],
)
def test_a_node_that_cannot_be_used_is_not_and_the_reason_is_told_without_the_password(
    says: dict[bytes, bytes], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with scripted_server() as server:
            server.says |= says
            endpoint = server.endpoint(login=("gateway", _PASSWORD))._replace(database=3)
            async with _started(_client(endpoint)) as client:
                error = await _refused(client.run(_SCRIPT, *_ARGUMENTS))
                assert error.explanation.startswith(why)
                assert not error.applied
                assert b"EVALSHA" not in server.names
                # It is tried again and again, and used once it can be.
                server.says = {**server.says, **dict.fromkeys(says, b"+OK\r\n")}
                server.says |= {b"INFO": b"+role:master\r\n", b"EVALSHA": b":7\r\n"}
                await until(lambda: client._connection is not None)
                assert await client.run(_SCRIPT, *_ARGUMENTS) == 7

    with caplog.at_level(logging.DEBUG):
        run(main())

    assert why in caplog.text
    assert _PASSWORD not in caplog.text


def test_nobody_there_is_an_answer_at_once_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with scripted_server() as server:
            await server.stop()
            async with _started(_client(server.endpoint())) as client:
                error = await _refused(client.run(_SCRIPT, *_ARGUMENTS))
                assert not error.applied
                assert error.explanation.startswith("No connection to the store: ")
                assert str(server.path) not in error.explanation
                await server.start()
                await until(lambda: client._connection is not None)
                assert await client.run(_SCRIPT, *_ARGUMENTS) == b"OK"

    with caplog.at_level(logging.WARNING):
        run(main())

    assert len(caplog.records) == 1


def test_a_name_that_cannot_be_looked_up_is_not_the_last_try() -> None:
    async def main() -> None:
        async with scripted_server() as server:
            endpoints = [parse_target(f"redis://{'a' * 200}").endpoints[0], server.endpoint()]

            async def locate() -> Endpoint:
                return endpoints.pop(0) if len(endpoints) > 1 else endpoints[0]

            client = SingleClient(locate, timeout=_TIMEOUT)
            async with _started(client):
                await until(lambda: client._connection is not None)

    run(main())


def test_a_lost_connection_is_made_again() -> None:
    async def act(server: ScriptedServer, client: SingleClient) -> None:
        server.says[b"EVALSHA"] = None
        call = asyncio.ensure_future(client.run(_SCRIPT, *_ARGUMENTS))
        await until(lambda: server.names == [b"EVALSHA"])
        server.hang_up()

        error = await _refused(call)
        assert error.applied
        assert "lost" in error.explanation
        server.says[b"EVALSHA"] = b":7\r\n"
        await until(lambda: server.visits == 2 and client._connection is not None)
        assert await client.run(_SCRIPT, *_ARGUMENTS) == 7

    _with_scripted(act)


def test_a_node_that_greets_too_slowly_is_not_used() -> None:
    async def main() -> None:
        async with scripted_server() as server:
            server.says[b"INFO"] = None
            client = _client(server.endpoint())
            starting = asyncio.create_task(client.start())
            await until(lambda: b"INFO" in server.names)
            await pass_time(_TIMEOUT + 0.001)
            await starting
            try:
                error = await _refused(client.run(_SCRIPT, *_ARGUMENTS))
                assert not error.applied
            finally:
                await client.aclose()

    run(main())


# Silence


def test_a_silent_store_is_left_alone_until_a_probe_has_its_reply() -> None:
    async def act(server: ScriptedServer, client: SingleClient) -> None:
        server.says[b"EVALSHA"] = None
        call = asyncio.ensure_future(client.run(_SCRIPT, *_ARGUMENTS))
        await until(lambda: server.names == [b"EVALSHA"])
        await pass_time(_TIMEOUT + 0.001)
        assert (await _refused(call)).applied

        for _ in range(3):
            error = await _refused(client.run(_SCRIPT, *_ARGUMENTS))
            assert not error.applied
            assert error.explanation == "The store does not reply; it is left alone."
        assert server.names == [b"EVALSHA"]

        await pass_time(0.06)
        probe = asyncio.ensure_future(client.run(_SCRIPT, *_ARGUMENTS))
        await until(lambda: server.names == [b"EVALSHA"] * 2)
        assert not (await _refused(client.run(_SCRIPT, *_ARGUMENTS))).applied
        # The first call's reply comes late, and is not taken for the probe's.
        server.say(b"+late\r\n+probe\r\n")
        assert await probe == b"probe"
        server.says[b"EVALSHA"] = b":7\r\n"
        assert await client.run(_SCRIPT, *_ARGUMENTS) == 7

    _with_scripted(act)


def test_a_store_that_stays_silent_is_connected_to_anew() -> None:
    async def act(server: ScriptedServer, client: SingleClient) -> None:
        server.says[b"EVALSHA"] = None
        call = asyncio.ensure_future(client.run(_SCRIPT, *_ARGUMENTS))
        await until(lambda: server.names == [b"EVALSHA"])
        await pass_time(_TIMEOUT + 0.001)
        await _refused(call)
        for _ in range(5):
            await pass_time(_TIMEOUT)

        await until(lambda: server.visits == 2 and client._connection is not None)
        server.says[b"EVALSHA"] = b":7\r\n"
        assert await client.run(_SCRIPT, *_ARGUMENTS) == 7

    _with_scripted(act)


def test_a_client_that_is_closed_says_so_and_ends_every_wait() -> None:
    closed: list[bool] = []

    async def closing() -> None:
        closed.append(True)

    async def main() -> None:
        async with scripted_server() as server:
            client = _client(server.endpoint(), closing=closing)
            await client.start()
            server.says[b"EVALSHA"] = None
            call = asyncio.ensure_future(client.run(_SCRIPT, *_ARGUMENTS))
            await until(lambda: server.names[-1] == b"EVALSHA")
            await client.aclose()

            assert (await _refused(call)).applied
            error = await _refused(client.run(_SCRIPT, *_ARGUMENTS))
            assert (error.explanation, error.applied) == ("The store's client is closed.", False)
            assert closed == [True]

    run(main())


# On real servers


@pytest.fixture(scope="module", params=list(binaries()))
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StoreServer]:
    folder = tmp_path_factory.mktemp("s")
    lines = (
        "databases 4",
        f"user gateway on >{_PASSWORD} ~* &* +@all",
        "user limited on >other ~ucp1:* +info +script",
    )
    with running_server(folder, *lines, binary=binaries()[request.param]) as running:
        yield running


def _on_real(url: str, act: Callable[[SingleClient], Awaitable[None]]) -> None:
    async def main() -> None:
        async with _started(_client(parse_target(url).endpoints[0], timeout=15.0)) as client:
            await act(client)

    asyncio.run(main())


def test_scripts_run_and_come_back_after_a_flush(server: StoreServer) -> None:
    async def act(client: SingleClient) -> None:
        assert await client.run(_SCRIPT, *_ARGUMENTS) == [b"{a}1", 42]
        server.ask("SCRIPT", "FLUSH")
        assert await client.run(_SCRIPT, *_ARGUMENTS) == [b"{a}1", 42]
        assert server.ask("SCRIPT", "EXISTS", _SCRIPT.digest) == [1]

    _on_real(server.url, act)


def test_a_user_a_password_and_a_database_are_used(server: StoreServer) -> None:
    store = Script("store", "return redis.call('SET', KEYS[1], ARGV[1])")

    async def act(client: SingleClient) -> None:
        await client.run(store, [b"here"], [b"v"])

    _on_real(server.url.replace("//", f"//gateway:{_PASSWORD}@").replace("/0", "/3"), act)

    assert b"db3:keys=1" in server.ask("INFO", "keyspace")


@pytest.mark.parametrize(
    ("login", "why"),
    [
        ("gateway:wrong-horse", "The store refuses this user and password."),
        ("limited:other", "The store's user may not do this;"),
    ],
)
def test_who_may_not_is_told_so(
    login: str, why: str, server: StoreServer, caplog: pytest.LogCaptureFixture
) -> None:
    store = Script("store", "return redis.call('SET', KEYS[1], ARGV[1])")

    async def act(client: SingleClient) -> None:
        error = await _refused(client.run(store, [b"ucp1:{a}:k"], [b"v"]))
        assert error.explanation.startswith(why)
        assert not {"wrong-horse", "ucp1"} & set(error.explanation.split())

    with caplog.at_level(logging.DEBUG):
        _on_real(server.url.replace("//", f"//{login}@"), act)
    assert "wrong-horse" not in caplog.text


def test_an_operator_finds_keys_and_fields(server: StoreServer) -> None:
    names = {b"ucp1:{%d}:claim:x" % number for number in range(1200)}
    for name in names:
        server.ask("HSET", name, "state", "unknown", "token", b"\x00\xff")
    server.ask("SET", "other", "1")

    async def act(client: SingleClient) -> None:
        assert {name async for name in client.scan(b"ucp1:*:claim:*")} == names
        assert await client.fields(min(names)) == {b"state": b"unknown", b"token": b"\x00\xff"}
        assert await client.fields(b"missing") == {}
        assert await client.eviction_policies() == ["noeviction"]
        server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        assert await client.eviction_policies() == ["allkeys-lru"]

    try:
        _on_real(server.url, act)
    finally:
        server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        server.ask("FLUSHALL")


def test_a_server_that_comes_back_is_used_again_without_anybodys_help(tmp_path: Path) -> None:
    async def main() -> None:
        with running_server(tmp_path) as server:
            endpoint = parse_target(server.unix_url).endpoints[0]
            async with _started(_client(endpoint, timeout=15.0)) as client:
                assert await client.run(_SCRIPT, *_ARGUMENTS) == [b"{a}1", 42]
                server.kill()
                await until(lambda: client._connection is None)
                assert not (await _refused(client.run(_SCRIPT, *_ARGUMENTS))).applied
                await asyncio.to_thread(server.start)
                await until(lambda: client._connection is not None)
                assert await client.run(_SCRIPT, *_ARGUMENTS) == [b"{a}1", 42]

    asyncio.run(main())
