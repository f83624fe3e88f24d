"""The visit against real servers: what is asked, and what becomes of every way to fail."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest

from connector.diagnosis.doctor.examination import Examination, examine
from connector.diagnosis.doctor.facts import BUSINESS
from connector.diagnosis.doctor.finding import BROKEN, OK
from connector.diagnosis.doctor.visiting import visit
from connector.egress.fetch import Fetcher
from connector.egress.resolving import UnresolvableError
from connector.egress.urls import normalise
from tests.connector.diagnosis.doctor.visits import (
    HEADERS,
    NOW,
    OLDER,
    SHOP,
    business,
    directory,
    found,
)
from tests.connector.egress.loopback import (
    Authority,
    DivertingNetwork,
    Serve,
    Server,
    resolving_to,
    serving,
)

if TYPE_CHECKING:
    from pathlib import Path

    from connector.egress.addresses import Address
    from connector.egress.resolving import Resolve

LIMIT = 64 * 1024


def answering(paths: dict[bytes, bytes], server: list[Server]) -> Serve:
    """Answer by path, 404 elsewhere; a HEAD has no body, a current copy is not sent again."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = server[0].requests[-1]
        method, target, _protocol = request.split(b" ", 2)
        head, _blank, body = paths.get(target, b"404 Nothing\r\n\r\n").partition(b"\r\n\r\n")
        if b"if-none-match" in request.lower() and head.startswith(b"200"):
            head, body = head.replace(b"200 OK", b"304 Not Modified"), b""
        length = b"\r\nContent-Length: %d" % len(body)
        writer.write(b"HTTP/1.1 " + head + length + b"\r\n\r\n")
        writer.write(b"" if method == b"HEAD" else body)

    return serve


def ok(body: bytes, headers: dict[str, str]) -> bytes:
    lines = "".join(f"\r\n{name}: {value}" for name, value in headers.items())
    return b"200 OK" + lines.encode() + b"\r\n\r\n" + body


def good() -> dict[bytes, bytes]:
    signed = directory()
    lines = {name.decode(): value.decode() for name, value in signed.headers}
    return {
        b"/.well-known/ucp": ok(json.dumps(business()).encode(), HEADERS),
        f"/.well-known/ucp/{OLDER}".encode(): ok(
            json.dumps({"ucp": {"version": OLDER}}).encode(), HEADERS
        ),
        b"/.well-known/http-message-signatures-directory": ok(signed.body, lines),
    }


async def visited(
    paths: dict[bytes, bytes],
    tls: ssl.SSLContext | None,
    trusting: ssl.SSLContext,
    resolve: Resolve | None = None,
    serve: Serve | None = None,
    **changes: Any,
) -> tuple[Examination, list[bytes]]:
    known: list[Server] = []
    async with serving(serve or answering(paths, known), tls) as server:
        known.append(server)
        fetcher = Fetcher(
            resolve=resolve or resolving_to("93.184.216.34"),
            tls=trusting,
            max_document=LIMIT,
            connect_timeout=10.0,
            timeout=changes.get("timeout", 20.0),
            network=DivertingNetwork(server.port),
            least_delay=0.0,
        )
        brought = await visit(fetcher, normalise(SHOP), clock=changes.get("clock", lambda: NOW))
        return examine(SHOP, brought, BUSINESS), server.requests


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def test_a_visit_asks_for_all_that_is_judged(authority: Authority, tmp_path: Path) -> None:
    tls = authority.server(tmp_path, "shop.example.com")
    examination, requests = asyncio.run(visited(good(), tls, authority.trusting()))
    assert examination.good
    for rule in ("revalidation", "head", "key-directory", "supported-versions", "address", "cors"):
        assert found(examination, rule, OK)
    asked = sorted(b" ".join(request.split(b" ", 2)[:2]) for request in requests)
    assert asked == [
        b"GET /.well-known/http-message-signatures-directory",
        b"GET /.well-known/ucp",
        b"GET /.well-known/ucp",
        b"GET /.well-known/ucp/2026-04-08",
        b"HEAD /.well-known/ucp",
    ]
    (again,) = (request for request in requests if b'If-None-Match: "1"' in request)
    assert again.startswith(b"GET /.well-known/ucp ")


def test_the_days_that_a_certificate_has_left_are_its_own(
    authority: Authority, tmp_path: Path
) -> None:
    tls = authority.server(tmp_path, "shop.example.com")
    examination, _ = asyncio.run(
        visited(good(), tls, authority.trusting(), clock=lambda: time.time() - 20 * 86_400)
    )
    # Made for an hour, and looked at as if it were twenty days ago.
    assert found(examination, "tls", OK).saw.endswith("valid for 20 days")


