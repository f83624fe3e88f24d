"""The older schemes, signed here without the package that verifies them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from canonical import Request
from connector.authentication.permission import permit
from connector.authentication.policy import Policy
from connector.authentication.verification import Registered
from connector.errors import Refusal
from connector.steps import Caller, Operation, Received
from tests.connector.authentication.platform import (
    ED25519,
    KEY,
    NOW,
    URL,
    Profiles,
    authenticator,
    public_keys,
    signed,
)

BODY = b'{"line_items": [], "total": 1.0}'
JTI = "550e8400-e29b-41d4-a716-446655440000"
AGENT = ("UCP-Agent", f'profile="{URL}"')
TYPE = ("Content-Type", "application/json")
ALL = frozenset({"rfc9421", "detached-jws", "talos"})
Lines = list[tuple[str, str]]


def b64url(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def jws(payload: bytes, *, encoded: bool = False, **header: Any) -> str:
    """Sign with ``KEY``; a header parameter that is None is left out."""
    secret = int.from_bytes(urlsafe_b64decode(KEY["d"] + "="))
    private = ec.derive_private_key(secret, ec.SECP256R1())
    given = {"alg": "ES256", "kid": KEY["kid"], **header}
    if not encoded:
        given = {"b64": False, "crit": ["b64"], **given}
    start = b64url(compact({name: value for name, value in given.items() if value is not None}))
    signed_octets = start.encode() + b"." + (b64url(payload).encode() if encoded else payload)
    r, s = decode_dss_signature(private.sign(signed_octets, ec.ECDSA(hashes.SHA256())))
    return f"{start}..{b64url(r.to_bytes(32) + s.to_bytes(32))}"


def detached(
    method: str = "POST", body: bytes = BODY, *, extra: Lines | None = None, **header: Any
) -> Request:
    lines = [("Host", "shop.example.com"), AGENT, TYPE, ("Request-Signature", jws(body, **header))]
    return Request(
        method=method, target="/checkout-sessions", headers=[*lines, *(extra or [])], body=body
    )


def talos(
    method: str = "POST",
    target: str = "/ucp/v1/checkout-sessions?b=2&a=1",
    body: bytes = BODY,
    *,
    meta: str = f'iat={NOW}, jti="{JTI}"',
    envelope: dict[str, Any] | None = None,
    header: dict[str, Any] | None = None,
) -> Request:
    """Sign an envelope written out here; ``envelope`` replaces members of it."""
    headers = {"content-type": "application/json", "talos-signature-meta": meta}
    payload = {
        "method": method,
        "path": "/checkout-sessions",
        "query": "a=1&b=2",
        "headers": {**headers, "ucp-agent": AGENT[1]},
        "body": {"line_items": [], "total": 1},
        "meta": {"iat": NOW, "jti": JTI},
        **(envelope or {}),
    }
    made = jws(compact(payload), encoded=True, **{"typ": "JOSE", **(header or {})})
    lines = [("Host", "x"), AGENT, TYPE, ("Talos-Signature-Meta", meta)]
    return Request(
        method=method, target=target, headers=[*lines, ("Request-Signature", made)], body=body
    )


def allowing(*schemes: str, pinned: bool = True, **terms: Any) -> dict[str, Registered]:
    policy = Policy("registered", schemes=frozenset(schemes) or ALL, **terms)
    keys = public_keys(KEY, ED25519) if pinned else None
    return {URL: Registered(policy, "2026-08-25" if pinned else None, keys)}


def decide(
    request: Request,
    registered: dict[str, Registered] | None = None,
    *,
    profiles: Profiles | None = None,
    at: float = NOW,
    operation: str = "create_checkout",
    revoked: frozenset[str] = frozenset(),
) -> Caller:
    judge = authenticator(
        profiles, registered=allowing() if registered is None else registered, revoked=revoked
    )
    judge._endpoint = "/ucp/v1"
    received = Received(request, "shop", "192.0.2.1", at, 0.0)

    async def run() -> Caller:
        examined = judge.examine(received, writes=True)
        caller = await judge.prove(received, examined)
        permit(examined.policy, Operation(operation, "write", "k" * 22))
        return caller

    return asyncio.run(run())


def refusal(*arguments: Any, **named: Any) -> tuple[str, str]:
    with pytest.raises(Refusal) as raised:
        decide(*arguments, **named)
    return raised.value.code.name, raised.value.reason


@pytest.mark.parametrize("encoded", [False, True])
def test_a_jws_over_the_body_says_who_sent_it(*, encoded: bool) -> None:
    caller = decide(detached(encoded=encoded))

    assert (caller.identity, caller.keyid, caller.scheme, caller.label, caller.version) == (
        URL,
        KEY["kid"],
        "detached-jws",
        "",
        "2026-08-25",
    )
    body = b64url(BODY).encode() if encoded else BODY
    assert caller.signature_base.endswith(b"." + body)


def test_an_envelope_says_who_sent_it() -> None:
    caller = decide(talos())

    assert (caller.identity, caller.keyid, caller.scheme) == (URL, KEY["kid"], "talos")
    payload = caller.signature_base.split(b".")[1]
    assert json.loads(urlsafe_b64decode(payload + b"=="))["meta"] == {"iat": NOW, "jti": JTI}


def test_without_a_registration_that_allows_it_an_older_scheme_is_refused() -> None:
    for request in (detached(), talos()):
        assert refusal(request, {}) == ("signature_invalid", "scheme_not_allowed")
        assert refusal(request, allowing("rfc9421")) == ("signature_invalid", "scheme_not_allowed")
    assert refusal(detached(), allowing("talos")) == ("signature_invalid", "scheme_not_allowed")
    assert refusal(talos(), allowing("detached-jws")) == ("signature_invalid", "scheme_not_allowed")


def test_without_an_agent_nobody_allowed_it() -> None:
    request = detached()
    lines = [line for line in request.headers if line[0] != b"UCP-Agent"]
    assert refusal(Request(method="POST", target="/", headers=lines, body=BODY)) == (
        "signature_invalid",
        "scheme_not_allowed",
    )


@pytest.mark.parametrize("name", ["Signature-Input", "Signature"])
def test_beside_either_header_of_rfc_9421_a_good_jws_counts_for_nothing(name: str) -> None:
    request = detached(extra=[(name, "sig1=:AA==:")])
    assert refusal(request) == ("signature_invalid", "one_header")


def test_beside_a_good_signature_of_rfc_9421_a_bad_jws_does_no_harm() -> None:
    request = signed(extra=(("Request-Signature", "nonsense"),))
    assert decide(request, operation="get_order").scheme == "rfc9421"


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (detached(body=BODY, kid=None), "keyid_missing"),
        (detached(kid=""), "keyid_missing"),
        (detached(kid="k" * 257), "keyid_missing"),
        (detached(kid=7), "malformed"),
        (detached(crit=["b64", "exp"]), "malformed"),
        (detached(alg="none"), "signature_mismatch"),
        (detached(alg="ES384"), "signature_mismatch"),
        (detached(extra=[("Request-Signature", jws(BODY))]), "malformed"),
        (Request(method="POST", target="/", headers=[AGENT, ("Request-Signature", "a" * 9000)]),
         "malformed"),
        (Request(method="POST", target="/", headers=[AGENT, ("Request-Signature", "a.b.c")]),
         "malformed"),
    ],
)  # fmt: skip
def test_a_jws_that_is_none_is_refused(request_: Request, reason: str) -> None:
    assert refusal(request_) == ("signature_invalid", reason)


def test_another_body_is_refused() -> None:
    good = detached()
    changed = Request(
        method="POST", target=good.target, headers=list(good.headers), body=BODY + b" "
    )
    assert refusal(changed) == ("signature_invalid", "signature_mismatch")


def test_the_key_has_to_be_there_to_be_of_the_right_kind_and_not_revoked() -> None:
    assert refusal(detached(kid="other")) == ("key_not_found", "key_not_found")
    assert refusal(detached(kid=ED25519["kid"])) == (
        "algorithm_unsupported",
        "algorithm_unsupported",
    )
    thumbprint = decide(detached()).thumbprint
    assert refusal(detached(), revoked=frozenset({thumbprint})) == (
        "signature_invalid",
        "key_revoked",
    )


def test_keys_that_are_not_pinned_come_from_the_profile_with_one_refresh() -> None:
    profiles = Profiles(public_keys(ED25519), at_hand=False, later=public_keys(KEY))
    assert decide(detached(), allowing("detached-jws", pinned=False), profiles=profiles).keyid
    assert profiles.asked == [
        f"resolve {URL}",
        f"refresh {URL} for {KEY['kid']}",
        f"verified registered {URL}",
    ]


@pytest.mark.parametrize("kid", ["", "k" * 257, "schl\u00fcssel", "\ud800", "a\nb", "\x7f"])
def test_a_kid_is_what_a_keyid_can_be(kid: str) -> None:
    """A lone surrogate would verify, and then stand in no header of the merchant's."""
    assert refusal(detached(kid=kid)) == ("signature_invalid", "keyid_missing")


