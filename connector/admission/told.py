"""What operators said of claims, on its way from the command to an audit log: through the store.

The command runs beside the gateways, and a log belongs to one of them. So it leaves the decision
line of its resolution in the store, and whichever gateway is up writes it down. A line is there
until that is done: where a gateway ends in between, it may be written down twice, under one id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connector.admission.scripts import TOLD

if TYPE_CHECKING:
    from connector.store.client import StoreClient

MOST_LINES: Final = 1000
"""Lines that may wait."""
_KEYS: Final = (b"ucp1:{administration}:told", b"ucp1:{administration}:held")
_AT_ONCE: Final = 100
_HELD: Final = 10_000
"""Milliseconds in which a gateway has written down what it took."""


class Told:
    """The lines that wait. Every call may raise StoreUnavailable.

    ``who`` is this process's own name among all that use the store.
    """

    def __init__(self, client: StoreClient, who: bytes) -> None:
        self._client = client
        self._who = who

    async def push(self, line: str) -> bool:
        """Leave a line, with its line end; False where too many wait already."""
        arguments = (b"push", line.encode(), b"%d" % MOST_LINES)
        return bool(await self._client.run(TOLD, _KEYS, arguments) == b"pushed")

    async def take(self) -> list[bytes]:
        """Return the oldest lines, with their line ends, for this process alone for a while."""
        arguments = (b"take", self._who, b"%d" % _HELD, b"%d" % _AT_ONCE)
        found: bytes = await self._client.run(TOLD, _KEYS, arguments)
        return found.splitlines(keepends=True)

    async def done(self, line: bytes) -> None:
        """Forget a line that is written down."""
        await self._client.run(TOLD, _KEYS, (b"done", self._who, line))
