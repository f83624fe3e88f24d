"""A merchant on loopback whose every byte the test decides, and a client towards it."""

import asyncio
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from connector.upstream.client import UpstreamAnswer, UpstreamClient

Script = Callable[["Visit"], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"Content-Length: 5\r\n\r\nhello"
GET = b"GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 4\r\n\r\n"
BODY = b"body"

on_both_loops = pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
NewLoop = Callable[[], asyncio.AbstractEventLoop]


def run(new_loop: NewLoop, main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(asyncio.wait_for(main, 30))


class Visit:
    """One connection that the merchant accepted."""

    def __init__(
        self, merchant: "Merchant", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.merchant = merchant
        self.reader = reader
        self.writer = writer
        self.number = len(merchant.visits) + 1
        self.released = asyncio.Event()
        """For scripts that wait until the test has seen enough."""

    async def request(self) -> bytes:
        """Read one whole request; raises IncompleteReadError at the end of the connection."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        request = head + await self.reader.readexactly(length)
        self.merchant.requests.append(request)
        await self.merchant.notify()
        return request

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def closed_by_client(self) -> None:
        """Return when the client has closed the connection."""
        while await self.reader.read(65536):
            pass

    def close(self) -> None:
        self.writer.close()

    def wire(self) -> socket.socket:
        """Return the socket itself, for what must happen within one turn of the loop."""
        return socket.socket(fileno=os.dup(self.writer.get_extra_info("socket").fileno()))

    def reset_hard(self) -> None:
        """End the connection with a RST."""
        with self.wire() as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Merchant:
    """What the merchant saw."""

    def __init__(self) -> None:
        self.port = 0
        self.visits: list[Visit] = []
        self.requests: list[bytes] = []
        self.ended = 0
        """Connections whose script is through."""
        self._changed = asyncio.Condition()

    async def visited(self, script: Script, visit: Visit) -> None:
        self.visits.append(visit)
        try:
            await script(visit)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            visit.close()
            self.ended += 1
            await self.notify()

    async def notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def has_ended(self, count: int) -> None:
        """Return when so many scripts are through."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.ended >= count)

    async def has_read(self, count: int) -> None:
        """Return when so many whole requests have arrived."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.requests) >= count)


@asynccontextmanager
async def merchant(
    script: Script, context: ssl.SSLContext | None = None
) -> AsyncIterator[Merchant]:
    """Run ``script`` for each connection; whatever still runs at the end is cancelled."""
    seen = Merchant()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = Visit(seen, reader, writer)
        task = asyncio.ensure_future(seen.visited(script, visit))
        tasks.add(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context, limit=1 << 22)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
        await asyncio.sleep(0)


@asynccontextmanager
async def client_of(seen: Merchant, **settings: Any) -> AsyncIterator[UpstreamClient]:
    chosen: dict[str, Any] = {
        "connect_timeout": 15.0,
        "response_timeout": 20.0,
        "buffer_limit": 1 << 16,
        "idle_timeout": 60.0,
    }
    context = settings.get("ssl_context")
    scheme, host = ("https", "localhost") if context is not None else ("http", "127.0.0.1")
    client = UpstreamClient(f"{scheme}://{host}:{seen.port}", **(chosen | settings))
    try:
        yield client
    finally:
        await client.aclose()


@asynccontextmanager
async def exchanges(
    script: Script, **settings: Any
) -> AsyncIterator[tuple[Merchant, UpstreamClient]]:
    async with merchant(script) as seen, client_of(seen, **settings) as client:
        yield seen, client


def answering(*answers: bytes) -> Script:
    """Answer the requests of each connection one after the other, then read until its end."""

    async def script(visit: Visit) -> None:
        for answer in answers:
            await visit.request()
            await visit.say(answer)
        await visit.closed_by_client()

    return script


async def get(client: UpstreamClient) -> UpstreamAnswer:
    return await client.send(b"GET", GET, b"", retry_read=True)


async def post(client: UpstreamClient) -> UpstreamAnswer:
    return await client.send(b"POST", POST, BODY, retry_read=False)


async def turns(count: int = 5) -> None:
    """Let the loop look at all sockets a few times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Return in the turn of the loop in which the client's side has come so far."""
    while not condition():  # noqa: ASYNC110 - the code under test has no event to wait for
        await asyncio.sleep(0)
