from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import (
    CanonicalError,
    Component,
    Date,
    DisplayString,
    Request,
    Response,
    Signature,
    SignatureInvalid,
    Token,
    load_key,
    parse_dictionary,
    parse_signatures,
    sign,
    signature_base,
    verify,
)
from canonical import components as components_module
from canonical import signatures as signatures_module
from tests.canonical.samples import BODY, P256, P384, PRIVATE_KEYS, RFC9421_P256, public, request

# RFC 9421 appendix B.2.4
B24_DIGEST = (
    "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5"
    "aGgfLQ==:"
)
B24_SIGNATURE = (
    "sig-b24=:wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+"
    "32oiasw==:"
)
B24_MEMBER = (
    '("@status" "content-type" "content-digest" "content-length")'
    ';created=1618884473;keyid="test-key-ecc-p256"'
)
COVERED = ["@method", "@authority", "@path", "@query", "content-digest", "content-type"]


def signed(message: Request, signature_input: str, signature: str) -> Request:
    """Add the two headers."""
    more = [(b"Signature-Input", signature_input.encode()), (b"Signature", signature.encode())]
    return Request(
        method=message.method,
        target=message.target,
        headers=[*message.headers, *more],
        body=message.body,
    )


def only(message: Request | Response) -> Signature:
    (signature,) = parse_signatures(message)
    return signature


@pytest.mark.parametrize("jwk", PRIVATE_KEYS, ids=lambda jwk: str(jwk["kid"]))
def test_what_is_signed_verifies_with_the_public_key(jwk: dict[str, str]) -> None:
    message = signed(
        request(), *sign(request(), load_key(jwk), COVERED, created=1, keyid=jwk["kid"])
    )
    signature = only(message)
    verify(message, signature, load_key(public(jwk)))
    assert signature.label == "sig1"
    assert {"created": 1, "keyid": jwk["kid"]} == signature.parameters
    assert tuple((name, {}) for name in COVERED) == signature.components


def test_a_response_is_signed_and_verified_with_its_request() -> None:
    sent = request()
    covered: list[Any] = [
        "@status",
        '"@method";req',
        ("@path", {"req": True}),
        Component("ucp-agent", {"req": True}),
    ]
    answer = Response(status=201, request=sent)
    headers = zip(
        ("Signature-Input", "Signature"), sign(answer, load_key(P256), covered), strict=True
    )
    answer = Response(status=201, headers=list(headers), request=sent)
    verify(answer, only(answer), load_key(public(P256)))
    other = Response(status=201, headers=list(answer.headers), request=request(target="/other"))
    with pytest.raises(SignatureInvalid):
        verify(other, only(other), load_key(public(P256)))


def test_the_base_is_the_one_that_the_rfc_prints() -> None:
    # RFC 9421 section 2.5, and the response signature of section B.2.4
    message = Request(
        method="POST",
        target="/foo?param=Value&Pet=dog",
        headers=[("Host", "example.com"), ("Content-Length", "18")],
    )
    member = '("@method" "@authority" "@path" "content-length");created=1618884473;keyid="k"'
    assert (
        b'"@method": POST\n"@authority": example.com\n"@path": /foo\n"content-length": 18\n'
        b'"@signature-params": ' + member.encode() == signature_base(message, member)
    )
    answer = Response(
        status=200,
        headers=[
            ("Content-Type", "application/json"),
            ("Content-Digest", B24_DIGEST),
            ("Content-Length", "23"),
            ("Signature-Input", f"sig-b24={B24_MEMBER}"),
            ("Signature", B24_SIGNATURE),
        ],
    )
    verify(answer, only(answer), load_key(RFC9421_P256))


def test_parameters_of_any_kind_are_kept_as_received() -> None:
    text = '();created=1;b;n=?0;d=1.5;t=tok;s="a b";x=:AA==:;e=@7;u=%"%c3%bc"'
    signature = only(signed(request(), f"a={text}", "a=:AA==:"))
    assert {
        "created": 1, "b": True, "n": False, "d": Decimal("1.5"), "t": Token("tok"), "s": "a b",
        "x": b"\x00", "e": Date(7), "u": DisplayString("ü"),
    } == signature.parameters  # fmt: skip
    assert text == signature.member
    assert signature.components_text == "()"


