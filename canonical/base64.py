"""Base64 and base64url (RFC 4648) where every octet string has exactly one spelling.

Python's own decoder skips characters outside the alphabet and ignores trailing bits. Two texts
that mean one signature would then be two identities, so only the canonical text is accepted.
"""

from __future__ import annotations

import binascii

from canonical.errors import CanonicalError

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_PADDING = (b"", b"", b"==", b"=")


def encode(data: bytes) -> str:
    """Return the padded base64 text of ``data`` (RFC 4648 section 4)."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def decode(text: str | bytes) -> bytes:
    """Return the octets of a padded, canonical base64 text; CanonicalError for any other text."""
    try:
        raw = text.encode("ascii") if isinstance(text, str) else text
        data = binascii.a2b_base64(raw)
    except ValueError:
        raise CanonicalError("not base64") from None
    # RFC 4648 section 3.5: the text is canonical if it is what an encoder would have written.
    if binascii.b2a_base64(data, newline=False) != raw:
        raise CanonicalError("not canonical base64")
    return data


def encode_url(data: bytes) -> str:
    """Return the unpadded base64url text of ``data`` (RFC 7515 section 2)."""
    text = binascii.b2a_base64(data, newline=False)
    return text.translate(_TO_URL).rstrip(b"=").decode("ascii")


def decode_url(text: str | bytes) -> bytes:
    """Return the octets of an unpadded, canonical base64url text; CanonicalError otherwise."""
    try:
        raw = text.encode("ascii") if isinstance(text, str) else text
        data = binascii.a2b_base64(raw.translate(_FROM_URL) + _PADDING[len(raw) % 4])
    except ValueError:
        raise CanonicalError("not base64url") from None
    if encode_url(data).encode("ascii") != raw:
        raise CanonicalError("not canonical base64url")
    return data
