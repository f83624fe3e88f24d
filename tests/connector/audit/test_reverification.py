from __future__ import annotations

import copy
from base64 import b64decode, b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from canonical import canonicalize, load_key
from canonical.base64 import encode, encode_url
from connector.audit.records import Received, parse_record
from connector.audit.redaction import EvidenceSealer
from connector.audit.reverification import Reverified, reverify
from tests.connector.audit.test_records import (
    AUDIT_ID,
    EVIDENCE_KEY,
    EXAMPLES,
    SEALER,
    base_of,
    received,
    signature_over,
)
from tests.connector.authentication.platform import ED25519, KEY

WITHOUT_KEY = EvidenceSealer(None)
OTHER_ID = AUDIT_ID[:-1] + "0"


def private(curve: ec.EllipticCurve, name: str, size: int) -> dict[str, Any]:
    numbers = ec.generate_private_key(curve).private_numbers()
    return {
        "kty": "EC",
        "crv": name,
        "kid": f"of {name}",
        "x": encode_url(numbers.public_numbers.x.to_bytes(size)),
        "y": encode_url(numbers.public_numbers.y.to_bytes(size)),
        "d": encode_url(numbers.private_value.to_bytes(size)),
    }


P384 = private(ec.SECP384R1(), "P-384", 48)
OTHER = private(ec.SECP256R1(), "P-256", 32) | {"kid": KEY["kid"]}


def checked(example: dict[str, Any], sealer: EvidenceSealer = SEALER) -> Reverified:
    record = parse_record(canonicalize(example))
    assert isinstance(record, Received)
    return reverify(record, sealer)


@pytest.mark.parametrize("jwk", [KEY, P384, ED25519])
def test_a_signature_verifies_with_its_base(jwk: dict[str, Any]) -> None:
    assert checked(received(jwk)) == Reverified("verified", base_opened=True)


@pytest.mark.parametrize("jwk", [KEY, P384])
def test_ecdsa_verifies_from_the_hash_alone(jwk: dict[str, Any]) -> None:
    example = received(jwk)
    assert checked(example, WITHOUT_KEY) == Reverified("verified")
    del example["signature"]["base"]
    assert checked(example) == Reverified("verified")


@pytest.mark.parametrize("scheme", ["detached-jws", "talos"])
@pytest.mark.parametrize("jwk", [KEY, P384])
def test_older_schemes_verify_from_the_hash_of_the_signing_input(
    jwk: dict[str, Any], scheme: str
) -> None:
    assert checked(received(jwk, scheme=scheme)) == Reverified("verified")


def test_ed25519_needs_the_evidence_key() -> None:
    found = checked(received(ED25519), WITHOUT_KEY)
    assert found.result == "unverifiable"
    assert "the evidence key e:630dcd29 is not at hand" in found.reason


def test_ed25519_needs_the_base() -> None:
    example = received(ED25519)
    del example["signature"]["base"]
    found = checked(example)
    assert (found.result, "not kept" in found.reason) == ("unverifiable", True)


def test_an_older_evidence_key_still_opens() -> None:
    rotated = EvidenceSealer(bytes(32), EVIDENCE_KEY)
    assert checked(received(ED25519), rotated).result == "verified"


def test_who_was_never_verified_is_not_verified_now() -> None:
    assert checked(EXAMPLES["received unverified"]).result == "unverifiable"


def flipped(text: str) -> str:
    octets = bytearray(b64decode(text))
    octets[-1] ^= 1
    return b64encode(octets).decode()


def flipped_base(jwk: dict[str, Any]) -> str:
    name, _, encoded = received(jwk)["signature"]["base"].rpartition(":")
    return f"{name}:{flipped(encoded)}"


def with_base(base: bytes) -> dict[str, Any]:
    """A record whose base is another one, signed all the same."""
    return received(KEY) | {"signature": signature_over(load_key(KEY), base, AUDIT_ID)}


def changed(jwk: dict[str, Any], part: str, **members: Any) -> dict[str, Any]:
    example = copy.deepcopy(received(jwk))
    example[part].update(members)
    return example


def of(jwk: dict[str, Any], name: str) -> Any:
    return received(jwk)["signature"][name]


@pytest.mark.parametrize(
    ("example", "said"),
    [
        (changed(KEY, "signature", value=flipped(of(KEY, "value"))), "does not verify"),
        (changed(P384, "signature", value=of(KEY, "value")), "does not verify"),
        (changed(KEY, "signature", value=encode(bytes(64))), "does not verify"),
        (changed(ED25519, "signature", value=flipped(of(ED25519, "value"))), "does not verify"),
        (changed(KEY, "signature", base_hash=flipped(of(KEY, "base_hash"))), "another hash"),
        (changed(KEY, "signature", base=flipped_base(KEY)), "not what was sealed"),
        (changed(KEY, "caller", key=received(OTHER)["caller"]["key"]), "RFC 7638"),
        (changed(KEY, "caller", thumbprint="x" * 43), "RFC 7638"),
        (changed(KEY, "caller", key=received(P384)["caller"]["key"] | {"y": "x" * 64}), "its key"),
        (changed(KEY, "caller", keyid="another"), "not that of its key"),
        (changed(ED25519, "signature", hash="sha-256", base_hash=of(KEY, "base_hash")), "its hash"),
        (changed(P384, "signature", hash="sha-256", base_hash=of(KEY, "base_hash")), "its hash"),
        (with_base(base_of("another")), "another keyid"),
        (with_base(base_of(KEY["kid"]).replace(b"5600", b"5601")), "another created"),
        (with_base(base_of(KEY["kid"]) + b";expires=1767225900"), "another expires"),
        (with_base(base_of(KEY["kid"]) + b"\n"), "not one of RFC 9421"),
        (with_base(base_of(KEY["kid"]) + b';"'), "not one of RFC 9421"),
        (received(KEY) | {"audit_id": OTHER_ID}, "not what was sealed for this record"),
    ],
)
def test_what_was_changed_is_wrong_and_said(example: dict[str, Any], said: str) -> None:
    found = checked(example)
    assert found.result == "wrong"
    assert said in found.reason


def test_a_changed_hash_is_found_without_the_base() -> None:
    example = changed(KEY, "signature", base_hash=flipped(of(KEY, "base_hash")))
    assert checked(example, WITHOUT_KEY).result == "wrong"


def test_another_callers_signature_is_wrong() -> None:
    example = received(KEY) | {"signature": received(OTHER)["signature"]}
    assert checked(example, WITHOUT_KEY).result == "wrong"
