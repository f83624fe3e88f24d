from __future__ import annotations

import pytest

from connector.errors import Refusal
from connector.platforms.failures import MAX_EXPLANATION, Failures

UNREACHABLE = Refusal("profile_unreachable", "timeout", "no answer")


def test_repeated_failures_back_off_from_5_to_60_seconds() -> None:
    failures = Failures(10)
    now, delays = 0.0, []
    for _ in range(6):
        failure = failures.record("u", UNREACHABLE, now)
        delays.append(failure.until - now)
        now = failure.until
    assert delays == [5, 10, 20, 40, 60, 60]


def test_a_failure_stands_until_its_delay_is_over() -> None:
    failures = Failures(10)
    failures.record("u", UNREACHABLE, 100)
    assert failures.current("u", 104.9) is not None
    assert failures.current("u", 105) is None
    assert failures.current("other", 100) is None


def test_a_success_starts_the_back_off_again() -> None:
    failures = Failures(10)
    failures.record("u", UNREACHABLE, 0)
    failures.forget("u")
    assert failures.record("u", UNREACHABLE, 5).delay == 5


def test_a_failure_long_past_counts_no_more() -> None:
    failures = Failures(10)
    failures.record("u", UNREACHABLE, 0)
    assert failures.record("u", UNREACHABLE, 65).delay == 5


def test_it_is_raised_as_what_it_was_and_anew_each_time() -> None:
    failure = Failures(10).record("u", UNREACHABLE, 0)
    raised = []
    for _ in range(2):
        with pytest.raises(Refusal) as caught:
            failure.refuse(1)
        raised.append(caught.value)
    assert raised[0] is not raised[1]
    assert [(each.code.name, each.reason, each.retry_after) for each in raised] == [
        ("profile_unreachable", "timeout", None)
    ] * 2


@pytest.mark.parametrize("reason", ["resolver_busy", "resolver_failed"])
def test_a_failure_of_our_resolver_is_no_back_off_of_the_url(reason: str) -> None:
    failures = Failures(10)
    ours = Refusal("discovery_pending", reason, "ours")
    now = 0.0
    for _ in range(10):
        now = failures.record("u", ours, now).until
    assert now == 10
    assert failures.record("u", UNREACHABLE, now).delay == 5


def test_a_failure_of_our_resolver_takes_back_no_back_off_either() -> None:
    failures = Failures(10)
    failures.record("u", UNREACHABLE, 0)
    failures.record("u", Refusal("discovery_pending", "resolver_busy", "ours"), 5)
    assert failures.record("u", UNREACHABLE, 6).delay == 10


def test_a_pending_one_says_when_to_come_back() -> None:
    pending = Refusal("discovery_pending", "resolver_timeout", "slow", retry_after=5)
    with pytest.raises(Refusal) as caught:
        Failures(10).record("u", pending, 100).refuse(101.5)
    assert caught.value.retry_after == 4


def test_what_is_kept_of_an_explanation_is_bounded() -> None:
    long = Refusal("profile_unreachable", "connection", "x" * 450_000)
    assert Failures(10).record("u", long, 0).explanation == "x" * MAX_EXPLANATION


def test_their_number_is_bounded() -> None:
    failures = Failures(10)
    for number in range(1000):
        failures.record(str(number), UNREACHABLE, 0)
    assert len(failures) == 10
