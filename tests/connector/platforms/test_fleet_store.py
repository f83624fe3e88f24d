"""What replicas leave in the store: capped, in order, and gone when nobody needs it."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from connector.platforms.documents import Profile, read_profile
from connector.platforms.fleet_document import MAX_OCTETS
from connector.platforms.fleet_store import SKEW, FleetStore
from connector.store.opening import open_store
from tests.connector.platforms.profiles import fetched, profile_json
from tests.connector.platforms.replicas import seal_with, url_of
from tests.store_servers import binaries, running_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.store_servers import StoreServer

ROOT = Path(__file__).parents[3]
SEAL = seal_with()
NOW = float(round(time.time()))
KID = {"kty": "none", "kid": "k" * 200}


@pytest.fixture(scope="module", params=list(binaries()))
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StoreServer]:
    folder = tmp_path_factory.mktemp(request.param)
    with running_server(folder, binary=binaries()[request.param]) as running:
        yield running


@pytest.fixture
def store(server: StoreServer) -> StoreServer:
    """The module's server, with nothing in it."""
    server.ask("FLUSHALL")
    return server


def run(
    store: StoreServer,
    scenario: Callable[[FleetStore], Awaitable[None]],
    *,
    entries: int = 100,
    octets: int = 1_000_000,
    login: str = "",
) -> None:
    async def started() -> None:
        client = open_store(f"unix://{login}{store.unix_path}", directory=Path(), timeout=15.0)
        await client.start()
        fleet = FleetStore(
            client, SEAL, clock=lambda: NOW, entries=entries, lease=6.0, octets=octets
        )
        try:
            await scenario(fleet)
        finally:
            await client.aclose()

    asyncio.run(started())


def profile(name: str, at: float = NOW) -> Profile:
    return read_profile(
        url_of(name),
        fetched(profile_json(KID), "max-age=600"),
        fetched_at=at,
        received_at=at,
    )


def kept(store: StoreServer) -> set[bytes]:
    return set(store.ask("HKEYS", SEAL.profiles))


def field(name: str) -> bytes:
    return SEAL.names(url_of(name).url).field


def check_books(store: StoreServer) -> None:
    """What the store says that it keeps is what it keeps."""
    fields: list[bytes] = []
    for ages, octets in (
        (SEAL.ages, SEAL.octets),
        (SEAL.registered_ages, SEAL.registered_octets),
    ):
        own = store.ask("ZRANGE", ages, 0, -1)
        lengths = [store.ask("HSTRLEN", SEAL.profiles, each) for each in own]
        assert int(store.ask("GET", octets)) == sum(lengths)
        fields += own
    # Each stands in one of the two.
    assert sorted(fields) == sorted(kept(store))


def test_the_oldest_go_where_there_are_too_many(store: StoreServer) -> None:
    async def scenario(fleet: FleetStore) -> None:
        for number in range(30):
            await fleet.keep(profile(f"p{number}", NOW - 30 + number), registered=False)
            assert len(kept(store)) <= 10
        check_books(store)
        assert kept(store) == {field(f"p{number}") for number in range(20, 30)}

    run(store, scenario, entries=10)


def test_the_oldest_go_where_they_are_too_heavy(store: StoreServer) -> None:
    async def scenario(fleet: FleetStore) -> None:
        for number in range(30):
            await fleet.keep(profile(f"p{number}", NOW - 30 + number), registered=False)
            assert int(store.ask("GET", SEAL.octets)) <= 4000
        check_books(store)
        assert field("p29") in kept(store)
        assert len(kept(store)) >= 4

    run(store, scenario, octets=4000)


