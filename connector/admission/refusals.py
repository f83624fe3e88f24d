"""What admission refuses with: codes, and when to come back, spread a little."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from connector.admission.local import Denied, whole_seconds
from connector.errors import Refusal
from connector.steps import Admission

if TYPE_CHECKING:
    from connector.store.errors import StoreUnavailable

_WAITS: Final = {"in_progress": 1.0, "unknown": 5.0}
_EXPLAINED: Final = {
    "conflict": ("idempotency_conflict", "the key was used with another payload"),
    "in_progress": ("idempotency_in_progress", "the first request is still being worked on"),
    "unknown": ("outcome_unknown", "it was sent before, and no answer was recorded"),
    "gone": ("answer_not_replayable", "it was done before; its answer is not kept"),
}
_jitter: Final = random.Random().random  # noqa: S311 - spreads retries, keeps no secret


def limited(denied: Denied) -> Admission:
    """Return what becomes of a request for which a limit is used up."""
    seconds = whole_seconds(denied.wait, _jitter())
    refusal = Refusal(
        "rate_limited", denied.name, f"the rate for {denied.name} is used up", retry_after=seconds
    )
    return Admission("limited", [], refusal=refusal)


def seen() -> Admission:
    """Return what becomes of a request that was signed with what may be used once."""
    refusal = Refusal("signature_invalid", "nonce_replayed", "what was signed was used before")
    return Admission("nonce_seen", [], refusal=refusal)


def refusal_of(result: str) -> Refusal:
    """Return the refusal that a word of the script stands for."""
    code, explanation = _EXPLAINED[result]
    wait = _WAITS.get(result)
    seconds = None if wait is None else whole_seconds(wait, _jitter())
    return Refusal(code, code, explanation, retry_after=seconds)


def unavailable(error: StoreUnavailable) -> Refusal:
    """Return the refusal of what cannot be decided without the store."""
    seconds = whole_seconds(1.0, _jitter())
    return Refusal("store_unavailable", "store_unavailable", error.explanation, retry_after=seconds)
