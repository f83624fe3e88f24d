"""How often profiles are fetched for whom: GCRA, one number for each bucket.

A registered platform has no budget. One that verified before draws on a budget of its own, so
that strangers cannot use up what known platforms need. A stranger draws on three at once, and a
denial consumes nothing of any of them: all strangers together, those behind one peer, and those
at one origin, which also may have only a few URLs tried at a time.
"""

from __future__ import annotations

from enum import Enum
from ipaddress import ip_address
from typing import Final, NamedTuple

from connector.platforms.recent import Recent

ORIGIN_URLS: Final = 8
"""URLs of one origin that strangers may have tried in one window."""
ORIGIN_WINDOW: Final = 60
"""Seconds for which a tried URL counts."""

# Known platforms draw on ten times the budget of strangers, one peer on a fifth of it.
_VERIFIED_SHARE: Final = 10
_PEER_SHARE: Final = 5
_TABLE: Final = 4096


class Lane(Enum):
    """Whose profile is fetched."""

    REGISTERED = "registered"
    VERIFIED = "verified"
    """A signature verified with this URL's document before."""
    STRANGER = "stranger"


class Rate(NamedTuple):
    """GCRA over whole microseconds: sums of fractions of a second would deny a burst's last one."""

    interval: int
    """Microseconds from one to the next."""
    burst: int
    """How many at once."""

    @classmethod
    def per_second(cls, number: float, burst: int) -> Rate:
        """So many a second, and so many at once."""
        if number <= 0 or burst < 1:
            raise ValueError("a rate allows at least one at a time")
        return cls(max(1, round(1_000_000 / number)), burst)

    def wait(self, tat: int, now: int) -> int:
        """Microseconds until one more is allowed after a theoretical arrival time; 0 for now."""
        return max(0, tat - (self.burst - 1) * self.interval - now)

    def taken(self, tat: int, now: int) -> int:
        """The theoretical arrival time after one more."""
        return max(tat, now) + self.interval


class _Origin(NamedTuple):
    tat: int
    tried: dict[int, int]
    """When a URL was first tried, by its hash: it takes constant room whatever its length."""


class Budgets:
    """The budgets of one process. ``rate`` and ``burst`` are those of all strangers together."""

    def __init__(self, rate: float, burst: int) -> None:
        self._strangers = Rate.per_second(rate, burst)
        self._verified = Rate.per_second(rate * _VERIFIED_SHARE, burst * _VERIFIED_SHARE)
        self._peer = Rate.per_second(rate / _PEER_SHARE, burst)
        self._origin = Rate.per_second(1, ORIGIN_URLS)
        self._strangers_tat = 0
        self._verified_tat = 0
        self._peers: Recent[str, int] = Recent(_TABLE)
        self._origins: Recent[str, _Origin] = Recent(_TABLE)

    def take(self, lane: Lane, url: str, origin: str, peer: str | None, now: float) -> float:
        """Take one fetch: 0 where it is granted, else the seconds to wait, with nothing taken.

        ``now`` is in seconds; ``peer`` is None for a refresh that no request waits for.
        """
        if lane is Lane.REGISTERED:
            return 0.0
        instant = round(now * 1_000_000)
        if lane is Lane.STRANGER:
            return self._take_stranger(url, origin, peer, instant) / 1_000_000
        wait = self._verified.wait(self._verified_tat, instant)
        if wait == 0:
            self._verified_tat = self._verified.taken(self._verified_tat, instant)
        return wait / 1_000_000

    def _take_stranger(self, url: str, origin: str, peer: str | None, now: int) -> int:
        wait = self._strangers.wait(self._strangers_tat, now)
        if wait > 0:
            # Decided before any table is touched: a flood does not even stir them.
            return wait
        peer = None if peer is None else counted_as(peer)
        peer_tat = 0 if peer is None else self._peers.get(peer) or 0
        known = self._origins.get(origin) or _Origin(0, {})
        window = ORIGIN_WINDOW * 1_000_000
        tried = {each: at for each, at in known.tried.items() if at + window > now}
        mark = hash(url)
        wait = max(self._peer.wait(peer_tat, now), self._origin.wait(known.tat, now))
        if mark not in tried and len(tried) >= ORIGIN_URLS:
            wait = max(wait, min(tried.values()) + window - now)
        if wait > 0:
            return wait
        tried.setdefault(mark, now)
        self._strangers_tat = self._strangers.taken(self._strangers_tat, now)
        if peer is not None:
            self._peers.put(peer, self._peer.taken(peer_tat, now))
        self._origins.put(origin, _Origin(self._origin.taken(known.tat, now), tried))
        return 0


def counted_as(peer: str) -> str:
    """Count an IPv6 address by its /64: whoever has one address there has them all."""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    return peer if address.version == 4 else f"{int(address) >> 64:x}::/64"
