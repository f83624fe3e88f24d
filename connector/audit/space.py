"""Room for the log: what is left on the disk, and what callers may fill of it in a day: pure."""

from __future__ import annotations

from typing import Final

DAY: Final = 86_400.0
_WARNING: Final = 0.8


class Space:
    """Judges the disk: ``reserve`` octets are kept for closing what was received."""

    def __init__(self, reserve: int) -> None:
        self._reserve = reserve
        self.warning: str | None = None
        self.problem: str | None = None

    def look(self, free: int, total: int) -> None:
        """Judge the octets that are free, of all that there are."""
        self.warning = self.problem = None
        if free < self._reserve:
            self.problem = f"{free >> 20} MiB are left on the disk of the audit log"
        elif total and free < total * (1 - _WARNING):
            self.warning = f"the disk of the audit log is {100 * (total - free) // total} % full"


class DailyBudget:
    """A leaky bucket that runs empty in a day. Times are of one monotonic clock, in seconds."""

    def __init__(self, octets: int) -> None:
        self._octets = octets
        self._level = 0.0
        self._then = 0.0

    def take(self, octets: int, now: float) -> float:
        """Count so many octets and return 0, or the seconds to wait; then nothing is counted."""
        rate = self._octets / DAY
        level = max(self._level - (now - self._then) * rate, 0.0) + octets
        if level > self._octets:
            return max((level - self._octets) / rate, 1.0)
        self._level, self._then = level, now
        return 0.0
