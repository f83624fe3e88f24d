"""What keeps people's data out of the log: hashes under a key, and sealed signature bases. Pure.

A hash tells whether two values of one field are the same, and nothing to whoever lacks the key. A
sealed base opens with the evidence key alone; without that it is as good as destroyed, while every
proof about the record stays valid.
"""

from __future__ import annotations

import os
from binascii import b2a_base64
from functools import lru_cache
from hashlib import sha256
from hmac import digest
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from canonical import CanonicalError
from canonical.base64 import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KEY_OCTETS: Final = 32
FIELDS: Final = ("peer", "path", "query", "query_name", "idempotency_key")
"""What is hashed in records, by the names that go into the hash: a client's address, an id in a
path, the value and the name of a query's parameter (or the whole query), an Idempotency-Key."""
_HASH: Final = 16
_BLOCK: Final = 64
"""Octets that SHA-256 takes at a time."""
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_NONCE: Final = 12
_DRAWN: Final = 256
_INFO: Final = b"ucp-connector/audit/base/"
_PERIOD: Final = 8
"""Characters of an audit id that are the upper 32 bits of its time (RFC 9562 section 5.7)."""
_MOST_PERIODS: Final = 16


class Redactor:
    """Hashes values under one redaction key, which ``key_id`` (``h1``) names."""

    def __init__(self, key_id: str, key: bytes) -> None:
        if len(key) != KEY_OCTETS:
            raise ValueError(f"a redaction key has {KEY_OCTETS} octets")
        self.key_id = key_id
        # RFC 2104 section 4: both halves of HMAC with the key already in them.
        block = key.ljust(_BLOCK, b"\0")
        self._inner = sha256(bytes(octet ^ 0x36 for octet in block))
        self._outer = sha256(bytes(octet ^ 0x5C for octet in block))
        self._prefix = f"{key_id}:"

    def hash(self, field: str, value: str | bytes) -> str:
        """Return what stands in the log in place of a value: ``h1:`` and 22 characters.

        HMAC-SHA-256 over the field's name, a zero octet and the value (text as UTF-8), cut to 128
        bits, base64url. Text and its octets have one hash; no text is refused.
        """
        octets = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(b"%b\0%b" % (field.encode(), octets))
        outer.update(inner.digest())
        whole = outer.digest()
        # The last two characters of 24 are padding.
        text = b2a_base64(whole[:_HASH], newline=False)[:-2].translate(_TO_URL).decode("ascii")
        return self._prefix + text


class Unopened(Exception):  # noqa: N818 - it says what became of the base
    """A sealed base that does not open: it is not what was sealed for this record."""


class EvidenceKeyMissing(Unopened):
    """A sealed base whose key is not at hand; ``str`` says which one that is."""


class EvidenceSealer:
    """Seals signature bases under ``key``, and opens what ``key`` or one of ``older`` sealed.

    Keys are of 32 octets. Without one, nothing is sealed, and so no base is kept.
    """

    def __init__(self, key: bytes | None, *older: bytes) -> None:
        keys = [each for each in (key, *older) if each is not None]
        if any(len(each) != KEY_OCTETS for each in keys):
            raise ValueError(f"an evidence key has {KEY_OCTETS} octets")
        self._keys = {_name(each): each for each in keys}
        self._first = None if key is None else _name(key)
        self._prefix = f"e:{self._first}:"
        self._nonces: Iterator[bytes] = iter(())
        self._cipher = lru_cache(maxsize=_MOST_PERIODS)(self._made_cipher)

    @property
    def key_ids(self) -> Sequence[str]:
        """The names of the keys (``e:89abcdef``), the one that seals first."""
        return [f"e:{name}" for name in self._keys]

    def seal(self, audit_id: str, octets: bytes) -> str | None:
        """Return what is kept of a base; None where there is no key to seal it with."""
        if self._first is None:
            return None
        nonce = next(self._nonces, None) or self._more()
        cipher = self._cipher(self._first, audit_id[:_PERIOD])
        sealed = nonce + cipher.encrypt(nonce, octets, audit_id.encode())
        return self._prefix + b2a_base64(sealed, newline=False).decode("ascii")

    def open(self, audit_id: str, text: str) -> bytes:
        """Return the base that was sealed for this record; raises Unopened."""
        mark, _, rest = text.partition(":")
        name, _, encoded = rest.partition(":")
        try:
            sealed = decode(encoded)
        except CanonicalError:
            raise Unopened("it is no sealed base") from None
        if mark != "e" or len(sealed) < _NONCE:
            raise Unopened("it is no sealed base")
        if name not in self._keys:
            raise EvidenceKeyMissing(f"the evidence key e:{name[:_PERIOD]} is not at hand")
        try:
            return self._cipher(name, audit_id[:_PERIOD]).decrypt(
                sealed[:_NONCE], sealed[_NONCE:], audit_id.encode()
            )
        except InvalidTag:
            raise Unopened("it is not what was sealed for this record") from None

    def _more(self) -> bytes:
        """Return a nonce and keep others: asking for each one is a system call."""
        drawn = os.urandom(_NONCE * _DRAWN)
        self._nonces = iter([drawn[at : at + _NONCE] for at in range(_NONCE, len(drawn), _NONCE)])
        return drawn[:_NONCE]

    def _made_cipher(self, name: str, period: str) -> AESGCM:
        """Return the cipher of one period of 65.5 s.

        Random nonces are good for 2^32 texts under one key (NIST SP 800-38D section 8.3), which a
        gateway with much to do has sealed within months.
        """
        # HKDF-Expand (RFC 5869 section 2.3), one block of it: the key is uniformly random.
        return AESGCM(digest(self._keys[name], _INFO + period.encode() + b"\x01", "sha256"))


def _name(key: bytes) -> str:
    return sha256(key).hexdigest()[:_PERIOD]
