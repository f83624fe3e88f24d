"""Replicas at one store fetch a profile as often as one process would."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from connector.platforms.fleet import PAUSE, Fleet, Lease
from connector.platforms.fleet_document import stamp_of
from connector.platforms.freshness import FLOOR
from tests.connector.platforms.profiles import fetched
from tests.connector.platforms.replicas import (
    GRACE,
    LEASE,
    URL,
    World,
    eventually,
    random_key,
    running_replicas,
    seal_with,
    url_of,
)
from tests.store_servers import running_server
from tests.store_topologies import running_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from connector.platforms.documents import Profile
    from tests.connector.platforms.replicas import Replica
    from tests.store_servers import StoreServer

SEAL = seal_with()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    with running_server(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def store(server: StoreServer) -> StoreServer:
    """The module's server, with nothing in it."""
    server.ask("FLUSHALL")
    return server


def held(store: StoreServer, url: str = URL.url) -> bytes | None:
    document: bytes | None = store.ask("HGET", SEAL.profiles, SEAL.names(url).field)
    return document


def plant(store: StoreServer, document: bytes, url: str = URL.url) -> None:
    store.ask("HSET", SEAL.profiles, SEAL.names(url).field, document)


async def shared(
    store: StoreServer, url: str = URL.url, *, other_than: bytes | None = None
) -> bytes:
    """Wait until the store has a document."""
    await eventually(lambda: held(store, url) not in (None, other_than))
    document = held(store, url)
    assert document is not None
    return document


async def all_serve(replicas: list[Replica], kid: str = "a", times: int = 1) -> Counter[str]:
    """Have every replica serve so many requests, all at once."""
    return Counter(
        await asyncio.gather(*(each.serve(kid) for each in replicas for _ in range(times)))
    )


def kept(*replicas: Replica) -> int:
    """How many documents they shared: whichever asked first has fetched the first one."""
    return sum(each.results.get("kept", 0) for each in replicas)


def test_ten_replicas_that_are_asked_at_once_fetch_once(store: StoreServer) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a")
        async with running_replicas(world, store.unix_url, 10) as replicas:
            assert await all_serve(replicas, times=5) == {"served": 50}
            assert world.fetches == [URL.url]
            assert sum(each.results.get("waited", 0) for each in replicas) == 9

    asyncio.run(scenario())


def test_what_verified_at_one_replica_is_no_stranger_at_another(store: StoreServer) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a")
        # Nobody here may fetch a second stranger's profile.
        async with running_replicas(world, store.unix_url, 2, rate=0.001, burst=1) as replicas:
            first, second = replicas
            assert await first.serve() == "served"
            await shared(store)
            assert await second.serve(url=url_of("nobody")) == "profile_unreachable"
            assert await second.serve(url=url_of("flood")) == "discovery_pending"
            assert await second.serve() == "served"
            # Past its life it says still that its URL verified: the fetch is a known platform's.
            world.now += 301
            world.publish("a", "b")
            assert await second.serve("b") == "served"
            assert world.fetches.count(URL.url) == 2

    asyncio.run(scenario())


def test_nothing_but_a_lease_is_written_before_a_signature_verified(store: StoreServer) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a")
        world.gate.clear()
        async with running_replicas(world, store.unix_url, 1) as (replica,):
            asking = asyncio.create_task(replica.serve(signed=False))
            await eventually(lambda: bool(world.fetches))
            lease = SEAL.names(URL.url).lease
            assert store.ask("KEYS", "*") == [lease]
            assert 0 < store.ask("PTTL", lease) <= LEASE * 1000
            world.gate.set()
            assert await asking == "signature_invalid"
            assert store.ask("KEYS", "*") in ([lease], [])
            assert store.ask("PTTL", lease) <= GRACE * 1000
            # It may verify later, and then the document is shared though nobody fetches.
            assert await replica.serve() == "served"
            await shared(store)

    asyncio.run(scenario())


def test_another_replica_fetches_where_the_first_ones_document_never_verified(
    store: StoreServer,
) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a")
        async with running_replicas(world, store.unix_url, 2) as (first, second):
            assert await first.serve(signed=False) == "signature_invalid"
            assert await second.serve() == "served"
            assert len(world.fetches) == 2

    asyncio.run(scenario())


def test_one_fetch_for_each_life_however_many_requests(store: StoreServer) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a", max_age=120)
        async with running_replicas(world, store.unix_url) as replicas:
            for life in range(1, 4):
                for _ in range(3):
                    assert await all_serve(replicas, times=10) == {"served": 30}
                    world.now += 40
                assert len(world.fetches) == life

    asyncio.run(scenario())


