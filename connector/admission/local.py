"""Limits that one process keeps by itself: totals, requests at once, reads without a store."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from connector.gcra import Limiter

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.admission.limits import Limit
    from connector.admission.plans import Plan

_SECOND: Final = 1e-6
CLAIM_OCTETS: Final = 1280
"""What a claim takes of a store's memory, its name and its operator's note included."""


class Denied(NamedTuple):
    """A limit that is used up: its name for the operator, and the seconds to wait."""

    name: str
    wait: float


class Totals:
    """Limits that callers share: all of a kind together, and those of one profile's origin."""

    def __init__(
        self,
        total: Callable[[str], Limiter],
        per_origin: Callable[[str], Limiter],
        stored: Stored,
    ) -> None:
        """``total`` and ``per_origin`` give the limiter for ``reads`` and for ``writes``."""
        self.stored = stored
        self._total = {name: total(name) for name in ("reads", "writes")}
        self._per_origin = {name: per_origin(name) for name in ("reads", "writes")}

    def take(self, name: str, origin: str, now: float) -> Denied | None:
        """Admit one request, or say what is used up; then nothing is."""
        if name == "writes":
            wait = self.stored.wait(now)
            if wait:
                return Denied("stored", wait)
        wait = self._per_origin[name].take(origin, now)
        if wait:
            return Denied("per_origin", wait)
        wait = self._total[name].take("all", now)
        if wait:
            self._per_origin[name].give_back(origin)
            return Denied("total", wait)
        return None

    def give_back(self, name: str, origin: str) -> None:
        """Undo one ``take`` of a request that another limit refused."""
        self._per_origin[name].give_back(origin)
        self._total[name].give_back("all")


def limiter(limit: Limit) -> Limiter:
    """Return a limiter of this process for a rate in microseconds."""
    return Limiter(limit.interval * _SECOND, limit.burst)


class Stored:
    """How much of the store callers who share a limit fill, as far as this process knows.

    A leaky bucket of ``octets`` that runs empty in ``seconds``, the time for which most is kept.
    """

    def __init__(self, octets: float, seconds: float) -> None:
        self._octets = octets
        self._rate = octets / seconds
        self._seconds = seconds
        self._level = 0.0
        self._then = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until there is room for an octet; 0 where there is."""
        over = self._now(now) + 1.0 - self._octets
        return over / self._rate if over > 0.0 else 0.0

    def claim(self, seconds: float, now: float) -> None:
        """Count a claim that is kept for so long."""
        self._level = self._now(now) + CLAIM_OCTETS * max(seconds / self._seconds, 1.0)
        self._then = now

    def answer(self, octets: int, now: float) -> bool:
        """Count an answer, and tell whether there is room for it; without, nothing is counted."""
        level = self._now(now) + octets
        if level > self._octets:
            return False
        self._level, self._then = level, now
        return True

    def _now(self, now: float) -> float:
        return max(self._level - (now - self._then) * self._rate, 0.0)


class Concurrency:
    """How many requests of each caller are under way in this process."""

    def __init__(self) -> None:
        self._under_way: dict[bytes, int] = {}

    def enter(self, caller: bytes, most: int) -> bool:
        """Count one more; False, and nothing, where that is one too many."""
        count = self._under_way.get(caller, 0)
        if count >= most:
            return False
        self._under_way[caller] = count + 1
        return True

    def leave(self, caller: bytes) -> None:
        """Count one less."""
        count = self._under_way.pop(caller) - 1
        if count:
            self._under_way[caller] = count


class WithoutStore:
    """The rates of reads while the store is down: those of one gateway out of ``replicas``."""

    def __init__(self, replicas: int) -> None:
        self._replicas = replicas
        self._limiters: dict[tuple[float, int], Limiter] = {}

    def take(self, caller: bytes, plan: Plan, now: float) -> float:
        """Admit one read of a caller and return 0, or the seconds to wait."""
        limit = plan.reads
        limiters = self._limiters.get(limit)
        if limiters is None:
            # As many as there are different plans, which the configuration bounds.
            limiters = self._limiters[limit] = limiter(limit.shared(self._replicas))
        return limiters.take(caller.decode("ascii"), now)


def whole_seconds(wait: float, jitter: float) -> int:
    """Return Retry-After: the wait in whole seconds and up to a quarter more, at least one.

    ``jitter`` is between 0 and 1. Callers that were refused together must not come back together.
    """
    return max(math.ceil(wait + jitter * max(wait / 4, 1.0)), 1)
