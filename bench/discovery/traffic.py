"""Requests to the gateway: known platforms at a steady pace, and strangers as a flood."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

_CONNECTIONS: Final = 32
"""Connections of the flood: how many of its requests can be under way."""
_PACE: Final = 0.01
"""Seconds between two requests of a known platform."""


class Line:
    """A connection to the gateway that is kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Return the status and the body."""
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        body = await self._reader.readexactly(int(length))
        if b"connection: close" in head:
            self.close()
        return int(head.split(b" ", 2)[1]), body

    def close(self) -> None:
        """End it; the next request makes a new one."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


async def known(port: int, requests: Sequence[bytes], seconds: float) -> list[list[float]]:
    """Return how long each request of each known platform took, in seconds.

    Raises RuntimeError where one of them was not served.
    """
    return await asyncio.gather(*(_one_known(port, request, seconds) for request in requests))


async def _one_known(port: int, request: bytes, seconds: float) -> list[float]:
    line, took = Line(port), []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        status, body = await line.exchange(request)
        took.append(time.perf_counter() - began)
        if status != 200:
            raise RuntimeError(f"a known platform was answered {status}: {body!r}")
        await asyncio.sleep(_PACE)
    line.close()
    return took


def flood(port: int, told: Connection) -> None:
    """For each list of requests that comes, with seconds: send it, and answer with the codes."""
    while True:
        try:
            requests, seconds = told.recv()
        except (EOFError, OSError):
            return
        told.send(asyncio.run(_flood(port, requests, seconds)))


async def _flood(port: int, requests: Sequence[bytes], seconds: float) -> Counter[str]:
    codes: Counter[str] = Counter()
    began, pace = time.perf_counter(), seconds / len(requests)
    numbered = iter(enumerate(requests))

    async def send() -> None:
        line = Line(port)
        for number, request in numbered:
            await asyncio.sleep(max(0.0, began + number * pace - time.perf_counter()))
            status, body = await line.exchange(request)
            codes["served" if status == 200 else json.loads(body)["code"]] += 1
        line.close()

    await asyncio.gather(*(send() for _ in range(_CONNECTIONS)))
    return codes