def test_what_is_stale_is_fetched_again_once_behind_everybodys_back(store: StoreServer) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a", max_age=60, stale=60)
        async with running_replicas(world, store.unix_url) as replicas:
            assert await all_serve(replicas) == {"served": 3}
            world.now += 61
            assert await all_serve(replicas, times=5) == {"served": 15}
            await eventually(lambda: not any(each.discovery._flights for each in replicas))
            world.now += 58
            assert await all_serve(replicas, times=5) == {"served": 15}
            assert len(world.fetches) == 2

    asyncio.run(scenario())


def test_sharing_lengthens_no_life(store: StoreServer) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a", max_age=300)
        async with running_replicas(world, store.unix_url, 2) as (first, second):
            assert await first.serve() == "served"
            await shared(store)
            world.now += 299
            assert await second.serve() == "served"
            world.publish("b")
            world.now += 2
            assert await second.serve() == "key_not_found"
            assert len(world.fetches) == 2

    asyncio.run(scenario())


def test_a_registered_platforms_document_lives_longer_for_it(store: StoreServer) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a", max_age=3000)
        async with running_replicas(world, store.unix_url, 2) as (first, second):
            assert await first.serve() == "served"
            await shared(store)
            world.now += 2000
            assert await second.serve(registered=True) == "served"
            assert len(world.fetches) == 1

    asyncio.run(scenario())


def test_a_registered_platforms_document_outlives_any_number_of_others(
    store: StoreServer,
) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a", max_age=600)
        others = [url_of(f"p{number}") for number in range(10)]
        async with running_replicas(world, store.unix_url, 2, entries=5) as (first, second):
            assert await first.serve(registered=True) == "served"
            await shared(store)
            world.now += 1
            for url in others:
                world.publish("a", url=url)
                assert await first.serve(url=url) == "served"
                await shared(store, url.url)
            assert held(store, others[0].url) is None
            assert await second.serve(registered=True) == "served"
            assert world.fetches.count(URL.url) == 1

    asyncio.run(scenario())


def test_what_was_taken_over_is_not_shared_once_more(store: StoreServer) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a")
        async with running_replicas(world, store.unix_url, 2) as (first, second):
            # What the first one fetched never verified there: it waits to be shared.
            assert await first.serve(signed=False) == "signature_invalid"
            world.now += 100
            world.publish("a", "b")
            assert await second.serve("b") == "served"
            own = await shared(store)
            assert await first.serve("b") == "served"
            assert first.results["found"] == 1
            assert not first.discovery._fleet._writes  # type: ignore[union-attr] # there is one
            assert "kept" not in first.results
            assert held(store) == own
            assert len(world.fetches) == 2

    asyncio.run(scenario())


def test_one_refresh_for_a_new_key_wherever_it_is_used_first(store: StoreServer) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a")
        async with running_replicas(world, store.unix_url) as replicas:
            assert await all_serve(replicas) == {"served": 3}
            world.now += 100
            world.publish("a", "b")
            assert await all_serve(replicas, "b", times=10) == {"served": 30}
            assert len(world.fetches) == 2

    asyncio.run(scenario())


def test_one_refresh_for_each_unknown_kid_and_floor(store: StoreServer) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a")
        async with running_replicas(world, store.unix_url) as replicas:
            assert await all_serve(replicas) == {"served": 3}
            for floor in range(1, 4):
                world.now += FLOOR + 1
                # As many kids as requests; the fleet's mark stands by the store's own clock.
                store.ask("DEL", SEAL.names(URL.url).mark)
                codes: Counter[str] = Counter()
                for number in range(20):
                    world.now += 2
                    codes += await all_serve(replicas, f"nobody's {number}")
                assert codes.keys() <= {"key_not_found", "discovery_pending"}
                assert codes["key_not_found"] >= 3
                assert len(world.fetches) == 1 + floor
            assert await all_serve(replicas) == {"served": 3}

    asyncio.run(scenario())


def test_a_refresh_that_failed_is_spent_for_nobody_else(store: StoreServer) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a")
        async with running_replicas(world, store.unix_url, 2) as (first, second):
            assert await all_serve([first, second]) == {"served": 2}
            world.now += 100
            failing, world.documents = world.documents, {}
            assert await first.serve("b") == "profile_unreachable"
            world.documents = failing
            world.publish("a", "b")
            assert await second.serve("b") == "served"
            # The first one has spent its own, and takes what the second one shared.
            await eventually(lambda: kept(first, second) == 2)
            world.now += PAUSE + 0.5
            assert await first.serve("b") == "served"
            assert len(world.fetches) == 3

    asyncio.run(scenario())


