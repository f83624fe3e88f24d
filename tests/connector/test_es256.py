"""Keys whose arithmetic is AWS-LC's judge as canonical's do, which is OpenSSL's."""

from __future__ import annotations

import builtins
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import canonical
from canonical import CanonicalError, Key, SignatureInvalid
from canonical.base64 import encode_url
from canonical.ecdsa import P256_ORDER
from connector import es256
from tests.canonical.samples import ED25519, P256, P384, PRIVATE_KEYS, public
from tests.canonical.vectors import load

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDER = int.from_bytes(P256_ORDER)
SAYS = st.binary(max_size=100)

needs_aws_lc = pytest.mark.skipif(es256.library() is None, reason="awscrt is not there")


@pytest.fixture(params=[ImportError, OSError])
def without_aws_lc(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    found = builtins.__import__

    def find(name: str, *rest: Any) -> Any:
        if name.startswith("awscrt"):
            raise request.param(name)
        return found(name, *rest)

    monkeypatch.setattr(builtins, "__import__", find)
    es256.library.cache_clear()
    yield
    monkeypatch.undo()
    es256.library.cache_clear()


def pair(jwk: dict[str, str]) -> tuple[Key, Key]:
    return es256.load_key(jwk), canonical.load_key(jwk)


def verdict(key: Key, signature: bytes, data: bytes) -> str:
    try:
        key.verify(signature, data)
    except SignatureInvalid as error:
        return str(error)
    return "valid"


@needs_aws_lc
def test_keys_for_es256_are_its_own_and_others_are_not() -> None:
    for jwk in PRIVATE_KEYS:
        own, other = pair(jwk)
        assert (type(own) is type(other)) == (jwk is not P256)


@pytest.mark.parametrize("jwk", [*PRIVATE_KEYS, *map(public, PRIVATE_KEYS)])
def test_a_key_says_the_same_of_itself(jwk: dict[str, str]) -> None:
    own, other = pair({**jwk, "kid": "1"})
    assert repr(own) == repr(other)
    assert own.public_jwk() == other.public_jwk()
    assert (own.kid, own.thumbprint, own.algorithm, own.signature_algorithm, own.is_private) == (
        (other.kid, other.thumbprint, other.algorithm, other.signature_algorithm, other.is_private)
    )


@given(SAYS)
def test_each_verifies_what_the_other_signs(data: bytes) -> None:
    for jwk in (P256, P384, ED25519):
        own, other = pair(jwk)
        readers = pair(public(jwk))
        for signature in (own.sign(data), other.sign(data)):
            assert [verdict(key, signature, data) for key in (own, other, *readers)] == [
                "valid"
            ] * 4


@given(SAYS, st.integers(0, 511), SAYS)
def test_both_refuse_a_signature_with_a_bit_changed_or_over_something_else(
    data: bytes, bit: int, said: bytes
) -> None:
    own, other = pair(P256)
    signature = own.sign(data)
    changed = (int.from_bytes(signature) ^ 1 << bit).to_bytes(64)
    for key in (own, other):
        assert verdict(key, changed, data) != "valid"
        assert (verdict(key, signature, said) == "valid") == (said == data)


@given(st.binary(min_size=60, max_size=70) | st.binary(max_size=3), SAYS)
def test_both_say_the_same_of_anything(signature: bytes, data: bytes) -> None:
    own, other = pair(public(P256))
    said = verdict(own, signature, data)
    assert said == verdict(other, signature, data)
    assert said != "valid"


def test_r_and_s_at_their_bounds_are_judged_alike() -> None:
    own, other = pair(P256)
    signature = own.sign(b"x")
    r, s = (int.from_bytes(half) for half in (signature[:32], signature[32:]))
    edges = (0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1, r, s, ORDER - s)
    for pair_ in ((a, b) for a in edges for b in edges):
        octets = b"".join(number.to_bytes(32) for number in pair_)
        said = verdict(own, octets, b"x")
        assert said == verdict(other, octets, b"x")
        # RFC 9421 asks for no low s.
        assert (said == "valid") == (pair_ in {(r, s), (r, ORDER - s)})


def test_a_public_key_cannot_sign() -> None:
    with pytest.raises(CanonicalError, match="a public key cannot sign"):
        es256.load_key(public(P256)).sign(b"data")


@pytest.mark.parametrize(
    "change",
    [
        {"x": P256["y"]},
        {"x": encode_url(bytes(32)), "y": encode_url(bytes(32))},
        {"d": encode_url(bytes(32))},
        {"d": encode_url(b"\1" * 32)},
        {"alg": "ES384"},
        {"crv": "P-521"},
        {"kty": "oct"},
    ],
)
def test_what_canonical_refuses_is_refused_in_the_same_words(change: dict[str, str]) -> None:
    with pytest.raises(CanonicalError) as own:
        es256.load_key({**P256, **change})
    with pytest.raises(CanonicalError) as other:
        canonical.load_key({**P256, **change})
    assert str(own.value) == str(other.value)


@needs_aws_lc
def test_the_keys_of_a_set_are_its_own() -> None:
    jwks = [{**public(jwk), "kid": str(number)} for number, jwk in enumerate(PRIVATE_KEYS)]
    own = es256.load_key_set({"keys": jwks})
    assert [type(key) for key in own] == [type(es256.load_key(jwk)) for jwk in jwks]
    assert own.jwks == canonical.load_key_set({"keys": jwks}).jwks
    with pytest.raises(CanonicalError):
        es256.load_key_set("keys")


@pytest.mark.usefixtures("without_aws_lc")
def test_without_the_package_the_keys_are_canonicals() -> None:
    assert es256.library() is None
    own, other = pair(P256)
    assert type(own) is type(other)
    (of_set,) = es256.load_key_set([public(P256)])
    assert type(of_set) is type(other)


def test_a_key_that_the_package_does_not_take_is_canonicals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Refusing:
        @staticmethod
        def new_key_from_der_data(_: bytes) -> None:
            raise RuntimeError("7178 AWS_ERROR_CAL_UNSUPPORTED_KEY_FORMAT")

    monkeypatch.setattr(es256, "library", lambda: Refusing)
    own, other = pair(P256)
    assert type(own) is type(other)
    assert verdict(own, other.sign(b"x"), b"x") == "valid"


def test_on_other_systems_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert es256.library.__wrapped__() is None


def test_every_vector_of_wycheproof_is_judged_as_the_project_says() -> None:
    vectors = load("wycheproof/ecdsa_secp256r1_sha256_p1363_test.json")
    judged = 0
    for group in vectors["testGroups"]:
        point = bytes.fromhex(group["publicKey"]["uncompressed"])
        x, y = encode_url(point[1:33]), encode_url(point[33:])
        key = es256.load_key({"kty": "EC", "crv": "P-256", "x": x, "y": y})
        for test in group["tests"]:
            said = verdict(key, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
            assert (said == "valid") == (test["result"] == "valid"), test["comment"]
            judged += 1
    assert judged == vectors["numberOfTests"]
