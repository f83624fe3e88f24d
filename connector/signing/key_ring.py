"""The keys that sign in our name: what each may do at a moment follows from its times. Pure.

    planned → published → active → retired → ended        revoked, from anywhere and at once

planned    not published yet
published  in the profile, but not every platform has read that yet (ucp-rules section 9)
active     may sign; of several the one that became active last does
retired    signs no longer, and stays published for seven days: what it signed is verified later
ended      no longer published
revoked    compromised: neither signs nor is published from that moment on

Only the times are kept. A state is what they come to now, so the two cannot contradict each other.
All times are UNIX seconds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canonical import Key

MAX_AGE: Final = 300
"""Seconds for which platforms may keep what we publish."""
LEAD: Final = MAX_AGE + 60
"""Seconds between publishing a key and signing with it: our own max-age has passed, and every
process and replica has seen the file (ucp-rules section 9)."""
KEPT: Final = 7 * 24 * 3600
"""Seconds for which a retired key stays published (ucp-rules section 9: at least seven days)."""


class SigningKey(NamedTuple):
    """A private key and its times."""

    key: Key
    published: int
    active: int
    retired: int | None = None
    revoked: int | None = None

    @property
    def kid(self) -> str:
        """The key's name; a key file has none without."""
        return self.key.kid or ""

    def state(self, now: float) -> str:
        """Return the state, as above, at a moment."""
        if self.revoked is not None and now >= self.revoked:
            return "revoked"
        if now < self.published:
            return "planned"
        if self.retired is not None and now >= self.retired:
            return "retired" if now < self.retired + KEPT else "ended"
        return "active" if now >= self.active else "published"

    def changes(self) -> tuple[float, ...]:
        """Return the moments at which the state may change."""
        retired = () if self.retired is None else (self.retired, self.retired + KEPT)
        revoked = () if self.revoked is None else (self.revoked,)
        return (self.published, self.active, *retired, *revoked)


class Phase(NamedTuple):
    """What holds until one of the keys changes its state. Compare phases by identity."""

    signing: Key | None
    """The key that signs; None where there is none."""
    published: tuple[Key, ...]
    """The keys whose public halves stand in the profile, in the order of the file."""
    revoked: frozenset[str]
    """Thumbprints that must not be published, whoever lists them."""
    until: float
    """The first moment at which this no longer holds."""


_PUBLISHED: Final = frozenset({"published", "active", "retired"})


def phase_at(keys: Sequence[SigningKey], now: float) -> Phase:
    """Return what holds at a moment."""
    states = [each.state(now) for each in keys]
    signing = signing_key(keys, now)
    return Phase(
        None if signing is None else signing.key,
        tuple(each.key for each, state in zip(keys, states, strict=True) if state in _PUBLISHED),
        frozenset(
            each.key.thumbprint
            for each, state in zip(keys, states, strict=True)
            if state == "revoked"
        ),
        min((time for each in keys for time in each.changes() if time > now), default=math.inf),
    )


def signing_key(keys: Sequence[SigningKey], now: float) -> SigningKey | None:
    """Return the key that signs at a moment: of the active ones the youngest."""
    active = [each for each in keys if each.state(now) == "active"]
    # The first of those that are equally young, so that every process picks the same.
    return max(active, key=lambda each: (each.active, each.published), default=None)
