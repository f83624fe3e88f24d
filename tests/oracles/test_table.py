from __future__ import annotations

import pytest

from tests.oracles.agreement import Row
from tests.oracles.explanations import Entry, Explanations
from tests.oracles.table import (
    as_markdown,
    as_text,
    between_markers,
    cells,
    explanations_as_markdown,
)
from tests.oracles.verdicts import CANNOT, REFUSED, VERIFIED, Verdict

ROWS = [
    Row("b.json", "x", VERIFIED, {"one": Verdict(VERIFIED, ""), "two": Verdict(CANNOT, "")}),
    Row("a.json", "y", REFUSED, {"one": Verdict(REFUSED, ""), "two": Verdict(REFUSED, "")}),
    Row("a.json", "z", REFUSED, {"one": Verdict(REFUSED, ""), "two": Verdict(VERIFIED, "")}),
]
TABLE = [
    ["file", "cases", "one", "two", "two or more"],
    ["a.json", "2", "2", "1 ≠1", "1"],
    ["b.json", "1", "1", "0 ?1", "0"],
    ["all", "3", "3", "1 ?1 ≠1", "1"],
]


def test_the_table_counts_by_file_and_oracle() -> None:
    assert cells(ROWS, ["one", "two"]) == TABLE


def test_columns_are_aligned_on_a_terminal() -> None:
    lines = as_text(TABLE).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1].startswith("a.json")


def test_the_document_has_the_same_table() -> None:
    assert as_markdown(TABLE).splitlines()[:3] == [
        "| file | cases | one | two | two or more |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| a.json | 2 | 2 | 1 ≠1 | 1 |",
    ]


def test_explanations_say_who_is_right_and_which_cases_it_is_about() -> None:
    entry = Entry(("x", "y"), "It is lax.", ("one", "two"), VERIFIED, "vectors")
    text = explanations_as_markdown(Explanations(frozenset(), (), (entry,), ()))
    assert text.startswith("- **one, two: verified** (the vectors are right). It is lax.\n")
    assert "Cases: `x`, `y`." in text


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    document = "a\n<!-- t: begin -->\nold\n<!-- t: end -->\nb\n"
    replaced = "a\n<!-- t: begin -->\nnew\n<!-- t: end -->\nb\n"
    assert between_markers(document, "t", "new") == replaced
    assert between_markers(replaced, "t", "new") == replaced


def test_a_document_without_its_markers_is_an_error() -> None:
    with pytest.raises(ValueError, match="lacks the markers of t"):
        between_markers("a", "t", "new")
