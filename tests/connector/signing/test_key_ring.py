"""What a key may do follows from its times alone."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.signing.key_ring import KEPT, LEAD, MAX_AGE, Phase, SigningKey, phase_at
from tests.connector.signing.samples import NOW, Clock, current, signing_key

ONE, TWO, THREE = signing_key(), signing_key(), signing_key()


def at(*keys: SigningKey, now: float = NOW) -> Phase:
    return phase_at(keys, now)


def with_times(
    key: SigningKey,
    published: int,
    active: int,
    retired: int | None = None,
    revoked: int | None = None,
) -> SigningKey:
    return SigningKey(key.key, published, active, retired, revoked)


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        (-1, "planned"),
        (0, "published"),
        (LEAD - 1, "published"),
        (LEAD, "active"),
        (5000 - 1, "active"),
        (5000, "retired"),
        (5000 + KEPT - 1, "retired"),
        (5000 + KEPT, "ended"),
    ],
)
def test_a_key_passes_through_its_states(seconds: int, state: str) -> None:
    key = with_times(ONE, NOW, NOW + LEAD, NOW + 5000)
    assert key.state(NOW + seconds) == state


@pytest.mark.parametrize("seconds", [0, LEAD, 5000, 5000 + KEPT])
def test_a_revoked_key_is_nothing_else_whenever_it_was_revoked(seconds: int) -> None:
    key = with_times(ONE, NOW, NOW + LEAD, NOW + 5000, NOW + seconds)
    assert key.state(NOW + seconds) == "revoked"
    found = at(key, now=NOW + seconds)
    assert (found.signing, found.published) == (None, ())
    assert found.revoked == {key.key.thumbprint}


def test_a_new_key_is_published_first_and_signs_after_our_own_max_age() -> None:
    assert LEAD > MAX_AGE >= 60
    old, new = with_times(ONE, 0, 0, NOW + LEAD), with_times(TWO, NOW, NOW + LEAD)
    before, after = at(old, new, now=NOW + LEAD - 1), at(old, new, now=NOW + LEAD)
    assert before.published == after.published == (old.key, new.key)
    assert (before.signing, after.signing) == (old.key, new.key)


def test_an_old_key_stays_published_for_seven_days() -> None:
    assert KEPT >= 7 * 24 * 3600
    old, new = with_times(ONE, 0, 0, NOW), with_times(TWO, 0, NOW)
    assert at(old, new, now=NOW + KEPT - 1).published == (old.key, new.key)
    assert at(old, new, now=NOW + KEPT).published == (new.key,)


def test_of_several_that_may_sign_the_youngest_does() -> None:
    keys = with_times(ONE, 0, NOW - 5), with_times(TWO, 0, NOW - 1), with_times(THREE, 0, NOW - 3)
    assert at(*keys).signing == TWO.key


def test_without_keys_nothing_is_signed_or_published_ever() -> None:
    assert at() == Phase(None, (), frozenset(), math.inf)


TIMES = st.integers(NOW - 10, NOW + 10)
OPTIONAL = st.none() | TIMES


@given(
    st.lists(st.tuples(TIMES, TIMES, OPTIONAL, OPTIONAL), max_size=3),
    st.integers(NOW - 12, NOW + 12),
)
def test_a_phase_holds_until_its_end_and_no_longer_than_it_must(
    times: list[tuple[int, int, int | None, int | None]], now: int
) -> None:
    keys = [with_times(key, *each) for key, each in zip((ONE, TWO, THREE), times, strict=False)]
    found = phase_at(keys, now)
    end = min(found.until, NOW + 20)
    for moment in range(now, int(end)):
        assert phase_at(keys, moment)[:3] == found[:3]
    if found.signing is not None:
        assert found.signing in found.published
    assert not {key.thumbprint for key in found.published} & found.revoked


def test_the_phase_is_the_same_object_until_something_changes() -> None:
    clock = Clock()
    keys = current(with_times(ONE, 0, 0, NOW + 10), with_times(TWO, NOW, NOW + 10), clock=clock)
    first = keys.phase(NOW)
    assert keys.phase(NOW + 9) is first
    second = keys.phase(NOW + 10)
    assert second is not first
    assert (first.signing, second.signing) == (ONE.key, TWO.key)


def test_other_keys_hold_from_the_moment_that_they_are_put_in() -> None:
    keys = current(ONE)
    keys.replace([TWO])
    assert keys.phase(NOW).signing == TWO.key
