"""Rates: the script and the pure arithmetic admit the same requests, at any times."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.admission.limits import MICROSECONDS, Limit, Quota, policy_of, state_of
from tests.connector.admission.scripted import START

if TYPE_CHECKING:
    from tests.connector.admission.scripted import ScriptedStore

_KEY: Final = b"ucp1:{t}:rate:r"
_MINUTE: Final = 60 * MICROSECONDS

_rates = st.builds(
    lambda amount, unit, burst: Limit.of(unit / amount, burst),
    st.integers(1, 5000),
    st.sampled_from([1.0, 60.0, 3600.0]),
    st.integers(1, 200),
)


def _read(store: ScriptedStore, now: int, limit: Limit, *, enforce: bool = True) -> list[int]:
    arguments = (
        b"read",
        b"1" if enforce else b"0",
        b"%.17g" % limit.interval,
        b"%.17g" % limit.tolerance,
        *(b"", b"0", b""),
    )
    word, _, ahead, wait, _, _ = store.admit(now, [_KEY], arguments)
    return [word == b"admitted", ahead, wait]


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(_rates, st.lists(st.integers(-2 * MICROSECONDS, 3 * MICROSECONDS), max_size=60))
def test_the_script_admits_what_the_arithmetic_admits(
    store: ScriptedStore, limit: Limit, pauses: list[int]
) -> None:
    store.ask("FLUSHALL")
    # How far the arrival time was ahead of the clock when it was last moved, and that time.
    ahead_then, then, now = Fraction(0), START, START

    for pause in pauses:
        now += pause
        before = max(ahead_then - max(now - then, 0), Fraction(0))
        after, wait = limit.take(float(before))
        if not wait:
            ahead_then, then = before + Fraction(limit.interval), now
        admitted, ahead, told = _read(store, now, limit)
        assert admitted == (not wait)
        assert abs(ahead - after) <= 2
        assert abs(told - wait) <= 1


def test_over_a_minute_a_caller_gets_its_rate_and_not_one_more(store: ScriptedStore) -> None:
    for limit in (Limit.of(1 / 20, 20), Limit.of(60 / 100, 7), Limit.of(1 / 3, 1)):
        store.ask("FLUSHALL")
        admitted, expected, ahead = 0, 0, 0.0
        # Every seven milliseconds somebody asks, through gateways whose clocks nobody looks at.
        for now in range(START, START + _MINUTE + 1, 7 * 1000):
            admitted += _read(store, now, limit)[0]
            ahead, wait = limit.take(max(ahead - 7 * 1000, 0.0))
            expected += not wait
        assert abs(admitted - expected) <= 1
        assert admitted <= _MINUTE / limit.interval + limit.burst + 1


def test_a_clock_that_goes_back_makes_nobody_wait_for_it(store: ScriptedStore) -> None:
    store.ask("FLUSHALL")
    limit = Limit.of(1.0, 2)
    assert _read(store, START, limit)[0] == 1
    back = START - 600 * MICROSECONDS
    assert _read(store, back, limit) == [1, 2 * MICROSECONDS, 0]
    assert _read(store, back, limit) == [0, 2 * MICROSECONDS, MICROSECONDS]
    assert _read(store, back + MICROSECONDS, limit)[0] == 1


def test_what_is_refused_consumes_nothing(store: ScriptedStore) -> None:
    store.ask("FLUSHALL")
    limit = Limit.of(1.0, 1)
    assert _read(store, START, limit) == [1, MICROSECONDS, 0]
    for at in range(1, 100):
        assert _read(store, START + at, limit) == [0, MICROSECONDS - at, MICROSECONDS - at]
    assert _read(store, START + MICROSECONDS, limit)[0]


def test_a_rate_that_is_only_observed_refuses_nobody_and_is_told(store: ScriptedStore) -> None:
    store.ask("FLUSHALL")
    limit = Limit.of(1.0, 1)
    assert _read(store, START, limit, enforce=False) == [1, MICROSECONDS, 0]
    assert _read(store, START, limit, enforce=False) == [1, MICROSECONDS, MICROSECONDS]


@given(_rates, st.integers(0, 500))
def test_what_is_told_to_remain_can_be_had_at_once(limit: Limit, before: int) -> None:
    ahead = 0.0
    for _ in range(before):
        ahead, _ = limit.take(ahead)
    remaining = limit.remaining(ahead)

    taken = 0
    while not limit.take(ahead)[1]:
        ahead, _ = limit.take(ahead)
        taken += 1

    assert taken == remaining


def test_the_headers_are_those_of_the_draft() -> None:
    limit = Limit.of(1 / 20, 40)

    assert policy_of("writes", limit) == b'"writes";q=40;w=2'
    assert state_of(Quota("writes", limit, 0.0)) == b'"writes";r=40;t=0'
    assert state_of(Quota("writes", limit, 50_000.0)) == b'"writes";r=39;t=1'
    assert state_of(Quota("writes", limit, 2_000_000.0)) == b'"writes";r=0;t=2'
