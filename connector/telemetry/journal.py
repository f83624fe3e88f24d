"""What the operator is told of one request, gathered while the pipeline runs."""

from __future__ import annotations

import random
from time import perf_counter
from typing import TYPE_CHECKING, Final

from connector.telemetry.decisions import DecisionLog, decision_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.errors import Refusal
    from connector.steps import Admission, Answer, Caller
    from connector.telemetry.metrics import Metrics

# Identifiers, not secrets; seeded from the operating system's randomness.
_random: Final = random.Random()  # noqa: S311 - see above


def new_audit_id(at: float) -> str:
    """Make a UUIDv7 (RFC 9562 section 5.7) of a UNIX time in seconds."""
    milliseconds, bits = int(at * 1000), _random.getrandbits(74)
    return "%08x-%04x-7%03x-%04x-%012x" % (  # noqa: UP031 - the quickest of the spellings
        milliseconds >> 16 & 0xFFFFFFFF,
        milliseconds & 0xFFFF,
        bits >> 62,
        0x8000 | bits >> 48 & 0x3FFF,
        bits & 0xFFFFFFFFFFFF,
    )


class Journal:
    """One request's way through the pipeline.

    The steps' values stay frozen; this is the one place where what is known of a request grows,
    so that a refusal at any step can be told with everything that was proven before it.
    """

    __slots__ = (
        "_fault",
        "_mark",
        "admission",
        "at",
        "audit_id",
        "caller",
        "decision",
        "invalid",
        "metrics",
        "observed",
        "operation",
        "started",
    )

    def __init__(
        self,
        at: float,
        started: float,
        metrics: Metrics,
        fault: Callable[[str], None] | None = None,
    ) -> None:
        self.at = at
        self.started = self._mark = started
        self.metrics = metrics
        self.audit_id = new_audit_id(at)
        self.decision = "accept"
        self.operation = ""
        self.caller: Caller | None = None
        self.admission: Admission | None = None
        self.invalid = ""
        """What is wrong with the body, where that is only told."""
        self._fault = fault
        self.observed: Refusal | None = None

    def step(self, name: str) -> None:
        """Note that a step ended; its time runs from the step before."""
        now = perf_counter()
        self.metrics.observe(name, now - self._mark)
        self._mark = now
        if self._fault is not None:
            self._fault(name)

    def close(
        self, log: DecisionLog, merchant: str, answer: Answer, refusal: Refusal | None
    ) -> None:
        """Count the request and write its decision line."""
        seconds = perf_counter() - self.started
        metrics, operation, decision = self.metrics, self.operation, self.decision
        code = "" if refusal is None else refusal.code.name
        metrics.observe("total", seconds)
        metrics.count(merchant, operation, decision, code)
        log.write(
            decision_line(
                self.at,
                self.audit_id,
                merchant,
                operation,
                decision,
                answer.status,
                seconds,
                refusal,
                self.caller,
                "" if self.admission is None else self.admission.over,
                self.invalid,
            )
        )
