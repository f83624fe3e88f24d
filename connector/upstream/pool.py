"""The connections to one merchant: dialled, kept while idle, bounded, and swept for deadlines.

The connection that was used last is used next, so that those that are not needed grow old.
One timer looks at all deadlines, those of requests and those of idle connections, several times
per time-out; a request sets no timer of its own. An idle connection's age is also looked at when
it is taken.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections import deque
from typing import TYPE_CHECKING, Final

from connector.time_limit import within
from connector.upstream.connection import Connection
from connector.upstream.errors import UpstreamUnreachable
from connector.upstream.states import State

if TYPE_CHECKING:
    from connector.upstream.origin import Origin

CHECKS_PER_TIMEOUT: Final = 4
LEAST_INTERVAL: Final = 0.05
MOST_INTERVAL: Final = 1.0
"""Seconds between two sweeps, at least and at most."""
CLOSING_TIME: Final = 2.0
"""Seconds that transports are given to let go of their sockets."""


class Pool:
    """At most ``max_connections`` connections to ``origin``, of which ``max_idle`` may be idle.

    All time-outs are in seconds. Belongs to the event loop in which it is first used.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        connect_timeout: float,
        response_timeout: float,
        idle_timeout: float,
        buffer_limit: int,
        max_connections: int,
        max_idle: int,
    ) -> None:
        self._origin = origin
        self._connect_timeout = connect_timeout
        self._response_timeout = response_timeout
        self._idle_timeout = idle_timeout
        self._buffer_limit = buffer_limit
        self._max_connections = max_connections
        self._max_idle = max_idle
        shortest = min(response_timeout, idle_timeout) / CHECKS_PER_TIMEOUT
        self._interval = min(max(shortest, LEAST_INTERVAL), MOST_INTERVAL)
        self._idle: dict[Connection, None] = {}  # in the order in which they became idle
        self._live: set[Connection] = set()
        self._slots = 0  # live, being dialled, or promised to a waiter
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def connections(self) -> int:
        """How many connections are open or being opened."""
        return self._slots

    @property
    def idle(self) -> int:
        """How many of them wait for a request."""
        return len(self._idle)

    def take(self) -> Connection | None:
        """Return an idle connection, the one used last, if there is any."""
        while self._idle and self._loop is not None:
            connection, _ = self._idle.popitem()
            if self._loop.time() < connection.deadline:
                return connection
            connection.expire()
        return None

    async def open(self) -> Connection:
        """Return a connection that was never used, or, if all are in use, the next one to be free.

        Raises :class:`UpstreamUnreachable` when it cannot be had within the connect time-out.
        """
        if self._closed:
            raise UpstreamUnreachable("The connector is shutting down.")
        if self._slots >= self._max_connections:
            if self._idle:
                next(iter(self._idle)).close()  # the oldest makes room
            else:
                connection = await self._wait()
                if connection is not None:
                    return connection
                return await self._dial()
        self._slots += 1
        return await self._dial()

    async def aclose(self) -> None:
        """Close all connections; who waits for one, or for an answer, gets an error."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(UpstreamUnreachable("The connector is shutting down."))
        closing = list(self._live)
        for connection in closing:
            connection.close()
        if closing:
            waits = [asyncio.ensure_future(connection.wait_closed()) for connection in closing]
            await asyncio.wait(waits, timeout=CLOSING_TIME)
            for wait in waits:
                wait.cancel()

    # What connections tell

    def released(self, connection: Connection) -> None:
        """A connection is idle again."""
        if self._closed:
            connection.close()
            return
        connection.deadline = connection.now() + self._idle_timeout
        if self._waiters and self._grant(connection):
            return
        if len(self._idle) < self._max_idle:
            self._idle[connection] = None
        else:
            connection.close()

    def closed(self, connection: Connection) -> None:
        """A connection is of no use any more."""
        if connection in self._live:
            self._live.discard(connection)
            self._idle.pop(connection, None)
            self._free_slot()

    # Dialling

    async def _dial(self) -> Connection:
        """Open a connection; the caller has counted its slot."""
        self._loop = loop = asyncio.get_running_loop()
        origin = self._origin
        try:
            _, connection = await within(
                self._connect_timeout,
                loop.create_connection(
                    lambda: Connection(
                        loop,
                        self,
                        response_timeout=self._response_timeout,
                        buffer_limit=self._buffer_limit,
                    ),
                    origin.host,
                    origin.port,
                    **origin.tls_arguments(self._connect_timeout),
                ),
            )
        except TimeoutError:
            self._free_slot()
            raise UpstreamUnreachable(
                f"No connection to the merchant within {self._connect_timeout:g} s."
            ) from None
        except OSError as error:
            self._free_slot()
            raise UpstreamUnreachable(_why_not(error)) from error
        except BaseException:
            self._free_slot()
            raise
        if self._closed or connection.state is not State.IDLE:
            connection.close()
            self._free_slot()
            raise UpstreamUnreachable("The merchant closed the connection before it was used.")
        self._live.add(connection)
        if self._timer is None:
            self._timer = loop.call_later(self._interval, self._sweep)
        return connection

    # Waiting for a slot

    async def _wait(self) -> Connection | None:
        """Wait for an idle connection, or for a slot (None), which is then counted for us."""
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            return await within(self._connect_timeout, waiter)
        except BaseException as error:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give_back(waiter.result())
            elif waiter in self._waiters:
                self._waiters.remove(waiter)
            if isinstance(error, TimeoutError):
                raise UpstreamUnreachable(
                    f"All {self._max_connections} connections to the merchant stayed in use"
                    f" for {self._connect_timeout:g} s."
                ) from None
            raise

    def _grant(self, what: Connection | None) -> bool:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(what)
                return True
        return False

    def give_back(self, granted: Connection | None) -> None:
        """Take back a connection on which nothing was sent, or a slot (None)."""
        if granted is None:
            self._free_slot()
        elif granted.state is State.IDLE:
            self.released(granted)

    def _free_slot(self) -> None:
        self._slots -= 1
        if self._waiters and self._slots < self._max_connections and self._grant(None):
            self._slots += 1

    def _sweep(self) -> None:
        self._timer = None
        if self._loop is None:
            return
        now = self._loop.time()
        for connection in [each for each in self._live if each.deadline <= now]:
            connection.expire()
        if self._live:
            self._timer = self._loop.call_later(self._interval, self._sweep)


def _why_not(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The merchant's certificate was refused: {error.verify_message}."
    if isinstance(error, ssl.SSLError):
        return f"TLS with the merchant failed: {error.reason}."
    # asyncio's own texts leave out what the system said; a resolver's error numbers are negative.
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error
    return f"No connection to the merchant: {reason}."
