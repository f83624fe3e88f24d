"""A finding: one rule, whether it is kept, what was seen, and what to do about it."""

from __future__ import annotations

from typing import Final, NamedTuple

from connector.diagnosis.masking import visible

OK: Final = "ok"
WARNING: Final = "warning"
"""Works with this gateway, and not with everybody, or not for long."""
BROKEN: Final = "broken"
"""Against the protocol, or a reason for the gateway to refuse."""

MOST: Final = 16
"""Findings of one rule about things of one kind: a stranger decides how many things there are."""
_SHOWN: Final = 100
_TOLD: Final = 300


class Finding(NamedTuple):
    """What one rule comes to. All texts are ASCII without control characters."""

    rule: str
    """A stable word."""
    source: str
    """Where the rule is written down."""
    verdict: str
    """OK, WARNING or BROKEN."""
    subject: str
    """Which key, endpoint or entry; empty where there is one thing only."""
    saw: str
    advice: str
    """What to do, in one sentence; empty where nothing is to be done."""


class Rule(NamedTuple):
    """A rule: a stable word, and where it is written down."""

    name: str
    source: str

    def ok(self, saw: str, subject: str = "") -> Finding:
        """It is kept."""
        return Finding(self.name, self.source, OK, subject, saw, "")

    def warning(self, saw: str, advice: str, subject: str = "") -> Finding:
        """It is kept as far as must be, or by luck."""
        return Finding(self.name, self.source, WARNING, subject, saw, advice)

    def broken(self, saw: str, advice: str, subject: str = "") -> Finding:
        """It is not kept."""
        return Finding(self.name, self.source, BROKEN, subject, saw, advice)

    def listed(self, found: list[Finding], kept: str) -> list[Finding]:
        """Return what was found, cut to a bound; where nothing was, that the rule is kept."""
        if len(found) <= MOST:
            return found or [self.ok(kept)]
        rest = len(found) - MOST
        last = found[MOST]._replace(
            subject="", saw=f"and {rest} more like these", advice="Mend these first."
        )
        return [*found[:MOST], last]


def shown(value: object) -> str:
    """Show what a stranger wrote: quoted, in ASCII, bounded; of what is no text, its kind."""
    if not isinstance(value, str):
        kinds = {dict: "an object", list: "a list", bool: "true or false", type(None): "null"}
        return kinds.get(type(value), "a number")
    more = "..." if len(value) > _SHOWN else ""
    return f"{value[:_SHOWN]!a}{more}"


def told(explanation: str) -> str:
    """Show what a refusal says of a stranger's doing: in ASCII and bounded, too."""
    octets = explanation[:_TOLD].encode("ascii", "backslashreplace")
    return visible(octets.decode("ascii"))
