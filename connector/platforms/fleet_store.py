"""What replicas have in the store: profiles that verified, and whose turn it is to fetch one.

    seek   what is kept of a URL; else a lease on its fetch, or how long somebody else's stands
    settle the fetch has ended
    keep   a profile, once a signature verified with it

For a URL that nobody has verified with, the store holds a lease at most: a keyed hash and a random
token, once this process's own budget has granted the fetch, gone within seconds. With the store
down every call says so at once (its breaker) and each replica goes on by itself.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from connector.platforms.fleet_document import MAX_OCTETS, STAMP, NotOurs, stamp_of
from connector.platforms.fleet_scripts import KEEP, SEEK, SETTLE
from connector.platforms.freshness import CEILING_REGISTERED, MAX_STALE
from connector.platforms.recent import Recent
from connector.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connector.egress.urls import ProfileUrl
    from connector.platforms.documents import Profile
    from connector.platforms.fleet_document import FleetSeal
    from connector.store.scripts import Script

OCTETS: Final = 16 * 1024 * 1024
"""Octets of all documents in the store together, of registered platforms and of others each."""
SKEW: Final = 30.0
"""Seconds by which the clocks of two replicas may differ (ucp-rules, section 3.9)."""
_USEFUL: Final = CEILING_REGISTERED + MAX_STALE
"""Seconds after which no document is of use to anybody."""
_NEWEST: Final = 65_536
_WARN_EVERY: Final = 60.0
"""Seconds between two warnings of documents that were refused; each one is counted."""

RESULTS: Final = (
    *("found", "missed", "waited", "kept", "too_large", "unavailable"),
    *("refused", "rolled_back"),
)
"""What can come of sharing; the last two say that somebody else writes to the store."""

_logger: Final = logging.getLogger(__name__)


class ScriptStore(Protocol):
    """A store that runs scripts."""

    async def run(
        self,
        script: Script,
        keys: Sequence[bytes],
        arguments: Sequence[bytes],
        *,
        replicas: int = 0,
    ) -> Any:
        """Run one; raises StoreUnavailable."""


class Sought(NamedTuple):
    """What the store said."""

    word: str
    """``held``, ``nothing``, ``wait``, ``spent``, ``fetch``, or ``down`` for a store that is."""
    seen: bytes = b""
    """The stamp of the document that it holds."""
    profile: Profile | None = None
    """That document, unless it was refused."""
    left: float = 0.0
    """Seconds that somebody else's lease, or the mark of a refresh, stands on."""


class FleetStore:
    """The documents of one process's fleet. ``clock`` gives UNIX seconds.

    ``entries`` and ``octets`` are the cap on what all replicas keep together of registered
    platforms, and once more on what they keep of others; ``lease`` is how many seconds a fetch may
    take at most.
    """

    def __init__(
        self,
        store: ScriptStore,
        seal: FleetSeal,
        *,
        clock: Callable[[], float],
        entries: int,
        lease: float,
        octets: int = OCTETS,
    ) -> None:
        self._store = store
        self._seal = seal
        self._clock = clock
        self._entries = entries
        self._octets = octets
        self.lease: Final = lease
        # By the URLs' hashes: when the newest document that the store had was asked for.
        self._newest: Recent[int, float] = Recent(_NEWEST)
        self._warned = float("-inf")
        # All from the start: of a series that begins with an alarm, nobody sees that it rose.
        self.results: Counter[str] = Counter(dict.fromkeys(RESULTS, 0))
        """How often each of them came out."""

    async def seek(
        self, url: ProfileUrl, seen: bytes, token: bytes = b"", *, refreshing: bool = False
    ) -> Sought:
        """Ask for a document other than the one with the stamp ``seen``, and for its lease.

        Without a token nothing is asked for but the document. Never raises.
        """
        names = self._seal.names(url.url)
        purpose = b"refresh" if refreshing else b"fetch"
        lease = b"%d" % (self.lease * 1000)
        reply = await self._run(
            SEEK,
            (self._seal.profiles, names.lease, names.mark),
            (names.field, seen, token, lease, purpose, b"%d" % MAX_OCTETS),
        )
        if reply is None:
            return Sought("down")
        word, document, milliseconds = reply[0].decode(), reply[1], reply[2]
        if word != "held":
            return Sought(word, left=max(0, milliseconds) / 1000)
        return Sought(word, document[:STAMP], self._opened(url, document))

    async def settle(self, url: ProfileUrl, token: bytes, *, grace: float, mark: float) -> None:
        """Give a lease back after ``grace`` seconds; mark a refresh for ``mark`` seconds.

        Zero is none.
        """
        names = self._seal.names(url.url)
        times = (b"%d" % (grace * 1000), b"%d" % (mark * 1000))
        await self._run(SETTLE, (names.lease, names.mark), (token, *times))

    async def keep(self, profile: Profile, *, registered: bool) -> None:
        """Keep a profile that a signature verified with, in its kind's share of the room."""
        document = self._seal.seal(profile)
        if len(document) > MAX_OCTETS:
            self.results["too_large"] += 1
            return
        seal, url = self._seal, profile.url.url
        reply = await self._run(
            KEEP,
            (
                *(seal.profiles, seal.ages, seal.octets),
                *(seal.registered_ages, seal.registered_octets),
            ),
            (
                seal.names(url).field,
                document,
                b"%d" % self._entries,
                b"%d" % self._octets,
                b"%d" % (_USEFUL * 1000),
                b"2" if registered else b"1",
            ),
        )
        if reply is not None and reply[0]:
            self.results["kept"] += 1
            self._newest.put(hash(url), int(stamp_of(profile)) / 1_000_000)

    def _opened(self, url: ProfileUrl, document: bytes) -> Profile | None:
        try:
            profile = self._seal.open(url, document)
        except NotOurs as error:
            self._refuse("refused", str(error))
            return None
        if not profile.fetched_at <= profile.received_at <= self._clock() + SKEW:
            self._refuse("refused", "it comes from the future")
            return None
        newest = self._newest.get(hash(url.url))
        if newest is not None and profile.fetched_at < newest:
            self._refuse("rolled_back", "a newer one was in its place before")
            return None
        self._newest.put(hash(url.url), profile.fetched_at)
        # By our clock it may have come that much sooner, and then knows nothing later.
        return profile._replace(ahead=SKEW)

    def _refuse(self, result: str, why: str) -> None:
        self.results[result] += 1
        now = self._clock()
        if now >= self._warned + _WARN_EVERY:
            self._warned = now
            _logger.warning("a profile in the store was refused: %s", why)

    async def _run(
        self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes]
    ) -> list[Any] | None:
        try:
            reply: list[Any] = await self._store.run(script, keys, arguments)
        except StoreUnavailable:
            self.results["unavailable"] += 1
            return None
        return reply
