"""Content-Digest (RFC 9530): what binds a body to its message."""

from __future__ import annotations

import hashlib
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from canonical.base64 import decode, encode
from canonical.errors import CanonicalError
from canonical.fields import parse_dictionary
from canonical.message import to_octets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# RFC 9530 section 5: the algorithms of status Active. The others are too weak to rely on.
_ALGORITHMS: Final[dict[str, Callable[[bytes], hashlib._Hash]]] = {
    "sha-256": hashlib.sha256,
    "sha-512": hashlib.sha512,
}

_SHA256_ONLY: Final = ("sha-256",)
_SHA256_OPENS: Final = b"sha-256=:"
_SHA256_LENGTH: Final = len(b"sha-256=::") + 44
"""Of the commonest value of all: one digest, one member, no parameters."""


def content_digest(body: bytes, algorithm: str = "sha-256") -> str:
    """Return the value of a Content-Digest header; CanonicalError for an unknown algorithm."""
    hashed = _ALGORITHMS.get(algorithm)
    if hashed is None:
        raise CanonicalError(f"unknown digest algorithm {algorithm[:40]!r}")
    return f"{algorithm}=:{encode(hashed(body).digest())}:"


def check_content_digest(
    values: str | bytes | Sequence[str] | Sequence[bytes], body: bytes
) -> None:
    """Return if the Content-Digest in ``values`` (the header's lines) is that of ``body``.

    Every known algorithm in it must match and one must be there; CanonicalError otherwise.
    """
    checked_algorithms(values, body)


def checked_algorithms(
    values: str | bytes | Sequence[str] | Sequence[bytes], body: bytes
) -> tuple[str, ...]:
    """Check as :func:`check_content_digest` does and return the known algorithms that matched."""
    if isinstance(values, (str, bytes)):
        line = to_octets(values)
    else:
        line = to_octets(values[0]) if len(values) == 1 else b", ".join(map(to_octets, values))
    if len(line) == _SHA256_LENGTH and line.startswith(_SHA256_OPENS) and line.endswith(b":"):
        try:
            received = decode(line[9:-1])
        except CanonicalError:
            pass  # Not that simple a value after all: the parser says what it is.
        else:
            if compare_digest(received, hashlib.sha256(body).digest()):
                return _SHA256_ONLY
            raise CanonicalError("Content-Digest: sha-256 does not match the body")
    return _check_all(line, body)


def _check_all(line: bytes, body: bytes) -> tuple[str, ...]:
    try:
        # Where an algorithm is given twice, one of the two was not checked by somebody.
        members = parse_dictionary(line, unique=True)
    except CanonicalError as error:
        raise CanonicalError(f"Content-Digest: {error}") from None
    known = []
    for name, (value, _) in members.items():
        if not isinstance(value, bytes):
            raise CanonicalError(f"Content-Digest: {name[:40]} is not a byte sequence")
        hashed = _ALGORITHMS.get(name)
        if hashed is None:
            continue
        if not compare_digest(value, hashed(body).digest()):
            raise CanonicalError(f"Content-Digest: {name} does not match the body")
        known.append(name)
    if not known:
        raise CanonicalError("Content-Digest: no known algorithm")
    return tuple(known)
