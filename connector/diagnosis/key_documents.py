"""Public keys from a file, as the profile document that would publish them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)

from canonical.base64 import encode_url
from connector.diagnosis.raw_request import RawRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

_CURVES: Final = {"secp256r1": ("P-256", 32), "secp384r1": ("P-384", 48)}


def as_profile(data: bytes, keyids: Sequence[str], version: str) -> bytes:
    """Return a profile that publishes the keys of a JWK, a JWK set or PEM.

    A key without ``kid`` stands for every one of ``keyids``, those that a request names. Of a
    private key the public half is taken. Raises RawRequestError.
    """
    entries = [_from_pem(data)] if data.lstrip().startswith(b"-----BEGIN") else _from_json(data)
    keys = []
    for entry in entries:
        public = {name: value for name, value in entry.items() if name not in ("d", "key_ops")}
        if "kid" in public or not keyids:
            keys.append(public)
        else:
            keys += [{**public, "kid": keyid} for keyid in keyids]
    return json.dumps({"ucp": {"version": version}, "keys": keys}).encode("ascii")


def _from_json(data: bytes) -> list[dict[str, Any]]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise RawRequestError("neither a JWK nor PEM") from None
    entries = [document]
    if isinstance(document, dict) and isinstance(document.get("keys"), list):
        entries = document["keys"]
    elif isinstance(document, list):
        entries = document
    if not entries or not all(isinstance(entry, dict) and "kty" in entry for entry in entries):
        raise RawRequestError("neither a JWK, a JWK set nor PEM")
    return entries


def _from_pem(data: bytes) -> dict[str, Any]:
    try:
        if b"PRIVATE KEY" in data:
            private = load_pem_private_key(data, password=None)
            if not isinstance(private, (ec.EllipticCurvePrivateKey, Ed25519PrivateKey)):
                raise RawRequestError("the key is neither P-256 nor P-384 nor Ed25519")
            key: object = private.public_key()
        else:
            key = load_pem_public_key(data)
    except TypeError:
        raise RawRequestError("the key is encrypted; give the public one") from None
    except (ValueError, UnsupportedAlgorithm) as error:
        if isinstance(error, RawRequestError):
            raise
        raise RawRequestError("no public key in PEM") from None
    if isinstance(key, Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": encode_url(key.public_bytes_raw())}
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise RawRequestError("the key is neither P-256 nor P-384 nor Ed25519")
    crv, size = _CURVES[key.curve.name]
    numbers = key.public_numbers()
    return {
        "kty": "EC",
        "crv": crv,
        "x": encode_url(numbers.x.to_bytes(size)),
        "y": encode_url(numbers.y.to_bytes(size)),
    }
