"""What a caller may do how often: the terms of a tier or a registration, ready for the script."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from connector.admission.limits import policy_of

if TYPE_CHECKING:
    from connector.admission.limits import Limit


class Plan(NamedTuple):
    """The terms of one kind of caller at one merchant. Made by :func:`make_plan`."""

    reads: "Limit"
    writes: "Limit"
    nonce: bool
    """Refuse a nonce that the same key has used before."""
    max_age: float | None
    """Most seconds since ``created``, where the tier asks for it."""
    concurrent: int | None
    """Most requests of one caller at once, in this process."""
    reads_policy: bytes
    writes_policy: bytes
    reads_arguments: tuple[bytes, bytes]
    writes_arguments: tuple[bytes, bytes]

    def limit(self, number: int) -> tuple[str, Limit, bytes]:
        """Return the rate that the script calls ``number``: its name, itself and its policy."""
        if number == 1:
            return "reads", self.reads, self.reads_policy
        return "writes", self.writes, self.writes_policy


def make_plan(
    reads: Limit,
    writes: Limit,
    *,
    nonce: bool = False,
    max_age: float | None = None,
    concurrent: int | None = None,
) -> Plan:
    """Return a plan with all that does not change from request to request."""
    return Plan(
        reads,
        writes,
        nonce,
        max_age,
        concurrent,
        policy_of("reads", reads),
        policy_of("writes", writes),
        _arguments(reads),
        _arguments(writes),
    )


def _arguments(limit: Limit) -> tuple[bytes, bytes]:
    return b"%.17g" % limit.interval, b"%.17g" % limit.tolerance
