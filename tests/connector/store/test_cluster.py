from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from redis.crc import key_slot

from connector.store.cluster import ClusterClient
from connector.store.errors import StoreUnavailable
from connector.store.scripts import Script
from connector.store.targets import parse_target
from tests.store_servers import HOST, PATIENCE, running_server
from tests.store_topologies import Cluster, Node, running_cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator
    from pathlib import Path

WORD = "s3cr3t"
PATIENT, HASTY = 15.0, 0.3
"""Seconds that a call may take: where it has to come to something, and where it has not."""
BOTH_WAYS = 3.0
"""The same for a client of which some calls come to something and others run into their time."""
ADD = Script("add", "return redis.call('INCRBY', KEYS[1], ARGV[1])")
BOTH = Script("both", "return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])}")
BREAKS = Script("breaks", "redis.call('SET', KEYS[1], 'x') return redis.call('INCR', KEYS[1])")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    options = (f"user gateway on >{WORD} +@all ~* &*", f"user reader on >{WORD} +cluster ~*")
    with running_cluster(tmp_path_factory.mktemp("c"), 3, 1, *options) as cluster:
        yield cluster


def url_of(cluster: Cluster, user: str = "gateway", word: str = WORD) -> str:
    return cluster.url.replace("//", f"//{user}:{word}@")


@asynccontextmanager
async def opened(url: str, timeout: float = PATIENT) -> AsyncIterator[ClusterClient]:  # noqa: ASYNC109 - the client's
    client = ClusterClient(parse_target(url), timeout=timeout)
    try:
        await client.start()
        yield client
    finally:
        await client.aclose()


@contextmanager
def paused(server: Node) -> Iterator[None]:
    server.pause()
    try:
        yield
    finally:
        server.resume()


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 2 * PATIENCE))


async def until_added(client: ClusterClient, key: bytes) -> None:
    """Return once a call came to something."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(StoreUnavailable):
                await client.run(ADD, [key], [b"1"])
                return
            await asyncio.sleep(0.01)


async def until_left_alone(client: ClusterClient, key: bytes) -> None:
    """Call until a call is refused without being sent; those before it ran into their time."""
    for _ in range(20):
        with pytest.raises(StoreUnavailable) as refused:
            await client.run(ADD, [key], [b"1"])
        if "left alone" in refused.value.explanation:
            assert not refused.value.applied
            return
    raise AssertionError("never left alone")


async def until_late_between_attempts(client: ClusterClient, keys: list[bytes]) -> None:
    """Call until the time was up while nothing was on its way: what is may have been applied."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with pytest.raises(StoreUnavailable) as late:
                await client.run(BOTH, keys, [])
            if "in time" in late.value.explanation and not late.value.applied:
                return
            await asyncio.sleep(0.01)


def other_key(cluster: Cluster, owner: Node) -> bytes:
    """Return a key of another shard."""
    keys = (b"{other%d}" % number for number in range(1000))
    return next(key for key in keys if cluster.owner_of(key) is not owner)


def other_owner(cluster: Cluster, owner: Node) -> Node:
    return cluster.owner_of(other_key(cluster, owner))


# What a client does


def test_a_script_runs_where_its_keys_are(cluster: Cluster) -> None:
    async def scenario() -> None:
        async with opened(url_of(cluster)) as client:
            for tag in range(20):
                key = b"{runs%d}" % tag
                assert await client.run(ADD, [key], [b"5"]) == 5
                assert await client.run(BOTH, [key, key + b"2"], []) == [b"5", None]
                assert cluster.owner_of(key).ask("GET", key) == b"5"

    run(scenario())


def test_a_thousand_calls_in_flight_all_get_their_replies(cluster: Cluster) -> None:
    async def scenario() -> None:
        async with opened(url_of(cluster)) as client:
            calls = (client.run(ADD, [b"{many%d}" % n], [b"%d" % n]) for n in range(1000))
            assert await asyncio.gather(*calls) == list(range(1000))

    run(scenario())


