"""The wall clock that never steps back within a process (ucp-rules section 3.9)."""

from __future__ import annotations

import time


class WallClock:
    """UNIX time in seconds. While the system's clock is set back, time stands still here."""

    def __init__(self) -> None:
        self._latest = 0.0

    def __call__(self) -> float:
        """Return the time, never less than was returned before."""
        now = time.time()
        if now < self._latest:
            return self._latest
        self._latest = now
        return now
