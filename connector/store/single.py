"""A store of one node that takes writes: a server, or the master that Sentinel names.

The connection is kept by a task of its own, which connects again whenever it is lost, and asks
anew where to; calls are refused at once meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
from typing import TYPE_CHECKING, Any, Final

from hiredis import ReplyError

from connector.store.breaker import Breaker
from connector.store.connection import Connection, pack
from connector.store.errors import StoreUnavailable
from connector.store.replies import explain, is_moving, may_have_written, policy_in
from connector.store.scanning import scan_keys
from connector.time_limit import within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from connector.store.scripts import Script
    from connector.store.targets import Endpoint

_FIRST_PAUSE: Final = 0.05
_MOST_PAUSE: Final = 0.5
"""Seconds between two attempts to connect, at first and at most."""
_LEAST_CONNECT: Final = 1.0
"""Seconds that a connection may take, TLS included, where calls get less."""

_logger: Final = logging.getLogger(__name__)
_jitter: Final = random.Random()  # noqa: S311 - spreads attempts, keeps no secret


class SingleClient:
    """A :class:`~connector.store.client.StoreClient` over one pipelined connection.

    ``locate`` says where the node is, before every attempt to connect; ``timeout`` in seconds
    bounds each call; ``scripts`` are loaded with each connection; ``closing`` is awaited last.
    """

    def __init__(
        self,
        locate: Callable[[], Awaitable[Endpoint]],
        *,
        timeout: float,
        scripts: Sequence[Script] = (),
        closing: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._locate = locate
        self._closing = closing
        self._timeout = timeout
        self._scripts = scripts
        self._breaker = Breaker(timeout)
        self._connection: Connection | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._attempted = asyncio.Event()
        self._why = "The store was not asked yet."

    async def start(self) -> None:
        """Begin to connect; return after the first attempt."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
        await self._attempted.wait()

    async def run(
        self,
        script: Script,
        keys: Sequence[bytes],
        arguments: Sequence[bytes],
        *,
        replicas: int = 0,
    ) -> Any:
        """Run a script; see the protocol."""
        count = b"%d" % len(keys)
        named = pack(b"EVALSHA", script.digest, count, *keys, *arguments)
        reply = await self._call(named, replicas)
        if type(reply) is not ReplyError:
            return reply
        if str(reply).startswith("NOSCRIPT"):
            # Somebody flushed them; the text itself is remembered by it again.
            whole = pack(b"EVAL", script.source, count, *keys, *arguments)
            reply = await self._call(whole, replicas)
        return self._checked(reply)

    async def eviction_policies(self) -> list[str]:
        """Return the one node's policy."""
        return [policy_in(await self._answer(b"INFO", b"memory"))]

    def scan(self, match: bytes) -> AsyncIterator[bytes]:
        """Yield the keys that match."""
        return scan_keys(self._answer, match)

    async def fields(self, key: bytes) -> dict[bytes, bytes]:
        """Return a hash."""
        flat = await self._answer(b"HGETALL", key)
        return dict(zip(flat[::2], flat[1::2], strict=True))

    async def aclose(self) -> None:
        """Close the connection and keep none."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._why = "The store's client is closed."
        if self._closing is not None:
            await self._closing()

    # Calls

    async def _answer(self, *words: bytes) -> Any:
        return self._checked(await self._ask(*words))

    def _ask(self, *words: bytes) -> asyncio.Future[Any]:
        return self._call(pack(*words), 0)

    def _call(self, command: bytes, replicas: int) -> asyncio.Future[Any]:
        connection, breaker = self._connection, self._breaker
        if connection is None:
            raise StoreUnavailable(self._why, applied=False)
        if not breaker.closed and not breaker.allows(asyncio.get_running_loop().time()):
            raise StoreUnavailable("The store does not reply; it is left alone.", applied=False)
        return connection.call(command, replicas=replicas)

    def _checked(self, reply: Any) -> Any:
        if not isinstance(reply, ReplyError):
            return reply
        if is_moving(reply) and self._connection is not None:
            # A replica now, or a cluster: whoever takes the writes has to be looked for again.
            self._connection.close()
        raise StoreUnavailable(explain(reply), applied=may_have_written(reply))

    # The connection

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            connection = None
            try:
                connection = await within(max(self._timeout, _LEAST_CONNECT), self._connect())
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not be the last try
                self._why = _why_not(error)
            if connection is None:
                if pause == _FIRST_PAUSE:
                    _logger.warning("store: %s", self._why)
                self._attempted.set()
                await asyncio.sleep(pause * _jitter.uniform(0.5, 1.0))
                pause = min(pause * 2, _MOST_PAUSE)
                continue
            self._breaker.answered()
            self._connection, pause = connection, _FIRST_PAUSE
            _logger.info("store: connected")
            self._attempted.set()
            await connection.lost
            self._connection = None
            self._why = "The connection to the store was lost."
            _logger.warning("store: the connection was lost")

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()

        def make() -> Connection:
            return Connection(
                loop,
                timeout=self._timeout,
                answered=self._breaker.answered,
                timed_out=lambda: self._breaker.failed(loop.time()),
            )

        endpoint = await self._locate()
        if endpoint.path is not None:
            _, connection = await loop.create_unix_connection(make, endpoint.path)
        else:
            context = ssl.create_default_context() if endpoint.tls else None
            _, connection = await loop.create_connection(
                make, endpoint.host, endpoint.port, ssl=context
            )
        try:
            await self._greet(connection, endpoint)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _greet(self, connection: Connection, endpoint: Endpoint) -> None:
        """Log in, choose the database, load the scripts; StoreUnavailable where that fails."""
        commands: list[tuple[bytes | str | int, ...]] = []
        if endpoint.password is not None:
            user = () if endpoint.username is None else (endpoint.username,)
            commands.append(("AUTH", *user, endpoint.password))
        if endpoint.database:
            commands.append(("SELECT", endpoint.database))
        commands += [("SCRIPT", "LOAD", script.source) for script in self._scripts]
        commands.append(("INFO", "replication"))
        waits = [connection.call(pack(*command)) for command in commands]
        replies = await asyncio.gather(*waits)
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise StoreUnavailable(explain(reply), applied=False)
        if b"role:master" not in replies[-1]:
            raise StoreUnavailable("The store's node is a replica.", applied=False)


def _why_not(error: Exception) -> str:
    if isinstance(error, StoreUnavailable):
        return error.explanation
    if isinstance(error, TimeoutError):
        return "No connection to the store in time."
    reason = error.strerror if isinstance(error, OSError) else None
    return f"No connection to the store: {reason or type(error).__name__}."
