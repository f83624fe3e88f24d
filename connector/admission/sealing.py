"""Sealing of recorded answers: AES-256-GCM under ``store.encryption_keys``.

An answer is bound to its claim: the full key, the payload and the token are associated data, so
whoever can write to the store cannot pass one caller's answer for another's. The first key seals,
all of them open, so keys are rotated by putting a new one in front.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN: Final = b"\x00"
_SEALED: Final = b"\x01"
_NAME: Final = 8
_NONCE: Final = 12


class Unsealable(Exception):  # noqa: N818 - it says what became of the answer
    """What is recorded cannot be opened: its key is gone, or it is not what was sealed here."""


class Sealer:
    """Seals and opens; without keys answers are kept as they are. Keys are of 32 octets."""

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = {hashlib.sha256(key).digest()[:_NAME]: AESGCM(key) for key in keys}
        self._first = next(iter(self._keys), b"")

    def seal(self, answer: bytes, *bound: bytes) -> bytes:
        """Return what is kept; ``bound`` are the claim's key, payload and token."""
        if not self._keys:
            return _PLAIN + answer
        # Random nonces: 2^32 answers under one key before NIST SP 800-38D asks for another.
        nonce = os.urandom(_NONCE)
        sealed = self._keys[self._first].encrypt(nonce, answer, _associated(bound))
        return b"".join((_SEALED, self._first, nonce, sealed))

    def open(self, kept: bytes, *bound: bytes) -> bytes:
        """Return the answer; raises Unsealable.

        With keys, an answer that is not sealed is refused: whoever writes to the store could
        otherwise put one in the place of a sealed one.
        """
        kind, rest = kept[:1], kept[1:]
        if kind == _PLAIN and not self._keys:
            return rest
        cipher = self._keys.get(rest[:_NAME]) if kind == _SEALED else None
        if cipher is None:
            raise Unsealable("no key of store.encryption_keys opens it")
        nonce, sealed = rest[_NAME : _NAME + _NONCE], rest[_NAME + _NONCE :]
        try:
            return cipher.decrypt(nonce, sealed, _associated(bound))
        except (InvalidTag, ValueError) as error:
            raise Unsealable("it is not what was sealed for this claim") from error


def _associated(bound: tuple[bytes, ...]) -> bytes:
    return b"".join(len(part).to_bytes(4) + part for part in bound)
