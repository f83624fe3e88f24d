"""Discovery: from a profile URL to a profile that may be used, fetched as seldom as possible.

    lookup   at hand and usable → the profile, without waiting; stale ones are fetched behind it
    resolve  else: join the fetch under way → answer from the failures → ask the budgets → fetch
    refresh  for a kid that the profile lacks: the same, but for at most one a minute for each URL
    verified a signature verified: the document is kept before all that never verified anything

One fetch is under way for each URL at a time (a *flight*), in the lane of who is asked for; each
lane has its own places, for fetches and for the requests that wait for them, so a flood of
strangers leaves those of known platforms free. A flight belongs to no request: one that goes away
does not cancel it. With a *fleet* the replicas share documents and take turns at fetching them.
"""

from __future__ import annotations

import asyncio
import contextlib
from math import ceil
from typing import TYPE_CHECKING, Final

from canonical import CanonicalError, KeyNotFound
from connector.egress.resolving import OUR_FAULTS
from connector.errors import Refusal
from connector.platforms.budgets import Budgets, Lane
from connector.platforms.cache import SegmentedCache
from connector.platforms.failures import Failure, Failures
from connector.platforms.fleet import Lease, Spent
from connector.platforms.freshness import FLOOR
from connector.platforms.key_sources import read_document
from connector.platforms.recent import Recent
from connector.platforms.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from canonical import KeySet
    from connector.egress.fetch import Fetch
    from connector.egress.urls import ProfileUrl
    from connector.platforms.documents import Profile
    from connector.platforms.fleet import Fleet

PLACES: Final = {Lane.REGISTERED: 32, Lane.VERIFIED: 32, Lane.STRANGER: 16}
"""Fetches under way at a time, by lane: what the sockets of discovery are bounded by."""
ORIGIN_FLIGHTS: Final = 4
"""Fetches under way at a time for one origin in the lane of verified platforms."""
CACHE_WEIGHT: Final = 64 * 1024 * 1024
"""Octets of memory, estimated, for all profiles together."""
PROVEN: Final = 65_536
"""URLs that are remembered as verified, at least, whether or not their documents are held."""
YOUNG: Final = 5.0
"""Seconds in which a document counts as current: an unknown kid is then simply unknown."""

_Flight = asyncio.Task["Profile | Failure"]


