from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import example, given
from hypothesis import strategies as st

from canonical import CanonicalError, SignatureInvalid, load_key, thumbprint
from canonical.base64 import decode_url, encode_url
from canonical.ecdsa import P256_ORDER, P384_ORDER, to_der
from tests.canonical.samples import ED25519, P256, P384, PRIVATE_KEYS, public

if TYPE_CHECKING:
    from collections.abc import Callable

ALL = pytest.mark.parametrize("jwk", PRIVATE_KEYS, ids=lambda jwk: str(jwk["kid"]))
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@ALL
def test_what_the_private_key_signs_the_public_one_verifies(jwk: dict[str, str]) -> None:
    private, verifier = load_key(jwk), load_key(public(jwk))
    signature = private.sign(b"data")
    assert {"ES256": 64, "ES384": 96, "Ed25519": 64}[private.algorithm] == len(signature)
    verifier.verify(signature, b"data")
    private.verify(signature, b"data")
    assert private.is_private
    assert not verifier.is_private
    assert jwk["kid"] == verifier.kid
    assert thumbprint(jwk) == private.thumbprint == verifier.thumbprint


@pytest.mark.parametrize(
    ("jwk", "algorithm", "name"),
    [
        (P256, "ES256", "ecdsa-p256-sha256"),
        (P384, "ES384", "ecdsa-p384-sha384"),
        (ED25519, "Ed25519", "ed25519"),
    ],
)
def test_the_curve_implies_the_algorithm(jwk: dict[str, str], algorithm: str, name: str) -> None:
    key = load_key(jwk)
    assert (algorithm, name) == (key.algorithm, key.signature_algorithm)


