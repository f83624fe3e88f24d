"""Claims: who may send a write, and what its repetitions are told. A table.

Theory of operation
===================

A write is claimed before it is sent. A claim belongs to one key: that of (merchant, identity,
operation, Idempotency-Key), or of the signature base where a write has no key. It holds the digest
of the payload it was made for and a token, 128 random bits, which is the owner's alone: the one
call in the one gateway that may send this write. The token goes to the merchant as
``UCP-Verified-Claim``: a merchant that keeps it with what it has done can refuse every other
token for that key. The store compares it with every word of an owner, so that one that was
overtaken is refused (a fencing token).

The owner holds a lease and renews it while the merchant works. When the lease ends, nobody knows
whether the merchant was asked: CLAIMED becomes LAPSED by the passing of time alone, and nothing
else ever happens by that. In particular no claim becomes ABSENT for want of an owner, so nothing
is sent twice because a gateway died, slept or was cut off.

* An owner that is late, and whose token still stands, is believed: COMPLETE, DOUBT, RENEW and
  RELEASE from LAPSED do what they do from CLAIMED. RELEASE says that provably nothing was sent.
* UNKNOWN means: sent, and no answer is recorded. Only the owner's late COMPLETE and an operator
  lead out of it, and RETRY, where the merchant's API promises that it honours Idempotency-Key
  itself (``upstream.idempotent``): then the same write is claimed again, with a new token.
* RETAKEN is such a claim. Its RELEASE speaks of the second attempt only; the first may have been
  carried out, so it leads back to UNKNOWN and not to ABSENT.
* An operator says EXECUTED or NOT_EXECUTED. Either takes the token away, so that an owner that
  wakes up afterwards is refused. NOT_EXECUTED waits for two leases of quiet since the last
  renewal (before that it is NOT_EXECUTED_EARLY): an owner that is alive renews.
* COMPLETED has the answer; when that ends, or where it was never kept, SPENT remembers that the
  write was done (a tombstone), so that a captured one does not run again.
* Where the store has lost a claim (ABSENT), its owner's COMPLETE, DOUBT and RENEW make it again:
  what is known to have been sent is never forgotten for want of a record.

``STEPS[state][event]`` is (next state, word). What a token that is not the claim's asks for is
STALE and changes nothing; that is not in the table, and neither is what the words mean to a
caller: the rooms above say that. The table is transcribed in ``admit.lua`` and ``settle.lua``,
which know COMPLETED and SPENT, CLAIMED and LAPSED apart by what is there and by the clock.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

LEASE: Final = 10.0
"""Seconds for which a claim is the owner's without being renewed."""
RENEWAL: Final = 3.0
"""Seconds after which the owner renews it."""
SENDING_SHARE: Final = 0.5
"""The part of the lease, 5 s, that must remain when the first byte goes out."""
QUIET: Final = 2 * LEASE
"""Seconds since the last renewal before an operator may say that a write was not executed."""


class State(Enum):
    """Where a claim stands."""

    ABSENT = "absent"
    CLAIMED = "claimed"
    LAPSED = "lapsed"
    """Claimed, and the lease has ended. Callers are told the same as for UNKNOWN."""
    RETAKEN = "retaken"
    """Claimed again after an unknown outcome."""
    RETAKEN_LAPSED = "retaken_lapsed"
    UNKNOWN = "unknown"
    COMPLETED = "completed"
    SPENT = "spent"
    """Completed, and its answer is not, or no longer, kept."""
    RELEASED = "released"
    """An operator said that it was not executed."""


class Event(Enum):
    """What can happen to a claim."""

    ASK = "ask"
    """A request with the same payload."""
    ASK_OTHER = "ask_other"
    """A request with another payload under the same key."""
    RETRY = "retry"
    """The same as ASK where the merchant's API is idempotent itself."""
    AGAIN = "again"
    """The owner's own call once more: the reply to its first was lost."""
    COMPLETE = "complete"
    COMPLETE_BARE = "complete_bare"
    """Completed with an answer that cannot be kept."""
    RELEASE = "release"
    DOUBT = "doubt"
    """Sent, and no whole answer came."""
    RENEW = "renew"
    EXECUTED = "executed"
    NOT_EXECUTED = "not_executed"
    NOT_EXECUTED_EARLY = "not_executed_early"
    LEASE_ENDS = "lease_ends"
    ANSWER_ENDS = "answer_ends"
    MEMORY_ENDS = "memory_ends"
    """The record itself ends: of a completed claim, or of an operator's note."""


class Word(Enum):
    """What the script replies; None of them is a decision about the caller."""

    CLAIMED = "claimed"
    REPLAY = "replay"
    IN_PROGRESS = "in_progress"
    CONFLICT = "conflict"
    UNKNOWN = "unknown"
    GONE = "gone"
    DONE = "done"
    STALE = "stale"
    ABSENT = "absent"
    LIVE = "live"
    EARLY = "early"
    SETTLED = "settled"
    NOTHING = ""
    """Nobody asked: time went by."""


_S, _E, _W = State, Event, Word
_Row = dict[Event, tuple[State, Word]]


def _live(own: State, lapsed: State, released: State) -> _Row:
    """Return the row of a claim whose lease runs."""
    return {
        _E.ASK: (own, _W.IN_PROGRESS),
        _E.RETRY: (own, _W.IN_PROGRESS),
        _E.EXECUTED: (own, _W.LIVE),
        _E.NOT_EXECUTED: (own, _W.LIVE),
        _E.NOT_EXECUTED_EARLY: (own, _W.LIVE),
        _E.LEASE_ENDS: (lapsed, _W.NOTHING),
        **_owned(own, released),
    }