def test_the_member_is_kept_and_signed_exactly_as_received() -> None:
    text = '(  "@method"   "content-type";bs );  created=1;keyid="a)b"'
    signature = only(signed(request(), f'x=("@path"),y={text} ,z=()', "y=:AA==:"))
    assert ("y", text) == (signature.label, signature.member)
    assert signature.components_text == '(  "@method"   "content-type";bs )'
    assert signature.components == (("@method", {}), ("content-type", {"bs": True}))
    last = signature_base(request(), signature).splitlines()[-1]
    assert b'"@signature-params": ' + text.encode() == last
    assert signature_base(request(), text.encode()) == signature_base(request(), signature)


def test_every_label_of_both_headers_is_returned_and_no_other() -> None:
    message = Request(
        method="GET",
        target="/",
        headers=[
            ("Signature-Input", 'a=("@method"), b=("@path");created=2'),
            ("Signature", "c=:AAAA:"),
            ("signature-input", "c=()"),
            ("SIGNATURE", "a=:AQ==:;x, d=:BB==:"),
        ],
    )
    with pytest.raises(CanonicalError, match="Signature: not canonical base64"):
        parse_signatures(message)
    message.headers.index[b"signature"][1] = b"a=:AQ==:;x, d=:Bw==:"
    assert [signature.label for signature in parse_signatures(message)] == ["a", "c"]
    assert [each.value for each in parse_signatures(message)] == [b"\x01", b"\x00\x00\x00"]


def test_without_both_headers_there_is_no_signature() -> None:
    assert parse_signatures(request()) == []
    assert parse_signatures(request(("Signature", "a=:AA==:"))) == []
    assert parse_signatures(request(("Signature-Input", "a=()"))) == []
    assert parse_signatures(request(("Signature-Input", "a=()"), ("Signature", "b=:AA==:"))) == []
    assert parse_signatures(request(("Signature-Input", ""), ("Signature", ""))) == []


@pytest.mark.parametrize(
    ("signature_input", "signature", "reason"),
    [
        ("a=(), a=()", "a=:AA==:", "Signature-Input: the member a occurs twice"),
        ("a=()", "a=:AA==:, a=:AA==:", "Signature: the member a occurs twice"),
        ("a=();x=1;x=1", "a=:AA==:", "Signature-Input: the parameter x is given twice"),
        ('a=("b";bs;bs)', "a=:AA==:", "Signature-Input: the parameter bs is given twice"),
        ("a=1", "a=:AA==:", "Signature-Input: .*inner list"),
        ("a", "a=:AA==:", "Signature-Input: .*inner list"),
        ('b=(), a="()"', "a=:AA==:", "Signature-Input: .*inner list"),
        ("a=(b)", "a=:AA==:", "Signature-Input: a covered component is not a string"),
        ("a=(1)", "a=:AA==:", "Signature-Input: a covered component is not a string"),
        ("a=(),", "a=:AA==:", "Signature-Input: malformed"),
        ("a=() b=()", "a=:AA==:", "Signature-Input: malformed"),
        ('a=("b"', "a=:AA==:", "Signature-Input: malformed"),
        ("A=()", "a=:AA==:", "Signature-Input: malformed"),
        ("a=()", 'a="AA=="', "Signature: the member a is not a byte sequence"),
        ("a=()", "a", "Signature: the member a is not a byte sequence"),
        ("a=()", "a=(:AA==:)", "Signature: the member a is not a byte sequence"),
        ("a=()", "b=1, a=:AA==:", "Signature: the member b is not a byte sequence"),
        ("a=()", "a=:AA=:", "Signature: not"),
        ("a=()", "a=:AB==:", "Signature: not canonical base64"),
        ("a=()", "a=:AA==", "Signature: malformed"),
        ("a=()", "a=:A-==:", "Signature: malformed"),
        ("a=()é", "a=:AA==:", "Signature-Input: .*not ASCII"),
    ],
)
def test_a_malformed_header_is_refused_by_name(
    signature_input: str, signature: str, reason: str
) -> None:
    with pytest.raises(CanonicalError, match=reason):
        parse_signatures(signed(request(), signature_input, signature))


@pytest.mark.parametrize(
    "member", ["", "(", '("a"', "a", '("@method"), ("@path")', '("@method") x']
)
def test_a_text_that_is_no_member_has_no_base(member: str) -> None:
    with pytest.raises(CanonicalError):
        signature_base(request(), member)


def test_a_bad_signature_beside_a_good_one_is_still_read() -> None:
    message = signed(request(), 'a=("@unknown"), b=("@method")', "a=:AA==:, b=:AA==:")
    bad, good = parse_signatures(message)
    with pytest.raises(CanonicalError, match='"@unknown": unknown derived component'):
        signature_base(message, bad)
    assert signature_base(message, good).startswith(b'"@method": POST\n')


