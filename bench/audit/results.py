"""What the audit log's own bench found."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

FSYNC: Final = "`fsync`: one fdatasync for all who wait"
OS: Final = "`os`: none waits for the disk"
EACH: Final = "one fdatasync per request, in threads"
MODES: Final = (FSYNC, OS, EACH)
PACE: Final = 1000
"""Requests per second of the paced run."""


class Disk(NamedTuple):
    """The disk alone: one thread appends a record and syncs it, over and over."""

    rate: float
    p50: float
    """Seconds of fdatasync."""
    p99: float


class Appended(NamedTuple):
    """One mode in one round."""

    mode: str
    waiters: int
    """How many requests are always under way; 0 of the paced run."""
    requests: int
    rate: float
    """Requests per second."""
    p50: float
    """Seconds from the append to the end of the wait."""
    p99: float
    commits: int


class Verified(NamedTuple):
    """A whole log that was verified by the command."""

    records: int
    octets: int
    written: float
    """Seconds in which it was written."""
    seconds: float
    """Seconds in which it was verified, the command's start included."""
    good: bool


class AuditResults(NamedTuple):
    """Everything."""

    disks: list[Disk]
    appended: list[Appended]
    verified: list[Verified]

    def of(self, mode: str, waiters: int) -> list[Appended]:
        """Return the rounds of one mode."""
        return [a for a in self.appended if (a.mode, a.waiters) == (mode, waiters)]

    def middle(self, mode: str, waiters: int, value: Callable[[Appended], float]) -> float:
        """Return the median of the rounds."""
        return median(value(each) for each in self.of(mode, waiters))

    def disk(self, value: Callable[[Disk], float]) -> float:
        """Return the median of the rounds."""
        return median(value(each) for each in self.disks)


def percentile(values: list[float], part: float) -> float:
    """Return the least value that so large a part of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]
