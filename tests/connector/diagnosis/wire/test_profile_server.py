"""The profile server: each document at its URL, each fault as it is."""

from __future__ import annotations

import asyncio
import socket
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Final

import pytest

from connector.diagnosis.vectors import Document
from connector.diagnosis.wire.places import Place
from connector.diagnosis.wire.profile_server import CannotServeError, serving

if TYPE_CHECKING:
    from collections.abc import Callable

ADDRESS: Final = "127.9.8.7"
BEHIND: Final = b'{"behind": 1}'


def free_port() -> int:
    with socket.create_server((ADDRESS, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def place(port: int, document: Document) -> Place:
    scheme = "https" if document.error == "tls" else "http"
    return Place(f"{scheme}://{ADDRESS}:{port}", "/p?q", document, BEHIND)


def get(port: int, target: str = "/p?q") -> tuple[int, bytes]:
    connection = HTTPConnection(ADDRESS, port, timeout=10)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def while_serving(document: Document, *asks: Callable[[int], object]) -> list[object]:
    """Ask on threads while the document is served."""
    port = free_port()

    async def run() -> list[object]:
        async with serving([place(port, document)], port):
            return [await asyncio.to_thread(ask, port) for ask in asks]

    return asyncio.run(run())


def test_a_document_is_served_at_its_url_and_nowhere_else() -> None:
    found = while_serving(
        Document(b"{}", 200, None),
        get,
        lambda port: get(port, "/p"),
        lambda port: get(port, "/P?q"),
    )
    assert found == [(200, b"{}"), (404, b""), (404, b"")]


@pytest.mark.parametrize("status", [401, 404, 500, 503])
def test_behind_another_status_stands_the_good_document(status: int) -> None:
    assert while_serving(Document(None, status, None), get) == [(status, BEHIND)]


def test_a_status_without_content_has_none() -> None:
    assert while_serving(Document(None, 204, None), get) == [(204, b"")]


def test_a_redirect_leads_to_the_good_document() -> None:
    def follow(port: int) -> tuple[int, bytes]:
        connection = HTTPConnection(ADDRESS, port, timeout=10)
        connection.request("GET", "/p?q")
        where = connection.getresponse().getheader("Location")
        connection.close()
        assert where is not None
        return get(port, where)

    assert while_serving(Document(None, 302, None), follow) == [(200, BEHIND)]


def test_a_bad_certificate_is_one_with_the_good_document_behind_it() -> None:
    def ask(port: int, context: ssl.SSLContext) -> bytes:
        connection = HTTPSConnection(ADDRESS, port, timeout=10, context=context)
        try:
            connection.request("GET", "/p?q")
            return connection.getresponse().read()
        finally:
            connection.close()

    def strictly(port: int) -> str:
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            ask(port, ssl.create_default_context())
        return caught.value.verify_message

    def carelessly(port: int) -> bytes:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return ask(port, context)

    refused, answered = while_serving(Document(None, 0, "tls"), strictly, carelessly)
    assert "self-signed" in str(refused).replace(" ", "-")
    assert answered == BEHIND


def test_nobody_listens_where_the_connection_is_refused() -> None:
    def ask(port: int) -> str:
        with pytest.raises(ConnectionRefusedError):
            get(port)
        return "refused"

    assert while_serving(Document(None, 0, "connection"), ask) == ["refused"]


def test_who_waits_is_let_go_when_the_case_is_over() -> None:
    port = free_port()

    async def run() -> object:
        async with serving([place(port, Document(None, 0, "timeout"))], port):
            reader, writer = await asyncio.open_connection(ADDRESS, port)
            writer.write(b"GET /p?q HTTP/1.1\r\n\r\n")
            await writer.drain()
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    assert asyncio.run(asyncio.wait_for(run(), 30)) == b""


@pytest.mark.parametrize("octets", [b"", b"GET", b"\x16\x03\x01", b"a" * 20_000])
def test_who_says_something_else_does_no_harm(octets: bytes) -> None:
    def disturb(port: int) -> None:
        with socket.create_connection((ADDRESS, port), 10) as connection:
            connection.sendall(octets)

    assert while_serving(Document(b"{}", 200, None), disturb, get)[1] == (200, b"{}")


def test_an_address_that_is_taken_is_told() -> None:
    with socket.create_server((ADDRESS, 0)) as listener:
        port = listener.getsockname()[1]

        async def run() -> None:
            async with serving([place(port, Document(b"{}", 200, None))], port):
                raise HTTPException

        with pytest.raises(CannotServeError, match=f"{ADDRESS}:{port}: "):
            asyncio.run(run())
