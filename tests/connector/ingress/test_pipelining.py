"""A client that sends requests ahead waits until they are served."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.server import ServerState

from connector.ingress.front import Ingress
from connector.ingress.protocol import IngressProtocol
from tests.connector.ingress.serving import AUTHORITY, GENEROUS, ok

if TYPE_CHECKING:
    from connector.steps import Answer, Received

_REQUEST = f"GET /a HTTP/1.1\r\nHost: {AUTHORITY}\r\n\r\n".encode()


class _Transport(asyncio.Transport):
    """Hands on what is written, and knows whether it is being read from."""

    def __init__(self) -> None:
        super().__init__()
        self._reading = True
        self.written: asyncio.Queue[bytes] = asyncio.Queue()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.1", 50000) if name == "peername" else default

    def is_reading(self) -> bool:
        return self._reading

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.written.put_nowait(bytes(data))

    def is_closing(self) -> bool:
        return False


class _Handler:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()

    async def handle(self, received: Received) -> Answer:
        del received
        gate = asyncio.get_running_loop().create_future()
        self.waiting.put_nowait(gate)
        await gate
        return ok()


def test_nothing_more_is_read_until_what_was_sent_ahead_is_served() -> None:
    async def run() -> None:
        handler: Any = _Handler()
        app: Any = Ingress(
            handler, authorities=[(AUTHORITY, "flower-shop", "https")], per_peer=GENEROUS
        )
        config = uvicorn.Config(app, http=IngressProtocol, lifespan="off", log_config=None)
        config.load()
        protocol = IngressProtocol(config, ServerState(), {}, asyncio.get_running_loop())
        transport = _Transport()
        protocol.connection_made(transport)

        async def answer_one() -> None:
            gate = await handler.waiting.get()
            assert handler.waiting.empty()
            gate.set_result(None)
            assert (await transport.written.get()).startswith(b"HTTP/1.1 200")

        protocol.data_received(_REQUEST)
        seen = [transport.is_reading()]
        protocol.data_received(_REQUEST + _REQUEST)
        for _ in range(3):
            seen.append(transport.is_reading())
            await answer_one()
        seen.append(transport.is_reading())
        protocol.connection_lost(None)

        assert seen == [True, False, False, False, True]

    asyncio.run(run())
