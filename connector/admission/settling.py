"""Tells the store what became of claims, and goes on trying where it cannot be told at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from connector.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from connector.steps import Claim

PERSISTENCE: Final = 60.0
"""Seconds for which a settlement is tried again. The lease ends before: until it is told, callers
are told that the outcome is unknown."""
MOST_OCTETS: Final = 64 << 20
"""Octets of answers that may wait; a claim beyond them is settled without its answer."""
_PAUSES: Final[Sequence[float]] = (0.05, 0.1, 0.2, 0.4, 0.8)
_AGAIN: Final = 1.0
_NOT_OURS: Final = (b"absent", b"stale")
"""Words for a claim that this token has not, or not yet: nobody's, or somebody else's."""
_MISSES: Final = 8
"""Claims in a row that cannot be told of, after which a round ends."""

_logger: Final = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    claim: "Claim"
    arguments: "Sequence[bytes]"
    deadline: float
    octets: int
    forgotten: int
    """0 for what became of a claim that was had. Of one that may never have come to be, or may yet:
    1 for the first time that it is released, and 2 for the second."""


class Settler:
    """``tell`` runs the script for a claim and returns its word; ``told`` counts each outcome."""

    def __init__(
        self,
        tell: Callable[[Claim, Sequence[bytes]], Awaitable[bytes]],
        told: Callable[[str], None],
    ) -> None:
        self._tell = tell
        self._told = told
        self._waiting: deque[_Waiting] = deque()
        self._octets = 0
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    async def settle(self, claim: Claim, arguments: Sequence[bytes]) -> None:
        """Tell the store once; where it cannot be told, go on trying. Never raises for that."""
        try:
            self._heard(await self._tell(claim, arguments))
        except StoreUnavailable as error:
            self._told("delayed")
            _logger.warning("a claim could not be settled yet: %s", error.explanation)
            self._later(claim, arguments)

    def forget(self, claim: Claim) -> None:
        """Release a claim that the store may have made, or may yet make: nothing is sent for it."""
        self._told("delayed")
        self._later(claim, claim.owner(b"released"), forgotten=1)

    async def aclose(self, patience: float) -> None:
        """Try once more for ``patience`` seconds, then leave the rest to the leases' end."""
        task = self._task
        if task is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(task), patience)
            task.cancel()
        if self._waiting:
            _logger.error("%d claims were not settled; their outcome is unknown", len(self))

    def _later(self, claim: Claim, arguments: Sequence[bytes], *, forgotten: int = 0) -> None:
        loop = asyncio.get_running_loop()
        size = sum(map(len, arguments))
        if self._octets + size > MOST_OCTETS and arguments[0] == b"completed":
            arguments = [*arguments[:4], b"", *arguments[5:]]
            size = sum(map(len, arguments))
        self._octets += size
        deadline = loop.time() + PERSISTENCE
        self._waiting.append(_Waiting(claim, arguments, deadline, size, forgotten))
        if self._task is None:
            self._task = asyncio.create_task(self._try())

    async def _try(self) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        try:
            while self._waiting:
                await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures = 0 if await self._round(loop.time()) else failures + 1
        finally:
            self._task = None

    async def _round(self, now: float) -> bool:
        """Tell all that waits; False where nothing could be told.

        One part of a cluster may be away: what belongs there goes to the end of the queue.
        """
        told = misses = 0
        for _ in range(len(self._waiting)):
            waiting = self._waiting[0]
            try:
                word = await self._tell(waiting.claim, waiting.arguments)
            except StoreUnavailable:
                self._waiting.rotate(-1)
                misses += 1
                if misses == _MISSES:
                    break
                continue
            self._waiting.popleft()
            self._octets -= waiting.octets
            told, misses = told + 1, 0
            if not waiting.forgotten:
                self._heard(word)
            elif waiting.forgotten == 1 and word in _NOT_OURS:
                # What was lost on its way may still arrive: behind it, this one finds the claim.
                asyncio.get_running_loop().call_later(_AGAIN, self._once_more, waiting)
            else:
                self._told("absent" if word in _NOT_OURS else word.decode("ascii", "replace"))
        self._give_up(now)
        return told > 0

    def _give_up(self, now: float) -> None:
        """Leave what has been tried for long enough."""
        kept = deque(waiting for waiting in self._waiting if now <= waiting.deadline)
        for _ in range(len(self._waiting) - len(kept)):
            self._told("given_up")
            _logger.warning("a claim was given up: its outcome stays unknown")
        self._waiting = kept
        self._octets = sum(waiting.octets for waiting in kept)

    def _once_more(self, waiting: _Waiting) -> None:
        self._later(waiting.claim, waiting.arguments, forgotten=2)

    def _heard(self, word: bytes) -> None:
        told = word.decode("ascii", "replace")
        self._told(told)
        if told == "stale":
            _logger.error("a claim was settled by somebody else while its owner was at work")