class Discovery:
    """The profiles of platforms that publish them; one for a process, on one event loop.

    ``fetch`` has a fetcher for each lane (lanes that share one share its name look-ups too).
    ``clock`` gives UNIX seconds, never steps back, and is the one that every ``now`` comes from.
    ``rate`` and ``burst`` are the budget of strangers, ``patience`` is the most seconds that a
    request waits for a fetch. ``allow_loopback`` (``insecure_allow_loopback_profiles``) is for the
    URLs that documents name. Without ``fleet`` this process is alone. ``landed`` is told of every
    document that is held from now on, and may not raise.
    """

    def __init__(
        self,
        fetch: Mapping[Lane, Fetch],
        *,
        clock: Callable[[], float],
        rate: float,
        burst: int,
        cache_entries: int,
        nested_keys: bool = False,
        allow_loopback: bool = False,
        patience: float = 10.0,
        places: Mapping[Lane, int] = PLACES,
        fleet: Fleet | None = None,
        landed: Callable[[Profile], None] = lambda _: None,
    ) -> None:
        self._fetch = fetch
        self._landed = landed
        self._fleet = fleet
        self._clock = clock
        self._nested_keys = nested_keys
        self._allow_loopback = allow_loopback
        self._patience = patience
        self._cache: SegmentedCache[Profile] = SegmentedCache(cache_entries, CACHE_WEIGHT)
        self._failures = Failures(cache_entries)
        self._budgets = Budgets(rate, burst)
        self._flights: dict[str, _Flight] = {}
        self._verified_flights: dict[str, int] = {}
        self._free = dict(places)
        self._places = {lane: asyncio.Semaphore(number) for lane, number in places.items()}
        # By their hashes, which take constant room; apart from the documents, which weigh.
        self._proven: Recent[int, bool] = Recent(max(PROVEN, cache_entries))
        self._waiting = Waiting()
        self._refreshed: Recent[str, float] = Recent(cache_entries)

    def lookup(self, url: str, now: float, *, registered: bool = False) -> Profile | None:
        """Return the profile of a normalised URL if it is at hand, without waiting.

        Fresh, or stale as far as its sender allows; a stale one is fetched again behind the
        caller's back.
        """
        profile = self._cache.get(url)
        if profile is None:
            return None
        life = profile.life
        until = life.registered_until if registered else life.discovered_until
        if now < until:
            return profile
        if now < until + life.stale_for:
            self._revalidate(profile.url, registered=registered)
            return profile
        return None

    async def resolve(self, url: ProfileUrl, *, peer: str, registered: bool, now: float) -> Profile:
        """Return the profile, fetching it where it is not at hand.

        Raises ``Refusal``: ``discovery_pending`` over a budget, or what the fetch failed with, now
        or not long ago.
        """
        profile = self.lookup(url.url, now, registered=registered)
        if profile is None and await self._look(url):
            profile = self.lookup(url.url, now, registered=registered)
        if profile is not None:
            return profile
        lane = self._lane(url.url, registered=registered)
        with self._waiting.place(lane, peer):
            flight = self._flights.get(url.url) or self._start(url, lane, peer)
            return await self._join(flight)

    async def refresh(
        self,
        url: ProfileUrl,
        *,
        peer: str,
        registered: bool,
        now: float,
        kids: frozenset[str] = frozenset(),
    ) -> Profile:
        """Return a profile that is final for a request of arrival ``now`` whose kid it lacks.

        That is one received since, or only just; where the kid is still not in it, it is not
        found. Or it is one of another replica's that has one of ``kids``, which the request names.
        Raises ``Refusal``: ``discovery_pending`` where the one refresh a minute is spent or
        a budget is, or what the fetch failed with.
        """
        profile = self._cache.get(url.url)
        if url.url not in self._flights:
            if profile is not None and self._is_final(profile, now):
                return profile
            if await self._look(url):
                profile = self._cache.get(url.url)
                if profile is not None and (
                    _has_any(profile.keys, kids) or self._is_final(profile, now)
                ):
                    return profile
        flight, current = self._flights.get(url.url), self._clock()
        if flight is None:
            # One refresh per floor, started or failed: a kid costs its sender nothing.
            last = self._refreshed.get(url.url)
            if last is not None and current < last + FLOOR:
                wait = last + FLOOR - current
                raise _pending("refresh_spent", "the profile was fetched again not long ago", wait)
        lane = self._lane(url.url, registered=registered)
        with self._waiting.place(lane, peer):
            if flight is None:
                flight = self._start(url, lane, peer, refreshing=True)
                self._refreshed.put(url.url, current)
            return await self._join(flight)

    def verified(self, url: str, keys: KeySet, *, registered: bool = False) -> None:
        """Note that a signature verified with one of these keys of this URL's document."""
        self._cache.promote(url)
        self._proven.put(hash(url), True)
        if self._fleet is not None and self._fleet.waits_for(url):
            profile = self._cache.get(url)
            # Another one may have come since: nothing verified with that.
            if profile is not None and profile.keys is keys:
                self._fleet.verified(profile, registered=registered)

    @property
    def figures(self) -> tuple[int, int]:
        """How many documents are held, and their octets of memory, estimated."""
        return len(self._cache), self._cache.weight

    async def aclose(self) -> None:
        """Cancel every fetch under way and wait for its end."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        if self._fleet is not None:
            await self._fleet.aclose()

    def _revalidate(self, url: ProfileUrl, *, registered: bool) -> None:
        if url.url in self._flights:
            return
        # Backing off or over a budget, the stale profile serves on until it may not any more.
        with contextlib.suppress(Refusal):
            self._start(url, self._lane(url.url, registered=registered), None)

    def _lane(self, url: str, *, registered: bool) -> Lane:
        if registered:
            return Lane.REGISTERED
        return Lane.STRANGER if self._proven.get(hash(url)) is None else Lane.VERIFIED

    def _is_final(self, profile: Profile, arrival: float) -> bool:
        return profile.current_at >= arrival or self._clock() - profile.current_at < YOUNG

    async def _look(self, url: ProfileUrl) -> bool:
        """Take over what the fleet has of a profile; tell whether that is newer than ours.

        Whatever it has, somebody's signature verified with it: its URL is no stranger's.
        """
        if self._fleet is None or url.url in self._flights:
            return False
        found = await self._fleet.look(url, self._cache.get(url.url))
        if found is None:
            return False
        self._proven.put(hash(url.url), True)
        return self._adopt(self._fleet, found)

    def _adopt(self, fleet: Fleet, profile: Profile) -> bool:
        """Hold another replica's document; tell whether it is what is held now."""
        held = self._cache.get(profile.url.url)
        if held is not None and held.fetched_at >= profile.fetched_at:
            return held is profile
        self._hold(profile)
        fleet.adopted(profile)
        return True

    def _start(
        self, url: ProfileUrl, lane: Lane, peer: str | None, *, refreshing: bool = False
    ) -> _Flight:
        """Start a flight, or raise why there is none."""
        now = self._clock()
        failure = self._failures.current(url.url, now)
        if failure is not None:
            failure.refuse(now)
        # Registered platforms wait for a place: there are only as many as the configuration has.
        if self._free[lane] <= 0 and lane is not Lane.REGISTERED:
            raise _pending("lane_full", f"too many fetches under way for lane {lane.value}", 1)
        by_origin = self._verified_flights.get(url.origin, 0)
        if lane is Lane.VERIFIED and by_origin >= ORIGIN_FLIGHTS:
            raise _pending("origin_full", "too many fetches under way for one origin", 1)
        wait = self._budgets.take(lane, url.url, url.origin, peer, now)
        if wait > 0:
            raise _pending("over_budget", f"too many fetches for lane {lane.value}", wait)
        self._free[lane] -= 1
        if lane is Lane.VERIFIED:
            self._verified_flights[url.origin] = by_origin + 1
        flight = asyncio.get_running_loop().create_task(self._fly(url, lane, refreshing=refreshing))
        self._flights[url.url] = flight
        # Not at the end of the flight itself: one cancelled before its first step has no end.
        flight.add_done_callback(lambda _: self._land(url, lane))
        return flight

    def _land(self, url: ProfileUrl, lane: Lane) -> None:
        del self._flights[url.url]
        self._free[lane] += 1
        if lane is Lane.VERIFIED:
            left = self._verified_flights.pop(url.origin) - 1
            if left > 0:
                self._verified_flights[url.origin] = left

    async def _fly(self, url: ProfileUrl, lane: Lane, *, refreshing: bool) -> Profile | Failure:
        """Have a place, and fetch, or come by what another replica fetched."""
        async with self._places[lane]:
            if self._fleet is None:
                outcome = await self._fetched(url, lane)
            else:
                outcome = await self._fetched_by_one(self._fleet, url, lane, refreshing=refreshing)
        if refreshing and isinstance(outcome, Failure) and outcome.reason in OUR_FAULTS:
            # A refresh that never left this machine is not spent: it may be tried again soon.
            self._refreshed.drop(url.url)
        return outcome

    async def _fetched_by_one(
        self, fleet: Fleet, url: ProfileUrl, lane: Lane, *, refreshing: bool
    ) -> Profile | Failure:
        """Have the fleet's leave, and fetch."""
        turn = await self._turn(fleet, url, lane, refreshing=refreshing)
        if not isinstance(turn, Lease):
            return turn
        outcome = await self._fetched(url, lane)
        if isinstance(outcome, Failure):
            await fleet.failed(url, turn)
        else:
            await fleet.fetched(outcome, turn, registered=lane is Lane.REGISTERED)
        return outcome

    async def _turn(
        self, fleet: Fleet, url: ProfileUrl, lane: Lane, *, refreshing: bool
    ) -> Profile | Failure | Lease:
        """Wait for this process's turn, or for what comes of another's."""

        def usable(profile: Profile) -> bool:
            life = profile.life
            until = life.registered_until if lane is Lane.REGISTERED else life.discovered_until
            return self._clock() < until

        since = self._clock() - YOUNG if refreshing else 0.0
        held = self._cache.get(url.url)
        turn = await fleet.turn(url, held, refreshing=refreshing, usable=usable, since=since)
        if isinstance(turn, Spent):
            now = self._clock()
            self._refreshed.put(url.url, now + turn.left - FLOOR)
            why = "another replica fetched the profile again not long ago"
            return Failure("discovery_pending", "refresh_spent", why, 0.0, now + turn.left)
        if isinstance(turn, Lease):
            return turn
        self._proven.put(hash(url.url), True)
        self._adopt(fleet, turn)
        if refreshing:
            self._refreshed.put(url.url, turn.fetched_at)
        return turn

    async def _fetched(self, url: ProfileUrl, lane: Lane) -> Profile | Failure:
        """Fetch, read and keep. A failure leaves the document that is held as it is."""
        try:
            fetched_at = self._clock()
            document = await self._fetch[lane](url)
            received_at = self._clock()
            profile = read_document(
                url,
                document,
                fetched_at=fetched_at,
                received_at=received_at,
                nested_keys=self._nested_keys,
                allow_loopback=self._allow_loopback,
            )
        except Refusal as refusal:
            return self._failures.record(url.url, refusal, self._clock())
        self._failures.forget(url.url)
        self._hold(profile)
        return profile

    def _hold(self, profile: Profile) -> None:
        self._cache.put(profile.url.url, profile, profile.weight)
        self._landed(profile)

    async def _join(self, flight: _Flight) -> Profile:
        try:
            async with asyncio.timeout(self._patience):
                outcome = await asyncio.shield(flight)
        except TimeoutError as error:
            raise _pending("slow", "the profile is still being fetched", 1) from error
        except asyncio.CancelledError:
            if flight.cancelled():
                raise _pending("closing", "discovery is shutting down", 1) from None
            raise
        if isinstance(outcome, Failure):
            outcome.refuse(self._clock())
        return outcome


def _pending(reason: str, explanation: str, wait: float) -> Refusal:
    return Refusal("discovery_pending", reason, explanation, retry_after=max(1, ceil(wait)))


def _has_any(keys: KeySet, kids: frozenset[str]) -> bool:
    return any(_has(keys, kid) for kid in kids)


def _has(keys: KeySet, kid: str) -> bool:
    try:
        keys.get(kid)
    except KeyNotFound:
        return False
    except CanonicalError:
        # There is one, though of no use: that is for the verifier to say.
        return True
    return True
