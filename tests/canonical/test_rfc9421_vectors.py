"""RFC 9421's own examples: signature bases, signatures, component values, errors."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from canonical import (
    CanonicalError,
    Request,
    Response,
    SignatureInvalid,
    check_content_digest,
    load_key,
    parse_signatures,
    serialize,
    sign,
    signature_base,
    thumbprint,
    verify,
)
from canonical.fields import parse_inner_list
from tests.canonical.samples import P256
from tests.canonical.vectors import load

RFC = load("rfc9421/appendix_b.dev.json")
SUPPORTED = ("ecdsa-p256-sha256", "ecdsa-p384-sha384", "ed25519")
LINES = [*RFC["base_lines"], *RFC["derived_lines"]]


def _id(entry: Any) -> str:
    return str(entry["id"])


def _message(parts: Any, related: Any = None) -> Any:
    body = parts.get("body", "").encode()
    trailers = parts.get("trailers", [])
    if parts["type"] == "request":
        return Request(
            method=parts["method"],
            target=parts["target"],
            scheme=parts.get("scheme", "https"),
            headers=parts["headers"],
            body=body,
            trailers=trailers,
        )
    return Response(
        status=parts["status"],
        headers=parts["headers"],
        body=body,
        trailers=trailers,
        request=None if related is None else _message(related),
    )


def _case(case: Any) -> Any:
    return _message(case["message"], case.get("related_request"))


@pytest.mark.parametrize("case", RFC["cases"], ids=_id)
def test_the_signature_base_is_the_printed_one(case: Any) -> None:
    message = _case(case)
    base = signature_base(message, case["signature_input"])
    assert case["signature_base"] == base.decode()
    items, parameters = parse_inner_list(case["signature_input"])
    assert case["covered_components"] == [serialize(item) for item in items]
    assert case["signature_params"] == parameters
    found = {signature.label: signature for signature in parse_signatures(message)}
    if case["label"] in found:
        signature = found[case["label"]]
        assert base == signature_base(message, signature)
        assert base64.b64decode(case["signature_b64"]) == signature.value


@pytest.mark.parametrize(
    "case", [case for case in RFC["cases"] if case["alg"] in SUPPORTED], ids=_id
)
def test_the_printed_signature_verifies_where_it_should(case: Any) -> None:
    message = _case(case)
    key = load_key(RFC["keys"][case["key"]]["jwk_public"])
    (signature,) = (each for each in parse_signatures(message) if each.label == case["label"])
    if case["expect_signature_valid"]:
        verify(message, signature, key)
    else:
        with pytest.raises(SignatureInvalid):
            verify(message, signature, key)


@pytest.mark.parametrize("entry", LINES, ids=_id)
def test_a_component_has_the_printed_line(entry: Any) -> None:
    parts = entry.get("message") or {
        "type": "request",
        "method": "GET",
        "target": "/",
        "headers": entry["headers"],
    }
    line = signature_base(_message(parts), f"({entry['component']})").split(b"\n")[0].decode()
    assert entry["expect_line"] == line


@pytest.mark.parametrize(
    "case",
    [
        case
        for case in RFC["error_cases"]
        if "signature_input" in case and case["id"] != "e.alg-mismatch"
    ],
    ids=_id,
)
def test_what_the_rfc_calls_an_error_is_one(case: Any) -> None:
    headers = [["Host", "h.example"], ["Date", "x"], *case.get("headers", [])]
    if "example-dict" in case["signature_input"] and "headers" not in case:
        headers.append(["Example-Dict", "a=1"])
    with pytest.raises(CanonicalError):
        signature_base(Request(method="GET", target="/", headers=headers), case["signature_input"])


def test_the_errors_that_concern_keys_and_digests_are_errors() -> None:
    ids = {case["id"] for case in RFC["error_cases"]}
    assert {"e.alg-mismatch", "e.digest-mismatch", "e.label-missing-sig"} <= ids
    with pytest.raises(SignatureInvalid):
        sign(Request(method="GET", target="/"), load_key(P256), ["@method"], alg="ed25519")
    (printed,) = (case for case in RFC["cases"] if case["id"] == "b.2.3")
    message = _case(printed)
    digest = message.headers.lines(b"content-digest")
    check_content_digest(digest, message.body)
    with pytest.raises(CanonicalError, match="does not match"):
        check_content_digest(digest, message.body + b"\n")
    (unpaired,) = (case for case in RFC["error_cases"] if case["id"] == "e.label-missing-sig")
    paired = parse_signatures(Request(method="GET", target="/", headers=unpaired["headers"]))
    assert [signature.label for signature in paired] == ["a"]


@pytest.mark.parametrize("name", [name for name in RFC["keys"] if name != "test-shared-secret"])
def test_the_keys_have_the_printed_thumbprints(name: str) -> None:
    entry = RFC["keys"][name]
    assert entry["jwk_thumbprint_sha256"] == thumbprint(entry["jwk_public"])
    if entry["alg"] in SUPPORTED:
        private = load_key(entry["jwk_private"])
        assert entry["jwk_thumbprint_sha256"] == private.thumbprint
        load_key(entry["jwk_public"]).verify(private.sign(b"data"), b"data")
    else:
        with pytest.raises(CanonicalError, match="'RSA'"):
            load_key(entry["jwk_public"])
