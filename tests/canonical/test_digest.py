from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import CanonicalError, check_content_digest, content_digest, digest
from canonical.digest import _check_all, checked_algorithms

BODY = b'{"hello": "world"}'
# RFC 9530 appendix D
SHA256 = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
SHA512 = (
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BN"
    "NyealdVLvRwEmTHWXvJwew==:"
)


def test_the_digests_of_the_rfc_are_made_and_accepted() -> None:
    assert content_digest(BODY) == SHA256
    assert content_digest(BODY, "sha-512") == SHA512
    for values in (SHA256, SHA256.encode(), [SHA256], [SHA512.encode()], [SHA256, SHA512]):
        check_content_digest(values, BODY)


def test_the_algorithms_that_matched_are_named() -> None:
    assert checked_algorithms(SHA256, BODY) == ("sha-256",)
    assert checked_algorithms([SHA512, SHA256], BODY) == ("sha-512", "sha-256")
    assert checked_algorithms([SHA512, "md5=:Sd/dVLAcvNLSq16eXua5uQ==:"], BODY) == ("sha-512",)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(SHA256.replace("X", "Y"), id="another digest"),
        pytest.param([SHA256, SHA512.replace("W", "X")], id="one of two does not match"),
        pytest.param([SHA256.replace("X", "Y"), SHA256], id="the same algorithm twice"),
        pytest.param([SHA256, SHA256], id="the same member twice"),
        pytest.param([], id="no line"),
        pytest.param("", id="an empty line"),
        pytest.param("md5=:Sd/dVLAcvNLSq16eXua5uQ==:", id="no algorithm to rely on"),
        pytest.param("SHA-256" + SHA256[7:], id="the name in upper case"),
        pytest.param(SHA256.replace(":", '"'), id="a string"),
        pytest.param(SHA256.replace("PE=", "PF="), id="trailing bits"),
        pytest.param(SHA256.replace("=:", ":")[:-2] + "=:", id="no padding"),
        pytest.param(SHA256[:-1], id="no end"),
        pytest.param(SHA256 + ", x=1", id="an unknown member of another type"),
        pytest.param("sha-256=:AAAA:", id="a short digest"),
        pytest.param(
            "sha-256=(:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:)", id="an inner list"
        ),
        pytest.param("sha-256", id="no value"),
        pytest.param("é", id="not ASCII"),
        pytest.param("\ud800", id="no octets"),
    ],
)
def test_a_content_digest_that_does_not_vouch_is_refused(values: str | list[str]) -> None:
    with pytest.raises(CanonicalError):
        check_content_digest(values, BODY)


def test_a_wrong_digest_is_named() -> None:
    with pytest.raises(CanonicalError, match="sha-512 does not match the body"):
        check_content_digest(SHA512, BODY + b"\n")


def test_an_unknown_algorithm_makes_no_digest() -> None:
    with pytest.raises(CanonicalError, match="unknown digest algorithm 'md5'"):
        content_digest(BODY, "md5")


def test_a_parameter_of_a_digest_means_nothing() -> None:
    assert checked_algorithms(SHA256 + ";a=1", BODY) == ("sha-256",)


@given(st.binary(max_size=40), st.sampled_from(["sha-256", "sha-512"]))
def test_every_body_has_a_digest_that_no_other_body_has(body: bytes, algorithm: str) -> None:
    value = content_digest(body, algorithm)
    check_content_digest(value, body)
    with pytest.raises(CanonicalError, match="does not match the body"):
        check_content_digest(value, body + b"\x00")


_CLOSE = st.lists(
    st.sampled_from(
        [*SHA256[:11], "sha-256=:", SHA256[9:-1], "=:", ":", "A" * 43, ",", "x=:AA==:"]
    ),
    max_size=6,
).map("".join)


@given(st.one_of(_CLOSE, st.text(max_size=60), st.just(SHA256), st.just(content_digest(b""))))
def test_the_short_way_for_one_digest_says_what_the_parser_says(text: str) -> None:
    line = text.encode()
    try:
        expected: object = _check_all(line, BODY)
    except CanonicalError:
        expected = CanonicalError
    try:
        found: object = checked_algorithms(line, BODY)
    except CanonicalError:
        found = CanonicalError
    assert expected == found


@pytest.mark.skipif(
    not str(digest.__file__).endswith(".py"), reason="what is compiled cannot be exchanged"
)
def test_the_usual_value_is_checked_without_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    def unused(*_: object, **__: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(digest, "parse_dictionary", unused)

    assert checked_algorithms(SHA256, BODY) == ("sha-256",)
    with pytest.raises(CanonicalError, match="does not match"):
        checked_algorithms(SHA256, BODY + b" ")
    for unusual in (SHA512, SHA256 + " ", SHA256[:-2] + ":", SHA256 + ";a", "x" + SHA256[1:]):
        with pytest.raises(AssertionError, match="parsed"):
            checked_algorithms(unusual, BODY)


def test_an_unknown_algorithm_is_named_up_to_forty_characters() -> None:
    with pytest.raises(CanonicalError, match=f"'{'a' * 40}'$"):
        content_digest(BODY, "a" * 41)
    with pytest.raises(CanonicalError, match=f": {'a' * 40} is not a byte sequence$"):
        check_content_digest(f"{'a' * 41}=1", BODY)


def test_what_follows_an_unknown_algorithm_is_checked() -> None:
    assert checked_algorithms(f"md5=:Sd/dVLAcvNLSq16eXua5uQ==:, {SHA512}", BODY) == ("sha-512",)
    with pytest.raises(CanonicalError, match="sha-512 does not match"):
        check_content_digest(f"md5=:AAAA:, {SHA512}", BODY + b" ")
