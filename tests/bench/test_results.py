from __future__ import annotations

import pytest

from bench.results import Results, Step, limit, quotients, spread
from tests.bench.samples import control, sample


def test_the_limit_is_one_proxy_hop_and_one_check() -> None:
    # 10 µs for the hop and 40 µs for the check leave 50 µs for a request.
    assert limit(100_000, 25_000) == pytest.approx(20_000)


def test_each_round_has_its_own_limit() -> None:
    samples = [sample("nginx", 100_000, number=0), sample("nginx", 50_000, number=1)]
    results = Results(
        ecdsa=[25_000, 50_000],
        samples=samples,
        controls=[],
        parts=[],
        steps=[],
        overheads=[],
        calls=[],
    )
    assert results.limits("GET") == pytest.approx([20_000, 25_000])


def test_without_nginx_there_is_no_limit() -> None:
    assert (
        Results(
            ecdsa=[25_000], samples=[], controls=[], parts=[], steps=[], overheads=[], calls=[]
        ).limits("GET")
        == []
    )


def test_a_range_is_the_median_and_both_ends() -> None:
    assert spread([5.0, 1.0, 2.0]) == (2.0, 1.0, 5.0)
    assert spread([]) is None


def test_a_ratio_is_that_of_the_medians_with_the_ends_of_single_rounds() -> None:
    assert quotients([10.0, 20.0, 30.0], [10.0, 10.0, 5.0]) == (2.0, 1.0, 6.0)


def test_a_ratio_to_what_was_not_measured_is_none() -> None:
    assert quotients([10.0], []) is None


def test_a_control_holds_when_all_was_refused_and_nothing_came_through() -> None:
    assert control({"401": 7, "400": 3}).holds


@pytest.mark.parametrize("statuses", [{"401": 7, "200": 1}, {"401": 7, "503": 1}, {}])
def test_a_control_fails_when_anything_was_answered_otherwise(statuses: dict[str, int]) -> None:
    assert not control(statuses).holds


def test_a_control_fails_when_the_merchant_saw_a_request() -> None:
    assert not control({"401": 7}, reached=1).holds


def test_results_are_plain_values() -> None:
    results = Results(
        [1.0], [sample("nginx", 10)], [control({"401": 1})], [], [Step("a", {"GET": 1.0})], [], []
    )
    plain = results.to_json()
    assert plain["ecdsa"] == [1.0]
    assert plain["samples"][0]["contender"] == "nginx"
    assert plain["steps"] == [{"name": "a", "seconds": {"GET": 1.0}}]
    assert plain["controls"][0]["statuses"] == {"401": 1}
