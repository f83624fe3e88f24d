"""Whatever comes in, nothing but CanonicalError comes out of a public function."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from canonical import (
    CanonicalError,
    Request,
    Response,
    check_content_digest,
    content_digest,
    load_key,
    load_key_set,
    parse_dictionary,
    parse_item,
    parse_list,
    parse_signatures,
    serialize,
    sign,
    signature_base,
    thumbprint,
    verify,
)
from tests.canonical.samples import ED25519, P256, P384
from tests.canonical.structured_values import dictionaries, members

PIECES = [
    "sig1=", "a=", '("@method")', '("@query-param";name="a")', '"@path"', '"@authority"', "(", ")",
    ";created=1", ";sf", ';key="a"', ";bs", ";req", ";tr", ":AA==:", ":", '"', "\\", ", ", " ", "=",
    "sha-256=", "a", "1", "-", ".", "?", "@", "%", '%"', "\t", "\r\n ", "\n", "\x00", "é", "\ud800",
]  # fmt: skip
texts = st.one_of(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.text(max_size=12))
octets = st.one_of(st.binary(max_size=12), texts.map(lambda text: text.encode("utf-8", "replace")))
anything = st.one_of(texts, octets)
NAMES = ["Signature-Input", "Signature", "Host", "Content-Digest", "a", "Priority", "Trailer"]
headers = st.one_of(
    st.lists(st.tuples(st.sampled_from(NAMES), texts), max_size=5),
    st.lists(st.tuples(octets, octets), max_size=5),
)
targets = st.one_of(
    anything, texts.map(lambda text: "/" + text), texts.map(lambda text: "http://a" + text)
)
identifiers = st.sampled_from(
    [
        '"@method"', '"@target-uri"', '"@authority"', '"@scheme"', '"@request-target"', '"@path"',
        '"@query"', '"@query-param";name="a"', '"@status"', '"a"', '"a";bs', '"a";key="a"',
        '"a";tr', '"priority";sf', '"host"', '"@path";req', '"a";req', '"a";key="b";req;tr',
    ]
)  # fmt: skip
inner = st.lists(identifiers, max_size=3, unique=True).map(lambda ids: f"({' '.join(ids)})")
json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inside: st.one_of(
        st.lists(inside, max_size=3), st.dictionaries(st.text(max_size=3), inside, max_size=3)
    ),
    max_leaves=6,
)
MEMBERS = ["kty", "crv", "x", "y", "d", "kid", "alg", "use", "key_ops", "n", "e", "k", "keys"]
jwks = st.builds(
    lambda base, changes: {**base, **changes},
    st.sampled_from([P256, P384, ED25519, {}]),
    st.dictionaries(
        st.sampled_from(MEMBERS),
        st.one_of(json, st.sampled_from(["EC", "OKP", "RSA", "P-256", "Ed25519", "AQAB", "sig"])),
        max_size=3,
    ),
)


def refused(function: Any, *arguments: Any, **named: Any) -> Any:
    """Call it; None where it refused. Any other exception fails the test."""
    try:
        return function(*arguments, **named)
    except CanonicalError:
        return None


@given(anything)
def test_structured_fields(text: str | bytes) -> None:
    refused(parse_item, text)
    refused(parse_list, text)
    refused(parse_dictionary, text)
    refused(parse_dictionary, text, unique=True)


@given(st.one_of(json, members, dictionaries, st.tuples(json, json), st.complex_numbers()))
def test_serialising(value: Any) -> None:
    refused(serialize, value)


@given(
    st.one_of(anything, st.lists(texts, max_size=3), st.lists(octets, max_size=3)), octets, texts
)
def test_digests(values: Any, body: bytes, algorithm: str) -> None:
    refused(check_content_digest, values, body)
    refused(content_digest, body, algorithm)


@given(
    method=anything,
    target=targets,
    scheme=anything,
    lines=headers,
    trailers=headers,
    authority=st.one_of(st.none(), anything),
    member=st.one_of(inner, anything),
)
def test_requests(
    method: str | bytes,
    target: str | bytes,
    scheme: str | bytes,
    lines: Any,
    trailers: Any,
    authority: str | bytes | None,
    member: str | bytes,
) -> None:
    request = refused(
        Request,
        method=method,
        target=target,
        scheme=scheme,
        headers=lines,
        trailers=trailers,
        authority=authority,
    )
    if request is None:
        return
    assert repr(request)
    assert repr(request.headers)
    key = load_key(P256)
    for message in (request, Response(status=200, headers=list(request.headers), request=request)):
        refused(signature_base, message, member)
        for signature in refused(parse_signatures, message) or []:
            refused(signature_base, message, signature)
            refused(verify, message, signature, key)


@given(components=st.lists(st.one_of(texts, identifiers), max_size=3), label=texts, value=json)
def test_signing(components: list[str], label: str, value: Any) -> None:
    request = Request(method="GET", target="/?a=1", headers=[("Host", "a"), ("a", "a=1")])
    refused(sign, request, load_key(P256), components, label=label, keyid=value)


@given(st.one_of(jwks, json))
def test_keys(jwk: Any) -> None:
    key = refused(load_key, jwk)
    if key is not None:
        assert repr(key)
        refused(key.verify, b"", b"")
        refused(key.sign, b"")
        assert key.thumbprint == thumbprint(key.public_jwk())
    refused(thumbprint, jwk)


@given(st.one_of(json, st.lists(jwks, max_size=3), st.lists(jwks).map(lambda keys: {"keys": keys})))
def test_key_sets(document: Any) -> None:
    loaded = refused(load_key_set, document)
    if loaded is not None:
        for key in loaded:
            refused(loaded.get, key.kid or "")
            assert key.thumbprint == loaded.by_thumbprint(key.thumbprint).thumbprint
        refused(loaded.get, "p256")
        refused(loaded.get, "\ud800")
