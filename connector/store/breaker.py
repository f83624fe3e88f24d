"""When to leave a store alone that does not answer: pure.

CLOSED, everything passes. A call that ran into its time-out opens it, for a short while at first
and for longer each time, at most a second. Then one real request probes: its reply closes the
breaker, its time-out opens it again. Any reply at all closes it, a late one too.
"""

from __future__ import annotations

from typing import Final

FIRST: Final = 0.05
MOST: Final = 1.0
"""Seconds for which it is open, at first and at most."""
_EARLY: Final = 0.01
"""Seconds by which a probe's time may seem to be up too early: the clock is read twice for it."""


class Breaker:
    """Decides by the times that it is told; all are in seconds of one monotonic clock."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        """How long a probe is waited for before another one may go."""
        self._until: float | None = None
        self._probing = False
        self._pause = FIRST

    @property
    def closed(self) -> bool:
        """Whether everything passes."""
        return self._until is None

    def allows(self, now: float) -> bool:
        """Tell whether a call may go out; where that makes it the probe, no other one may."""
        if self._until is None:
            return True
        if now < self._until:
            return False
        self._until = now + self._patience
        self._probing = True
        return True

    def failed(self, now: float) -> None:
        """A call had no reply in time; those that went out before it opened change nothing."""
        if self._until is not None and not (self._probing and now >= self._until - _EARLY):
            return
        self._probing = False
        self._until = now + self._pause
        self._pause = min(self._pause * 2, MOST)

    def answered(self) -> None:
        """There was a reply."""
        self._until = None
        self._probing = False
        self._pause = FIRST
