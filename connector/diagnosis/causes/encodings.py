"""What else the octets of a signature may be, and what else may have been signed."""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64decode
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from canonical.ecdsa import ecdsa_verifies
from canonical.message import to_octets
from connector.diagnosis.causes.cause import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canonical import Key
    from connector.diagnosis.causes.evidence import Evidence

CAUSES: Final = table(
    (
        "der-signature",
        "The signature is DER, as most crypto libraries hand it out.",
        "Convert it to r then s, 32 octets each for P-256 (Node: dsaEncoding 'ieee-p1363').",
        "RFC 9421 section 3.3.4",
    ),
    (
        "signature-base64url",
        "The signature is written in base64url, or without padding.",
        "Write it in plain base64, with + and / and =, between two colons.",
        "RFC 9651 section 3.3.5",
    ),
    (
        "signature-hex",
        "The signature is written in hexadecimal.",
        "Write its octets in plain base64 between two colons.",
        "RFC 9651 section 3.3.5",
    ),
    (
        "signature-without-colons",
        "The signature in the Signature header does not stand between colons.",
        "Write it as a byte sequence: sig1=:base64:",
        "RFC 9421 section 4.2",
    ),
    (
        "signature-encoded-twice",
        "What is base64 in the Signature header is itself an encoded text.",
        "Encode the raw octets once; many libraries return them encoded already.",
        "RFC 9421 section 4.2",
    ),
    (
        "signature-halves-unpadded",
        "r or s lost its leading zero octets.",
        "Write r and s with the full size of the curve each: 32 octets for P-256.",
        "RFC 9421 section 3.3.4",
    ),
    (
        "signature-recovery-octet",
        "The signature has an octet too many, as those of blockchain libraries do.",
        "Send r and s alone, 64 octets for P-256.",
        "RFC 9421 section 3.3.4",
    ),
    (
        "signature-halves-swapped",
        "r and s are swapped, or their octets stand in reverse order.",
        "Send r before s, each with its most significant octet first.",
        "RFC 9421 section 3.3.4",
    ),
    (
        "base-hashed-twice",
        "The signer hashed the base itself, and the signing function hashed it again.",
        "Hand the base to the signing function as it is; ECDSA with SHA-256 does the hashing.",
        "RFC 9421 section 3.3.4",
    ),
    (
        "base-encoded-before-signing",
        "The signer signed an encoding of the base instead of the base.",
        "Sign the octets of the base.",
        "RFC 9421 section 3.1",
    ),
    (
        "wrong-hash",
        "The signature was made with another hash than the curve's own.",
        "Use SHA-256 with P-256 and SHA-384 with P-384.",
        "RFC 9421 sections 3.3.4 and 3.3.5",
    ),
    (
        "something-else-signed",
        "The signature is over something that is no signature base.",
        "Build the base of RFC 9421 from the covered components, and sign that.",
        "RFC 9421 section 2.5",
    ),
)

_SIZES: Final = {"ES256": 32, "ES384": 48, "Ed25519": 32}
_HASHES: Final[tuple[hashes.HashAlgorithm, ...]] = (
    hashes.SHA256(),
    hashes.SHA384(),
    hashes.SHA512(),
    hashes.SHA1(),  # noqa: S303 - tried, never relied upon
)
_TEXT: Final = re.compile(rb"[A-Za-z0-9+/_=-]{80,400}")
_HEX: Final = re.compile(r"[0-9a-fA-F]{128}|[0-9a-fA-F]{192}")


def value_readings(value: bytes, size: int) -> Iterator[tuple[tuple[str, ...], bytes]]:
    """Yield (causes, raw signature) for each way to read the octets of a signature.

    ``size`` is that of r and of s. The first reading is the right one, without a cause.
    """
    yield (), value
    text = b64encode(value).decode("ascii")
    if _HEX.fullmatch(text):
        # 128 hexadecimal digits are base64, too: of 96 octets.
        yield ("signature-hex",), bytes.fromhex(text)
    for cause, octets in _unwrapped(value):
        yield (cause,), octets
        for inner, raw in _raw(octets, size):
            yield (cause, inner), raw
    for cause, raw in _raw(value, size):
        yield (cause,), raw


def _unwrapped(value: bytes) -> Iterator[tuple[str, bytes]]:
    if not _TEXT.fullmatch(value):
        return
    text = value.decode("ascii")
    if _HEX.fullmatch(text):
        yield "signature-encoded-twice", bytes.fromhex(text)
    else:
        padded = text.rstrip("=").translate(str.maketrans("+/", "-_"))
        if len(padded) % 4 != 1:
            yield "signature-encoded-twice", urlsafe_b64decode(padded + "=" * (-len(padded) % 4))


def _raw(value: bytes, size: int) -> Iterator[tuple[str, bytes]]:
    if value[:1] == b"\x30":
        try:
            r, s = decode_dss_signature(value)
            yield "der-signature", r.to_bytes(size) + s.to_bytes(size)
        except (ValueError, OverflowError):
            pass  # Not DER, or not of this curve.
    if len(value) == 2 * size + 1:
        yield "signature-recovery-octet", value[:-1]
        yield "signature-recovery-octet", value[1:]
    if 2 * size - 4 <= len(value) < 2 * size:
        # Where r ends is not known: each place leaves r and s no longer than they may be.
        for cut in range(len(value) - size, size + 1):
            yield (
                "signature-halves-unpadded",
                value[:cut].rjust(size, b"\0") + value[cut:].rjust(size, b"\0"),
            )
    if len(value) == 2 * size:
        r_octets, s_octets = value[:size], value[size:]
        yield "signature-halves-swapped", s_octets + r_octets
        yield "signature-halves-swapped", r_octets[::-1] + s_octets[::-1]


def size_of(key: Key) -> int:
    """Return the octets of r, or of half an Ed25519 signature."""
    return _SIZES[key.algorithm]


def encoded_bases(base: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (cause, what was signed instead) for signers that encode or hash the base first."""
    digest = sha256(base)
    yield "base-hashed-twice", digest.digest()
    yield "base-hashed-twice", digest.hexdigest().encode("ascii")
    yield "base-hashed-twice", digest.hexdigest().upper().encode("ascii")
    yield "base-hashed-twice", b64encode(digest.digest())
    yield "base-encoded-before-signing", b64encode(base)
    yield "base-encoded-before-signing", base.hex().encode("ascii")


def other_payloads(evidence: Evidence, member: str) -> Iterator[tuple[str, bytes]]:
    """Yield (what it is, octets) for things that people sign in place of a base."""
    yield "the body", evidence.request.body
    headers = evidence.request.headers
    yield "the value of Content-Digest", b", ".join(headers.lines(b"content-digest"))
    yield "the value of Signature-Input", b", ".join(headers.lines(b"signature-input"))
    yield "the member of Signature-Input", to_octets(member)
    yield "nothing at all", b""
    yield "the body's digest", sha256(evidence.request.body).digest()
    yield "the request target", to_octets(evidence.request.target)


def other_hash(key: Key, signature: bytes, data: bytes) -> str | None:
    """Name the hash, other than the curve's own, with which the signature verifies."""
    for algorithm in _HASHES:
        if ecdsa_verifies(key, signature, data, algorithm):
            return algorithm.name
    return None
