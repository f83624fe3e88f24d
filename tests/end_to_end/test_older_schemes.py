"""The older schemes through a real gateway, for platforms whose registration allows them."""

from __future__ import annotations

import json
import time
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any, Final

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.mcp_calls import PATH, call, check_rpc
from tests.end_to_end.merchant import AUTHORITY
from tests.end_to_end.platform import CHECKOUTS, VERSION, Draft, Platform
from tests.end_to_end.refusals import check_refusal, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant

BODY: Final = b'{"line_items": [{"quantity": 1.0}]}'
SAID: Final = {"line_items": [{"quantity": 1}]}
_SCHEMES: Final = {"detached-jws": "https://jws.example/ucp", "talos": "https://talos.example/ucp"}
PLATFORMS: Final = {name: Platform(url, f"{name}-key") for name, url in _SCHEMES.items()}


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    registered = [
        platform.registration(),
        *(each.registration(schemes=["rfc9421", name]) for name, each in PLATFORMS.items()),
    ]
    shop = module_merchant.settings(platforms={"registered": registered})
    with running_gateway(tmp_path_factory.mktemp("gateway"), configuration(shop)) as running:
        yield running


def _b64url(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _jws(platform: Platform, payload: bytes, *, encoded: bool, **header: Any) -> str:
    """Sign by hand: the verifier's own code has no part in it."""
    secret = urlsafe_b64decode(platform.jwk["d"] + "=")
    private = ec.derive_private_key(int.from_bytes(secret), ec.SECP256R1())
    members = {"alg": "ES256", "kid": platform.jwk["kid"], **header}
    start = _b64url(json.dumps(members).encode())
    signed = start.encode() + b"." + (_b64url(payload).encode() if encoded else payload)
    r, s = decode_dss_signature(private.sign(signed, ec.ECDSA(hashes.SHA256())))
    return f"{start}..{_b64url(r.to_bytes(32) + s.to_bytes(32))}"


def _draft(
    platform: Platform, target: str = CHECKOUTS, body: bytes = BODY, method: str = "POST"
) -> Draft:
    draft = Draft(method, target, body=body)
    draft.add("Host", AUTHORITY).add("UCP-Agent", f'profile="{platform.profile_url}"')
    if body:
        draft.add("Content-Type", "application/json").add("Content-Length", str(len(body)))
    return draft if method == "GET" else draft.add("Idempotency-Key", str(uuid.uuid4()))


def detached(platform: Platform, target: str = CHECKOUTS, body: bytes = BODY) -> Draft:
    """Draft a write that is signed with a detached JWS."""
    return detached_request(platform, "POST", target, body)


def detached_request(platform: Platform, method: str, target: str, body: bytes) -> Draft:
    """Draft any request that is signed with a detached JWS."""
    jws = _jws(platform, body, encoded=False, b64=False, crit=["b64"])
    return _draft(platform, target, body, method).add("Request-Signature", jws)


def talos(platform: Platform, body: bytes = BODY, said: Any = SAID) -> Draft:
    """Draft a write that is signed in an envelope; ``said`` is what its body says."""
    draft = _draft(platform, body=body)
    iat, jti = int(time.time()), str(uuid.uuid4())
    meta = f'iat={iat},jti="{jti}"'
    envelope = {
        "body": said,
        "headers": {
            "content-type": "application/json",
            "idempotency-key": draft.values("Idempotency-Key")[0].decode(),
            "talos-signature-meta": meta,
            "ucp-agent": f'profile="{platform.profile_url}"',
        },
        "meta": {"iat": iat, "jti": jti},
        "method": "POST",
        "path": "/checkout-sessions",
        "query": "",
    }
    payload = json.dumps(envelope, separators=(",", ":"), sort_keys=True).encode()
    jws = _jws(platform, payload, encoded=True, typ="JOSE")
    return draft.add("Talos-Signature-Meta", meta).add("Request-Signature", jws)


MAKE: Final[dict[str, Callable[[Platform], Draft]]] = {"detached-jws": detached, "talos": talos}


@pytest.mark.parametrize("scheme", MAKE)
def test_the_merchant_is_told_by_which_scheme_a_request_verified(
    scheme: str, gateway: RunningGateway, merchant: Merchant
) -> None:
    platform = PLATFORMS[scheme]
    answer = gateway.ask(MAKE[scheme](platform).wire())

    assert answer.status == 200
    (seen,) = merchant.requests
    assert seen.body == BODY
    for name, value in {
        "UCP-Verified-Scheme": scheme,
        "UCP-Verified-Identity": platform.profile_url,
        "UCP-Verified-Keyid": platform.jwk["kid"],
        "UCP-Verified-Version": VERSION,
    }.items():
        assert seen.values(name) == [value]
    gateway.expect_decision(answer, decision="accept", scheme=scheme)


@pytest.mark.parametrize("scheme", MAKE)
def test_what_is_not_allowed_for_this_platform_is_never_forwarded(
    scheme: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    other = next(each for name, each in PLATFORMS.items() if name != scheme)
    stranger = Platform("https://stranger.example/ucp")
    for sender in (platform, other, stranger):
        merchant.forget()
        refused(gateway, merchant, platform, MAKE[scheme](sender), "signature_invalid")


@pytest.mark.parametrize("scheme", MAKE)
def test_an_altered_body_is_never_forwarded(
    scheme: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = MAKE[scheme](PLATFORMS[scheme])
    draft.body = BODY.replace(b"1", b"9")
    refused(gateway, merchant, platform, draft, "signature_invalid")


def test_beside_an_rfc_9421_header_a_good_jws_is_never_looked_at(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = detached(PLATFORMS["detached-jws"]).add("Signature", "sig1=:AA==:")
    refused(gateway, merchant, platform, draft, "signature_invalid")


def test_a_jws_over_the_body_completes_no_checkout(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = detached(PLATFORMS["detached-jws"], f"{CHECKOUTS}/chk_1/complete")
    check_refusal(gateway.ask(draft.wire()), "operation_not_permitted")
    assert merchant.requests == []
    assert gateway.ask(platform.signed().wire()).status == 200


def test_over_mcp_a_detached_jws_writes_once_and_completes_nothing(
    gateway: RunningGateway, merchant: Merchant
) -> None:
    platform = PLATFORMS["detached-jws"]
    made = call("create_checkout", id="1")
    assert gateway.ask(detached(platform, PATH, made).wire()).status == 200
    told = gateway.ask(detached(platform, PATH, call("complete_checkout", id="1")).wire())
    check_rpc(told, "operation_not_permitted")
    (seen,) = merchant.requests
    assert seen.values("UCP-Verified-Scheme") == ["detached-jws"]
    assert seen.values("UCP-Verified-Operation") == ["create_checkout"]


def test_an_envelope_has_no_place_for_the_other_endpoint(
    gateway: RunningGateway, merchant: Merchant
) -> None:
    draft = talos(PLATFORMS["talos"], call("create_checkout", id="1"))
    draft.target = PATH
    check_rpc(gateway.ask(draft.wire()), "signature_invalid")
    assert merchant.requests == []
