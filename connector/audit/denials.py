"""Refusals in the log: one by one as far as there is room, and counted beyond: pure.

A stranger can be refused as often as it likes. What it costs the log is bounded: so many records a
second, and behind that one count for each class of address, code and merchant in every interval.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import Final, NamedTuple

from connector.gcra import Limiter

RATE: Final = 50.0
BURST: Final = 500
"""Refusals a second, and at once, that have records of their own."""
INTERVAL: Final = 10.0
"""Seconds that counts are kept before they are written."""
_MOST_COUNTS: Final = 1024
_OTHER: Final = ("other", "other", "")


class Counted(NamedTuple):
    """Refusals that have no records of their own."""

    address_class: str
    code: str
    merchant: str
    times: int


class DenialLane:
    """Says which refusals have records. Times are those of one monotonic clock, in seconds."""

    def __init__(self, *, rate: float = RATE, burst: int = BURST) -> None:
        self._limiter = Limiter(1 / rate, burst, capacity=1)
        self._counts: dict[tuple[str, str, str], int] = {}

    def admits(self, peer: str, code: str, merchant: str, now: float) -> bool:
        """Whether this refusal has a record; where it has none, it is counted."""
        if not self._limiter.take("all", now):
            return True
        key = (address_class(peer), code, merchant)
        if key not in self._counts and len(self._counts) >= _MOST_COUNTS:
            key = _OTHER
        self._counts[key] = self._counts.get(key, 0) + 1
        return False

    def counted(self) -> list[Counted]:
        """Return what was counted since the last time."""
        counts, self._counts = self._counts, {}
        return [Counted(*key, times) for key, times in counts.items()]


@lru_cache(maxsize=4096)
def address_class(peer: str) -> str:
    """Name the kind of a client's address: nobody is found by it."""
    try:
        address = ip_address(peer)
    except ValueError:
        return "unknown"
    if address.is_loopback:
        return "loopback"
    if address.is_private or address.is_link_local:
        return "private"
    return f"public_v{address.version}"
