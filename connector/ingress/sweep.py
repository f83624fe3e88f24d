"""One coarse timer for all connections: no timer is made per request."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

_COARSEST: Final = 1.0
_FINEST: Final = 0.02
_PARTS: Final = 4
"""A deadline is noticed at most a quarter of the shortest time-out late."""


class Expiring(Protocol):
    """A connection with a deadline by the loop's clock; ``inf`` where it has none."""

    deadline: float

    def expire(self) -> None:
        """End what has taken too long; called at every sweep while the deadline is past."""


class Sweep:
    """Calls ``expire`` of the connections whose deadline has passed.

    ``shortest`` is the shortest time-out, in seconds. The timer runs while there are connections.
    """

    def __init__(self, shortest: float) -> None:
        self._interval = min(_COARSEST, max(_FINEST, shortest / _PARTS))
        self._connections: set[Expiring] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: Expiring) -> None:
        """Watch a connection; to be called on its event loop."""
        self._connections.add(connection)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._interval, self._tick, loop)

    def discard(self, connection: Expiring) -> bool:
        """Watch it no longer; whether it was watched."""
        if connection not in self._connections:
            return False
        self._connections.remove(connection)
        if not self._connections and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return True

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(self._interval, self._tick, loop)
        now = loop.time()
        for connection in tuple(self._connections):
            if connection.deadline <= now:
                connection.expire()
