"""What an operator does with claims: find those of unknown outcome, look at one, resolve it.

The store's scripts decide what may be resolved, by the store's clock. What is shown of a claim is
judged by this process's clock: where that is ahead of the store's by more than seven seconds, a
claim that is being worked on may be shown as unknown (its lease is ten seconds, renewed every
three); where it is behind, one whose owner died is shown as claimed for so much longer.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, cast

from connector.admission.claim_record import (
    STATES,
    ClaimRecord,
    NotAClaim,
    claim_id,
    claim_name,
    read_claim,
    shown_time,
)
from connector.admission.claims import QUIET
from connector.admission.scripts import SETTLE
from connector.store.errors import StoreUnavailable
from connector.telemetry.decisions import resolution_line
from connector.telemetry.journal import new_audit_id

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Sequence

    from connector.store.client import StoreClient

OUTCOMES: Final = ("executed", "not_executed")
MOST_REASON: Final = 500
MOST_BY: Final = 100
"""Characters of what an operator says, and of who it is."""
MOST_CLAIMS: Final = 1000
"""Claims in one listing."""
MOST_NAMES: Final = 1_000_000
"""Names that one listing looks at, a few at a time between a gateway's requests: half a minute."""

_PATTERN: Final = b"ucp1:{*}:[cu]*"
_AT_ONCE: Final = 50
"""Records that are read in one round trip."""
_NO_HASH: Final = "WRONGTYPE"
_FINAL: Final = ("completed", "released")

Word = Literal["done", "live", "early", "settled", "changed", "absent"]

_EXPLANATIONS: Final[dict[Word, str]] = {
    "done": "resolved",
    "live": "a gateway is at work on it: its lease runs",
    "early": "a gateway may still be at work on it",
    "settled": "there is nothing to resolve",
    "changed": "it is another attempt by now: look again",
    "absent": "there is no such claim",
}


class Wanted(NamedTuple):
    """What a listing is about; None wants all."""

    states: Collection[str] = ("unknown",)
    merchant: str | None = None
    operation: str | None = None
    audit_id: str | None = None
    token: str | None = None

    def has(self, record: ClaimRecord) -> bool:
        """Tell whether this is one."""
        asked = (self.merchant, self.operation, self.audit_id, self.token)
        found = (record.merchant, record.operation, record.audit_id, record.token)
        return record.state in self.states and all(
            want is None or want == have for want, have in zip(asked, found, strict=True)
        )


class Listing(NamedTuple):
    """Claims, the oldest first."""

    claims: list[ClaimRecord]
    skipped: int
    """Records that are not shaped as claims."""
    complete: bool
    """False where there may be more: the limit was reached, or the most names looked at."""


class Resolution(NamedTuple):
    """What became of an operator's word. ``before`` is the claim as it was."""

    word: Word
    wait: float
    """Seconds after which it may be said, where it was early."""
    claim_id: str
    outcome: str
    by: str
    reason: str
    at: float
    audit_id: str
    before: ClaimRecord | None

    @property
    def explanation(self) -> str:
        """Why it was not resolved, in half a sentence for the operator."""
        text = _EXPLANATIONS[self.word]
        if self.word == "early":
            return f"{text}: not_executed can be said in {math.ceil(self.wait)} s"
        if self.before is not None and self.before.state in _FINAL:
            return f"{text}: it is {self.before.state}"
        return text

    def line(self) -> str:
        """Return the decision line that a resolution leaves, with its line end."""
        before = self.before
        return resolution_line(
            self.at,
            self.audit_id,
            "" if before is None else before.merchant,
            "" if before is None else before.operation,
            claim=self.claim_id,
            outcome=self.outcome,
            by=self.by,
            reason=self.reason,
            before="" if before is None else before.state,
        )