@pytest.mark.parametrize(("entries", "octets"), [(5, 1_000_000), (100, 4000)])
def test_strangers_drive_no_registered_platform_out(
    store: StoreServer, entries: int, octets: int
) -> None:
    async def scenario(fleet: FleetStore) -> None:
        await fleet.keep(profile("known", NOW - 60), registered=True)
        for number in range(30):
            await fleet.keep(profile(f"p{number}", NOW - 30 + number), registered=False)
        assert (await fleet.seek(url_of("known"), b"")).word == "held"
        assert field("p0") not in kept(store)
        check_books(store)
        # Nor do they in its own name, where another merchant has not registered it.
        await fleet.keep(profile("known", NOW - 50), registered=False)
        for number in range(30):
            await fleet.keep(profile(f"q{number}", NOW - 30 + number), registered=False)
        assert field("known") in kept(store)
        check_books(store)

    run(store, scenario, entries=entries, octets=octets)


def test_registered_platforms_have_their_cap_and_leave_strangers_theirs(
    store: StoreServer,
) -> None:
    async def scenario(fleet: FleetStore) -> None:
        await fleet.keep(profile("p", NOW - 60), registered=False)
        await fleet.keep(profile("later", NOW - 60), registered=False)
        await fleet.keep(profile("later", NOW - 1), registered=True)
        for number in range(30):
            await fleet.keep(profile(f"k{number}", NOW - 30 + number), registered=True)
        assert len(kept(store)) == 11
        assert {field("p"), field("later"), field("k29")} <= kept(store)
        check_books(store)

    run(store, scenario, entries=10)


def test_many_at_once_keep_the_books(store: StoreServer) -> None:
    async def scenario(fleet: FleetStore) -> None:
        await asyncio.gather(
            *(
                fleet.keep(profile(f"p{number % 80}", NOW - number % 7), registered=number % 2 == 0)
                for number in range(800)
            )
        )
        assert len(kept(store)) == 40
        check_books(store)

    run(store, scenario, entries=20)


def test_an_older_document_never_takes_the_place_of_a_newer_one(store: StoreServer) -> None:
    async def scenario(fleet: FleetStore) -> None:
        await fleet.keep(profile("p", NOW - 5), registered=False)
        await fleet.keep(profile("p", NOW - 10), registered=False)
        await fleet.keep(profile("p", NOW - 5), registered=False)
        assert +fleet.results == {"kept": 1}
        sought = await fleet.seek(url_of("p"), b"")
        assert sought.profile is not None
        assert sought.profile.fetched_at == NOW - 5

    run(store, scenario)


def test_what_was_taken_over_can_be_passed_on_as_it_was(store: StoreServer) -> None:
    async def scenario(fleet: FleetStore) -> None:
        await fleet.keep(profile("p", NOW - 5), registered=False)
        found = (await fleet.seek(url_of("p"), b"")).profile
        assert found is not None
        # It knows that much less by another clock, but came when it came.
        assert (found.fetched_at, found.received_at) == (NOW - 5, NOW - 5)
        assert found.current_at == NOW - 5 - SKEW
        store.ask("FLUSHALL")
        await fleet.keep(found, registered=False)
        again = (await fleet.seek(url_of("p"), b"")).profile
        assert again is not None
        assert again.received_at == NOW - 5
        assert not fleet.results["refused"]

    run(store, scenario)


def test_a_planted_document_of_the_future_keeps_nobody_out(store: StoreServer) -> None:
    async def scenario(fleet: FleetStore) -> None:
        planted = b"%016d" % ((NOW + 3600) * 1_000_000) + b"anything"
        store.ask("HSET", SEAL.profiles, field("p"), planted)
        await fleet.keep(profile("p"), registered=False)
        assert +fleet.results == {"kept": 1}

    run(store, scenario)


def test_what_is_longer_than_any_document_is_not_even_read(store: StoreServer) -> None:
    async def scenario(fleet: FleetStore) -> None:
        store.ask("HSET", SEAL.profiles, field("p"), b"9" * (MAX_OCTETS + 1))
        assert (await fleet.seek(url_of("p"), b"")).word == "nothing"
        await fleet.keep(profile("p"), registered=False)
        assert (await fleet.seek(url_of("p"), b"")).word == "held"

    run(store, scenario)