def _lapsed(lapsed: State, own: State, released: State) -> _Row:
    """Return the row of a claim whose lease has ended, with its owner perhaps alive."""
    return {**_in_doubt(lapsed), **_owned(own, released)}


def _owned(own: State, released: State) -> _Row:
    """Return what the owner can do while its token stands and nothing is settled."""
    return {
        _E.ASK_OTHER: (own, _W.CONFLICT),
        _E.AGAIN: (own, _W.CLAIMED),
        _E.COMPLETE: (_S.COMPLETED, _W.DONE),
        _E.COMPLETE_BARE: (_S.SPENT, _W.DONE),
        _E.RELEASE: (released, _W.DONE),
        _E.DOUBT: (_S.UNKNOWN, _W.DONE),
        _E.RENEW: (own, _W.DONE),
    }


def _in_doubt(state: State) -> _Row:
    """Return what callers and operators can do where nobody knows the outcome."""
    return {
        _E.ASK: (state, _W.UNKNOWN),
        _E.RETRY: (_S.RETAKEN, _W.CLAIMED),
        _E.EXECUTED: (_S.SPENT, _W.DONE),
        _E.NOT_EXECUTED: (_S.RELEASED, _W.DONE),
        _E.NOT_EXECUTED_EARLY: (state, _W.EARLY),
    }


def _settled(state: State, again: Word) -> _Row:
    """Return what has become final for everybody but time."""
    return {
        _E.ASK: (state, again),
        _E.RETRY: (state, again),
        _E.ASK_OTHER: (state, _W.CONFLICT),
        _E.COMPLETE: (state, _W.DONE),
        _E.COMPLETE_BARE: (state, _W.DONE),
        _E.RELEASE: (state, _W.SETTLED),
        _E.DOUBT: (state, _W.SETTLED),
        _E.RENEW: (state, _W.SETTLED),
        _E.EXECUTED: (state, _W.SETTLED),
        _E.NOT_EXECUTED: (state, _W.SETTLED),
        _E.NOT_EXECUTED_EARLY: (state, _W.SETTLED),
        _E.MEMORY_ENDS: (_S.ABSENT, _W.NOTHING),
    }


_NEW: Final[_Row] = {
    _E.ASK: (_S.CLAIMED, _W.CLAIMED),
    _E.ASK_OTHER: (_S.CLAIMED, _W.CLAIMED),
    _E.RETRY: (_S.CLAIMED, _W.CLAIMED),
}

STEPS: Final[dict[State, _Row]] = {
    _S.ABSENT: {
        **_NEW,
        _E.AGAIN: (_S.CLAIMED, _W.CLAIMED),
        _E.COMPLETE: (_S.COMPLETED, _W.DONE),
        _E.COMPLETE_BARE: (_S.SPENT, _W.DONE),
        _E.RELEASE: (_S.ABSENT, _W.ABSENT),
        _E.DOUBT: (_S.UNKNOWN, _W.DONE),
        _E.RENEW: (_S.CLAIMED, _W.DONE),
        _E.EXECUTED: (_S.ABSENT, _W.ABSENT),
        _E.NOT_EXECUTED: (_S.ABSENT, _W.ABSENT),
        _E.NOT_EXECUTED_EARLY: (_S.ABSENT, _W.ABSENT),
    },
    _S.CLAIMED: _live(_S.CLAIMED, _S.LAPSED, _S.ABSENT),
    _S.LAPSED: {
        **_lapsed(_S.LAPSED, _S.CLAIMED, _S.ABSENT),
        _E.ASK_OTHER: (_S.LAPSED, _W.CONFLICT),
    },
    _S.RETAKEN: _live(_S.RETAKEN, _S.RETAKEN_LAPSED, _S.UNKNOWN),
    _S.RETAKEN_LAPSED: {
        **_lapsed(_S.RETAKEN_LAPSED, _S.RETAKEN, _S.UNKNOWN),
        _E.ASK_OTHER: (_S.RETAKEN_LAPSED, _W.CONFLICT),
    },
    _S.UNKNOWN: {
        **_in_doubt(_S.UNKNOWN),
        _E.ASK_OTHER: (_S.UNKNOWN, _W.CONFLICT),
        _E.COMPLETE: (_S.COMPLETED, _W.DONE),
        _E.COMPLETE_BARE: (_S.SPENT, _W.DONE),
        _E.RELEASE: (_S.UNKNOWN, _W.SETTLED),
        _E.DOUBT: (_S.UNKNOWN, _W.SETTLED),
        _E.RENEW: (_S.UNKNOWN, _W.SETTLED),
    },
    _S.COMPLETED: {
        **_settled(_S.COMPLETED, _W.REPLAY),
        _E.ANSWER_ENDS: (_S.SPENT, _W.NOTHING),
    },
    _S.SPENT: _settled(_S.SPENT, _W.GONE),
    # The owner's token was taken away, so whatever it asks for is STALE.
    _S.RELEASED: {
        **_NEW,
        _E.EXECUTED: (_S.RELEASED, _W.SETTLED),
        _E.NOT_EXECUTED: (_S.RELEASED, _W.SETTLED),
        _E.NOT_EXECUTED_EARLY: (_S.RELEASED, _W.SETTLED),
        _E.MEMORY_ENDS: (_S.ABSENT, _W.NOTHING),
    },
}
