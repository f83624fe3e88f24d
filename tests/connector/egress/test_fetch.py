from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Any

import httpcore
import pytest
from cryptography.x509 import DNSName, SubjectAlternativeName, load_der_x509_certificate

from connector.egress.fetch import Exchange, FetchedDocument, Fetcher
from connector.egress.resolving import Resolve, Resolver, UnresolvableError
from connector.egress.urls import DocumentKind, normalise
from connector.errors import Refusal
from tests.connector.egress.loopback import (
    Authority,
    DivertingNetwork,
    Serve,
    answering,
    document,
    resolving_to,
    serving,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from connector.egress.addresses import Address

LIMIT = 1024
TLS = ssl.create_default_context()


def fetcher(resolve: Resolve | None = None, **changes: Any) -> Fetcher:
    settings: dict[str, Any] = {
        "tls": TLS,
        "max_document": LIMIT,
        "connect_timeout": 10.0,
        "timeout": 20.0,
        "allow_loopback": True,
        "least_delay": 0.0,
    }
    return Fetcher(resolve=resolve or Resolver(4), **{**settings, **changes})


async def fetch_from(serve: Serve, **changes: Any) -> FetchedDocument:
    async with serving(serve) as server:
        url = normalise(f"http://127.0.0.1:{server.port}/ucp?x=%7e", allow_loopback=True)
        return await fetcher(**changes)(url)


def refused(call: Awaitable[object]) -> tuple[str, str]:
    async def scenario() -> tuple[str, str]:
        with pytest.raises(Refusal) as caught:
            await call
        return caught.value.code.name, caught.value.reason

    return asyncio.run(scenario())


def test_a_document_comes_with_what_decides_its_life() -> None:
    answer = document(
        b"{}", b"Cache-Control: max-age=60", b"cache-control: public", b"Age: 7", b"X-Other: 1"
    )
    assert asyncio.run(fetch_from(answering(answer))) == FetchedDocument(
        b"{}", "max-age=60, public", "7"
    )


def test_the_request_is_the_target_as_given_and_asks_for_no_encoding() -> None:
    async def scenario() -> tuple[int, bytes]:
        async with serving(answering(document(b"{}"))) as server:
            text = f"http://127.0.0.1:{server.port}/a//b/%7Ec?d=%2e%2e&e"
            await fetcher()(normalise(text, allow_loopback=True))
            return server.port, server.requests[0]

    port, request = asyncio.run(scenario())
    assert request == (
        b"GET /a//b/%%7Ec?d=%%2e%%2e&e HTTP/1.1\r\n"
        b"Host: 127.0.0.1:%d\r\n"
        b"Accept: application/json\r\n"
        b"Accept-Encoding: identity\r\n"
        b"User-Agent: ucp-connector\r\n"
        b"Connection: close\r\n\r\n" % port
    )


def test_a_key_directory_is_asked_for_as_one_and_comes_with_all_its_headers() -> None:
    async def scenario() -> tuple[bytes, FetchedDocument]:
        lines = b"Content-Type: application/x", b"Signature: a=:AA==:"
        async with serving(answering(document(b"{}", *lines))) as server:
            url = normalise(f"http://127.0.0.1:{server.port}/d", allow_loopback=True)
            fetched = await fetcher()(url.of_kind(DocumentKind.DIRECTORY))
            return server.requests[0], fetched

    request, fetched = asyncio.run(scenario())
    assert request.startswith(b"GET /d HTTP/1.1\r\n")
    assert b"\r\nAccept: application/http-message-signatures-directory+json\r\n" in request
    assert {(b"Content-Type", b"application/x"), (b"Signature", b"a=:AA==:")} <= {*fetched.headers}


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert asyncio.run(fetch_from(answering(document(b"{}")))).body == b"{}"


def test_a_chunked_document_is_put_together() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
    assert asyncio.run(fetch_from(answering(answer))).body == b"{}"


def test_a_document_of_the_greatest_size_is_taken() -> None:
    assert len(asyncio.run(fetch_from(answering(document(b"x" * LIMIT)))).body) == LIMIT


def test_identity_is_an_acceptable_encoding() -> None:
    answer = document(b"{}", b"Content-Encoding: Identity")
    assert asyncio.run(fetch_from(answering(answer))).body == b"{}"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "status"),
        (b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n{}", "status"),
        (b"HTTP/1.1 204 Empty\r\n\r\n", "status"),
        (b"HTTP/1.1 206 Part\r\nContent-Length: 2\r\n\r\n{}", "status"),
        (b"HTTP/1.1 304 Same\r\n\r\n", "status"),
        (b"HTTP/1.1 302 Go\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", "status"),
        (b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "connection"),
        (document(b"{}", b"Content-Encoding: gzip"), "content_encoding"),
        (document(b"{}", b"Content-Encoding: identity, gzip"), "content_encoding"),
        (
            document(b"{}", b"Content-Encoding: br", b"Content-Encoding: identity"),
            "content_encoding",
        ),
        (document(b"x" * (LIMIT + 1)), "too_large"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (LIMIT + 1), "too_large"),
        (document(b"{}", *(b"X-%d: y" % n for n in range(100))), "headers_too_large"),
        (document(b"{}", b"X: " + b"y" * 33_000), "headers_too_large"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000, "too_large"),
        (b"HTTP/1.1 103 Early\r\n\r\n" * 10_000, "too_large"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", "connection"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "connection"),
        (b"nonsense\r\n\r\n", "connection"),
        (b"", "connection"),
    ],
)
def test_any_other_answer_is_unreachable(answer: bytes, reason: str) -> None:
    assert refused(fetch_from(answering(answer))) == ("profile_unreachable", reason)


