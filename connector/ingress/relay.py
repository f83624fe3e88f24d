"""A streamed body on its way to the client, at the client's pace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.ingress.answers import LAST_CHUNK

if TYPE_CHECKING:
    from asyncio import Transport
    from collections.abc import Coroutine
    from typing import Any

    from uvicorn.protocols.http.flow_control import FlowControl

    from connector.steps import Stream


async def closing(stream: Stream, work: Coroutine[Any, Any, None]) -> None:
    """Do what is to be done with a stream, and close it, whatever becomes of that."""
    try:
        await work
    finally:
        await stream.aclose()


async def relay(
    stream: Stream, transport: Transport, flow: FlowControl, length: int | None, *, chunked: bool
) -> None:
    """Write the whole stream behind its head; the next piece is asked for once this one fits.

    Raises what the stream raises, and ValueError where it is not as long as promised.
    """
    sent = 0
    async for piece in stream:
        if not piece:
            continue  # an empty chunk would be the last one
        sent += len(piece)
        if length is not None and sent > length:
            raise ValueError("more octets than Content-Length promised")
        transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if flow.write_paused:
            await flow.drain()
    if length is not None and sent < length:
        raise ValueError("fewer octets than Content-Length promised")
    if chunked:
        transport.write(LAST_CHUNK)