def test_scripts_that_a_node_has_forgotten_run_all_the_same(cluster: Cluster) -> None:
    async def scenario() -> None:
        async with opened(url_of(cluster)) as client:
            assert await client.run(ADD, [b"flushed"], [b"1"]) == 1
            cluster.owner_of(b"flushed").ask("SCRIPT", "FLUSH")
            assert await client.run(ADD, [b"flushed"], [b"1"]) == 2

    run(scenario())


def test_hashes_keys_and_policies_are_read_from_all_primaries(cluster: Cluster) -> None:
    keys = {b"read:{%d}" % number for number in range(30)}
    for key in keys:
        cluster.owner_of(key).ask("HSET", key, "name", key)

    async def scenario() -> None:
        async with opened(url_of(cluster)) as client:
            assert {key async for key in client.scan(b"read:*")} == keys
            assert await client.fields(b"read:{7}") == {b"name": b"read:{7}"}
            assert await client.fields(b"read:{none}") == {}
            cluster.owner_of(b"read:{7}").ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            policies = sorted(await client.eviction_policies())
            assert policies == ["allkeys-lru", "noeviction", "noeviction"]

    try:
        run(scenario())
    finally:
        cluster.owner_of(b"read:{7}").ask("CONFIG", "SET", "maxmemory-policy", "noeviction")


def test_replicas_are_waited_for_on_the_connection_that_wrote(cluster: Cluster) -> None:
    key = b"{waits}"
    replica = cluster.replicas_of[cluster.owner_of(key).port][0]

    async def scenario() -> None:
        async with opened(url_of(cluster), BOTH_WAYS) as client:
            assert await client.run(ADD, [key], [b"1"], replicas=1) == 1
            with pytest.raises(StoreUnavailable, match="1 of 2 replicas") as short:
                await client.run(ADD, [key], [b"1"], replicas=2)
            assert short.value.applied
            # On any other connection WAIT has nothing to wait for, and counts the replica.
            with paused(replica), pytest.raises(StoreUnavailable, match="0 of 1") as none:
                await client.run(ADD, [key], [b"1"], replicas=1)
            assert none.value.applied
            assert await client.run(ADD, [key], [b"0"]) == 3

    run(scenario())


# What it does while slots move


def test_no_call_is_lost_or_repeated_while_a_slot_moves(cluster: Cluster) -> None:
    key = b"{moves}"
    source = cluster.owner_of(key)
    target = other_owner(cluster, source)
    moved = asyncio.Event()

    async def call_on(client: ClusterClient, number: int) -> int:
        calls = 0
        while not moved.is_set():
            await client.run(ADD, [key], [b"1"])
            await client.run(ADD, [b"{moves}%d:%d" % (number, calls)], [b"1"], replicas=1)
            calls += 1
        return calls

    async def scenario() -> None:
        async with opened(url_of(cluster)) as client:
            callers = [asyncio.create_task(call_on(client, number)) for number in range(20)]
            for ends in ((source, target), (target, source)):
                await asyncio.to_thread(cluster.move_slot, key_slot(key), *ends)
            moved.set()
            calls = sum(await asyncio.gather(*callers))
            assert await client.run(ADD, [key], [b"0"]) == calls > 0
            assert len([each async for each in client.scan(b"{moves}?*")]) == calls

    run(scenario())


def test_a_key_that_is_on_its_way_is_asked_for_where_it_goes(cluster: Cluster) -> None:
    key = b"{asks}"
    slot, source = key_slot(key), cluster.owner_of(key)
    target = other_owner(cluster, source)

    async def scenario() -> None:
        async with opened(url_of(cluster)) as client:
            cluster.begin_move(slot, source, target)
            target.ask("SCRIPT", "FLUSH")
            # Many at once, so that there are many connections to the target.
            calls = (client.run(ADD, [key], [b"1"], replicas=1) for _ in range(100))
            assert sorted(await asyncio.gather(*calls)) == list(range(1, 101))
            assert source.ask("CLUSTER", "COUNTKEYSINSLOT", slot) == 0
            await asyncio.to_thread(cluster.finish_move, slot, source, target)
            assert await client.run(ADD, [key], [b"1"]) == 101

    run(scenario())


