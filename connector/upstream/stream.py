"""An answer's body on its way through: a bounded queue between the connection and its reader."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from connector.upstream.errors import UpstreamError

HIGH_WATER: Final = 256 * 1024
"""Octets in the queue from which on nothing more is read from the merchant."""
LOW_WATER: Final = 64 * 1024


class Source(Protocol):
    """What a stream asks of its connection."""

    def pause(self) -> None:
        """Read nothing more until further notice."""

    def resume(self) -> None:
        """Read on."""

    def forsake(self) -> None:
        """Nobody reads the stream any more: the connection is closed, never pooled."""


class AnswerStream:
    """The body of a large answer or of an event stream, as ``connector.steps.Stream`` promises.

    Holds at most what was buffered before it became a stream, ``HIGH_WATER`` and one read more.
    One reader; iterating raises :class:`UpstreamError` where the body ended early, behind
    all that came before.
    """

    __slots__ = (
        "_error",
        "_held",
        "_length",
        "_loop",
        "_open",
        "_paused",
        "_pieces",
        "_source",
        "_waiting",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, source: Source, length: int | None) -> None:
        self._loop = loop
        self._source = source
        self._length = length
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._open = True
        self._paused = False
        self._error: UpstreamError | None = None
        self._waiting: asyncio.Future[None] | None = None

    @property
    def length(self) -> int | None:
        """Octets promised by Content-Length; None where the merchant gave none."""
        return self._length

    @property
    def paused(self) -> bool:
        """Whether the merchant waits for the reader of this stream."""
        return self._paused

    # The connection's side

    def push(self, pieces: Iterable[bytes]) -> None:
        """Queue what has come."""
        for piece in pieces:
            self._pieces.append(piece)
            self._held += len(piece)
        if self._held >= HIGH_WATER and not self._paused:
            self._paused = True
            self._source.pause()
        self._wake()

    def finish(self, error: UpstreamError | None = None) -> None:
        """Nothing more comes: the body is whole, or ``error`` says why not."""
        self._open = False
        self._error = error
        if self._paused and error is None:
            # The connection is in order and goes on without this stream.
            self._source.resume()
        self._paused = False
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    # The reader's side

    def __aiter__(self) -> AnswerStream:
        return self

    async def __anext__(self) -> bytes:
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if not self._open:
                raise StopAsyncIteration
            if self._waiting is not None:
                raise RuntimeError("a stream has one reader")
            self._waiting = self._loop.create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        piece = self._pieces.popleft()
        self._held -= len(piece)
        if self._paused and self._held <= LOW_WATER:
            self._paused = False
            self._source.resume()
        return piece

    async def aclose(self) -> None:
        """End it early: the merchant's connection is closed, never pooled."""
        self.drop()

    def drop(self) -> None:
        """Do what :meth:`aclose` does, at once."""
        self._pieces.clear()
        self._held = 0
        if self._open:
            self._open = False
            self._paused = False
            self._source.forsake()
            self._wake()
