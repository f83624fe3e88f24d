"""Profiles that replicas share, so that a fleet fetches one as often as one process would.

    look     before a budget is asked: a document in the store costs no fetch, and proves that a
             signature verified with its URL somewhere in the fleet
    turn     before a fetch: the lease, or what comes of somebody else's
    fetched  a profile that says what a verified one said is shared at once
    verified any other one as soon as a signature verifies with it

Expiry counts from the original fetch, whoever made it, so sharing lengthens no life.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final, NamedTuple

from connector.platforms.fleet_document import contents_digest, stamp_of
from connector.platforms.freshness import FLOOR
from connector.platforms.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.egress.urls import ProfileUrl
    from connector.platforms.documents import Profile
    from connector.platforms.fleet_store import FleetStore

LOOKS: Final = 256
"""Looks into the store under way at a time, whoever they are for."""
PAUSE: Final = 1.0
"""Seconds in which the store is not looked into again for one URL."""
GRACE: Final = 1.0
"""Seconds that a lease stands on after a fetch, for a signature to verify with its document."""
_WAIT: Final = 0.05
"""Seconds between two looks at somebody else's lease."""
_TOKEN: Final = 16


class Lease(NamedTuple):
    """The right to fetch. ``token`` is empty where each fetches by itself."""

    token: bytes
    taken: float
    """UNIX seconds."""
    refreshing: bool


class Spent(NamedTuple):
    """A refresh of somebody else's stands for this long yet, in seconds."""

    left: float


class Fleet:
    """One process among the replicas. ``entries`` bounds what it remembers of URLs."""

    def __init__(
        self,
        store: FleetStore,
        *,
        clock: Callable[[], float],
        entries: int,
        grace: float = GRACE,
    ) -> None:
        self._store = store
        self._clock = clock
        self._grace = grace
        self._looks: dict[str, asyncio.Task[Profile | None]] = {}
        self._looked: Recent[int, float] = Recent(entries)
        # What the document said that a signature verified with last, by the URL's hash.
        self._proven: Recent[int, bytes] = Recent(entries)
        self._unshared: Recent[str, bool] = Recent(entries)
        self._writes: set[asyncio.Task[None]] = set()

    async def look(self, url: ProfileUrl, held: Profile | None) -> Profile | None:
        """Return what the store keeps of a profile, if that is another document than ``held``.

        It may be past its life, or older. Many who ask for one URL look once.
        """
        task = self._looks.get(url.url)
        if task is None:
            if len(self._looks) >= LOOKS or self._clock() < (self._looked.get(hash(url.url)) or 0):
                return None
            task = asyncio.get_running_loop().create_task(self._look(url, held))
            self._looks[url.url] = task
            task.add_done_callback(lambda _: self._looks.pop(url.url))
        # One who goes away takes the others' answer from nobody.
        return await asyncio.shield(task)

    async def turn(
        self,
        url: ProfileUrl,
        held: Profile | None,
        *,
        refreshing: bool,
        usable: Callable[[Profile], bool],
        since: float,
    ) -> Profile | Lease | Spent:
        """Wait for this process's turn to fetch, or for the document of another's fetch.

        A document that the store has at once must be current at ``since`` or later (UNIX
        seconds); one that appears during the wait is newer than that by any clock.
        """
        seen = b"" if held is None else stamp_of(held)
        loop = asyncio.get_running_loop()
        # However long a lease stands: who has it may be no more, and then each fetches by itself.
        deadline, waited = loop.time() + self._store.lease, False
        lease = Lease(os.urandom(_TOKEN), self._clock(), refreshing)
        while True:
            sought = await self._store.seek(url, seen, lease.token, refreshing=refreshing)
            if sought.word == "fetch":
                return lease
            if sought.word == "spent":
                return Spent(sought.left)
            if sought.word == "down" or loop.time() >= deadline:
                return lease._replace(token=b"")
            if sought.word == "wait":
                waited = True
                # A lease may have no end at all where somebody else wrote it.
                await asyncio.sleep(min(_WAIT, sought.left) if sought.left > 0 else _WAIT)
                continue
            seen, found = sought.seen, sought.profile
            if (
                found is not None
                and (held is None or found.fetched_at > held.fetched_at)
                and (waited or found.current_at >= since)
                and usable(found)
            ):
                self._store.results["waited" if waited else "found"] += 1
                self._note(found)
                return found

    async def fetched(self, profile: Profile, lease: Lease, *, registered: bool) -> None:
        """Tell the others of a fetch; they get the profile where it is known to verify."""
        url = profile.url
        if self._proven.get(hash(url.url)) == contents_digest(profile):
            await self._store.keep(profile, registered=registered)
            await self._settle(url, lease, grace=0, spent=True)
        else:
            # Until it has verified nobody else can have it, so a refresh is not spent for them.
            self._unshared.put(url.url, True)
            await self._settle(url, lease, grace=self._grace, spent=False)

    async def failed(self, url: ProfileUrl, lease: Lease) -> None:
        """Tell the others that a fetch came to nothing.

        That may be this process's own fault: a refresh that failed is spent for it alone.
        """
        await self._settle(url, lease, grace=0, spent=False)

    def adopted(self, profile: Profile) -> None:
        """Note that what is held now is another replica's document: the store has it."""
        self._unshared.drop(profile.url.url)

    def waits_for(self, url: str) -> bool:
        """Whether a signature that verifies with this URL's document would let it be shared."""
        return self._unshared.get(url) is not None

    def verified(self, profile: Profile, *, registered: bool) -> None:
        """Share a profile that a signature verified with."""
        self._unshared.drop(profile.url.url)
        self._note(profile)
        kept = self._store.keep(profile, registered=registered)
        task = asyncio.get_running_loop().create_task(kept)
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def aclose(self) -> None:
        """Let what is being written end, which takes no longer than the store's time-out."""
        await asyncio.gather(*self._writes, *self._looks.values(), return_exceptions=True)

    async def _look(self, url: ProfileUrl, held: Profile | None) -> Profile | None:
        sought = await self._store.seek(url, b"" if held is None else stamp_of(held))
        # What was found is at hand from now on, and what was not won't be there so soon.
        self._looked.put(hash(url.url), self._clock() + PAUSE)
        found = sought.profile
        if found is None or (held is not None and found.fetched_at < held.fetched_at):
            if sought.word != "down":
                self._store.results["missed"] += 1
            return found
        self._store.results["found"] += 1
        self._note(found)
        return found

    def _note(self, profile: Profile) -> None:
        self._proven.put(hash(profile.url.url), contents_digest(profile))

    async def _settle(self, url: ProfileUrl, lease: Lease, *, grace: float, spent: bool) -> None:
        if not lease.token:
            return
        elapsed = self._clock() - lease.taken
        mark = max(FLOOR - elapsed, 0) if spent and lease.refreshing else 0
        await self._store.settle(url, lease.token, grace=grace, mark=mark)
