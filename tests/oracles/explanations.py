"""The table of explanations, ``explanations.toml``: what is expected of whom, and why.

``signature`` lists the reasons of refusal that are faults of a signature itself: an oracle must
refuse those. Any other refusal is policy: to an oracle such a signature is a good one. ``judged``
names cases that their reason puts on the wrong side. ``differs`` explains an oracle that says
otherwise, ``few`` a case that fewer than two oracles judge as expected.
"""

from __future__ import annotations

import tomllib
from itertools import product
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from connector.diagnosis.vectors import Accept
from tests.oracles.verdicts import REFUSED, VERIFIED, WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from connector.diagnosis.vectors import Case

RIGHT: Final = {
    "vectors": "the vectors are right",
    "oracle": "the oracle is right",
    "both": "both may be",
}
"""Who is right where an oracle differs."""


class ExplanationError(Exception):
    """The table cannot be used; the text says where and why."""


class Entry(NamedTuple):
    """Why the cases with these ids come out as they do."""

    cases: tuple[str, ...]
    text: str
    oracles: tuple[str, ...] = ()
    verdict: str = ""
    right: str = ""


class Explanations(NamedTuple):
    """The whole table."""

    signature: frozenset[str]
    judged: tuple[Entry, ...]
    differs: tuple[Entry, ...]
    few: tuple[Entry, ...]

    def expected(self, case: Case) -> str:
        """Return what an oracle should say about a case."""
        if isinstance(case.expect, Accept):
            return VERIFIED
        for entry in self.judged:
            if case.id in entry.cases:
                return entry.verdict
        return REFUSED if case.expect.reason in self.signature else VERIFIED

    def difference(self, oracle: str, case_id: str, verdict: str) -> Entry | None:
        """Return why this oracle says this about the case, if that is explained."""
        for entry in self.differs:
            if oracle in entry.oracles and entry.verdict == verdict and case_id in entry.cases:
                return entry
        return None

    def is_left_to_few(self, case_id: str) -> bool:
        return any(case_id in entry.cases for entry in self.few)


def read_explanations(text: str, oracles: frozenset[str]) -> Explanations:
    """Read the table; raises ExplanationError."""
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ExplanationError(str(error)) from error
    if not top.keys() <= {"signature", "judged", "differs", "few"}:
        raise ExplanationError("a table with another name")
    return Explanations(
        frozenset(top.get("signature", {}).get("reasons", ())),
        tuple(_entries(top, "judged", frozenset(), {"verdict": {VERIFIED, REFUSED}})),
        tuple(_entries(top, "differs", oracles, {"verdict": WORDS, "right": RIGHT.keys()})),
        tuple(_entries(top, "few", frozenset(), {})),
    )


def _entries(
    top: Mapping[str, Any], name: str, oracles: frozenset[str], words: Mapping[str, Any]
) -> Iterator[Entry]:
    seen: set[tuple[str, str]] = set()
    for number, given in enumerate(top.get(name, ()), 1):
        where = f"{name} {number}"
        members = {"cases", "text", *words, *(["oracles"] if oracles else [])}
        if given.keys() != members:
            raise ExplanationError(f"{where}: its members are not {', '.join(sorted(members))}")
        entry = Entry(
            tuple(given["cases"]),
            given["text"],
            tuple(given.get("oracles", ())),
            given.get("verdict", ""),
            given.get("right", ""),
        )
        if not oracles.issuperset(entry.oracles):
            raise ExplanationError(f"{where}: an oracle that there is not")
        for member, known in words.items():
            if given[member] not in known:
                raise ExplanationError(f"{where}: {member} is {given[member]!r}")
        for pair in product(entry.oracles or ("",), entry.cases):
            if pair in seen:
                raise ExplanationError(f"{where}: {pair[1]} stands in {name} twice")
            seen.add(pair)
        yield entry
