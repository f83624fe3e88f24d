"""From results to the table and the list of survivors in ``docs/mutation.md``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "mutation.md"
SURVIVORS: Final = Path(__file__).with_name("survivors.json")
"""Reasons: lists of [module, line before, line after, reason]."""
BEGIN: Final = "<!-- mutation: begin -->"
END: Final = "<!-- mutation: end -->"
_SURVIVED: Final = "survived"
_TIMED_OUT: Final = "timed out"

Reasons = list[list[str]]


class Result(NamedTuple):
    """What became of one mutant: ``killed``, ``survived`` or ``timed out`` (which is noticed)."""

    module: str
    operator: str
    line: int
    before: str
    after: str
    outcome: str


def share(results: Sequence[Result]) -> float:
    """Return the share of mutants that the tests noticed."""
    survived = sum(result.outcome == _SURVIVED for result in results)
    return 1 - survived / len(results) if results else 0.0


def unexplained(results: Sequence[Result], reasons: Reasons) -> list[Result]:
    """Return the survivors that have no reason."""
    known = _by_line(reasons)
    return [
        result
        for result in results
        if result.outcome == _SURVIVED and _line_of(result) not in known
    ]


def render(results: Sequence[Result], reasons: Reasons) -> str:
    """Return the table by module and the survivors with their reasons, as Markdown."""
    rows = [
        "| module | mutants | noticed | of these by time-out | survived | noticed |",
        "|---|---|---|---|---|---|",
    ]
    rows += [
        _row(f"`{module}.py`", [r for r in results if r.module == module])
        for module in sorted({result.module for result in results})
    ]
    rows.append(_row("**all**", results))
    known = _by_line(reasons)
    found = dict.fromkeys(_line_of(r) for r in results if r.outcome == _SURVIVED)
    if found:
        rows += ["", "| survivor | became | why that is no gap |", "|---|---|---|"]
    for module, before, after in found:
        reason = known.get((module, before, after), "")
        rows.append(f"| `{module}.py`: {_code(before)} | {_code(after)} | {reason} |")
    return "\n".join(rows) + "\n"


def insert(document: str, text: str) -> str:
    """Return the document with the text between the two marks; ValueError without them."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} and {END} in the document")
    return f"{before}{BEGIN}\n{text}{END}{after}"


def _row(name: str, results: Sequence[Result]) -> str:
    survived = sum(result.outcome == _SURVIVED for result in results)
    timed_out = sum(result.outcome == _TIMED_OUT for result in results)
    noticed = len(results) - survived
    return (
        f"| {name} | {len(results)} | {noticed} | {timed_out} | {survived} | {share(results):.1%} |"
    )


def _line_of(result: Result) -> tuple[str, str, str]:
    return result.module, result.before, result.after


def _by_line(reasons: Reasons) -> Mapping[tuple[str, str, str], str]:
    return {(module, before, after): reason for module, before, after, reason in reasons}


def _code(line: str) -> str:
    return "`` " + line.replace("|", "\\|") + " ``"