def test_without_a_body_a_jws_covers_nothing() -> None:
    request = detached("GET", b"")
    assert refusal(request) == ("signature_invalid", "unbound_request")
    assert decide(request, allowing(unbound_get=True)).scheme == "detached-jws"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_jws_seen_on_a_get_writes_nothing_that_needs_no_body(method: str) -> None:
    assert refusal(detached(method, b""), allowing(unbound_get=True)) == (
        "signature_invalid",
        "unbound_request",
    )


def test_a_captured_envelope_is_not_taken_for_a_body() -> None:
    captured = talos()
    payload = decide(captured).signature_base.split(b".")[1]
    body = urlsafe_b64decode(payload + b"=" * (-len(payload) % 4))
    lines = [line for line in captured.headers if line[0] != b"Talos-Signature-Meta"]
    sent = Request(method="POST", target="/checkout-sessions", headers=lines, body=body)

    assert refusal(sent) == ("signature_invalid", "scheme_not_allowed")
    # Where no envelope is ever taken there is none to mistake it for.
    assert decide(sent, allowing("detached-jws")).scheme == "detached-jws"


def test_an_envelope_needs_pinned_keys() -> None:
    profiles = Profiles(public_keys(KEY))
    assert refusal(talos(), allowing("talos", pinned=False), profiles=profiles) == (
        "signature_invalid",
        "scheme_not_allowed",
    )
    assert profiles.asked == []


