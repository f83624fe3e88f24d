"""Requests signed by another implementation, the PyPI package http-message-signatures.

Signer and verifier share no code here: not the signature base, not the keys, not the digest.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING, Final

import http_message_signatures as other
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.independent_signer import Signer
from tests.end_to_end.refusals import check_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant

SEED: Final = 9421
BODY: Final = b'{"line_items": [{"item": {"id": "\xc3\xa4"}, "quantity": 1}]}'

SIGNERS: Final = {
    "ES256": Signer(
        "p256", ec.generate_private_key(ec.SECP256R1()), other.algorithms.ECDSA_P256_SHA256
    ),
    "ES384": Signer(
        "p384", ec.generate_private_key(ec.SECP384R1()), other.algorithms.ECDSA_P384_SHA384
    ),
    "Ed25519": Signer("ed", ed25519.Ed25519PrivateKey.generate(), other.algorithms.ED25519),
}
REQUESTS: Final = {
    "GET": ("GET", "/ucp/v1/orders/ord_1", b""),
    "GET with a query": ("GET", "/ucp/v1/orders/ord_1?a=b%20c&a=%C3%A4&d", b""),
    "POST": ("POST", "/ucp/v1/checkout-sessions", BODY),
    "PUT with a query": ("PUT", "/ucp/v1/carts/crt_1?x=/?:@", BODY),
    "POST without a body": ("POST", "/ucp/v1/checkout-sessions/chk_1/cancel", b""),
}


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    registered = [signer.registration() for signer in SIGNERS.values()]
    shop = module_merchant.settings(platforms={"registered": registered})
    with running_gateway(tmp_path_factory.mktemp("gateway"), configuration(shop)) as running:
        yield running


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("algorithm", SIGNERS)
def test_what_the_other_implementation_signs_is_accepted(
    algorithm: str, request_name: str, gateway: RunningGateway, merchant: Merchant
) -> None:
    signer = SIGNERS[algorithm]
    method, target, body = REQUESTS[request_name]
    answered = gateway.ask(signer.wire(method, target, body))
    assert answered.status == 200
    (seen,) = merchant.requests
    assert (seen.target.decode(), seen.body) == (target, body)
    assert seen.values("UCP-Verified-Identity") == [signer.profile]
    assert seen.values("UCP-Verified-Keyid") == [signer.kid]


@pytest.mark.parametrize("algorithm", SIGNERS)
def test_its_parameters_are_understood(
    algorithm: str, gateway: RunningGateway, merchant: Merchant
) -> None:
    expires = dt.datetime.now(tz=dt.UTC) + dt.timedelta(hours=1)
    octets = SIGNERS[algorithm].wire(
        "GET", "/ucp/v1/orders/1", nonce='a"b\\c', label="theirs", expires=expires
    )
    assert gateway.ask(octets).status == 200
    assert len(merchant.requests) == 1


@pytest.mark.parametrize("algorithm", SIGNERS)
def test_one_changed_bit_of_anything_covered_is_refused(
    algorithm: str, gateway: RunningGateway, merchant: Merchant
) -> None:
    signer = SIGNERS[algorithm]
    octets = signer.wire("POST", "/ucp/v1/checkout-sessions/abcdefgh/complete?query=value", BODY)
    rng = random.Random(SEED)  # noqa: S311 - repeatable samples, no secrets
    codes = set()
    for piece in (b"abcdefgh", b"query=value", b'profile="', b"application/json", b"sha-256=:"):
        at = octets.index(piece) + rng.randrange(len(piece))
        changed = octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]
        answered = gateway.ask(changed)
        assert 400 <= answered.status < 500
        codes.add(answered.document()["code"])
    at = len(octets) - rng.randrange(1, len(BODY))
    check_refusal(gateway.ask(octets[:at] + b"?" + octets[at + 1 :]), "digest_mismatch")
    assert "signature_invalid" in codes
    assert merchant.requests == []
    assert gateway.ask(octets).status == 200