def test_a_jws_of_the_rfc_verifies() -> None:
    # RFC 7515 appendix A.3.1
    signing_input = (
        b"eyJhbGciOiJFUzI1NiJ9."
        b"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    )
    signature = decode_url(
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )
    load_key(public(P256)).verify(signature, signing_input)


def test_a_thumbprint_of_the_rfc_is_found() -> None:
    # RFC 8037 appendix A.3
    assert thumbprint(ED25519) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    rsa = {"kty": "RSA", "e": "AQAB", "n": "AQAB", "kid": "ignored"}
    assert len(thumbprint(rsa)) == 43


@ALL
def test_other_data_another_signature_or_another_length_does_not_verify(
    jwk: dict[str, str],
) -> None:
    key = load_key(jwk)
    signature = key.sign(b"data")
    wrong = bytes([signature[0] ^ 1]) + signature[1:]
    for bad, data in [
        (signature, b"other"),
        (wrong, b"data"),
        (signature[:-1], b"data"),
        (signature + b"\x00", b"data"),
        (b"", b"data"),
        (bytes(len(signature)), b"data"),
        (b"\xff" * len(signature), b"data"),
    ]:
        with pytest.raises(SignatureInvalid):
            key.verify(bad, data)


@pytest.mark.parametrize("x", [0, 5, 6, 8])
def test_a_coordinate_has_one_spelling(x: int) -> None:
    """OpenSSL takes x and x + p for one point; the key would have two thumbprints."""
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    # FIPS 186-4 appendix D.1.2.3; the prime is 3 modulo 4.
    y = pow(x**3 - 3 * x + b, (prime + 1) // 4, prime)
    jwk = {"kty": "EC", "crv": "P-256", "x": encode_url(x.to_bytes(32)), "y": ""}
    jwk["y"] = encode_url(y.to_bytes(32))
    load_key(jwk)
    with pytest.raises(CanonicalError, match="not on its curve"):
        load_key({**jwk, "x": encode_url((x + prime).to_bytes(32))})


def test_r_and_s_must_be_in_range() -> None:
    key = load_key(P256)
    signature = key.sign(b"data")
    r, s = signature[:32], signature[32:]
    for number in (0, _P256_ORDER, 2**256 - 1):
        for bad in (number.to_bytes(32) + s, r + number.to_bytes(32)):
            with pytest.raises(SignatureInvalid, match="out of range"):
                key.verify(bad, b"data")


def test_a_der_signature_does_not_verify() -> None:
    key = load_key(P256)
    r, s = (int.from_bytes(half) for half in (key.sign(b"x")[:32], key.sign(b"x")[32:]))
    der = b"\x30\x44" + b"".join(b"\x02\x20" + n.to_bytes(32) for n in (r, s))
    with pytest.raises(SignatureInvalid, match="64 octets"):
        key.verify(der, b"x")


@ALL
def test_a_public_key_cannot_sign(jwk: dict[str, str]) -> None:
    with pytest.raises(CanonicalError, match="a public key cannot sign"):
        load_key(public(jwk)).sign(b"data")


_OFF_CURVE = encode_url(bytes(31) + b"\x01")
# Of 32 octets, y = 2: x^2 has no root.
_OFF_EDWARDS = encode_url(b"\x02" + bytes(31))

MALFORMED: list[tuple[str, Any, str]] = [
    ("no object", [], "JSON object"),
    ("a string", "x", "JSON object"),
    ("empty", {}, "not supported"),
    ("symmetric", {"kty": "oct", "k": "AAAA"}, "'oct'"),
    ("RSA", {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, "'RSA'"),
    ("another curve", {**P256, "crv": "P-521"}, "'P-521'"),
    ("secp256k1", {**P256, "crv": "secp256k1"}, "'secp256k1'"),
    ("X25519", {**ED25519, "crv": "X25519"}, "'X25519'"),
    ("Ed448", {**ED25519, "crv": "Ed448"}, "'Ed448'"),
    ("kty of another curve", {**P256, "kty": "OKP"}, "not supported"),
    ("kty is a list", {**P256, "kty": ["EC"]}, "list"),
    ("crv is an object", {**P256, "crv": {}}, "dict"),
    ("wrong curve", {**P256, "crv": "P-384"}, '"x" does not have 48 octets'),
    ("off the curve", {**public(P256), "y": _OFF_CURVE}, "not on its curve"),
    ("at infinity", {**public(P256), "x": "A" * 43, "y": "A" * 43}, "not on its curve"),
    ("off the Edwards curve", {**public(ED25519), "x": _OFF_EDWARDS}, "not on its curve"),
    ("no y", {"kty": "EC", "crv": "P-256", "x": P256["x"]}, '"y" is missing'),
    ("x is a number", {**P256, "x": 1}, '"x" is missing or not a string'),
    ("x is null", {**ED25519, "x": None}, '"x" is missing or not a string'),
    ("padded x", {**P256, "x": P256["x"] + "="}, '"x" is not canonical base64url'),
    ("base64 x", {**P256, "y": P256["y"].replace("_", "/")}, '"y" is not canonical base64url'),
    ("trailing bits", {**P256, "x": P256["x"][:-1] + "V"}, '"x" is not canonical base64url'),
    ("short x", {**P256, "x": encode_url(decode_url(P256["x"])[1:])}, "does not have 32 octets"),
    ("long x", {**P256, "x": encode_url(b"\x00" + decode_url(P256["x"]))}, "32 octets"),
    ("alg against crv", {**P256, "alg": "ES384"}, '"alg" does not fit'),
    ("alg of a MAC", {**P256, "alg": "HS256"}, '"alg" does not fit'),
    ("alg none", {**P256, "alg": "none"}, '"alg" does not fit'),
    ("alg is a number", {**P256, "alg": 1}, '"alg" does not fit'),
    ("alg is null", {**P256, "alg": None}, '"alg" does not fit'),
    ("alg against Ed25519", {**ED25519, "alg": "ES256"}, '"alg" does not fit'),
    ("kid is a number", {**P256, "kid": 1}, '"kid" is not a string'),
    ("use enc", {**public(P256), "use": "enc"}, "not for signatures"),
    ("use is null", {**public(P256), "use": None}, "not for signatures"),
    ("key_ops without verify", {**public(P256), "key_ops": ["sign"]}, "not for signatures"),
    ("key_ops is no list", {**public(P256), "key_ops": "verify"}, "not for signatures"),
    ("key_ops without sign", {**P256, "key_ops": ["verify"]}, "not for signatures"),
    ("d of another key", {**P256, "d": encode_url(bytes(31) + b"\x05")}, "does not belong"),
    ("d is zero", {**P256, "d": encode_url(bytes(32))}, "out of range"),
    ("d is the order", {**P256, "d": encode_url(_P256_ORDER.to_bytes(32))}, "out of range"),
    ("short d", {**P256, "d": "AQ"}, '"d" does not have 32 octets'),
    ("d is null", {**P256, "d": None}, '"d" is missing or not a string'),
    ("another seed", {**ED25519, "d": encode_url(bytes(32))}, "does not belong"),
]


@pytest.mark.parametrize(
    ("jwk", "reason"), [entry[1:] for entry in MALFORMED], ids=[entry[0] for entry in MALFORMED]
)
def test_a_key_that_cannot_be_used_is_refused(jwk: Any, reason: str) -> None:
    with pytest.raises(CanonicalError, match=reason):
        load_key(jwk)


@pytest.mark.parametrize(
    "more",
    [
        {"use": "sig"},
        {"alg": "ES256"},
        {"key_ops": ["verify"]},
        {"key_ops": ["verify", "x"], "use": "sig"},
        {"x5c": [1], "unknown": {}},
        {"kid": ""},
    ],
)
def test_members_that_fit_or_are_not_known_do_not_matter(more: dict[str, Any]) -> None:
    assert load_key({**public(P256), **more}).algorithm == "ES256"


@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519"])
def test_both_names_of_ed25519_are_known(alg: str) -> None:
    assert load_key({**ED25519, "alg": alg}).algorithm == "Ed25519"


def test_a_private_key_may_say_that_it_signs() -> None:
    load_key({**P256, "key_ops": ["sign"], "use": "sig"})


def test_a_key_without_kid_has_none() -> None:
    jwk = {name: value for name, value in P256.items() if name != "kid"}
    assert load_key(jwk).kid is None
    assert "kid" not in load_key(jwk).public_jwk()


@ALL
def test_the_public_jwk_describes_the_key_and_holds_no_secret(jwk: dict[str, str]) -> None:
    key = load_key(jwk)
    published = key.public_jwk()
    assert "d" not in published
    assert jwk["d"] not in repr(key)
    assert published == load_key(published).public_jwk()
    assert key.thumbprint == load_key(published).thumbprint
    assert {**public(jwk), "use": "sig", "alg": published["alg"]} == published


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "oct", "k": "AAAA"},
        {"kty": ["EC"]},
        {"kty": "EC", "crv": "P-256", "x": "AA"},
        {"kty": "EC", "crv": 'P"', "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "AB", "y": "AA"},
        {"kty": "RSA", "e": "AQAB", "n": 5},
        {"kty": "RSA", "e": "AQAB", "n": 'A"'},
        {"kty": "OKP", "crv": "é", "x": "AA"},
        None,
    ],
)
def test_what_identifies_no_key_has_no_thumbprint(jwk: Any) -> None:
    with pytest.raises(CanonicalError):
        thumbprint(jwk)


@given(st.binary(min_size=32, max_size=32))
def test_any_seed_makes_a_key_that_loads(seed: bytes) -> None:
    point = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": encode_url(point), "d": encode_url(seed)}
    key = load_key(jwk)
    load_key(public(jwk)).verify(key.sign(b"x"), b"x")


@given(st.integers(1, _P256_ORDER - 1), st.integers(1, _P256_ORDER - 1))
@example(1, 0x80)
@example(0x7F << 240, 2**255)
def test_what_openssl_is_given_is_what_the_packages_own_encoder_writes(r: int, s: int) -> None:
    for order in (P256_ORDER, P384_ORDER):
        signature = r.to_bytes(len(order)) + s.to_bytes(len(order))
        assert to_der(signature, order) == encode_dss_signature(r, s)


@pytest.mark.parametrize("change", [lambda s: s[:-1], lambda s: s + b"\0", lambda _: b""])
def test_a_signature_of_another_length_is_told_to_be_one(change: Callable[[bytes], bytes]) -> None:
    for jwk, size in ((P256, 64), (P384, 96)):
        key = load_key(jwk)
        with pytest.raises(SignatureInvalid, match=f"has {size} octets"):
            key.verify(change(key.sign(b"data")), b"data")


def test_an_edwards_key_is_shown_with_the_name_that_readers_of_jwks_know() -> None:
    assert load_key(ED25519).public_jwk()["alg"] == "EdDSA"
    assert load_key(P256).public_jwk()["alg"] == "ES256"
    assert load_key(P384).public_jwk()["alg"] == "ES384"


@pytest.mark.parametrize("crv", ["Curve25519", "Ed448", "X25519", ""])
def test_no_other_curve_of_its_kind_is_taken_for_ed25519(crv: str) -> None:
    with pytest.raises(CanonicalError):
        load_key({**public(ED25519), "crv": crv})


def test_both_halves_of_an_edwards_key_belong_together_whichever_sorts_first() -> None:
    one, other = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
    for secret, point in ((one, other), (other, one)):
        jwk = {
            "kty": "OKP",
            "crv": "Ed25519",
            "d": encode_url(secret.private_bytes_raw()),
            "x": encode_url(point.public_key().public_bytes_raw()),
        }
        with pytest.raises(CanonicalError, match="does not belong"):
            load_key(jwk)