def test_an_envelope_takes_no_body_that_is_long_to_canonicalise() -> None:
    values = "1," * 8 * 1024
    envelope = {"body": {"a": [1] * (8 * 1024 - 4)}}
    body = b'{"a":[' + values[: 2 * (8 * 1024 - 4) - 1].encode() + b"]}"
    most = body.ljust(16 * 1024)

    assert decide(talos(body=most, envelope=envelope)).scheme == "talos"
    assert refusal(talos(body=most + b" ", envelope=envelope)) == (
        "payload_too_large",
        "envelope_too_large",
    )


def test_a_jws_completes_no_checkout_unless_that_is_allowed() -> None:
    assert refusal(detached(), operation="complete_checkout") == (
        "operation_not_permitted",
        "operation_not_permitted",
    )
    allowed = allowing(unbound_complete=True)
    assert decide(detached(), allowed, operation="complete_checkout").identity == URL
    # An envelope binds the target.
    assert decide(talos(), operation="complete_checkout").identity == URL


def test_where_created_is_asked_for_a_jws_has_none() -> None:
    required = allowing(created_required=True, max_age=60.0)
    assert refusal(detached(), required) == ("signature_invalid", "created_missing")
    assert decide(talos(), required).scheme == "talos"
    assert refusal(talos(), required, at=NOW + 91) == ("signature_invalid", "too_old")


