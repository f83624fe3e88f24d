"""The store as claims need it: there, and never evicting what it was given."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

from connector.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.store.client import StoreClient
    from connector.store.scripts import Script

INTERVAL: Final = 5.0
_FIRST: Final = 0.2
"""Seconds between two looks at the store's policy: later, and until it is known."""
_KEEPS: Final = "noeviction"

_logger: Final = logging.getLogger(__name__)


class StoreWatch:
    """Runs scripts on a store whose eviction policy is watched.

    ``policy`` says what is wrong with it, None where nothing is: a store that may evict could
    forget a claim, so nothing runs on it, and the process is not ready. ``down`` tells whether
    the store did not answer when it was last asked.
    """

    def __init__(self, client: StoreClient) -> None:
        self._client = client
        self._task: asyncio.Task[None] | None = None
        self.policy: str | None = "the store has not answered yet"
        self.down = True
        self.failures = 0
        """Calls that got no usable reply."""

    async def start(self) -> None:
        """Connect, look at the policy once, and go on looking."""
        await self._client.start()
        await self._look()
        self._task = asyncio.create_task(self._keep_looking())

    async def run(
        self,
        script: Script,
        keys: Sequence[bytes],
        arguments: Sequence[bytes],
        *,
        replicas: int = 0,
    ) -> Any:
        """Run a script; raises StoreUnavailable, also while the store may evict."""
        if self.policy is not None:
            raise StoreUnavailable(f"The store is not used: {self.policy}.", applied=False)
        try:
            reply = await self._client.run(script, keys, arguments, replicas=replicas)
        except StoreUnavailable:
            self.failures += 1
            self.down = True
            raise
        self.down = False
        return reply

    async def aclose(self) -> None:
        """Stop looking, and close the client."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._client.aclose()

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL if self.policy is None and not self.down else _FIRST)
            await self._look()

    async def _look(self) -> None:
        try:
            policies = await self._client.eviction_policies()
        except StoreUnavailable:
            # What was known of it stays true of the store that comes back, until it says more.
            self.down = True
            return
        self.down = False
        evicting = sorted({each or "unknown" for each in policies} - {_KEEPS})
        problem = None
        if evicting or not policies:
            problem = f"the store's maxmemory-policy is {', '.join(evicting)}, not {_KEEPS}"
        if problem != self.policy:
            if problem is not None:
                _logger.error("%s: claims could be forgotten; all writes are refused", problem)
            else:
                _logger.info("the store keeps what it is given (%s)", _KEEPS)
        self.policy = problem
