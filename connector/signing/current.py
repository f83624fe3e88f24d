"""The keys of one key file as they are now, for everybody who signs or publishes with them.

Signer and published documents ask the same object, so a reload or a change of state reaches them
together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.signing.key_ring import phase_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connector.signing.key_ring import Phase, SigningKey


class CurrentKeys:
    """Holds the keys; ``clock`` gives UNIX time and never steps back."""

    def __init__(self, keys: Sequence[SigningKey], clock: Callable[[], float]) -> None:
        self.clock = clock
        self._keys = keys
        self._phase = phase_at(keys, clock())

    def phase(self, now: float) -> Phase:
        """Return what holds now: the same object until something changes."""
        if now >= self._phase.until:
            self._phase = phase_at(self._keys, now)
        return self._phase

    def replace(self, keys: Sequence[SigningKey]) -> None:
        """Go on with other keys from this moment."""
        self._keys = keys
        self._phase = phase_at(keys, self.clock())
