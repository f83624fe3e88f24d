"""Sends requests to one merchant exactly as they were written, and returns answers as they came.

A request is one write. Connections are kept and used again; when a request may go out a second
time is decided in ``retry.py``.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from connector.upstream.connection import UpstreamAnswer
from connector.upstream.errors import LeaseEnded, UpstreamError
from connector.upstream.origin import parse_origin
from connector.upstream.pool import Pool
from connector.upstream.retry import may_retry

if TYPE_CHECKING:
    import ssl

    from connector.steps import Claim

__all__ = ["UpstreamAnswer", "UpstreamClient"]

IDLE_TIMEOUT: Final = 1.5
"""Seconds for which an idle connection is kept.

A merchant that closes an idle connection just as a write goes out leaves that write's outcome
unknown, and it cannot be sent again. So this is below the shortest default in common use:
gunicorn keeps a connection for 2 s, uvicorn, Node.js and Apache for 5 s, nginx for 75 s.
Under load connections are never idle for so long; without load a new one costs little.
"""
MAX_CONNECTIONS: Final = 256
MAX_IDLE: Final = 64


class UpstreamClient:
    """The way to one merchant's API.

    ``url`` is an origin: scheme, host and port; anything else raises ValueError. ``https`` is
    verified against the system's certificate authorities, or as ``ssl_context`` says.
    Time-outs are in seconds: ``connect_timeout`` for a usable connection (name, TCP, TLS, and a
    free one where all ``max_connections`` are in use); ``response_timeout`` for the first byte of
    an answer, for all of a buffered one, and for each pause within a stream. They are looked at
    four times each (at most every 50 ms and at least every second), so they may come that much
    late and never early. Answers over ``buffer_limit`` octets, and event streams, are streamed.
    """

    def __init__(
        self,
        url: str,
        *,
        connect_timeout: float,
        response_timeout: float,
        buffer_limit: int,
        ssl_context: ssl.SSLContext | None = None,
        max_connections: int = MAX_CONNECTIONS,
        max_idle: int = MAX_IDLE,
        idle_timeout: float = IDLE_TIMEOUT,
    ) -> None:
        self._origin = parse_origin(url, ssl_context)
        self._response_timeout = response_timeout
        self._pool = Pool(
            self._origin,
            connect_timeout=connect_timeout,
            response_timeout=response_timeout,
            idle_timeout=idle_timeout,
            buffer_limit=buffer_limit,
            max_connections=max_connections,
            max_idle=max_idle,
        )

    @property
    def authority(self) -> bytes:
        """The merchant's own Host value, for where the received one is not kept."""
        return self._origin.authority

    @property
    def connections(self) -> int:
        """How many connections are open or being opened."""
        return self._pool.connections

    @property
    def idle_connections(self) -> int:
        """How many of them wait for a request."""
        return self._pool.idle

    async def send(
        self,
        method: bytes,
        head: bytes,
        body: bytes,
        *,
        retry_read: bool,
        claim: Claim | None = None,
    ) -> UpstreamAnswer:
        """Send one request and return the final answer to it.

        ``head`` is the request line and all header lines with the empty line; it and ``body`` go
        out as they are. ``method`` is the request line's. ``retry_read`` says that a GET is a
        read. A write goes out under its ``claim``, or not at all once its lease is too short; that
        is looked at before every first byte. The body of the answer is bytes, or a stream that must
        be read to its end or closed.
        Raises an :class:`UpstreamError`, whose ``sent`` tells whether the merchant may have seen
        anything. Cancelling closes the connection.
        """
        attempt = 1
        deadline = 0.0
        connection = self._pool.take()
        while True:
            if connection is None:
                connection = await self._pool.open()
            if connection.has_unread():
                await connection.settle()
            reused = connection.reused
            if claim is not None and connection.now() > claim.send_by:
                self._pool.give_back(connection)
                raise LeaseEnded("The claim's lease was too short for the request to be sent.")
            deadline = deadline or connection.now() + self._response_timeout
            try:
                future = connection.exchange(
                    head, body, to_head=method == b"HEAD", deadline=deadline
                )
                return await future
            except UpstreamError as error:
                if not may_retry(
                    error, method=method, reused=reused, retry_read=retry_read, attempt=attempt
                ):
                    raise
                if error.sent:
                    attempt += 1
                    connection = None
                else:
                    connection = self._pool.take()
            except asyncio.CancelledError:
                connection.abandon(future)
                raise

    async def aclose(self) -> None:
        """Close all connections; requests under way end in an error."""
        await self._pool.aclose()