def test_what_is_of_no_use_any_more_goes_with_the_next_one(store: StoreServer) -> None:
    async def scenario(fleet: FleetStore) -> None:
        await fleet.keep(profile("old", NOW - 600), registered=False)
        await fleet.keep(profile("older", NOW - 3990), registered=False)
        await fleet.keep(profile("new"), registered=False)
        assert kept(store) == {field("old"), field("new")}
        check_books(store)

    run(store, scenario)


def test_everything_in_the_store_has_its_end(store: StoreServer) -> None:
    async def scenario(fleet: FleetStore) -> None:
        await fleet.keep(profile("p"), registered=False)
        assert (await fleet.seek(url_of("q"), b"", b"token")).word == "fetch"
        await fleet.settle(url_of("q"), b"token", grace=60, mark=60)
        keys = store.ask("KEYS", "*")
        assert len(keys) == 6
        assert all(0 < store.ask("PTTL", key) <= 3_900_000 for key in keys)

    run(store, scenario)


def test_the_documented_user_may_do_all_that(store: StoreServer) -> None:
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    page = page.partition("<!-- acl: begin -->")[2].partition("<!-- acl: end -->")[0]
    (words,) = [each.split() for each in page.splitlines() if each.startswith("ACL SETUSER")]
    (more,) = re.findall(r"discovery\.fleet_key`: `([^`]+)`", page)
    base = [word for word in words[3:] if not word.startswith(">")]

    def results(rights: list[str]) -> dict[str, int]:
        store.ask("ACL", "SETUSER", "gateway", "reset", "on", ">word", *rights)
        found: dict[str, int] = {}
        run(store, lambda fleet: everything(fleet, found), entries=1, login="gateway:word@")
        return found

    async def everything(fleet: FleetStore, found: dict[str, int]) -> None:
        for name in ("old", "p", "q"):
            await fleet.keep(profile(name, NOW - 3990 if name == "old" else NOW), registered=False)
        await fleet.seek(url_of("q"), b"")
        for token in (b"a", b"b"):
            await fleet.seek(url_of("r"), b"", token, refreshing=True)
        await fleet.settle(url_of("r"), b"a", grace=1, mark=60)
        await fleet.settle(url_of("r"), b"a", grace=0, mark=0)
        await fleet.seek(url_of("r"), b"", b"b", refreshing=True)
        found.update(+fleet.results)

    assert results([*base, *more.split()]).keys() == {"kept"}
    # Each of them is needed.
    for word in more.split():
        rest = [each for each in more.split() if each != word]
        store.ask("FLUSHALL")
        assert "unavailable" in results([*base, *rest]), word


def test_a_lease_has_one_holder_until_it_is_given_back(store: StoreServer) -> None:
    async def scenario(fleet: FleetStore) -> None:
        url = url_of("p")
        words = [(await fleet.seek(url, b"", token)).word for token in (b"a", b"b", b"a", b"")]
        assert words == ["fetch", "wait", "fetch", "nothing"]
        await fleet.settle(url, b"b", grace=0, mark=0)
        assert 0 < (await fleet.seek(url, b"", b"b")).left <= 6
        await fleet.settle(url, b"a", grace=0, mark=0)
        assert (await fleet.seek(url, b"", b"b")).word == "fetch"

    run(store, scenario)


def test_a_refresh_that_is_spent_is_no_fetch_that_is(store: StoreServer) -> None:
    async def scenario(fleet: FleetStore) -> None:
        url = url_of("p")
        assert (await fleet.seek(url, b"", b"a", refreshing=True)).word == "fetch"
        await fleet.settle(url, b"a", grace=0, mark=60)
        spent = await fleet.seek(url, b"", b"b", refreshing=True)
        assert spent.word == "spent"
        assert 30 < spent.left <= 60
        assert (await fleet.seek(url, b"", b"b")).word == "fetch"

    run(store, scenario)
