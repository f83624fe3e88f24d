from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from connector.egress.urls import ProfileUrl, normalise
from connector.errors import Refusal
from connector.platforms.budgets import Lane
from connector.platforms.discovery import CACHE_WEIGHT, ORIGIN_FLIGHTS, PLACES, Discovery
from connector.platforms.documents import MAX_KEYS, MAX_KID
from connector.platforms.waiting import CROWDS
from tests.connector.platforms.profiles import NO_KEYS, fetched, jwk, profile_json

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from connector.egress.fetch import FetchedDocument
    from connector.platforms.documents import Profile

URL = normalise("https://platform.example/ucp")
UNREACHABLE = Refusal("profile_unreachable", "timeout", "no answer")


class Network:
    """Documents by URL, a clock, and a gate that holds fetches back while it is closed."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.documents: dict[str, FetchedDocument | Refusal] = {}
        self.fetched: list[str] = []
        self.running = 0
        self.most_running = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.started = asyncio.Event()

    def clock(self) -> float:
        return self.now

    async def fetch(self, url: ProfileUrl) -> FetchedDocument:
        self.fetched.append(url.url)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.started.set()
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        document = self.documents.get(url.url, UNREACHABLE)
        if isinstance(document, Refusal):
            raise Refusal(document.code.name, document.reason, document.explanation)
        return document

    def publish(self, *kids: str, url: ProfileUrl = URL, cache_control: str = "") -> None:
        self.documents[url.url] = fetched(profile_json(*map(jwk, kids)), cache_control)

    def discovery(self, **changes: Any) -> Discovery:
        settings = {"rate": 10.0, "burst": 10, "cache_entries": 100, **changes}
        return Discovery(dict.fromkeys(Lane, self.fetch), clock=self.clock, **settings)


async def resolve(
    network: Network,
    discovery: Discovery,
    url: ProfileUrl = URL,
    *,
    registered: bool = False,
    peer: str = "peer",
) -> Profile:
    return await discovery.resolve(url, peer=peer, registered=registered, now=network.now)


async def refresh(
    network: Network, discovery: Discovery, *, arrived: float | None = None, peer: str = "peer"
) -> Profile:
    now = network.now if arrived is None else arrived
    return await discovery.refresh(URL, peer=peer, registered=False, now=now)


async def refused(call: Awaitable[object]) -> tuple[str, str, int | None]:
    with pytest.raises(Refusal) as caught:
        await call
    return caught.value.code.name, caught.value.reason, caught.value.retry_after


async def settle() -> None:
    """Let everything that can run without the outside run."""
    for _ in range(10):
        await asyncio.sleep(0)


def other(number: int) -> ProfileUrl:
    return normalise(f"https://platform-{number}.example/ucp")


def test_a_profile_is_fetched_once_and_then_at_hand() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("a")
        discovery = network.discovery()
        assert discovery.lookup(URL.url, network.now) is None
        profile = await resolve(network, discovery)
        assert profile.keys.get("a").kid == "a"
        assert discovery.lookup(URL.url, network.now) is profile
        assert await resolve(network, discovery) is profile
        assert network.fetched == [URL.url]

    asyncio.run(scenario())


def test_requests_for_one_url_share_one_fetch() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("a")
        network.gate.clear()
        discovery = network.discovery()
        waiting = [
            asyncio.create_task(resolve(network, discovery, peer=str(number)))
            for number in range(50)
        ]
        await settle()
        network.gate.set()
        profiles = await asyncio.gather(*waiting)
        assert all(profile is profiles[0] for profile in profiles)
        assert network.fetched == [URL.url]

    asyncio.run(scenario())


def test_a_request_that_goes_away_does_not_cancel_the_fetch() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("a")
        network.gate.clear()
        discovery = network.discovery()
        first = asyncio.create_task(resolve(network, discovery))
        second = asyncio.create_task(resolve(network, discovery))
        await settle()
        first.cancel()
        await settle()
        network.gate.set()
        assert (await second).keys.get("a").kid == "a"
        assert network.fetched == [URL.url]

    asyncio.run(scenario())


def test_a_request_waits_no_longer_than_its_patience() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("a")
        network.gate.clear()
        discovery = network.discovery(patience=0.01)
        assert await refused(resolve(network, discovery)) == ("discovery_pending", "slow", 1)
        network.gate.set()
        await settle()
        assert discovery.lookup(URL.url, network.now) is not None

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("registered", "seconds"), [(False, 600), (True, 3600)], ids=["discovered", "registered"]
)
def test_a_document_is_used_as_long_as_its_platforms_tier_allows(
    registered: bool,  # noqa: FBT001 - a parameter of the test
    seconds: int,
) -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("a", cache_control="max-age=86400")
        discovery = network.discovery()
        await resolve(network, discovery, registered=registered)
        network.now += seconds - 1
        assert discovery.lookup(URL.url, network.now, registered=registered) is not None
        network.now += 1
        assert discovery.lookup(URL.url, network.now, registered=registered) is None
        await resolve(network, discovery, registered=registered)
        assert network.fetched == [URL.url] * 2

    asyncio.run(scenario())


def test_a_stale_document_serves_while_one_fetch_goes_on_behind_it() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("old", cache_control="max-age=60, stale-while-revalidate=30")
        discovery = network.discovery()
        old = await resolve(network, discovery)
        network.publish("new")
        network.now += 61
        for _ in range(5):
            assert discovery.lookup(URL.url, network.now) is old
        await settle()
        newer = discovery.lookup(URL.url, network.now)
        assert newer is not None
        assert newer.keys.get("new").kid == "new"
        assert network.fetched == [URL.url] * 2

    asyncio.run(scenario())


def test_staleness_ends_and_then_the_failure_shows() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("old", cache_control="max-age=60, stale-while-revalidate=30")
        discovery = network.discovery()
        old = await resolve(network, discovery)
        network.documents.clear()
        network.now += 61
        assert discovery.lookup(URL.url, network.now) is old
        await settle()
        assert discovery.lookup(URL.url, network.now) is old
        assert network.fetched == [URL.url] * 2  # backing off: not once for each request
        network.now += 29
        assert discovery.lookup(URL.url, network.now) is None
        assert (await refused(resolve(network, discovery)))[0] == "profile_unreachable"

    asyncio.run(scenario())


def test_without_a_budget_the_stale_document_serves_on() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("old", cache_control="max-age=60, stale-while-revalidate=30")
        discovery = network.discovery(rate=0.001, burst=1)
        old = await resolve(network, discovery)
        network.now += 61
        assert discovery.lookup(URL.url, network.now) is old
        await settle()
        assert network.fetched == [URL.url]

    asyncio.run(scenario())


def test_a_failure_is_answered_from_memory_until_its_back_off_ends() -> None:
    async def scenario() -> None:
        network = Network()
        discovery = network.discovery()
        assert (await refused(resolve(network, discovery)))[:2] == (
            "profile_unreachable",
            "timeout",
        )
        network.now += 4.9
        assert (await refused(resolve(network, discovery)))[0] == "profile_unreachable"
        assert network.fetched == [URL.url]
        network.publish("a")
        network.now += 0.1
        assert (await resolve(network, discovery)).keys.get("a").kid == "a"

    asyncio.run(scenario())


def test_a_success_ends_the_back_off() -> None:
    async def scenario() -> None:
        network = Network()
        discovery = network.discovery(cache_entries=2)
        await refused(resolve(network, discovery))
        network.now += 5
        network.publish("a")
        await resolve(network, discovery)
        # Two newer documents drive it out, and it fails again.
        for number in range(2):
            network.publish("a", url=other(number))
            await resolve(network, discovery, other(number))
        del network.documents[URL.url]
        await refused(resolve(network, discovery))
        network.now += 5  # and not ten
        await refused(resolve(network, discovery))
        assert network.fetched.count(URL.url) == 4

    asyncio.run(scenario())


def test_a_malformed_profile_is_a_failure_too() -> None:
    async def scenario() -> None:
        network = Network()
        network.documents[URL.url] = fetched(b"<html>")
        discovery = network.discovery()
        for _ in range(2):
            assert (await refused(resolve(network, discovery)))[:2] == (
                "profile_malformed",
                "not_json",
            )
        assert network.fetched == [URL.url]

    asyncio.run(scenario())


def test_a_kid_that_is_missing_is_looked_for_once_more() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("old", cache_control="max-age=600")
        discovery = network.discovery()
        await resolve(network, discovery)
        network.now += 5
        network.publish("old", "new")
        assert (await refresh(network, discovery)).keys.get("new").kid == "new"
        assert network.fetched == [URL.url] * 2

    asyncio.run(scenario())


def test_a_document_younger_than_5_seconds_is_final() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("old")
        discovery = network.discovery()
        profile = await resolve(network, discovery)
        network.now += 4.9
        assert await refresh(network, discovery) is profile
        assert network.fetched == [URL.url]

    asyncio.run(scenario())


def test_a_document_received_since_the_request_came_is_final() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("old")
        discovery = network.discovery()
        profile = await resolve(network, discovery)
        network.now += 30
        assert await refresh(network, discovery, arrived=1000.0) is profile
        assert network.fetched == [URL.url]

    asyncio.run(scenario())


def test_one_refresh_a_minute_and_meanwhile_nothing_is_final() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("old", cache_control="max-age=600")
        discovery = network.discovery()
        await resolve(network, discovery)
        network.now += 10
        await refresh(network, discovery)
        network.now += 10
        assert await refused(refresh(network, discovery)) == (
            "discovery_pending",
            "refresh_spent",
            50,
        )
        network.now += 50
        await refresh(network, discovery)
        assert network.fetched == [URL.url] * 3

    asyncio.run(scenario())


def test_requests_that_find_a_refresh_under_way_wait_for_it() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("old", cache_control="max-age=600")
        discovery = network.discovery()
        await resolve(network, discovery)
        network.now += 10
        network.gate.clear()
        waiting = [
            asyncio.create_task(refresh(network, discovery, peer=str(number)))
            for number in range(20)
        ]
        await settle()
        network.publish("new")
        network.gate.set()
        profiles = await asyncio.gather(*waiting)
        assert {profile.keys.get("new").kid for profile in profiles} == {"new"}
        assert network.fetched == [URL.url] * 2

    asyncio.run(scenario())


def test_a_failed_refresh_leaves_the_document_and_its_life() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("old", cache_control="max-age=600")
        discovery = network.discovery()
        old = await resolve(network, discovery)
        network.documents.clear()
        network.now += 10
        assert (await refused(refresh(network, discovery)))[0] == "profile_unreachable"
        network.now += 589
        assert discovery.lookup(URL.url, network.now) is old

    asyncio.run(scenario())


def test_a_refresh_that_our_own_resolver_failed_is_tried_again_soon() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("old", cache_control="max-age=600")
        discovery = network.discovery()
        await resolve(network, discovery)
        published = network.documents[URL.url]
        network.now += 10
        network.documents[URL.url] = Refusal("discovery_pending", "resolver_failed", "no answer")
        assert (await refused(refresh(network, discovery)))[1] == "resolver_failed"
        assert (await refused(refresh(network, discovery)))[1] == "resolver_failed"
        assert len(network.fetched) == 2
        network.documents[URL.url] = published
        network.now += 1
        await refresh(network, discovery)
        assert len(network.fetched) == 3

    asyncio.run(scenario())


def test_a_failed_refresh_is_spent_as_any_other() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("old", cache_control="max-age=600")
        discovery = network.discovery()
        await resolve(network, discovery)
        network.documents.clear()
        network.now += 10
        await refused(refresh(network, discovery))
        network.now += 30
        assert (await refused(refresh(network, discovery)))[1] == "refresh_spent"
        assert network.fetched == [URL.url] * 2

    asyncio.run(scenario())


def test_over_the_budget_is_pending_with_a_time_to_come_back() -> None:
    async def scenario() -> None:
        network = Network()
        discovery = network.discovery(rate=0.5, burst=2)
        for number in range(2):
            network.publish("a", url=other(number))
            await resolve(network, discovery, other(number))
        assert await refused(resolve(network, discovery, other(2))) == (
            "discovery_pending",
            "over_budget",
            2,
        )
        assert len(network.fetched) == 2

    asyncio.run(scenario())


def test_a_flood_of_strangers_stays_within_its_bounds_while_known_platforms_go_on() -> None:
    """10,000 profile URLs, each answered slowly (issue: What it must show, 4)."""

    async def scenario() -> None:
        network = Network()
        known, registered = normalise("https://known.example/"), normalise("https://reg.example/")
        for url in (known, registered):
            network.publish("a", url=url)
        discovery = network.discovery(rate=1e6, burst=1_000_000)
        await resolve(network, discovery, known)
        discovery.verified(known.url, NO_KEYS)
        network.gate.clear()
        flood = [
            asyncio.create_task(resolve(network, discovery, other(number), peer=str(number)))
            for number in range(10_000)
        ]
        await settle()
        assert network.running == PLACES[Lane.STRANGER]
        assert len(discovery._flights) == PLACES[Lane.STRANGER]
        # Known platforms: one is at hand, and both are fetched anew in lanes of their own.
        assert discovery.lookup(known.url, network.now) is not None
        network.now += 61
        both = [
            asyncio.create_task(resolve(network, discovery, known)),
            asyncio.create_task(resolve(network, discovery, registered, registered=True)),
        ]
        await settle()
        assert network.running == PLACES[Lane.STRANGER] + 2
        network.gate.set()
        for task in both:
            assert (await task).keys.get("a").kid == "a"
        outcomes = await asyncio.gather(*flood, return_exceptions=True)
        codes = [each.code.name for each in outcomes if isinstance(each, Refusal)]
        assert codes.count("profile_unreachable") == PLACES[Lane.STRANGER]
        assert codes.count("discovery_pending") == 10_000 - PLACES[Lane.STRANGER]
        assert network.most_running == PLACES[Lane.STRANGER] + 2
        assert discovery._flights == {}
        assert discovery._free == PLACES

    asyncio.run(scenario())


def test_a_flood_that_succeeds_fills_no_more_than_the_cache_and_leaves_known_platforms() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("a")
        discovery = network.discovery(rate=1e6, burst=1_000_000)
        await resolve(network, discovery)
        discovery.verified(URL.url, NO_KEYS)
        document = fetched(profile_json(jwk("a")))
        for number in range(10_000):
            network.now += 0.0001
            url = other(number)
            network.documents = {url.url: document}
            await discovery.resolve(url, peer=str(number), registered=False, now=network.now)
        assert len(discovery._cache) == 100
        assert discovery.lookup(URL.url, network.now) is not None

    asyncio.run(scenario())


def test_a_flood_that_fails_fills_no_more_than_the_table_of_failures() -> None:
    async def scenario() -> None:
        network = Network()
        discovery = network.discovery(rate=1e6, burst=1_000_000)
        for number in range(1000):
            await refused(
                discovery.resolve(other(number), peer=str(number), registered=False, now=1000)
            )
        assert len(discovery._failures) == 100

    asyncio.run(scenario())


def test_registered_platforms_wait_for_a_place_instead_of_being_refused() -> None:
    async def scenario() -> None:
        network = Network()
        number = PLACES[Lane.REGISTERED] + 10
        for index in range(number):
            network.publish("a", url=other(index))
        network.gate.clear()
        discovery = network.discovery(rate=0.001, burst=1)
        waiting = [
            asyncio.create_task(resolve(network, discovery, other(index), registered=True))
            for index in range(number)
        ]
        await settle()
        assert network.running == PLACES[Lane.REGISTERED]
        network.gate.set()
        assert len(await asyncio.gather(*waiting)) == number

    asyncio.run(scenario())


def test_a_place_is_given_back_after_a_failure() -> None:
    async def scenario() -> None:
        network = Network()
        discovery = network.discovery(
            places={Lane.STRANGER: 1, Lane.VERIFIED: 1, Lane.REGISTERED: 1}
        )
        for number in range(3):
            assert (await refused(resolve(network, discovery, other(number))))[
                0
            ] == "profile_unreachable"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("registered", "peers", "most"),
    [
        (False, 1, CROWDS[Lane.STRANGER].by_peer),
        (False, 1000, CROWDS[Lane.STRANGER].together),
        (True, 1, CROWDS[Lane.REGISTERED].by_peer),
        (True, 1000, CROWDS[Lane.REGISTERED].together),
    ],
)
def test_no_more_than_a_bound_wait_for_a_fetch_and_the_rest_are_refused_at_once(
    registered: bool,  # noqa: FBT001 - a parameter of the test
    peers: int,
    most: int,
) -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("a")
        network.gate.clear()
        discovery = network.discovery()
        crowd = [
            asyncio.create_task(
                resolve(network, discovery, registered=registered, peer=str(number % peers))
            )
            for number in range(1000)
        ]
        await settle()
        refusals = [task.exception() for task in crowd if task.done()]
        assert len(refusals) == 1000 - most
        assert {each.reason for each in refusals if isinstance(each, Refusal)} == {
            "too_many_waiting"
        }
        network.gate.set()
        await asyncio.gather(*crowd, return_exceptions=True)
        assert sum(task.exception() is None for task in crowd) == most
        assert network.fetched == [URL.url]
        assert discovery._waiting._by_peer == {}

    asyncio.run(scenario())


def test_strangers_that_wait_take_no_place_of_a_known_platforms_requests() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("a")
        discovery = network.discovery()
        await resolve(network, discovery)
        discovery.verified(URL.url, NO_KEYS)
        network.now += 61
        network.gate.clear()
        crowd = [
            asyncio.create_task(resolve(network, discovery, other(0), peer=str(number)))
            for number in range(100)
        ]
        known = asyncio.create_task(resolve(network, discovery, peer="0"))
        await settle()
        assert not known.done()
        network.gate.set()
        assert (await known).keys.get("a").kid == "a"
        await asyncio.gather(*crowd, return_exceptions=True)

    asyncio.run(scenario())


def test_a_platform_that_verified_keeps_its_lane_when_its_document_is_gone() -> None:
    async def scenario() -> None:
        network = Network()
        network.publish("a")
        discovery = network.discovery(cache_entries=2, rate=0.001, burst=5)
        await resolve(network, discovery)
        discovery.verified(URL.url, NO_KEYS)
        for number in range(4):
            network.publish("a", url=other(number))
            await resolve(network, discovery, other(number))
            discovery.verified(other(number).url, NO_KEYS)
        assert discovery.lookup(URL.url, network.now) is None
        assert (await refused(resolve(network, discovery, other(9))))[1] == "over_budget"
        assert (await resolve(network, discovery)).keys.get("a").kid == "a"

    asyncio.run(scenario())


def test_heavy_profiles_that_verify_leave_the_documents_of_known_platforms() -> None:
    async def scenario() -> None:
        network = Network()
        discovery = network.discovery(rate=1e6, burst=1_000_000, cache_entries=10_000)
        key = jwk(None)
        heavy = [{**key, "kid": str(number).rjust(MAX_KID, "k")} for number in range(MAX_KEYS)]
        known = [other(number) for number in range(50)]
        for url in known:
            network.publish("a", "b", url=url)
            await discovery.resolve(url, peer=url.url, registered=False, now=network.now)
            discovery.verified(url.url, NO_KEYS)
        document = fetched(profile_json(*heavy))
        for number in range(1000):
            url = normalise(f"https://heavy-{number}.example/")
            network.documents = {url.url: document}
            await discovery.resolve(url, peer=url.url, registered=False, now=network.now)
            discovery.verified(url.url, NO_KEYS)
        assert discovery._cache.weight > CACHE_WEIGHT * 0.9
        assert all(discovery.lookup(url.url, network.now) is not None for url in known)

    asyncio.run(scenario())


def test_verified_profiles_of_one_origin_that_hang_leave_places_to_the_others() -> None:
    async def scenario() -> None:
        network = Network()
        hanging = [
            normalise(f"https://slow.example/{number}") for number in range(PLACES[Lane.VERIFIED])
        ]
        discovery = network.discovery(rate=1e6, burst=1_000_000)
        for url in (URL, *hanging):
            network.publish("a", url=url)
            network.now += 60
            await resolve(network, discovery, url)
            discovery.verified(url.url, NO_KEYS)
        network.now += 600
        network.gate.clear()
        tasks = [asyncio.create_task(resolve(network, discovery, url)) for url in (*hanging, URL)]
        await settle()
        assert network.running == ORIGIN_FLIGHTS + 1
        for task in tasks[ORIGIN_FLIGHTS:-1]:
            assert await refused(task) == ("discovery_pending", "origin_full", 1)
        network.gate.set()
        for task in (*tasks[:ORIGIN_FLIGHTS], tasks[-1]):
            assert (await task).keys.get("a").kid == "a"
        assert discovery._verified_flights == {}

    asyncio.run(scenario())


def test_a_request_that_goes_away_gives_back_its_place() -> None:
    async def scenario() -> None:
        network = Network()
        network.gate.clear()
        discovery = network.discovery()
        for _ in range(2 * CROWDS[Lane.STRANGER].by_peer):
            gone = asyncio.create_task(resolve(network, discovery))
            await settle()
            assert not gone.done()
            gone.cancel()
            await settle()
        await discovery.aclose()

    asyncio.run(scenario())


def test_one_who_is_not_let_wait_starts_no_fetch() -> None:
    async def scenario() -> None:
        network = Network()
        network.gate.clear()
        discovery = network.discovery()
        crowd = [
            asyncio.create_task(resolve(network, discovery, peer="2001:db8::1"))
            for _ in range(CROWDS[Lane.STRANGER].by_peer)
        ]
        await settle()
        # One IPv6 address of a /64 stands for all of them.
        late = resolve(network, discovery, other(1), peer="2001:db8::2")
        assert await refused(late) == ("discovery_pending", "too_many_waiting", 1)
        await settle()
        assert network.fetched == [URL.url]
        await discovery.aclose()
        await asyncio.gather(*crowd, return_exceptions=True)

    asyncio.run(scenario())


def test_closing_ends_every_fetch_and_tells_those_who_wait() -> None:
    async def scenario() -> None:
        network = Network()
        network.gate.clear()
        discovery = network.discovery()
        waiting = asyncio.create_task(resolve(network, discovery))
        await network.started.wait()
        await discovery.aclose()
        assert await refused(waiting) == ("discovery_pending", "closing", 1)
        assert (network.running, discovery._flights) == (0, {})

    asyncio.run(scenario())


def test_closing_ends_a_fetch_that_has_not_begun() -> None:
    async def scenario() -> None:
        network = Network()
        discovery = network.discovery()
        waiting = asyncio.create_task(resolve(network, discovery))
        await asyncio.sleep(0)
        await discovery.aclose()
        assert (await refused(waiting))[1] == "closing"
        assert network.fetched == []
        assert discovery._free == PLACES

    asyncio.run(scenario())
