"""The names of everything that is kept in the store: ``ucp1:{T}:<kind>:<H>``.

T is one slot for each caller, so that a script's keys stand on one node of a cluster. Nothing that
a caller chose is in a name in the clear, and every part is hashed with its length before it, so
that no two lists of parts are one text.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from hashlib import _Hash

CLAIM: Final = b"claim"
UNKEYED: Final = b"unkeyed"
"""A claim on a write without a key: its value is the digest of the signature base."""
ANSWER: Final = b"answer"
NONCE: Final = b"nonce"
SIGNATURE: Final = b"signature"
"""A detached JWS that was used for a write; its value is the digest of the signing input."""
RIDE: Final = b"ride"
"""Said in place of SIGNATURE of one that only came along: something else vouched."""
_RATE: Final = b"rate"

_CALLERS: Final = 4096


class CallerKeys(NamedTuple):
    """What all names of one caller begin with, and its rates."""

    slot: bytes
    start: "_Hash"
    reads: bytes
    writes: bytes

    def name(self, kind: bytes, operation: bytes, value: bytes) -> bytes:
        """Return one name."""
        digest = self.start.copy()
        digest.update(_framed(kind, operation, value))
        return b"%b%b:%b" % (self.slot, kind, digest.hexdigest().encode("ascii"))


@lru_cache(maxsize=_CALLERS)
def caller_keys(merchant: str, identity: str) -> CallerKeys:
    """Return the names of one caller at one merchant."""
    who = _framed(merchant.encode(), identity.encode())
    start = hashlib.sha256(who)
    slot = b"ucp1:{%b}:" % start.hexdigest()[:32].encode("ascii")
    keys = CallerKeys(slot, start, b"", b"")
    return keys._replace(
        reads=keys.name(_RATE, b"reads", b""), writes=keys.name(_RATE, b"writes", b"")
    )


def answer_of(claim: bytes) -> bytes:
    """Return the name of a claim's recorded answer."""
    slot, _, digest = claim.rsplit(b":", 2)
    return b"%b:%b:%b" % (slot, ANSWER, digest)


def _framed(*parts: bytes) -> bytes:
    # A list: join makes one of a generator first.
    return b"".join([len(part).to_bytes(4) + part for part in parts])
