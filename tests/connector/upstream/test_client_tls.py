"""TLS towards the merchant, over real sockets with certificates of our own."""

import asyncio
import ssl
from pathlib import Path

import pytest

from connector.upstream.client import UpstreamClient
from connector.upstream.errors import UpstreamBroken, UpstreamUnreachable
from tests.connector.upstream.certificates import DAY, Authority
from tests.connector.upstream.merchant import (
    BODY,
    HELLO,
    OK,
    POST,
    NewLoop,
    Script,
    Visit,
    answering,
    client_of,
    get,
    merchant,
    on_both_loops,
    post,
    run,
    turns,
)

pytestmark = on_both_loops


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_a_request_and_its_answer_pass_through_tls(new_loop: NewLoop, authority: Authority) -> None:
    async def main() -> None:
        script = answering(*[HELLO] * 5)
        async with (
            merchant(script, authority.server("localhost")) as seen,
            client_of(seen, ssl_context=authority.trusting()) as client,
        ):
            for _ in range(5):
                assert (await post(client)).body == b"hello"
            assert seen.requests == [POST + BODY] * 5
            assert len(seen.visits) == 1

    run(new_loop, main())


def test_a_large_request_and_a_large_answer_pass_through_tls(
    new_loop: NewLoop, authority: Authority
) -> None:
    body = bytes(range(256)) * (1 << 14)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    data = OK + b"Content-Length: %d\r\n\r\n" % len(body) + body

    async def main() -> None:
        async with (
            merchant(answering(data, HELLO), authority.server("localhost")) as seen,
            client_of(seen, ssl_context=authority.trusting()) as client,
        ):
            answer = await client.send(b"POST", head, body, retry_read=False)
            assert not isinstance(answer.body, bytes)
            assert b"".join([piece async for piece in answer.body]) == body
            assert seen.requests == [head + body]
            assert (await post(client)).body == b"hello"
            assert len(seen.visits) == 1

    run(new_loop, main())


async def refused(client: UpstreamClient, reason: str) -> None:
    with pytest.raises(UpstreamUnreachable, match=reason):
        await post(client)
    assert client.connections == 0


def test_a_certificate_of_an_unknown_authority_is_refused(
    new_loop: NewLoop, authority: Authority, tmp_path: Path
) -> None:
    async def main() -> None:
        async with (
            merchant(answering(), Authority(tmp_path).server("localhost")) as seen,
            client_of(seen, ssl_context=authority.trusting()) as client,
        ):
            await refused(client, "certificate was refused")
            assert seen.requests == []

    run(new_loop, main())


def test_without_a_context_the_systems_authorities_decide(
    new_loop: NewLoop, authority: Authority
) -> None:
    async def main() -> None:
        async with merchant(answering(), authority.server("localhost")) as seen:
            client = UpstreamClient(
                f"https://localhost:{seen.port}",
                connect_timeout=5,
                response_timeout=5,
                buffer_limit=1,
            )
            await refused(client, "certificate was refused")
            await client.aclose()

    run(new_loop, main())


@pytest.mark.parametrize(
    ("name", "days", "reason"),
    [
        ("other.example", 1, "Hostname mismatch"),
        ("127.0.0.1", 1, "Hostname mismatch"),
        ("localhost", -1, "certificate has expired"),
    ],
)
def test_a_certificate_for_another_name_or_time_is_refused(
    new_loop: NewLoop, authority: Authority, name: str, days: int, reason: str
) -> None:
    async def main() -> None:
        async with (
            merchant(answering(), authority.server(name, lifetime=days * DAY)) as seen,
            client_of(seen, ssl_context=authority.trusting()) as client,
        ):
            await refused(client, reason)
            assert seen.requests == []

    run(new_loop, main())


def test_a_merchant_without_tls_is_unreachable(new_loop: NewLoop, authority: Authority) -> None:
    async def script(visit: Visit) -> None:
        await visit.reader.read(1)
        await visit.say(HELLO)

    async def main() -> None:
        async with (
            merchant(script) as seen,
            client_of(seen, ssl_context=authority.trusting()) as client,
        ):
            await refused(client, "TLS with the merchant failed")

    run(new_loop, main())


def test_a_handshake_that_does_not_end_is_bounded(new_loop: NewLoop, authority: Authority) -> None:
    async def main() -> None:
        async with (
            merchant(Visit.closed_by_client) as seen,
            client_of(seen, ssl_context=authority.trusting(), connect_timeout=1) as client,
        ):
            await refused(client, "within 1 s")
            await seen.has_ended(1)

    run(new_loop, main())


def ending(*, in_order: bool) -> Script:
    """An answer until the end of the connection, which is announced by TLS or is not."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(OK + b"\r\nhello")
        await turns()
        if not in_order:
            visit.writer.transport.abort()

    return script


def test_an_answer_ends_with_a_connection_that_ends_in_order(
    new_loop: NewLoop, authority: Authority
) -> None:
    async def main() -> None:
        async with (
            merchant(ending(in_order=True), authority.server("localhost")) as seen,
            client_of(seen, ssl_context=authority.trusting()) as client,
        ):
            assert (await post(client)).body == b"hello"

    run(new_loop, main())


def test_an_answer_does_not_end_where_somebody_cuts_the_wire(
    new_loop: NewLoop, authority: Authority
) -> None:
    async def main() -> None:
        async with (
            merchant(ending(in_order=False), authority.server("localhost")) as seen,
            client_of(seen, ssl_context=authority.trusting()) as client,
        ):
            with pytest.raises(UpstreamBroken, match="before its answer was whole"):
                await post(client)

    run(new_loop, main())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_records_of_no_account_do_not_spoil_a_connection(
    new_loop: NewLoop, authority: Authority, version: ssl.TLSVersion
) -> None:
    """A server of TLS 1.3 sends session tickets when the client may already be writing."""
    server = authority.server("localhost")
    server.minimum_version = server.maximum_version = version

    async def main() -> None:
        async with (
            merchant(answering(*[HELLO] * 9), server) as seen,
            client_of(seen, ssl_context=authority.trusting()) as client,
        ):
            for _ in range(3):
                answers = await asyncio.gather(*[get(client) for _ in range(3)])
                assert [answer.body for answer in answers] == [b"hello"] * 3
            assert len(seen.visits) == 3

    run(new_loop, main())


def test_a_time_out_and_a_cancellation_close_a_tls_connection(
    new_loop: NewLoop, authority: Authority
) -> None:
    async def main() -> None:
        async with (
            merchant(answering(b""), authority.server("localhost")) as seen,
            client_of(seen, ssl_context=authority.trusting()) as client,
        ):
            request = asyncio.ensure_future(post(client))
            await seen.has_read(1)
            request.cancel()
            await asyncio.wait([request])
            assert client.connections == 0
            await seen.has_ended(1)

    run(new_loop, main())
