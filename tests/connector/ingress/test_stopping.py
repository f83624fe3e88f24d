"""What ``uvicorn.Server`` does when it stops: what runs is finished, the rest is closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from connector.ingress.protocol import IngressProtocol
from tests.connector.ingress.serving import ok, serving, wait_for

if TYPE_CHECKING:
    from connector.steps import Answer, Received

HOST = b"Host: shop.example.com\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"


def test_idle_connections_are_closed_at_once_and_running_requests_are_answered() -> None:
    go_on = asyncio.Event()

    async def respond(_: Received) -> Answer:
        await go_on.wait()
        return ok(b"finished")

    with serving() as server, server.connect() as fresh, server.connect() as idle:
        idle.send(GET)
        assert idle.answer()[0] == 200
        with server.connect() as busy:
            server.handler.respond = respond
            busy.send(GET + GET)
            wait_for(lambda: len(server.handler.received) == 2)
            server.server.should_exit = True
            assert idle.rest() == b""
            assert fresh.rest() == b""
            server.loop.call_soon_threadsafe(go_on.set)
            answer = busy.rest()
        assert answer.count(b"HTTP/1.1 200") == 1
        assert b"\r\nConnection: close\r\n" in answer
        assert answer.endswith(b"finished")
        assert len(server.handler.received) == 2


def test_a_request_that_is_arriving_may_arrive() -> None:
    with serving() as server, server.connect() as client:
        client.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nab")
        wait_for(lambda: server.front.in_flight == 1)
        server.server.should_exit = True
        with server.connect() as idle:
            assert idle.rest() == b""
        client.send(b"c")
        status, head, body = client.answer()
        assert (status, body) == (200, b"ok")
        assert b"\r\nConnection: close\r\n" in head


def test_a_connection_is_closed_behind_an_answer_that_was_begun_before() -> None:
    body = bytes(32 << 20)

    async def respond(_: Received) -> Answer:
        return ok(body)

    with serving() as server, server.connect() as slow, server.connect() as idle:
        idle.send(GET)
        assert idle.answer()[0] == 200
        server.handler.respond = respond
        slow.send(GET)
        connections = server.server.server_state.connections
        wait_for(
            lambda: any(
                isinstance(each, IngressProtocol) and each.flow.write_paused for each in connections
            )
        )
        server.server.should_exit = True
        assert idle.rest() == b""
        assert slow.rest().endswith(body)
