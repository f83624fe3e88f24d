"""Rates as the store keeps them: GCRA in microseconds, and what callers are told of it: pure.

Of each caller and rate the store keeps how far the theoretical arrival time, when the next request
would come if all came evenly, was ahead of the clock, and when that was. ``admit.lua`` does by the
store's clock what :meth:`Limit.take` does; a denied request changes nothing. Sums of intervals
such as a third of a second are off by far less than a microsecond, which is no reason to wait;
rates above a million a second are therefore no limits at all.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from connector.gcra import gcra

MICROSECONDS: Final = 1_000_000
ROUNDING: Final = 1.0
"""Microseconds that are no reason to wait."""


class Limit(NamedTuple):
    """A rate: one request per ``interval`` microseconds, ``burst`` of them at once."""

    interval: float
    burst: int

    @classmethod
    def of(cls, interval: float, burst: int) -> Limit:
        """Make it of an interval in seconds."""
        return cls(interval * MICROSECONDS, burst)

    @property
    def tolerance(self) -> float:
        """How far ahead of the clock the arrival time may be, in microseconds."""
        return (self.burst - 1) * self.interval

    def take(self, ahead: float) -> tuple[float, float]:
        """Return (how far ahead the arrival time then is, the time to wait), in microseconds.

        ``ahead`` is how far it is ahead of the clock before, at least 0; no wait means admitted.
        """
        return gcra(ahead, 0.0, self.interval, self.burst, rounding=ROUNDING)

    def remaining(self, ahead: float) -> int:
        """Return how many may come at once while the arrival time is ``ahead`` of the clock."""
        left = (self.tolerance + ROUNDING - ahead) / self.interval
        return min(max(int(left + 1), 0), self.burst)

    def shared(self, by: int) -> Limit:
        """Return the part of this rate that one of ``by`` equal gateways has."""
        return Limit(self.interval * by, max(self.burst // by, 1))

    def times(self, factor: int) -> Limit:
        """Return a rate ``factor`` times as high."""
        return Limit(self.interval / factor, self.burst * factor)


class Quota(NamedTuple):
    """What a caller has left of a rate: ``name`` is ``reads`` or ``writes``."""

    name: str
    limit: Limit
    ahead: float
    """How far the arrival time is ahead of the clock, in microseconds."""


def policy_of(name: str, limit: Limit) -> bytes:
    """Return the value of RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10, section 3).

    The quota is what may come at once; the window is the time in which all of that comes back.
    """
    window = max(math.ceil(limit.burst * limit.interval / MICROSECONDS), 1)
    return f'"{name}";q={limit.burst};w={window}'.encode("ascii")


def state_of(quota: Quota) -> bytes:
    """Return the value of RateLimit (the same draft, section 4): what is left, and until when."""
    name, limit, ahead = quota
    reset = math.ceil(ahead / MICROSECONDS)
    return b'"%b";r=%d;t=%d' % (name.encode("ascii"), limit.remaining(ahead), reset)
