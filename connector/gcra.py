"""How often something may happen: GCRA, and a table of keys that strangers cannot blow up."""

from __future__ import annotations

import math
from typing import Final

CAPACITY: Final = 65_536
"""Keys remembered in each of two generations."""

_OTHERS: Final = ""
"""The keys that found the table full; no key is empty."""


def gcra(
    arrival: float, now: float, interval: float, burst: int, *, rounding: float = 1e-9
) -> tuple[float, float]:
    """Return (the next theoretical arrival time, the time to wait); no wait means admitted.

    The generic cell rate algorithm: ``arrival`` is what it returned last for this key (or
    anything not after ``now``), ``interval`` the time between two requests at the allowed
    rate, ``burst`` how many may come at once. A denied request changes nothing. All are in one
    unit. Times are sums of intervals: ``rounding`` is no reason to wait, a nanosecond by default.
    """
    ahead = arrival - now
    if ahead <= 0.0:
        return now + interval, 0.0
    wait = ahead - (burst - 1) * interval
    if wait > rounding:
        return arrival, wait
    return arrival + interval, 0.0


class Limiter:
    """Admits each key once per ``interval`` seconds, and ``burst`` times at once.

    Nothing is forgotten while it matters: an entry is at most ``interval * burst`` ahead of the
    time, so a generation that was not touched that long holds only keys with their whole burst.
    Keys that find a generation full share one entry, so filling it gains nobody anything.
    """

    def __init__(self, interval: float, burst: int, *, capacity: int = CAPACITY) -> None:
        if interval <= 0 or burst < 1 or capacity < 1:
            raise ValueError("a rate has an interval above zero and admits at least one")
        self._interval = interval
        self._burst = burst
        self._capacity = capacity
        self._horizon = interval * burst
        self._rotation = -math.inf
        self._latest = -math.inf
        self._young: dict[str | int, float] = {}
        self._old: dict[str | int, float] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def take(self, key: str | int, now: float) -> float:
        """Admit one request at ``now`` (a monotonic clock) and return 0, or the time to wait.

        A request's time is when it came. One that waited since for a profile, while others came,
        is counted at the time of the last of them: they would seem ahead of it otherwise.
        """
        if now < self._latest:
            now = self._latest
        else:
            self._latest = now
        if now >= self._rotation:
            self._rotate(now)
        young = self._young
        arrival = young.get(key)
        if arrival is None:
            if len(young) >= self._capacity:
                # Whatever it had left in the old generation, the shared entry is no better.
                return self._shared(now)
            arrival = self._old.get(key, now)
        young[key], wait = gcra(arrival, now, self._interval, self._burst)
        return wait

    def give_back(self, key: str | int) -> None:
        """Undo one ``take`` of a request that something else refused."""
        arrival = self._young.get(key)
        if arrival is not None:
            self._young[key] = arrival - self._interval

    def _shared(self, now: float) -> float:
        arrival = self._young.get(_OTHERS, self._old.get(_OTHERS, now))
        self._young[_OTHERS], wait = gcra(arrival, now, self._interval, self._burst)
        return wait

    def _rotate(self, now: float) -> None:
        # After a pause of two horizons even the younger one is out of date.
        stale = now >= self._rotation + self._horizon
        self._old = {} if stale else self._young
        self._young = {}
        self._rotation = now + self._horizon
