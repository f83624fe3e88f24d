from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import AlgorithmUnsupported, DuplicateKey, KeyNotFound
from connector.egress.urls import normalise
from connector.errors import Refusal
from connector.platforms.documents import (
    MAX_DEPTH,
    MAX_KEYS,
    MAX_KID,
    MAX_VERSION,
    Profile,
    read_profile,
)
from connector.platforms.freshness import Life
from tests.connector.platforms.profiles import fetched, jwk, profile_json

URL = normalise("https://platform.example/.well-known/ucp")


def read(body: bytes | dict[str, Any], *, nested_keys: bool = False) -> Profile:
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_profile(
        URL, fetched(octets), fetched_at=100, received_at=101, nested_keys=nested_keys
    )


def reason(body: bytes | dict[str, Any]) -> str:
    with pytest.raises(Refusal) as caught:
        read(body)
    assert caught.value.code.name == "profile_malformed"
    return caught.value.reason


UCP = {"version": "2026-08-25"}


def test_a_profile_has_a_version_and_keys_and_a_life_from_when_it_was_asked_for() -> None:
    profile = read_profile(
        URL, fetched(profile_json(jwk("a")), "max-age=300", "50"), fetched_at=100, received_at=101
    )
    assert (profile.url, profile.version, profile.keys.get("a").kid) == (URL, "2026-08-25", "a")
    assert (profile.fetched_at, profile.received_at) == (100, 101)
    assert profile.life == Life(350, 350, 0)


def test_keys_go_before_signing_keys() -> None:
    profile = read({"ucp": UCP, "keys": [jwk("new")], "signing_keys": [jwk("old")]})
    assert profile.keys.get("new").kid == "new"
    with pytest.raises(KeyNotFound):
        profile.keys.get("old")


def test_signing_keys_stand_in_for_absent_keys() -> None:
    assert read({"ucp": UCP, "signing_keys": [jwk("old")]}).keys.get("old").kid == "old"


def test_keys_below_ucp_count_only_by_setting() -> None:
    body = {"ucp": {**UCP, "signing_keys": [jwk("nested")]}}
    assert read(body, nested_keys=True).keys.get("nested").kid == "nested"
    with pytest.raises(KeyNotFound):
        read(body).keys.get("nested")


def test_keys_at_the_top_go_before_nested_ones() -> None:
    body = {"ucp": {**UCP, "keys": [jwk("nested")]}, "signing_keys": [jwk("top")]}
    assert read(body, nested_keys=True).keys.get("top").kid == "top"


def test_a_profile_without_keys_has_none() -> None:
    with pytest.raises(KeyNotFound):
        read({"ucp": UCP}).keys.get("any")


def test_one_bad_entry_voids_nothing() -> None:
    entries: list[Any] = [5, "x", None, {}, {"kid": "odd", "kty": "RSA", "n": "x", "e": "AQAB"}]
    profile = read({"ucp": UCP, "keys": [*entries, jwk("good")]})
    assert profile.keys.get("good").kid == "good"
    with pytest.raises(AlgorithmUnsupported):
        profile.keys.get("odd")


def test_a_published_private_key_is_an_unusable_entry() -> None:
    with pytest.raises(AlgorithmUnsupported):
        read({"ucp": UCP, "keys": [jwk("leaked", d="AQAB")]}).keys.get("leaked")


@pytest.mark.parametrize("member", [{"use": "enc"}, {"key_ops": ["sign"]}, {"key_ops": 5}])
def test_a_private_key_that_is_not_for_verifying_spoils_no_key_of_its_kid(
    member: dict[str, Any],
) -> None:
    good = jwk("a")
    leaked = jwk("a", d="AQAB", **member)
    assert read({"ucp": UCP, "keys": [leaked, good]}).keys.get("a").public_jwk()["x"] == good["x"]


@pytest.mark.parametrize("member", [{}, {"use": "sig"}, {"key_ops": ["sign", "verify"]}])
def test_a_private_key_for_verifying_is_unusable_and_so_is_its_kid(member: dict[str, Any]) -> None:
    keys = read({"ucp": UCP, "keys": [jwk("a", d="AQAB", **member), jwk("a")]}).keys
    with pytest.raises(DuplicateKey):
        keys.get("a")


@pytest.mark.parametrize(
    "member", [{"use": "enc"}, {"use": 5}, {"key_ops": ["sign"]}, {"key_ops": 5}]
)
def test_a_key_that_is_not_for_verifying_is_none(member: dict[str, Any]) -> None:
    with pytest.raises(KeyNotFound):
        read({"ucp": UCP, "keys": [jwk("other", **member)]}).keys.get("other")


@pytest.mark.parametrize("member", [{"alg": "ES384"}, {"alg": 5}, {"x": 5}, {"crv": None}])
def test_a_malformed_member_makes_the_entry_unusable(member: dict[str, Any]) -> None:
    with pytest.raises(AlgorithmUnsupported):
        read({"ucp": UCP, "keys": [jwk("odd", **member)]}).keys.get("odd")


