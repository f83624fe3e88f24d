"""Recorded answers are sealed for one claim, and open under every key that is still listed."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.admission.sealing import Sealer, Unsealable

_OLD: Final = b"o" * 32
_NEW: Final = b"n" * 32
_BOUND: Final = (b"ucp1:{t}:claim:1", b"p" * 32, b"t" * 32)
_ANSWER: Final = b"\x01\x00\xc8an answer with an address"


@given(st.binary(max_size=200), st.tuples(*[st.binary(max_size=40)] * 3))
def test_what_was_sealed_for_a_claim_opens_for_it(answer: bytes, bound: tuple[bytes, ...]) -> None:
    for sealer in (Sealer(), Sealer([_OLD]), Sealer([_NEW, _OLD])):
        assert sealer.open(sealer.seal(answer, *bound), *bound) == answer


def test_nothing_of_the_answer_is_to_be_seen_and_no_two_are_alike() -> None:
    sealer = Sealer([_OLD])
    first, second = sealer.seal(_ANSWER, *_BOUND), sealer.seal(_ANSWER, *_BOUND)

    assert b"address" not in first
    assert first != second
    assert _OLD not in first


def test_a_new_key_in_front_seals_and_the_old_one_still_opens() -> None:
    before, after = Sealer([_OLD]), Sealer([_NEW, _OLD])

    assert after.open(before.seal(_ANSWER, *_BOUND), *_BOUND) == _ANSWER
    assert Sealer([_NEW]).open(after.seal(_ANSWER, *_BOUND), *_BOUND) == _ANSWER
    with pytest.raises(Unsealable):
        before.open(after.seal(_ANSWER, *_BOUND), *_BOUND)


def test_a_key_that_is_gone_opens_nothing() -> None:
    kept = Sealer([_OLD]).seal(_ANSWER, *_BOUND)

    for sealer in (Sealer(), Sealer([_NEW])):
        with pytest.raises(Unsealable, match=r"no key of store\.encryption_keys"):
            sealer.open(kept, *_BOUND)


@pytest.mark.parametrize("part", range(3), ids=["key", "payload", "token"])
def test_an_answer_that_was_moved_to_another_claim_does_not_open(part: int) -> None:
    sealer = Sealer([_OLD])
    kept = sealer.seal(_ANSWER, *_BOUND)
    other = list(_BOUND)
    other[part] = other[part][:-1] + b"x"

    with pytest.raises(Unsealable):
        sealer.open(kept, *other)


def test_where_one_part_ends_and_the_next_begins_is_bound_too() -> None:
    sealer = Sealer([_OLD])
    kept = sealer.seal(_ANSWER, b"ab", b"c", b"d")

    with pytest.raises(Unsealable):
        sealer.open(kept, b"a", b"bc", b"d")


def test_under_keys_an_answer_that_is_not_sealed_is_refused() -> None:
    plain = Sealer().seal(_ANSWER, *_BOUND)

    with pytest.raises(Unsealable):
        Sealer([_OLD]).open(plain, *_BOUND)


@given(st.data())
def test_whatever_is_altered_or_cut_off_does_not_open(data: st.DataObject) -> None:
    sealer = Sealer([_OLD])
    kept = sealer.seal(_ANSWER, *_BOUND)
    at = data.draw(st.integers(0, len(kept) - 1))
    flipped = bytes([*kept[:at], kept[at] ^ data.draw(st.integers(1, 255)), *kept[at + 1 :]])

    for other in (flipped, kept[:at], kept + b"\x00"):
        with pytest.raises(Unsealable):
            sealer.open(other, *_BOUND)


@given(st.binary(max_size=100))
def test_octets_of_somebody_else_raise_nothing_but_that(kept: bytes) -> None:
    for sealer in (Sealer([_OLD]), Sealer()):
        try:
            opened = sealer.open(kept, *_BOUND)
        except Unsealable:
            continue
        assert kept == b"\x00" + opened
