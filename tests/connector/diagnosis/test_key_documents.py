from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from canonical import load_key
from connector.diagnosis.generator import keys
from connector.diagnosis.key_documents import as_profile
from connector.diagnosis.raw_request import RawRequestError

PUBLIC = keys.public_jwk("platform-2026")


def _published(data: bytes, *keyids: str) -> list[dict[str, Any]]:
    document = json.loads(as_profile(data, keyids, "2026-08-25"))
    assert document["ucp"]["version"] == "2026-08-25"
    published: list[dict[str, Any]] = document["keys"]
    return published


@pytest.mark.parametrize("document", [PUBLIC, {"keys": [PUBLIC]}, [PUBLIC]])
def test_a_jwk_and_a_set_are_published_as_they_are(document: object) -> None:
    assert _published(json.dumps(document).encode(), "other") == [PUBLIC]


def test_a_key_without_kid_stands_for_the_keyids_of_the_request() -> None:
    jwk = keys.public_jwk("platform-2026", kid=None)

    assert _published(json.dumps(jwk).encode(), "a", "b") == [
        {**jwk, "kid": "a"},
        {**jwk, "kid": "b"},
    ]
    assert _published(json.dumps(jwk).encode()) == [jwk]


def test_of_a_private_key_the_public_half_is_taken() -> None:
    (jwk,) = _published(json.dumps(keys.private_jwk("platform-2026")).encode())

    assert "d" not in jwk
    assert load_key(jwk).thumbprint == keys.thumbprint("platform-2026")


@pytest.mark.parametrize(
    "private",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        Ed25519PrivateKey.generate(),
    ],
)
def test_pem_is_read_from_either_half(
    private: ec.EllipticCurvePrivateKey | Ed25519PrivateKey,
) -> None:
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    whole = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    assert _published(public, "k") == _published(b"\n" + whole, "k")
    assert load_key(_published(public, "k")[0]).kid == "k"


def _pem(private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes = b"") -> bytes:
    sealed = BestAvailableEncryption(password) if password else NoEncryption()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"hello", "neither a JWK nor PEM"),
        (b"[" * 100_000, "neither a JWK nor PEM"),
        (b"[]", "neither a JWK, a JWK set"),
        (b"{}", "neither a JWK, a JWK set"),
        (b'{"keys": [1]}', "neither a JWK, a JWK set"),
        (b"-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----", "no public key"),
        (b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----", "no public key"),
        (_pem(ec.generate_private_key(ec.SECP256R1()), b"x"), "encrypted"),
        (_pem(ec.generate_private_key(ec.SECP521R1())), "neither P-256"),
        (_pem(rsa.generate_private_key(65537, 2048)), "neither P-256"),
    ],
)
def test_what_is_no_key_is_one_clear_line(data: bytes, says: str) -> None:
    with pytest.raises(RawRequestError, match=says):
        _published(data)
