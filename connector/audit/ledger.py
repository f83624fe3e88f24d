"""What the gateway tells the audit log, and when it may go on.

The record of a request is on disk before the request is sent; what became of it is appended behind.
Whatever the log cannot take is refused: ``audit_unavailable``.
"""

from __future__ import annotations

import asyncio
import logging
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Final

from connector.audit.denials import INTERVAL, DenialLane
from connector.audit.errors import AuditUnavailable
from connector.audit.space import DailyBudget
from connector.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connector.audit.disk import Disk
    from connector.audit.log import AuditLog
    from connector.audit.prune_watch import PruneWatch
    from connector.audit.recovery import Recovered
    from connector.audit.rendering import Scribe
    from connector.audit.space import Space
    from connector.audit.writer import Abandoned
    from connector.steps import Admission, Caller, Operation, Received

_LOOK: Final = 1.0
"""Seconds between two looks at the disk."""
_NOT_SENT: Final = frozenset({"upstream_unreachable", "audit_unavailable", "overloaded"})
_IN_DOUBT: Final = frozenset({"outcome_unknown", "upstream_timeout"})
_BY: Final = "the gateway"
_BY_PRUNING: Final = "ucp-connector audit prune"
_BY_CONFIGURATION: Final = "the configuration"

_logger: Final = logging.getLogger(__name__)


