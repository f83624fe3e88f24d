"""One node of a cluster: its connections, its breaker, and what its errors mean.

The connections are redis-py's. What belongs to a script, its ASKING and its WAIT, goes over the
very connection of the script, in one write.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from hiredis import pack_command
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import Connection, SSLConnection
from redis.exceptions import ConnectionError as BrokenConnection
from redis.exceptions import RedisError, ResponseError

from connector.store.breaker import Breaker
from connector.store.errors import StoreUnavailable
from connector.store.replies import explain

if TYPE_CHECKING:
    from connector.store.slots import Address
    from connector.store.targets import Endpoint

CONNECTIONS: Final = 64
"""Connections to each node; further calls wait for their turn, within their time."""
LEAST_CONNECT: Final = 0.5
"""Seconds in which a node is connected to and looked at, where calls get less."""

MOVED_AWAY: Final = frozenset({"CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY"})
"""Error replies after which another node may have the slots."""
_WITHIN: Final = frozenset({"ERR", "NOPERM"})
"""Error replies to a call, or to what a script asks for in its midst: those name the script."""
_REFUSALS: Final = MOVED_AWAY | _WITHIN | {
    "ASK", "BUSY", "CROSSSLOT", "MISCONF", "MOVED", "NOAUTH", "NOREPLICAS", "NOSCRIPT", "OOM",
    "TRYAGAIN", "WRONGPASS",
}  # fmt: skip
"""Error replies that come before anything was written."""


def packed(*words: bytes | int) -> bytes:
    """Return a command as it goes over the wire."""
    # hiredis takes a tuple of any length; its annotation says one of one.
    return cast("bytes", pack_command(words))  # type: ignore[arg-type]  # see above


_ASKING: Final = packed(b"ASKING")


class Call:
    """One call on its way. ``unsure`` says that it was sent somewhere and has no reply.

    ``whole`` is what to send where the script is not known; ``patience`` in seconds is how long
    ``replicas`` are waited for.
    """

    __slots__ = (
        "asking", "at", "broken", "command", "patience", "replicas", "slot", "unsure", "whole"
    )  # fmt: skip

    def __init__(
        self,
        command: bytes,
        *,
        slot: int = 0,
        whole: bytes = b"",
        replicas: int = 0,
        patience: float = 0.0,
    ) -> None:
        self.command = command
        self.whole = whole
        self.slot = slot
        self.replicas = replicas
        self.patience = patience
        self.asking = False
        """Whether the node is asked for a slot that is on its way to it."""
        self.unsure = False
        self.broken = False
        """Whether a connection broke under it before."""
        self.at: Node | None = None
        """The node whose reply is waited for."""

    def outgoing(self) -> tuple[list[bytes], int]:
        """Return all that goes out, and which of the replies is the call's own."""
        commands = [_ASKING, self.command] if self.asking else [self.command]
        if self.replicas:
            # Half of the time, so that it replies before nobody waits any more.
            milliseconds = max(int(self.patience * 500), 1)
            commands.append(packed(b"WAIT", self.replicas, milliseconds))
        return commands, int(self.asking)


class Node:
    """A node; one that is ``gone`` keeps no connection."""

    __slots__ = ("_pool", "_turn", "address", "breaker", "gone")

    def __init__(self, address: Address, login: Endpoint, timeout: float) -> None:
        self.address = address
        self.breaker = Breaker(timeout)
        self.gone = False
        self._turn = asyncio.Semaphore(CONNECTIONS)
        self._pool = ClusterNode(
            *address,
            connection_class=SSLConnection if login.tls else Connection,
            max_connections=CONNECTIONS,
            username=login.username,
            password=login.password,
            socket_connect_timeout=max(timeout, LEAST_CONNECT),
            # Whoever calls has a time-out of its own.
            socket_timeout=None,
            redis_connect_func=self._greet,
            # Neither HELLO nor CLIENT SETINFO: two replies less to wait for.
            protocol=2,
            driver_info=None,
        )

    async def attempt(self, call: Call) -> Any:
        """Send a call and return its reply, be it an error; a break is returned as an error too.

        StoreUnavailable where it was carried out, but too few replicas have it.
        """
        before = call.unsure
        async with self._turn:
            call.at = self
            try:
                replies, own = await self._exchanged(call)
            except RedisError as error:
                call.at = None
                if is_broken(error):
                    return error
                # An error reply that redis-py ends the connection for, as to a wrong password.
                replies, own = [error], 0
            call.at = None
        self.breaker.answered()
        reply = replies[own]
        if isinstance(reply, RedisError):
            call.unsure = before
            return replies[0] if isinstance(replies[0], RedisError) else reply
        if call.replicas:
            _check_acknowledged(replies[-1], call.replicas)
        return reply

    async def _exchanged(self, call: Call) -> tuple[list[Any], int]:
        """Send over one connection and return all replies; RedisError where it breaks."""
        commands, own = call.outgoing()
        connection = self._pool.acquire_connection()
        try:
            if connection.is_connected and await connection.can_read():
                # Nothing is due, so the node has closed it.
                await connection.disconnect(nowait=True)
            if not connection.is_connected:
                await connection.connect()  # type: ignore[no-untyped-call]  # no annotations
            call.unsure = True
            await connection.send_packed_command(b"".join(commands), check_health=False)
            return [await _reply(connection) for _ in commands], own
        finally:
            if self.gone:
                await connection.disconnect(nowait=True)
            self._pool.release(connection)

    async def _greet(self, connection: Connection) -> None:
        """Log in on a new connection, unless the node was left while it was made."""
        if self.gone:
            raise BrokenConnection
        await connection.on_connect()

    async def leave(self) -> None:
        """Close the connections that nobody uses, and the others once they are given back."""
        self.gone = True
        await self._pool.disconnect_free_connections()

    async def close(self) -> None:
        """Close all connections; what a connection says at its end changes nothing any more."""
        self.gone = True
        await asyncio.gather(self._pool.disconnect(), return_exceptions=True)


def is_broken(error: RedisError) -> bool:
    """Tell whether this is no reply, but the want of one."""
    return not isinstance(error, ResponseError) and error.status_code is None


def kind_of(error: RedisError) -> str:
    """Return the first word of an error reply, which redis-py cuts off where it knows it."""
    return error.status_code or str(error).partition(" ")[0]


def refusal(error: RedisError, *, unsure: bool) -> StoreUnavailable:
    """Return what an error reply to a call means to its caller."""
    kind = kind_of(error)
    wrote = kind not in _REFUSALS or (kind in _WITHIN and "script" in str(error))
    return StoreUnavailable(explain(Exception(kind)), applied=unsure or wrote)


def _check_acknowledged(reply: Any, replicas: int) -> None:
    if isinstance(reply, RedisError):
        raise StoreUnavailable("The store does not wait for replicas.", applied=True)
    if reply < replicas:
        raise StoreUnavailable(
            f"{reply} of {replicas} replicas had the write in time.", applied=True
        )


async def _reply(connection: Connection) -> Any:
    """Return one reply, be it an error; RedisError where the connection breaks."""
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error
