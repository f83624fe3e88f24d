from __future__ import annotations

import base64
from typing import Any

import pytest

from canonical import load_key, thumbprint
from connector.platforms.registry import Registry, register, revoked_thumbprints
from tests.connector.platforms.profiles import jwk

URL = "https://platform.example/.well-known/ucp"


def test_a_registration_is_found_by_its_normalised_url() -> None:
    registration = register("HTTPS://Platform.Example:443/.well-known/ucp")
    assert Registry([registration]).by_url == {URL: registration}
    assert registration.pinned is None


def test_pinned_keys_come_with_the_version_that_the_registration_states() -> None:
    key = jwk("pinned")
    pinned = register(URL, keys=[key], version="2026-04-08").pinned
    assert pinned is not None
    assert (pinned.version, pinned.thumbprints) == (
        "2026-04-08",
        frozenset({thumbprint(key)}),
    )
    assert pinned.keys.get("pinned").thumbprint == thumbprint(key)


def test_under_compat_a_key_names_its_registration() -> None:
    key, other = jwk("a"), jwk("b")
    compat = register(URL, keys=[key], version="2026-04-08", coverage="compat")
    strict = register("https://other.example/", keys=[other], version="2026-04-08")
    assert Registry([compat, strict]).by_thumbprint == {thumbprint(key): compat}


def private_jwk() -> dict[str, Any]:
    # RFC 7515 appendix A.3.
    return {
        "kid": "private",
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"profile": "http://platform.example/"}, "https"),
        ({"profile": "https://127.0.0.1/"}, "special-use"),
        ({"keys": [jwk()]}, "need a version"),
        ({"version": "2026-04-08"}, "pinned keys only"),
        ({"coverage": "compat"}, "needs pinned keys"),
        ({"keys": [jwk(None)], "version": "x"}, "no kid"),
        ({"keys": [jwk("a"), jwk("a")], "version": "x"}, "one kid"),
        ({"keys": [jwk("a", x="AAAA")], "version": "x"}, "octets"),
        ({"keys": [{"kty": "oct", "k": "AAAA", "kid": "a"}], "version": "x"}, "not supported"),
        ({"keys": [private_jwk()], "version": "x"}, "private"),
    ],
)
def test_an_unusable_registration_is_refused_with_what_is_wrong(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        register(**{"profile": URL, **changes})


def test_no_private_key_is_in_the_message() -> None:
    secret = private_jwk()
    with pytest.raises(ValueError, match="private") as caught:
        register(URL, keys=[secret], version="x")
    assert secret["d"] not in str(caught.value)


def test_the_private_key_of_the_test_is_one() -> None:
    assert load_key(private_jwk()).is_private


def test_loopback_needs_the_switch() -> None:
    url = "http://127.0.0.1:8183/ucp"
    assert register(url, allow_loopback=True).url == url


def test_one_url_twice_is_refused() -> None:
    both = [register(URL), register("https://PLATFORM.example/.well-known/ucp")]
    with pytest.raises(ValueError, match="registered twice"):
        Registry(both)


def test_one_key_in_two_registrations_is_refused() -> None:
    key = jwk("a")
    both = [
        register(url, keys=[{**key, "kid": kid}], version="x")
        for url, kid in ((URL, "a"), ("https://other.example/", "b"))
    ]
    with pytest.raises(ValueError, match="one key is pinned for"):
        Registry(both)


def test_revoked_thumbprints_are_taken() -> None:
    value = thumbprint(jwk())
    assert revoked_thumbprints([value, value]) == {value}


@pytest.mark.parametrize(
    "value", ["", "x", "not a thumbprint", "A" * 42, base64.urlsafe_b64encode(b"x" * 33).decode()]
)
def test_a_value_that_would_revoke_nothing_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="revoked key"):
        revoked_thumbprints([value])
