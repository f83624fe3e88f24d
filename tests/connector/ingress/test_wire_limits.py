"""What costs too much is ended at its limit, over a real socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from connector.ingress.front import PeerRate
from connector.ingress.limits import CONNECTIONS_PER_SLOT, WireLimits
from tests.connector.ingress.serving import Serving, ok, serving, status_of, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.steps import Answer, Received

HOST = b"Host: shop.example.com\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST


@pytest.fixture(scope="module")
def running() -> Iterator[Serving]:
    with serving(WireLimits(body=2000)) as server:
        yield server


@pytest.fixture(autouse=True)
def _clear(running: Serving) -> None:
    running.handler.clear()


def code(server: Serving) -> tuple[str, str]:
    [(refusal, _)] = server.handler.refused
    assert server.handler.received == []
    return refusal.code.name, refusal.reason


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"y" * (1 << 20),
        b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"y" * (1 << 20) + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"X" * (1 << 20),
        b"GET /" + b"a" * (1 << 20),
        b"GET / HTTP/1.1\r\n" + HOST + b"".join(b"x%d: y\r\n" % n for n in range(5000)),
        b"GET / HTTP/1.1\r\n" + HOST + b"".join(b"x%d: y\r\n" % n for n in range(5000)) + b"\r\n",
    ],
    ids=["a 1 MB value", "a whole one", "a 1 MB name", "a 1 MB target", "5,000 lines", "whole"],
)
def test_a_head_that_is_too_large_is_closed(running: Serving, head: bytes) -> None:
    answer = running.exchange(head)
    assert status_of(answer) == 431
    assert b"Connection: close" in answer
    assert code(running) == ("headers_too_large", "header_bytes")


def test_more_lines_than_allowed_are_closed(running: Serving) -> None:
    lines = b"".join(b"x%d: y\r\n" % number for number in range(100))
    assert status_of(running.exchange(b"GET / HTTP/1.1\r\n" + HOST + lines + b"\r\n")) == 431
    assert code(running) == ("headers_too_large", "headers")


def test_an_announced_body_that_is_too_large_is_refused_before_it_comes(running: Serving) -> None:
    for length in (2001, 10**18 - 1):
        running.handler.clear()
        answer = running.exchange(POST + b"Content-Length: %d\r\n\r\n" % length)
        assert status_of(answer) == 413
        assert code(running) == ("payload_too_large", "body")


def test_why_a_body_is_refused_can_be_read_by_a_client_that_is_still_sending(
    running: Serving,
) -> None:
    head = POST + b"Content-Length: 4000000\r\n\r\n"
    assert status_of(running.exchange(head + b"x" * 4_000_000)) == 413


def test_chunks_that_are_too_much_are_refused(running: Serving) -> None:
    chunks = b"3e8\r\n" + b"x" * 1000 + b"\r\n"
    raw = POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks * 2 + b"1\r\n"
    assert status_of(running.exchange(raw)) == 413
    assert code(running) == ("payload_too_large", "body")


def test_a_chunk_extension_that_never_ends_is_refused(running: Serving) -> None:
    raw = POST + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 100_000
    assert status_of(running.exchange(raw)) == 400
    assert code(running) == ("malformed_request", "chunked")


def test_the_interim_answer_comes_once_the_head_is_acceptable(running: Serving) -> None:
    with running.connect() as client:
        client.send(POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"abc")
        assert client.answer()[0] == 200
    assert running.handler.received[0].request.body == b"abc"


def test_no_interim_answer_where_the_body_is_coming_or_refused(running: Serving) -> None:
    lines = b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: "
    assert status_of(running.exchange(POST + lines + b"3\r\n\r\nabc")) == 200
    assert status_of(running.exchange(POST + lines + b"3000\r\n\r\n")) == 413
    other = POST.replace(b"shop", b"evil") + lines + b"3\r\n\r\n"
    assert status_of(running.exchange(other)) == 421


HASTY = WireLimits(header_timeout=0.15, body_timeout=0.15, idle_timeout=0.15)
PATIENT = WireLimits()
"""In force while a test does what must be in time: it may be stopped for a second itself."""
FROM_THE_START = HASTY._replace(header_timeout=2.5)
"""Where time runs from the connection's start, before anything could be sent on it."""


