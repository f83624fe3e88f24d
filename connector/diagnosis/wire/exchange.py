"""Sends one request as it stands and reads what comes back; what that says is decided here."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final, NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from connector.diagnosis.judging import framed
from connector.errors import CODES

if TYPE_CHECKING:
    from connector.diagnosis.vectors import WireRequest

PATIENCE: Final = 15.0
"""Seconds for the whole exchange."""
_MOST: Final = 1 << 20
"""Octets of an answer's body that are looked at."""
# What a gateway says of the merchant, once the request has verified.
OF_THE_MERCHANT: Final = frozenset({"upstream_unreachable", "upstream_timeout", "outcome_unknown"})


class Reply(NamedTuple):
    """What came back: status 0 where the connection ended without an answer in HTTP."""

    status: int
    code: str
    """One of the protocol's or this project's codes; empty for any other answer."""

    @property
    def accepted(self) -> bool:
        """Whether the request went on to the merchant: it answered, or was not there to do so."""
        return self.code in OF_THE_MERCHANT or (not self.code and 200 <= self.status < 300)


async def exchange(host: str, port: int, request: WireRequest) -> Reply:
    """Send the request on a connection of its own; OSError where there is no connection.

    TimeoutError after ``PATIENCE`` seconds.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE):
        transport, answer = await loop.create_connection(
            lambda: _Answer(request.method, loop.create_future()), host, port
        )
        try:
            # Whoever refuses early may hang up while this is written.
            transport.write(octets_of(request))
            return await answer.reply
        finally:
            transport.abort()


def octets_of(request: WireRequest) -> bytes:
    """Return the request as it goes over the wire, framed with its length."""
    first = f"{request.method} {request.target} HTTP/1.1\r\n".encode("utf-8", "surrogateescape")
    lines = b"".join(b"%b: %b\r\n" % line for line in framed(request))
    return first + lines + b"\r\n" + request.body


class _Answer(asyncio.Protocol):
    """Reads one answer, and those with a status of 1xx before it."""

    def __init__(self, method: str, reply: asyncio.Future[Reply]) -> None:
        self.reply = reply
        self._without_body = method == "HEAD"
        self._parser = HttpResponseParser(self)
        self._body = bytearray()
        self._status = 0

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        # RFC 9112 section 6.3: this, too, may be how an answer ends.
        del exc
        self._finish()

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self._status = status if status >= 200 else 0
        if self._without_body and self._status:
            self._finish()

    def on_body(self, data: bytes) -> None:
        if len(self._body) < _MOST:
            self._body += data

    def on_message_complete(self) -> None:
        if self._status:
            self._finish()

    def _finish(self) -> None:
        if not self.reply.done():
            self.reply.set_result(Reply(self._status, _code(bytes(self._body))))


def _code(body: bytes) -> str:
    try:
        document = json.loads(body)
        # Over MCP it is in a JSON-RPC error.
        code = document["error"]["data"]["code"] if "error" in document else document["code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return code if isinstance(code, str) and code in CODES else ""
