"""A real uvicorn server on loopback, in a thread of its own, with a handler that records."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Self

import uvicorn
import uvloop

from connector.ingress.front import Ingress, PeerRate
from connector.ingress.limits import WireLimits
from connector.ingress.protocol import IngressProtocol
from connector.steps import Answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from connector.errors import Refusal
    from connector.ingress.context import WireContext
    from connector.steps import Received

AUTHORITY = "shop.example.com"
PATIENCE = 20.0
"""Seconds after which a test gives up on something that must happen."""
GENEROUS = PeerRate(1e-6, 1_000_000)


def ok(body: bytes = b"ok") -> Answer:
    return Answer(200, [(b"Content-Type", b"text/plain")], body)


class Recorder:
    """A handler that keeps what it is given. ``respond`` may answer in its place."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.refused: list[tuple[Refusal, WireContext]] = []
        self.respond: Callable[[Received], Awaitable[Answer]] | None = None

    async def handle(self, received: Received) -> Answer:
        self.received.append(received)
        if self.respond is not None:
            return await self.respond(received)
        return ok()

    def refuse(self, refusal: Refusal, context: WireContext) -> Answer:
        self.refused.append((refusal, context))
        return Answer(refusal.code.status, [(b"X-Code", refusal.code.name.encode())], b"refused")

    def clear(self) -> None:
        self.received.clear()
        self.refused.clear()
        self.respond = None


class Serving:
    """One running server."""

    def __init__(self, handler: Recorder, front: Ingress, server: uvicorn.Server) -> None:
        self.handler = handler
        self.front = front
        self.server = server
        self.loop: asyncio.AbstractEventLoop = None  # type: ignore[assignment]  # set by the thread

    @property
    def address(self) -> tuple[str, int]:
        name = self.server.servers[0].sockets[0].getsockname()
        return name[0], name[1]

    def connect(self) -> Client:
        return Client(socket.create_connection(self.address, timeout=PATIENCE))

    def exchange(self, octets: bytes) -> bytes:
        """Send, and return everything until the server closes."""
        with self.connect() as client:
            client.send(octets)
            return client.rest()


class Client:
    """A raw socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, octets: bytes) -> None:
        """Send what the server takes; it may have heard enough."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(octets)

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def until(self, marker: bytes) -> bytes:
        """Read up to and with the marker."""
        while marker not in self._read:
            piece = self.socket.recv(65536)
            assert piece, f"closed after {self._read!r}"
            self._read += piece
        read, marker, self._read = self._read.partition(marker)
        return read + marker

    def answer(self) -> tuple[int, bytes, bytes]:
        """Read one answer framed by its length: status, head, body."""
        head = self.until(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(self._read) < length:
            piece = self.socket.recv(65536)
            assert piece
            self._read += piece
        body, self._read = self._read[:length], self._read[length:]
        return status_of(head), head, body

    def rest(self) -> bytes:
        """Read until the server closes; a reset counts as closed."""
        with contextlib.suppress(ConnectionResetError):
            while piece := self.socket.recv(65536):
                self._read += piece
        return self._read


def status_of(answer: bytes) -> int:
    return int(answer[9:12])


@contextlib.contextmanager
def serving(
    limits: WireLimits = WireLimits(),  # noqa: B008 - immutable
    *,
    authorities: list[tuple[str, str, str]] | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop,
    **settings: Any,
) -> Iterator[Serving]:
    handler = Recorder()
    settings.setdefault("per_peer", GENEROUS)
    front = Ingress(
        handler,
        authorities=authorities or [(AUTHORITY, "flower-shop", "https")],
        limits=limits,
        **settings,
    )
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        front,  # type: ignore[arg-type]  # the protocol class is what makes use of it
        http=IngressProtocol,
        lifespan="off",
        loop="none",
        ws="none",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    server = uvicorn.Server(config)
    running = Serving(handler, front, server)

    async def main() -> None:
        running.loop = asyncio.get_running_loop()
        await server.serve(sockets=[listener])

    def run() -> None:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(main())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield running
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for something that no event tells of."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.002)
