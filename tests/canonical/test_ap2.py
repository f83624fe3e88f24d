"""AP2's merchant authorization, taken apart by hand."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from canonical import (
    CanonicalError,
    SignatureInvalid,
    load_key,
    sign_detached,
    sign_merchant_authorization,
    verify_merchant_authorization,
)
from canonical.ap2 import merchant_authorization
from tests.canonical.samples import ED25519, P256, P384, public

CHECKOUT: dict[str, Any] = {
    "total": 10.50,
    "id": "chk_1",
    "lines": [{"b": 1, "a": "é"}],
    "ap": True,
    "ap20": False,
}
CANONICAL = '{"ap":true,"ap20":false,"id":"chk_1","lines":[{"a":"é","b":1}],"total":10.5}'.encode()


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def authorized(jws: str, **members: Any) -> dict[str, Any]:
    return {**CHECKOUT, "ap2": {"merchant_authorization": jws, **members}}


def test_it_is_a_detached_jws_over_the_canonical_checkout() -> None:
    jws = sign_merchant_authorization(CHECKOUT, load_key(P256))
    header, payload, signature = jws.split(".")
    octets = decoded(signature)
    r, s = int.from_bytes(octets[:32]), int.from_bytes(octets[32:])
    signed = f"{header}.{urlsafe_b64encode(CANONICAL).rstrip(b'=').decode()}".encode()
    x, y = (int.from_bytes(decoded(P256[name])) for name in ("x", "y"))
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()

    key.verify(
        encode_dss_signature(r, s), hashlib.sha256(signed).digest(), ec.ECDSA(Prehashed(SHA256()))
    )
    assert payload == ""
    assert json.loads(decoded(header)) == {"alg": "ES256", "kid": P256["kid"]}


@pytest.mark.parametrize("key", [P256, P384])
def test_what_was_authorized_verifies_in_any_spelling(key: dict[str, str]) -> None:
    jws = sign_merchant_authorization(CHECKOUT, load_key(key))
    checkout = authorized(jws, mandate="m")
    for text in (json.dumps(checkout), json.dumps(checkout, indent=2, ensure_ascii=False)):
        assert (
            verify_merchant_authorization(text.encode(), load_key(public(key)))["kid"] == key["kid"]
        )
    assert verify_merchant_authorization(checkout, load_key(public(key)))
    assert sign_merchant_authorization(checkout, load_key(key)).split(".")[0] == jws.split(".")[0]


@pytest.mark.parametrize("changed", [{"total": 10.51}, {"id": None}, {"more": 1}])
def test_another_checkout_is_refused(changed: dict[str, Any]) -> None:
    checkout = authorized(sign_merchant_authorization(CHECKOUT, load_key(P256))) | changed
    with pytest.raises(SignatureInvalid):
        verify_merchant_authorization(checkout, load_key(P256))


@pytest.mark.parametrize("ap2", [None, [], {}, {"merchant_authorization": 1}, "x"])
def test_a_checkout_that_carries_none_is_refused(ap2: object) -> None:
    for checkout in (CHECKOUT, {**CHECKOUT, "ap2": ap2}):
        with pytest.raises(SignatureInvalid, match="carries no merchant_authorization"):
            verify_merchant_authorization(checkout, load_key(P256))
        with pytest.raises(SignatureInvalid, match="carries no merchant_authorization"):
            merchant_authorization(checkout)


def test_what_is_no_checkout_is_refused() -> None:
    for text in (b"[]", b"1", b"{", b'{"a":1,"a":2}'):
        with pytest.raises(CanonicalError):
            sign_merchant_authorization(text, load_key(P256))
        with pytest.raises(SignatureInvalid):
            verify_merchant_authorization(text, load_key(P256))
        with pytest.raises(SignatureInvalid):
            merchant_authorization(text)


def test_an_edwards_key_authorizes_nothing() -> None:
    with pytest.raises(CanonicalError, match="elliptic"):
        sign_merchant_authorization(CHECKOUT, load_key(ED25519))
    jws = sign_detached(CANONICAL, load_key(ED25519), b64=True)
    with pytest.raises(SignatureInvalid, match="elliptic"):
        verify_merchant_authorization(authorized(jws), load_key(ED25519))


def test_the_octets_signed_as_they_are_are_no_authorization() -> None:
    jws = sign_detached(CANONICAL, load_key(P256))
    with pytest.raises(SignatureInvalid, match="not over base64url"):
        verify_merchant_authorization(authorized(jws), load_key(P256))


def test_the_authorization_is_handed_out_unverified() -> None:
    assert merchant_authorization(authorized("a..b")) == "a..b"
    assert merchant_authorization(json.dumps(authorized("a..b")).encode()) == "a..b"
