"""ES256 by AWS-LC: a check takes a fifth less time than with OpenSSL, a signature a quarter less.

A key is read and checked by canonical, as every other one is, and so is the form of a signature;
the arithmetic alone is done by another library. Tests hold the two against each other. What
verifies an audit log again later is OpenSSL.

``awscrt`` brings AWS-LC for Linux; elsewhere it asks the system's own library, and is left alone.
"""

from __future__ import annotations

import sys
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

import canonical
from canonical import CanonicalError, Key, SignatureInvalid
from canonical.base64 import decode_url
from canonical.ecdsa import P256_ORDER, to_der

if TYPE_CHECKING:
    from collections.abc import Mapping

    from canonical import KeySet

_SUBJECT_PUBLIC_KEY_INFO: Final = bytes.fromhex(
    "3059301306072A8648CE3D020106082A8648CE3D03010703420004"
)
"""What stands before x and y of a point on P-256 (RFC 5480 section 2)."""


@cache
def library() -> Any:
    """Return the package's class of keys, or None where there is none to use.

    A gateway loads it at start, and commands with their first key: it takes 30 to 60 ms.
    """
    if sys.platform != "linux":
        return None
    try:
        from awscrt.crypto import EC  # noqa: PLC0415 - not there for every processor
    except (ImportError, OSError):  # the latter where the process may open no more files
        return None
    return EC


class _Es256Key(Key):
    __slots__ = ("_library", "_pair")

    def __init__(self, key: Key, jwk: Mapping[str, Any]) -> None:
        super().__init__(jwk, key.algorithm, key.signature_algorithm, is_private=key.is_private)
        self._library = library()
        der = _private(jwk) if key.is_private else _public(jwk)
        self._pair = self._library.new_key_from_der_data(der)

    def verify(self, signature: bytes, data: bytes) -> None:
        der = to_der(signature, P256_ORDER)
        if self._pair.verify(sha256(data).digest(), der) is not True:
            raise SignatureInvalid("the signature does not verify with this key")

    def sign(self, data: bytes) -> bytes:
        if not self.is_private:
            raise CanonicalError("a public key cannot sign")
        der = self._pair.sign(sha256(data).digest())
        pair: bytes = self._library.decode_der_signature_to_padded_pair(der, len(P256_ORDER))
        return pair


def load_key(jwk: Mapping[str, Any]) -> Key:
    """Return the key that a JWK describes, and raise, as ``canonical.load_key`` does."""
    key = canonical.load_key(jwk)
    if key.algorithm != "ES256" or library() is None:
        return key
    try:
        return _Es256Key(key, jwk)
    except RuntimeError:  # which is how it says that it does not take a key, or is out of memory
        return key


def load_key_set(document: object) -> KeySet:
    """Return the set of such keys, as ``canonical.load_key_set`` does."""
    return canonical.load_key_set(document, load_key)


def _public(jwk: Mapping[str, Any]) -> bytes:
    return _SUBJECT_PUBLIC_KEY_INFO + decode_url(jwk["x"]) + decode_url(jwk["y"])


def _private(jwk: Mapping[str, Any]) -> bytes:
    private = ec.derive_private_key(int.from_bytes(decode_url(jwk["d"])), ec.SECP256R1())
    return private.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
