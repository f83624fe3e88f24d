"""What replicas pass on: sealed, bound, and nobody's to read or to guess."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.platforms.documents import Profile, read_profile
from connector.platforms.fleet_document import FleetSeal, NotOurs, contents_digest, stamp_of
from connector.platforms.freshness import Life
from tests.connector.platforms.profiles import fetched, jwk, profile_json
from tests.connector.platforms.replicas import FLEET_KEY, URL, random_key, seal_with, url_of

NOW = 1_795_000_000.25
SEAL = seal_with()


def profile(
    *keys: dict[str, Any], version: str = "2026-08-25", cache: str = "max-age=90"
) -> Profile:
    return read_profile(
        URL,
        fetched(profile_json(*keys, version=version), cache),
        fetched_at=NOW,
        received_at=NOW + 0.5,
    )


def same(one: Profile, other: Profile) -> bool:
    return one._replace(keys=other.keys) == other and one.keys.jwks == other.keys.jwks


def test_what_is_opened_is_what_was_sealed() -> None:
    usable, of_no_use = jwk("a"), {"kty": "oct", "kid": "b", "key_ops": ["verify"]}
    sealed = profile(usable, of_no_use, {"kid": "c", "d": "secret", "kty": "EC"}, jwk(None))
    opened = SEAL.open(URL, SEAL.seal(sealed))
    assert same(sealed, opened)
    assert opened.keys.get("a").thumbprint == sealed.keys.get("a").thumbprint
    assert contents_digest(opened) == contents_digest(sealed)


ENTRIES = st.dictionaries(
    st.sampled_from(["kty", "crv", "x", "y", "kid", "use", "alg", "d", "key_ops", "other"]),
    st.one_of(st.text(max_size=300), st.none(), st.integers(), st.lists(st.text(max_size=9))),
)


@given(st.lists(ENTRIES, max_size=32), st.text(min_size=1, max_size=32))
def test_whatever_a_stranger_published_comes_back_as_it_was_read(
    entries: list[dict[str, Any]], version: str
) -> None:
    sealed = profile(*entries, version=version)
    assert same(sealed, SEAL.open(URL, SEAL.seal(sealed)))


def test_nothing_of_it_is_in_the_clear_but_its_time() -> None:
    sealed = SEAL.seal(profile(jwk("the-kid"), version="the-version"))
    assert sealed.startswith(stamp_of(profile()))
    assert b"the-" not in sealed
    assert SEAL.seal(profile()) != SEAL.seal(profile())


def test_names_follow_the_scheme_and_tell_nothing() -> None:
    names = [SEAL.profiles, SEAL.ages, SEAL.octets, *SEAL.names(URL.url)[1:]]
    names += [SEAL.registered_ages, SEAL.registered_octets]
    form = re.compile(rb"ucp1:\{([0-9a-f]{32})\}:[a-z]+:[0-9a-f]{64}")
    matches = [form.fullmatch(name) for name in names]
    assert all(matches)
    # One slot, so that a script's keys stand on one node.
    assert len({match[1] for match in matches if match}) == 1
    assert len(set(names)) == 7
    assert SEAL.names(URL.url) != SEAL.names(url_of("other").url)


@pytest.mark.parametrize(
    "other",
    [
        seal_with(random_key()),
        seal_with(nested_keys=True),
        seal_with(allow_loopback=True),
        seal_with(max_document=131_072),
    ],
    ids=["key", "nested_keys", "allow_loopback", "max_document"],
)
def test_replicas_that_read_otherwise_neither_find_nor_open_each_others(other: FleetSeal) -> None:
    assert other.names(URL.url).field != SEAL.names(URL.url).field
    with pytest.raises(NotOurs):
        other.open(URL, SEAL.seal(profile()))


def test_a_document_is_for_one_url() -> None:
    with pytest.raises(NotOurs):
        SEAL.open(url_of("other"), SEAL.seal(profile()))


@given(st.data())
def test_a_document_that_was_changed_anywhere_does_not_open(data: st.DataObject) -> None:
    sealed = bytearray(SEAL.seal(profile(jwk("a"))))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(NotOurs):
        SEAL.open(URL, bytes(sealed))


@given(st.binary(max_size=60))
def test_arbitrary_octets_do_not_open(octets: bytes) -> None:
    with pytest.raises(NotOurs):
        SEAL.open(URL, octets)


def test_no_document_outlives_the_bounds_of_the_one_who_opens_it() -> None:
    forever = profile()._replace(life=Life(NOW + 1e9, NOW + 1e9, 1e9))
    assert SEAL.open(URL, SEAL.seal(forever)).life == Life(NOW + 600, NOW + 3600, 300)


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 octets"):
        seal_with(FLEET_KEY[:31])