def test_keys_that_are_apart_are_asked_for_until_they_are_together(cluster: Cluster) -> None:
    key = b"{apart}"
    slot, source = key_slot(key), cluster.owner_of(key)
    target = other_owner(cluster, source)
    for name in (key, key + b"2"):
        source.ask("SET", name, "there")

    async def scenario() -> None:
        async with opened(url_of(cluster)) as client, opened(url_of(cluster), HASTY) as hasty:
            await until_added(hasty, b"there")
            cluster.begin_move(slot, source, target)
            cluster.carry_keys(slot, source, target, most=1)
            await until_late_between_attempts(hasty, [key, key + b"2"])
            call = asyncio.create_task(client.run(BOTH, [key, key + b"2"], []))
            await asyncio.to_thread(cluster.carry_keys, slot, source, target)
            await asyncio.to_thread(cluster.finish_move, slot, source, target)
            assert await call == [b"there", b"there"]

    run(scenario())


# What it does when something is wrong


def test_what_the_store_refuses_was_not_applied(cluster: Cluster) -> None:
    owner = cluster.owner_of(b"refused")

    async def scenario() -> None:
        async with opened(url_of(cluster)) as client:
            owner.ask("CONFIG", "SET", "maxmemory", 1)
            with pytest.raises(StoreUnavailable, match="memory is full") as full:
                await client.run(ADD, [b"refused"], [b"1"])
            owner.ask("CONFIG", "SET", "maxmemory", 0)
            assert not full.value.applied
            assert await client.run(ADD, [b"refused"], [b"1"]) == 1

    run(scenario())


def test_a_script_that_breaks_off_may_have_written(cluster: Cluster) -> None:
    async def scenario() -> None:
        async with opened(url_of(cluster)) as client:
            with pytest.raises(StoreUnavailable) as broken:
                await client.run(BREAKS, [b"broken"], [])
            assert broken.value.applied
            assert "broken" not in str(broken.value)

    run(scenario())


def test_a_user_without_the_rights_is_told_so(cluster: Cluster) -> None:
    async def scenario() -> None:
        async with opened(url_of(cluster, "reader")) as client:
            with pytest.raises(StoreUnavailable, match="may not do this") as refused:
                await client.run(ADD, [b"denied"], [b"1"])
            assert not refused.value.applied

    run(scenario())


