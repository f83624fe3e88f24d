"""Moves the times of a case to the present, and off the edge where a second decides."""

from __future__ import annotations

import re
from typing import Final

_TIME: Final = re.compile(
    r'(?P<name>;created|;expires|\biat)=(?P<kind>"?@?)(?P<seconds>[0-9]{9,11})'
)
_END: Final = ";expires"
_MARGIN: Final = 5
"""Seconds by which an edge is kept away from: a request takes its time."""
_EDGE: Final = 25
"""Times nearer to now than that are on no edge: clocks may differ by 30 s."""


def moved_times(text: str, then: int, now: int, *, accepted: bool) -> str:
    """Return the text with its times as far from ``now`` as they were from ``then``.

    Times are what ``created``, ``expires`` and Talos's ``iat`` say, in UNIX seconds.
    A time that is good to the second becomes better by ``_MARGIN`` seconds, one that is bad worse.
    """
    ahead = max(
        (int(match["seconds"]) - then for match in _TIME.finditer(text) if match["name"] != _END),
        default=0,
    )

    def moved(match: re.Match[str]) -> str:
        distance = int(match["seconds"]) - then
        if match["name"] != _END or distance < 0:
            distance += _off_the_edge(distance, accepted=accepted)
        elif ahead > 0:
            # It stays as far behind created as it was.
            distance += _off_the_edge(ahead, accepted=accepted)
        return f"{match['name']}={match['kind']}{now + distance}"

    return _TIME.sub(moved, text)


def _off_the_edge(distance: int, *, accepted: bool) -> int:
    """Return the seconds by which to move a time. Nearer to now is better: less old, less early."""
    if abs(distance) < _EDGE:
        return 0
    nearer = _MARGIN if distance < 0 else -_MARGIN
    return nearer if accepted else -nearer
