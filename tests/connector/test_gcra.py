import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.gcra import Limiter, gcra


def test_a_burst_passes_and_then_one_per_interval() -> None:
    limiter = Limiter(0.1, 3)
    assert [limiter.take("a", 0.0) for _ in range(3)] == [0.0] * 3
    assert limiter.take("a", 0.0) == pytest.approx(0.1)
    assert limiter.take("a", 0.05) == pytest.approx(0.05)
    assert limiter.take("a", 0.1) == 0.0
    assert limiter.take("a", 0.1) > 0.0


def test_peers_do_not_count_for_each_other() -> None:
    limiter = Limiter(1.0, 1)
    assert limiter.take("a", 0.0) == 0.0
    assert limiter.take("b", 0.0) == 0.0
    assert limiter.take("a", 0.0) > 0.0


def test_one_that_waited_while_others_came_is_not_refused_for_their_times() -> None:
    limiter = Limiter(0.1, 3)
    assert limiter.take("a", 10.0) == 0.0
    assert [limiter.take("a", 5.0) for _ in range(2)] == [0.0] * 2
    assert limiter.take("a", 6.0) == pytest.approx(0.1), "nor is there more than the burst"


def test_a_denied_request_costs_nothing() -> None:
    arrival, wait = gcra(5.0, 0.0, 1.0, 2)
    assert (arrival, wait) == (5.0, 4.0)


@settings(deadline=None)
@given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 5))
def test_no_window_admits_more_than_rate_and_burst_allow(gaps: list[float], burst: int) -> None:
    limiter, now, admitted = Limiter(0.5, burst), 0.0, []
    for gap in gaps:
        now += gap
        if not limiter.take("a", now):
            admitted.append(now)
    for first in range(len(admitted)):
        for last in range(first, len(admitted)):
            allowed = burst + math.floor((admitted[last] - admitted[first]) / 0.5 + 1e-6)
            assert last - first + 1 <= allowed


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 5)), max_size=80))
def test_forgetting_never_changes_a_decision(visits: list[tuple[float, int]]) -> None:
    limiter, arrivals, now = Limiter(0.3, 2), dict[int, float](), 0.0
    for gap, peer in visits:
        now += gap
        arrivals[peer], wait = gcra(arrivals.get(peer, now), now, 0.3, 2)
        assert (limiter.take(peer, now) > 0) is (wait > 0)


def test_filling_the_table_neither_grows_it_nor_resets_anyone() -> None:
    limiter = Limiter(1.0, 1, capacity=100)
    assert limiter.take("attacker", 0.0) == 0.0
    for number in range(10_000):
        limiter.take(number, 0.0)
    assert len(limiter) <= 101
    assert limiter.take("attacker", 0.0) > 0.0


def test_peers_beyond_the_table_share_one_rate() -> None:
    limiter = Limiter(1.0, 2, capacity=1)
    limiter.take("a", 0.0)
    admitted = [not limiter.take(number, 0.0) for number in range(5)]
    assert admitted == [True, True, False, False, False]


def test_what_is_out_of_date_is_forgotten() -> None:
    limiter = Limiter(1.0, 1)
    for number in range(1000):
        limiter.take(number, 0.0)
    limiter.take("a", 1.0)
    limiter.take("a", 2.5)
    assert len(limiter) <= 2


@pytest.mark.parametrize(("interval", "burst"), [(0.0, 1), (-1.0, 1), (1.0, 0)])
def test_a_rate_that_makes_no_sense_is_refused_at_start(interval: float, burst: int) -> None:
    with pytest.raises(ValueError, match="rate"):
        Limiter(interval, burst)
