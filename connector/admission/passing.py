"""A streamed answer to a claimed write, on its way to who asked."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING, Final

from connector.admission.outcomes import Outcome
from connector.admission.recorded import record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from connector.admission.settlement import Settlement
    from connector.steps import Answer, Claim, Recorder, Stream

DRAINING: Final = 60.0
"""Seconds for which the rest of an answer is read whose caller went away."""

_JSON: Final = [(b"Content-Type", b"application/json")]
_logger: Final = logging.getLogger(__name__)


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
