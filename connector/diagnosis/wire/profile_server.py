"""Answers for the platforms: the documents of a case, each at its place on loopback.

A fault is put around the good document where the file has it: behind the status, the redirect or
the bad certificate stands what a gateway that overlooks them would accept.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from connector.diagnosis.wire.certificate import self_signed

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterable

    from connector.diagnosis.wire.places import Place

_MAX_HEAD: Final = 16 * 1024
_FOLLOWED: Final = "/followed"
"""Where redirects lead."""
_NOBODY: Final = frozenset({"connection", "special_use"})
_NO_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_context = cache(self_signed)


class CannotServeError(Exception):
    """An address of the profile server cannot be had; the text is one line."""


@contextlib.asynccontextmanager
async def serving(places: Iterable[Place], port: int) -> AsyncIterator[None]:
    """Serve these documents while the context lasts; raises CannotServeError."""
    async with contextlib.AsyncExitStack() as servers:
        for place in places:
            if place.document.error not in _NOBODY:
                await servers.enter_async_context(_listening(place, port))
        yield


@contextlib.asynccontextmanager
async def _listening(place: Place, port: int) -> AsyncIterator[None]:
    writers: set[asyncio.StreamWriter] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        # Whoever hangs up early has had an answer.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            if place.document.error == "timeout":
                await reader.read()
            else:
                writer.write(answer_of(place, head))
                await writer.drain()
        writers.discard(writer)
        writer.close()

    tls: ssl.SSLContext | None = _context() if place.document.error == "tls" else None
    try:
        server = await asyncio.start_server(answer, place.address, port, limit=_MAX_HEAD, ssl=tls)
    except OSError as error:
        reason = error.strerror or error
        raise CannotServeError(
            f"the profile server cannot listen on {place.address}:{port}: {reason}"
        ) from error
    async with server:
        yield
        # A server waits for those that it still answers.
        for writer in writers:
            writer.transport.abort()


def answer_of(place: Place, head: bytes) -> bytes:
    """Return the answer to a request with this head: the document at its URL, else 404."""
    target = head.split(b" ", 2)[1:2]
    document = place.document
    if target == [_FOLLOWED.encode("ascii")]:
        return _answer(HTTPStatus.OK, place.behind)
    if target != [place.target.encode("ascii")]:
        return _answer(HTTPStatus.NOT_FOUND, b"")
    if document.body is not None:
        return _answer(HTTPStatus.OK, document.body)
    return _answer(document.status or HTTPStatus.OK, place.behind)


def _answer(status: int, body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} -", "Content-Type: application/json", "Connection: close"]
    if 300 <= status < 400:
        lines.append(f"Location: {_FOLLOWED}")
    if status in _NO_BODY:
        body = b""
    else:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode("ascii") + body