class Ledger:
    """The log of this process, in the gateway's words.

    ``daily`` are the octets a day that callers of one merchant who are not registered may fill;
    ``vkeys`` verify what the log signs.
    """

    def __init__(
        self,
        log: AuditLog,
        scribe: Scribe,
        *,
        disk: Disk,
        space: Space,
        prunes: PruneWatch,
        vkeys: Sequence[str],
        daily: int,
        shared: Callable[[str], bool],
    ) -> None:
        self.log = log
        self._scribe = scribe
        self._disk = disk
        self._space = space
        self._prunes = prunes
        self._vkeys = [*vkeys]
        self._daily = daily
        self._shared = shared
        self._budgets: dict[str, DailyBudget] = {}
        self._denials = DenialLane()
        self._since = scribe.time()
        self._task: asyncio.Task[None] | None = None

    @property
    def problem(self) -> str | None:
        """Why nothing is sent any more; None where all is well."""
        return self._space.problem or self.log.problem

    @property
    def warning(self) -> str | None:
        """What an operator should look at."""
        return self._space.warning

    def begin(self, recovered: Recovered, **opened: object) -> None:
        """Say that the process writes, and close what the one before left open."""
        torn = sum(each.octets for each in recovered.torn)
        orphans = len(recovered.orphans)
        self.log.note(
            self._scribe.other("opened", torn=torn or None, orphans=orphans or None, **opened)
        )
        for orphan in recovered.orphans:
            record = self._scribe.other(
                "completed",
                audit_id=orphan.audit_id,
                merchant=orphan.merchant,
                outcome="unknown",
                recovered=True,
            )
            self.log.note(record, closes=orphan.audit_id)
        self._prunes.begin(recovered.pruned)
        self._look()
        self._task = asyncio.create_task(self._keep_looking())

    async def receive(
        self,
        received: Received,
        caller: Caller,
        operation: Operation,
        admission: Admission,
        audit_id: str,
        template: str,
    ) -> None:
        """Return once it is on disk what is about to be sent; raises Refusal.

        What is answered by what was recorded before is sent nowhere: nobody waits for its record.
        """
        record = self._scribe.received(received, caller, operation, admission, audit_id, template)
        if self._shared(caller.tier):
            self._spend(received.merchant, len(record), received.started)
        if admission.answer is None:
            await self._durable(record, audit_id)
        else:
            self.log.note(record, opens=audit_id)

    async def receive_unverified(
        self,
        received: Received,
        operation: str,
        kind: str,
        audit_id: str,
        template: str,
        refusal: Refusal,
    ) -> None:
        """Return once it is on disk that something unverified is about to be sent."""
        record = self._scribe.unverified(received, operation, kind, audit_id, template, refusal)
        self._spend(received.merchant, len(record), received.started)
        await self._durable(record, audit_id)

    def has(self, audit_id: str) -> bool:
        """Whether a request was written down, and not what became of it."""
        return self.log.is_open(audit_id)

    def close(
        self,
        audit_id: str,
        merchant: str,
        *,
        decision: str,
        status: int,
        octets: int | None,
        started: float,
        refusal: Refusal | None,
    ) -> None:
        """Note what became of a request; ``octets`` of an answer that is not streamed."""
        code = "" if refusal is None else refusal.code.name
        if code in _IN_DOUBT or (refusal is not None and refusal.reason == "internal_error"):
            outcome = "unknown"
        elif code in _NOT_SENT or code == "rate_limited":
            outcome = "not_sent"
        else:
            outcome = "streamed" if octets is None else "answered"
        record = self._scribe.completed(
            audit_id,
            merchant,
            decision=decision,
            outcome=outcome,
            status=status,
            octets=octets,
            duration=int((perf_counter() - started) * 1e9),
            refusal=refusal,
        )
        self.log.note(record, closes=audit_id)

    def deny(
        self,
        audit_id: str,
        merchant: str,
        peer: str,
        status: int,
        refusal: Refusal,
        *,
        operation: str = "",
        caller: Caller | None = None,
    ) -> None:
        """Note a refusal, as far as there is room for it."""
        if self._denials.admits(peer, refusal.code.name, merchant, monotonic()):
            record = self._scribe.denied(
                audit_id, merchant, peer, status, refusal, operation=operation, caller=caller
            )
            self.log.note(record)

    def administer(self, action: str, by: str, details: dict[str, object]) -> None:
        """Note what somebody did to claims, keys or the log."""
        record = self._scribe.other("administration", action=action, by=by, details=details)
        self.log.note(record)

    def follow(self, settings: str, changes: Sequence[tuple[str, dict[str, object]]]) -> None:
        """Name the digest of other settings from now on, and note each action with its details."""
        self._scribe.follow(settings)
        details: dict[str, object] = {"settings": settings, "changes": len(changes)}
        self.administer("settings_changed", _BY_CONFIGURATION, details)
        for action, more in changes:
            self.administer(action, _BY_CONFIGURATION, more)

    async def administer_durably(self, action: str, by: str, details: dict[str, object]) -> None:
        """Return once it is on disk what somebody did; raises AuditUnavailable."""
        record = self._scribe.other("administration", action=action, by=by, details=details)
        await self.log.append(record)

    async def aclose(self, patience: float) -> bool:
        """Write everything, with a last checkpoint; False where that fails."""
        if self._task is not None:
            self._task.cancel()
        self._tell_counted()
        return await self.log.aclose(self._scribe.other("closed", records=self.log.size), patience)

    def _spend(self, merchant: str, octets: int, now: float) -> None:
        budget = self._budgets.get(merchant)
        if budget is None:
            budget = self._budgets[merchant] = DailyBudget(self._daily)
        wait = budget.take(octets, now)
        if wait:
            raise Refusal(
                "rate_limited",
                "audit_budget",
                "callers who are not registered have filled their part of the audit log",
                retry_after=max(int(wait), 1),
            )

    async def _durable(self, record: bytes, audit_id: str) -> None:
        if self._space.problem is not None:
            raise _unavailable(self._space.problem)
        try:
            await self.log.append(record, audit_id)
        except AuditUnavailable as error:
            raise _unavailable(str(error)) from error

    async def _keep_looking(self) -> None:
        passed = 0.0
        while True:
            await asyncio.sleep(_LOOK)
            self._look()
            passed += _LOOK
            if passed >= INTERVAL:
                passed = 0.0
                self._tell_counted()

    def _look(self) -> None:
        before = self._space.problem
        try:
            self._space.look(*self._disk.space())
            first = self._prunes.look()
        except OSError as error:
            _logger.warning("the disk of the audit log cannot be looked at: %s", error.strerror)
            first = None
        if first is not None:
            # The record that named the keys may be one of those that went.
            self.administer("prune", _BY_PRUNING, {"first": first, "keys": self._vkeys})
        if self._space.problem is not None and before is None:
            _logger.error("%s: nothing is sent any more", self._space.problem)

    def _tell_counted(self) -> None:
        since, self._since = self._since, self._scribe.time()
        for each in self._denials.counted():
            record = self._scribe.other(
                "denied",
                **{"class": each.address_class},
                code=each.code,
                merchant=each.merchant or None,
                count=each.times,
                since=since,
                until=self._since,
            )
            self.log.note(record)


def resumed(scribe: Scribe) -> Callable[[Abandoned, str], bytes]:
    """Return what makes the record of a segment that was abandoned."""

    def record(abandoned: Abandoned, reason: str) -> bytes:
        details = {
            "segment": abandoned.segment,
            "octets": abandoned.octets,
            "reason": reason[:1024],
        }
        return scribe.other("administration", action="segment_abandoned", by=_BY, details=details)

    return record


def _unavailable(explanation: str) -> Refusal:
    return Refusal("audit_unavailable", "audit_unavailable", explanation, retry_after=1)