def test_a_clock_that_is_ahead_makes_no_document_newer_than_it_is(store: StoreServer) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a")
        async with running_replicas(world, store.unix_url, 2) as (first, second):
            assert await all_serve([first, second]) == {"served": 2}
            world.now += 100
            world.publish("a", "b")
            assert await first.serve("b") == "served"
            await eventually(lambda: kept(first, second) == 2)
            # The first one's clock is 20 s ahead: what it got just now is older than what is asked.
            world.now -= 20
            world.publish("a", "b", "c")
            assert await second.serve("c") == "served"

    asyncio.run(scenario())


def test_a_refresh_that_changed_what_is_known_is_not_spent_for_the_others(
    store: StoreServer,
) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a")
        async with running_replicas(world, store.unix_url, 2) as (first, second):
            assert await all_serve([first, second]) == {"served": 2}
            world.now += 100
            world.publish("a", "b")
            # Somebody who can sign nothing has the first replica fetch what it may not share.
            assert await first.serve("c") == "key_not_found"
            assert await second.serve("b") == "served"
            assert len(world.fetches) == 3

    asyncio.run(scenario())


def test_a_key_that_is_published_a_minute_ahead_fails_no_request(store: StoreServer) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a", max_age=600)
        codes: Counter[str] = Counter()
        async with running_replicas(world, store.unix_url) as replicas:
            for second in range(0, 900, 5):
                world.now += 5
                # The store's clock stands still beside this one: its marks end by this one's.
                if second % 60 == 0:
                    store.ask("DEL", SEAL.names(URL.url).mark)
                if second == 300:
                    world.publish("a", "b", max_age=600)
                kid = "a" if second < 360 else "b"
                # Somebody asks with kids of his own all the while.
                await replicas[second // 5 % 3].serve(f"nobody's {second}")
                codes += await all_serve(replicas, kid)
                if second == 600:
                    world.publish("b", max_age=600)
        assert codes == {"served": 540}

    asyncio.run(scenario())


def test_a_key_that_is_withdrawn_stops_verifying_when_its_document_ends(
    store: StoreServer,
) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a", "b", max_age=600)
        async with running_replicas(world, store.unix_url) as replicas:
            assert await replicas[0].serve("a") == "served"
            await shared(store)
            world.publish("b", max_age=600)
            for _ in range(10):
                world.now += 60
                await all_serve(replicas, "b")
            world.now += 1
            assert await all_serve(replicas, "a") == {"key_not_found": 3}

    asyncio.run(scenario())


def _as_other_url(world: World, own: bytes, profile: Profile) -> bytes:
    del world, own
    return SEAL.seal(profile._replace(url=url_of("attacker")))


def _by_another_key(world: World, own: bytes, profile: Profile) -> bytes:
    del world, own
    return seal_with(random_key()).seal(profile)


def _by_other_settings(world: World, own: bytes, profile: Profile) -> bytes:
    del world, own
    return seal_with(nested_keys=True).seal(profile)


def _younger_than_it_is(world: World, own: bytes, profile: Profile) -> bytes:
    del profile
    return b"%016d" % (world.now * 1_000_000) + own[16:]


def _from_the_future(world: World, own: bytes, profile: Profile) -> bytes:
    del own
    later = world.now + 3600
    return SEAL.seal(profile._replace(fetched_at=later, received_at=later))


FORGED = {
    "nothing": lambda *_: b"0",
    "no seal": lambda *_: b"9" * 300,
    "one bit": lambda _, own, __: own[:-1] + bytes([own[-1] ^ 1]),
    "cut": lambda _, own, __: own[:-1],
    "another platform's": _as_other_url,
    "another fleet's": _by_another_key,
    "another reading": _by_other_settings,
    "a new stamp": _younger_than_it_is,
    "the future": _from_the_future,
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_document_in_the_store_is_refused_and_counted(
    name: str, store: StoreServer
) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a")
        async with running_replicas(world, store.unix_url, 2) as (first, second):
            assert await first.serve() == "served"
            own = await shared(store)
            world.now += 10
            profile = SEAL.open(URL, own)
            plant(store, FORGED[name](world, own, profile))
            assert await second.serve() == "served"
            # By its own fetch, as if nothing were there.
            assert len(world.fetches) == 2
            assert second.results["refused"] >= 1
            assert "found" not in second.results

    asyncio.run(scenario())


def test_a_document_that_is_rolled_back_in_the_store_is_refused_and_counted(
    store: StoreServer,
) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a", max_age=60)
        async with running_replicas(world, store.unix_url, 2) as (first, second):
            assert await all_serve([first, second]) == {"served": 2}
            older = await shared(store)
            world.now += 30
            world.publish("b", max_age=60)
            assert await first.serve("b") == "served"
            newer = await shared(store, other_than=older)
            assert await second.serve("b") == "served"
            assert len(world.fetches) == 2
            plant(store, older)
            # Within its own life the older one would verify with a key that was withdrawn.
            world.now += 29
            profile = second.discovery.lookup(URL.url, world.now)
            assert profile is not None
            assert stamp_of(profile) == newer[:16]
            second.discovery._cache.put(URL.url, profile, 1 << 40)  # driven out by its own kind
            world.now += PAUSE + 0.5
            assert await second.serve("a") == "key_not_found"
            assert second.results["rolled_back"] >= 1

    asyncio.run(scenario())


def test_a_replica_that_died_while_it_fetched_is_not_waited_for_longer_than_its_lease(
    store: StoreServer,
) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a")
        store.ask("SET", SEAL.names(URL.url).lease, "a dead one's", "PX", 60_000)
        async with running_replicas(world, store.unix_url, 2, lease=0.2) as replicas:
            assert await all_serve(replicas) == {"served": 2}
            assert len(world.fetches) == 2

    asyncio.run(scenario())


def test_a_lease_without_an_end_is_not_looked_at_without_a_pause(
    store: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    pause = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await pause(seconds)

    async def scenario() -> None:
        world = World()
        async with running_replicas(world, store.unix_url, 1, lease=0.2) as (replica,):
            store.ask("SET", SEAL.names(URL.url).lease, "nobody's")
            fleet = Fleet(replica.store, clock=world.clock, entries=9)
            monkeypatch.setattr(asyncio, "sleep", noted)
            turn = await fleet.turn(URL, None, refreshing=False, usable=lambda _: True, since=0.0)
            monkeypatch.undo()
            assert turn == Lease(b"", world.now, refreshing=False)
            assert pauses
            assert min(pauses) > 0

    asyncio.run(scenario())


def test_without_the_store_each_works_from_its_own_cache(tmp_path: Path) -> None:
    async def scenario() -> None:
        world = World()
        world.publish("a")
        with running_server(tmp_path) as server:
            async with running_replicas(world, server.unix_url) as replicas:
                first, second, third = replicas
                assert await all_serve([first, second]) == {"served": 2}
                server.kill()
                assert await all_serve(replicas, times=5) == {"served": 15}
                # The one that had nothing yet fetched by itself.
                assert len(world.fetches) == 2
                assert third.results["unavailable"] >= 1
                world.now += 301
                assert await all_serve(replicas, times=5) == {"served": 15}
                assert len(world.fetches) == 5

    asyncio.run(scenario())


def test_a_store_that_does_not_answer_holds_nobody_up_once_its_breaker_is_open(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        world = World()
        urls = [url_of(f"p{number}") for number in range(10)]
        for url in urls:
            world.publish("a", url=url)
        with running_server(tmp_path) as server:
            async with running_replicas(world, server.unix_url, 1, timeout=0.3) as (replica,):
                server.pause()
                codes = await asyncio.gather(*(replica.serve(url=url) for url in urls))
                server.resume()
                assert set(codes) == {"served"}
                assert len(world.fetches) == 10

    asyncio.run(scenario())


def test_a_cluster_does_as_a_single_server_does(tmp_path: Path) -> None:
    async def scenario(url: str) -> None:
        world = World()
        urls = [url_of(f"p{number}") for number in range(8)]
        for each in urls:
            world.publish("a", url=each)
        async with running_replicas(world, url, grace=10.0) as replicas:
            codes = await asyncio.gather(
                *(replica.serve(url=each) for each in urls for replica in replicas)
            )
            assert set(codes) == {"served"}
            assert sorted(world.fetches) == sorted(each.url for each in urls)

    with running_cluster(tmp_path, 2) as cluster:
        asyncio.run(scenario(cluster.url))


def test_what_is_too_large_to_share_is_served_all_the_same(store: StoreServer) -> None:
    async def scenario() -> None:
        world = World()
        world.publish(*(f"{number:0>256}" for number in range(31)), "a")
        body = world.documents[URL.url].body.replace(b'"EC"', b'"' + b"\xc3\xa4" * 128 + b'"', 31)
        body = body.replace(b'"P-256"', b'"' + b"\xc3\xa4" * 128 + b'"', 31)
        body = body.replace(b"0000", b"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4")
        world.documents[URL.url] = fetched(body, "max-age=300")
        async with running_replicas(world, store.unix_url, 1) as (replica,):
            assert await replica.serve() == "served"
            await eventually(lambda: "too_large" in replica.results)
            assert held(store) is None

    asyncio.run(scenario())
