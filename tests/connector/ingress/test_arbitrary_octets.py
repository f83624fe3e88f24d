"""The connection against arbitrary octets in arbitrary pieces: refused, or the same requests."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from connector.ingress.front import Ingress
from connector.ingress.limits import WireLimits
from connector.ingress.protocol import IngressProtocol
from tests.connector.ingress.serving import GENEROUS, Recorder
from tests.connector.ingress.test_reader import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = WireLimits(body=60, headers=6, header_line=100, header_bytes=250, in_flight=4)


class MemoryTransport(asyncio.Transport):
    """A transport that keeps what is written and tells the protocol of its end."""

    def __init__(self, protocol: IngressProtocol) -> None:
        super().__init__()
        self._protocol = protocol
        self.written = b""
        self.ended = self.closed = self.reading_paused = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.1", 5) if name == "peername" else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended, "written behind the end"
        self.written += bytes(data)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def pause_reading(self) -> None:
        self.reading_paused = True

    def resume_reading(self) -> None:
        self.reading_paused = False

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = self.ended = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop go round, which is all there is to wait for."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came")


async def converse(pieces: list[bytes]) -> tuple[list[tuple[Any, ...]], bool]:
    """Return the requests handed over, and whether the connection was ended by our side."""
    handler = Recorder()
    front = Ingress(
        handler, authorities=[("a", "flowers", "https")], limits=LIMITS, per_peer=GENEROUS
    )
    config = uvicorn.Config(front, http=IngressProtocol, lifespan="off", log_config=None)  # type: ignore[arg-type]  # no ASGI
    state = ServerState()
    loop = asyncio.get_running_loop()
    protocol = IngressProtocol(config, state, {}, loop)
    transport = MemoryTransport(protocol)
    protocol.connection_made(transport)
    for piece in pieces:
        await until(lambda: transport.ended or not transport.reading_paused)
        if transport.closed:
            break
        protocol.data_received(piece)
        await asyncio.sleep(0)
    await until(lambda: not state.tasks)
    ended = transport.ended
    transport.close()
    await until(lambda: not state.connections)
    assert front.in_flight == 0
    assert len(front.sweep) == 0
    assert transport.written.count(b"HTTP/1.1 200 OK") == len(handler.received)
    assert len(handler.refused) <= 1
    assert not handler.refused or ended
    requests = [
        (
            each.merchant,
            each.request.method,
            each.request.target,
            tuple(each.request.headers),
            each.request.body,
            each.request.scheme,
        )
        for each in handler.received
    ]
    return requests, ended


@settings(max_examples=250, deadline=None)
@given(STREAMS, st.lists(st.integers(1, 300), max_size=10))
def test_octets_are_refused_or_handed_over_alike_however_they_are_cut(
    stream: bytes, cuts: list[int]
) -> None:
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    pieces = [stream[a:b] for a, b in pairwise(places)]
    whole = asyncio.run(converse([stream] if stream else []))
    assert asyncio.run(converse(pieces)) == whole
