"""The agreement table, for a terminal and for docs/vectors.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.oracles.agreement import count, enough
from tests.oracles.explanations import RIGHT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.oracles.agreement import Row
    from tests.oracles.explanations import Entry, Explanations

_TOTAL: Final = "all"


def cells(rows: Sequence[Row], oracles: Sequence[str]) -> list[list[str]]:
    """Return the table: a heading, a line for each file, and a last line for all."""
    names = sorted({row.file for row in rows})
    table = [["file", "cases", *oracles, "two or more"]]
    for name in [*names, _TOTAL]:
        own = [row for row in rows if name in (row.file, _TOTAL)]
        table.append(
            [
                name,
                str(len(own)),
                *(_cell(own, oracle) for oracle in oracles),
                str(enough(own)),
            ]
        )
    return table


def _cell(rows: Sequence[Row], oracle: str) -> str:
    agrees, cannot, differs = count(rows, oracle)
    notes = [text for number, text in ((cannot, f"?{cannot}"), (differs, f"≠{differs}")) if number]
    return " ".join([str(agrees), *notes])


def as_text(table: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in table
    )


def as_markdown(table: Sequence[Sequence[str]]) -> str:
    heading, *lines = table
    rule = ["---", *("---:" for _ in heading[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in [heading, rule, *lines])


def explanations_as_markdown(explained: Explanations) -> str:
    """Return the disagreements, who is right and why, and what is left to few."""
    parts = [
        f"- **{', '.join(entry.oracles)}: {entry.verdict}** ({RIGHT[entry.right]}). "
        f"{entry.text}\n  {_cases(entry)}"
        for entry in explained.differs
    ]
    parts.append("\nFewer than two oracles judge these as expected:\n")
    parts += [f"- {entry.text}\n  {_cases(entry)}" for entry in explained.few]
    parts.append("\nThese count as what their reason would not make them:\n")
    parts += [
        f"- Expected is *{entry.verdict}*: {entry.text}\n  {_cases(entry)}"
        for entry in explained.judged
    ]
    return "\n".join(parts)


def _cases(entry: Entry) -> str:
    return "Cases: " + ", ".join(f"`{case_id}`" for case_id in entry.cases) + "."


def between_markers(document: str, name: str, text: str) -> str:
    """Return the document with what stands between the two markers of a name replaced."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found_begin, rest = document.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"the document lacks the markers of {name}")
    return f"{before}{begin}\n{text}\n{end}{after}"
