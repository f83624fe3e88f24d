"""Answers that do not fit are passed on as they come; a client that goes away cancels no write."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest

from tests.end_to_end.gateway import PATIENCE, configuration, running_gateway
from tests.end_to_end.platform import CHECKOUTS, ORDERS
from tests.end_to_end.raw_server import Seen, Visit, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Platform

MEBIBYTE: Final = 1 << 20
HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
TARGET: Final = f"{ORDERS}/1"
# Octets that show a shift by one, a repetition or a swap.
LARGE: Final = b"".join(b"%07d," % number for number in range(3 * MEBIBYTE // 8))


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    shop = module_merchant.settings(platforms={"registered": [platform.registration()]})
    with running_gateway(tmp_path_factory.mktemp("gateway"), configuration(shop)) as running:
        yield running


class Halves:
    """A body sent in two parts; the second one when the test has read the first."""

    def __init__(self, first: bytes, second: bytes) -> None:
        self._first = first
        self._second = second
        self.read = threading.Event()

    def __call__(self, visit: Visit, _: Seen) -> None:
        visit.say(self._first)
        assert self.read.wait(PATIENCE)
        visit.say(self._second)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_a_large_answer_of_known_length_is_passed_on_as_it_comes(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(LARGE)
    half = len(LARGE) // 2
    merchant.script[TARGET] = halves = Halves(head + LARGE[:half], LARGE[half:])
    with gateway.connect() as connection:
        connection.send(platform.signed().wire())
        answered = connection.head()
        assert answered.value("Content-Length") == str(len(LARGE))
        body = connection.read(half)
        halves.read.set()
        body += connection.read(len(LARGE) - half)
        assert body == LARGE
        # The connection is as good as before.
        assert connection.exchange(platform.signed(target=f"{ORDERS}/2").wire()).status == 200
    gateway.expect_decision(answered, decision="accept", status=200)


def test_a_large_answer_in_chunks_is_passed_on_once_it_does_not_fit(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    half = len(LARGE) // 2
    first = head + b"".join(_chunk(LARGE[at : at + 5000]) for at in range(0, half, 5000))
    at = -(-half // 5000) * 5000
    merchant.script[TARGET] = halves = Halves(first, _chunk(LARGE[at:]) + b"0\r\n\r\n")
    with gateway.connect() as connection:
        connection.send(platform.signed().wire())
        answered = connection.head()
        assert answered.value("Transfer-Encoding") == "chunked"
        body = b""
        while len(body) < MEBIBYTE:
            body += connection.chunk()
        halves.read.set()
        body += b"".join(iter(connection.chunk, b""))
        assert body == LARGE
        assert connection.exchange(platform.signed(target=f"{ORDERS}/2").wire()).status == 200


def test_events_are_passed_on_one_by_one(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    first, second = b"event: a\ndata: 1\n\n", b"event: b\ndata: 2\n\n"
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    merchant.script[TARGET] = halves = Halves(head + _chunk(first), _chunk(second) + b"0\r\n\r\n")
    with gateway.connect() as connection:
        connection.send(platform.signed().wire())
        answered = connection.head()
        assert answered.value("Content-Type") == "text/event-stream"
        assert connection.chunk() == first
        halves.read.set()
        assert connection.chunk() == second
        assert connection.chunk() == b""


def test_a_large_answer_that_breaks_off_does_not_look_whole(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    def breaks_off(visit: Visit, _: Seen) -> None:
        visit.say(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + _chunk(LARGE))
        visit.close()

    merchant.script[TARGET] = breaks_off
    with gateway.connect() as connection:
        connection.send(platform.signed().wire())
        connection.head()
        with pytest.raises((AssertionError, ConnectionResetError, ValueError)):
            # Reads to the last chunk, which must not come.
            list(iter(connection.chunk, b""))
    assert gateway.ask(platform.signed(target=f"{ORDERS}/2").wire()).status == 200


def test_who_stops_reading_a_stream_ends_it(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    ended = threading.Event()

    def streams(visit: Visit, _: Seen) -> None:
        with suppress(ConnectionResetError, BrokenPipeError):
            visit.say(HEAD + b"Content-Length: %d\r\n\r\n" % (2 * len(LARGE)) + LARGE)
            visit.wait_for_end()
        ended.set()

    merchant.script[TARGET] = streams
    connection = gateway.connect()
    connection.send(platform.signed().wire())
    connection.head()
    connection.read(MEBIBYTE)
    connection.reset()
    assert ended.wait(PATIENCE)


def test_a_client_that_goes_away_does_not_cancel_its_write(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    body = LARGE[: MEBIBYTE - 1]
    released = threading.Event()

    def slow(visit: Visit, seen: Seen) -> None:
        assert released.wait(PATIENCE)
        answer(b'{"id": "chk_1"}', "201 Created")(visit, seen)

    merchant.script[CHECKOUTS] = slow
    merchant.hang_up()
    # Nothing is read: what the sockets don't take waits in the gateway when the client goes.
    merchant.reading.clear()
    visits = merchant.visits
    connection = gateway.connect()
    connection.send(platform.signed("POST", CHECKOUTS, body).wire())
    merchant.await_visits(visits + 1)
    connection.reset()
    # A request behind it: the gateway has heard of the end when this one is answered.
    assert gateway.ask(platform.draft().wire()).status == 401
    merchant.reading.set()
    (seen,) = merchant.await_requests(1)
    assert seen.body == body
    released.set()
    found = gateway.decision_where(operation="create_checkout", status=201)
    assert found["decision"] == "accept"
    assert seen.values("Audit-ID") == [found["audit_id"]]
    assert len(merchant.requests) == 1
