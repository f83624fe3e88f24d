"""What the owner of a claim does with it, from the first byte to the recorded answer."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from time import perf_counter
from typing import TYPE_CHECKING, Final

from connector.admission.outcomes import Outcome, outcome_of
from connector.admission.recorded import record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from collections.abc import Set as AbstractSet
    from typing import Any

    from connector.admission.leases import Leases
    from connector.admission.sealing import Sealer
    from connector.admission.settling import Settler
    from connector.steps import Answer, Claim, Recorder, Stream

DRAINING: Final = 60.0
"""Seconds for which the rest of an answer is read whose caller went away."""

_JSON: Final = [(b"Content-Type", b"application/json")]
_logger: Final = logging.getLogger(__name__)


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


class Passing:
    """A streamed answer on its way: digested, looked into, and settled before its end is told.

    A caller that goes away does not end it: the rest is read, because what the merchant has done
    must be known. Nor does it end the settling: who has been promised a length knows the end by
    the last octet, and may be gone before the store has answered.
    """

    def __init__(
        self, settlement: Settlement, claim: Claim, answer: Answer, recorder: Recorder | None
    ) -> None:
        self._settlement = settlement
        self._claim = claim
        self._status = answer.status
        self._stream: Stream = answer.body  # type: ignore[assignment]  # only streams come here
        self._pieces: AsyncIterator[bytes] = aiter(self._stream)
        self._recorder = recorder
        self._digest = hashlib.sha256()
        self._passed = 0
        self._over = False

    @property
    def length(self) -> int | None:
        """Octets promised."""
        return self._stream.length

    def __aiter__(self) -> Passing:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            await self._settle(whole=True)
            raise
        except asyncio.CancelledError:
            raise
        except Exception:
            await self._settle(whole=False)
            raise
        self._digest.update(piece)
        if self._recorder is not None:
            self._recorder.feed(piece)
            if self._recorder.answer is not None:
                # What was done is known, however long the stream goes on.
                await self._settle(whole=True)
        self._passed += len(piece)
        if self._passed == self._stream.length:
            await self._settle(whole=True)
        return piece

    async def aclose(self) -> None:
        """Read the rest where the caller went away before it was known what was done."""
        if self._over:
            await self._stream.aclose()
        else:
            self._settlement.in_background(self._drain())

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(DRAINING):
                async for _ in self:
                    pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is not whole
            _logger.warning("an answer that nobody reads broke off: %s", type(error).__name__)
            await self._settle(whole=False)
        finally:
            await self._stream.aclose()

    async def _settle(self, *, whole: bool) -> None:
        if self._over:
            return
        self._over = True
        outcome = self._settlement.outcome_of(self._status) if whole else Outcome.UNKNOWN
        recorder, kept, digest = self._recorder, b"", b""
        if outcome is Outcome.COMPLETED and recorder is not None:
            if recorder.answer is not None:
                # Asked again, it comes as the one answer that it is, and not as a stream.
                kept = record(200, _JSON, recorder.answer)
            elif not recorder.answered:
                outcome = Outcome.UNKNOWN
        if outcome is Outcome.COMPLETED and not kept:
            digest = self._digest.hexdigest().encode("ascii")
        settling = self._settlement.settle(self._claim, outcome, kept, digest)
        await asyncio.shield(self._settlement.in_background(settling))
