"""Answers for the platforms: the documents of a case, each at its place on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from connector.diagnosis.vectors import Document
    from connector.diagnosis.wire.places import Place

_MAX_HEAD: Final = 16 * 1024
_HEADERS: Final = "Content-Type: application/json\r\nConnection: close\r\n"


@contextlib.asynccontextmanager
async def serving(places: Iterable[Place], port: int) -> AsyncIterator[None]:
    """Serve these documents while the context lasts; OSError where an address cannot be had."""
    ended = asyncio.Event()
    async with contextlib.AsyncExitStack() as servers:
        for place in places:
            if place.address:
                await servers.enter_async_context(await _listen(place, port, ended))
        # The first to be called: a server waits for those that it still answers.
        servers.callback(ended.set)
        yield


async def _listen(place: Place, port: int, ended: asyncio.Event) -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whoever hangs up early, or speaks TLS to us, has had an answer.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await reader.readuntil(b"\r\n\r\n")
            if place.document.error == "timeout":
                await ended.wait()
            else:
                writer.write(_answer(place.document))
                await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, place.address, port, limit=_MAX_HEAD)


def _answer(document: Document) -> bytes:
    body = document.body or b""
    head = f"HTTP/1.1 {document.status} -\r\n{_HEADERS}Content-Length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body
