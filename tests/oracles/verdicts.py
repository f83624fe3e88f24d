"""What oracles say, and what is made of it for a whole case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from connector.diagnosis.vectors import Accept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.diagnosis.vectors import Case

VERIFIED: Final = "verified"
REFUSED: Final = "refused"
CANNOT: Final = "cannot"
"""The library has no way to be asked."""
WORDS: Final = frozenset({VERIFIED, REFUSED, CANNOT})


class Verdict(NamedTuple):
    """One of ``WORDS``, and why where it is not verified."""

    word: str
    reason: str


def of_case(case: Case, expected: str, by_label: Mapping[str, Verdict]) -> Verdict:
    """Return what an oracle says about a case from what it said about its signatures.

    Of an accepted case the label counts that is expected. Of a refused one a single signature is
    at fault, and others may stand beside it: if one is expected to be refused any that is will do,
    and if only policy is against it any that verifies.
    """
    if isinstance(case.expect, Accept):
        return by_label[case.expect.label]
    order = (REFUSED, CANNOT, VERIFIED) if expected == REFUSED else (VERIFIED, CANNOT, REFUSED)
    return min(by_label.values(), key=lambda verdict: order.index(verdict.word))
