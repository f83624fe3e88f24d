"""Detached JWS: RFC 7515 appendix F, RFC 7797, and what must not verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from canonical import (
    CanonicalError,
    Key,
    SignatureInvalid,
    load_key,
    sign_detached,
    verify_detached,
)
from canonical.base64 import decode_url, encode_url
from canonical.jws import MAX_JWS, protected_header, signing_input

VECTOR = (
    Path(__file__).resolve().parents[3] / "shared" / "vectors" / "jwk" / "jws_es256_rfc7515_a3.json"
)

PAYLOAD = b'{"id":"chk_1"}'


def _elliptic(curve: ec.EllipticCurve, crv: str, size: int) -> dict[str, str]:
    private = ec.generate_private_key(curve)
    numbers = private.private_numbers()
    public = numbers.public_numbers
    return {
        "kty": "EC",
        "crv": crv,
        "x": encode_url(public.x.to_bytes(size)),
        "y": encode_url(public.y.to_bytes(size)),
        "d": encode_url(numbers.private_value.to_bytes(size)),
    }


def _edwards() -> dict[str, str]:
    private = Ed25519PrivateKey.generate()
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": encode_url(private.public_key().public_bytes_raw()),
        "d": encode_url(private.private_bytes_raw()),
    }


KEYS: dict[str, Key] = {
    "ES256": load_key({**_elliptic(ec.SECP256R1(), "P-256", 32), "kid": "p256"}),
    "ES384": load_key({**_elliptic(ec.SECP384R1(), "P-384", 48), "kid": "p384"}),
    "EdDSA": load_key({**_edwards(), "kid": "ed"}),
}
KEY = KEYS["ES256"]


def _signed(header: str | dict[str, Any], payload: bytes = PAYLOAD, key: Key = KEY) -> str:
    """Sign with any header, and without the checks that stand before ours."""
    text = header if isinstance(header, str) else json.dumps(header)
    encoded = encode_url(text.encode())
    unencoded = '"b64": false' in text
    body = payload if unencoded else encode_url(payload).encode()
    return f"{encoded}..{encode_url(key.sign(encoded.encode() + b'.' + body))}"


def test_the_example_of_rfc_7515_verifies_once_its_payload_is_detached() -> None:
    if not VECTOR.is_file():
        pytest.skip("the vectors are not there: jwk")
    vector = json.loads(VECTOR.read_text())
    header, payload, signature = vector["jws"].split(".")
    key = load_key(vector["jwk"])
    detached = f"{header}..{signature}"
    assert verify_detached(detached, decode_url(payload), key) == {"alg": "ES256"}
    with pytest.raises(SignatureInvalid):
        verify_detached(detached, decode_url(payload) + b" ", key)


@pytest.mark.parametrize("b64", [False, True])
@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA"])
def test_what_is_signed_verifies_and_names_algorithm_and_key(algorithm: str, *, b64: bool) -> None:
    key = KEYS[algorithm]
    header = verify_detached(sign_detached(PAYLOAD, key, b64=b64), PAYLOAD, key)
    expected: dict[str, Any] = {"alg": algorithm, "kid": key.kid}
    if not b64:
        expected |= {"b64": False, "crit": ["b64"]}
    assert header == expected


def test_the_two_signing_inputs_are_those_of_the_rfcs() -> None:
    plain = sign_detached(PAYLOAD, KEY, b64=True)
    header, _, signature = plain.split(".")
    KEY.verify(decode_url(signature), f"{header}.{encode_url(PAYLOAD)}".encode())
    raw = sign_detached(PAYLOAD, KEY)
    header, _, signature = raw.split(".")
    KEY.verify(decode_url(signature), header.encode() + b"." + PAYLOAD)


def test_unencoded_is_the_default() -> None:
    assert protected_header(sign_detached(PAYLOAD, KEY))["b64"] is False


def test_a_key_without_kid_names_none() -> None:
    jwk = _edwards()
    assert "kid" not in protected_header(sign_detached(b"", load_key(jwk)))


def test_further_headers_are_signed_and_may_name_another_kid() -> None:
    jws = sign_detached(PAYLOAD, KEY, headers={"typ": "JOSE", "kid": "other", "iat": 1767225600})
    header = verify_detached(jws, PAYLOAD, KEY)
    assert (header["typ"], header["kid"], header["iat"]) == ("JOSE", "other", 1767225600)


@pytest.mark.parametrize("name", ["alg", "b64", "crit"])
def test_the_caller_does_not_choose_what_the_signature_means(name: str) -> None:
    with pytest.raises(CanonicalError, match="alg, b64 and crit"):
        sign_detached(PAYLOAD, KEY, headers={name: "none"})


def test_a_public_key_does_not_sign() -> None:
    with pytest.raises(CanonicalError):
        sign_detached(PAYLOAD, load_key(KEY.public_jwk()))


def test_a_header_that_nobody_would_accept_is_not_signed() -> None:
    with pytest.raises(CanonicalError, match="at most"):
        sign_detached(PAYLOAD, KEY, headers={"typ": "x" * MAX_JWS})


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA"])
def test_another_payload_key_or_signature_does_not_verify(algorithm: str) -> None:
    key = KEYS[algorithm]
    jws = sign_detached(PAYLOAD, key)
    fresh = {"ES256": _elliptic(ec.SECP256R1(), "P-256", 32), "EdDSA": _edwards()}
    other = load_key(fresh.get(algorithm) or _elliptic(ec.SECP384R1(), "P-384", 48))
    flipped = jws[:-10] + ("A" if jws[-10] != "A" else "B") + jws[-9:]
    for altered, payload, holder in (
        (jws, PAYLOAD + b"\n", key),
        (jws, b"", key),
        (jws, PAYLOAD, other),
        (flipped, PAYLOAD, key),
    ):
        with pytest.raises(SignatureInvalid):
            verify_detached(altered, payload, holder)


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "RS256", "ES384", "EdDSA", "", None, 256])
def test_an_alg_that_is_not_the_keys_is_refused(alg: object) -> None:
    with pytest.raises(SignatureInvalid, match="alg"):
        verify_detached(_signed({"alg": alg}), PAYLOAD, KEY)


def test_a_header_without_alg_is_refused() -> None:
    with pytest.raises(SignatureInvalid, match="alg"):
        verify_detached(_signed({"kid": "p256"}), PAYLOAD, KEY)


def test_an_unhashable_alg_is_refused() -> None:
    with pytest.raises(SignatureInvalid, match="alg"):
        verify_detached(_signed({"alg": ["ES256"]}), PAYLOAD, KEY)


def test_both_names_of_ed25519_are_taken() -> None:
    key = KEYS["EdDSA"]
    for alg in ("EdDSA", "Ed25519"):
        assert verify_detached(_signed({"alg": alg}, key=key), PAYLOAD, key) == {"alg": alg}


@pytest.mark.parametrize(
    "header",
    [
        '{"alg": "ES256", "crit": ["exp"]}',
        '{"alg": "ES256", "b64": false, "crit": ["b64", "exp"]}',
        '{"alg": "ES256", "b64": false, "crit": ["b64", "b64"]}',
        '{"alg": "ES256", "b64": false, "crit": []}',
        '{"alg": "ES256", "b64": false, "crit": "b64"}',
        '{"alg": "ES256", "b64": false, "crit": null}',
        '{"alg": "ES256", "crit": ["b64"]}',
        '{"alg": "ES256", "b64": false}',
        '{"alg": "ES256", "b64": 0, "crit": ["b64"]}',
        '{"alg": "ES256", "b64": "false", "crit": ["b64"]}',
        '{"alg": "ES256", "b64": null, "crit": ["b64"]}',
        '{"alg": "ES256", "alg": "ES256"}',
        '{"alg": "none", "\\u0061lg": "ES256"}',
        '{"alg": "ES256", "kid": 7}',
        '{"alg": "ES256"',
        '["ES256"]',
        '"ES256"',
        "null",
        "",
        '\ufeff{"alg": "ES256"}',
        '{"alg": "ES256", "x": ' + "[" * 5000 + "]" * 5000 + "}",
    ],
)
def test_a_header_that_could_be_read_otherwise_is_refused(header: str) -> None:
    with pytest.raises(SignatureInvalid, match="not a detached JWS"):
        verify_detached(_signed(header), PAYLOAD, KEY)


def test_b64_true_is_plain_with_or_without_crit() -> None:
    for header in ({"alg": "ES256", "b64": True}, {"alg": "ES256", "b64": True, "crit": ["b64"]}):
        assert verify_detached(_signed(header), PAYLOAD, KEY) == header


def test_a_signature_over_the_encoded_payload_does_not_pass_as_unencoded() -> None:
    plain = sign_detached(PAYLOAD, KEY, b64=True)
    with pytest.raises(SignatureInvalid):
        verify_detached(plain, encode_url(PAYLOAD).encode(), KEY)


def test_only_the_detached_form_is_read() -> None:
    header, _, signature = sign_detached(PAYLOAD, KEY, b64=True).split(".")
    body = encode_url(PAYLOAD)
    for jws in (
        f"{header}.{body}.{signature}",
        f"{header}.{signature}",
        f"{header}...{signature}",
        f"{header}..{signature}.",
        f".{header}..{signature}",
        f"{header}..",
        f"..{signature}",
        f" {header}..{signature}",
        f"{header}..{signature}\n",
        f"{header}..{signature}==",
        f"{header}..{signature[:-1]}",
        f"{header}..{signature[:-1]}é",
        "",
        "..",
    ):
        with pytest.raises(SignatureInvalid):
            verify_detached(jws, PAYLOAD, KEY)


def test_base64url_with_loose_bits_is_refused() -> None:
    header, _, signature = sign_detached(PAYLOAD, KEY).split(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # 64 octets end in a character of which only the two highest bits count.
    loose = alphabet[alphabet.index(signature[-1]) | 1]
    assert loose != signature[-1]
    with pytest.raises(SignatureInvalid, match="canonical"):
        verify_detached(f"{header}..{signature[:-1]}{loose}", PAYLOAD, KEY)


def test_a_der_signature_is_refused() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    numbers = private.public_key().public_numbers()
    key = load_key(
        {
            "kty": "EC",
            "crv": "P-256",
            "x": encode_url(numbers.x.to_bytes(32)),
            "y": encode_url(numbers.y.to_bytes(32)),
        }
    )
    header = encode_url(b'{"alg":"ES256"}')
    data = f"{header}.{encode_url(PAYLOAD)}".encode()
    der = private.sign(data, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(SignatureInvalid, match="64 octets"):
        verify_detached(f"{header}..{encode_url(der)}", PAYLOAD, key)


def test_a_key_in_the_header_is_never_used() -> None:
    attacker = load_key(_elliptic(ec.SECP256R1(), "P-256", 32))
    jws = _signed({"alg": "ES256", "jwk": attacker.public_jwk()}, key=attacker)
    with pytest.raises(SignatureInvalid):
        verify_detached(jws, PAYLOAD, KEY)


def test_size_is_bounded_before_anything_is_decoded() -> None:
    with pytest.raises(SignatureInvalid, match="more than"):
        verify_detached("A" * MAX_JWS + "..AA", PAYLOAD, KEY)


def test_bytes_are_read_like_text() -> None:
    jws = sign_detached(PAYLOAD, KEY).encode()
    assert verify_detached(jws, PAYLOAD, KEY)["kid"] == "p256"
    assert protected_header(jws)["kid"] == "p256"


def test_the_unverified_header_is_refused_when_malformed() -> None:
    with pytest.raises(CanonicalError):
        protected_header(_signed('{"alg": "ES256", "kid": 7}'))


@given(st.binary(max_size=200), st.booleans())
def test_any_payload_round_trips(payload: bytes, b64: bool) -> None:  # noqa: FBT001 - drawn
    key = KEYS["EdDSA"]
    assert verify_detached(sign_detached(payload, key, b64=b64), payload, key)["alg"] == "EdDSA"


@given(st.text() | st.binary() | st.from_regex(r"[A-Za-z0-9_-]{1,80}\.\.[A-Za-z0-9_-]{1,90}"))
def test_only_signature_invalid_escapes_on_any_text(jws: str | bytes) -> None:
    with pytest.raises(SignatureInvalid):
        verify_detached(jws, PAYLOAD, KEY)


@pytest.mark.parametrize("b64", [True, False])
def test_what_was_signed_is_told_of_either_form(*, b64: bool) -> None:
    jws = sign_detached(b"payload", KEY, b64=b64)
    header = jws.partition(".")[0].encode()
    assert signing_input(jws, b"payload") == header + (b".cGF5bG9hZA" if b64 else b".payload")


def test_a_jws_has_at_most_8192_characters() -> None:
    def of(length: int) -> str:
        """Make one whose header has so many octets more; three of them are four characters."""
        return sign_detached(b"", KEY, headers={"x": "a" * length})

    rest = 8192 - len(of(0))
    fitting = of(rest * 3 // 4)
    assert 8188 <= len(fitting) <= 8192
    assert protected_header(fitting)["alg"] == "ES256"
    with pytest.raises(CanonicalError, match="at most 8192"):
        of(rest * 3 // 4 + 4)
    with pytest.raises(CanonicalError, match="more than 8192"):
        protected_header("a" * 8193)
    with pytest.raises(CanonicalError, match="not of the form"):
        protected_header("a" * 8192)
