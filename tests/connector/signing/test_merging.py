"""Our keys beside the merchant's own in a profile."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import pytest

from canonical import load_key_set
from connector.signing.key_document import new_private_jwk
from connector.signing.key_ring import Phase
from connector.signing.merging import LISTS, merge_keys
from tests.connector.signing.samples import signing_key

OURS = signing_key().key
PHASE = Phase(OURS, (OURS,), frozenset(), math.inf)
OWN = {name: value for name, value in new_private_jwk("ES256").items() if name != "d"}
OTHER = {"kty": "EC", "crv": "P-521", "kid": "unknown-kind"}


def merged(document: dict[str, Any], phase: Phase = PHASE) -> dict[str, Any]:
    before = deepcopy(document)
    found = merge_keys(document, phase)
    assert document == before
    assert found.complaints == ()
    return found.document


def test_a_profile_without_keys_gets_both_lists() -> None:
    assert merged({"ucp": {"a": 1.5}}) == {
        "ucp": {"a": 1.5},
        "keys": [OURS.public_jwk()],
        "signing_keys": [OURS.public_jwk()],
    }


@pytest.mark.parametrize("name", LISTS)
def test_who_reads_the_list_that_was_missing_finds_the_merchants_keys_too(name: str) -> None:
    found = merged({name: [OWN, OTHER]})
    for each in LISTS:
        assert found[each] == [OWN, OTHER, OURS.public_jwk()]


def test_lists_that_differ_stay_different() -> None:
    found = merged({"keys": [OWN], "signing_keys": [OTHER]})
    assert found["keys"] == [OWN, OURS.public_jwk()]
    assert found["signing_keys"] == [OTHER, OURS.public_jwk()]


def test_our_own_key_is_not_listed_twice() -> None:
    assert merged({"keys": [{**OURS.public_jwk(), "x5t": "a"}]})["keys"] == [OURS.public_jwk()]


@pytest.mark.parametrize("entry", [None, 1, "key", [], {}, {"kid": 1}, {"kid": ["a"]}])
def test_what_is_no_key_stays_where_it_is(entry: object) -> None:
    assert merged({"keys": [entry]})["keys"] == [entry, OURS.public_jwk()]


@pytest.mark.parametrize("other", [OWN, {"kty": "RSA"}, {}])
def test_another_key_under_our_kid_gives_way_and_the_operator_is_told(
    other: dict[str, Any],
) -> None:
    found = merge_keys({"keys": [{**other, "kid": OURS.kid}], "signing_keys": [OWN]}, PHASE)
    assert found.document["keys"] == [OURS.public_jwk()]
    assert found.document["signing_keys"] == [OWN, OURS.public_jwk()]
    (complaint,) = found.complaints
    assert str(OURS.kid) in complaint
    # Both together would be of no use to anybody.
    assert load_key_set(found.document["keys"]).get(str(OURS.kid)).thumbprint == OURS.thumbprint


def test_a_revoked_key_is_left_out_whoever_lists_it_under_whatever_name() -> None:
    revoked = signing_key().key
    phase = PHASE._replace(revoked=frozenset({revoked.thumbprint}))
    found = merge_keys({"keys": [{**revoked.public_jwk(), "kid": "merchants"}, OWN]}, phase)
    assert found.document["keys"] == [OWN, OURS.public_jwk()]
    assert len(found.complaints) == 1
    assert "revoked" in found.complaints[0]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("value", [{}, "keys", None, 1])
def test_a_profile_whose_keys_are_no_list_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f'"{name}" is not a list'):
        merge_keys({name: value}, PHASE)