def test_a_redirect_is_not_followed() -> None:
    async def scenario() -> int:
        async with serving(answering(document(b"{}"))) as inner:
            where = b"Location: http://127.0.0.1:%d/\r\n" % inner.port
            answer = b"HTTP/1.1 307 Go\r\nContent-Length: 0\r\n" + where + b"\r\n"
            with pytest.raises(Refusal):
                await fetch_from(answering(answer))
            return inner.connections

    assert asyncio.run(scenario()) == 0


def test_an_endless_body_is_cut_off_while_it_streams() -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10\r\n" + b"x" * 16 + b"\r\n")
            await writer.drain()

    assert refused(fetch_from(endless)) == ("profile_unreachable", "too_large")


def test_a_body_in_single_octets_is_bounded_by_its_framing_too() -> None:
    async def padded(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1;" + b"e" * 4000 + b"\r\nx\r\n")
            await writer.drain()

    assert refused(fetch_from(padded)) == ("profile_unreachable", "too_large")


def test_slow_bytes_end_at_the_total_time_out() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        while not reader.at_eof():
            writer.write(b"x")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.02)

    assert refused(fetch_from(slow, timeout=1.5)) == ("profile_unreachable", "timeout")


def test_silence_ends_at_the_total_time_out() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    assert refused(fetch_from(silent, timeout=1.5)) == ("profile_unreachable", "timeout")


def test_a_silent_tls_handshake_ends_at_the_total_time_out_and_closes() -> None:
    async def scenario() -> None:
        closed = asyncio.Event()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            closed.set()

        async with await asyncio.start_server(connected, "127.0.0.1", 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            with pytest.raises(Refusal) as caught:
                await fetcher(timeout=1.5)(
                    normalise(f"https://127.0.0.1:{port}/", allow_loopback=True)
                )
            assert caught.value.reason == "timeout"
            await asyncio.wait_for(closed.wait(), 5)

    asyncio.run(scenario())


def test_a_reset_is_unreachable() -> None:
    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Lingering for no time makes the close a reset.
        sock = writer.get_extra_info("socket")
        sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))

    assert refused(fetch_from(reset)) == ("profile_unreachable", "connection")


