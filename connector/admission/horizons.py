"""How long things are remembered: as long as a captured request could still be taken. Pure.

Times are in seconds; ``at`` is UNIX time. What ends later than anything is remembered is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from connector.errors import Refusal

if TYPE_CHECKING:
    from connector.admission.plans import Plan
    from connector.steps import Caller

SKEW: Final = 30.0
CLOCK_MARGIN: Final = 1200.0
"""Seconds that a nonce is kept beyond its time: gateways' clocks may be ten minutes off, each."""
_TALOS_AGE: Final = 300.0


class Horizon(NamedTuple):
    """``answer`` is for how long an answer is kept, ``longest`` for how long anything is."""

    answer: float
    longest: float

    def of_claim(self, at: float, caller: Caller, *, keyed: bool) -> tuple[float, float]:
        """Return for how long the answer is kept, and for how long that it was given.

        ``created`` makes a captured write stale before its answer is gone, ``expires`` at its own
        time; without either, and without a key that is asked to be fresh, a tombstone stays. What
        vouched is not the measure, but whatever in the request could have. Raises Refusal.
        """
        if not keyed:
            return self.answer, self.longest
        kept = self.answer
        for created, expires in ((caller.created, caller.expires), *caller.others):
            if created is None:
                kept = max(kept, self.longest if expires is None else self._until(expires, at))
        return self.answer, kept

    def of_nonce(self, at: float, caller: Caller, plan: Plan) -> float | None:
        """Return for how long a nonce is kept; None where none has to be. Raises Refusal."""
        talos = caller.scheme == "talos"
        if caller.nonce is None or not (plan.nonce or talos):
            return None
        most = _TALOS_AGE if talos else plan.max_age
        ends: list[float] = [] if caller.expires is None else [caller.expires]
        if caller.created is not None and most is not None:
            ends.append(caller.created + most)
        return max(self._until(min(ends), at), 1.0) if ends else self.longest

    def _until(self, end: float, at: float) -> float:
        left = end - at + SKEW + CLOCK_MARGIN
        if left > self.longest:
            raise Refusal(
                "signature_invalid",
                "expires_too_far",
                f"expires is further away than anything is remembered ({self.longest:.0f} s)",
            )
        return left
