"""Moves the times of a case to the present, and off the edge where a second decides.

What a gateway takes only once is made new with them.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_TIME: Final = re.compile(
    r'(?P<name>;created|;expires|\biat)=(?P<kind>"?@?)(?P<seconds>[0-9]{9,11})(?![0-9])'
)
_ID: Final = re.compile(r'(?P<before>\bjti="?\{?(?:[0-9A-Fa-f]+-){4})[0-9]{12}(?![0-9A-Fa-f])')
"""The last group of Talos's ``jti``, which the cases share: a gateway takes each one once."""
_SKEW: Final = 30
"""Seconds that two clocks may differ by."""
_MARGIN: Final = 5
"""Seconds by which an edge is kept away from: a request takes its time."""


def shift(texts: Iterable[str], then: int, now: int, *, accepted: bool) -> int:
    """Return what is to be added to all times in these texts, in seconds.

    Times are what ``created``, ``expires`` and Talos's ``iat`` say, in UNIX seconds. All of them
    move together, so that they stay as far from each other as they were; they come to be as far
    from ``now`` as they were from ``then``, or ``_MARGIN`` seconds later where their decision would
    be another one a moment after ``now``.
    """
    distances = [
        (match["name"], int(match["seconds"]) - then)
        for text in texts
        for match in _TIME.finditer(text)
    ]
    late = any(_turns(name, distance, accepted=accepted) for name, distance in distances)
    return now - then + (_MARGIN if late else 0)


def _turns(name: str, distance: int, *, accepted: bool) -> bool:
    """Whether the time decides otherwise soon after the moment from which it is this distant."""
    if name == ";expires":
        return -_SKEW <= distance < _MARGIN - _SKEW  # still good, and soon past
    if _SKEW < distance <= _SKEW + _MARGIN:
        return True  # still in the future
    # How old it may be is the settings' business; what is accepted may be as old as it can be.
    return accepted and distance < -_SKEW


def mover(seconds: int, salt: str) -> Callable[[str], str]:
    """Return what adds these seconds to all times in a text, and makes its ``jti`` another one.

    Which one follows from ``salt`` alone. Of two that differ, the two that they become do.
    """
    last = int.from_bytes(hashlib.sha256(salt.encode()).digest()[:6]) % 10**12

    def moved(match: re.Match[str]) -> str:
        return f"{match['name']}={match['kind']}{int(match['seconds']) + seconds}"

    def renamed(match: re.Match[str]) -> str:
        return f"{match['before']}{last:012d}"

    return lambda text: _ID.sub(renamed, _TIME.sub(moved, text))
