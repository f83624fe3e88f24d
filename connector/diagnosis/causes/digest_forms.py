"""The forms in which people write a SHA-256 digest into a header."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def digest_values(body: bytes) -> Iterator[str]:
    """Yield values of Content-Digest for a body: the right one first, then mistaken ones."""
    digest = sha256(body).digest()
    text = b64encode(digest).decode("ascii")
    yield f"sha-256=:{text}:"
    yield f"sha-256={text}"
    yield f"SHA-256={text}"
    yield f"SHA-256=:{text}:"
    yield f"sha256=:{text}:"
    yield f"sha-256=:{urlsafe_b64encode(digest).decode('ascii')}:"
    yield f"sha-256=:{urlsafe_b64encode(digest).decode('ascii').rstrip('=')}:"
    yield f"sha-256=:{digest.hex()}:"
    yield f"sha-256={digest.hex()}"
    yield f"sha-256=:{b64encode(digest.hex().encode('ascii')).decode('ascii')}:"
    yield text
    yield digest.hex()
