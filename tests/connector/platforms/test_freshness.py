from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.platforms.freshness import (
    CEILING_DISCOVERED,
    CEILING_REGISTERED,
    FLOOR,
    MAX_STALE,
    Life,
    life,
)


@pytest.mark.parametrize(
    ("cache_control", "age", "expected"),
    [
        ("", "", Life(60, 60, 0)),
        ("public", "", Life(60, 60, 0)),
        ("max-age=0", "", Life(60, 60, 0)),
        ("max-age=59", "", Life(60, 60, 0)),
        ("max-age=300", "", Life(300, 300, 0)),
        ("max-age=86400", "", Life(600, 3600, 0)),
        ("public, MAX-AGE=300", "", Life(300, 300, 0)),
        ('max-age="300"', "", Life(300, 300, 0)),
        ("max-age=300", "100", Life(200, 200, 0)),
        ("max-age=300", "400", Life(60, 60, 0)),
        ("max-age=3600", "100", Life(500, 3500, 0)),
        ("max-age=300", "x", Life(60, 60, 0)),
        ("max-age=300", "1, 2", Life(60, 60, 0)),
        ("max-age=300", "-1", Life(60, 60, 0)),
        ("no-store, max-age=300", "", Life(60, 60, 0)),
        ("max-age=300, no-cache", "", Life(60, 60, 0)),
        ("max-age=300, Private", "", Life(60, 60, 0)),
        ('max-age=300, private="set-cookie"', "", Life(60, 60, 0)),
        ("max-age=-1", "", Life(60, 60, 0)),
        ("max-age=1.5", "", Life(60, 60, 0)),
        ("max-age", "", Life(60, 60, 0)),
        ("max-age=9999999999", "", Life(60, 60, 0)),
        ("s-maxage=300", "", Life(60, 60, 0)),
        ("max-age=300, stale-while-revalidate=30", "", Life(300, 300, 30)),
        ("max-age=300, stale-while-revalidate=86400", "", Life(300, 300, 300)),
        ("max-age=300, stale-while-revalidate=x", "", Life(300, 300, 0)),
        ("no-store, stale-while-revalidate=30", "", Life(60, 60, 0)),
        ('x="a, no-store", max-age=300', "", Life(300, 300, 0)),
        ("max-age=300,,no-store", "", Life(60, 60, 0)),
    ],
)
def test_a_life_follows_its_headers_within_the_bounds(
    cache_control: str, age: str, expected: Life
) -> None:
    assert life(cache_control, age, 0) == expected


@pytest.mark.parametrize("first", [("max-age=100", "max-age=300"), ("max-age=300", "max-age=100")])
def test_of_two_lives_the_shorter_counts(first: tuple[str, str]) -> None:
    assert life(", ".join(first), "", 0) == Life(100, 100, 0)


@given(
    cache_control=st.text(max_size=60)
    | st.builds("max-age={}, stale-while-revalidate={}".format, st.integers(), st.integers()),
    age=st.text(max_size=4) | st.integers().map(str),
    fetched_at=st.integers(0, 2**40),
)
def test_no_header_leads_out_of_the_bounds(cache_control: str, age: str, fetched_at: int) -> None:
    result = life(cache_control, age, fetched_at)
    assert FLOOR <= result.discovered_until - fetched_at <= CEILING_DISCOVERED
    assert FLOOR <= result.registered_until - fetched_at <= CEILING_REGISTERED
    assert result.discovered_until <= result.registered_until
    assert 0 <= result.stale_for <= MAX_STALE


@given(max_age=st.integers(0, 10_000), age=st.integers(0, 10_000))
def test_what_another_cache_held_it_for_is_never_added_again(max_age: int, age: int) -> None:
    result = life(f"max-age={max_age}", str(age), 0)
    assert result.registered_until <= max(FLOOR, max_age - age)
