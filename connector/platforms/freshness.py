"""How long a fetched profile may be used: arithmetic alone (ucp-rules, section 6)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

FLOOR: Final = 60.0
"""Least seconds that a document is used, whatever its sender says."""
CEILING_DISCOVERED: Final = 600.0
"""Most seconds for a platform that nobody registered."""
CEILING_REGISTERED: Final = 3600.0
"""Most seconds for a registered platform."""
MAX_STALE: Final = 300.0
"""Most seconds of stale-while-revalidate (RFC 5861 section 3)."""

# RFC 9111 section 5.2: token [ "=" ( token / quoted-string ) ]. Only the ones below are read.
_DIRECTIVE: Final = re.compile(
    r"(?:^|,)[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:=(?:\"([^\"\\]*)\"|([^\s,\"]*)))?[ \t]*(?=,|$)"
)
# Nine digits are 31 years; more would only feed the arithmetic.
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_FORBIDDING: Final = frozenset({"no-store", "no-cache", "private"})


class Life(NamedTuple):
    """When a document stops being fresh, in UNIX seconds, and how long it may be stale."""

    discovered_until: float
    registered_until: float
    stale_for: float
    """Seconds after that in which it may still be used while it is fetched again."""


def life(cache_control: str, age: str, fetched_at: float) -> Life:
    """Compute a document's life from its Cache-Control and Age lines and when it was asked for.

    Absolute from the original fetch: what a cache on the way had already held it for is taken
    off, though never below the floor. Missing, forbidding or unreadable: the floor.
    """
    directives: dict[str, list[str]] = {}
    for match in _DIRECTIVE.finditer(cache_control):
        value = match[2] if match[3] is None else match[3]
        directives.setdefault(match[1].lower(), []).append(value or "")
    # RFC 9111 section 4.2.1: where a directive is repeated, the most restrictive value counts.
    max_age = None if _FORBIDDING & directives.keys() else _least(directives.get("max-age"))
    held = 0.0 if not age else _least([age])
    if max_age is None or held is None:
        return Life(fetched_at + FLOOR, fetched_at + FLOOR, 0.0)
    stale = _least(directives.get("stale-while-revalidate")) or 0.0
    return Life(
        fetched_at + max(FLOOR, min(max_age, CEILING_DISCOVERED) - held),
        fetched_at + max(FLOOR, min(max_age, CEILING_REGISTERED) - held),
        min(stale, MAX_STALE),
    )


def ended(life: Life, fetched_at: float, until: float) -> Life:
    """Shorten a life so that it ends at ``until``, what may be stale included; never the floor."""
    until = max(until, fetched_at + FLOOR)
    return Life(
        min(life.discovered_until, until),
        min(life.registered_until, until),
        life.stale_for if life.registered_until + life.stale_for <= until else 0.0,
    )


def _least(texts: list[str] | None) -> float | None:
    """Return the least of some numbers of seconds; None without one, or where one is none."""
    if not texts or not all(map(_SECONDS.fullmatch, texts)):
        return None
    return min(map(float, texts))
