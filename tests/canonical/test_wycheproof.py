"""Project Wycheproof: ECDSA P-256 in IEEE P1363 form, and JSON Web Keys."""

from __future__ import annotations

import json
from typing import Any

import pytest

from canonical import CanonicalError, SignatureInvalid, load_key, load_key_set
from canonical.base64 import decode_url, encode_url
from tests.canonical.vectors import load

ECDSA = load("wycheproof/ecdsa_secp256r1_sha256_p1363_test.json")
JWK = load("wycheproof/json_web_key_test.json")
# No implementation of JWS with a shared secret or RSA is here; a set of them has no usable key.
OURS = {"ES256", "ES384", "EdDSA"}


def test_every_ecdsa_vector_is_judged_as_the_project_says() -> None:
    judged = 0
    for group in ECDSA["testGroups"]:
        point = bytes.fromhex(group["publicKey"]["uncompressed"])
        x, y = encode_url(point[1:33]), encode_url(point[33:])
        key = load_key({"kty": "EC", "crv": "P-256", "x": x, "y": y})
        load_key(group.get("publicKeyJwk", key.public_jwk()))
        for test in group["tests"]:
            message, signature = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
            judged += 1
            if test["result"] == "valid":
                key.verify(signature, message)
            else:
                with pytest.raises(SignatureInvalid):
                    key.verify(signature, message)
    assert judged == ECDSA["numberOfTests"]


def _verify(jws: str, document: Any) -> None:
    """Verify a compact JWS with the set's key of its kid (RFC 7515 section 5.2)."""
    header, payload, signature = jws.split(".")
    kid = json.loads(decode_url(header))["kid"]
    signing_input = f"{header}.{payload}".encode()
    load_key_set(document).get(kid).verify(decode_url(signature), signing_input)


def _groups() -> list[Any]:
    return [
        pytest.param(group, id=f"{test['tcId']} {group['comment']}")
        for group in JWK["testGroups"]
        for test in group["tests"][:1]
    ]


@pytest.mark.parametrize("group", _groups())
def test_every_key_set_is_judged_as_the_project_says(group: Any) -> None:
    document = group.get("public", group["private"])
    document = json.loads(document) if isinstance(document, str) else document
    algorithms = {entry.get("alg") for entry in document["keys"]}
    for test in group["tests"]:
        if test["result"] == "valid" and algorithms & OURS:
            _verify(test["jws"], document)
        else:
            with pytest.raises(CanonicalError):
                _verify(test["jws"], document)