def test_a_certificate_for_another_name_is_told(authority: Authority, tmp_path: Path) -> None:
    tls = authority.server(tmp_path, "other.example.com")
    examination, requests = asyncio.run(visited(good(), tls, authority.trusting()))
    assert "shop.example.com" in found(examination, "tls", BROKEN).saw
    assert "profile_unreachable" in found(examination, "gateway-reads", BROKEN).saw
    assert requests == []


def test_a_certificate_that_nobody_trusts_is_told(authority: Authority, tmp_path: Path) -> None:
    tls = authority.server(tmp_path, "shop.example.com")
    examination, _ = asyncio.run(visited(good(), tls, ssl.create_default_context()))
    assert "certificate" in found(examination, "tls", BROKEN).saw


def test_a_server_without_tls_is_told(authority: Authority) -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def scenario() -> Examination:
        # A TLS greeting is no request head, so this server answers at once.
        listener = await asyncio.start_server(plain, "127.0.0.1", 0)
        async with listener:
            fetcher = Fetcher(
                resolve=resolving_to("93.184.216.34"),
                tls=authority.trusting(),
                max_document=LIMIT,
                connect_timeout=10.0,
                timeout=10.0,
                network=DivertingNetwork(listener.sockets[0].getsockname()[1]),
                least_delay=0.0,
            )
            brought = await visit(fetcher, normalise(SHOP), clock=lambda: NOW)
            return examine(SHOP, brought)

    assert found(asyncio.run(scenario()), "tls", BROKEN)


def test_a_name_that_leads_inwards_is_told_and_not_visited(authority: Authority) -> None:
    inward = resolving_to("93.184.216.34", "10.0.0.1")
    examination, requests = asyncio.run(visited(good(), None, authority.trusting(), inward))
    assert "private use" in found(examination, "address", BROKEN).saw
    assert requests == []


def test_a_name_without_addresses_is_told(authority: Authority) -> None:
    async def nothing(_host: str, _port: int) -> list[Address]:
        raise UnresolvableError("no such name")

    examination, _ = asyncio.run(visited(good(), None, authority.trusting(), nothing))
    assert "no such name" in found(examination, "address", BROKEN).saw


def test_a_document_that_is_too_large_is_told(authority: Authority, tmp_path: Path) -> None:
    tls = authority.server(tmp_path, "shop.example.com")
    paths = {b"/.well-known/ucp": ok(bytes(LIMIT + 1), HEADERS)}
    examination, requests = asyncio.run(visited(paths, tls, authority.trusting()))
    assert str(LIMIT) in found(examination, "size", BROKEN).saw
    assert len(requests) == 1


def test_a_server_that_never_answers_is_told(authority: Authority, tmp_path: Path) -> None:
    tls = authority.server(tmp_path, "shop.example.com")

    async def never(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    examination, _ = asyncio.run(visited({}, tls, authority.trusting(), serve=never, timeout=2.5))
    assert "2.5" in found(examination, "answer", BROKEN).saw


def test_where_a_redirect_leads_is_told_and_not_visited(
    authority: Authority, tmp_path: Path
) -> None:
    tls = authority.server(tmp_path, "shop.example.com")
    moved = b"302 Found\r\nLocation: https://shop.example.com/elsewhere\r\n\r\n"
    examination, requests = asyncio.run(
        visited({b"/.well-known/ucp": moved}, tls, authority.trusting())
    )
    assert "elsewhere" in found(examination, "redirect", BROKEN).saw
    assert len(requests) == 1


def test_older_versions_at_inward_urls_are_not_visited(
    authority: Authority, tmp_path: Path
) -> None:
    document = business()
    document["ucp"]["supported_versions"] = {OLDER: "https://10.0.0.1/x"}
    paths = {b"/.well-known/ucp": ok(json.dumps(document).encode(), HEADERS)}
    tls = authority.server(tmp_path, "shop.example.com")
    examination, requests = asyncio.run(visited(paths, tls, authority.trusting()))
    assert "10.0.0.1" in found(examination, "supported-versions", BROKEN).saw
    assert len(requests) == 4


def test_a_hundred_older_versions_are_not_all_visited(authority: Authority, tmp_path: Path) -> None:
    document = business()
    document["ucp"]["supported_versions"] = {
        f"2026-01-{day:02}": f"{SHOP}/{day}" for day in range(100)
    }
    paths = {b"/.well-known/ucp": ok(json.dumps(document).encode(), HEADERS)}
    tls = authority.server(tmp_path, "shop.example.com")
    _, requests = asyncio.run(visited(paths, tls, authority.trusting()))
    assert len(requests) == 4 + 8