def test_an_alg_parameter_must_name_the_algorithm_of_the_key() -> None:
    key = load_key(P256)
    fitting = signed(request(), *sign(request(), key, ["@path"], alg="ecdsa-p256-sha256"))
    verify(fitting, only(fitting), key)
    for alg in ("ed25519", Token("ecdsa-p256-sha256"), "", 1, True):
        with pytest.raises(SignatureInvalid, match="the alg parameter"):
            sign(request(), key, ["@path"], alg=alg)
    member = '("@path");alg="ed25519"'
    value = key.sign(signature_base(request(), member))
    contradicting = Signature(
        "a", (Component("@path", {}),), {"alg": "ed25519"}, value, member, '("@path")'
    )
    with pytest.raises(SignatureInvalid, match="the alg parameter"):
        verify(request(), contradicting, key)


def test_a_base_that_cannot_be_built_does_not_verify() -> None:
    message = signed(request(), *sign(request(), load_key(P256), ["content-type"]))
    without = Request(
        method="POST",
        target="/",
        headers=[pair for pair in message.headers if pair[0] != b"Content-Type"],
    )
    with pytest.raises(SignatureInvalid, match='"content-type": the message has no such field'):
        verify(without, only(without), load_key(P256))


def test_nothing_is_added_to_the_parameters_and_their_order_is_kept() -> None:
    values: dict[str, Any] = {"keyid": "k", "created": 5, "nonce": b"\x01", "tag": Token("t")}
    signature_input, signature = sign(request(), load_key(P256), ["@method"], label="x", **values)
    assert signature_input == 'x=("@method");keyid="k";created=5;nonce=:AQ==:;tag=t'
    assert list(parse_dictionary(signature)) == ["x"]
    assert sign(request(), load_key(P256), [])[0] == "sig1=()"


@pytest.mark.parametrize(
    ("components", "label", "parameters"),
    [
        (["@unknown"], "a", {}),
        (["@method", "@method"], "a", {}),
        (["x-absent"], "a", {}),
        (['"@method'], "a", {}),
        ([("@method", None)], "a", {}),
        (["é"], "a", {}),
        (["@method"], "A", {}),
        (["@method"], "", {}),
        (["@method"], "a", {"Created": 1}),
        (["@method"], "a", {"created": 1.5}),
        (["@method"], "a", {"created": None}),
        (["@method"], "a", {"keyid": "é"}),
    ],
)
def test_what_cannot_be_verified_is_not_signed(
    components: Any, label: str, parameters: Any
) -> None:
    with pytest.raises(CanonicalError):
        sign(request(), load_key(P256), components, label=label, **parameters)


def test_a_public_key_does_not_sign() -> None:
    with pytest.raises(CanonicalError, match="a public key cannot sign"):
        sign(request(), load_key(public(P256)), ["@method"])


_KEY = load_key(P256)
_SIGNED = signed(
    request(("X-List", "a"), ("X-List", "b")),
    *sign(
        request(("X-List", "a"), ("X-List", "b")),
        _KEY,
        [*COVERED, "@target-uri", "@scheme", "@request-target", "x-list", "ucp-agent",
         '"ucp-agent";key="profile"', '"x-list";bs', '"@query-param";name="x"'],
        created=1,
        keyid="p256",
    ),
)  # fmt: skip


def test_the_signed_message_of_the_next_tests_verifies() -> None:
    verify(_SIGNED, only(_SIGNED), _KEY)


def _with(message: Request, **changes: Any) -> Request:
    parts: dict[str, Any] = {
        "method": message.method,
        "target": message.target,
        "headers": list(message.headers),
        "scheme": message.scheme,
        "body": message.body,
    }
    return Request(**{**parts, **changes})


def _changed(text: str, at: int, by: int) -> str:
    at %= len(text)
    return text[:at] + chr((ord(text[at]) + by) % 127) + text[at + 1 :]


def _verifies(message: Request) -> bool:
    try:
        signatures = parse_signatures(message)
        for signature in signatures:
            verify(message, signature, _KEY)
    except CanonicalError:
        return False
    return bool(signatures)


@given(
    at=st.integers(0, 500),
    by=st.integers(1, 126),
    part=st.sampled_from(["method", "target", "scheme"]),
)
def test_a_change_of_any_character_of_the_request_line_breaks_the_signature(
    at: int, by: int, part: str
) -> None:
    before = getattr(_SIGNED, part)
    after = _changed(before, at, by)
    # RFC 9421 section 2.2.4: the scheme is compared in lower case.
    assert (part == "scheme" and after.lower() == before) or not _verifies(
        _with(_SIGNED, **{part: after})
    )


