"""What a merchant's answer, or its absence, does to a claim (ucp-rules section 8): pure."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

_IN_DOUBT: Final = frozenset({502, 503, 504})
"""Statuses behind which somebody on the way may speak for the merchant."""


class Outcome(Enum):
    """What is known of a write once it is over; the events of the table that follow from it."""

    COMPLETED = "completed"
    RELEASED = "released"
    """Provably nothing was done."""
    UNKNOWN = "unknown"


def outcome_of(status: int, refusals: AbstractSet[int]) -> Outcome:
    """Judge a complete answer; ``refusals`` are the statuses of ``upstream.refusals``."""
    if status in refusals:
        return Outcome.RELEASED
    return Outcome.UNKNOWN if status in _IN_DOUBT else Outcome.COMPLETED
