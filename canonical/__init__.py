"""Signed HTTP messages, octet by octet: structured fields, digests, signatures, keys.

Pure: bytes in, bytes out. No I/O, no clock, no settings. Every error is a CanonicalError.
"""

from canonical.ap2 import sign_merchant_authorization, verify_merchant_authorization
from canonical.components import Component
from canonical.digest import check_content_digest, content_digest
from canonical.envelope import sign_envelope, verify_envelope
from canonical.errors import (
    AlgorithmUnsupported,
    CanonicalError,
    DuplicateKey,
    KeyNotFound,
    SignatureInvalid,
)
from canonical.fields import parse_dictionary, parse_item, parse_list
from canonical.jcs import canonicalize
from canonical.jws import sign_detached, verify_detached
from canonical.key_sets import KeySet, load_key_set
from canonical.keys import Key, load_key, thumbprint
from canonical.message import Headers, Request, Response
from canonical.serialization import serialize
from canonical.signatures import Signature, parse_signatures, sign, signature_base, verify
from canonical.values import Date, DisplayString, InnerList, Token

__all__ = [
    "AlgorithmUnsupported",
    "CanonicalError",
    "Component",
    "Date",
    "DisplayString",
    "DuplicateKey",
    "Headers",
    "InnerList",
    "Key",
    "KeyNotFound",
    "KeySet",
    "Request",
    "Response",
    "Signature",
    "SignatureInvalid",
    "Token",
    "canonicalize",
    "check_content_digest",
    "content_digest",
    "load_key",
    "load_key_set",
    "parse_dictionary",
    "parse_item",
    "parse_list",
    "parse_signatures",
    "serialize",
    "sign",
    "sign_detached",
    "sign_envelope",
    "sign_merchant_authorization",
    "signature_base",
    "thumbprint",
    "verify",
    "verify_detached",
    "verify_envelope",
    "verify_merchant_authorization",
]
