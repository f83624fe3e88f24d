"""The leases of this process: renewed while the merchant works."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from connector.admission.claims import LEASE, RENEWAL
from connector.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from connector.steps import Claim

_logger: Final = logging.getLogger(__name__)


class Leases:
    """Holds the claims whose merchant is at work. ``renew`` asks the store and returns its word.

    One timer looks at all of them; it runs only while there are any.
    """

    def __init__(
        self,
        renew: Callable[[Claim], Awaitable[bytes]],
        *,
        lease: float = LEASE,
        renewal: float = RENEWAL,
    ) -> None:
        self._renew = renew
        self._lease = lease
        self._renewal = renewal
        self._held: dict[Claim, asyncio.Future[None] | None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, claim: Claim) -> None:
        """Renew this claim from now on."""
        self._held[claim] = None
        if self._timer is None:
            self._arm()

    async def drop(self, claim: Claim) -> None:
        """Renew it no more; returns when no renewal of it is under way."""
        renewing = self._held.pop(claim, None)
        if renewing is not None:
            await renewing

    def abandon(self, claim: Claim) -> None:
        """Renew it no more, whatever is under way."""
        self._held.pop(claim, None)

    def close(self) -> None:
        """Renew nothing any more."""
        self._held.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._renewal / 4, self._look)

    def _look(self) -> None:
        self._timer = None
        due = asyncio.get_running_loop().time() + self._lease - self._renewal
        for claim, renewing in self._held.items():
            if renewing is None and claim.until <= due:
                self._held[claim] = asyncio.ensure_future(self._one(claim))
        if self._held:
            self._arm()

    async def _one(self, claim: Claim) -> None:
        before = asyncio.get_running_loop().time()
        try:
            word = await self._renew(claim)
        except StoreUnavailable:
            pass  # It is tried again until the lease has ended, and after that, too.
        except Exception:
            _logger.exception("a lease could not be renewed")
        else:
            if word == b"done":
                claim.until = before + self._lease
            else:
                self._held.pop(claim, None)
                _logger.warning(
                    "a claim was taken away while the merchant worked: %s", word.decode()
                )
        finally:
            if claim in self._held:
                self._held[claim] = None