class ClaimDesk:
    """Lists, shows and resolves claims. Every call may raise StoreUnavailable.

    Seconds: ``keep`` for an answer (store.idempotency_ttl), ``tombstone`` for the memory that a
    write was done (store.tombstone_ttl), ``quiet`` since the last renewal before not_executed.
    ``now`` returns UNIX time; ``most_names`` bounds a listing, and ``looked`` is told on its way
    at how many it has looked.
    """

    def __init__(
        self,
        client: StoreClient,
        *,
        keep: float,
        tombstone: float,
        quiet: float = QUIET,
        now: Callable[[], float] = time.time,
        most_names: int = MOST_NAMES,
        looked: Callable[[int], None] | None = None,
    ) -> None:
        self._client = client
        self._now = now
        self._most_names = most_names
        self._looked = looked
        # Which of the times an answer would have had is not known here: the longest is safe.
        self._executed = (b"%d" % ((keep + tombstone) * 1000),)
        self._not_executed = (b"%d" % (quiet * 1_000_000), b"%d" % (keep * 1000))

    async def list(
        self,
        *,
        states: Collection[str] = ("unknown",),
        merchant: str | None = None,
        operation: str | None = None,
        audit_id: str | None = None,
        token: str | None = None,
        limit: int,
    ) -> Listing:
        """Return up to ``limit`` claims; ValueError for a state or a limit that is none."""
        if not set(states) <= set(STATES) or not 1 <= limit <= MOST_CLAIMS:
            raise ValueError(f"states are {', '.join(STATES)}; the limit is 1 to {MOST_CLAIMS}")
        wanted = Wanted(states, merchant, operation, audit_id, token)
        found: dict[str, ClaimRecord] = {}
        skipped, seen = 0, 0
        async with aclosing(self._names()) as batches:
            async for names in batches:
                seen += len(names)
                for record in await asyncio.gather(*map(self._read, names)):
                    if isinstance(record, NotAClaim):
                        skipped += 1
                    elif record is not None and wanted.has(record):
                        found[record.claim_id] = record
                if self._looked is not None:
                    self._looked(seen)
                if len(found) > limit or seen > self._most_names:
                    break
        oldest = sorted(found.values(), key=lambda record: record.claimed or record.renewed or 0)
        complete = len(found) <= limit and seen <= self._most_names
        return Listing(oldest[:limit], skipped, complete)

    async def show(self, claim_id: str) -> ClaimRecord | None:
        """Return one claim; None where there is none, or something else."""
        try:
            record = await self._read(claim_name(claim_id))
        except NotAClaim:
            return None
        return None if isinstance(record, NotAClaim) else record

    async def resolve(
        self, claim_id: str, outcome: str, by: str, reason: str, *, token: str | None = None
    ) -> Resolution:
        """Say that a write of unknown outcome was ``executed`` or ``not_executed``.

        ``token`` is that of the attempt which the operator has looked for at the merchant: what is
        said of it holds for no other. None says it of whatever attempt is found.

        ValueError where the outcome is none of them, or ``by`` or ``reason`` is not one line of
        text. After a StoreUnavailable with ``applied`` it may have been resolved: look.
        """
        if outcome not in OUTCOMES:
            raise ValueError(f"an outcome is {' or '.join(OUTCOMES)}")
        _check("by", by, MOST_BY)
        _check("reason", reason, MOST_REASON)
        at = self._now()
        audit_id = new_audit_id(at)
        before = await self.show(claim_id)
        word: Word = "absent"
        wait = 0.0
        if before is not None and token is not None and token != before.token:
            word = "settled" if before.state in _FINAL else "changed"
        elif before is not None:
            note = {
                "outcome": outcome,
                "by": by,
                "reason": reason,
                "at": shown_time(at),
                "audit_id": audit_id,
            }
            word, wait = await self._settle(before, outcome, json.dumps(note), audit_id)
        return Resolution(word, wait, claim_id, outcome, by, reason, at, audit_id, before)

    async def _settle(
        self, before: ClaimRecord, outcome: str, note: str, audit_id: str
    ) -> tuple[Word, float]:
        times = self._executed if outcome == "executed" else self._not_executed
        said_of = before.token.encode("ascii")
        arguments = (outcome.encode("ascii"), note.encode("ascii"), said_of, *times)
        try:
            word, number = await self._client.run(SETTLE, before.keys, arguments)
        except StoreUnavailable as error:
            if error.applied and await self._is_ours(before, audit_id):
                return "done", 0.0
            raise
        if word == b"settled" and await self._is_ours(before, audit_id):
            # The script ran twice, because the connection broke before its first reply.
            return "done", 0.0
        return cast("Word", word.decode("ascii")), number / 1e6

    async def _is_ours(self, before: ClaimRecord, audit_id: str) -> bool:
        after = await self.show(before.claim_id)
        note = None if after is None else after.note
        return note is not None and note.get("audit_id") == audit_id

    async def _names(self) -> AsyncGenerator[Sequence[bytes], None]:
        """Yield claims' names, some at a time; a name may come twice."""
        names: list[bytes] = []
        async for name in self._client.scan(_PATTERN):
            try:
                claim_id(name)
            except NotAClaim:
                continue
            names.append(name)
            if len(names) == _AT_ONCE:
                yield names
                names = []
        if names:
            yield names

    async def _read(self, name: bytes) -> ClaimRecord | NotAClaim | None:
        """Read one record; None where it ended meanwhile."""
        try:
            fields = await self._client.fields(name)
            return read_claim(name, fields, self._now()) if fields else None
        except NotAClaim as error:
            return error
        except StoreUnavailable as error:
            if _NO_HASH in error.explanation:
                return NotAClaim("no hash")
            raise


def _check(name: str, text: str, most: int) -> None:
    if not text.strip() or len(text) > most or not text.isprintable():
        raise ValueError(f"{name} is one line of text, at most {most} characters")
