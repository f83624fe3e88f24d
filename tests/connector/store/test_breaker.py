"""When a store that does not answer is left alone, and for how long."""

from __future__ import annotations

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from connector.store.breaker import FIRST, MOST, Breaker

_TIMEOUT: Final = 0.25


def test_while_everything_is_answered_everything_passes() -> None:
    breaker = Breaker(_TIMEOUT)

    assert breaker.closed
    assert all(breaker.allows(0.0) for _ in range(100))


def test_a_call_without_a_reply_opens_it_for_a_moment() -> None:
    breaker = Breaker(_TIMEOUT)

    breaker.failed(10.0)

    assert not breaker.closed
    assert not breaker.allows(10.0)
    assert not breaker.allows(10.0 + FIRST - 0.001)
    assert breaker.allows(10.0 + FIRST)


def test_one_call_at_a_time_is_the_probe() -> None:
    breaker = Breaker(_TIMEOUT)
    breaker.failed(10.0)

    assert breaker.allows(10.1)
    assert not any(breaker.allows(10.1 + passed) for passed in (0.0, 0.1, 0.249))
    # A probe that ends in neither was cancelled, most likely.
    assert breaker.allows(10.1 + _TIMEOUT)


def test_any_reply_closes_it_and_it_begins_anew() -> None:
    breaker = Breaker(_TIMEOUT)
    now = 10.0
    for _ in range(5):
        breaker.failed(now)
        now += MOST
        assert breaker.allows(now)
        now += _TIMEOUT

    breaker.answered()

    assert breaker.closed
    breaker.failed(now)
    assert breaker.allows(now + FIRST)


def test_each_probe_that_fails_opens_it_for_longer_and_never_for_more_than_a_second() -> None:
    breaker = Breaker(_TIMEOUT)
    now, pauses = 10.0, []
    for _ in range(8):
        breaker.failed(now)
        pause = next(ms / 1000 for ms in range(1, 3000) if breaker.allows(now + ms / 1000))
        pauses.append(pause)
        now += pause + _TIMEOUT

    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]


def test_calls_that_went_out_before_it_opened_change_nothing() -> None:
    breaker = Breaker(_TIMEOUT)
    # Ten calls in ten milliseconds, none of which is answered.
    for number in range(10):
        breaker.failed(10.0 + number / 1000)

    assert breaker.allows(10.0 + FIRST)
    # The last of them ends while the probe is waited for, which says nothing of the probe.
    breaker.failed(10.0 + _TIMEOUT)
    assert not breaker.allows(10.0 + FIRST + _TIMEOUT - 0.001)
    breaker.failed(10.0 + FIRST + _TIMEOUT)
    assert not breaker.allows(10.0 + FIRST + _TIMEOUT + 2 * FIRST - 0.001)
    assert breaker.allows(10.0 + FIRST + _TIMEOUT + 2 * FIRST)


@given(
    st.lists(st.tuples(st.floats(0.0, 0.5), st.sampled_from(["ask", "fail", "answer"]))),
)
def test_it_never_stays_open_for_more_than_a_second_and_a_probe(
    events: list[tuple[float, str]],
) -> None:
    breaker, now = Breaker(_TIMEOUT), 0.0
    for pause, event in events:
        now += pause
        if event == "ask":
            breaker.allows(now)
        elif event == "fail":
            breaker.failed(now)
        else:
            breaker.answered()

    assert breaker.allows(now + MOST + _TIMEOUT)
