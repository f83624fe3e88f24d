"""The keys of one server, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_COUNT: Final = b"500"
"""Keys that the server looks at for one page, about."""


async def scan_keys(ask: Callable[..., Awaitable[Any]], match: bytes) -> AsyncIterator[bytes]:
    """Yield the keys that match; ``ask`` sends one command, given word by word."""
    cursor = b"0"
    while True:
        cursor, keys = await ask(b"SCAN", cursor, b"MATCH", match, b"COUNT", _COUNT)
        for key in keys:
            yield key
        if cursor == b"0":
            return
