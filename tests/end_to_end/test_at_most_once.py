"""One thousand repetitions of a write at once, on two gateways with one store: it is done once."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Final

import pytest

from tests.end_to_end.gateway import PATIENCE
from tests.end_to_end.load import ask_all, new_write
from tests.end_to_end.pair import running_pair
from tests.end_to_end.raw_server import answer
from tests.store_servers import binaries, running_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.load import Exchange
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Platform
    from tests.end_to_end.raw_server import Seen, Visit
    from tests.store_servers import StoreServer

MANY: Final = 1000
ORDER: Final = b'{"order": "\xc3\xa9\xe2\x82\xac-1", "filler": "%b"}' % (b"x" * 2000)
OWN: Final = {"Date", "Signature", "Signature-Input", "RateLimit", "RateLimit-Policy", "Audit-ID"}
"""Headers that each answer has for itself: a replay counts as a read."""


@pytest.fixture(params=binaries())
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreServer]:
    with running_server(tmp_path / "store", binary=binaries()[request.param]) as running:
        yield running


class _Slow:
    """A merchant that answers once it is let."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()

    def __call__(self, visit: Visit, seen: Seen) -> None:
        assert self.may_answer.wait(PATIENCE)
        answer(ORDER, "201 Created", ("Location", "/orders/1"), ("X-Shop", "a, b"))(visit, seen)


def _everlasting(exchange: Exchange) -> list[tuple[bytes, bytes]]:
    """Return the lines of an answer that every repetition of it has, too."""
    own = {name.lower().encode() for name in (*OWN, "Idempotent-Replayed")}
    return [line for line in exchange.answer.lines if line[0].lower() not in own]


def _check_done_once(exchanges: list[Exchange], merchant: Merchant) -> None:
    """All that were answered have the one answer of the one order."""
    assert len(merchant.requests) == 1
    assert {(each.status, each.answer.body) for each in exchanges} == {(201, ORDER)}
    (original,) = [each for each in exchanges if not each.replayed]
    for each in exchanges:
        assert _everlasting(each) == _everlasting(original)


def test_a_thousand_at_once_are_done_once(
    store: StoreServer, merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    merchant.default = slow = _Slow()
    octets = new_write(platform).octets
    answers: list[Exchange] = []

    def told(exchange: Exchange) -> None:
        answers.append(exchange)
        if len(answers) == MANY // 2:
            slow.may_answer.set()

    with running_pair(tmp_path, merchant, platform, url=store.url) as pair:
        exchanges = asyncio.run(ask_all(pair.addresses, [octets] * MANY, told))
        done = [each for each in exchanges if each.status == 201]
        waiting = [each for each in exchanges if each.status != 201]
        assert len(waiting) >= MANY // 2
        for each in waiting:
            assert (each.status, each.code) == (503, "idempotency_in_progress")
            assert int(each.answer.value("Retry-After")) >= 1
        _check_done_once(done, merchant)
        again = asyncio.run(ask_all(pair.addresses, [octets] * len(waiting), lambda _: None))
        assert all(each.replayed for each in again)
        _check_done_once([*done, *again], merchant)


def test_a_thousand_at_once_all_get_the_answer_where_they_may_wait(
    store: StoreServer, merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    merchant.default = slow = _Slow()
    octets = new_write(platform).octets
    with running_pair(tmp_path, merchant, platform, url=store.url, wait_in_progress="60s") as pair:

        def release() -> None:
            pair.await_metric("ucp_connector_in_flight", MANY)
            slow.may_answer.set()

        releasing = threading.Thread(target=release)
        releasing.start()
        exchanges = asyncio.run(ask_all(pair.addresses, [octets] * MANY, lambda _: None))
        releasing.join(PATIENCE)
        assert len(exchanges) == MANY
        _check_done_once(exchanges, merchant)
