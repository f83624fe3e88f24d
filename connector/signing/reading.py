"""Reads a merchant's public documents, from a file or from the merchant's API."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from connector.signing.source import DocumentUnread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from typing import Protocol

    from connector.steps import RawHeaders, Stream

    class AnswerLike(Protocol):
        """What an upstream client answers with."""

        @property
        def status(self) -> int: ...
        @property
        def headers(self) -> RawHeaders: ...
        @property
        def body(self) -> bytes | Stream: ...

    Send = Callable[[bytes, bytes], Awaitable[AnswerLike]]


def from_file(path: Path) -> Callable[[], Awaitable[bytes]]:
    """Return what reads a document from a file, again each time it is asked."""

    async def read() -> bytes:
        try:
            # A thread: the file may be on a volume that is slow or gone.
            return await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise DocumentUnread(f"{path}: {error.strerror}") from error

    return read


def from_merchant(send: Send, path: str, authority: str) -> Callable[[], Awaitable[bytes]]:
    """Return what reads a document from the merchant's API; ``send`` takes (method, head)."""
    head = (
        f"GET {path} HTTP/1.1\r\nHost: {authority}\r\nAccept: application/json\r\n"
        "Accept-Encoding: identity\r\nUser-Agent: ucp-connector\r\n\r\n"
    ).encode("ascii")

    async def read() -> bytes:
        answer = await send(b"GET", head)
        if not isinstance(answer.body, bytes):
            await answer.body.aclose()
            raise DocumentUnread("the merchant's answer is too large for a profile")
        if answer.status != 200:
            raise DocumentUnread(f"the merchant's API answered {answer.status}")
        return answer.body

    return read
