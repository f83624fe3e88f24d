"""What was decided on a case, and whether that is what the file expects."""

from __future__ import annotations

from typing import NamedTuple

from connector.diagnosis.vectors import Accept, Reject


class Refused(NamedTuple):
    """The request was refused; ``explanation`` is the operator's."""

    code: str
    reason: str
    explanation: str


class Outcome(NamedTuple):
    """One case that was run: ``problem`` is empty where the decision was the expected one."""

    file: str
    id: str
    description: str
    rule: str
    expected: str
    decided: str
    problem: str
    seconds: float

    @property
    def good(self) -> bool:
        """Whether the decision was the expected one."""
        return not self.problem


class Skipped(NamedTuple):
    """A case that was not sent over the wire, or met no merchant with its settings, and why."""

    file: str
    id: str
    reason: str


def brief(decision: Accept | Reject | Refused) -> str:
    """Put a decision into a few words: ``accept``, or code and reason."""
    if isinstance(decision, Accept):
        return "accept"
    if not decision.reason or decision.reason == decision.code:
        return decision.code
    return f"{decision.code} ({decision.reason})"


def difference(expected: Accept | Reject, decided: Accept | Refused) -> str:
    """Say how the decision differs from the expected one; empty where it does not."""
    if isinstance(expected, Accept):
        if isinstance(decided, Refused):
            return f"refused: {brief(decided)}: {decided.explanation}"
        return _first_difference(expected, decided)
    if isinstance(decided, Accept):
        return "accepted"
    if decided.code != expected.code:
        return f"code is {decided.code} ({decided.reason}: {decided.explanation})"
    if expected.reason is not None and decided.reason != expected.reason:
        return f"reason is {decided.reason} ({decided.explanation})"
    return ""


def _first_difference(expected: Accept, decided: Accept) -> str:
    for name in ("scheme", "identity", "keyid", "label"):
        want, got = getattr(expected, name), getattr(decided, name)
        if want != got:
            return f"{name} is {got!r}, not {want!r}"
    wanted, built = expected.signature_base.split("\n"), decided.signature_base.split("\n")
    for number, (want, got) in enumerate(zip(wanted, built, strict=False), 1):
        if want != got:
            return f"line {number} of the signature base is {got!r}, not {want!r}"
    if len(wanted) != len(built):
        return f"the signature base has {len(built)} lines, not {len(wanted)}"
    return ""