@pytest.fixture(scope="module")
def hasty_server() -> Iterator[Serving]:
    with serving(HASTY) as server:
        yield server


@pytest.fixture
def hasty(hasty_server: Serving) -> Serving:
    """A server that often looks for what is late; each test says what is."""
    hasty_server.handler.clear()
    return hasty_server


@pytest.mark.parametrize(
    "begun",
    [
        b"G",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"X",
        POST + b"Content-Length: 3\r\n\r\n",
        POST + b"Content-Length: 3\r\n\r\nab",
        POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0",
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
def test_a_request_that_does_not_come_is_closed_with_a_word(
    hasty: Serving, begun: bytes, *, first: bool
) -> None:
    hasty.front.limits = FROM_THE_START if first else PATIENT
    with hasty.connect() as client:
        if not first:
            client.send(GET)
            client.answer()
            hasty.handler.clear()
            hasty.front.limits = HASTY
        client.send(begun)
        answer = client.rest()
    assert status_of(answer) == 400
    assert code(hasty) == ("malformed_request", "timeout")
    assert hasty.front.in_flight == 0


def test_octets_that_drip_do_not_move_the_deadline(hasty: Serving) -> None:
    hasty.front.limits = FROM_THE_START
    with hasty.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nX: ")
        client.socket.settimeout(0.01)
        answer = b""
        while not answer:
            client.send(b"y")
            try:
                answer = client.socket.recv(65536)
            except TimeoutError:
                continue
    assert status_of(answer) == 400
    assert code(hasty) == ("malformed_request", "timeout")


@pytest.mark.parametrize("first", [True, False], ids=["before the first", "after one"])
def test_an_idle_connection_is_closed_without_a_word(hasty: Serving, *, first: bool) -> None:
    hasty.front.limits = HASTY if first else PATIENT._replace(idle_timeout=HASTY.idle_timeout)
    with hasty.connect() as client:
        if not first:
            client.send(GET)
            client.answer()
        assert client.rest() == b""
    assert hasty.handler.refused == []


def test_a_request_that_ends_early_is_refused(running: Serving) -> None:
    with running.connect() as client:
        client.send(POST + b"Content-Length: 3\r\n\r\nab")
        client.end()
        assert status_of(client.rest()) == 400
    assert code(running) == ("malformed_request", "truncated")


def test_slots_in_flight_are_bounded_and_given_back() -> None:
    release = asyncio.Event()

    async def wait(_: Received) -> Answer:
        await release.wait()
        return ok()

    with serving(WireLimits(in_flight=2)) as server, server.connect() as one:
        server.handler.respond = wait
        with server.connect() as receiving:
            one.send(GET)
            receiving.send(POST + b"Content-Length: 3\r\n\r\nab")
            wait_for(lambda: server.front.in_flight == 2)
            answer = server.exchange(GET)
            assert status_of(answer) == 503
            [(refusal, context)] = server.handler.refused
            assert (refusal.code.name, refusal.reason) == ("overloaded", "in_flight")
            assert (refusal.retry_after, context.merchant) == (1, "flower-shop")
        wait_for(lambda: server.front.in_flight == 1)  # the half request went with its client
        server.loop.call_soon_threadsafe(release.set)
        assert one.answer()[0] == 200
        wait_for(lambda: server.front.in_flight == 0)
        one.send(GET)
        assert one.answer()[0] == 200


def test_bodies_that_do_not_come_leave_room_for_requests_that_do() -> None:
    def begin(client: str) -> bytes:
        return POST + b"X-Forwarded-For: %b\r\nContent-Length: 3\r\n\r\n" % client.encode()

    with serving(WireLimits(in_flight=16), trusted_proxies=["127.0.0.1"]) as server:
        slow = [server.connect() for _ in range(12)]
        for number, client in enumerate(slow):
            client.send(begin(f"192.0.2.{number // 2}"))
        wait_for(lambda: server.front.in_flight == 12)
        # One client may wait for two bodies, all clients for twelve; whole requests have room.
        for another in ("192.0.2.0", "192.0.2.99"):
            server.handler.refused.clear()
            assert status_of(server.exchange(begin(another))) == 503
            assert code(server) == ("overloaded", "bodies")
        closing = b"Content-Length: 3\r\nConnection: close\r\n\r\nabc"
        assert status_of(server.exchange(POST + closing)) == 200
        slow[0].send(b"abc")
        assert slow[0].answer()[0] == 200
        slow[1].socket.close()
        wait_for(lambda: server.front.in_flight == 10)
        with server.connect() as again:
            again.send(begin("192.0.2.0") + b"a")
            wait_for(lambda: server.front.in_flight == 11)
            again.send(b"bc")
            assert again.answer()[0] == 200
        for client in slow:
            client.socket.close()
        wait_for(lambda: server.front.in_flight == 0)


def test_a_peer_that_comes_too_often_is_told_when_to_come_back() -> None:
    with serving(per_peer=PeerRate(100.0, 2)) as server:
        with server.connect() as client:
            for _ in range(2):
                client.send(GET)
                assert client.answer()[0] == 200
        assert status_of(server.exchange(GET)) == 429
        [(refusal, _)] = server.handler.refused
        assert refusal.code.name == "rate_limited"
        assert refusal.retry_after is not None
        assert 1 < refusal.retry_after <= 100


def test_behind_a_trusted_proxy_each_client_counts_for_itself() -> None:
    def get(client: str) -> bytes:
        lines = b"X-Forwarded-For: " + client.encode() + b"\r\n"
        return GET.replace(HOST, HOST + b"Connection: close\r\n" + lines)

    with serving(per_peer=PeerRate(1000.0, 1), trusted_proxies=["127.0.0.1"]) as server:
        for client in ("2001:db8::1", "2001:db8:0:1::1", "198.51.100.1, 203.0.113.9"):
            assert status_of(server.exchange(get(client))) == 200
        assert status_of(server.exchange(get("2001:db8::ffff"))) == 429
        assert status_of(server.exchange(get("203.0.113.9"))) == 429
        peers = [each.peer for each in server.handler.received]
        assert peers == ["2001:db8::1", "2001:db8:0:1::1", "203.0.113.9"]
        assert server.handler.refused[0][1].peer == "2001:db8::ffff"


def test_a_forwarded_authority_is_the_one_of_the_request() -> None:
    with serving(authority_from="x-forwarded-host", trusted_proxies=["127.0.0.0/8"]) as server:
        lines = b"Host: 10.0.0.1\r\nX-Forwarded-Host: Shop.example.com\r\nConnection: close\r\n"
        assert status_of(server.exchange(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")) == 200
        [received] = server.handler.received
        assert received.request.authority == "Shop.example.com"
        assert received.merchant == "flower-shop"


def test_connections_are_bounded() -> None:
    with serving(WireLimits(in_flight=1)) as server:
        clients = [server.connect() for _ in range(CONNECTIONS_PER_SLOT)]
        wait_for(lambda: len(server.front.sweep) == CONNECTIONS_PER_SLOT)
        with server.connect() as turned_away:
            assert turned_away.rest() == b""
        assert server.front.turned_away == 1
        clients.pop().socket.close()
        wait_for(lambda: len(server.front.sweep) < CONNECTIONS_PER_SLOT)
        clients[0].send(GET)
        assert clients[0].answer()[0] == 200
        for client in clients:
            client.socket.close()
