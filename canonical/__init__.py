"""Signed HTTP messages, octet by octet: structured fields, digests, signatures, keys.

Pure: bytes in, bytes out. No I/O, no clock, no settings. Every error is a CanonicalError.
"""

from canonical.errors import (
    AlgorithmUnsupported,
    CanonicalError,
    DuplicateKey,
    KeyNotFound,
    SignatureInvalid,
)
from canonical.jcs import canonicalize
from canonical.jws import sign_detached, verify_detached
from canonical.key_sets import KeySet, load_key_set
from canonical.keys import Key, load_key, thumbprint

__all__ = [
    "AlgorithmUnsupported",
    "CanonicalError",
    "DuplicateKey",
    "Key",
    "KeyNotFound",
    "KeySet",
    "SignatureInvalid",
    "canonicalize",
    "load_key",
    "load_key_set",
    "sign_detached",
    "thumbprint",
    "verify_detached",
]