@pytest.mark.parametrize(
    "answer",
    [
        b"X" + b"\x00" * 90_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"\x00" * 90_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"z" * 60_000 + b"\r\n",
    ],
)
def test_the_explanation_of_a_failure_does_not_grow_with_the_answer(answer: bytes) -> None:
    async def scenario() -> str:
        with pytest.raises(Refusal) as caught:
            await fetch_from(answering(answer), max_document=256 * 1024)
        assert caught.value.reason == "connection"
        return caught.value.explanation

    explanation = asyncio.run(scenario())
    assert "RemoteProtocolError" in explanation
    assert len(explanation) < 300


def test_a_refused_connection_is_unreachable() -> None:
    async def scenario() -> None:
        async with serving(answering()) as server:
            port = server.port
        await fetcher()(normalise(f"http://127.0.0.1:{port}/", allow_loopback=True))

    assert refused(scenario()) == ("profile_unreachable", "connection")


def test_the_next_family_is_tried_when_the_first_leads_nowhere() -> None:
    async def scenario() -> bytes:
        async with serving(answering(document(b"{}"))) as server:
            # Nothing listens on ::1 at that port.
            resolve = resolving_to("::1", "127.0.0.1")
            url = normalise(f"http://localhost:{server.port}/", allow_loopback=True)
            return (await fetcher(resolve)(url)).body

    assert asyncio.run(scenario()) == b"{}"


def test_one_address_of_each_family_is_tried_in_order_each_with_its_time_out() -> None:
    class Refusing(httpcore.AsyncNetworkBackend):
        asked: list[tuple[object, ...]]

        async def connect_tcp(self, *args: object, **_: object) -> Any:
            self.asked.append(args[:3])
            raise httpcore.ConnectError

    network = Refusing()
    network.asked = []
    resolve = resolving_to("93.184.216.34", "2606:2800:220:1::1", "93.184.216.35", "2a00::1")
    call = fetcher(resolve, network=network)(normalise("https://platform.example/"))
    assert refused(call) == ("profile_unreachable", "connection")
    assert network.asked == [("93.184.216.34", 443, 10.0), ("2606:2800:220:1::1", 443, 10.0)]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


async def fetch_over_tls(
    host: str, names: tuple[str, ...], authority: Authority, folder: Path, tls: ssl.SSLContext
) -> FetchedDocument:
    context = authority.server(folder, *names)
    async with serving(answering(document(b"{}")), context) as server:
        url = normalise(f"https://{host}:{server.port}/", allow_loopback=True)
        return await fetcher(resolving_to("127.0.0.1"), tls=tls)(url)


@pytest.mark.parametrize("host", ["platform.example", "127.0.0.1"])
def test_a_certificate_for_the_name_is_accepted(
    host: str, authority: Authority, tmp_path: Path
) -> None:
    call = fetch_over_tls(host, (host,), authority, tmp_path, authority.trusting())
    assert asyncio.run(call).body == b"{}"


@pytest.mark.parametrize("host", ["platform.example", "127.0.0.1"])
def test_a_certificate_for_another_name_is_refused(
    host: str, authority: Authority, tmp_path: Path
) -> None:
    call = fetch_over_tls(host, ("other.example",), authority, tmp_path, authority.trusting())
    assert refused(call) == ("profile_unreachable", "connection")


def test_a_certificate_of_an_unknown_authority_is_refused(
    authority: Authority, tmp_path: Path
) -> None:
    host = "platform.example"
    tls = ssl.create_default_context()
    assert refused(fetch_over_tls(host, (host,), authority, tmp_path, tls)) == (
        "profile_unreachable",
        "connection",
    )


def test_a_context_that_checks_nothing_is_not_taken() -> None:
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname = False
    with pytest.raises(ValueError, match="must check"):
        fetcher(tls=unchecked)


class Unresolvable:
    async def __call__(self, _host: str, _port: int) -> list[Address]:
        raise UnresolvableError("no such name")


class FakeTime:
    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))


@pytest.mark.parametrize("resolve", [Unresolvable(), resolving_to("10.0.0.1"), resolving_to()])
def test_missing_and_internal_names_fail_alike_after_the_same_least_delay(
    resolve: Resolve,
) -> None:
    time = FakeTime()

    async def taking_20_ms(host: str, port: int) -> list[Address]:
        time.now += 0.02
        return await resolve(host, port)

    call = fetcher(taking_20_ms, least_delay=0.05, clock=time.clock, sleep=time.sleep)(
        normalise("https://platform.example/")
    )
    assert refused(call)[0] == "invalid_profile_url"
    assert time.slept == [0.03]


