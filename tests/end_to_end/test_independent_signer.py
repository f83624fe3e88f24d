"""Requests signed by another implementation, the PyPI package http-message-signatures.

Signer and verifier share no code here: not the signature base, not the keys, not the digest.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import random
import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import http_message_signatures as other
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from http_message_signatures.structures import CaseInsensitiveDict

from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.merchant import AUTHORITY
from tests.end_to_end.refusals import check_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant

PROFILE: Final = "https://{}.example/.well-known/ucp"
SEED: Final = 9421
BODY: Final = b'{"line_items": [{"item": {"id": "\xc3\xa4"}, "quantity": 1}]}'
COMPONENTS: Final = ["@method", "@authority", "@path", "ucp-agent"]


def _b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Signer:
    """A platform made of the other package, cryptography and the standard library."""

    def __init__(self, name: str, private: Any, algorithm: Any) -> None:
        self.profile = PROFILE.format(name)
        self.kid = f"{name}-key"
        self._private = private
        resolver = other.MappingKeyResolver(
            public_keys={self.kid: private.public_key()}, private_keys={self.kid: private}
        )
        self._signer = other.HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=resolver)

    def registration(self) -> dict[str, Any]:
        public = self._private.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
            jwk = {"kty": "OKP", "crv": "Ed25519", "x": _b64(raw)}
        else:
            numbers, size = public.public_numbers(), (public.key_size + 7) // 8
            jwk = {
                "kty": "EC",
                "crv": f"P-{public.key_size}",
                "x": _b64(numbers.x.to_bytes(size)),
                "y": _b64(numbers.y.to_bytes(size)),
            }
        return {
            "profile": self.profile,
            "keys": [{**jwk, "kid": self.kid}],
            "version": "2026-08-25",
        }

    def wire(self, method: str, target: str, body: bytes = b"", **options: Any) -> bytes:
        """Return a signed request as octets; ``options`` are those of the other package."""
        headers = {"UCP-Agent": f'profile="{self.profile}"'}
        components = [*COMPONENTS, *(["@query"] if "?" in target else [])]
        if method != "GET":
            headers["Idempotency-Key"] = str(uuid.uuid4())
            components.append("idempotency-key")
        if body:
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            headers |= {"Content-Type": "application/json", "Content-Digest": f"sha-256=:{digest}:"}
            components += ["content-digest", "content-type"]
        fields: Any = CaseInsensitiveDict(headers)  # type: ignore[no-untyped-call]  # untyped there
        message = SimpleNamespace(method=method, url=f"https://{AUTHORITY}{target}", headers=fields)
        self._signer.sign(
            message,
            key_id=self.kid,
            created=dt.datetime.now(tz=dt.UTC),
            covered_component_ids=components,
            use_existing_digest=bool(body),
            **options,
        )
        lines = {"Host": AUTHORITY, **dict(message.headers.items())}
        if body:
            lines["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body


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
