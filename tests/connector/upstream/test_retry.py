import itertools

import pytest

from connector.upstream.errors import (
    UpstreamBroken,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from connector.upstream.retry import may_retry

UNREACHABLE = UpstreamUnreachable("x")
TIMEOUT = UpstreamTimeout("x")
BROKEN = UpstreamBroken("x")
UNANSWERED = UpstreamBroken("x", answered=False)
METHODS = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"get"]


def test_a_get_that_met_a_connection_closed_for_idleness_is_sent_once_more() -> None:
    assert may_retry(UNANSWERED, method=b"GET", reused=True, retry_read=True, attempt=1)


def test_it_is_not_sent_a_third_time() -> None:
    assert not may_retry(UNANSWERED, method=b"GET", reused=True, retry_read=True, attempt=2)


def test_a_new_connection_that_closes_is_an_answer() -> None:
    assert not may_retry(UNANSWERED, method=b"GET", reused=False, retry_read=True, attempt=1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("attempt", [1, 2])
def test_where_nothing_was_written_another_connection_is_tried(method: bytes, attempt: int) -> None:
    for retry_read in (True, False):
        assert may_retry(
            UNREACHABLE, method=method, reused=True, retry_read=retry_read, attempt=attempt
        )
        assert not may_retry(
            UNREACHABLE, method=method, reused=False, retry_read=retry_read, attempt=attempt
        )


@pytest.mark.parametrize("error", [TIMEOUT, BROKEN, UNANSWERED])
def test_of_all_that_was_written_only_that_one_case_is_retried(error: UpstreamError) -> None:
    for method, reused, retry_read, attempt in itertools.product(
        METHODS, (True, False), (True, False), (1, 2)
    ):
        retried = may_retry(
            error, method=method, reused=reused, retry_read=retry_read, attempt=attempt
        )
        only = (UNANSWERED, b"GET", True, True, 1)
        assert retried == ((error, method, reused, retry_read, attempt) == only)