def test_a_failure_of_the_resolver_is_no_answer_about_the_name() -> None:
    async def failing(_host: str, _port: int) -> list[Address]:
        raise Refusal("discovery_pending", "resolver_failed", "our resolver failed")

    call = fetcher(failing)(normalise("https://platform.example/"))
    assert refused(call) == ("discovery_pending", "resolver_failed")


def test_a_name_that_takes_too_long_to_resolve_is_pending() -> None:
    async def hanging(_host: str, _port: int) -> list[Address]:
        await asyncio.Event().wait()
        raise AssertionError

    call = fetcher(hanging, timeout=0.05)(normalise("https://platform.example/"))
    assert refused(call) == ("discovery_pending", "resolver_timeout")


def test_a_connection_that_leads_elsewhere_is_closed_before_a_byte_is_sent() -> None:
    async def scenario() -> None:
        received = asyncio.get_running_loop().create_future()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.set_result(await reader.read())
            writer.close()

        async with await asyncio.start_server(connected, "127.0.0.1", 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            network = DivertingNetwork(port, peer="127.0.0.1")
            call = fetcher(resolving_to("93.184.216.34"), network=network, allow_loopback=False)
            with pytest.raises(Refusal) as caught:
                await call(normalise("https://platform.example/"))
            assert caught.value.reason == "peer_mismatch"
            assert await asyncio.wait_for(received, 5) == b""

    asyncio.run(scenario())


@pytest.mark.parametrize("status", [b"301 Moved", b"404 Not Found", b"503 Busy"])
def test_an_exchange_is_whatever_was_answered(status: bytes) -> None:
    answer = document(b"body", b"Location: /x", b"X: 1", b"x: 2", b"Content-Encoding: gzip")

    async def scenario() -> tuple[Exchange, bytes]:
        async with serving(answering(answer.replace(b"200 OK", status))) as server:
            url = normalise(f"http://127.0.0.1:{server.port}/", allow_loopback=True)
            got = await fetcher().exchange(url, headers=[(b"If-None-Match", b'"1"')])
            return got, server.requests[0]

    got, request = asyncio.run(scenario())
    assert (got.status, got.body) == (int(status[:3]), b"body")
    assert (got.field(b"x"), got.field(b"location"), got.field(b"age")) == ("1, 2", "/x", "")
    assert (str(got.peer), got.certificate) == ("127.0.0.1", None)
    assert b'\r\nIf-None-Match: "1"\r\n' in request


def test_an_exchange_over_tls_comes_with_the_certificate(
    authority: Authority, tmp_path: Path
) -> None:
    async def scenario() -> Exchange:
        tls = authority.server(tmp_path, "localhost")
        async with serving(answering(document(b"{}")), tls) as server:
            url = normalise(f"https://localhost:{server.port}/")
            network = fetcher(resolving_to("127.0.0.1"), tls=authority.trusting())
            return await network.exchange(url, "HEAD")

    got = asyncio.run(scenario())
    assert got.certificate is not None
    names = load_der_x509_certificate(got.certificate).extensions.get_extension_for_class(
        SubjectAlternativeName
    )
    assert names.value.get_values_for_type(DNSName) == ["localhost"]


def test_an_exchange_is_bounded_and_guarded_as_a_fetch_is() -> None:
    async def exchange(text: str, serve: Serve, **changes: Any) -> Exchange:
        async with serving(serve) as server:
            url = normalise(text.format(server.port), allow_loopback=True)
            return await fetcher(**changes).exchange(url)

    large = answering(document(bytes(LIMIT + 1)))
    assert refused(exchange("http://127.0.0.1:{}/", large)) == ("profile_unreachable", "too_large")
    inward = resolving_to("10.0.0.1")
    assert refused(exchange("https://platform.example/", large, resolve=inward)) == (
        "invalid_profile_url",
        "special_use",
    )
