"""From tallies to the tables on the terminal and in ``docs/reliability.md``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.faults.matrix import KILL, MERCHANT_POINTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.matrix import Row

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN: Final = "<!-- crash matrix: begin -->"
END: Final = "<!-- crash matrix: end -->"

_KILLED: Final = ("killed", "the claim then", "a repetition is told", "the merchant is asked")
_SLEPT: Final = (
    *("asleep past its lease", "the claim then", "a repetition is told", "an operator says"),
    *("and then", "awake, it tells its own client", "and then", "the merchant is asked"),
)
_COUNTED: Final = ("the claim ends", "rounds", "violations")
_NOTHING: Final = "-"


@dataclass
class Tally:
    """What the rounds of one row have shown."""

    row: Row
    rounds: int = 0
    violations: list[str] = field(default_factory=list)


def render(tallies: Sequence[Tally]) -> str:
    """Return two tables, of those that died and of those that slept, as Markdown."""
    killed = [each for each in tallies if each.row.action == KILL]
    slept = [each for each in tallies if each.row.action != KILL]
    tables = [
        table((*_KILLED, *_COUNTED), [_died(each) for each in killed]),
        table((*_SLEPT, *_COUNTED), [_slept(each) for each in slept]),
    ]
    return "\n".join(tables)


def insert(document: str, text: str, marks: tuple[str, str] = (BEGIN, END)) -> str:
    """Return the document with the text between the two marks; ValueError without them."""
    before, begin, rest = document.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not begin or not end:
        raise ValueError(f"no {marks[0]} and {marks[1]} in the document")
    return f"{before}{begin}\n{text}{end}{after}"


def _died(tally: Tally) -> list[str]:
    row = tally.row
    return [_where(row), row.left, _words(row.told), _times(row.asked), *_counted(tally)]


def _slept(tally: Tally) -> list[str]:
    row = tally.row
    return [
        *(_where(row), row.left, _words(row.told), row.operator or _NOTHING, _words(row.decided)),
        *(_words((row.woken,)), _words(row.then), _times(row.asked), *_counted(tally)),
    ]


def _where(row: Row) -> str:
    at = MERCHANT_POINTS.get(row.point, f"`{row.point}`")
    variants = ("upstream.idempotent",) * row.idempotent + ("embedded store",) * row.embedded
    return f"{at} ({', '.join(variants)})" if variants else at


def _words(words: Sequence[str]) -> str:
    return ", then ".join(words) or _NOTHING


def _times(count: int) -> str:
    return ("never", "once", "twice")[count]


def _counted(tally: Tally) -> list[str]:
    return [tally.row.ends, str(tally.rounds), str(len(tally.violations))]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "".join("| " + " | ".join(map(str.ljust, line, widths)) + " |\n" for line in lines)
