"""Limits of one process: totals, requests at once, reads without a store, and Retry-After."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.admission.limits import Limit
from connector.admission.local import (
    CLAIM_OCTETS,
    Concurrency,
    Denied,
    Stored,
    Totals,
    WithoutStore,
    limiter,
    whole_seconds,
)
from connector.admission.plans import make_plan

_SLOW: Final = Limit.of(3600.0, 1)
_ORIGIN: Final = "https://platform.example"


def _room() -> Stored:
    return Stored(1e9, 3600.0)


def _totals(total: Limit, per_origin: Limit) -> Totals:
    return Totals(lambda _: limiter(total), lambda _: limiter(per_origin), _room())


def test_a_total_holds_for_all_origins_and_says_which_limit_it_was() -> None:
    totals = _totals(Limit.of(1.0, 3), Limit.of(1.0, 2))

    assert totals.take("reads", _ORIGIN, 0.0) is None
    assert totals.take("reads", _ORIGIN, 0.0) is None
    assert totals.take("reads", _ORIGIN, 0.0) == Denied("per_origin", 1.0)
    assert totals.take("reads", "https://other.example", 0.0) is None
    assert totals.take("reads", "https://third.example", 0.0) == Denied("total", 1.0)
    assert totals.take("writes", "https://third.example", 0.0) is None


def test_what_the_total_refuses_the_origin_has_not_used() -> None:
    totals = _totals(_SLOW, Limit.of(3600.0, 2))
    assert totals.take("reads", "https://other.example", 0.0) is None
    for _ in range(5):
        assert totals.take("reads", _ORIGIN, 0.0) == Denied("total", 3600.0)
    totals.give_back("reads", "https://other.example")

    assert totals.take("reads", _ORIGIN, 0.0) is None


def test_what_is_given_back_can_be_had_again() -> None:
    totals = _totals(_SLOW, _SLOW)

    for _ in range(5):
        assert totals.take("writes", _ORIGIN, 0.0) is None
        totals.give_back("writes", _ORIGIN)
    assert totals.take("writes", _ORIGIN, 0.0) is None
    assert totals.take("writes", _ORIGIN, 0.0) is not None


def test_reads_and_writes_share_a_total_that_is_one_limiter() -> None:
    both = limiter(_SLOW)
    totals = Totals(lambda _: both, lambda _: limiter(Limit.of(1e-6, 100)), _room())

    assert totals.take("reads", _ORIGIN, 0.0) is None
    assert totals.take("writes", _ORIGIN, 0.0) is not None


def test_so_many_are_under_way_at_once_and_not_one_more() -> None:
    concurrency = Concurrency()

    assert [concurrency.enter(b"a", 2) for _ in range(4)] == [True, True, False, False]
    assert concurrency.enter(b"b", 2)
    concurrency.leave(b"a")
    assert [concurrency.enter(b"a", 2) for _ in range(2)] == [True, False]


def test_who_has_nothing_under_way_takes_no_memory() -> None:
    concurrency = Concurrency()
    for number in range(100):
        concurrency.enter(b"%d" % number, 1)
        concurrency.leave(b"%d" % number)

    assert concurrency._under_way == {}


def test_without_a_store_each_of_the_gateways_has_its_share() -> None:
    plan = make_plan(Limit.of(1.0, 8), _SLOW)
    without_store = WithoutStore(replicas=4)

    waits = [without_store.take(b"a", plan, 0.0) for _ in range(3)]
    assert waits == [0.0, 0.0, pytest.approx(4.0)]
    assert without_store.take(b"b", plan, 0.0) == 0.0
    assert without_store.take(b"a", plan, 4.1) == 0.0


def test_without_a_store_plans_with_other_rates_do_not_mix() -> None:
    without_store = WithoutStore(replicas=1)
    narrow, wide = make_plan(_SLOW, _SLOW), make_plan(Limit.of(1.0, 2), _SLOW)

    assert without_store.take(b"a", narrow, 0.0) == 0.0
    assert without_store.take(b"a", narrow, 0.0) > 0.0
    assert without_store.take(b"a", wide, 0.0) == 0.0


@given(st.floats(0.0, 1e6), st.floats(0.0, 1.0))
def test_retry_after_is_never_too_early_and_a_quarter_too_late_at_most(
    wait: float, jitter: float
) -> None:
    seconds = whole_seconds(wait, jitter)

    assert seconds >= max(wait, 1)
    assert seconds <= wait + max(wait / 4, 1.0) + 1


def test_callers_that_were_refused_together_are_told_different_times() -> None:
    told = {whole_seconds(60.0, step / 10) for step in range(11)}

    assert len(told) > 8


def test_what_may_be_stored_is_so_many_octets_and_comes_back_with_time() -> None:
    stored = Stored(100_000, 1000.0)
    assert stored.answer(100_001, 0.0) is False, "more than everything"
    assert stored.answer(99_000, 0.0) is True
    assert stored.answer(2_000, 0.0) is False
    assert stored.wait(0.0) == 0.0
    stored.claim(1000.0, 0.0)
    assert stored.wait(0.0) == pytest.approx((99_000 + CLAIM_OCTETS - 99_999) / 100)
    assert stored.wait(10.0) == 0.0
    assert stored.answer(2_000, 50.0) is True
    assert stored.answer(99_000, 2000.0) is True


def test_a_claim_that_is_kept_for_longer_takes_more_of_what_may_be_stored() -> None:
    short, long = Stored(100 * CLAIM_OCTETS, 100.0), Stored(100 * CLAIM_OCTETS, 100.0)
    for _ in range(99):
        short.claim(1.0, 0.0)
    assert short.wait(0.0) == 0.0
    for _ in range(9):
        long.claim(1000.0, 0.0)
    assert long.wait(0.0) == 0.0
    long.claim(1000.0, 0.0)
    assert long.wait(0.0) > 0.0
