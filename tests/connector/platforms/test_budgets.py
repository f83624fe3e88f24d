from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.platforms.budgets import ORIGIN_URLS, ORIGIN_WINDOW, Budgets, Lane, Rate

STRANGER, VERIFIED, REGISTERED = Lane.STRANGER, Lane.VERIFIED, Lane.REGISTERED


def take(budgets: Budgets, number: int, now: float = 0, lane: Lane = STRANGER) -> float:
    """One fetch for an origin and a peer of its own."""
    origin = f"https://{number}.example"
    return budgets.take(lane, origin + "/ucp", origin, f"peer-{number}", now)


def test_strangers_together_have_one_budget() -> None:
    budgets = Budgets(10, 10)
    assert [take(budgets, number) for number in range(12)] == [0] * 10 + [0.1, 0.1]


def test_the_budget_comes_back_with_time() -> None:
    budgets = Budgets(10, 10)
    granted = sum(take(budgets, number, now=number / 1000) == 0 for number in range(10_000))
    assert granted == 10 + 99


def test_verified_platforms_have_a_budget_that_strangers_cannot_touch() -> None:
    budgets = Budgets(10, 10)
    for number in range(1000):
        take(budgets, number)
    assert [take(budgets, number, lane=VERIFIED) for number in range(101)] == [0] * 100 + [0.01]


def test_registered_platforms_have_none() -> None:
    budgets = Budgets(1, 1)
    assert not any(take(budgets, 1, lane=REGISTERED) for _ in range(1000))


def test_one_peer_has_a_fifth() -> None:
    budgets = Budgets(10, 10)
    granted = 0
    for number in range(1000):
        origin = f"https://{number}.example"
        granted += budgets.take(STRANGER, origin, origin, "peer", number / 100) == 0
    assert granted == 10 + 19


def test_one_origin_is_fetched_from_once_a_second() -> None:
    budgets = Budgets(1000, 1000)
    origin = "https://platform.example"
    granted = [
        budgets.take(STRANGER, f"{origin}/{number % 4}", origin, None, number / 10) == 0
        for number in range(200)
    ]
    assert sum(granted) == ORIGIN_URLS + 19


def test_one_origin_has_eight_urls_in_a_window_and_the_wait_says_when_a_ninth_may() -> None:
    budgets = Budgets(1000, 1000)
    origin = "https://platform.example"

    def attempt(path: int, now: float) -> float:
        return budgets.take(STRANGER, f"{origin}/{path}", origin, None, now)

    assert [attempt(path, now=path * 2) for path in range(ORIGIN_URLS)] == [0] * ORIGIN_URLS
    assert attempt(8, now=30) == ORIGIN_WINDOW - 30
    assert attempt(3, now=30) == 0
    assert attempt(8, now=ORIGIN_WINDOW) == 0


def test_a_denial_consumes_nothing() -> None:
    budgets = Budgets(10, 10)
    origin = "https://busy.example"
    for _ in range(ORIGIN_URLS):
        assert budgets.take(STRANGER, origin, origin, None, 0) == 0
    for _ in range(1000):
        assert budgets.take(STRANGER, origin, origin, "peer", 0) > 0
    assert [take(budgets, number) for number in range(3)] == [0, 0, 0.1]
    elsewhere = "https://other.example"
    assert budgets.take(STRANGER, elsewhere, elsewhere, "peer", 0.1) == 0


def test_a_flood_keeps_the_tables_at_their_bounds() -> None:
    budgets = Budgets(1e9, 1_000_000)
    for number in range(10_000):
        take(budgets, number)
    assert len(budgets._peers) == len(budgets._origins) == 4096


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (1, 0), (-1, 1)])
def test_a_budget_of_nothing_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Budgets(rate, burst)


@given(
    per_second=st.integers(1, 1000),
    burst=st.integers(1, 50),
    gaps=st.lists(st.integers(0, 1_000_000), min_size=1, max_size=200),
)
def test_no_window_grants_more_than_its_rate_and_one_burst(
    per_second: int, burst: int, gaps: list[int]
) -> None:
    rate = Rate.per_second(per_second, burst)
    tat, now = 0, 0
    granted: list[int] = []
    for gap in gaps:
        now += gap
        if rate.wait(tat, now) == 0:
            tat = rate.taken(tat, now)
            granted.append(now)
    for index, start in enumerate(granted):
        for later in range(index, len(granted)):
            assert (later - index + 1 - burst) * rate.interval <= granted[later] - start


@given(tat=st.integers(0, 10**16), now=st.integers(0, 10**16), burst=st.integers(1, 50))
def test_after_exactly_the_wait_one_more_is_allowed(tat: int, now: int, burst: int) -> None:
    rate = Rate.per_second(2, burst)
    wait = rate.wait(tat, now)
    assert rate.wait(tat, now + wait) == 0
    assert wait == 0 or rate.wait(tat, now + wait - 1) == 1


def test_a_whole_burst_is_granted_at_a_real_time() -> None:
    budgets = Budgets(10, 10)
    now = 1_787_654_321.123456
    assert [take(budgets, number, now) for number in range(10)] == [0] * 10


def test_the_addresses_of_one_ipv6_network_share_the_budget_of_one_peer() -> None:
    budgets = Budgets(10, 10)
    granted = 0
    for number in range(100):
        origin = f"https://{number}.example"
        peer = f"2001:db8:0:1::{number:x}"
        granted += budgets.take(STRANGER, origin, origin, peer, number / 1000) == 0
    assert granted == 10