def test_a_digest_that_is_there_has_to_match() -> None:
    right = b64encode(hashlib.sha256(BODY).digest()).decode()
    assert decide(detached(extra=[("Content-Digest", f"sha-256=:{right}:")])).identity == URL
    wrong = b64encode(hashlib.sha256(b"").digest()).decode()
    request = detached(extra=[("Content-Digest", f"sha-256=:{wrong}:")])
    assert refusal(request) == ("digest_mismatch", "digest_mismatch")


@pytest.mark.parametrize(
    ("at", "reason"), [(NOW - 31, "created_in_future"), (NOW + 331, "too_old")]
)
def test_an_envelope_is_good_for_five_minutes(at: int, reason: str) -> None:
    assert refusal(talos(), at=at) == ("signature_invalid", reason)
    assert decide(talos(), at=NOW - 30).identity == decide(talos(), at=NOW + 330).identity == URL


@pytest.mark.parametrize(
    "meta",
    [
        f"iat={NOW}",
        f'jti="{JTI}"',
        f'iat={NOW}, jti="{JTI}", more',
        f'iat="{NOW}", jti="{JTI}"',
        f"iat={NOW}, jti={JTI}",
        f'iat={NOW}, jti="once"',
        f'iat={NOW};a, jti="{JTI}"',
        f'iat={NOW}, iat={NOW}, jti="{JTI}"',
        "",
    ],
)  # fmt: skip
def test_the_meta_of_an_envelope_has_one_form(meta: str) -> None:
    assert refusal(talos(meta=meta)) == ("signature_invalid", "malformed")


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(talos(envelope={"method": "PUT"}), id="another method"),
        pytest.param(talos(envelope={"path": "/ucp/v1/checkout-sessions"}), id="the whole path"),
        pytest.param(talos(envelope={"query": "b=2&a=1"}), id="pairs as they came"),
        pytest.param(talos(envelope={"body": None}), id="no body"),
        pytest.param(talos(envelope={"meta": {"iat": NOW + 1, "jti": JTI}}), id="another time"),
        pytest.param(talos(envelope={"headers": {}}), id="no headers"),
        pytest.param(talos(target="/ucp/v1/checkout-sessions?b=2&a=1&c="), id="one pair more"),
        pytest.param(talos(target="/checkout-sessions?b=2&a=1"), id="below no endpoint"),
        pytest.param(talos(header={"typ": "JWT"}), id="another typ"),
        pytest.param(talos(header={"typ": None}), id="no typ"),
        pytest.param(talos(body=b'{"line_items": [], "total": 1, "total": 1}'), id="name twice"),
    ],
)
def test_an_envelope_that_is_not_of_this_request_is_refused(request_: Request) -> None:
    assert refusal(request_) == ("signature_invalid", "signature_mismatch")


def test_an_envelope_binds_values_and_not_their_spelling() -> None:
    assert decide(talos(body=b'{"total":1e0,"line_items":[]}')).scheme == "talos"
    assert decide(talos(target="/ucp/v1/checkout-sessions?%61=1&b=%32")).scheme == "talos"


def test_an_empty_object_is_no_body_on_cancel_and_one_elsewhere() -> None:
    path = "/checkout-sessions/chk_1/cancel"
    nothing = {"path": path, "body": None}
    assert decide(talos(target=f"/ucp/v1{path}?a=1&b=2", body=b"{}", envelope=nothing)).scheme
    assert refusal(talos(body=b"{}", envelope={"body": None})) == (
        "signature_invalid",
        "signature_mismatch",
    )
    assert decide(talos(body=b"{}", envelope={"body": {}})).scheme == "talos"
