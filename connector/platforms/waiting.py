"""How many requests may wait for profiles at a time, by lane and by peer.

A request that waits holds its connection and its memory, and nobody knows yet who sent it: whoever
holds fetches back must not collect requests with them.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from connector.errors import Refusal
from connector.platforms.budgets import Lane, counted_as

if TYPE_CHECKING:
    from collections.abc import Iterator


class Crowd(NamedTuple):
    """How many may wait in one lane."""

    together: int
    by_peer: int


CROWDS: Final = {
    Lane.REGISTERED: Crowd(256, 64),
    Lane.VERIFIED: Crowd(256, 64),
    Lane.STRANGER: Crowd(64, 8),
}


class Waiting:
    """The requests that wait, all flights together."""

    def __init__(self) -> None:
        self._together = dict.fromkeys(Lane, 0)
        self._by_peer: dict[tuple[Lane, str], int] = {}

    @contextmanager
    def place(self, lane: Lane, peer: str) -> Iterator[None]:
        """Hold a place while the block runs.

        Raises ``Refusal("discovery_pending")`` where there is none.
        """
        key = lane, counted_as(peer)
        own = self._by_peer.get(key, 0)
        together, by_peer = CROWDS[lane]
        if self._together[lane] >= together or own >= by_peer:
            raise Refusal(
                "discovery_pending",
                "too_many_waiting",
                f"too many requests wait for profiles in lane {lane.value}",
                retry_after=1,
            )
        self._together[lane] += 1
        self._by_peer[key] = own + 1
        try:
            yield
        finally:
            self._together[lane] -= 1
            self._by_peer[key] -= 1
            if self._by_peer[key] == 0:
                del self._by_peer[key]
