"""What the oracles say beside what is expected, and everything that nothing explains."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.oracles.verdicts import CANNOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.oracles.explanations import Explanations
    from tests.oracles.verdicts import Verdict

ENOUGH: Final = 2
"""Oracles that must judge a case as expected."""


class Row(NamedTuple):
    """One case: what is expected of an oracle, and what each said."""

    file: str
    case: str
    expected: str
    verdicts: Mapping[str, Verdict]

    def agreeing(self) -> list[str]:
        return [name for name, said in self.verdicts.items() if said.word == self.expected]


class Count(NamedTuple):
    """How often an oracle said what was expected, could not be asked, and said otherwise."""

    agrees: int
    cannot: int
    differs: int


def count(rows: Sequence[Row], oracle: str) -> Count:
    words = [(row.verdicts[oracle].word, row.expected) for row in rows]
    agrees = sum(word == expected for word, expected in words)
    cannot = sum(word == CANNOT for word, _ in words)
    return Count(agrees, cannot, len(words) - agrees - cannot)


def enough(rows: Sequence[Row]) -> int:
    """Return how many cases two oracles or more judge as expected."""
    return sum(len(row.agreeing()) >= ENOUGH for row in rows)


def problems(rows: Sequence[Row], explained: Explanations, *, all_there: bool) -> list[str]:
    """Return a line for each thing that is not explained, or explained and not so.

    Where an oracle is not there (``all_there`` is false) nothing can be said about explanations
    of what it says, nor about cases that it would have been the second to judge.
    """
    found = [line for row in rows for line in _unexplained(row, explained, all_there=all_there)]
    return [*found, *_stale(rows, explained)] if all_there else found


def _unexplained(row: Row, explained: Explanations, *, all_there: bool) -> Iterator[str]:
    for oracle, said in row.verdicts.items():
        if said.word in (row.expected, CANNOT):
            continue
        if explained.difference(oracle, row.case, said.word) is None:
            reason = f" ({said.reason})" if said.reason else ""
            yield (
                f"{row.file} {row.case}: {oracle} says {said.word}{reason}, "
                f"expected is {row.expected}"
            )
    agreeing = row.agreeing()
    if all_there and len(agreeing) < ENOUGH and not explained.is_left_to_few(row.case):
        who = ", ".join(agreeing) or "none"
        yield f"{row.file} {row.case}: fewer than two say {row.expected}: {who}"


def _stale(rows: Sequence[Row], explained: Explanations) -> Iterator[str]:
    by_id = {row.case: row for row in rows}
    for entry in (*explained.judged, *explained.differs, *explained.few):
        for case_id in entry.cases:
            if case_id not in by_id:
                yield f"explanations: there is no case {case_id}"
    for entry in explained.differs:
        for oracle, case_id in product(entry.oracles, entry.cases):
            row = by_id.get(case_id)
            if row is not None and row.verdicts[oracle].word != entry.verdict:
                said = row.verdicts[oracle].word
                yield f"explanations: {oracle} says {said} of {case_id}, not {entry.verdict}"
    for entry in explained.few:
        for case_id in entry.cases:
            row = by_id.get(case_id)
            if row is not None and len(row.agreeing()) >= ENOUGH:
                yield f"explanations: {case_id} is not left to few: {', '.join(row.agreeing())}"