def test_a_wrong_password_is_said_and_never_shown(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with opened(url_of(cluster, word=f"{WORD}-not")) as client:
            with pytest.raises(StoreUnavailable, match="refuses this user") as refused:
                await client.run(ADD, [b"denied"], [b"1"])
            assert not refused.value.applied
            assert WORD not in f"{refused.value!r} {client!r} {caplog.text}"

    with caplog.at_level(logging.DEBUG):
        run(scenario())


def test_a_connection_that_the_node_has_closed_costs_no_call(cluster: Cluster) -> None:
    async def scenario() -> None:
        async with opened(url_of(cluster)) as client:
            calls = (client.run(ADD, [b"closed"], [b"1"]) for _ in range(50))
            await asyncio.gather(*calls)
            cluster.owner_of(b"closed").ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            calls = (client.run(ADD, [b"closed"], [b"1"]) for _ in range(50))
            assert sorted(await asyncio.gather(*calls)) == list(range(51, 101))

    run(scenario())


def test_a_node_that_does_not_reply_keeps_only_its_own_callers(cluster: Cluster) -> None:
    key = b"paused"
    owner = cluster.owner_of(key)
    other = other_key(cluster, owner)

    async def scenario() -> None:
        async with opened(url_of(cluster), BOTH_WAYS) as client:
            assert await client.run(ADD, [key], [b"1"]) == 1
            with paused(owner):
                calls = [client.run(ADD, [key], [b"1"]) for _ in range(200)]
                calls += [client.run(ADD, [other], [b"1"]) for _ in range(10)]
                came = await asyncio.gather(*calls, return_exceptions=True)
                late, served = came[:200], came[200:]
                assert all(isinstance(each, StoreUnavailable) for each in late)
                assert any(isinstance(each, StoreUnavailable) and each.applied for each in late)
                assert sorted(map(str, served)) == sorted(map(str, range(1, 11)))
                await until_left_alone(client, key)
            await until_added(client, key)
            calls = [client.run(ADD, [key], [b"0"]) for _ in range(10)]
            assert len(set(await asyncio.gather(*calls))) == 1

    run(scenario())
    cluster.await_ok()


def test_calls_under_way_end_when_the_client_is_closed(cluster: Cluster) -> None:
    owner = cluster.owner_of(b"closing")

    async def scenario() -> None:
        async with opened(url_of(cluster)) as client:
            await client.run(ADD, [b"closing"], [b"1"])
            with paused(owner):
                calls = [
                    asyncio.create_task(client.run(ADD, [b"closing"], [b"1"])) for _ in range(100)
                ]
                # So that they are all on their way.
                await client.run(ADD, [other_key(cluster, owner)], [b"1"])
                await client.aclose()
                came = await asyncio.gather(*calls, return_exceptions=True)
        assert {str(each) for each in came} == {"The store's client is closed."}
        with pytest.raises(StoreUnavailable, match="closed") as closed:
            await client.run(ADD, [b"closing"], [b"1"])
        assert not closed.value.applied

    run(scenario())
    cluster.await_ok()


def test_a_client_that_was_not_started_is_unavailable() -> None:
    async def scenario() -> None:
        client = ClusterClient(parse_target("redis+cluster://h"), timeout=HASTY)
        with pytest.raises(StoreUnavailable) as refused:
            await client.run(ADD, [b"key"], [b"1"])
        assert not refused.value.applied
        with pytest.raises(StoreUnavailable):
            await client.eviction_policies()
        await client.aclose()

    run(scenario())


def test_another_kind_of_target_is_refused() -> None:
    with pytest.raises(ValueError, match="kind cluster"):
        ClusterClient(parse_target("redis://h"), timeout=HASTY)


# The last one with the cluster that they share: one of its servers stays dead.
def test_when_a_primary_dies_its_replica_serves_its_callers(cluster: Cluster) -> None:
    key = b"dies"
    owner = cluster.owner_of(key)

    async def scenario() -> None:
        async with opened(url_of(cluster)) as client:
            assert await client.run(ADD, [key], [b"1"]) == 1
            cluster.hasten_failover()
            owner.kill()
            with pytest.raises(StoreUnavailable):
                await client.run(ADD, [key], [b"1"])
            await until_added(client, key)
            assert cluster.owner_of(key) is not owner

    run(scenario())


def test_a_cluster_that_comes_later_is_found(tmp_path: Path) -> None:
    later = Cluster(tmp_path, 1, 0, ())

    async def scenario() -> None:
        async with opened(later.url) as client:
            with pytest.raises(StoreUnavailable) as refused:
                await client.run(ADD, [b"key"], [b"1"])
            assert not refused.value.applied
            await asyncio.to_thread(later.assemble)
            await until_added(client, b"key")

    try:
        run(scenario())
    finally:
        later.close()


def test_a_server_that_is_no_cluster_is_unavailable(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:

        async def scenario() -> None:
            async with opened(f"redis+cluster://{HOST}:{server.port}", HASTY) as client:
                with pytest.raises(StoreUnavailable) as refused:
                    await client.run(ADD, [b"key"], [b"1"])
                assert not refused.value.applied

        run(scenario())
