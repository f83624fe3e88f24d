from __future__ import annotations

from typing import Any

import pytest

from canonical import (
    AlgorithmUnsupported,
    CanonicalError,
    DuplicateKey,
    KeyNotFound,
    KeySet,
    load_key_set,
)
from tests.canonical.samples import ED25519, P256, P384, public

RSA: dict[str, Any] = {"kty": "RSA", "kid": "rsa", "n": "AQAB", "e": "AQAB"}
OCT: dict[str, Any] = {"kty": "oct", "kid": "oct", "k": "AAAA"}
BROKEN: dict[str, Any] = {**public(P384), "x": "AA"}


def keys(*entries: Any) -> KeySet:
    return load_key_set({"keys": [*entries]})


@pytest.mark.parametrize("wrap", [lambda keys: keys, lambda keys: {"keys": keys, "x": 1}])
def test_a_set_is_a_list_or_an_object_with_one(wrap: Any) -> None:
    loaded = load_key_set(wrap([public(P256), public(ED25519)]))
    assert loaded.get("p256").algorithm == "ES256"
    assert loaded.get("ed25519") is loaded.get("ed25519")
    assert [key.kid for key in loaded] == ["p256", "ed25519"]


@pytest.mark.parametrize(
    "document", [None, {}, {"keys": {}}, {"keys": "x"}, "x", 1, {"keys": None}]
)
def test_what_is_no_set_is_refused(document: Any) -> None:
    with pytest.raises(CanonicalError, match="a key set is a list"):
        load_key_set(document)


def test_one_bad_entry_never_voids_the_set() -> None:
    bad: list[Any] = [
        None,
        1,
        "x",
        [],
        {},
        {"kid": 1},
        {"kty": []},
        RSA,
        OCT,
        BROKEN,
        {"use": {}},
        [P256],
    ]
    loaded = keys(*bad, public(P256), *bad)
    assert loaded.get("p256").kid == "p256"
    assert [key.kid for key in loaded] == ["p256"]


def test_an_absent_kid_is_not_found() -> None:
    for wanted in ("x", "", "P256"):
        with pytest.raises(KeyNotFound):
            keys(public(P256), {**public(P384), "kid": None}).get(wanted)
    with pytest.raises(KeyNotFound):
        keys().get("p256")


@pytest.mark.parametrize("entry", [RSA, OCT, BROKEN, {**public(P256), "alg": "ES384"}])
def test_an_unusable_entry_is_there_but_unsupported(entry: dict[str, Any]) -> None:
    with pytest.raises(AlgorithmUnsupported, match="unusable"):
        keys(entry, public(ED25519)).get(entry["kid"])


@pytest.mark.parametrize(
    "more", [{"use": "enc"}, {"use": "other"}, {"key_ops": ["encrypt"]}, {"key_ops": []}]
)
def test_entries_for_other_purposes_do_not_count(more: dict[str, Any]) -> None:
    other = {**public(ED25519), **more, "kid": "p256"}
    with pytest.raises(KeyNotFound):
        keys(other).get("p256")
    assert (
        keys(other, public(P256), {**RSA, **more, "kid": "p256"}).get("p256").algorithm == "ES256"
    )


def test_one_key_listed_twice_is_one_key() -> None:
    twice = keys(public(P256), {**public(P256), "use": "sig", "alg": "ES256"})
    assert twice.get("p256").algorithm == "ES256"
    assert len(list(twice)) == 1


@pytest.mark.parametrize("other", [public(ED25519), RSA, OCT, BROKEN])
def test_two_different_keys_with_one_kid_fail_for_that_kid_alone(other: dict[str, Any]) -> None:
    for entries in (
        [public(P256), {**other, "kid": "p256"}],
        [{**other, "kid": "p256"}, public(P256)],
    ):
        loaded = keys(*entries, {**public(P384), "kid": "z"})
        with pytest.raises(DuplicateKey):
            loaded.get("p256")
        assert loaded.get("z").algorithm == "ES384"


def test_the_work_for_one_kid_is_bounded() -> None:
    with pytest.raises(DuplicateKey, match="more than 16"):
        keys(*[{**public(ED25519), "x-n": n} for n in range(17)]).get("ed25519")
    assert keys(*[public(ED25519)] * 16).get("ed25519").algorithm == "Ed25519"


def test_a_key_is_found_by_its_thumbprint() -> None:
    loaded = keys(RSA, public(P256), {**public(ED25519), "kid": "other"})
    wanted = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert loaded.by_thumbprint(wanted).kid == "other"
    with pytest.raises(KeyNotFound):
        loaded.by_thumbprint("x")


def test_a_set_of_private_keys_signs() -> None:
    loaded = keys({**P256, "key_ops": ["sign"]})
    loaded.get("p256").verify(loaded.get("p256").sign(b"x"), b"x")
