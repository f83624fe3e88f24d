"""Key files: what they may hold, and what commands make of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from canonical import load_key
from connector.signing import key_document
from connector.signing.key_document import (
    ALGORITHMS,
    KeyFileError,
    keys_of,
    new_document,
    new_private_jwk,
    read_document,
    retired,
    revoked,
    rotated,
    write_document,
)
from connector.signing.key_ring import KEPT, LEAD, phase_at
from tests.connector.signing.samples import NOW

JWK = new_private_jwk("ES256")
OTHER = new_private_jwk("ES256")
PUBLIC = {name: value for name, value in JWK.items() if name != "d"}


def refusal(*entries: object) -> str:
    with pytest.raises(KeyFileError) as caught:
        read_document(json.dumps({"keys": list(entries)}).encode())
    text = str(caught.value)
    assert str(JWK["d"]) not in text
    assert "\n" not in text
    return text


def test_what_is_written_is_read_again() -> None:
    document = new_document(NOW, "ES256")
    assert read_document(write_document(document)) == document


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_new_key_is_named_by_its_thumbprint_and_signs_at_once(algorithm: str) -> None:
    (key,) = keys_of(new_document(NOW + 0.9, algorithm))
    assert key.kid == key.key.thumbprint
    assert key.key.public_jwk()["alg"] == algorithm
    assert phase_at([key], NOW).signing is key.key
    key.key.verify(key.key.sign(b"data"), b"data")


def test_a_key_from_elsewhere_needs_no_times() -> None:
    (key,) = keys_of({"keys": [{**JWK, "kid": "a 'kid'"}]})
    assert (key.kid, key.state(NOW)) == ("a 'kid'", "active")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is not JSON"),
        (b'{"keys": [', "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is no JWK set"),
        (b'{"keys": {}}', "is no JWK set"),
        (b'{"keys": [], "more": 1}', "has members beside"),
        (b'{"keys": [], "keys": []}', "twice"),
        (b'{"keys": [{"kid": "a", "kid": "b"}]}', "twice"),
    ],
)
def test_what_is_no_key_file_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(KeyFileError, match=says):
        read_document(data)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (1, "is not an object"),
        (PUBLIC, "is a public key"),
        ({"kty": "oct", "k": "c2VjcmV0", "kid": "a"}, "unknown member 'k'"),
        ({"kty": "oct", "kid": "a"}, "is a symmetric key"),
        ({"kty": "RSA", "kid": "a", "d": "AQAB"}, "is not supported"),
        ({name: value for name, value in JWK.items() if name != "kid"}, '"kid"'),
        ({**JWK, "kid": ""}, '"kid"'),
        ({**JWK, "kid": 1}, '"kid"'),
        ({**JWK, "kid": "k" * 129}, '"kid"'),
        ({**JWK, "kid": "schlüssel"}, "printable ASCII"),
        ({**JWK, "kid": "a\nb"}, "printable ASCII"),
        ({**JWK, "use": "enc"}, '"use"'),
        ({**JWK, "key_ops": ["verify"]}, "key_ops"),
        ({**JWK, "alg": "ES384"}, "alg"),
        ({**JWK, "d": OTHER["d"]}, "does not belong"),
        ({**JWK, "revokd": NOW}, "unknown member 'revokd'"),
        ({**JWK, "published": -1}, '"published" is not a time'),
        ({**JWK, "active": True}, '"active" is not a time'),
        ({**JWK, "retired": 1.5}, '"retired" is not a time'),
        ({**JWK, "revoked": "2026-08-25"}, '"revoked" is not a time'),
        ({**JWK, "revoked": None}, '"revoked" is not a time'),
        ({**JWK, "published": NOW, "active": NOW - 1}, "nobody could verify"),
    ],
)
def test_an_entry_that_cannot_sign_is_refused_by_its_place(entry: object, says: str) -> None:
    text = refusal(OTHER, entry)
    assert text.startswith("keys[1]: ")
    assert says in text


def test_one_kid_names_one_key() -> None:
    assert "has the kid of another one" in refusal(JWK, {**OTHER, "kid": JWK["kid"]})


def test_one_key_has_one_kid() -> None:
    """Revoking it under one name would leave it under the other."""
    assert "is the same key" in refusal(JWK, {**JWK, "kid": "another"})


# Rotation


def state_of(document: dict[str, Any], kid: str, now: float) -> str:
    (found,) = [key.state(now) for key in keys_of(document) if key.kid == kid]
    return found


def signer_of(document: dict[str, Any], now: float) -> str | None:
    key = phase_at(keys_of(document), now).signing
    return None if key is None else key.kid


def test_a_rotation_leaves_no_moment_without_a_signer_that_platforms_know() -> None:
    document = new_document(NOW, "ES256")
    old = document["keys"][0]["kid"]
    after, new = rotated(document, NOW + 1000, "ES256")
    begins = NOW + 1000 + LEAD
    assert document["keys"][0].keys() == {*JWK, "published", "active"}
    assert [signer_of(after, now) for now in (NOW + 1000, begins - 1, begins)] == [old, old, new]
    assert state_of(after, new, NOW + 1000) == "published"
    assert state_of(after, old, begins + KEPT - 1) == "retired"


def test_rotations_may_overlap() -> None:
    document = new_document(NOW, "ES256")
    second, two = rotated(document, NOW + 10, "ES384")
    third, three = rotated(second, NOW + 20, "ES256")
    old = document["keys"][0]["kid"]
    moments = (NOW + 20, NOW + 10 + LEAD, NOW + 20 + LEAD)
    assert [signer_of(third, now) for now in moments] == [old, two, three]


def test_the_only_key_is_not_retired() -> None:
    document = new_document(NOW, "ES256")
    kid = document["keys"][0]["kid"]
    with pytest.raises(KeyFileError, match="no other key would sign"):
        retired(document, kid, NOW + 5)


def test_a_retired_key_signs_until_its_successor_does() -> None:
    first, second = new_document(NOW, "ES256"), new_document(NOW + 50, "ES256")
    document = {"keys": [*first["keys"], *second["keys"]]}
    old, new = (entry["kid"] for entry in document["keys"])
    waiting, ends = retired(document, old, NOW + 10)
    assert ends == NOW + 50
    assert [signer_of(waiting, now) for now in (NOW + 49, NOW + 50)] == [old, new]
    at_once, ends = retired(document, old, NOW + 60)
    assert ends == NOW + 60
    assert state_of(at_once, old, NOW + 60) == "retired"
    with pytest.raises(KeyFileError, match="already"):
        retired(at_once, old, NOW + 61)
    with pytest.raises(KeyFileError, match="no other key"):
        retired(at_once, new, NOW + 61)


def test_a_revoked_key_is_replaced_at_once_where_nobody_else_signs() -> None:
    document = new_document(NOW, "ES384")
    kid = document["keys"][0]["kid"]
    after, successor = revoked(document, kid, NOW + 5)
    assert successor is not None
    assert signer_of(after, NOW + 5) == successor
    assert state_of(after, kid, NOW + 5) == "revoked"
    assert after["keys"][1]["alg"] == "ES384"
    with pytest.raises(KeyFileError, match="already"):
        revoked(after, kid, NOW + 6)


def test_a_key_that_waits_takes_over_from_a_revoked_one() -> None:
    document, new = rotated(new_document(NOW, "ES256"), NOW + 10, "ES256")
    old = document["keys"][0]["kid"]
    after, successor = revoked(document, old, NOW + 11)
    assert (successor, signer_of(after, NOW + 11)) == (new, new)
    assert len(after["keys"]) == 2


def test_revoking_one_that_does_not_sign_changes_nothing_else() -> None:
    document, new = rotated(new_document(NOW, "ES256"), NOW + 10, "ES256")
    old = document["keys"][0]["kid"]
    after, successor = revoked(document, old, NOW + 10 + LEAD)
    assert successor is None
    assert after["keys"][1] == document["keys"][1]
    assert signer_of(after, NOW + 10 + LEAD) == new


def test_revoking_the_successor_leaves_no_moment_without_a_signer() -> None:
    document, new = rotated(new_document(NOW, "ES256"), NOW + 10, "ES384")
    old = document["keys"][0]["kid"]
    after, successor = revoked(document, new, NOW + 100)
    begins = NOW + 100 + LEAD
    assert successor not in (None, old, new)
    assert state_of(after, new, NOW + 100) == "revoked"
    assert state_of(after, str(successor), NOW + 100) == "published"
    moments = (NOW + 100, NOW + 10 + LEAD, begins - 1, begins)
    assert [signer_of(after, now) for now in moments] == [old, old, old, successor]
    assert after["keys"][2]["alg"] == "ES384"


def test_the_one_that_signs_goes_on_until_a_later_successor_does() -> None:
    document, new = rotated(new_document(NOW, "ES256"), NOW + 10, "ES256")
    old = document["keys"][0]["kid"]
    later = new_private_jwk("ES256") | {"published": NOW + 900, "active": NOW + 2000}
    after, successor = revoked({"keys": [*document["keys"], later]}, new, NOW + 11)
    assert successor is None
    moments = (NOW + 11, NOW + 1999, NOW + 2000)
    assert [signer_of(after, now) for now in moments] == [old, old, later["kid"]]
    assert signer_of(after, NOW + 11) == document["keys"][0]["kid"]


def test_the_last_key_can_be_revoked_while_it_retires() -> None:
    document, new = rotated(new_document(NOW, "ES256"), NOW + 10, "ES256")
    after, _ = revoked(document, new, NOW + 11)
    last, successor = revoked(after, document["keys"][0]["kid"], NOW + 12)
    assert successor not in (None, new)
    assert signer_of(last, NOW + 12) == successor


@pytest.mark.parametrize("action", [retired, revoked])
def test_an_unknown_kid_is_refused(action: Any) -> None:
    with pytest.raises(KeyFileError, match="has no key nobody"):
        action(new_document(NOW, "ES256"), "nobody", NOW)


def test_a_new_key_loads_in_canonical_too() -> None:
    assert load_key(new_private_jwk("EdDSA")).algorithm == "Ed25519"


def test_no_new_kid_begins_as_an_option_does(monkeypatch: pytest.MonkeyPatch) -> None:
    kids = iter(["-1", "--help", "a-1"])
    monkeypatch.setattr(key_document, "thumbprint", lambda _: next(kids))
    assert new_private_jwk("ES256")["kid"] == "a-1"