@pytest.mark.parametrize("member", [{"use": "sig"}, {"key_ops": ["verify", "x"]}, {"alg": "ES256"}])
def test_a_key_that_says_what_it_is_for_is_usable(member: dict[str, Any]) -> None:
    assert read({"ucp": UCP, "keys": [jwk("a", **member)]}).keys.get("a").kid == "a"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "not_json"),
        (b"<html>", "not_json"),
        (b"{", "not_json"),
        (b'{"ucp":{"version":"x"}} {}', "not_json"),
        (b'\xef\xbb\xbf{"ucp":{"version":"x"}}', "not_json"),
        ('{"ucp":{"version":"x"}}'.encode("utf-16"), "not_json"),
        (b'{"ucp":{"version":"\xff"}}', "not_json"),
        (b'{"ucp":{"version":"x"},"n":NaN}', "not_json"),
        (b'{"ucp":{"version":"x"},"n":-Infinity}', "not_json"),
        (b'{"ucp":{"version":"x"},"ucp":{"version":"y"}}', "not_json"),
        (b'{"ucp":{"version":"x","version":"x"}}', "not_json"),
        (b'{"ucp":{"version":"x"},"n":' + b"9" * 5000 + b"}", "not_json"),
        (b"[" * 200_000, "not_json"),
        (b'{"a":' * 40_000, "not_json"),
        (b"[]", "not_an_object"),
        (b"null", "not_an_object"),
        (b"5", "not_an_object"),
        ({}, "version_missing"),
        ({"ucp": "2026-08-25"}, "version_missing"),
        ({"ucp": {}}, "version_missing"),
        ({"ucp": {"version": None}}, "version_missing"),
        ({"ucp": {"version": 20260825}}, "version_missing"),
        ({"version": "2026-08-25"}, "version_missing"),
        ({"ucp": UCP, "keys": {}}, "keys_not_a_list"),
        ({"ucp": UCP, "keys": None, "signing_keys": []}, "keys_not_a_list"),
        ({"ucp": UCP, "keys": "x"}, "keys_not_a_list"),
        ({"ucp": UCP, "signing_keys": {"keys": []}}, "keys_not_a_list"),
        ({"ucp": UCP, "keys": [{}] * (MAX_KEYS + 1)}, "too_many_keys"),
    ],
)
def test_anything_else_is_malformed(body: bytes | dict[str, Any], expected: str) -> None:
    assert reason(body) == expected


@pytest.mark.parametrize("version", ["", "v" * (MAX_VERSION + 1), "\U0001f600" * 60_000])
def test_a_version_that_no_protocol_has_is_refused_and_not_kept(version: str) -> None:
    assert reason({"ucp": {"version": version}}) == "version_malformed"


def test_the_longest_version_is_taken() -> None:
    assert read({"ucp": {"version": "v" * MAX_VERSION}}).version == "v" * MAX_VERSION


def nested(levels: int) -> bytes:
    inner = b"[" * (levels - 1) + b"]" * (levels - 1)
    return b'{"ucp":{"version":"x"},"deep":' + inner + b"}"


def test_the_greatest_depth_is_taken_and_one_more_is_not() -> None:
    assert read(nested(MAX_DEPTH)).version == "x"
    assert reason(nested(MAX_DEPTH + 1)) == "too_deep"


def test_what_a_stranger_adds_is_not_kept_in_memory() -> None:
    plain = read({"ucp": UCP, "keys": [jwk("a")]})
    padded = read({"ucp": UCP, "keys": [jwk("a", x5c=["x" * 100_000])], "more": [[]] * 10_000})
    assert padded.weight == plain.weight


def test_the_weight_grows_with_what_is_kept() -> None:
    plain = read({"ucp": UCP, "keys": [jwk("a")]})
    assert read({"ucp": UCP, "keys": [jwk("a" * MAX_KID)]}).weight >= plain.weight + MAX_KID - 1


def test_a_kid_that_no_signature_can_name_is_not_kept() -> None:
    plain = read({"ucp": UCP, "keys": [jwk("a")]})
    padded = read({"ucp": UCP, "keys": [jwk("k" * (MAX_KID + 1)), jwk("a")]})
    assert padded.weight == plain.weight
    assert padded.keys.get("a").kid == "a"
    longest = read({"ucp": UCP, "keys": [jwk("k" * MAX_KID)]})
    assert longest.keys.get("k" * MAX_KID).kid == "k" * MAX_KID


@pytest.mark.parametrize("name", ["kty", "crv", "x", "y", "alg"])
def test_a_member_longer_than_any_usable_one_makes_the_entry_unusable(name: str) -> None:
    profile = read({"ucp": UCP, "keys": [jwk("a", **{name: "A" * 100_000})]})
    assert profile.weight < read({"ucp": UCP, "keys": [jwk("a")]}).weight + 100
    with pytest.raises(AlgorithmUnsupported):
        profile.keys.get("a")


def test_the_heaviest_profile_is_bounded() -> None:
    members = dict.fromkeys(("kty", "crv", "x", "y", "use", "alg"), "\U0001f600" * 128)
    keys = [{"kid": f"{number:03}".rjust(MAX_KID, "k"), **members} for number in range(MAX_KEYS)]
    assert read({"ucp": UCP, "keys": keys}).weight < 192 * 1024  # half of it text


@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["ucp", "version", "keys", "kid", "kty"]), inner, max_size=3
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_nothing_but_a_refusal_escapes(body: bytes) -> None:
    try:
        profile = read(body)
    except Refusal as refusal:
        assert refusal.code.name == "profile_malformed"  # noqa: PT017 - either way is right
    else:
        assert isinstance(profile.version, str)