@given(at=st.integers(0, 500), by=st.integers(1, 255), which=st.integers(0, 20))
def test_a_change_of_any_octet_of_a_covered_value_breaks_the_signature(
    at: int, by: int, which: int
) -> None:
    headers = list(_SIGNED.headers)
    which %= len(headers)
    name, value = headers[which]
    at %= len(value)
    changed = value[:at] + bytes([(value[at] + by) % 256]) + value[at + 1 :]
    headers[which] = (name, changed)
    # Only what the rules call equal may stay equal: case in Host, white space in the SF headers
    # (the member itself is signed as received), and the label, which is not signed.
    same_host = name == b"Host" and changed.lower() == value.lower()
    assert same_host or not _verifies(_with(_SIGNED, headers=headers))


@given(st.integers(0, 20), st.binary(max_size=3))
def test_a_removed_or_added_line_of_a_covered_field_breaks_the_signature(
    which: int, value: bytes
) -> None:
    headers = list(_SIGNED.headers)
    which %= len(headers)
    name = headers[which][0]
    assert not _verifies(_with(_SIGNED, headers=headers[:which] + headers[which + 1 :]))
    assert not _verifies(_with(_SIGNED, headers=[*headers, (name.swapcase(), value)]))


_MEMBERS = st.text('("@method) ;=x1:,"', max_size=14)


@given(
    st.lists(
        st.one_of(_MEMBERS, st.just('("@method" "a";bs);x=")"'), st.just('("@method")')), max_size=3
    )
)
def test_what_was_read_before_does_not_change_what_is_read(texts: list[str]) -> None:
    message = signed(
        request(("A", "1")),
        ", ".join(f"k{i}={text}" for i, text in enumerate(texts)),
        ", ".join(f"k{i}=:AA==:" for i in range(len(texts))),
    )

    def read() -> Any:
        try:
            return [(each, _base(message, each)) for each in parse_signatures(message)]
        except CanonicalError as error:
            return str(error)

    cached = read()
    cached = read()
    signatures_module._component_lists.clear()
    components_module._plans.clear()
    assert cached == read()


def _base(message: Request, signature: Signature) -> Any:
    try:
        return signature_base(message, signature)
    except CanonicalError as error:
        return str(error)


_PIECES = ["a", "b*", "=", ":", "AA==", "AB==", "Bw==", "a=:AA==:", ";x", ", ", " ", "\t", "A"]


@given(st.lists(st.sampled_from(_PIECES), max_size=5))
def test_the_short_way_for_one_signature_says_what_the_parser_says(pieces: list[str]) -> None:
    text = "".join(pieces).strip(" \t")

    def values(line: str) -> Any:
        try:
            return signatures_module._read_values([line.encode()])
        except CanonicalError:
            return CanonicalError

    # With a second member the header is never the short form.
    general = values(f"zz=:AA==:, {text}")
    if isinstance(general, dict):
        assert {"zz": b"\x00", **values(text)} == general
    else:
        assert not text or values(text) is CanonicalError


def test_the_memory_for_lists_of_components_is_bounded() -> None:
    for number in range(2 * signatures_module._MAX_LISTS):
        signature_base(request((f"x{number}", "1")), f'("x{number}")')
    long = " ".join(f'"y{number}"' for number in range(300))
    signatures_module.read_member(f"({long})")
    assert len(signatures_module._component_lists) <= signatures_module._MAX_LISTS
    assert len(components_module._plans) <= components_module._MAX_PLANS
    assert f"({long})" not in signatures_module._component_lists


def test_a_thousand_covered_members_are_parsed_once() -> None:
    many = ", ".join(f"k{number}={number}" for number in range(1000))
    covered = " ".join(f'"example-dict";key="k{number}"' for number in range(1000))
    message = request(("Example-Dict", many))
    assert len(signature_base(message, f"({covered})").splitlines()) == 1001
    assert len(message.memo) == 1


def test_the_body_is_bound_by_its_digest_alone() -> None:
    other = _with(_SIGNED, body=BODY + b" ")
    assert _verifies(other)


def test_a_key_of_another_curve_does_not_verify() -> None:
    with pytest.raises(SignatureInvalid):
        verify(_SIGNED, only(_SIGNED), load_key(P384))
