"""The Talos envelope, held against one that is written out by hand."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import (
    CanonicalError,
    Request,
    SignatureInvalid,
    load_key,
    sign_detached,
    sign_envelope,
    verify_envelope,
)
from canonical.envelope import Meta, envelope, is_envelope, read_meta, verify_payload
from canonical.jws import protected_header
from tests.canonical.samples import P256, P384, public

JTI = "550E8400-e29b-41d4-a716-446655440000"
META = ("Talos-Signature-Meta", f'iat=1767225600, jti="{JTI}"')
AGENT = ("UCP-Agent", 'profile="https://platform.example/u";v=1,  b')
BODY = b'{"b": 1.50, "a": "\\u00e4"}'


def request(
    method: str = "post",
    target: str = "/ucp/v1/checkout-sessions?b=2&a=x%20y&a=1&c=",
    body: bytes = BODY,
    *more: tuple[str, str],
) -> Request:
    lines = [("Host", "shop.example.com"), AGENT, ("Content-Type", "application/json"), META]
    return Request(method=method, target=target, headers=[*lines, *more], body=body)


def test_the_envelope_is_what_both_sides_make_of_the_request() -> None:
    assert (
        envelope(request(), endpoint="/ucp/v1")
        == (
            '{"body":{"a":"ä","b":1.5},"headers":{"content-type":"application/json",'
            f'"talos-signature-meta":"iat=1767225600, jti=\\"{JTI}\\"",'
            '"ucp-agent":"profile=\\"https://platform.example/u\\";v=1, b"},'
            f'"meta":{{"iat":1767225600,"jti":"{JTI}"}},"method":"POST","path":"/checkout-sessions",'
            '"query":"a=1&a=x+y&b=2&c="}'
        ).encode()
    )


def test_without_query_and_body_both_are_there_and_empty() -> None:
    made = json.loads(envelope(request("GET", "/orders/1", b"")))
    assert (made["query"], made["body"], made["path"]) == ("", None, "/orders/1")
    assert json.loads(envelope(request("GET", "/orders/1?", b"")))["query"] == ""


def test_an_idempotency_key_is_in_it() -> None:
    made = json.loads(envelope(request("PUT", "/a", BODY, ("Idempotency-Key", "k1"))))
    assert made["headers"]["idempotency-key"] == "k1"


@pytest.mark.parametrize(
    ("target", "body", "expected"),
    [
        ("/checkout-sessions/1/cancel", b"{}", None),
        ("/checkout-sessions/1/cancel", b" { } ", None),
        ("/checkout-sessions/1/cancel", b'{"a":1}', {"a": 1}),
        ("/checkout-sessions/1/cancel", b"[]", []),
        ("/checkout-sessions/1/complete", b"{}", {}),
        ("/cancel/1", b"{}", {}),
    ],
)
def test_an_empty_object_is_nothing_on_cancel(target: str, body: bytes, expected: object) -> None:
    assert json.loads(envelope(request("POST", target, body)))["body"] == expected


@pytest.mark.parametrize("key", [P256, P384])
def test_what_was_signed_verifies_and_says_when(key: dict[str, str]) -> None:
    jws = sign_envelope(request(), load_key(key), endpoint="/ucp/v1")
    sent = request("POST", request().target, BODY, ("Request-Signature", jws))

    assert verify_envelope(sent, load_key(public(key)), endpoint="/ucp/v1") == Meta(1767225600, JTI)
    with pytest.raises(SignatureInvalid):
        verify_envelope(sent, load_key(public(key)), endpoint="/ucp")


@pytest.mark.parametrize("headers", [{}, {"typ": "jose"}, {"typ": "JWT"}])
def test_a_jws_of_another_type_is_none_of_an_envelope(headers: dict[str, str]) -> None:
    made = request("GET", "/orders/1", b"")
    jws = sign_detached(envelope(made), load_key(P256), b64=True, headers=headers)
    sent = request("GET", "/orders/1", b"", ("Request-Signature", jws))
    with pytest.raises(SignatureInvalid, match="not one of a Talos envelope"):
        verify_envelope(sent, load_key(P256))


def test_a_jws_over_the_octets_is_none_of_an_envelope() -> None:
    made = request("GET", "/orders/1", b"")
    jws = sign_detached(envelope(made), load_key(P256), headers={"typ": "JOSE"})
    sent = request("GET", "/orders/1", b"", ("Request-Signature", jws))
    with pytest.raises(SignatureInvalid, match="not one of a Talos envelope"):
        verify_envelope(sent, load_key(P256))


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (request("POST", "/ucp/v2/a"), "not below the REST endpoint"),
        (request("POST", "/ucp/v1"), "not below the REST endpoint"),
        (request("POST", "/ucp/v1/a?b"), "not made of pairs of"),
        (request("POST", "/ucp/v1/a", b"{"), "not JSON"),
        (request("POST", "/ucp/v1/a", b'{"a":1,"a":1}'), "twice"),
        (request("POST", "/ucp/v1/a", BODY, ("UCP-Agent", "b")), "not one ucp-agent"),
        (request("POST", "/ucp/v1/a", BODY, ("Content-Type", "b")), "not one content-type"),
        (
            Request(method="GET", target="/ucp/v1/a", headers=[META, ("UCP-Agent", "a=1, a=1")]),
            "occurs twice",
        ),
        (Request(method="GET", target="/ucp/v1/a", headers=[META]), "not one ucp-agent"),
        (Request(method="GET", target="/ucp/v1/a", headers=[AGENT]), "not one talos-signature"),
    ],
)
def test_what_makes_no_envelope_is_refused(made: Request, reason: str) -> None:
    with pytest.raises(CanonicalError, match=reason):
        envelope(made, endpoint="/ucp/v1")
    jws = (b"Request-Signature", b"e30..AA")
    signed = Request(
        method=made.method, target=made.target, headers=[*made.headers, jws], body=made.body
    )
    with pytest.raises(SignatureInvalid, match=reason):
        verify_envelope(signed, load_key(P256), endpoint="/ucp/v1")


def test_the_payload_can_be_made_once_and_verified() -> None:
    made = request()
    payload = envelope(made, endpoint="/ucp/v1")
    jws = sign_envelope(made, load_key(P256), endpoint="/ucp/v1")

    verify_payload(jws, payload, load_key(public(P256)))
    with pytest.raises(SignatureInvalid):
        verify_payload(jws, payload + b" ", load_key(public(P256)))
    assert is_envelope(protected_header(jws))
    assert not is_envelope(protected_header(sign_detached(payload, load_key(P256))))


def test_without_a_request_signature_nothing_verifies() -> None:
    with pytest.raises(SignatureInvalid, match="not one request-signature"):
        verify_envelope(request(), load_key(P256))


@pytest.mark.parametrize(
    "meta",
    [
        "",
        "iat=1",
        f'jti="{JTI}"',
        f'iat=1, jti="{JTI}", x',
        f'iat=1, iat=1, jti="{JTI}"',
        f'iat=1.0, jti="{JTI}"',
        f'iat, jti="{JTI}"',
        f'iat=1, jti="{JTI}x"',
        f'iat=1, jti="x{JTI}"',
        f'iat=1, jti="{JTI}";a',
        f'iat=1;a, jti="{JTI}"',
        f"iat=1, jti=:{'A' * 48}:",
    ],
)
def test_a_meta_of_another_form_is_refused(meta: str) -> None:
    with pytest.raises(CanonicalError):
        read_meta(Request(method="GET", target="/", headers=[("Talos-Signature-Meta", meta)]))


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=4), st.randoms())
def test_the_order_of_parameters_is_not_bound(pairs: list[tuple[str, str]], random: object) -> None:
    from urllib.parse import quote  # noqa: PLC0415 - here alone

    def query(some: list[tuple[str, str]]) -> str:
        return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in some)

    shuffled = sorted(pairs, key=lambda _: random.random())  # type: ignore[attr-defined]  # hypothesis's
    one, other = (request("GET", f"/a?{query(some)}", b"") for some in (pairs, shuffled))
    assert envelope(one) == envelope(other)
