"""What the owner of a claim does with it, from the first byte to the recorded answer."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

from connector.admission.outcomes import Outcome, outcome_of
from connector.admission.passing import Passing
from connector.admission.recorded import record

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from collections.abc import Set as AbstractSet
    from typing import Any

    from connector.admission.leases import Leases
    from connector.admission.sealing import Sealer
    from connector.admission.settling import Settler
    from connector.steps import Answer, Claim, Recorder


class Settlement:
    """Holds, and settles, the claims of one merchant.

    ``refusals`` are the statuses with which the merchant promises that nothing was done.
    """

    def __init__(
        self, leases: Leases, settler: Settler, sealer: Sealer, refusals: AbstractSet[int]
    ) -> None:
        self._leases = leases
        self._settler = settler
        self._sealer = sealer
        self._refusals = refusals
        self._draining: set[asyncio.Task[None]] = set()

    def hold(self, claim: Claim) -> None:
        """Keep the claim's lease from now on."""
        self._leases.hold(claim)

    def abandon(self, claim: Claim) -> None:
        """Leave it to the end of its lease: there is no time to settle it."""
        self._leases.abandon(claim)

    async def released(self, claim: Claim) -> None:
        """Let it go: provably not one byte was sent."""
        await self._leases.drop(claim)
        await self._settler.settle(claim, claim.owner(b"released"))

    async def unknown(self, claim: Claim) -> None:
        """Note that it was sent, and that no whole answer came."""
        await self._leases.drop(claim)
        await self._settler.settle(claim, claim.owner(b"unknown"))

    async def answered(self, claim: Claim, answer: Answer, recorder: Recorder | None) -> Answer:
        """Settle by the merchant's answer; one that is streamed settles when it has passed.

        ``recorder`` looks into an event stream. Returns what goes back to the caller.
        """
        body = answer.body
        if type(body) is not bytes:
            passing = Passing(self, claim, answer, recorder)
            return answer._replace(body=passing)
        outcome = outcome_of(answer.status, self._refusals)
        kept = record(answer.status, answer.headers, body)
        await self.settle(claim, outcome, kept)
        return answer

    async def settle(
        self, claim: Claim, outcome: Outcome, kept: bytes = b"", digest: bytes = b""
    ) -> None:
        """Settle with a recorded answer, or with the digest of one that is not kept."""
        if outcome is Outcome.RELEASED:
            await self.released(claim)
            return
        if outcome is Outcome.UNKNOWN:
            await self.unknown(claim)
            return
        await self._leases.drop(claim)
        sealed = b""
        if kept and (claim.stored is None or claim.stored.answer(len(kept), perf_counter())):
            sealed = self._sealer.seal(kept, claim.keys[0], claim.payload, claim.token)
        answer_seconds, claim_seconds = claim.keeps
        await self._settler.settle(
            claim,
            (
                *claim.owner(b"completed"),
                sealed,
                b"%d" % (answer_seconds * 1000),
                b"%d" % (claim_seconds * 1000),
                digest,
            ),
        )

    def outcome_of(self, status: int) -> Outcome:
        """Judge a status by the merchant's promise."""
        return outcome_of(status, self._refusals)

    def in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Finish this, whoever goes away meanwhile."""
        task = asyncio.create_task(work)
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)
        return task

    async def aclose(self, patience: float) -> None:
        """Give what runs in the background some seconds, then leave it to the leases' end."""
        if self._draining:
            await asyncio.wait(self._draining, timeout=patience)
        for task in self._draining:
            task.cancel()
