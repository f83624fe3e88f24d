"""What is sent, and what is made of whatever comes back."""

from __future__ import annotations

import asyncio
import socket

import pytest

from connector.diagnosis.vectors import WireRequest
from connector.diagnosis.wire.exchange import Reply, exchange, octets_of

REQUEST = WireRequest("POST", "/a?b", "https", [(b"Host", b"x")], b"{}")


def reply_to(answer: bytes, request: WireRequest = REQUEST) -> Reply:
    """Exchange a request with a server that says this and hangs up."""

    async def run() -> Reply:
        async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(say, "127.0.0.1", 0)
        async with server:
            host, port = server.sockets[0].getsockname()
            return await exchange(host, port, request)

    return asyncio.run(run())


def answer(body: bytes, status: str = "401 No") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def test_a_request_goes_out_as_it_stands_with_its_length() -> None:
    assert octets_of(REQUEST) == (b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (answer(b'{"code": "signature_invalid"}'), Reply(401, "signature_invalid")),
        (
            b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b'{"code": "key_not_found"}'),
            Reply(401, "key_not_found"),
        ),
        (answer(b"{}", "200 OK"), Reply(200, "")),
        # RFC 9112 sections 7.1 and 6.3: in chunks, and until the connection ends.
        (
            (
                b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n"
                b'a\r\n{"code": "\r\n13\r\nsignature_invalid"}\r\n0\r\n\r\n'
            ),
            Reply(401, "signature_invalid"),
        ),
        (b'HTTP/1.1 401 No\r\n\r\n{"code": "key_not_found"}', Reply(401, "key_not_found")),
        (b"HTTP/1.1 204 None\r\n\r\n", Reply(204, "")),
        (answer(b'{"code": "no_code_of_ours"}'), Reply(401, "")),
        (answer(b'{"code": []}'), Reply(401, "")),
        (answer(b"[" * 100_000), Reply(401, "")),
        (answer(b"not JSON"), Reply(401, "")),
        (b"HTTP/1.1 401 No\r\nContent-Length: abc\r\n\r\n", Reply(0, "")),
        (b"HTTP/1.1\r\n\r\n", Reply(0, "")),
        (b"HTTP/1.1 401 No\r\n", Reply(0, "")),
        (b"a" * 200_000, Reply(0, "")),
        (b"", Reply(0, "")),
    ],
)
def test_whatever_comes_back_is_a_reply(octets: bytes, expected: Reply) -> None:
    assert reply_to(octets) == expected


@pytest.mark.parametrize(
    ("reply", "accepted"),
    [
        (Reply(200, ""), True),
        (Reply(201, ""), True),
        (Reply(502, "upstream_unreachable"), True),
        (Reply(503, "outcome_unknown"), True),
        (Reply(404, ""), False),
        (Reply(502, ""), False),
        (Reply(401, "signature_invalid"), False),
        (Reply(200, "signature_invalid"), False),
        (Reply(0, ""), False),
    ],
)
def test_only_what_came_from_behind_the_gateway_is_an_acceptance(
    reply: Reply, *, accepted: bool
) -> None:
    assert reply.accepted is accepted


def test_an_answer_to_head_has_no_body_to_wait_for() -> None:
    answered = b"HTTP/1.1 404 No\r\nContent-Length: 30\r\n\r\n"
    assert reply_to(answered, REQUEST._replace(method="HEAD")) == Reply(404, "")


def test_a_refusal_is_read_though_the_rest_of_the_request_is_not() -> None:
    async def run() -> Reply:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer(b'{"code": "payload_too_large"}', "413 No"))
            await writer.drain()
            writer.transport.abort()

        server = await asyncio.start_server(refuse, "127.0.0.1", 0, limit=4096)
        async with server:
            host, port = server.sockets[0].getsockname()
            return await exchange(host, port, REQUEST._replace(body=bytes(8 << 20)))

    assert asyncio.run(run()) == Reply(413, "payload_too_large")


def test_a_gateway_that_takes_no_connection_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(exchange(host, port, REQUEST))
