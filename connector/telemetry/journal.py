"""What the operator is told of one request, gathered while the pipeline runs."""

from __future__ import annotations

import random
from time import perf_counter
from typing import TYPE_CHECKING, Final

from connector.telemetry.decisions import Decision, DecisionLog

if TYPE_CHECKING:
    from connector.errors import Refusal
    from connector.steps import Answer, Caller
    from connector.telemetry.metrics import Metrics

# Identifiers, not secrets; seeded from the operating system's randomness.
_random: Final = random.Random()  # noqa: S311 - see above


def new_audit_id(at: float) -> str:
    """Make a UUIDv7 (RFC 9562 section 5.7) of a UNIX time in seconds."""
    bits = _random.getrandbits(74)
    digits = (
        f"{int(at * 1000) & 0xFFFFFFFFFFFF:012x}7{bits >> 62:03x}"
        f"{0x8000000000000000 | bits & 0x3FFFFFFFFFFFFFFF:016x}"
    )
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class Journal:
    """One request's way through the pipeline.

    The steps' values stay frozen; this is the one place where what is known of a request grows,
    so that a refusal at any step can be told with everything that was proven before it.
    """

    __slots__ = (
        "_mark",
        "at",
        "audit_id",
        "caller",
        "decision",
        "metrics",
        "observed",
        "operation",
        "started",
    )

    def __init__(self, at: float, started: float, metrics: Metrics) -> None:
        self.at = at
        self.started = self._mark = started
        self.metrics = metrics
        self.audit_id = new_audit_id(at)
        self.decision = "accept"
        self.operation = ""
        self.caller: Caller | None = None
        self.observed: Refusal | None = None

    def step(self, name: str) -> None:
        """Note that a step ended; its time runs from the step before."""
        now = perf_counter()
        self.metrics.observe(name, now - self._mark)
        self._mark = now

    def close(
        self, log: DecisionLog, merchant: str, answer: Answer, refusal: Refusal | None
    ) -> None:
        """Count the request and write its decision line."""
        seconds = perf_counter() - self.started
        code = "" if refusal is None else refusal.code.name
        self.metrics.observe("total", seconds)
        self.metrics.count(merchant, self.operation, self.decision, code)
        log.write(
            Decision(
                self.at,
                self.audit_id,
                merchant,
                self.operation,
                self.decision,
                answer.status,
                seconds,
                refusal,
                self.caller,
            ).line()
        )
