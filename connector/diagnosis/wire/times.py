"""Moves the times of a case to the present, and off the edge where a second decides."""

from __future__ import annotations

import re
from typing import Final

_TIME: Final = re.compile(
    r'(?P<name>;created|;expires|\biat)=(?P<kind>"?@?)(?P<seconds>[0-9]{9,11})'
)
_MARGIN: Final = 5
"""Seconds by which an edge is kept away from: a request takes its time."""
_EDGE: Final = 25
"""Times nearer to now than that are on no edge: clocks may differ by 30 s."""


def moved_times(text: str, then: int, now: int, *, accepted: bool) -> str:
    """Return the text with its times as far from ``now`` as they were from ``then``.

    Times are what ``created``, ``expires`` and Talos's ``iat`` say, in UNIX seconds.
    A time that is good to the second becomes better by ``_MARGIN`` seconds, one that is bad worse.
    """

    def moved(match: re.Match[str]) -> str:
        distance = int(match["seconds"]) - then
        past = distance < 0
        if abs(distance) >= _EDGE and (past or match["name"] != ";expires"):
            # Nearer to now is better for either: less old, less early.
            nearer = _MARGIN if past else -_MARGIN
            distance += nearer if accepted else -nearer
        return f"{match['name']}={match['kind']}{now + distance}"

    return _TIME.sub(moved, text)
