"""Sends one request as it stands and reads what comes back; what that says is decided here."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Final, NamedTuple

from connector.diagnosis.judging import framed
from connector.errors import CODES

if TYPE_CHECKING:
    from connector.diagnosis.vectors import WireRequest

PATIENCE: Final = 15.0
"""Seconds for the whole exchange."""
_MOST: Final = 1 << 20
# What a gateway says of the merchant, once the request has verified.
OF_THE_MERCHANT: Final = frozenset({"upstream_unreachable", "upstream_timeout", "outcome_unknown"})


class Reply(NamedTuple):
    """What came back: status 0 where the connection closed without an answer."""

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
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            # Whoever has refused already may have hung up.
            with contextlib.suppress(ConnectionError):
                writer.write(octets_of(request))
                await writer.drain()
            return await _reply(reader, request.method)
        finally:
            writer.close()


def octets_of(request: WireRequest) -> bytes:
    """Return the request as it goes over the wire, framed with its length."""
    first = f"{request.method} {request.target} HTTP/1.1\r\n".encode("utf-8", "surrogateescape")
    lines = b"".join(b"%b: %b\r\n" % line for line in framed(request))
    return first + lines + b"\r\n" + request.body


async def _reply(reader: asyncio.StreamReader, method: str) -> Reply:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 1"):
            head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        _, found, rest = head.lower().partition(b"\r\ncontent-length:")
        length = int(rest.partition(b"\r\n")[0]) if found else 0
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        return Reply(0, "")
    except (ValueError, IndexError):
        return Reply(0, "")  # no HTTP
    body = b""
    if method != "HEAD" and 0 < length <= _MOST:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            body = await reader.readexactly(length)
    return Reply(status, _code(body))


def _code(body: bytes) -> str:
    try:
        code = json.loads(body)["code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return code if isinstance(code, str) and code in CODES else ""
