"""The fixed test keys, and signatures that come out the same each time.

A private key is the SHA-256 of a sentence, so that anyone can make it again and nobody can mistake
it for a key that protects something. ECDSA nonces are those of RFC 6979 for the same reason.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256, sha384
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from canonical import load_key
from canonical.base64 import encode_url

# name → curve
_KEYS: Final = {
    "platform-2026": "P-256",
    "platform-next": "P-256",
    "platform-es384": "P-384",
    "platform-ed25519": "Ed25519",
    "business-2026": "P-256",
    "business-es384": "P-384",
    "business-ed25519": "Ed25519",
    "stranger": "P-256",
}
SIGNERS: Final = tuple(_KEYS)
"""The names of the test keys, in the order of the files."""
_ELLIPTIC: Final[dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm, int]]] = {
    "P-256": (ec.SECP256R1(), hashes.SHA256(), 32),
    "P-384": (ec.SECP384R1(), hashes.SHA384(), 48),
}


@cache
def private_jwk(name: str) -> dict[str, Any]:
    """Return the private JWK of a test key; its kid is its name."""
    crv = _KEYS[name]
    if crv == "Ed25519":
        edwards = Ed25519PrivateKey.from_private_bytes(_secret(name, 32))
        point = edwards.public_key().public_bytes_raw()
        halves = {"x": encode_url(point), "d": encode_url(edwards.private_bytes_raw())}
        return {"kid": name, "kty": "OKP", "crv": crv, "alg": "EdDSA", **halves}
    curve, _, size = _ELLIPTIC[crv]
    numbers = ec.derive_private_key(int.from_bytes(_secret(name, size)), curve).private_numbers()
    return {
        "kid": name,
        "kty": "EC",
        "crv": crv,
        "alg": "ES256" if crv == "P-256" else "ES384",
        "x": encode_url(numbers.public_numbers.x.to_bytes(size)),
        "y": encode_url(numbers.public_numbers.y.to_bytes(size)),
        "d": encode_url(numbers.private_value.to_bytes(size)),
    }


def public_jwk(name: str, **changed: object) -> dict[str, Any]:
    """Return the public JWK as a profile shows it; a member changed to None is left out."""
    members = {**private_jwk(name), "use": "sig", **changed}
    return {key: value for key, value in members.items() if key != "d" and value is not None}


@cache
def thumbprint(name: str) -> str:
    """Return the RFC 7638 thumbprint of a test key."""
    return load_key(private_jwk(name)).thumbprint


def sign(name: str, data: bytes) -> bytes:
    """Sign deterministically; the raw signature (r||s, or Ed25519's own 64 octets)."""
    jwk = private_jwk(name)
    if jwk["crv"] == "Ed25519":
        return Ed25519PrivateKey.from_private_bytes(_secret(name, 32)).sign(data)
    size = _ELLIPTIC[jwk["crv"]][2]
    r, s = decode_dss_signature(sign_der(name, data))
    return r.to_bytes(size) + s.to_bytes(size)


def sign_der(name: str, data: bytes) -> bytes:
    """Sign with ECDSA and leave the signature in DER, as many libraries hand it out."""
    curve, digest, size = _ELLIPTIC[private_jwk(name)["crv"]]
    key = ec.derive_private_key(int.from_bytes(_secret(name, size)), curve)
    return key.sign(data, ec.ECDSA(digest, deterministic_signing=True))


def _secret(name: str, size: int) -> bytes:
    """The digest is below the order of its curve for each of the names here."""
    digest = sha384 if size == 48 else sha256
    return digest(f"UCP connector test key, not secret: {name}".encode("ascii")).digest()
